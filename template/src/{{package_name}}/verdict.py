"""The gate: may a candidate replace the champion?"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

Metrics = dict[str, float]
"""Scores by name, each in 0..1, higher is better."""


@dataclass(frozen=True)
class Verdict:
    """A candidate's metrics on the held-out rows, whether it passed the gate, and the sentence that says why."""

    metrics: Metrics
    passed: bool
    reason: str

    def write(self, path: str | Path) -> None:
        """Write the verdict as JSON."""
        Path(path).write_text(json.dumps(asdict(self), indent=2))

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Read what `write` wrote."""
        return cls(**json.loads(Path(path).read_text()))


def decide(candidate: Metrics, rival: Metrics, rival_name: str, metric: str, margin: float) -> Verdict:
    """Pass the candidate if its `metric` is above the rival's by more than `margin`."""
    passed = candidate[metric] > rival[metric] + margin
    verb = "beats" if passed else "does not beat"
    by = f" by more than {margin:g}" if margin else ""
    return Verdict(candidate, passed, f"{metric} {candidate[metric]:.4f} {verb} {rival_name} ({rival[metric]:.4f}){by}")
