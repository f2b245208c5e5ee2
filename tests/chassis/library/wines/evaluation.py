"""Measures a model's answers."""

from typing import Any

import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score


def measure(actual: pd.Series, predicted: NDArray[Any]) -> dict[str, float]:
    """Return figures in 0..1 of the labels and the model's answers."""
    return {
        "accuracy": float(accuracy_score(actual, predicted)),
        "f1_macro": float(f1_score(actual, predicted, average="macro")),
    }
