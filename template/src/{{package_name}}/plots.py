"""The pictures that go with a run."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

MOST_FEATURES = 20


def confusion_figure(labels: list[Any], counts: NDArray[np.int64]) -> Figure:
    """Draw the square matrix `counts` of actual (rows) by predicted (columns) labels."""
    figure = Figure(figsize=(1.5 + 0.8 * len(labels), 1 + 0.8 * len(labels)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(counts, cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        shade = "white" if count > counts.max() / 2 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=shade)
    ticks = range(len(labels))
    axes.set_xticks(ticks, [str(label) for label in labels])
    axes.set_yticks(ticks, [str(label) for label in labels])
    axes.set(xlabel="Predicted", ylabel="Actual", title="Held-out rows")
    return figure


def importance_figure(importance: pd.Series) -> Figure:
    """Draw the most important features as bars, the longest on top."""
    shown = importance.head(MOST_FEATURES)[::-1]
    figure = Figure(figsize=(6, 1 + 0.3 * len(shown)), layout="constrained")
    axes = figure.subplots()
    axes.barh([str(name) for name in shown.index], shown.to_numpy())
    axes.set(xlabel="Loss of accuracy when shuffled", title="Permutation importance")
    return figure
