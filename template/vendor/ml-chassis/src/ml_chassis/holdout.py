"""Decides which rows are held out, by a rule that looks at one row at a time.

A row stays on its side whatever rows come, go or change places, and the rule that is recorded with a model tells later
which rows it did not learn from.
"""

from datetime import datetime
from hashlib import blake2b
from math import sqrt
from typing import Annotated, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype
from pydantic import BaseModel, Field, TypeAdapter

from ml_chassis.errors import DataError
from ml_chassis.kinds import dates_of, shown

Mask = NDArray[np.bool_]


class ByHash(BaseModel, frozen=True):
    """Hold a row out if the hash of its values in `columns`, as a number in [0, 1), is below `share`."""

    kind: Literal["blake2b-1"] = "blake2b-1"
    """Another way to hash is another kind, so that an old rule is never misread."""
    columns: tuple[str, ...]
    """The columns that the rule looks at."""
    seed: int
    """With another one, the same rows have other hashes."""
    share: float
    """The share of rows to hold out, in (0, 1)."""
    moved: tuple[float, ...] = ()
    """The numbers of rows that are on the other side, as a class would have no row there without them."""
    hashed_as: tuple[str, ...] = ()
    """What the values in each column were; of another kind, the same rows have other hashes."""

    def holds_out(self, rows: pd.DataFrame) -> Mask:
        """Return which rows are held out, as booleans of shape [rows]."""
        places = self.places(rows)
        held_out: Mask = (places < self.share) ^ np.isin(places, self.moved)
        return held_out

    def changed(self, rows: pd.DataFrame) -> list[str]:
        """Return the columns that are of another kind than when they held rows out, so that it is unknown which."""
        return [name for name, was in zip(self.columns, self.hashed_as, strict=False) if _hashed_as(rows[name]) != was]

    def places(self, rows: pd.DataFrame) -> NDArray[np.float64]:
        """Return the numbers of the rows."""
        table = np.column_stack([_eight_bytes(rows[column]) for column in self.columns])
        data, width, salt = table.tobytes(), 8 * len(self.columns), str(self.seed).encode()
        hashes = [blake2b(data[at : at + width], digest_size=6, key=salt) for at in range(0, len(data), width)]
        return np.array([int.from_bytes(each.digest(), "big") for each in hashes]) / 2**48


class ByTime(BaseModel, frozen=True):
    """Hold a row out if its value in `column` is later than `cut`."""

    kind: Literal["time-1"] = "time-1"
    """Another way to compare times is another kind, so that an old rule is never misread."""
    column: str
    """The column of times or numbers."""
    cut: float | datetime
    """The last moment that is learned from: a number, or a time in UTC."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule looks at."""
        return (self.column,)

    def holds_out(self, rows: pd.DataFrame) -> Mask:
        """Return which rows are held out, as booleans of shape [rows].

        Raises:
            DataError: a value is neither a time nor a number.
        """
        return (_moments(rows[self.column]) > self.cut).to_numpy()

    def changed(self, rows: pd.DataFrame) -> list[str]:
        """Return the column where it holds no time any more, or another kind of it."""
        try:
            self.holds_out(rows)
        except (DataError, TypeError):
            return [self.column]
        return []


Rule = Annotated[ByHash | ByTime, Field(discriminator="kind")]
"""What held rows out. Its `holds_out` tells of any rows with its `columns` which these are."""


def read_rule(text: str) -> ByHash | ByTime:
    """Return the rule that was written as JSON.

    Args:
        text: what `model_dump_json` of the rule gave.

    Raises:
        ValueError: it is no rule, or of a kind that is unknown here.
    """
    return TypeAdapter[ByHash | ByTime](Rule).validate_json(text)


class Parts(NamedTuple):
    """The rows on both sides, and the rule that tells them apart."""

    training: pd.DataFrame
    """The rows to learn from, with the target."""
    held_out: pd.DataFrame
    """The rows to judge by, with the same columns."""
    rule: ByHash | ByTime
    """What tells, of these rows or later ones, which are held out."""


def hold_out(rows: pd.DataFrame, target: str, share: float, seed: int, key: str = "", time: str = "") -> Parts:
    """Divide rows into those to learn from and those to judge by.

    Args:
        rows: valid rows, one column per feature and the target.
        target: the label column, which has no say in where a row goes.
        share: the share of rows to hold out, in (0, 1).
        seed: another one holds out other rows.
        key: a column whose equal values stay together. By default rows with equal features do.
        time: a column of times or numbers; then the latest rows are held out.

    Returns:
        Rows in their order. The key or time is their index, as it is no feature.

    Raises:
        DataError: a column is missing or cannot divide, or too little is left on one side.
    """
    named = key or time
    if named and (named not in rows.columns or named == target):
        setting, others = "SPLIT_KEY" if key else "SPLIT_TIME", rows.columns.drop(target)
        raise DataError(f"{setting}={named!r} names no column beside the target; there are {', '.join(others)}.")
    if named and rows[named].isna().any():
        raise DataError(f"Column {named!r} decides which rows are held out, and has no value in some; fill it in.")
    rule = _by_time(rows, time, share) if time else _by_hash(rows, target, share, seed, key)
    held_out = rule.holds_out(rows)
    _check(rows, target, held_out, share, rule)
    divided = rows.set_index(named) if named else rows
    return Parts(divided[~held_out], divided[held_out], rule)


def _by_hash(rows: pd.DataFrame, target: str, share: float, seed: int, key: str) -> ByHash:
    columns = (key,) if key else tuple(sorted(rows.columns.drop(target)))
    kinds = tuple(_hashed_as(rows[name]) for name in columns)
    rule = ByHash(columns=columns, seed=seed, share=share, hashed_as=kinds)
    places = pd.Series(rule.places(rows))
    moved = set()
    for _, own in places.groupby(rows[target].to_numpy()):
        if own.nunique() > 1 and (own < share).nunique() == 1:  # a small class, all on one side
            moved.add(float(own.iloc[(own - share).abs().argmin()]))
    return rule.model_copy(update={"moved": tuple(sorted(moved))})


def _by_time(rows: pd.DataFrame, column: str, share: float) -> ByTime:
    moments = _moments(rows[column]).sort_values()
    last = moments.iloc[max(round(len(rows) * (1 - share)) - 1, 0)]
    return ByTime(column=column, cut=last.floor("us").to_pydatetime() if isinstance(last, pd.Timestamp) else last)


def _check(rows: pd.DataFrame, target: str, held_out: Mask, share: float, rule: ByHash | ByTime) -> None:
    """Refuse a division that cannot train or judge, or is far from what was asked."""
    count, asked = int(held_out.sum()), len(rows) * share
    chance = 4 * sqrt(asked * (1 - share))
    too_few = count < asked / 2 or len(rows) - count < (len(rows) - asked) / 2
    distinct = rows[list(rule.columns)].drop_duplicates().shape[0]
    found = f"{count} of {len(rows)} rows are held out"
    by = f"they have {distinct} distinct values in {', '.join(map(repr, rule.columns[:3]))}"
    remedy = "Name a column that tells more rows apart in SPLIT_KEY, or try another RANDOM_SEED."
    if isinstance(rule, ByTime):
        remedy = "Name a column that tells more rows apart in SPLIT_TIME, or change TEST_SHARE."
    if count in (0, len(rows)) or (too_few and abs(count - asked) > chance):
        raise DataError(f"{found}, where TEST_SHARE={share:g} asks for {asked:.0f}: {by}. {remedy}")
    if rows.loc[~held_out, target].nunique() < 2:
        raise DataError(f"{found}, and the others hold one class of {target!r} only: {by}. {remedy}")


def _moments(column: pd.Series) -> pd.Series:
    """Return times in UTC, or numbers as floats.

    Raises:
        DataError: a value is neither.
    """
    if is_numeric_dtype(column):
        return column.astype(float)
    if is_datetime64_any_dtype(column):
        return pd.to_datetime(column, utc=True)
    moments, fits = dates_of(column.astype(object))
    if not fits.all():
        found = shown(column[~fits])
        raise DataError(f"Column {column.name!r} of SPLIT_TIME holds no dates in ISO 8601, from 1678 to 2261: {found}.")
    return pd.to_datetime(moments, utc=True)


def _plain(column: pd.Series) -> pd.Series:
    """Return a column in the dtype of its values, however it happens to be stored."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    return column.convert_dtypes() if column.dtype == object else column


def _hashed_as(column: pd.Series) -> str:
    plain = _plain(column)
    return "dates" if is_datetime64_any_dtype(plain) else "numbers" if is_numeric_dtype(plain) else "texts"


def _eight_bytes(column: pd.Series) -> NDArray[np.uint64]:
    """Return eight bytes for each value, the same however a column happens to be stored."""
    column = _plain(column)
    if is_datetime64_any_dtype(column):
        return column.to_numpy("datetime64[ns]").astype("<i8").view("<u8")
    if is_numeric_dtype(column):
        numbers = column.to_numpy("<f8", na_value=np.nan) + 0.0  # which makes -0.0 the same as 0.0
        return np.where(np.isnan(numbers), np.nan, numbers).view("<u8")
    codes, values = pd.factorize(column)
    digests = [blake2b(str(value).encode(), digest_size=8).digest() for value in values]
    return np.frombuffer(b"".join([*digests, bytes(8)]), "<u8")[codes]  # a missing value has the code -1
