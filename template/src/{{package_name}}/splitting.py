"""Holds rows out, so that a model is judged on rows it never saw."""

import pandas as pd


def split(frame: pd.DataFrame, target: str, test_share: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return training and held-out rows, with each class in both in the same proportion.

    Args:
        frame: valid rows, with at least two of each class.
        target: the class column.
        test_share: the share of each class to hold out, in (0, 1); at least one row of each class goes to either side.
        seed: the same seed holds out the same rows.
    """
    shuffled = frame.sample(frac=1, random_state=seed)
    position = shuffled.groupby(target, observed=True).cumcount()
    size = shuffled.groupby(target, observed=True)[target].transform("size")
    wanted = (size * test_share).round().clip(lower=1, upper=size - 1)
    held_out = position < wanted
    return shuffled[~held_out].sort_index(), shuffled[held_out].sort_index()
