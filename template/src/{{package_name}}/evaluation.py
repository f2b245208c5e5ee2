"""Measures a model's answers. The setting `gate_metric` names the figure that decides on promotion."""

from typing import Any

import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score


def measure(actual: pd.Series, predicted: NDArray[Any]) -> dict[str, float]:
    """Return figures in 0..1, the higher the better, of the labels and the model's answers, one for each row."""
    return {
        "accuracy": float(accuracy_score(actual, predicted)),
        "f1_macro": float(f1_score(actual, predicted, average="macro")),
    }
