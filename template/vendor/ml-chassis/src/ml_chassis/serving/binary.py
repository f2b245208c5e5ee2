"""The protocol's extension of binary tensors: their values follow the JSON as bytes, in place of `data` in it.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
"""

import re
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml_chassis.serving.columns import NUMPY_TYPES
from ml_chassis.serving.refusals import Refusal

EXTENSION = "binary_tensor_data"
"""Its name in the metadata of a server."""
HEADER = "inference-header-content-length"
"""The header that tells the length of the JSON."""
DIGITS = re.compile("[0-9]{1,10}")
LENGTH = struct.Struct("<I")
"""What comes before each text."""


def parts_of(body: bytes, header: str | None) -> tuple[memoryview, memoryview]:
    """Return the JSON of a body, and what follows it.

    Args:
        body: of a request.
        header: what it says in `HEADER`, or None.

    Raises:
        Refusal: it says no length that the body has.
    """
    view = memoryview(body)
    if header is None:
        return view, view[len(body) :]
    if not DIGITS.fullmatch(header) or (length := int(header)) > len(body):
        raise Refusal(f"{HEADER} is {header[:20]!r}; expected the length of the JSON, {len(body)} bytes at most.")
    return view[:length], view[length:]


def read(data: memoryview, datatype: str, size: int, name: str) -> NDArray[Any]:
    """Return values as an array of shape [size].

    Args:
        data: the values, in row-major order, numbers as little endian.
        datatype: one of `NUMPY_TYPES`.
        size: how many values there are to be.
        name: of the input.

    Raises:
        Refusal: there are more or fewer, or a value is none of its datatype.
    """
    if datatype == "BYTES":
        return _texts(data, size, name)
    kind = np.dtype(NUMPY_TYPES[datatype]).newbyteorder("<")
    if len(data) != size * kind.itemsize:
        raise _wrong(name, f"{len(data)} bytes for {size} values of {datatype}")
    if datatype == "BOOL" and data and max(data) > 1:
        raise _wrong(name, f"the byte {max(data)} for a BOOL, which is 0 or 1")
    return np.frombuffer(data, kind).astype(NUMPY_TYPES[datatype])


def write(answers: NDArray[Any]) -> bytes:
    """Return answers as `read` takes them."""
    if answers.dtype.kind in "OU":
        texts = [str(answer).encode() for answer in answers.flat]
        return b"".join(LENGTH.pack(len(text)) + text for text in texts)
    return answers.astype(answers.dtype.newbyteorder("<")).tobytes()


def _texts(data: memoryview, size: int, name: str) -> NDArray[Any]:
    texts: list[str] = []
    place = 0
    while len(texts) < size and place + LENGTH.size <= len(data):
        start, place = place + LENGTH.size, place + LENGTH.size + LENGTH.unpack_from(data, place)[0]
        if place > len(data):
            break
        try:
            texts.append(str(data[start:place], "utf-8"))
        except UnicodeDecodeError:
            raise _wrong(name, "a text that is not in UTF-8") from None
    if len(texts) != size or place != len(data):
        raise _wrong(name, f"{len(data)} bytes for {size} texts, each after its length in 4 bytes")
    return np.array(texts, dtype=np.object_)


def _wrong(name: str, found: str) -> Refusal:
    return Refusal(f"Input {name!r} has {found}.")
