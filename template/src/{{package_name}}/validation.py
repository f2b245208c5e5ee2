"""Judges the data before anything learns from it. The rules are in `schema.yaml`, beside this file."""

from importlib.resources import files
from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors
from pandera.io import pandas_io

from .errors import DataError

SCHEMA = Path(str(files(__package__) / "schema.yaml"))
MOST_LABELS = 50
ROWS_SHOWN = 5
HINT = "Mend the rows, or run `make schema` for other data."


def validate(frame: pd.DataFrame, target: str, schema_path: Path = SCHEMA) -> pd.DataFrame:
    """Return `frame` in the schema's columns and dtypes.

    Args:
        frame: raw rows, one column per feature and the target.
        target: the column to predict.
        schema_path: a Pandera schema in YAML.

    Raises:
        DataError: the rows break the schema or cannot train a classifier; the message names columns and rows.
    """
    if frame.empty:
        raise DataError("The data has no rows; check DATA_URI and DATA_TABLE.")
    schema = _read_schema(schema_path)
    if target not in schema.columns:
        raise DataError(f"The target {target!r} is not in {schema_path.name}; set DATA_TARGET or run `make schema`.")
    try:
        valid: pd.DataFrame = schema.validate(frame, lazy=True)
    except SchemaErrors as error:
        raise DataError(_sentence(error, schema_path)) from None
    sizes = dict(valid[target].value_counts().items())
    if len(sizes) < 2:
        raise DataError(f"Column {target!r} holds one class only, {next(iter(sizes))}; a classifier needs two or more.")
    if lonely := [label for label, size in sizes.items() if size < 2]:
        raise DataError(f"Class {lonely[0]} of column {target!r} has one row; each class needs two or more.")
    return valid


def infer(frame: pd.DataFrame, target: str, schema_path: Path) -> None:
    """Write a schema that `frame` meets: its columns, dtypes, ranges and labels.

    Raises:
        DataError: the target is missing, or looks like a quantity rather than a class.
    """
    if target not in frame.columns:
        raise DataError(f"The data has no column {target!r} but {', '.join(frame.columns)}; set DATA_TARGET.")
    labels = sorted(frame[target].dropna().unique().tolist())
    if len(labels) > MOST_LABELS:
        raise DataError(
            f"Column {target!r} has {len(labels)} distinct values; a column of classes has {MOST_LABELS} at most."
        )
    schema = pa.infer_schema(frame)
    classes = pa.Column(frame[target].dtype, pa.Check.isin(labels))
    schema = schema.remove_columns([target]).add_columns({target: classes})
    schema.strict, schema.index = True, None
    note = "# What the data must look like. Inferred by `make schema`: widen ranges that are too narrow for new data.\n"
    schema_path.write_text(note + pandas_io.to_yaml(schema))


def _read_schema(path: Path) -> pa.DataFrameSchema:
    schema: pa.DataFrameSchema = pandas_io.from_yaml(path)  # type: ignore[no-untyped-call]
    return schema


def _sentence(error: SchemaErrors, schema_path: Path) -> str:
    """Say per column and rule what was found, and in which rows (counted from 0, without the header)."""
    complaints = []
    all_cases = error.failure_cases
    mistyped = set(all_cases[all_cases.check.str.startswith("dtype")].column)
    for (column, check), cases in all_cases.groupby(["column", "check"], dropna=False, sort=False):
        if column in mistyped and not check.startswith("dtype"):
            continue  # no other rule can be judged on values of the wrong type
        if check == "column_in_dataframe":
            complaints += [f"column {name!r} is missing" for name in cases.failure_case]
        elif check == "column_in_schema":
            complaints += [f"column {name!r} is not in the schema" for name in cases.failure_case]
        elif cases["index"].isna().all():
            complaints.append(f"column {column!r} breaks {check}: it is {cases.failure_case.iloc[0]}")
        else:
            found = [f"row {row} has {value!r}" for row, value in zip(cases["index"], cases.failure_case, strict=True)]
            more = f" and {len(found) - ROWS_SHOWN} more" if len(found) > ROWS_SHOWN else ""
            complaints.append(f"column {column!r} breaks {check}: {', '.join(found[:ROWS_SHOWN])}{more}")
    return f"The data breaks {schema_path.name}: {'; '.join(complaints)}. {HINT}"
