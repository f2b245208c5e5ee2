"""Types rows as they were read, by way of Arrow, which knows the types of every source."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import types

from ml_chassis.bounds import MOST_EXACT
from ml_chassis.errors import DataError
from ml_chassis.kinds import shown

REMEDIES = {
    "duration": "make it a number of seconds",
    "time32": "make it a number of seconds",
    "time64": "make it a number of seconds",
    "binary": "make it text",
    "large_binary": "make it text",
    "fixed_size_binary": "make it text",
    "list": "spread it over columns",
    "large_list": "spread it over columns",
    "fixed_size_list": "spread it over columns",
    "struct": "spread it over columns",
    "map": "spread it over columns",
}
"""What to do about a type that is of no kind, by the name of Arrow's type without its parameters."""


class _RefusedError(Exception):
    """The end of a sentence that begins with the name of a column."""


def typed(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with each column in the dtype of its kind. No value changes.

    | Kind | dtype | Where values are missing |
    | --- | --- | --- |
    | booleans | `bool` | `boolean`, with NA |
    | integers that int64 holds | `int64` | `float64`, with NaN, up to 2^53 |
    | floats, decimals of up to 15 digits | `float64` | `float64`, with NaN |
    | texts, and dictionaries of them | `object` | `object`, with None |
    | dates and timestamps of 1678 to 2261, as in UTC | `datetime64[ns]` | `datetime64[ns]`, with NaT |

    Args:
        rows: of any dtypes, also those of Arrow.

    Returns:
        As many rows and columns, in the same order and with the same index.

    Raises:
        DataError: a column is of no kind; the message names each such column, and what to do.
    """
    columns: dict[str, Any] = {}
    refused = []
    for name, column in rows.items():
        try:
            if str(name) in columns:
                raise _RefusedError("is there twice; rename one")
            columns[str(name)] = _typed(_arrow(column))
        except _RefusedError as error:
            refused.append(f"Column {name!r} {error}, or drop it.")
    if refused:
        raise DataError(" ".join(refused))
    return pd.DataFrame(columns, index=rows.index)


def _arrow(column: pd.Series) -> pa.Array:
    try:
        values = pa.array(column.array, from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise _RefusedError(f"cannot be typed ({str(error).splitlines()[0]}); make it text") from None
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return values.dictionary_decode() if types.is_dictionary(values.type) else values


def _typed(values: pa.Array) -> Any:
    """Return an array or Series in the dtype of its kind."""
    kind = values.type
    if types.is_null(kind):
        return np.full(len(values), np.nan)
    if types.is_boolean(kind):
        return pd.Series(values.to_pandas(), dtype="boolean" if values.null_count else "bool").array
    if types.is_integer(kind):
        return _integers(values)
    if types.is_floating(kind):
        return values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    if types.is_decimal(kind):
        return _decimals(values)
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return values.to_numpy(zero_copy_only=False)
    if types.is_date(kind) or types.is_timestamp(kind):
        return _dates(values)
    remedy = REMEDIES.get(str(kind).partition("<")[0].partition("[")[0], "make it a number or text")
    raise _RefusedError(f"holds {kind}, which no model is trained on or served with; {remedy}")


def _integers(values: pa.Array) -> Any:
    try:
        whole = values.cast(pa.int64())
    except pa.ArrowInvalid:
        found = pd.Series(values.to_pylist(), dtype=object)
        raise _RefusedError(f"has integers beyond int64: {shown(found[found >= 2**63])}; make it text") from None
    if not whole.null_count:
        return whole.to_numpy()
    found = pd.Series(whole.fill_null(0).to_numpy())
    if (inexact := found[found.abs() > MOST_EXACT]).size:
        reason = "has missing values, so it is typed as float64, which cannot hold"
        raise _RefusedError(f"{reason} {shown(inexact)}; make it text")
    return whole.cast(pa.float64()).to_numpy(zero_copy_only=False)


def _decimals(values: pa.Array) -> NDArray[np.float64]:
    """Return decimals as the floats that read the same, which those of up to 15 digits all have."""
    decimals = values.to_pylist()
    floats = np.array([np.nan if value is None else float(value) for value in decimals], dtype=np.float64)
    pairs = enumerate(zip(decimals, floats.tolist(), strict=True))
    if inexact := {row: value for row, (value, found) in pairs if value is not None and Decimal(repr(found)) != value}:
        raise _RefusedError(f"has decimals that float64 cannot hold: {shown(pd.Series(inexact))}; cast it to text")
    return floats


def _dates(values: pa.Array) -> Any:
    """Return dates and timestamps as datetime64[ns]; those of a time zone become the same instants in UTC."""
    zone = getattr(values.type, "tz", None)
    try:
        return values.cast(pa.timestamp("ns", zone)).cast(pa.timestamp("ns")).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:
        raise _RefusedError("has dates outside the years 1678 to 2261; make it text") from None
