"""The messages of the Open Inference Protocol V2, and their translation to rows and back.

The protocol: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from typing import Any

import msgspec
import pandas as pd
from numpy.typing import NDArray

from ml_chassis.serving.columns import NUMPY_TYPES, Columns, Rows, TensorMetadata, array_of, cast
from ml_chassis.serving.refusals import Refusal

MATRIX = 2
"""The number of a matrix's dimensions."""


class Tensor(msgspec.Struct, omit_defaults=True):
    """A named array."""

    name: str
    """The name of the column, or of a matrix of all."""
    shape: list[int]
    """[rows] or [rows, 1] of one column, [rows, columns] of a matrix."""
    datatype: str
    """The protocol's, such as `FP64`, `INT64`, `BOOL` or, for texts and dates, `BYTES`."""
    data: list[Any]
    """The values, flat or nested, in row-major order; None is a missing one."""
    parameters: dict[str, Any] | None = None


class RequestedOutput(msgspec.Struct):
    """An output that the client asks for; without any, it gets all."""

    name: str
    parameters: dict[str, Any] | None = None


class InferenceRequest(msgspec.Struct, omit_defaults=True):
    """The body of a call of `infer`."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[RequestedOutput] | None = None


class InferenceResponse(msgspec.Struct, omit_defaults=True):
    """The answer to a call of `infer`; `id` and `parameters` are the request's."""

    model_name: str
    """The name of the model that answered."""
    model_version: str
    """Its version."""
    outputs: list[Tensor]
    """One tensor of shape [rows], whose `data` has the answers."""
    id: str | None = None
    parameters: dict[str, Any] | None = None


class Predictions(msgspec.Struct):
    """The answer to a call of `predict`: one prediction for each record, in their order."""

    model_name: str
    model_version: str
    predictions: list[Any]


class ModelMetadata(msgspec.Struct):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ErrorMessage(msgspec.Struct):
    """What every refusal says."""

    error: str


def rows_of_tensors(tensors: list[Tensor], columns: Columns) -> Rows:
    """Return one row per entry, from a tensor for each column or from one matrix [rows, columns].

    Raises:
        Refusal: a tensor is missing, unknown, or of the wrong datatype or shape.
    """
    if len(tensors) == 1 and len(tensors[0].shape) == MATRIX and tensors[0].name not in columns.names:
        return columns.rows_of_matrix(tensors[0].name, _array(tensors[0]))
    given = {tensor.name: tensor for tensor in tensors}
    if len(given) < len(tensors):
        raise Refusal("An input is named twice; send each column once.")
    columns.check_names(given)
    size = tensors[0].shape[0] if tensors[0].shape else 0
    for tensor in tensors:
        if tensor.shape not in ([size], [size, 1]):
            raise Refusal(f"Input {tensor.name!r} has shape {tensor.shape}; expected [{size}], as the first has.")
    return columns.rows({name: _array(tensor).reshape(size) for name, tensor in given.items()})


def rows_of_records(records: list[dict[str, Any]], columns: Columns) -> Rows:
    """Return one row per record, in which `null` stands for a missing value of the column's own type.

    Args:
        records: the values of each row, by the names of the columns.
        columns: what is expected, such as `runtime.interface.columns`.

    Returns:
        A matrix [rows, columns] of numbers where the model takes one, else a DataFrame, as `Runtime.predict` takes it.

    Raises:
        Refusal: a record lacks a column, has an unknown one, or a value of the wrong type.
    """
    for record in records:
        columns.check_names(record)
    values = {name: array_of([record[name] for record in records], name) for name in columns.names}
    for name, array in values.items():
        if array.ndim != 1:
            raise Refusal(f"Input {name!r} holds a list; expected one value in each record.")
    return columns.rows(values)


def check_outputs(asked: list[RequestedOutput] | None, name: str) -> None:
    """Raise a Refusal if another output is asked for than the one there is."""
    for output in asked or []:
        if output.name != name:
            raise Refusal(f"Output {output.name!r} is unknown; expected {name}.")


def output_tensor(name: str, answers: NDArray[Any]) -> Tensor:
    """Return the model's answers, one for each row, as a tensor.

    Raises:
        TypeError: the protocol has no datatype for the answers.
    """
    return Tensor(name, list(answers.shape), datatype_of(answers), answers.ravel().tolist())


def datatype_of(answers: NDArray[Any]) -> str:
    """Return what the protocol calls the type of answers.

    Raises:
        TypeError: it has no datatype for them.
    """
    for datatype, numpy_type in NUMPY_TYPES.items():
        if answers.dtype == numpy_type or (datatype == "BYTES" and answers.dtype.kind == "U"):
            return datatype
    raise TypeError(f"The answers are {answers.dtype}, which the protocol cannot carry.")


def input_tensors(rows: pd.DataFrame, columns: list[TensorMetadata]) -> list[Tensor]:
    """Return one tensor for each of the model's columns, with dates as ISO 8601 and `null` for what is missing."""
    return [_input_tensor(rows[column.name], column.datatype) for column in columns]


def _input_tensor(values: pd.Series, datatype: str) -> Tensor:
    if pd.api.types.is_datetime64_dtype(values.dtype):
        values = values.map(pd.Timestamp.isoformat, na_action="ignore")
    data = [None if missing else value for value, missing in zip(values.tolist(), values.isna(), strict=True)]
    return Tensor(str(values.name), [len(values)], datatype, data)


def _array(tensor: Tensor) -> NDArray[Any]:
    if tensor.datatype not in NUMPY_TYPES:
        raise Refusal(
            f"Input {tensor.name!r} has datatype {tensor.datatype!r}; expected one of {', '.join(NUMPY_TYPES)}."
        )
    if min(tensor.shape, default=0) < 0:
        raise Refusal(f"Input {tensor.name!r} has shape {tensor.shape}; no length is below 0.")
    array = cast(array_of(tensor.data, tensor.name), tensor.datatype, tensor.name)
    try:
        return array.reshape(tensor.shape)
    except ValueError:
        raise Refusal(
            f"Input {tensor.name!r} has shape {tensor.shape}, which its {array.size} values do not fill."
        ) from None
