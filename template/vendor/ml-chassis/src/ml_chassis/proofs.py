"""What was found when the graph of a model was compared with it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import msgspec

from ml_chassis.errors import ModelError

FOLDER, GRAPH, PROOF = "onnx", "model.onnx", "proof.json"
"""Where a model's files have the graph, and what was found of it."""
LARGEST_DIFFERENCE = 1e-5
"""Between the probabilities of the model and its graph."""


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
    classes: list[Any] = field(default_factory=list)
    """The labels in the order of the model's probabilities, where it gives any, be there a graph or not."""
    probabilities: list[list[float]] = field(default_factory=list)
    """What the model gives for the rows, in the order of the classes."""

    @property
    def runtime(self) -> str:
        """What the model can be served by: `onnx` or `native`."""
        return "onnx" if self.equal else "native"

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return what a model's files say, or None where they say nothing. What later releases add is left out.

        Raises:
            ModelError: it is of another form.
        """
        path = folder / FOLDER / PROOF
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls) if path.exists() else None
        except msgspec.MsgspecError as error:
            raise ModelError(f"its file {FOLDER}/{PROOF} cannot be read: {error}") from error
