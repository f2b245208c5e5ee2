"""Reads CSV, which says nothing of types, without changing what is written there."""

import re
from collections.abc import Collection
from io import BytesIO
from typing import IO, Any

import pandas as pd
from pandas.errors import EmptyDataError

from ml_chassis.errors import DataError

LEADING_ZERO = r"[+-]?0\d"
"""How digits begin that are no number: 007 is not 7."""
OTHER_SEPARATORS = re.compile(r"[;\t|]")


def read_csv(source: IO[bytes], texts: Collection[str] = ()) -> pd.DataFrame:
    """Return the rows of a CSV file in Arrow's dtypes.

    Args:
        source: the file.
        texts: the columns that hold texts, even where all that they hold in this file is numbers.

    Raises:
        DataError: the file is not in UTF-8, its values are not separated by commas, or its header does not give each
            column a name of its own.
    """
    content = source.read()
    if b"\0" in content:
        raise DataError("it holds bytes of 0, as UTF-16 and files that are no text do; write it as text in UTF-8")
    try:
        _check_header(content)
        rows = _parse(content, dtype=dict.fromkeys(texts, "string[pyarrow]"))
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise DataError(f"it is not in UTF-8 (byte {byte:#x}); convert it, with iconv for example") from None
    except EmptyDataError:
        raise DataError("it is empty") from None
    if not isinstance(rows.index, pd.RangeIndex):  # pandas takes the values of the first columns for an index
        raise DataError("its rows have more values than its header has names; name each column")
    whole = {name for name, dtype in rows.dtypes.items() if str(dtype).startswith(("int", "uint", "null"))}
    if whole:
        written = _parse(content, dtype=str, usecols=lambda name: name in whole)
        for name in written:
            if _is_no_integer(written[name], rows[name]):
                rows[name] = written[name]
    return rows


def _check_header(content: bytes) -> None:
    """Refuse a header without commas, or one that names a column twice or not at all, as pandas would name it."""
    header = pd.read_csv(BytesIO(content), header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0]
    if header.size == 1 and (separator := OTHER_SEPARATORS.search(header[0])):
        raise DataError(f"its values are separated by {separator[0]!r}; write it with commas")
    if nameless := (header == "").sum():
        raise DataError(f"its header has no name for {nameless} of its columns; name each, or drop a mere row count")
    if header.duplicated().any():
        raise DataError(f"its header names {header[header.duplicated()].iloc[0]!r} twice; rename one of these columns")


def _is_no_integer(written: pd.Series, parsed: pd.Series) -> bool:
    """Return whether digits say more than int64 can, or were lost: pandas takes the largest uint64 for missing."""
    beyond = str(parsed.dtype).startswith("uint") or written.count() > parsed.count()
    return beyond or bool(written.str.match(LEADING_ZERO).any())


def _parse(content: bytes, **options: Any) -> pd.DataFrame:
    # The whole file at once, as pandas may type each part of a column by itself, and each float as written.
    exact: dict[str, Any] = {"low_memory": False, "float_precision": "round_trip", "dtype_backend": "pyarrow"}
    rows: pd.DataFrame = pd.read_csv(BytesIO(content), **exact, **options)
    return rows
