"""Requests to a model server, good and bad, made up by Hypothesis."""

import json
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.local.test_frameworks import SAMPLE

COLUMNS = len(SAMPLE)
WHOLE = ("INT32", "INT64")
MEASURES = {
    "FP32": st.floats(-1e6, 1e6, width=32),
    "FP64": st.floats(-1e6, 1e6),
    **dict.fromkeys(WHOLE, st.integers(-(2**31), 2**31 - 1)),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


class Rows(NamedTuple):
    """Rows of the wine data's width, and how their tensors carry them."""

    values: list[list[float]]
    datatype: str
    nested: bool

    def matrix(self) -> list[dict[str, Any]]:
        """Return them as one tensor."""
        data = self.values if self.nested else [value for row in self.values for value in row]
        return [tensor("rows", [len(self.values), COLUMNS], self.datatype, data)]

    def columns(self, names: list[str]) -> list[dict[str, Any]]:
        """Return them as a tensor for each column."""
        shape = [len(self.values), 1] if self.nested else [len(self.values)]
        columns = [[[value] if self.nested else value for value in column] for column in zip(*self.values, strict=True)]
        return [tensor(name, shape, self.datatype, data) for name, data in zip(names, columns, strict=True)]

    def records(self, names: list[str]) -> list[dict[str, float]]:
        """Return them as an object for each row."""
        return [dict(zip(names, row, strict=True)) for row in self.values]


@st.composite
def rows(draw: st.DrawFn) -> Rows:
    """Draw 1 to 50 rows; a few values fill them all, which is quicker to draw than each by itself."""
    datatype = draw(st.sampled_from(sorted(MEASURES)))
    pool = draw(st.lists(MEASURES[datatype], min_size=1, max_size=30))
    cells = [pool[place % len(pool)] for place in range(draw(st.integers(1, 50)) * COLUMNS)]
    values = [cells[start : start + COLUMNS] for start in range(0, len(cells), COLUMNS)]
    return Rows(values, datatype, draw(st.booleans()))


def tensor(name: str, shape: list[int], datatype: str, data: list[Any]) -> dict[str, Any]:
    """Return a tensor as JSON carries it."""
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def bad_changes(size: int) -> st.SearchStrategy[dict[str, Any]]:
    """Return changes, each of which makes a tensor of `size` numbers unanswerable."""
    wrong_value = st.sampled_from(["14.2", {}, [], [1.0, 2.0]])
    wrong_data = st.tuples(wrong_value, st.integers(0, size - 1)).map(lambda draw: _with(draw[0], draw[1], size))
    return st.one_of(
        st.sampled_from([[], [-1], [size + 1], [size, 2], [0], [2**70], [size, 1, 1], ["1"], [1.5], None]).map(
            lambda shape: {"shape": shape}
        ),
        st.sampled_from(["", "FP12", "fp64", "BYTES", "BOOL", 64, None]).map(lambda kind: {"datatype": kind}),
        st.sampled_from(["", "vintage", 7, None]).map(lambda name: {"name": name}),
        wrong_data.map(lambda data: {"data": data}),
        st.sampled_from([[], "1", 1, None, {}]).map(lambda data: {"data": data}),
    )


@st.composite
def bad_columns(draw: st.DrawFn, names: list[str]) -> bytes:
    """Draw a request by columns in which one of them is wrong or missing, or each has the same wrong shape."""
    size = draw(st.integers(2, 5))
    columns = [tensor(name, [size], "FP64", [1.5] * size) for name in names]
    if draw(st.booleans()):
        place = draw(st.integers(0, len(names) - 1))
        columns[place] |= draw(bad_changes(size))
    elif draw(st.booleans()):
        del columns[draw(st.integers(0, len(names) - 1))]
    else:
        shape = draw(st.sampled_from([[], [-1], [-1, 1], [0], [size + 1], [2**70]]))
        columns = [column | {"shape": shape} for column in columns]
    return json.dumps({"inputs": columns}).encode()


@st.composite
def bad_matrix(draw: st.DrawFn) -> bytes:
    """Draw a request by matrix that its shape, datatype or data spoil."""
    shape = [[-1, COLUMNS], [2, -1], [2, 12], [3, COLUMNS], [0, COLUMNS], [2**70, COLUMNS], [2 * COLUMNS], [COLUMNS, 2]]
    change = draw(
        st.sampled_from(shape).map(lambda shape: {"shape": shape})
        | st.sampled_from(["", "FP12", "BYTES", "BOOL"]).map(lambda kind: {"datatype": kind})
        | st.sampled_from([[], [[1.5] * 12] * 2, [[1.5] * COLUMNS, [1.5]], ["x"] * 26]).map(lambda data: {"data": data})
    )
    good = tensor("rows", [2, COLUMNS], "FP64", [1.5] * 2 * COLUMNS)
    return json.dumps({"inputs": [good | change]}).encode()


@st.composite
def bad_records(draw: st.DrawFn, names: list[str]) -> bytes:
    """Draw records of which one lacks a column, has one too many, or a value that is no number."""
    records: list[dict[str, Any]] = [dict.fromkeys(names, 1.5) for _ in range(draw(st.integers(1, 5)))]
    spoilt, name = draw(st.sampled_from(records)), draw(st.sampled_from(names))
    if draw(st.booleans()):
        spoilt[name] = draw(st.sampled_from(["14.2", {}, [1.5], [1.0, 2.0], [[]], 10**400]))
    elif draw(st.booleans()):
        del spoilt[name]
    else:
        spoilt["vintage"] = 1990
    return json.dumps(records).encode()


def garbage() -> st.SearchStrategy[bytes]:
    """Return bodies that are no request: random bytes, cut-off JSON, other JSON, and JSON nested without end."""
    whole = json.dumps({"inputs": [tensor("rows", [1, COLUMNS], "FP64", SAMPLE)]}).encode()
    return st.one_of(
        st.binary(max_size=300),
        st.integers(0, len(whole) - 1).map(lambda size: whole[:size]),
        st.binary(min_size=1, max_size=3).map(lambda bytes_: whole.replace(b"rows", b"\xff" + bytes_)),
        JSON.map(lambda content: json.dumps({"inputs": content}).encode()),
        st.integers(900, 100_000).map(lambda depth: b'[{"inputs": ' + b"[" * depth + b"]" * depth + b"}]"),
        st.integers(900, 100_000).map(lambda depth: whole.replace(b"14.23", b"[" * depth + b"]" * depth)),
    )


def _with(value: Any, place: int, size: int) -> list[Any]:
    return [value if other == place else 1.5 for other in range(size)]
