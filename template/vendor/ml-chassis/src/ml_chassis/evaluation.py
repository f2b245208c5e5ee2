"""Measures a model on held-out rows, and decides whether it may replace the champion."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import sqrt
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.inspection import permutation_importance
from sklearn.metrics import confusion_matrix
from sklearn.pipeline import Pipeline

from ml_chassis import rival
from ml_chassis.holdout import Rule
from ml_chassis.rival import FEWEST_ROWS, Champion, Terms

Metrics = dict[str, float]
"""Scores by name, each in 0..1, higher is better."""
Measure = Callable[[pd.Series, NDArray[Any]], Metrics]
"""Returns the metrics of actual and predicted labels, both of shape [rows]: a project's own `evaluation.measure`."""
RESAMPLES = 100
MOST_DRAWN = 5_000
MOST_REPEATED = 100
"""Of more features, each is shuffled once, as the model answers all rows for each shuffle."""


@dataclass(frozen=True)
class Verdict:
    """What the gate said of a candidate."""

    metrics: Metrics
    """Its scores on all held-out rows."""
    passed: bool
    """Whether it may become the champion."""
    reason: str
    """The sentence that says why, which the registry shows."""
    terms: str = ""
    """A `Terms` as JSON, for the gate of the next candidate, or nothing where the rule is not known."""
    champion: int | None = None
    """The version that was champion then, if there was one."""

    def write(self, path: str | Path) -> None:
        """Write the verdict as JSON."""
        Path(path).write_text(json.dumps(asdict(self), indent=2))

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Return the verdict that `write` wrote.

        Raises:
            OSError: there is no such file.
        """
        return cls(**json.loads(Path(path).read_text()))


def score(model: ClassifierMixin, rows: pd.DataFrame, target: str, measure: Measure) -> Metrics:
    """Return the metrics of the model's answers for `rows`."""
    return measure(rows[target], model.predict(rows.drop(columns=target)))


def judge(
    candidate: Pipeline,
    champion: Champion | None,
    training_rows: pd.DataFrame,
    held_out_rows: pd.DataFrame,
    target: str,
    metric: str,
    margin: float,
    measure: Measure,
    rule: Rule | None = None,
) -> Verdict:
    """Pass the candidate if its metric is above its rival's by more than the margin, on the same held-out rows.

    The rival is the champion, on rows that it did not learn from either; where too few are known to be new to it, on
    all. Where there is no champion, or none to compare with, as it predicts something else, the rival always answers
    the most frequent label.

    Args:
        candidate: a fitted model.
        champion: the model to replace, if there is one.
        training_rows: the rows that the candidate learned from, one column per feature and the target.
        held_out_rows: the rows to judge by, with the same columns.
        target: the label column of both.
        metric: the name of the deciding metric.
        margin: by how much the candidate must beat its rival, in [0, 1).
        measure: returns the metrics, each in 0..1, of actual and predicted labels, one for each row.
        rule: what held the rows out; the verdict keeps it.

    Returns:
        The candidate's metrics on all held-out rows, and a reason that names both values and how sure they differ.

    Raises:
        KeyError: `measure` gives no such metric.
    """
    other = rival.find(champion, training_rows, held_out_rows, target, metric)
    actual = other.rows[target]
    answers = candidate.predict(other.rows.drop(columns=target))
    ours, theirs = measure(actual, answers)[metric], measure(actual, other.answers)[metric]
    passed = ours > theirs + margin
    verb = "beats" if passed else "does not beat"
    by = f" by more than {margin:g}" if margin else ""
    sure = _sureness(actual, answers, other.answers, metric, measure)
    notes = [sure, *other.notes, *_one_sided(training_rows[target], held_out_rows[target])]
    reason = "; ".join([f"{metric} {ours:.4f} {verb} {other.name} ({theirs:.4f}){by}", *notes])
    terms = Terms(target=target, metric=metric, rule=rule).model_dump_json() if rule else ""
    version = champion.version if champion else None
    return Verdict(score(candidate, held_out_rows, target, measure), passed, reason, terms, version)


def interval(
    actual: pd.Series, ours: NDArray[Any], theirs: NDArray[Any], metric: str, measure: Measure
) -> tuple[float, float]:
    """Return between what bounds the true difference of two models' metric is, with 95 % confidence.

    By the standard error of a bootstrap over the rows, which pairs the models: Efron and Tibshirani, "An Introduction
    to the Bootstrap", 1993, chapter 6. Of many rows it draws fewer, and scales the error.
    """
    draws, drawn = np.random.default_rng(0), min(len(actual), MOST_DRAWN)
    found = []
    for _ in range(RESAMPLES):
        at = draws.integers(len(actual), size=drawn)
        labels = actual.iloc[at]
        found.append(measure(labels, ours[at])[metric] - measure(labels, theirs[at])[metric])
    difference = measure(actual, ours)[metric] - measure(actual, theirs)[metric]
    reach = 1.96 * float(np.std(found)) * sqrt(drawn / len(actual))
    return difference - reach, difference + reach


def confusion(model: ClassifierMixin, rows: pd.DataFrame, target: str) -> tuple[list[Any], NDArray[np.int64]]:
    """Return the labels and a square matrix of counts: actual label by row, predicted label by column."""
    predicted = model.predict(rows.drop(columns=target))
    labels = sorted(set(rows[target]) | set(predicted))
    return labels, confusion_matrix(rows[target], predicted, labels=labels)


def importance(model: ClassifierMixin, rows: pd.DataFrame, target: str, seed: int) -> pd.Series:
    """Return by how much accuracy falls when a feature is shuffled, most important first.

    Permutation importance: Breiman, "Random Forests", Machine Learning 45, 2001, section 10.
    """
    features = rows.drop(columns=target)
    repeats = 5 if features.shape[1] <= MOST_REPEATED else 1
    result = permutation_importance(model, features, rows[target], n_repeats=repeats, random_state=seed)
    return pd.Series(result.importances_mean, index=features.columns).sort_values(ascending=False)


def _sureness(actual: pd.Series, ours: NDArray[Any], theirs: NDArray[Any], metric: str, measure: Measure) -> str:
    """Say how sure the difference is."""
    if np.array_equal(ours, theirs):
        return f"both answer all {len(actual)} rows alike"
    if len(actual) < FEWEST_ROWS:
        return f"{len(actual)} rows are too few to be sure"
    low, high = interval(actual, ours, theirs, metric, measure)
    chance = ", so it may be chance" if low <= 0 <= high else ""
    return f"on {len(actual)} rows the difference is {low:+.4f} to {high:+.4f} (95 %){chance}"


def _one_sided(training: pd.Series, held_out: pd.Series) -> list[str]:
    """Say which classes are missing on a side."""
    sides = {"held-out": set(training) - set(held_out), "training": set(held_out) - set(training)}
    return [f"no {side} row is of class {', '.join(map(str, sorted(gone)))}" for side, gone in sides.items() if gone]
