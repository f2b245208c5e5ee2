"""Measures a model on held-out rows."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.inspection import permutation_importance
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score

from .verdict import Metrics


def score(model: ClassifierMixin, rows: pd.DataFrame, target: str) -> Metrics:
    """Return the accuracy and the macro-averaged F1 of the model's answers for `rows`."""
    predicted = model.predict(rows.drop(columns=target))
    return {
        "accuracy": float(accuracy_score(rows[target], predicted)),
        "f1_macro": float(f1_score(rows[target], predicted, average="macro")),
    }


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
