import io
import threading
from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ml_chassis.data import read_parquet, read_rows, rows_of_project
from ml_chassis.errors import DataError
from projects import like
from pydantic import SecretStr
from wines import PROJECT, Settings


def load(uri: str, texts: Collection[str] = (), **others: object) -> pd.DataFrame:
    return read_rows(Settings.load().model_copy(update={"data_uri": uri, **others}), texts)


def test_sample_is_the_wine_data(rows: pd.DataFrame) -> None:
    assert rows.shape == (178, 14)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_file_gives_the_rows_that_were_written(rows: pd.DataFrame, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    rows.to_csv(path, index=False) if suffix == ".csv" else rows.to_parquet(path)

    pd.testing.assert_frame_equal(load(str(path)), rows)


def test_parquet_is_read_on_the_calling_thread_alone(rows: pd.DataFrame) -> None:
    readers = set()

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            readers.add(threading.current_thread())
            return super().read(size)

    read_parquet(Watched(rows.to_parquet(row_group_size=50)))

    assert readers == {threading.current_thread()}


def test_unknown_suffix_is_refused() -> None:
    with pytest.raises(DataError, match=r"'rows\.xlsx'.*expected a file that ends in \.csv or \.parquet"):
        load("rows.xlsx")


@pytest.mark.parametrize("name", ["ROWS.CSV", "with space #1%.csv"])
def test_name_of_a_file_is_taken_as_it_is(rows: pd.DataFrame, tmp_path: Path, name: str) -> None:
    rows.to_csv(tmp_path / name, index=False)

    assert len(load(str(tmp_path / name))) == len(rows)


def written(tmp_path: Path, content: bytes) -> str:
    (tmp_path / "rows.csv").write_bytes(content)
    return str(tmp_path / "rows.csv")


def test_digits_that_are_no_number_stay_text(tmp_path: Path) -> None:
    content = b"code,zip,half,id,n\n7,01234,01,1,7\n8,1234,1.5,18446744073709551615,8\n"
    rows = load(written(tmp_path, content), texts=["code"])

    texts = {"code": ["7", "8"], "zip": ["01234", "1234"], "half": ["01", "1.5"], "id": ["1", "18446744073709551615"]}
    assert rows.to_dict("list") == texts | {"n": [7, 8]}


def test_missing_values_are_those_of_their_column(tmp_path: Path) -> None:
    rows = load(written(tmp_path, b"flag,n,text,none\nTrue,1,a,\n,,,\n"))

    assert rows.dtypes.astype(str).to_dict() == {"flag": "boolean", "n": "float64", "text": "object", "none": "float64"}
    assert rows["text"].tolist() == ["a", None]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("größe\n1\n".encode("latin-1"), "it is not in UTF-8 \\(byte 0xf6\\); convert it"),
        ("a,b\n1,2\n".encode("utf-16"), "it holds bytes of 0, as UTF-16 and files that are no text do"),
        (b"", "it is empty"),
        (b"a;b\n1;2\n", "its values are separated by ';'; write it with commas"),
        (b"a;b\n1;2\n0,5;1,5\n", "its values are separated by ';'; write it with commas"),
        (b"size,color,size\n1,2,3\n", "its header names 'size' twice; rename one of these columns"),
        (b",a\n0,1\n", "its header has no name for column 1; name it, or drop it if it only counts the rows"),
        (b"a,b\n1,2\n1,2,3\n", "row 1 has 3 values where its header has 2 names; leave a value that is missing empty"),
        (b'a,b\n"1\n2",3\n4\n', "row 1 has 1 values where its header has 2 names"),
        (b"id,n\n9007199254740993,1\n,2\n", "Column 'id' has missing values.* row 0 has 9007199254740993"),
    ],
)
def test_csv_that_cannot_be_read_as_written_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        load(written(tmp_path, content))


@pytest.mark.parametrize(
    ("values", "remedy"),
    [
        (pa.array([2**64 - 1], pa.uint64()), "integers beyond int64: row 0 has 18446744073709551615; make it text"),
        ([timedelta(days=1)], "duration.*; make it a number of seconds, or drop it"),
        ([time(12)], "time64.*; make it a number of seconds, or drop it"),
        ([[1.0, 2.0]], "list.*; spread it over columns, or drop it"),
        ([{"x": 1}], "struct.*; spread it over columns, or drop it"),
        ([b"x"], "binary.*; make it text, or drop it"),
        ([Decimal("0.1234567890123456789")], "decimals that float64 cannot hold: row 0 has Decimal"),
        ([datetime(3000, 1, 1)], "dates outside the years 1678 to 2261; make it text, or drop it"),
    ],
)
def test_column_of_no_kind_is_named_with_what_to_do(tmp_path: Path, values: Any, remedy: str) -> None:
    pq.write_table(pa.table({"own": values, "y": [1]}), tmp_path / "rows.parquet")

    with pytest.raises(DataError, match=f"Column 'own' .*{remedy}"):
        load(str(tmp_path / "rows.parquet"))


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (pa.array([1, 2], pa.uint8()), "int64"),
        (pa.array([1.5, None], pa.float32()), "float64"),
        (pa.array([Decimal("1.10"), None]), "float64"),
        (pa.array(["a", None]).dictionary_encode(), "object"),
        (pa.array([date(2026, 1, 1), None]), "datetime64[ns]"),
        (pa.array([datetime(2026, 1, 1)] * 2, pa.timestamp("us", "Europe/Berlin")), "datetime64[ns]"),
    ],
)
def test_column_is_typed_by_its_kind(tmp_path: Path, values: pa.Array, dtype: str) -> None:
    pq.write_table(pa.table({"own": values}), tmp_path / "rows.parquet")

    assert load(str(tmp_path / "rows.parquet"))["own"].dtype == dtype


def test_names_of_rows_in_parquet_are_columns(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows.set_index(["alcohol", "ash"]).to_parquet(tmp_path / "rows.parquet")

    pd.testing.assert_frame_equal(load(str(tmp_path / "rows.parquet")), rows, check_like=True)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv' cannot be read"):
        load(str(tmp_path / "gone.csv"))


def test_database_needs_a_table() -> None:
    with pytest.raises(DataError, match="name the table in DATA_TABLE"):
        load("postgresql://reader@db.example.com/wines")


def test_secret_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(DataError, match="DATA_URI is malformed or contains a secret") as error:
        load("postgresql://reader:hunter2@db.example.com/wines", data_table="wines")

    assert "hunter2" not in str(error.value)


def test_password_stays_with_its_host() -> None:
    login: dict[str, Any] = {"database_password": SecretStr("hunter2"), "database_host": "db.example.com"}

    with pytest.raises(DataError, match=r"for db\.example\.com:5432, and is not sent to evil\.example\.com:5432"):
        load("postgresql://reader@evil.example.com/wines", data_table="wines", **login)


def test_rows_of_a_project_are_what_it_loads_with_the_texts_of_its_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, content = tmp_path / "letters", written(tmp_path, b"code\n7\n")
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "schema.yaml").write_text("schema_type: dataframe\ncolumns:\n  code: {dtype: str}\n")
    (package / "data.py").write_text(
        "from ml_chassis.data import read_rows\n"
        "def load(settings, texts):\n"
        "    return read_rows(settings, texts).assign(own=1)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    settings = like(PROJECT, package="letters").settings.load().model_copy(update={"data_uri": content})

    assert rows_of_project(settings).to_dict("list") == {"code": ["7"], "own": [1]}
