"""Rows at the edges of what a model has seen, on which two runtimes of it would answer differently if on any."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ml_chassis.bounds import LARGEST

MOST_ROWS, MOST_CELLS = 20_000, 5_000_000
"""Of what is returned. A wide table gets fewer values of each column, and a very wide one of some columns only."""
FEWEST_ROWS = 9
"""Of a column: a value and its neighbours, and what lies outside."""
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
    most = min(MOST_ROWS, MOST_CELLS // training.shape[1])
    places = _spread(training.shape[1], max(most // FEWEST_ROWS, 1))
    most_of_one = max(most // (3 * len(places)), 1)
    others, parts = rows.to_numpy(np.float64), []
    for place in places:
        values = _values(training.iloc[:, place].to_numpy(np.float64), most_of_one)
        part = others[np.arange(len(values)) % len(others)]
        part[:, place] = values
        parts.append(part)
    return pd.DataFrame(np.concatenate(parts), columns=training.columns)


def _values(column: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    known = np.unique(column[~np.isnan(column)])
    if not known.size:
        return np.array([0.0, -LARGEST, LARGEST, np.nan])
    thresholds = np.concatenate([known, (known[:-1] + known[1:]) / 2])
    some = np.sort(thresholds)[_spread(thresholds.size, most)]
    width = known[-1] - known[0]
    outside = [known[0] - FAR * width, known[-1] + FAR * width, 0.0, -LARGEST, LARGEST, np.nan]
    return np.concatenate([some, np.nextafter(some, -np.inf), np.nextafter(some, np.inf), outside])


def _spread(size: int, most: int) -> NDArray[np.int64]:
    """Return so many places at most, evenly spread over all."""
    return np.linspace(0, size - 1, min(size, most)).astype(np.int64)
