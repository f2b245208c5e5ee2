"""What the servers are sent: rows in each one's form; and what they answer."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Rows = list[list[float]]
Tensors = dict[str, list[dict[str, Any]]]


def write(model: Path, form: str, rows: int, file: Path) -> None:
    """Write a request for `rows` predictions, with the rows of the model's input example over and over."""
    example = json.loads((model / "input_example.json").read_text())
    data = [example["data"][number % len(example["data"])] for number in range(rows)]
    file.write_text(json.dumps(FORMS[form](example["columns"], data)))


def predictions(answer: bytes) -> list[Any]:
    """Return the predictions in an answer of whichever server."""
    content = json.loads(answer)
    found: list[Any] = content["predictions"] if "predictions" in content else content["outputs"][0]["data"]
    return found


def _columns(names: list[str], data: Rows) -> Tensors:
    tensors = zip(names, zip(*data, strict=True), strict=True)
    return {"inputs": [_tensor(name, [len(data)], list(values)) for name, values in tensors]}


def _matrix(names: list[str], data: Rows) -> Tensors:
    return {"inputs": [_tensor("rows", [len(data), len(names)], [value for row in data for value in row])]}


def _split(names: list[str], data: Rows) -> dict[str, dict[str, Any]]:
    return {"dataframe_split": {"columns": names, "data": data}}


def _tensor(name: str, shape: list[int], data: list[float]) -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": "FP64", "data": data}


FORMS: dict[str, Callable[[list[str], Rows], dict[str, Any]]] = {
    "columns": _columns,
    "matrix": _matrix,
    "split": _split,
}
