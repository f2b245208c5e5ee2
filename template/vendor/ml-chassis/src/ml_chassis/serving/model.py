"""Finds and loads the model that the server answers with."""

import logging
import re
import timeit
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import yaml
from numpy.typing import NDArray

from ml_chassis import model_files
from ml_chassis.digests import DIGEST, ORIGIN
from ml_chassis.errors import ModelError, ServingError
from ml_chassis.model_files import Loader, ModelFiles
from ml_chassis.model_record import Record
from ml_chassis.proofs import Proof
from ml_chassis.serving import graph
from ml_chassis.serving.columns import Columns, TensorMetadata, tensors_of
from ml_chassis.serving.outputs import Compute, Engine
from ml_chassis.settings import Settings

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

MOST_ROWS_AT_ONCE, SECONDS_AT_ONCE = 100, 0.001
"""What may be answered without leaving the event loop, where it keeps other requests waiting."""
REPEATS = 5
"""Of which the quickest counts: the others say how busy the machine is."""
EXAMPLE = "input_example.json"
"""The file of the rows that were recorded with a model."""
REGISTERED = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")

logger = logging.getLogger(__package__)


class Example(msgspec.Struct):
    """The file of the rows, as MLflow writes a DataFrame."""

    columns: list[str]
    data: list[list[float | None]]


@dataclass(frozen=True)
class ServedModel:
    """A loaded model, with the version it is served by."""

    version: str
    columns: Columns
    outputs: list[TensorMetadata]
    record: Record
    """What MLflow notes with the model."""
    engine: Engine
    """What answers rows."""
    runtime: str = "native"
    """What the engine is: the library that the model was trained with, or by `onnx` its graph."""
    quick: bool = False
    """Whether it answers `MOST_ROWS_AT_ONCE` within `SECONDS_AT_ONCE`."""


def resolve(settings: Settings) -> tuple[str, str]:
    """Return the address of the model to serve, and the digest that its files must have, where one is known.

    An alias becomes a version here, once, and stays that version.

    Raises:
        ServingError: no such model.
    """
    uri, digest = settings.served_model_uri, settings.model_digest
    if Path(uri).is_dir():
        return uri, digest
    import mlflow  # slow to import, and a model on disk needs none of it

    mlflow.set_tracking_uri(settings.tracking_uri)
    registered = REGISTERED.fullmatch(uri)
    if registered and not (registered["version"] and digest):
        found = _version_of(settings, registered)
        uri = f"models:/{registered['name']}/{found.version}"
        digest = digest or str(found.tags.get(DIGEST, ""))
    return uri, digest


def load(settings: Settings, types: Sequence[str], loader: Loader | None = None) -> ServedModel:
    """Load the model that the settings name.

    Args:
        settings: which model.
        types: what its file may hold: see `Project.model_types`.
        loader: what loads it in place of the library: see `Project.loader`.

    Raises:
        ModelError: it cannot be loaded, or its files are not those that were registered.
        ServingError: there is no such version, it has no signature, or no graph where SERVE_RUNTIME wants one.
    """
    uri, digest = resolve(settings)
    if not digest:
        logger.warning("The files of %s are not checked: no digest was recorded, and MODEL_DIGEST is not set", uri)
    files = model_files.fetch(uri, digest)
    if not (files.record.inputs and files.record.outputs):
        raise ServingError(f"The model {uri!r} has no signature; log it with one, so that requests can be checked.")
    columns, outputs = Columns.of(files.record.inputs), tensors_of(files.record.outputs)
    example = _example(files, columns)
    engine, runtime, by_matrix = _graph(settings, files, loader, outputs[0].datatype), "onnx", True
    if engine is None:
        from ml_chassis.serving import native  # slow to import, as it brings scikit-learn, which no graph needs

        engine, runtime = native.engine(model_files.load(files, types, loader), _classes(files)), "native"
        by_matrix = example is not None and native.answers_matrices(engine, example, columns)
    quick = by_matrix and example is not None and _is_quick(engine.predict, example)
    columns = replace(columns, as_matrix=by_matrix)
    return ServedModel(_version(files), columns, outputs, files.record, engine, runtime, quick)


def _version_of(settings: Settings, registered: re.Match[str]) -> "ModelVersion":
    """Return what the registry has of a version that is named by its number or an alias."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    try:
        if number := registered["version"]:
            return MlflowClient().get_model_version(registered["name"], number)
        return MlflowClient().get_model_version_by_alias(registered["name"], registered["alias"])
    except MlflowException as error:
        raise _unloadable(settings, error) from error


def _graph(settings: Settings, files: ModelFiles, loader: Loader | None, datatype: str) -> Engine | None:
    """Return what answers by the model's graph, or None where the model itself has to answer."""
    if settings.serve_runtime == "native":
        return None
    try:
        if loader:
            raise ServingError("the project loads its models itself")
        return graph.engine(files.folder, datatype)
    except ServingError as reason:
        if settings.serve_runtime == "onnx":
            complaint = f"The model {files.uri!r} has no graph that can be served: {reason}."
            raise ServingError(f"{complaint} Set SERVE_RUNTIME=auto to have its own library answer.") from reason
        logger.info("The model's own library answers, not its graph: %s", reason)
        return None


def _classes(files: ModelFiles) -> list[Any]:
    """Return the labels in the order of the model's probabilities, where any were recorded."""
    try:
        proof = Proof.read(files.folder)
    except ModelError:
        return []
    return proof.classes if proof else []


def _example(files: ModelFiles, columns: Columns) -> NDArray[Any] | None:
    """Return the rows that were recorded with a model of plain numbers, as a matrix."""
    if not columns.plain:
        return None
    try:
        noted = msgspec.json.decode((files.folder / EXAMPLE).read_bytes(), type=Example)
        matrix = np.array(noted.data, np.float64)[:, [noted.columns.index(tensor.name) for tensor in columns.tensors]]
    except (OSError, ValueError, IndexError, msgspec.DecodeError):
        return None  # a model may be recorded without one, or with one of another form
    return replace(columns, as_matrix=True).rows_of_numbers(matrix)


def _is_quick(predict: Compute, example: NDArray[Any]) -> bool:
    rows = np.resize(example, (MOST_ROWS_AT_ONCE, example.shape[1]))
    return min(timeit.repeat(partial(predict, rows), number=1, repeat=REPEATS)) < SECONDS_AT_ONCE


def _version(files: ModelFiles) -> str:
    """Return the version in the registry, or the model's own id where it did not come from there."""
    if registered := REGISTERED.fullmatch(files.uri):
        return registered["version"]
    origin = files.folder / ORIGIN
    if origin.is_file():
        return str(yaml.safe_load(origin.read_text())["model_version"])
    return str(files.record.model_id)


def _unloadable(settings: Settings, error: Exception) -> ServingError:
    run = settings.project.command("run")
    hint = f"`{run}` trains and promotes one." if settings.model_uri is None else "Check MODEL_URI."
    return ServingError(f"The model {settings.served_model_uri!r} cannot be loaded: {error}. {hint}")
