"""The messages of the Open Inference Protocol V2, and their translation to rows and back.

The protocol: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from typing import Any

import msgspec
import numpy as np
import pandas as pd
from mlflow.types import DataType, Schema
from numpy.typing import NDArray

NUMPY_TYPES = {
    "BOOL": np.bool_,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}
SIGNATURE_TYPES: dict[Any, str] = {
    DataType.boolean: "BOOL",
    DataType.integer: "INT32",
    DataType.long: "INT64",
    DataType.float: "FP32",
    DataType.double: "FP64",
    DataType.string: "BYTES",
}


class RequestError(Exception):
    """The client's request cannot be answered; the message names the input and what was expected."""


class Tensor(msgspec.Struct, omit_defaults=True):
    """A named array: `data` is flat or nested, in row-major order."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]
    parameters: dict[str, Any] | None = None


class InferenceRequest(msgspec.Struct):
    """The body of a call of `infer`."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[dict[str, Any]] | None = None


class InferenceResponse(msgspec.Struct, omit_defaults=True):
    """The answer to a call of `infer`."""

    model_name: str
    model_version: str
    outputs: list[Tensor]
    id: str | None = None


class TensorMetadata(msgspec.Struct):
    """What a tensor must look like; -1 stands for any length."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(msgspec.Struct):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


def column_tensors(schema: Schema) -> list[TensorMetadata]:
    """Return one tensor of shape [-1] for each column of a model's inputs or outputs."""
    return [TensorMetadata(str(column.name), SIGNATURE_TYPES[column.type], [-1]) for column in schema.inputs]


def decode(tensors: list[Tensor], columns: list[TensorMetadata]) -> pd.DataFrame:
    """Return one row per entry, from a tensor for each column or from one matrix [rows, columns].

    Raises:
        RequestError: a tensor is missing, unknown, or of the wrong datatype or shape.
    """
    if len(tensors) == 1 and len(tensors[0].shape) == 2:
        return _decode_matrix(tensors[0], columns)
    given = {tensor.name: tensor for tensor in tensors}
    expected = [column.name for column in columns]
    for name in expected:
        if name not in given:
            raise RequestError(f"Input {name!r} is missing; expected {', '.join(expected)}, or one matrix.")
    for name in given:
        if name not in expected:
            raise RequestError(f"Input {name!r} is unknown; expected {', '.join(expected)}, or one matrix.")
    rows = tensors[0].shape[0] if tensors[0].shape else 0
    arrays: dict[str, NDArray[Any]] = {}
    for column in columns:
        tensor = given[column.name]
        if tensor.shape not in ([rows], [rows, 1]):
            raise RequestError(f"Input {tensor.name!r} has shape {tensor.shape}; expected [{rows}], as the first has.")
        arrays[column.name] = _array(tensor).reshape(rows).astype(NUMPY_TYPES[column.datatype])
    return pd.DataFrame(arrays)


def encode(name: str, answers: NDArray[Any]) -> Tensor:
    """Return the model's answers, one for each row, as a tensor.

    Raises:
        TypeError: the protocol has no datatype for the answers.
    """
    for datatype, numpy_type in NUMPY_TYPES.items():
        if answers.dtype == numpy_type or (datatype == "BYTES" and answers.dtype.kind == "U"):
            return Tensor(name, list(answers.shape), datatype, answers.ravel().tolist())
    raise TypeError(f"The model answers with {answers.dtype}, which the protocol cannot carry.")


def _decode_matrix(tensor: Tensor, columns: list[TensorMetadata]) -> pd.DataFrame:
    if tensor.shape[1] != len(columns):
        raise RequestError(f"Input {tensor.name!r} has shape {tensor.shape}; expected [rows, {len(columns)}].")
    frame = pd.DataFrame(_array(tensor), columns=[column.name for column in columns])
    return frame.astype({column.name: NUMPY_TYPES[column.datatype] for column in columns})


def _array(tensor: Tensor) -> NDArray[Any]:
    if tensor.datatype not in NUMPY_TYPES:
        raise RequestError(
            f"Input {tensor.name!r} has datatype {tensor.datatype!r}; expected one of {', '.join(NUMPY_TYPES)}."
        )
    try:
        return np.array(tensor.data, dtype=NUMPY_TYPES[tensor.datatype]).reshape(tensor.shape)
    except (TypeError, ValueError, OverflowError) as error:
        raise RequestError(
            f"Input {tensor.name!r} does not hold {tensor.datatype} data of shape {tensor.shape}: {error}."
        ) from None
