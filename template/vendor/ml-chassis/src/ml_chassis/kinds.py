"""The kinds of columns: how each is read, typed and served, and what is refused. `docs/data.md` shows the table."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_float_dtype, is_integer_dtype

from ml_chassis.bounds import MOST_EXACT

MOST_CATEGORIES = 50
"""How many values a text or date may have for a model to learn from each."""
ROWS_SHOWN = 5
CHARACTERS_SHOWN = 80


@dataclass(frozen=True)
class Kind:
    """A row of the table."""

    plural: str
    read_from: str
    dtype: str
    """What `schema.yaml` calls it."""
    missing_dtype: str
    """What `schema.yaml` calls it where values may be missing."""
    missing: str
    """What stands for a missing value in the rows."""
    signature: str
    """What MLflow calls it."""
    datatype: str
    """What the Open Inference Protocol V2 calls it."""


BOOLEAN = Kind("booleans", "booleans", "bool", "boolean", "NA", "boolean", "BOOL")
INTEGER = Kind("integers", "integers that int64 holds", "int64", "float64", "NaN, as numbers", "long", "INT64")
NUMBER = Kind(
    "numbers",
    "floats, decimals of up to 15 digits, integers with missing values up to 2^53, columns without a value",
    "float64",
    "float64",
    "NaN",
    "double",
    "FP64",
)
TEXT = Kind("texts", "texts, and dictionaries of them", "str", "str", "None", "string", "BYTES")
DATE = Kind(
    "dates",
    "dates, and timestamps as in UTC, from 1678 to 2261",
    "datetime64[ns]",
    "datetime64[ns]",
    "NaT",
    "datetime",
    "BYTES, as ISO 8601",
)
KINDS = (BOOLEAN, INTEGER, NUMBER, TEXT, DATE)


def kind_of(dtype: Any) -> Kind:
    """Return the kind that a dtype of pandas is for; everything that is no other kind is text."""
    if is_bool_dtype(dtype):
        return BOOLEAN
    if is_integer_dtype(dtype):
        return INTEGER
    if is_float_dtype(dtype):
        return NUMBER
    return DATE if is_datetime64_any_dtype(dtype) else TEXT


def converted(values: pd.Series, kind: Kind, nullable: bool) -> tuple[pd.Series, pd.Series]:
    """Return a typed column as a kind, and for each value whether it stays what it is.

    1 is also 1.0, and a text in the form of ISO 8601 a date. No other value is of two kinds.

    Args:
        values: a column as `arrow.typed` gives it.
        kind: what it should be.
        nullable: whether the column may have missing values, here or in other rows.
    """
    missing, found = values.isna(), kind_of(values.dtype)
    dtype: Any = kind.missing_dtype if nullable or missing.any() else kind.dtype
    if found == kind:
        return values.astype(dtype) if kind == BOOLEAN else values, missing | True
    if missing.all() and kind != INTEGER:
        empty = pd.Series(None, values.index, dtype=object)
        return empty if kind == TEXT else empty.astype(dtype), missing
    if (found, kind) == (INTEGER, NUMBER):
        return values.astype(float), values.abs() <= MOST_EXACT
    if (found, kind) == (NUMBER, INTEGER):
        whole = (values % 1 == 0) & (values.abs() < 2**63)
        return values.where(whole, 0).astype("int64"), whole
    if (found, kind) == (TEXT, DATE):
        return dates_of(values)
    return values, missing


def dates_of(texts: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return texts in the form of ISO 8601 as dates in UTC, which is also where one without an offset is.

    Returns:
        The dates, and for each text whether it is one of the years 1678 to 2261, or missing.
    """
    numeric = np.array([str(text)[:1].isdigit() for text in texts], dtype=np.bool_)  # to pandas, "now" is a date too
    dates = pd.to_datetime(texts.where(numeric), format="ISO8601", utc=True, errors="coerce").dt.tz_localize(None)
    return dates, dates.notna() | texts.isna()


def shown(values: pd.Series) -> str:
    """Return the first of some values with their rows, counted from 0, and how many more there are."""
    first = values.head(ROWS_SHOWN).astype(object).items()
    found = [f"row {row} has {value!r:.{CHARACTERS_SHOWN}}" for row, value in first]
    more = f" and {len(values) - ROWS_SHOWN} more" if len(values) > ROWS_SHOWN else ""
    return ", ".join(found) + more
