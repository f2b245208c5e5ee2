"""What clients sent, and its translation to rows. Whatever may be large is checked before it is read."""

import math
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ml_chassis.serving import binary
from ml_chassis.serving.columns import NUMPY_TYPES, Columns, Rows, array_of, cast
from ml_chassis.serving.refusals import Refusal

MATRIX = 2
"""The number of a matrix's dimensions."""
Value = bool | int | float | str | None
"""What JSON has beside arrays and objects, of which clients could send millions that take seconds to read."""
FP64 = np.dtype("<f8")
NESTED = re.compile(rb"\[\s*\[")
NUMBERS = msgspec.json.Decoder(list[list[float | None]])
MOST_PARAMETERS = 16 * 1024
"""The bytes of the parameters of a request."""


class SizeOfData(msgspec.Struct):
    """What counts of the parameters of a tensor."""

    binary_data_size: int | None = None


class SentTensor(msgspec.Struct):
    """What counts of a `Tensor`, whose values are not read yet."""

    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw = msgspec.Raw(b"")
    parameters: SizeOfData | None = None


class WayOfOutput(msgspec.Struct):
    """What counts of the parameters of an output."""

    binary_data: bool | None = None


class SentOutput(msgspec.Struct):
    """What counts of a `RequestedOutput`."""

    name: str
    parameters: WayOfOutput | None = None


class SentRequest(msgspec.Struct):
    """What counts of an `InferenceRequest`, of which nothing that may be large is read yet."""

    inputs: list[SentTensor]
    id: str | None = None
    parameters: msgspec.Raw = msgspec.Raw(b"null")
    outputs: list[SentOutput] | None = None


class Call(NamedTuple):
    """A call of `infer`."""

    rows: Rows
    id: str | None
    parameters: dict[str, Any] | None
    outputs: dict[str, bool]
    """The names of what is asked for, and whether each goes as a binary tensor."""


class Input(NamedTuple):
    """A tensor, and its bytes if it is a binary one."""

    sent: SentTensor
    data: memoryview | None


def read_call(body: bytes, header: str | None, columns: Columns, outputs: Sequence[str], most_rows: int) -> Call:
    """Return what a body asks `infer`. What a tensor says of itself is checked before its values are read.

    Args:
        body: JSON, and the bytes of binary tensors behind it.
        header: what the request says in `binary.HEADER`, if anything.
        columns: what is expected.
        outputs: the names of what there is. A client that names none gets the first.
        most_rows: how many rows there may be.

    Raises:
        Refusal: there are more, an unknown output is asked for, or a tensor is missing, unknown, or of another datatype
            or shape.
    """
    text, data = binary.parts_of(body, header)
    sent = msgspec.json.decode(text, type=SentRequest)
    parameters = _parameters(sent.parameters)
    as_bytes = (parameters or {}).get("binary_data_output") is True
    asked: dict[str, bool] = {}
    for output in sent.outputs or [SentOutput(outputs[0])]:
        check_output(output.name, outputs)
        way = output.parameters.binary_data if output.parameters else None
        asked[output.name] = as_bytes if way is None else way
    return Call(rows_of_inputs(_inputs(sent.inputs, data), columns, most_rows), sent.id, parameters, asked)


def rows_of_records(body: bytes, columns: Columns, most_rows: int) -> Rows:
    """Return one row per record, in which `null` stands for a missing value of the column's own type.

    Args:
        body: a JSON array of objects, each with the values of a row by the names of the columns.
        columns: what is expected, such as `runtime.interface.columns`.
        most_rows: how many rows there may be, such as `runtime.settings.serve_max_rows`.

    Returns:
        A matrix [rows, columns] of numbers where the model takes one, else a DataFrame, as `Runtime.predict` takes it.

    Raises:
        Refusal: there are more, or a record lacks a column, has an unknown one, or a value of the wrong type.
        msgspec.DecodeError: the body is no such array; the server answers 400.
    """
    records = msgspec.json.decode(body, type=list[dict[str, Value]])
    check_rows(len(records), most_rows)
    for record in records:
        columns.check_names(record)
    return columns.rows({name: array_of([record[name] for record in records], name) for name in columns.names})


def check_output(name: str, outputs: Sequence[str]) -> None:
    """Raise a Refusal unless an output of this name is there to be asked for."""
    if name not in outputs:
        raise Refusal(f"Output {name!r} is unknown; expected {' or '.join(outputs) or 'none'}.")


def check_rows(found: int, most: int) -> None:
    """Raise a Refusal unless a request has at least one row, and not more than there may be."""
    if not 0 < found <= most:
        raise Refusal(f"The request has {found} rows; expected 1 to {most}.")


def _parameters(raw: msgspec.Raw) -> dict[str, Any] | None:
    """Return the parameters of a request, which its answer repeats, unless they are too large for that."""
    if len(raw) > MOST_PARAMETERS:
        raise Refusal(f"The parameters have {len(raw)} bytes; expected {MOST_PARAMETERS} at most.")
    return msgspec.json.decode(raw, type=dict[str, Any] | None)


def _inputs(tensors: list[SentTensor], data: memoryview) -> list[Input]:
    """Return the tensors, of which the binary ones share the bytes behind the JSON."""
    inputs, place = [], 0
    for tensor in tensors:
        size = tensor.parameters.binary_data_size if tensor.parameters else None
        if size is None:
            inputs.append(Input(tensor, None))
            continue
        if not 0 <= size <= len(data) - place:
            left = len(data) - place
            raise Refusal(f"Input {tensor.name!r} has binary_data_size {size}, and {left} bytes are left for it.")
        inputs.append(Input(tensor, data[place : place + size]))
        place += size
    if place < len(data):
        raise Refusal(f"The body ends in {len(data) - place} bytes that no binary_data_size counts.")
    return inputs


def rows_of_inputs(inputs: list[Input], columns: Columns, most_rows: int) -> Rows:
    """Return one row per entry, from a tensor for each column or from one matrix [rows, columns].

    Raises:
        Refusal: there are more than `most_rows`, or a tensor is missing, unknown, or of another datatype or shape.
    """
    sent = [found.sent for found in inputs]
    if len(sent) == 1 and len(sent[0].shape) == MATRIX and sent[0].name not in columns.names:
        columns.check_width(sent[0].name, sent[0].shape)
        check_rows(sent[0].shape[0], most_rows)
        numbers = _numbers(inputs, ["FP64"], sent[0].shape)
        if numbers is not None and (rows := columns.rows_of_numbers(numbers)) is not None:
            return rows
        return columns.rows_of_matrix(sent[0].name, _array(inputs[0]))
    given = {found.sent.name: found for found in inputs}
    if len(given) < len(inputs):
        raise Refusal("An input is named twice; send each column once.")
    columns.check_names(given)
    size = sent[0].shape[0] if sent[0].shape else 0
    for tensor in sent:
        if tensor.shape not in ([size], [size, 1]):
            raise Refusal(f"Input {tensor.name!r} has shape {tensor.shape}; expected [{size}], as the first has.")
    check_rows(size, most_rows)
    in_order = [given[tensor.name] for tensor in columns.tensors]
    numbers = _numbers(in_order, columns.datatypes, [len(in_order), size])
    if numbers is not None and (rows := columns.rows_of_numbers(numbers.T)) is not None:
        return rows
    return columns.rows({name: _array(found).reshape(size) for name, found in given.items()})


def _numbers(inputs: list[Input], datatypes: list[str], shape: list[int]) -> NDArray[np.float64] | None:
    """Return plain numbers, which are read at once, or None where each tensor has to be read by itself.

    Args:
        inputs: one for each column, or one of all.
        datatypes: what they have to be.
        shape: of the numbers: [columns, rows], or [rows, columns].
    """
    if datatypes != [found.sent.datatype for found in inputs]:
        return None
    if parts := [found.data for found in inputs if found.data is not None]:
        return _numbers_in_bytes(parts, datatypes, shape) if len(parts) == len(inputs) else None
    raw = b",".join([found.sent.data for found in inputs])
    if raw.count(b",") >= max(math.prod(shape), 1):
        return None
    try:
        return np.array(NUMBERS.decode(raw if NESTED.match(raw) else b"[%s]" % raw), np.float64).reshape(shape)
    except (msgspec.DecodeError, ValueError):
        return None


def _numbers_in_bytes(parts: list[memoryview], datatypes: list[str], shape: list[int]) -> NDArray[np.float64] | None:
    each = math.prod(shape) * FP64.itemsize // len(parts)
    if {"FP64"} != set(datatypes) or {len(part) for part in parts} != {each}:
        return None
    return np.frombuffer(bytearray().join(parts), FP64).reshape(shape)


def _array(found: Input) -> NDArray[Any]:
    name, datatype, shape = found.sent.name, found.sent.datatype, found.sent.shape
    if datatype not in NUMPY_TYPES:
        raise Refusal(f"Input {name!r} has datatype {datatype!r}; expected one of {', '.join(NUMPY_TYPES)}.")
    if found.data is not None:
        values = binary.read(found.data, datatype, math.prod(shape), name)
    else:
        values = array_of(_values(found.sent), name)
    array = cast(values, datatype, name)
    try:
        return array.reshape(shape)
    except ValueError:
        raise _unfilled(found.sent, array.size) from None


def _values(tensor: SentTensor) -> list[Any]:
    """Return the values of a tensor: flat, or a list for each row. Too many are refused before they are read."""
    raw = bytes(tensor.data)
    if not raw:
        raise Refusal(f"Input {tensor.name!r} has neither data nor the parameter binary_data_size.")
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
