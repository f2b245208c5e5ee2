"""Values of tensors as bytes."""

import numpy as np
import pytest
from ml_chassis.serving.binary import parts_of, read, write
from ml_chassis.serving.columns import NUMPY_TYPES
from ml_chassis.serving.refusals import Refusal

NUMBERS = [name for name in NUMPY_TYPES if name not in ("BOOL", "BYTES")]


@pytest.mark.parametrize("datatype", NUMBERS)
def test_numbers_are_read_as_they_are_written(datatype: str) -> None:
    values = np.array([0, 1, 2, 100], NUMPY_TYPES[datatype])
    found = read(memoryview(write(values)), datatype, 4, "x")
    np.testing.assert_array_equal(found, values)
    assert found.dtype == values.dtype
    assert found.flags.writeable


def test_numbers_are_little_endian_wherever_they_come_from() -> None:
    assert write(np.array([1], ">i4")) == write(np.array([1], "<i4")) == b"\1\0\0\0"


def test_booleans_are_bytes() -> None:
    assert read(memoryview(b"\1\0"), "BOOL", 2, "x").tolist() == [True, False]
    assert write(np.array([True, False])) == b"\1\0"


@pytest.mark.parametrize("texts", [[], ["", "a", "\u00fc\0b"]])
def test_texts_follow_their_lengths(texts: list[str]) -> None:
    written = write(np.array(texts, dtype=object))
    assert read(memoryview(written), "BYTES", len(texts), "x").tolist() == texts


@pytest.mark.parametrize("data", [b"", b"\1\0\0", b"\2\0\0\0a", b"\1\0\0\0ab", b"\1\0\0\0\xff"])
def test_bytes_that_are_no_text_are_refused(data: bytes) -> None:
    with pytest.raises(Refusal, match="Input 'x' has "):
        read(memoryview(data), "BYTES", 1, "x")


@pytest.mark.parametrize("header", ["", "-1", "1e1", "5", "\u0661", "1" * 5_000])
def test_length_that_the_body_has_not_is_refused(header: str) -> None:
    with pytest.raises(Refusal, match="expected the length of the JSON, 4 bytes at most"):
        parts_of(b"{}ab", header)


def test_body_is_parted_at_its_length() -> None:
    assert [bytes(part) for part in parts_of(b"{}ab", "2")] == [b"{}", b"ab"]
    assert [bytes(part) for part in parts_of(b"{}ab", None)] == [b"{}ab", b""]
