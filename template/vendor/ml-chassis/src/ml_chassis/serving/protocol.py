"""The messages of the Open Inference Protocol V2, and their translation to rows and back.

The protocol: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

import math
import re
from collections.abc import Sequence
from typing import Any

import msgspec
import pandas as pd
from numpy.typing import NDArray

from ml_chassis.serving.columns import NUMPY_TYPES, Columns, Rows, TensorMetadata, array_of, cast
from ml_chassis.serving.refusals import Refusal

MATRIX = 2
"""The number of a matrix's dimensions."""
Value = bool | int | float | str | None
"""What JSON has beside arrays and objects, of which clients could send millions that take seconds to read."""
NESTED = re.compile(rb"\[\s*\[")
MOST_PARAMETERS = 16 * 1024
"""The bytes of the parameters of a request."""


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


class SentTensor(msgspec.Struct):
    """What counts of a `Tensor`, whose values are not read yet."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw


class SentOutput(msgspec.Struct):
    """What counts of a `RequestedOutput`."""

    name: str


class SentRequest(msgspec.Struct):
    """What counts of an `InferenceRequest`, of which nothing that may be large is read yet."""

    inputs: list[SentTensor]
    id: str | None = None
    parameters: msgspec.Raw = msgspec.Raw(b"null")
    outputs: list[SentOutput] | None = None


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


def rows_of_tensors(tensors: list[SentTensor], columns: Columns, most_rows: int) -> Rows:
    """Return one row per entry, from a tensor for each column or from one matrix [rows, columns].

    What a tensor says of itself is checked before its values are read.

    Args:
        tensors: what was sent.
        columns: what is expected.
        most_rows: how many rows there may be.

    Raises:
        Refusal: there are more, or a tensor is missing, unknown, or of the wrong datatype or shape.
    """
    if len(tensors) == 1 and len(tensors[0].shape) == MATRIX and tensors[0].name not in columns.names:
        columns.check_width(tensors[0].name, tensors[0].shape)
        check_rows(tensors[0].shape[0], most_rows)
        return columns.rows_of_matrix(tensors[0].name, _array(tensors[0]))
    given = {tensor.name: tensor for tensor in tensors}
    if len(given) < len(tensors):
        raise Refusal("An input is named twice; send each column once.")
    columns.check_names(given)
    size = tensors[0].shape[0] if tensors[0].shape else 0
    for tensor in tensors:
        if tensor.shape not in ([size], [size, 1]):
            raise Refusal(f"Input {tensor.name!r} has shape {tensor.shape}; expected [{size}], as the first has.")
    check_rows(size, most_rows)
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


def check_rows(found: int, most: int) -> None:
    """Raise a Refusal unless a request has at least one row, and not more than there may be."""
    if not 0 < found <= most:
        raise Refusal(f"The request has {found} rows; expected 1 to {most}.")


def read_parameters(raw: msgspec.Raw) -> dict[str, Any] | None:
    """Return the parameters of a request, which its answer repeats.

    Raises:
        Refusal: they are too large to do so.
        msgspec.ValidationError: they are no object.
    """
    if len(raw) > MOST_PARAMETERS:
        raise Refusal(f"The parameters have {len(raw)} bytes; expected {MOST_PARAMETERS} at most.")
    return msgspec.json.decode(raw, type=dict[str, Any] | None)


def check_outputs(asked: Sequence[SentOutput] | None, name: str) -> None:
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


def _array(tensor: SentTensor) -> NDArray[Any]:
    if tensor.datatype not in NUMPY_TYPES:
        raise Refusal(
            f"Input {tensor.name!r} has datatype {tensor.datatype!r}; expected one of {', '.join(NUMPY_TYPES)}."
        )
    values = _values(tensor)
    array = cast(array_of(values, tensor.name), tensor.datatype, tensor.name)
    try:
        return array.reshape(tensor.shape)
    except ValueError:
        raise _unfilled(tensor, array.size) from None


def _values(tensor: SentTensor) -> list[Any]:
    """Return the values of a tensor: flat, or a list for each row. Too many are refused before they are read."""
    raw = bytes(tensor.data)
    if tensor.datatype != "BYTES":
        _check_count(raw.count(b",") + 1, tensor)
    try:
        if NESTED.match(raw):
            rows = msgspec.json.decode(raw, type=list[msgspec.Raw])
            _check_count(len(rows), tensor)
            return [msgspec.json.decode(row, type=list[Value]) for row in rows]
        values = msgspec.json.decode(raw, type=list[Value])
    except msgspec.ValidationError as error:
        raise Refusal(f"Input {tensor.name!r} holds no plain array: {error}.") from None
    _check_count(len(values), tensor)
    return values


def _check_count(found: int, tensor: SentTensor) -> None:
    if found > max(math.prod(tensor.shape), 1):
        raise _unfilled(tensor, found)


def _unfilled(tensor: SentTensor, found: int) -> Refusal:
    return Refusal(f"Input {tensor.name!r} has shape {tensor.shape}, which its {found} values do not fill.")
