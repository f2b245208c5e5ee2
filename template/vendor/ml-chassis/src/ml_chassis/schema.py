"""Writes `schema.yaml` from the data, and tells what is unusual by it."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
import yaml
from pandera.io import pandas_io

from ml_chassis.errors import DataError
from ml_chassis.kinds import DATE, INTEGER, MOST_CATEGORIES, NUMBER, TEXT, kind_of, shown
from ml_chassis.validation import NO_ROWS, check, read_schema, require_labels, warns

MOST_LABELS = 50
MOST_STRAY = 0.1
"""The share of a column's values up to which those that are no numbers are likely mistakes."""
AN_ID = "if it is an id, drop it or name it in SPLIT_KEY"
NOTE = """\
# What the data must look like. Written by the command `schema`, for you to review.
# A rule with `raise_warning: true` says what was usual: what breaks it is counted and told, and stops nothing.
"""


def infer(frame: pd.DataFrame, target: str, schema_path: Path, split_by: Iterable[str] = ()) -> None:
    """Write a schema that `frame` meets: the kinds of the columns, the target's labels, and what is usual.

    Args:
        frame: rows as `read_rows` gives them, one column per feature and the target.
        target: the column to predict, which holds classes: booleans, integers, whole numbers or texts.
        schema_path: the file to write, which is replaced.
        split_by: SPLIT_KEY and SPLIT_TIME. New rows bring new values in such a column, so none is usual.

    Raises:
        DataError: the target is missing or is no class, or the rows cannot train a classifier.
    """
    if frame.empty:
        raise DataError(NO_ROWS)
    if target not in frame.columns:
        names = ", ".join(map(repr, frame.columns))
        raise DataError(f"The data has no column {target!r} but {names}; set DATA_TARGET.")
    labels, kind = sorted(frame[target].dropna().unique().tolist()), kind_of(frame[target].dtype)
    if len(labels) > MOST_LABELS:
        raise DataError(
            f"Column {target!r} has {len(labels)} distinct values; a column of classes has {MOST_LABELS} at most."
        )
    require_labels(frame[target])
    columns = {str(name): _column(values) for name, values in frame.drop(columns=target).items()}
    for name in columns.keys() & split_by:
        columns[name].checks = []
    columns[target] = pa.Column(kind.dtype, pa.Check.isin(labels))
    schema = yaml.safe_load(pandas_io.to_yaml(pa.DataFrameSchema(columns, strict=True)))
    text = yaml.safe_dump(schema, sort_keys=False, allow_unicode=True)  # ü, not \xFC
    check(frame, target, pandas_io.from_yaml(text.encode()), schema_path.name)  # type: ignore[no-untyped-call]
    schema_path.write_text(NOTE + text, encoding="utf-8")


def remarks(frame: pd.DataFrame, target: str, schema_path: Path, split_by: Iterable[str] = ()) -> list[str]:
    """Return a sentence on each thing that is unusual in valid rows, and on each column that can hardly help a model.

    Args:
        frame: rows that `validate` has passed.
        target: the column to predict.
        schema_path: the schema by which they are valid.
        split_by: SPLIT_KEY and SPLIT_TIME. No model learns from such a column.

    Returns:
        Sentences for a person to read, with the columns and the first rows, counted from 0. They stop nothing.

    Raises:
        OSError: the schema cannot be read.
    """
    unusual = []
    for name, column in read_schema(schema_path).columns.items():
        for rule in filter(warns, column.checks):
            found = rule(frame[name].reset_index(drop=True).dropna()).failure_cases
            if found is not None and len(found):
                unusual.append(f"Column {name!r} leaves {rule.error} in {len(found):,} rows: {shown(found)}.")
    features = frame.columns.drop([target, *split_by], errors="ignore")
    return unusual + [told for name in features if (told := _of_numbers(frame[name]) or _of_an_id(frame[name]))]


def _column(values: pd.Series) -> pa.Column:
    """Return what the schema says of a feature: its kind, whether it may be missing, and what is usual."""
    kind, present = kind_of(values.dtype), values.dropna()
    usual = []
    if kind in (INTEGER, NUMBER) and present.size:
        usual = [pa.Check.in_range(present.min().item(), present.max().item(), raise_warning=True)]
    elif kind == TEXT and 0 < present.nunique() <= MOST_CATEGORIES:
        usual = [pa.Check.isin(sorted(present.unique()), raise_warning=True)]
    missing = bool(values.isna().any())
    return pa.Column(kind.missing_dtype if missing else kind.dtype, usual, nullable=missing)


def _of_numbers(values: pd.Series) -> str | None:
    """Return what to do about a column that a few values make text, or None where it is none."""
    texts = values.dropna() if kind_of(values.dtype) == TEXT else values[:0]
    stray = texts[pd.to_numeric(texts, errors="coerce").isna()]
    if 0 < stray.size <= MOST_STRAY * texts.size:
        seen = f"Column {values.name!r} has {stray.size:,} in {texts.size:,} values that are no numbers: {shown(stray)}"
        return f"{seen}. So all of it is text; if it should be numbers, correct these and run the command `schema`."
    return None


def _of_an_id(values: pd.Series) -> str | None:
    """Return what to do about a column of ids or free text, or None where it is neither."""
    kind, present, distinct = kind_of(values.dtype), values.count(), values.nunique()
    seen = f"Column {values.name!r} has {distinct:,} values in {present:,} rows"
    if kind in (TEXT, DATE) and distinct > min(MOST_CATEGORIES, present - 1):
        return f"{seen}, which new rows hardly share: {AN_ID}; else make it fewer classes, or numbers."
    if kind == INTEGER and distinct == present > MOST_CATEGORIES:
        return f"{seen}: {AN_ID}."
    return None
