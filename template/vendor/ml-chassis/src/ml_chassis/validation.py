"""Judges the data before anything learns from it. The rules are in a project's `schema.yaml`."""

from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors
from pandera.io import pandas_io

from ml_chassis.bounds import LARGEST
from ml_chassis.errors import DataError
from ml_chassis.kinds import BOOLEAN, DATE, INTEGER, NUMBER, TEXT, Kind, converted, kind_of, shown

NO_ROWS = "The data has no rows; check DATA_URI and DATA_TABLE."
HINT = "Correct the rows, or run the command `schema` for other data."


def validate(frame: pd.DataFrame, target: str, schema_path: Path) -> pd.DataFrame:
    """Return `frame` with each column in its kind by the schema; no value changes.

    Args:
        frame: rows as `read_rows` gives them, one column per feature and the target.
        target: the column to predict.
        schema_path: a Pandera schema in YAML.

    Returns:
        As many rows and columns, in the same order and with the same index, in the dtypes that `typed` lists.

    Raises:
        DataError: the rows break the schema or cannot train a classifier; the message names columns and rows.
        OSError: the schema cannot be read.
    """
    return check(frame, target, read_schema(schema_path), schema_path.name)


def check(frame: pd.DataFrame, target: str, schema: pa.DataFrameSchema, source: str) -> pd.DataFrame:
    """Do what `validate` says by a schema that `source` names."""
    if frame.empty:
        raise DataError(NO_ROWS)
    if target not in schema.columns:
        raise DataError(f"The target {target!r} is not in {source}; set DATA_TARGET or run the command `schema`.")
    rows, mistyped = _conform(frame, schema)
    complaints = [*mistyped.values()]
    try:
        rows = _rules(schema, [*mistyped]).validate(rows.drop(columns=[*mistyped]), lazy=True)
    except SchemaErrors as error:
        complaints += _complaints(error)
    if complaints:
        raise DataError(_sentence(complaints, source))
    if rows.shape[1] == 1:
        raise DataError(f"The data has no column beside the target {target!r}; a model learns from others.")
    require_labels(rows[target])
    sizes = dict(rows[target].value_counts().items())
    if len(sizes) < 2:
        raise DataError(f"Column {target!r} holds one class only, {next(iter(sizes))}; a classifier needs two or more.")
    if lonely := [label for label, size in sizes.items() if size < 2]:
        raise DataError(f"Class {lonely[0]} of column {target!r} has one row; each class needs two or more.")
    return rows.set_axis(frame.index)


def require_labels(target: pd.Series) -> None:
    """Raise a DataError where a column holds what is no class."""
    present, kind = target.dropna(), kind_of(target.dtype)
    if kind == DATE:
        what, found = "dates", present
    elif kind == NUMBER:
        what, found = "fractions", present[present % 1 != 0]
    else:
        return
    if found.size:
        seen = f"{what}, which are no classes: {shown(found)}"
        raise DataError(f"Column {target.name!r} holds {seen}; make them text, or set DATA_TARGET.")


def conform(frame: pd.DataFrame, schema_path: Path) -> pd.DataFrame:
    """Return `frame` with each column that the schema has in its kind, for a model to predict; no value changes.

    Args:
        frame: rows as `read_rows` gives them. The target may be missing, and other columns may be there.
        schema_path: a Pandera schema in YAML, whose rules on values are not looked at.

    Returns:
        As many rows and columns, in the same order and with the same index.

    Raises:
        DataError: there are no rows, or a value is not of its column's kind; the message names columns and rows.
        OSError: the schema cannot be read.
    """
    if frame.empty:
        raise DataError(NO_ROWS)
    rows, mistyped = _conform(frame, read_schema(schema_path))
    if mistyped:
        raise DataError(_sentence([*mistyped.values()], schema_path.name))
    return rows.set_axis(frame.index)


def texts(schema_path: Path) -> list[str]:
    """Return the columns that hold texts by the schema, whatever these look like in a file.

    Args:
        schema_path: a Pandera schema in YAML.

    Raises:
        OSError: the schema cannot be read.
    """
    return [str(name) for name, column in read_schema(schema_path).columns.items() if _kind(column) == TEXT]


def read_schema(path: Path) -> pa.DataFrameSchema:
    """Return the schema of a YAML file."""
    schema: pa.DataFrameSchema = pandas_io.from_yaml(path.read_bytes())  # type: ignore[no-untyped-call]
    return schema


def warns(rule: pa.Check) -> bool:
    """Return whether what breaks the rule is told, and stops nothing."""
    return bool(rule.raise_warning)


def _kind(column: pa.Column) -> Kind | None:
    """Return the kind that the schema states for a column, or None where it states no dtype."""
    if column.dtype is None:
        return None
    kind = kind_of(column.dtype.type)
    return NUMBER if kind == INTEGER and column.nullable else kind


def _conform(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the rows in the schema's kinds, counted from 0, and what there is to complain of, by column."""
    rows, mistyped = frame.reset_index(drop=True), {}
    for name, column in schema.columns.items():
        if name not in rows or not (kind := _kind(column)):
            continue
        found = rows[name]
        rows[name], fits = converted(found, kind, column.nullable)
        if kind == BOOLEAN and not column.nullable:  # nor does the server take a missing one then
            fits &= found.notna()
        if not fits.all():
            mistyped[name] = f"column {name!r} must hold {kind.plural}: {shown(found[~fits])}"
        elif kind == NUMBER and (infinite := rows[name].abs() > LARGEST).any():
            mistyped[name] = f"column {name!r} must hold numbers up to {LARGEST:.2g}: {shown(found[infinite])}"
    return rows, mistyped


def _rules(schema: pa.DataFrameSchema, mistyped: list[str]) -> pa.DataFrameSchema:
    """Return the schema without the columns that cannot be judged, and without what was judged or stops nothing."""
    rules = schema.remove_columns([name for name in schema.columns if name in mistyped])
    for column in rules.columns.values():
        column.dtype, column.coerce = None, False
        column.checks = [rule for rule in column.checks if not warns(rule)]
    rules.dtype, rules.coerce = None, False
    return rules


def _complaints(error: SchemaErrors) -> list[str]:
    """Say per column and rule what was found, and in which rows (counted from 0, without the header)."""
    complaints = []
    for (column, rule), cases in error.failure_cases.groupby(["column", "check"], dropna=False, sort=False):
        if rule == "column_in_dataframe":
            complaints += [f"column {name!r} is missing" for name in cases.failure_case]
        elif rule == "column_in_schema":
            complaints += [f"column {name!r} is not in the schema" for name in cases.failure_case]
        else:
            found = cases.set_index("index").failure_case.sort_index()
            complaints.append(f"column {column!r} breaks {rule}: {shown(found)}")
    return complaints


def _sentence(complaints: list[str], source: str) -> str:
    return f"The data breaks {source}: {'; '.join(complaints)}. {HINT}"
