"""What a model gives: answers, and beside them what a client asks for by its name."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ml_chassis.serving.columns import Rows, TensorMetadata
from ml_chassis.serving.refusals import Refusal

Compute = Callable[[Rows], NDArray[Any]]
"""Returns something of each row, as an array whose first dimension is theirs."""
Wanted = Set[str]
"""The names of outputs beside the answers."""
NOTHING: Wanted = frozenset[str]()
MOST_NUMBERS = 500_000
"""Of one output in one answer: as many as are written before other requests have waited for long."""
PROBABILITIES = "probabilities"


@dataclass(frozen=True)
class Extra:
    """An output beside the answers, which is computed where a client asks for it."""

    tensor: TensorMetadata
    compute: Compute
    """Returns it for rows, [rows, numbers]."""
    axis: str
    """What each row's numbers are of, such as `classes`."""
    labels: Sequence[Any]
    """Those, in the order of the numbers."""

    @cached_property
    def parameters(self) -> dict[str, str]:
        """What goes with the tensor: the labels as JSON, as a parameter of the protocol is no array."""
        return {self.axis: msgspec.json.encode(self.labels).decode()}

    def check(self, rows: int) -> None:
        """Raise a Refusal where there would be more numbers than one answer may have."""
        width = self.tensor.shape[1]
        if rows * width > MOST_NUMBERS:
            most = max(MOST_NUMBERS // width, 1)
            raise Refusal(f"Output {self.tensor.name!r} has {width} numbers for each row; ask for {most} rows at most.")


@dataclass(frozen=True)
class Engine:
    """What answers rows: a model's graph, or its own library."""

    predict: Compute
    """Return one answer for each row."""
    extras: Mapping[str, Extra] = field(default_factory=dict)
    """What else it gives, by the names."""


def probabilities(classes: Sequence[Any], compute: Compute) -> dict[str, Extra]:
    """Return the output of the classes' probabilities.

    Args:
        classes: the labels.
        compute: returns the probabilities of rows, [rows, classes], in the order of `classes`.
    """
    tensor = TensorMetadata(PROBABILITIES, "FP64", [-1, len(classes)])
    return {PROBABILITIES: Extra(tensor, lambda rows: np.asarray(compute(rows), np.float64), "classes", classes)}
