"""Describes the server's HTTP interface as OpenAPI 3.1."""

from typing import Any

import msgspec

from ml_chassis.project import Project
from ml_chassis.serving.columns import Columns, TensorMetadata
from ml_chassis.serving.hooks import Interface
from ml_chassis.serving.protocol import ErrorMessage, InferenceRequest, InferenceResponse, ModelMetadata, Predictions

BODIES = [InferenceRequest, InferenceResponse, ModelMetadata, Predictions, ErrorMessage]
NO_MODEL = {"404": "No such model or version here", "503": "Loading; try again"}
REFUSALS = {
    "400": "The request cannot be answered",
    "408": "The body came too slowly",
    "413": "The body is too large",
    "415": "The body is encoded in a way that is not known here",
    "500": "The model failed",
    "503": "Loading or overloaded; try again",
    "504": "The model took too long",
}
RECORDS = {"type": "array", "items": {"type": "object"}}
JSON_TYPES = {"BOOL": "boolean", "INT32": "integer", "INT64": "integer", "BYTES": "string"}
"""What JSON calls the values of a datatype; the others are numbers."""
VERSION = {"name": "version", "in": "path", "required": True, "schema": {"type": "string"}}


def document(project: Project, model: str, interface: Interface | None) -> dict[str, Any]:
    """Return the OpenAPI document of a project's server of `model`, with its columns once it is loaded."""
    _, schemas = msgspec.json.schema_components(BODIES, ref_template="#/components/schemas/{name}")
    records, extras = RECORDS, list[str]()
    if interface:
        records = {"type": "array", "items": _record(interface.columns)}
        schemas["Predictions"]["properties"]["predictions"]["items"] = {"type": _type(interface.output)}
        extras = list(interface.extras)
    predict = _post("Predict records, one object for each row", records, _ref("Predictions"))
    if extras:
        schema = {"type": "array", "items": {"enum": extras}}
        predict["parameters"] = [
            {"name": "with", "in": "query", "description": "What else to answer", "schema": schema}
        ]
    base = f"/v2/models/{model}"
    of_version = _model_paths(base + "/versions/{version}")
    return {
        "openapi": "3.1.0",
        "info": {"title": project.package, "version": project.version},
        "paths": {
            **_model_paths(base),
            **{path: item | {"parameters": [VERSION]} for path, item in of_version.items()},
            "/predict": {"post": predict},
            "/v2": {"get": _get("The server's name and version", _object(name="string", version="string"))},
            "/v2/health/live": {"get": _get("Whether the process answers", _object(live="boolean"))},
            "/v2/health/ready": {"get": _ready("Whether requests should be sent here", _object(ready="boolean"))},
            "/metrics": {"get": _get("Metrics for Prometheus", {"type": "string"}, media="text/plain")},
        },
        "components": {"schemas": schemas},
    }


def _record(columns: Columns) -> dict[str, Any]:
    """Return the schema of a row."""
    types: dict[str, Any] = {tensor.name: _type(tensor) for tensor in columns.tensors}
    for name, kind in types.items():
        if kind in ("number", "string") or name in columns.missing:
            types[name] = [kind, "null"]  # to these, null is a missing value
    return _object(**types) | {"additionalProperties": False}


def _type(tensor: TensorMetadata) -> str:
    return JSON_TYPES.get(tensor.datatype, "number")


def _model_paths(base: str) -> dict[str, dict[str, Any]]:
    infer = _post("Predict tensors", _ref("InferenceRequest"), _ref("InferenceResponse"), NO_MODEL)
    ready = _ready("Whether the model answers", _object(name="string", ready="boolean"), NO_MODEL)
    metadata = _get("The model's inputs and outputs", _ref("ModelMetadata"), NO_MODEL)
    return {f"{base}/infer": {"post": infer}, f"{base}/ready": {"get": ready}, base: {"get": metadata}}


def _post(
    summary: str, body: dict[str, Any], answer: dict[str, Any], errors: dict[str, str] | None = None
) -> dict[str, Any]:
    described = _get(summary, answer, (errors or {}) | REFUSALS)
    return described | {"requestBody": {"required": True, "content": _content(body)}}


def _ready(summary: str, answer: dict[str, Any], errors: dict[str, str] | None = None) -> dict[str, Any]:
    described = _get(summary, answer, errors)
    either = {"anyOf": [answer, _ref("ErrorMessage")]}
    described["responses"]["503"] = {"description": "Loading or draining", "content": _content(either)}
    return described


def _get(
    summary: str, answer: dict[str, Any], errors: dict[str, str] | None = None, media: str = "application/json"
) -> dict[str, Any]:
    refusal = _content(_ref("ErrorMessage"))
    refusals = {code: {"description": text, "content": refusal} for code, text in (errors or {}).items()}
    good = {"description": "The answer", "content": _content(answer, media)}
    return {"summary": summary, "responses": {"200": good} | refusals}


def _content(schema: dict[str, Any], media: str = "application/json") -> dict[str, Any]:
    return {media: {"schema": schema}}


def _object(**properties: Any) -> dict[str, Any]:
    types = {name: {"type": kind} for name, kind in properties.items()}
    return {"type": "object", "properties": types, "required": list(types)}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
