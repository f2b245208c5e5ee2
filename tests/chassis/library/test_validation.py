from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from ml_chassis.errors import DataError
from ml_chassis.validation import conform, texts, validate

TARGET = "cultivar"
LIMITS = """\
schema_type: dataframe
columns:
  size: {dtype: float64, greater_than_or_equal_to: 0}
  kind: {dtype: str, isin: [x, y]}
strict: true
"""


def kinds() -> pd.DataFrame:
    return pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0] * 50, "kind": ["x", "y", "x", "y"] * 50})


@pytest.fixture
def limits(tmp_path: Path) -> Path:
    path = tmp_path / "limits.yaml"
    path.write_text(LIMITS)
    return path


def test_good_rows_pass_unchanged(rows: pd.DataFrame, schema: Path) -> None:
    pd.testing.assert_frame_equal(validate(rows, TARGET, schema), rows)


def test_missing_column_is_named(rows: pd.DataFrame, schema: Path) -> None:
    with pytest.raises(DataError, match="column 'alcohol' is missing"):
        validate(rows.drop(columns="alcohol"), TARGET, schema)


def test_unknown_column_is_named(rows: pd.DataFrame, schema: Path) -> None:
    with pytest.raises(DataError, match="column 'vintage' is not in the schema"):
        validate(rows.assign(vintage=1990), TARGET, schema)


@pytest.mark.parametrize(
    ("column", "value", "complaint"),
    [
        ("hue", "red", "column 'hue' must hold numbers: row 0 has 'red', row 1 has 'red'"),
        ("hue", True, "column 'hue' must hold numbers: row 0 has True"),
        ("hue", float("inf"), r"column 'hue' must hold numbers up to 1e\+30: row 0 has inf"),
        (TARGET, 0.9, "column 'cultivar' must hold integers: row 0 has 0.9"),
        (TARGET, "no", "column 'cultivar' must hold integers: row 0 has 'no'"),
    ],
)
def test_value_of_another_kind_is_named_and_never_changed(
    rows: pd.DataFrame, schema: Path, column: str, value: Any, complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        validate(rows.assign(**{column: value}), TARGET, schema)


def test_whole_numbers_are_numbers_and_integers(rows: pd.DataFrame, schema: Path) -> None:
    whole = rows.assign(hue=1)

    valid = validate(whole.assign(cultivar=rows[TARGET].astype(float)), TARGET, schema)

    pd.testing.assert_frame_equal(valid, whole.astype({"hue": float}))


def test_schema_of_before_with_coerce_changes_nothing_either(limits: Path) -> None:
    limits.write_text(LIMITS.replace("float64,", "int64, coerce: true,"))

    with pytest.raises(DataError, match=r"column 'size' must hold integers: row 0 has 1\.5"):
        validate(kinds().assign(size=1.5), "kind", limits)


def test_rows_are_named_in_their_order(limits: Path) -> None:
    bad = kinds()
    bad.loc[[3, 17, 40], "size"] = [-1.0, -3.0, -2.0]

    with pytest.raises(DataError, match=r"'size' breaks .*row 3 has -1\.0, row 17 has -3\.0, row 40 has -2\.0\."):
        validate(bad, "kind", limits)


def test_rows_are_counted_from_0_whatever_their_index(limits: Path) -> None:
    own = kinds().set_axis([f"id-{number}" for number in range(200)])
    bad = own.assign(size=[-1.0, *own["size"][1:]])

    assert list(validate(own, "kind", limits).index) == list(own.index)
    with pytest.raises(DataError, match=r"row 0 has -1\.0"):
        validate(bad, "kind", limits)


def test_missing_value_is_named_with_its_row(limits: Path) -> None:
    bad = kinds()
    bad.loc[5, "size"] = None

    with pytest.raises(DataError, match="column 'size' breaks not_nullable: row 5"):
        validate(bad, "kind", limits)


def test_unknown_label_is_named_with_its_row(limits: Path) -> None:
    bad = kinds()
    bad.loc[9, "kind"] = "z"

    with pytest.raises(DataError, match=r"column 'kind' breaks .*row 9 has 'z'"):
        validate(bad, "kind", limits)


def test_many_bad_rows_are_counted(limits: Path) -> None:
    with pytest.raises(DataError, match="and 195 more"):
        validate(kinds().assign(size=-1.0), "kind", limits)


def test_no_rows_are_refused(rows: pd.DataFrame, schema: Path) -> None:
    with pytest.raises(DataError, match="no rows"):
        validate(rows.head(0), TARGET, schema)


def test_one_class_is_refused(rows: pd.DataFrame, schema: Path) -> None:
    with pytest.raises(DataError, match="one class only"):
        validate(rows[rows[TARGET] == 0], TARGET, schema)


def test_class_with_one_row_is_refused(rows: pd.DataFrame, schema: Path) -> None:
    with pytest.raises(DataError, match=r"Class 2 .* has one row"):
        validate(pd.concat([rows[rows[TARGET] != 2], rows[rows[TARGET] == 2].head(1)]), TARGET, schema)


def test_fractions_are_no_classes(limits: Path) -> None:
    with pytest.raises(DataError, match=r"'size' holds fractions, which are no classes: row 1 has 0\.5, row"):
        validate(kinds().assign(size=[0.0, 0.5, 1.0, 1.5] * 50), "size", limits)


def test_target_alone_is_refused(limits: Path) -> None:
    limits.write_text("schema_type: dataframe\ncolumns:\n  kind: {dtype: str}\n")

    with pytest.raises(DataError, match="no column beside the target 'kind'"):
        validate(kinds()[["kind"]], "kind", limits)


def test_target_outside_the_schema_is_refused(rows: pd.DataFrame, schema: Path) -> None:
    with pytest.raises(DataError, match="'price' is not in schema"):
        validate(rows, "price", schema)


def test_rows_to_predict_are_typed_by_the_schema(limits: Path) -> None:
    asked = pd.DataFrame({"size": [1, 2]})

    assert conform(asked, limits).dtypes.to_dict() == {"size": "float64"}
    with pytest.raises(DataError, match="column 'size' must hold numbers: row 0 has 'big'"):
        conform(asked.assign(size="big"), limits)
    with pytest.raises(DataError, match="no rows"):
        conform(asked.head(0), limits)


@pytest.mark.parametrize("asked", [[True, None], [None, None]])
def test_boolean_that_may_not_be_missing_is_named_where_it_is(limits: Path, asked: list[bool | None]) -> None:
    limits.write_text("schema_type: dataframe\ncolumns:\n  flag: {dtype: bool}\n")

    with pytest.raises(DataError, match=r"column 'flag' must hold booleans: row \d has <NA>"):
        conform(pd.DataFrame({"flag": pd.array(asked, dtype="boolean")}), limits)


def test_texts_are_told_by_the_schema(limits: Path) -> None:
    assert texts(limits) == ["kind"]
