"""Says how often a version was right and, of two that answered at the same time, which did better."""

from dataclasses import dataclass
from datetime import datetime
from math import hypot, sqrt

Z = 1.96
"""How many standard errors a bound of 95 % confidence is away."""


@dataclass(frozen=True)
class Accuracy:
    """The predictions of a version that have a label: when each was made, and whether it was right."""

    answers: list[tuple[datetime, bool]]
    captured: int
    """How many were captured, with a label or without."""

    @property
    def rows(self) -> int:
        """How many have a label."""
        return len(self.answers)

    @property
    def ratio(self) -> float:
        """The share that was right."""
        return sum(right for _, right in self.answers) / self.rows

    @property
    def interval(self) -> tuple[float, float]:
        """Between what bounds the ratio is beyond these rows, with 95 % confidence.

        E. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.
        """
        shrunk = Z**2 / self.rows
        center = (self.ratio + shrunk / 2) / (1 + shrunk)
        reach = sqrt(self.ratio * (1 - self.ratio) * shrunk + shrunk**2 / 4) / (1 + shrunk)
        return center - reach, center + reach

    @property
    def period(self) -> tuple[datetime, datetime]:
        """When the first and the last was made."""
        times = [time for time, _ in self.answers]
        return min(times), max(times)


def describe(version: str, found: Accuracy) -> str:
    """Return a sentence on one version, with what its figure rests on."""
    low, high = found.interval
    since, until = found.period
    return (
        f"Version {version} was right in {found.ratio:.1%} ({low:.1%} to {high:.1%}) of {found.rows} labelled "
        f"predictions, {since:%Y-%m-%d %H:%M} to {until:%Y-%m-%d %H:%M}; {found.captured - found.rows} have no label."
    )


def compare(accuracies: dict[str, Accuracy]) -> str:
    """Return a sentence that compares the two latest versions over the time in which both answered.

    The bounds of the difference are by R. Newcombe, "Interval estimation for the difference between independent
    proportions", Statistics in Medicine 17, 1998, method 10.
    """
    (older, first), (newer, second) = sorted(accuracies.items(), key=lambda each: each[1].period[1])[-2:]
    since, until = (max(first.period[0], second.period[0]), min(first.period[1], second.period[1]))
    a, b = (_during(each, since, until) for each in (first, second))
    if not (a.rows and b.rows):
        return f"Versions {older} and {newer} answered at different times, so this does not tell which is better."
    difference = b.ratio - a.ratio
    low = difference - hypot(b.ratio - b.interval[0], a.interval[1] - a.ratio)
    high = difference + hypot(b.interval[1] - b.ratio, a.ratio - a.interval[0])
    chance = ", so it may be chance" if low <= 0 <= high else ""
    return (
        f"While both answered, version {older} was right in {a.ratio:.1%} of {a.rows} and version {newer} in "
        f"{b.ratio:.1%} of {b.rows}: the difference is {low:+.1%} to {high:+.1%}{chance}."
    )


def _during(found: Accuracy, since: datetime, until: datetime) -> Accuracy:
    return Accuracy([each for each in found.answers if since <= each[0] <= until], found.captured)
