"""Numbers that are read at once become the rows, or the refusal, that reading each tensor by itself makes of them."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from ml_chassis.model_record import Column
from ml_chassis.serving import requests
from ml_chassis.serving.columns import Columns, Rows
from ml_chassis.serving.refusals import Refusal
from ml_chassis.serving.requests import read_call

NUMBERS = replace(Columns.of([Column("double", "a"), Column("double", "b")]), as_matrix=True)
MIXED = replace(Columns.of([Column("long", "a"), Column("double", "b")]), as_matrix=True)
WHOLE = replace(Columns.of([Column("long", "a"), Column("long", "b")]), as_matrix=True)
SINGLE = replace(Columns.of([Column("double", "a")]), as_matrix=True)
VALUES: list[list[Any]] = [
    [1.5, 2.5],
    [1, 2.5],
    [3.0, 4.0],
    [-0.0, 0],
    [None, 2.5],
    [None, None],
    [True, 2.5],
    [True, False],
    ["1", "2"],
    [1, "2"],
    [2**53 + 1, 2**53 + 2],
    [2**63, 1],
    [10**25, 1],
    [1e30, -1e30],
    [1.1e30, 0],
    [10**40, 0.5],
    [1.5],
    [1.5, 2.5, 3.5],
    [[1.5], [2.5]],
    [[1.5, 2.5]],
    [[1.5], [2.5, 3.5]],
    [[1.5, 2.5], 3.5],
    [{}],
    [],
]


def outcome(columns: Columns, inputs: list[dict[str, Any]], data: bytes = b"") -> tuple[str, bytes] | str:
    text = json.dumps({"inputs": inputs}).encode()
    try:
        rows: Rows = read_call(text + data, str(len(text)), columns, ["label"], 10).rows
    except Refusal as refusal:
        return str(refusal.detail)
    assert isinstance(rows, np.ndarray)
    assert rows.flags.c_contiguous
    return str(rows.dtype), rows.tobytes()


def sent(values: list[Any], datatype: str) -> list[dict[str, Any]]:
    first, second = {"name": "a", "datatype": datatype}, {"name": "b", "datatype": "FP64", "data": [0.5, None]}
    return [first | {"shape": [2], "data": values}, second | {"shape": [2]}]


@pytest.mark.parametrize("values", VALUES, ids=str)
@pytest.mark.parametrize("columns", [NUMBERS, MIXED, WHOLE, SINGLE], ids=["numbers", "mixed", "whole", "single"])
def test_both_ways_of_reading_agree(values: list[Any], columns: Columns, monkeypatch: pytest.MonkeyPatch) -> None:
    by_column = [sent(values, datatype)[: len(columns.tensors)] for datatype in ("FP64", "INT64", "BOOL")]
    of_two = [{"name": "a", "datatype": "FP64", "shape": [2], "data": values}] * len(columns.tensors)
    by_column.append([tensor | {"name": name} for tensor, name in zip(of_two, "ab", strict=False)])
    shapes = [[2, len(columns.tensors)], [1, len(columns.tensors)], [len(columns.tensors), 2]]
    matrices = [[{"name": "rows", "datatype": "FP64", "shape": shape, "data": values}] for shape in shapes]
    cases = [*by_column, *matrices, [matrices[0][0] | {"data": values * 2}]]

    at_once = [outcome(columns, case) for case in cases]
    monkeypatch.setattr(requests, "_numbers", lambda *arguments: None)
    assert at_once == [outcome(columns, case) for case in cases]


BYTES = [
    np.array([1.5, 2.5, -0.0, np.nan]),
    np.array([1.5, 2.5, np.inf, 0]),
    np.array([1.1e30, 2.5, 1, 0]),
    np.array([3.0, 4, 2**53, -1]),
    np.array([1.5, 2.5, 3.5]),
    np.array([], np.float64),
]


@pytest.mark.parametrize("values", BYTES, ids=str)
@pytest.mark.parametrize("split", [8, 16, 24, 32])
@pytest.mark.parametrize("columns", [NUMBERS, MIXED, WHOLE], ids=["numbers", "mixed", "whole"])
def test_both_ways_of_reading_bytes_agree(
    values: np.ndarray[Any, Any], split: int, columns: Columns, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = values.astype("<f8").tobytes()

    def tensor(name: str, shape: list[int], size: int, datatype: str = "FP64") -> dict[str, Any]:
        return {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}}

    sizes = [min(split, len(data)), max(len(data) - split, 0)]
    cases = [
        [tensor("rows", [2, 2], len(data))],
        [tensor("rows", [1, 2], len(data))],
        [tensor(name, [2], size) for name, size in zip("ab", sizes, strict=True)],
        [tensor(name, [2, 1], size) for name, size in zip("ba", sizes, strict=True)],
        [tensor(name, [2], size, "INT64") for name, size in zip("ab", sizes, strict=True)],
        [tensor("a", [2], len(data)), {"name": "b", "shape": [2], "datatype": "FP64", "data": [0.5, None]}],
    ]

    at_once = [outcome(columns, case, data) for case in cases]
    monkeypatch.setattr(requests, "_numbers", lambda *arguments: None)
    assert at_once == [outcome(columns, case, data) for case in cases]
