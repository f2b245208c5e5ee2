"""Where the rows come from."""

from collections.abc import Collection

import pandas as pd
from ml_chassis.data import read_rows
from ml_chassis.settings import Settings


def load(settings: Settings, texts: Collection[str] = ()) -> pd.DataFrame:
    """Return the rows of DATA_URI, each column in the dtype of its kind.

    Args:
        settings: where the rows are.
        texts: the columns of a CSV file that hold texts, whatever these look like.

    Raises:
        DataError: they cannot be read.
    """
    return read_rows(settings, texts)
