"""Measures a model on held-out rows, and decides whether it may replace the champion."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.inspection import permutation_importance
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from sklearn.pipeline import Pipeline

Metrics = dict[str, float]
"""Scores by name, each in 0..1, higher is better."""


class Champion(NamedTuple):
    """The model to beat."""

    version: int
    model: Pipeline


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


def score(model: ClassifierMixin, rows: pd.DataFrame, target: str) -> Metrics:
    """Return the accuracy and the macro-averaged F1 of the model's answers for `rows`."""
    predicted = model.predict(rows.drop(columns=target))
    return {
        "accuracy": float(accuracy_score(rows[target], predicted)),
        "f1_macro": float(f1_score(rows[target], predicted, average="macro")),
    }


def judge(
    candidate: Pipeline,
    champion: Champion | None,
    training_rows: pd.DataFrame,
    held_out_rows: pd.DataFrame,
    target: str,
    metric: str,
    margin: float,
) -> Verdict:
    """Pass the candidate if its metric is above its rival's by more than the margin, on the same held-out rows.

    The rival is the champion or, where there is none or it takes other columns, the most frequent label.

    Args:
        candidate: a fitted model.
        champion: the model to replace, if there is one.
        training_rows: the rows that the candidate learned from.
        held_out_rows: the rows to judge by.
        target: the label column of both.
        metric: the name of the deciding metric.
        margin: by how much the candidate must beat its rival.
    """
    if champion is None:
        rival, name = _baseline(training_rows, target), "the baseline"
    elif list(champion.model.feature_names_in_) != list(candidate.feature_names_in_):
        rival = _baseline(training_rows, target)
        name = f"the baseline (champion version {champion.version} takes other columns)"
    else:
        rival, name = champion.model, f"champion version {champion.version}"
    metrics = score(candidate, held_out_rows, target)
    ours, theirs = metrics[metric], score(rival, held_out_rows, target)[metric]
    passed = ours > theirs + margin
    verb = "beats" if passed else "does not beat"
    by = f" by more than {margin:g}" if margin else ""
    return Verdict(metrics, passed, f"{metric} {ours:.4f} {verb} {name} ({theirs:.4f}){by}")


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
    result = permutation_importance(model, features, rows[target], n_repeats=5, random_state=seed)
    return pd.Series(result.importances_mean, index=features.columns).sort_values(ascending=False)


def _baseline(rows: pd.DataFrame, target: str) -> DummyClassifier:
    """Return a classifier that always answers the most frequent label of `rows`."""
    return DummyClassifier(strategy="most_frequent").fit(rows.drop(columns=target), rows[target])
