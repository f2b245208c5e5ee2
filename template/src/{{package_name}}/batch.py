"""Predicts many rows at once."""

import pandas as pd
from sklearn.pipeline import Pipeline

from .errors import DataError


def predict(model: Pipeline, rows: pd.DataFrame, target: str) -> pd.DataFrame:
    """Return `rows` with the model's answers in a column `predicted_<target>`.

    Raises:
        DataError: the rows lack a column that the model needs.
    """
    missing = [column for column in model.feature_names_in_ if column not in rows.columns]
    if missing:
        raise DataError(f"The rows lack {', '.join(map(repr, missing))}, which the model needs; check DATA_URI.")
    return rows.assign(**{f"predicted_{target}": model.predict(rows[list(model.feature_names_in_)])})
