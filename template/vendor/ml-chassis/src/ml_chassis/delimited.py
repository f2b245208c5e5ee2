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
MAY_LEAD_WITH_ZERO = re.compile(rb'(?:^|[,"\r\n])' + LEADING_ZERO.encode())
OTHER_SEPARATORS = re.compile(r"[;\t|]")


def read_csv(source: IO[bytes], texts: Collection[str] = ()) -> pd.DataFrame:
    """Return the rows of a CSV file in Arrow's dtypes.

    Args:
        source: the file.
        texts: the columns that hold texts, even where all that they hold in this file is numbers.

    Raises:
        DataError: the file is not in UTF-8, its values are not separated by commas, its header does not give each
            column a name of its own, or a row has fewer or more values than that.
    """
    content = source.read()
    if b"\0" in content:
        raise DataError("it holds bytes of 0, as UTF-16 and files that are no text do; write it as text in UTF-8")
    try:
        _check_header(content)
        _check_lengths(content)
        rows = _parse(content, dtype=dict.fromkeys(texts, "string[pyarrow]"))
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise DataError(f"it is not in UTF-8 (byte {byte:#x}); convert it, with iconv for example") from None
    except EmptyDataError:
        raise DataError("it is empty") from None
    numeric = ("int", "uint", "null", "double") if MAY_LEAD_WITH_ZERO.search(content) else ("int", "uint", "null")
    doubtful = {name for name, dtype in rows.dtypes.items() if str(dtype).startswith(numeric)}
    if doubtful:
        written = _parse(content, dtype=str, usecols=lambda name: name in doubtful)
        for name in written:
            if _is_no_number(written[name], rows[name]):
                rows[name] = written[name]
    return rows


def _check_header(content: bytes) -> None:
    """Refuse a header without commas, or one that names a column twice or not at all: pandas would name it."""
    header = pd.read_csv(BytesIO(content), header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0]
    if header.size == 1 and (separator := OTHER_SEPARATORS.search(header[0])):
        raise DataError(f"its values are separated by {separator[0]!r}; write it with commas")
    if header.duplicated().any() and (twice := header[header.duplicated()].iloc[0]):
        raise DataError(f"its header names {twice!r} twice; rename one of these columns")
    if (nameless := header == "").any():
        place = int(nameless.argmax()) + 1
        raise DataError(f"its header has no name for column {place}; name it, or drop it if it only counts the rows")


def _check_lengths(content: bytes) -> None:
    """Refuse rows that have fewer values than the header has names, which pandas would fill, or more."""
    from pyarrow import binary, csv  # slow to import

    found: list[csv.InvalidRow] = []

    def note(row: csv.InvalidRow) -> str:
        found.append(row)
        return "skip"

    csv.read_csv(
        BytesIO(content),
        csv.ReadOptions(use_threads=False, autogenerate_column_names=True),
        csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note),
        csv.ConvertOptions(include_columns=["f0"], column_types={"f0": binary()}),
    )
    if found:
        row = found[0].number - 2  # counted from 1, the header too
        counts = f"{found[0].actual_columns} values where its header has {found[0].expected_columns} names"
        raise DataError(f"row {row} has {counts}; leave a value that is missing empty, between its commas")


def _is_no_number(written: pd.Series, parsed: pd.Series) -> bool:
    """Return whether digits say more than int64 can, or were lost: pandas takes the largest uint64 for missing."""
    beyond = str(parsed.dtype).startswith("uint") or written.count() > parsed.count()
    return beyond or bool(written.str.match(LEADING_ZERO).any())


def _parse(content: bytes, **options: Any) -> pd.DataFrame:
    # The whole file at once, as pandas may type each part of a column by itself, and each float as written.
    exact: dict[str, Any] = {"low_memory": False, "float_precision": "round_trip", "dtype_backend": "pyarrow"}
    rows: pd.DataFrame = pd.read_csv(BytesIO(content), **exact, **options)
    return rows
