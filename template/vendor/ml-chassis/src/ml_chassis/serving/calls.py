"""A call of `ModelInfer`: from the message to rows, and from predictions to the answer."""

import math
from typing import Any, NamedTuple

import numpy as np

from ml_chassis.serving import binary
from ml_chassis.serving.columns import Rows, cast
from ml_chassis.serving.hooks import Interface, Prediction
from ml_chassis.serving.messages import FIELDS, ModelInferRequest, ModelInferResponse
from ml_chassis.serving.protocol import datatype_of
from ml_chassis.serving.refusals import Refusal
from ml_chassis.serving.requests import MOST_PARAMETERS, Input, SentTensor, check_output, rows_of_inputs
from ml_chassis.serving.runtime import Runtime

MOST_DIMENSIONS = 8
MOST_OTHER_FIELDS = 100
"""Of a request, beside its inputs and outputs: such as its parameters."""
NESTED = frozenset(number for number, kind in FIELDS["ModelInferRequest"].values() if kind.split()[-1] in FIELDS)
"""The numbers of its fields that are messages."""
VARINT, LENGTH_DELIMITED, CONTINUED, BITS = 0, 2, 128, 64
"""How numbers and all else are written: https://protobuf.dev/programming-guides/encoding/"""
CONTENTS: dict[str, tuple[str, Any]] = {
    "BOOL": ("bool_contents", np.bool_),
    "INT8": ("int_contents", np.int32),
    "INT16": ("int_contents", np.int32),
    "INT32": ("int_contents", np.int32),
    "INT64": ("int64_contents", np.int64),
    "UINT8": ("uint_contents", np.uint32),
    "UINT16": ("uint_contents", np.uint32),
    "UINT32": ("uint_contents", np.uint32),
    "UINT64": ("uint64_contents", np.uint64),
    "FP32": ("fp32_contents", np.float32),
    "FP64": ("fp64_contents", np.float64),
    "BYTES": ("bytes_contents", np.object_),
}
"""Where a message has the values of a datatype, if they are not raw, and what these are."""


class Call(NamedTuple):
    """A call of `ModelInfer`, without the message, which takes many times the memory of its rows."""

    rows: Rows
    answer: Any
    """What repeats of the message is in the answer."""
    outputs: list[str]
    """The names of what is asked for."""
    raw: bool
    """Whether the values came as raw bytes, as then the answers do."""


def read(sent: bytes, runtime: Runtime) -> Call:
    """Return what a message asks. What it says of itself is checked before its values are read.

    Args:
        sent: the message.
        runtime: what is to answer.

    Raises:
        Refusal: it has more rows than there may be, asks for an unknown output or what is not served here, or a tensor
            is missing, unknown, or of another datatype or shape.
        google.protobuf.message.DecodeError: it is no such message.
    """
    seen, most_rows = runtime.interface, runtime.settings.serve_max_rows
    columns = seen.columns
    _check_fields(sent, 2 * len(columns.tensors) + len(seen.names) + MOST_OTHER_FIELDS, NESTED)
    asked = ModelInferRequest.FromString(sent)
    runtime.check_served(asked.model_name, asked.model_version)
    if (size := sum(parameter.ByteSize() for parameter in asked.parameters)) > MOST_PARAMETERS:
        raise Refusal(f"The parameters have {size} bytes; expected {MOST_PARAMETERS} at most.")
    outputs = list(dict.fromkeys(output.name for output in asked.outputs)) or seen.names[:1]
    for name in outputs:
        check_output(name, seen.names)
    rows = rows_of_inputs(_inputs(asked, most_rows * len(columns.tensors)), columns, most_rows)
    answer = ModelInferResponse(model_name=runtime.name, model_version=runtime.version, id=asked.id)
    answer.parameters.extend(asked.parameters)
    return Call(rows, answer, outputs, bool(asked.raw_input_contents))


def answered(call: Call, found: Prediction, seen: Interface) -> Any:
    """Return the message that answers a call, with what was found for its rows."""
    for name in call.outputs:
        _write(call.answer, name, found, seen, call.raw)
    return call.answer


def _check_fields(message: bytes, most: int, nested: frozenset[int] = frozenset()) -> None:
    """Refuse a message of more fields than a request needs: each would take many times its bytes in memory.

    Args:
        message: as it was sent.
        most: how many fields it may have.
        nested: the numbers of those that are messages, of `MOST_OTHER_FIELDS` fields.
    """
    place = found = 0
    try:
        while place < len(message):
            if (found := found + 1) > most:
                raise Refusal(f"The message has more than {most} fields, and the model needs fewer.")
            tag, place = _number(message, place)
            if (kind := tag & 7) == LENGTH_DELIMITED:
                size, place = _number(message, place)
                if tag >> 3 in nested and size > 2 * MOST_OTHER_FIELDS:  # as a field has two bytes at least
                    _check_fields(message[place : place + size], MOST_OTHER_FIELDS)
                place += size
            elif kind == VARINT:
                _, place = _number(message, place)
            else:
                raise Refusal(f"The message has a field of wire type {kind}, which no request has.")
    except IndexError:
        raise Refusal("The message ends within a field.") from None


def _number(message: bytes, place: int) -> tuple[int, int]:
    """Return the number of variable length at a place, and the place after it."""
    value = 0
    for shift in range(0, BITS, 7):
        byte = message[place]
        value |= (byte & 127) << shift
        place += 1
        if byte < CONTINUED:
            return value, place
    raise Refusal("The message has a number of more than 64 bits, which no request has.")


def _inputs(asked: Any, most: int) -> list[Input]:
    """Return the tensors of a request, each as its bytes.

    Raises:
        Refusal: one has more than `most` values, or others than it says.
    """
    raw = asked.raw_input_contents
    if raw and len(raw) != len(asked.inputs):
        raise Refusal(f"The request has {len(asked.inputs)} inputs and raw contents of {len(raw)}; expected as many.")
    inputs = []
    for place, tensor in enumerate(asked.inputs):
        if len(tensor.shape) > MOST_DIMENSIONS:
            raise Refusal(f"Input {tensor.name!r} has {len(tensor.shape)} dimensions; expected one or two.")
        sent = SentTensor(tensor.name, list(tensor.shape), tensor.datatype)
        if (size := math.prod(sent.shape)) > most:
            raise Refusal(f"Input {sent.name!r} has shape {sent.shape}; expected {most} values at most.")
        inputs.append(Input(sent, memoryview(raw[place] if raw else _packed(tensor.contents, sent, size))))
    return inputs


def _packed(contents: Any, sent: SentTensor, size: int) -> bytes:
    """Return typed values as the bytes that raw ones would be."""
    if sent.datatype not in CONTENTS:
        known = ", ".join(CONTENTS)
        raise Refusal(f"Input {sent.name!r} has datatype {sent.datatype!r}; expected raw contents, or one of {known}.")
    field, kind = CONTENTS[sent.datatype]
    if len(values := getattr(contents, field)) != size:
        raise Refusal(f"Input {sent.name!r} has shape {sent.shape}, which its {len(values)} {field} do not fill.")
    if sent.datatype == "BYTES":
        return b"".join(binary.LENGTH.pack(len(value)) + value for value in values)
    return binary.write(cast(np.array(values, kind), sent.datatype, sent.name))


def _write(answer: Any, name: str, found: Prediction, seen: Interface, raw: bool) -> None:
    """Add an output to an answer."""
    values, parameters = seen.given(name, found)
    tensor = answer.outputs.add(name=name, datatype=datatype_of(values), shape=values.shape)
    for key, text in parameters.items():
        tensor.parameters.add(key=key).value.string_param = text
    if raw:
        answer.raw_output_contents.append(binary.write(values))
        return
    field, _ = CONTENTS[tensor.datatype]
    plain = values.ravel().tolist()
    getattr(tensor.contents, field).extend(
        [str(value).encode() for value in plain] if tensor.datatype == "BYTES" else plain
    )
