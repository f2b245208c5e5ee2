"""Asks a running model server."""

from collections.abc import Sequence

import httpx2
import msgspec
import pandas as pd

from ml_chassis.errors import ServingError
from ml_chassis.proxies import may_ask
from ml_chassis.serving.columns import TensorMetadata
from ml_chassis.serving.protocol import InferenceRequest, InferenceResponse, ModelMetadata, RequestedOutput, Tensor

TIMEOUT_SECONDS = 10


def ask(address: str, model_name: str, rows: pd.DataFrame, outputs: Sequence[str] = ()) -> InferenceResponse:
    """Send rows to a model server, in the columns and types of its model, and return its answer.

    Args:
        address: of the server, such as `http://127.0.0.1:8080`. It has 10 seconds to answer.
        model_name: as `Settings.model_name` has it.
        rows: one column for each that the model takes, in any order; others are not sent.
        outputs: the names of those to ask for, such as `probabilities`. By default the answers alone.

    Raises:
        ServingError: there is no server, it refuses, or the rows lack a column of the model.
    """
    columns = describe(address, model_name).inputs
    if missing := [column.name for column in columns if column.name not in rows]:
        raise ServingError(f"The rows lack {', '.join(map(repr, missing))}, which the model needs; check DATA_URI.")
    asked = [RequestedOutput(name) for name in outputs] or None
    body = msgspec.json.encode(InferenceRequest(input_tensors(rows, columns), outputs=asked))
    return msgspec.json.decode(_call("POST", f"{_path(address, model_name)}/infer", body), type=InferenceResponse)


def describe(address: str, model_name: str) -> ModelMetadata:
    """Return what the server at `address` says that it serves, takes and gives.

    Raises:
        ServingError: there is no server, or it refuses.
    """
    return msgspec.json.decode(_call("GET", _path(address, model_name)), type=ModelMetadata)


def input_tensors(rows: pd.DataFrame, columns: list[TensorMetadata]) -> list[Tensor]:
    """Return one tensor for each of the model's columns, with dates as ISO 8601 and `null` for what is missing."""
    return [_input_tensor(rows[column.name], column.datatype) for column in columns]


def _path(address: str, model_name: str) -> str:
    return f"{address}/v2/models/{model_name}"


def _call(method: str, url: str, body: bytes | None = None) -> bytes:
    headers = {"Content-Type": "application/json"}
    try:
        answer = httpx2.request(
            method, url, content=body, headers=headers, timeout=TIMEOUT_SECONDS, trust_env=may_ask(url)
        )
    except httpx2.HTTPError as error:
        raise ServingError(f"No answer from {url}: {error}. Start the server with the command `serve`.") from None
    if answer.is_error:
        raise ServingError(f"The server at {url} answered {answer.status_code}: {answer.text}")
    return answer.content


def _input_tensor(values: pd.Series, datatype: str) -> Tensor:
    if pd.api.types.is_datetime64_dtype(values.dtype):
        values = values.map(pd.Timestamp.isoformat, na_action="ignore")
    data = [None if missing else value for value, missing in zip(values.tolist(), values.isna(), strict=True)]
    return Tensor(str(values.name), [len(values)], datatype, data)
