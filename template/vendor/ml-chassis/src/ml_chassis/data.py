"""Reads rows. Nothing here judges them: that is `validation`."""

from collections.abc import Collection
from pathlib import PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

import fsspec
import pandas as pd

from ml_chassis.addresses import DATABASES, Address, is_address, parse
from ml_chassis.arrow import typed
from ml_chassis.databases import read_table
from ml_chassis.delimited import read_csv
from ml_chassis.errors import DataError
from ml_chassis.settings import Settings

SAMPLE = "sklearn:wine"
SAMPLE_TARGET = "cultivar"
SUFFIXES = (".csv", ".parquet")
PACKAGES = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "az": "adlfs",
    "postgresql": "'psycopg[binary]'",
    "mysql": "'pymysql[rsa]>=1.2'",
}
"""What must be installed to read from an address, by its scheme."""


def read_rows(settings: Settings, texts: Collection[str] = ()) -> pd.DataFrame:
    """Read the rows behind DATA_URI: the sample, a file, or a table of a database.

    Each column is in the dtype of its kind; `typed` says which that is.

    Args:
        settings: the address, which holds no secret, and what it takes to read it. A database's password is sent to
            the host alone that it belongs to.
        texts: the columns of a CSV file that hold texts, whatever these look like.

    Returns:
        One row for each record, in the source's order, with the source's names of columns.

    Raises:
        DataError: nothing readable is there, or a column is of no kind; the message names the cause.
    """
    uri = settings.data_uri
    if uri == SAMPLE:
        return _sample()
    address = _address(uri)
    scheme = address.scheme if address else ""
    try:
        rows = _read_table(address, settings) if address and scheme in DATABASES else _read_file(uri, texts)
    except ImportError as error:
        remedy = f"run `uv add {PACKAGES[scheme]}`" if scheme in PACKAGES else str(error)
        raise DataError(f"Reading {uri!r} needs a package that is not installed: {remedy}.") from error
    return typed(rows)


def rows_of_project(settings: Settings) -> pd.DataFrame:
    """Return what the project's own `data.load` reads, with the texts of its schema read as such.

    Args:
        settings: those of the project.

    Returns:
        One row for each record, with the target.

    Raises:
        DataError: the rows cannot be read.
    """
    from ml_chassis.validation import texts  # slow to import

    rows: pd.DataFrame = settings.project.module("data").load(settings, texts(settings.project.schema))
    return rows


def read_parquet(source: str | IO[bytes], **options: Any) -> pd.DataFrame:
    """Read a Parquet file on the calling thread alone, as threads of Arrow's own can abort a process that ends.

    Args:
        source: its path, or a stream of its bytes.
        options: those of `pyarrow.Table.to_pandas`.

    Returns:
        The rows in the file's order, in the dtypes that they were written in, unless the options give others.

    Raises:
        OSError: there is no such file, or it cannot be read.
        pyarrow.ArrowInvalid: it is no Parquet file.
    """
    from pyarrow.parquet import ParquetFile  # slow to import, and not where models are served

    # https://github.com/apache/arrow/issues/34314
    with ParquetFile(source, pre_buffer=False) as file:
        rows: pd.DataFrame = file.read(use_threads=False).to_pandas(use_threads=False, **options)
    return rows


def _columns_of_parquet(stream: IO[bytes]) -> pd.DataFrame:
    """Read all columns of a file, also those that pandas had for the names of rows."""
    rows = read_parquet(stream, types_mapper=pd.ArrowDtype)
    names = [name for name in rows.index.names if name is not None]
    return rows.reset_index(level=names) if names else rows


def _sample() -> pd.DataFrame:
    """Return the UCI wine data: 178 rows, 13 float columns, and `cultivar` as 0, 1 or 2."""
    from sklearn.datasets import load_wine  # slow to import, and needed for the sample alone

    frame: pd.DataFrame = load_wine(as_frame=True).frame
    return frame.rename(columns={"target": SAMPLE_TARGET, "od280/od315_of_diluted_wines": "od280_od315"})


def _address(uri: str) -> Address | None:
    """Return the parts of an address, or None for a path of this machine."""
    try:
        return parse(uri) if is_address(uri) else None
    except ValueError as error:
        raise DataError(f"DATA_URI {error}") from None


def _read_table(address: Address, settings: Settings) -> pd.DataFrame:
    password = settings.database_password.get_secret_value() if settings.database_password else None
    return read_table(address, settings.data_table, password, settings.password_host, settings.database_ca_file)


def _suffix(uri: str) -> str:
    """Return how the path ends: in an address of HTTP that is before the query, elsewhere the end of all."""
    path = urlsplit(uri).path if uri.startswith(("http://", "https://")) else uri
    return PurePosixPath(path).suffix.lower()


def _read_file(uri: str, texts: Collection[str]) -> pd.DataFrame:
    suffix = _suffix(uri)
    if suffix not in SUFFIXES:
        raise DataError(f"DATA_URI={uri!r} is of no known kind; expected a file that ends in {' or '.join(SUFFIXES)}.")
    try:
        stream: IO[bytes]
        with fsspec.open(uri, "rb") as stream:
            return read_csv(stream, texts) if suffix == ".csv" else _columns_of_parquet(stream)
    except ImportError:
        raise
    except DataError as error:
        raise DataError(f"{uri!r} cannot be read: {error}.") from None
    except Exception as error:  # every storage service has errors of its own
        cause = error.__cause__ or error  # fsspec turns every failure of HTTP into a missing file
        line = ": ".join([type(cause).__name__, *str(cause).splitlines()[:1]])
        raise DataError(f"{uri!r} cannot be read: {line}") from error
