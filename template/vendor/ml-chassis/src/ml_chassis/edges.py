"""Rows at the edges of what a model has seen, on which two runtimes of it would answer differently if on any."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_chassis.bounds import LARGEST

MOST_VALUES = 200
"""Of each column, spread evenly over what it holds."""
FAR = 10.0
"""How many times its range a value may lie outside what training had."""


def edges(training: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of which each has one value at an edge.

    A tree splits at a value of its training rows, or midway between two neighbours, so each column gets these in turn,
    the next numbers on either side of them, numbers far outside, the greatest that a server takes, and none.

    Args:
        training: what the model learned from: numeric columns, [rows, columns].
        rows: what the other values of each row are taken from, one after the other; with the same columns.
    """
    parts = []
    for name in training.columns:
        values = _values(training[name].to_numpy(np.float64))
        taken = rows.iloc[np.arange(len(values)) % len(rows)]
        parts.append(taken.astype({name: np.float64}).assign(**{name: values}))
    return pd.concat(parts, ignore_index=True)


def _values(column: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.unique(column[~np.isnan(column)])
    if not known.size:
        return np.array([0.0, -LARGEST, LARGEST, np.nan])
    thresholds = np.concatenate([known, (known[:-1] + known[1:]) / 2])
    some = np.sort(thresholds)[np.linspace(0, thresholds.size - 1, min(thresholds.size, MOST_VALUES)).astype(int)]
    width = known[-1] - known[0]
    outside = [known[0] - FAR * width, known[-1] + FAR * width, 0.0, -LARGEST, LARGEST, np.nan]
    return np.concatenate([some, np.nextafter(some, -np.inf), np.nextafter(some, np.inf), outside])
