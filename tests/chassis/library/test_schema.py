from pathlib import Path

import pandas as pd
import pytest
from ml_chassis.errors import DataError
from ml_chassis.schema import infer, remarks
from ml_chassis.validation import validate

TARGET = "kind"


@pytest.fixture
def own() -> pd.DataFrame:
    """Return rows with a column of each kind."""
    return pd.DataFrame(
        {
            "flag": pd.array([True, None] * 30, dtype="boolean"),
            "count": range(60),
            "size": [1.0, None, 2.5] * 20,
            "color": ["a", None, "b"] * 20,
            "day": [pd.Timestamp("2026-01-01"), pd.NaT] * 30,
            "kind": ["x", "y"] * 30,
        }
    )


@pytest.fixture
def path(own: pd.DataFrame, tmp_path: Path) -> Path:
    path = tmp_path / "schema.yaml"
    infer(own, TARGET, path)
    return path


def test_rows_meet_the_schema_inferred_from_them(own: pd.DataFrame, path: Path) -> None:
    pd.testing.assert_frame_equal(validate(own, TARGET, path), own)


def test_names_and_values_are_written_as_they_are(own: pd.DataFrame, path: Path) -> None:
    infer(own.rename(columns={"color": "größe"}).replace("a", "süß"), TARGET, path)

    assert "  größe:\n" in path.read_text(encoding="utf-8")
    assert "- süß\n" in path.read_text(encoding="utf-8")


def test_unusual_values_are_counted_and_stop_nothing(own: pd.DataFrame, path: Path) -> None:
    other = own.assign(size=own["size"].replace(1.0, 9.0), color=["z", *own["color"][1:]])

    validate(other, TARGET, path)
    told = remarks(other, TARGET, path)

    assert "Column 'size' leaves in_range(1.0, 2.5) in 20 rows: row 0 has 9.0, row 3 has 9.0" in told[0]
    assert told[1] == "Column 'color' leaves isin(['a', 'b']) in 1 rows: row 0 has 'z'."


def test_label_that_is_not_listed_stops(own: pd.DataFrame, path: Path) -> None:
    with pytest.raises(DataError, match="row 0 has 'z'"):
        validate(own.assign(kind=["z", *own["kind"][1:]]), TARGET, path)


def test_column_of_ids_is_told(own: pd.DataFrame, path: Path) -> None:
    named = own.assign(name=[f"name {number}" for number in range(60)])
    infer(named, TARGET, path)

    number, name = remarks(named, TARGET, path)

    assert number == "Column 'count' has 60 values in 60 rows: if it is an id, drop it or name it in SPLIT_KEY."
    assert name.startswith("Column 'name' has 60 values in 60 rows")


@pytest.mark.parametrize("column", ["count", "day"])
def test_column_that_decides_what_is_held_out_is_no_id(own: pd.DataFrame, tmp_path: Path, column: str) -> None:
    own["day"] = pd.date_range("2026-01-01", periods=60)
    newer = own.assign(count=own["count"] + 60, day=own["day"] + pd.Timedelta(days=60))
    infer(own, TARGET, tmp_path / "schema.yaml", ["", column])

    assert f"'{column}'" not in str(remarks(newer, TARGET, tmp_path / "schema.yaml", ["", column]))
    assert f"'{column}'" in str(remarks(newer, TARGET, tmp_path / "schema.yaml"))


def test_column_of_numbers_that_one_value_makes_text_is_told(own: pd.DataFrame, path: Path) -> None:
    (told,) = remarks(own.assign(color=["1.5", "2", "3"] * 19 + ["4", "5", "1,000"]), TARGET, path)[-1:]

    assert told.startswith("Column 'color' has 1 in 60 values that are no numbers: row 59 has '1,000'. So all of it is")


def test_remark_shows_the_beginning_of_a_long_text(own: pd.DataFrame, path: Path) -> None:
    (told,) = [told for told in remarks(own.assign(color="z" * 64_000), TARGET, path) if "'color'" in told]

    assert len(told) < 1_000


def test_quantity_is_no_class(tmp_path: Path, rows: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="'alcohol' has 126 distinct values"):
        infer(rows, "alcohol", tmp_path / "schema.yaml")


def test_date_is_no_class(tmp_path: Path, own: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="'day' holds dates, which are no classes"):
        infer(own, "day", tmp_path / "schema.yaml")


@pytest.mark.parametrize("value", [float("inf"), 1e300])
def test_no_schema_is_written_for_rows_that_meet_none(tmp_path: Path, own: pd.DataFrame, value: float) -> None:
    with pytest.raises(DataError, match=r"column 'size' must hold numbers up to 1e\+30: row 0 has"):
        infer(own.assign(size=value), TARGET, tmp_path / "schema.yaml")

    assert not (tmp_path / "schema.yaml").exists()


def test_header_without_rows_is_named(tmp_path: Path, own: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="The data has no rows"):
        infer(own.head(0), TARGET, tmp_path / "schema.yaml")
