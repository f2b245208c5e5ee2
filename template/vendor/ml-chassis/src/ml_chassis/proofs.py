"""What was found when the graph of a model was compared with it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

FOLDER, GRAPH, PROOF = "onnx", "model.onnx", "proof.json"
"""Where a model's files have the graph, and what was found of it."""


@dataclass(frozen=True)
class Proof:
    """What was found when a model's graph was compared with it."""

    equal: bool
    """Whether the graph answers as the model does."""
    reason: str
    """How that was found, or why there is no graph to serve."""
    rows: list[list[float | None]]
    """Some of the rows that were compared."""
    answers: list[Any]
    """What both answer these."""

    @property
    def runtime(self) -> str:
        """What the model can be served by: `onnx` or `native`."""
        return "onnx" if self.equal else "native"

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return what a model's files say, or None where they say nothing."""
        path = folder / FOLDER / PROOF
        return cls(**json.loads(path.read_text())) if path.exists() else None
