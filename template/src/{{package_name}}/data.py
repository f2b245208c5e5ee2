"""Reads the rows, and holds some out. Nothing here judges them: that is `validation`."""

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import IO
from urllib.parse import urlsplit

import fsspec
import pandas as pd

from .errors import DataError

SAMPLE = "sklearn:wine"
DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
PACKAGES = {
    "s3": "s3fs",
    "gs": "gcsfs",
    "az": "adlfs",
    "postgresql": "'psycopg[binary]'",
    "mysql": "'pymysql[rsa]'",
}
"""What must be installed to read from an address, by its scheme."""
SECRET = re.compile(r"(password|secret|sig|signature|token)=", re.IGNORECASE)


def load(uri: str, table: str | None = None, password: str | None = None) -> pd.DataFrame:
    """Read the rows behind `uri`: the sample, a file, or a table of a database.

    Args:
        uri: `sklearn:wine`; a CSV or Parquet file as a path or any fsspec address; or `postgresql://` or `mysql://`.
        table: the table to read, for a database.
        password: the database's password, which never stands in `uri`.

    Raises:
        DataError: nothing readable is there; the message names the address and the cause.
    """
    if uri == SAMPLE:
        return _sample()
    scheme = uri.partition("://")[0]
    try:
        return _read_table(uri, table, password) if scheme in DRIVERS else _read_file(uri)
    except ImportError as error:
        remedy = f"run `uv add {PACKAGES[scheme]}`" if scheme in PACKAGES else str(error)
        raise DataError(f"Reading {uri!r} needs a package that is not installed: {remedy}.") from error


def split(rows: pd.DataFrame, target: str, test_share: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return training and held-out rows, with each class in both in the same proportion.

    Args:
        rows: valid rows, with at least two of each class.
        target: the class column.
        test_share: the share of each class to hold out, in (0, 1); at least one row of each class goes to either side.
        seed: the same seed holds out the same rows.
    """
    shuffled = rows.sample(frac=1, random_state=seed)
    classes = shuffled.groupby(target, observed=True)[target]
    size = classes.transform("size")
    wanted = (size * test_share).round().clip(lower=1, upper=size - 1)
    held_out = classes.cumcount() < wanted
    return shuffled[~held_out].sort_index(), shuffled[held_out].sort_index()


def read_parquet(source: str | IO[bytes]) -> pd.DataFrame:
    """Read a Parquet file on the calling thread alone.

    Those of Arrow's own can abort a process that ends: https://github.com/apache/arrow/issues/34314
    """
    from pyarrow.parquet import ParquetFile  # slow to import, and not where models are served

    with ParquetFile(source, pre_buffer=False) as file:
        rows: pd.DataFrame = file.read(use_threads=False).to_pandas(use_threads=False)
    return rows


READERS: dict[str, Callable[[IO[bytes]], pd.DataFrame]] = {".csv": pd.read_csv, ".parquet": read_parquet}


def _sample() -> pd.DataFrame:
    """Return the UCI wine data: 178 rows, 13 float columns, and `cultivar` as 0, 1 or 2."""
    from sklearn.datasets import load_wine  # slow to import, and needed for the sample alone

    frame: pd.DataFrame = load_wine(as_frame=True).frame
    return frame.rename(columns={"target": "cultivar", "od280/od315_of_diluted_wines": "od280_od315"})


def _read_file(uri: str) -> pd.DataFrame:
    address = urlsplit(uri)
    if address.password or SECRET.search(address.query):
        raise DataError(
            f"The address of {address.hostname} contains a secret, which would end up in logs and run records. "
            "Copy the file to where credentials come from the environment: a local path, s3://, gs:// or az://."
        )
    suffix = PurePosixPath(address.path).suffix
    if suffix not in READERS:
        raise DataError(f"DATA_URI={uri!r} is of no known kind; expected a file that ends in {' or '.join(READERS)}.")
    try:
        stream: IO[bytes]
        with fsspec.open(uri, "rb") as stream:
            return READERS[suffix](stream)
    except ImportError:
        raise
    except Exception as error:  # every storage service has errors of its own
        cause = error.__cause__ or error  # fsspec turns every failure of HTTP into a missing file
        line = ": ".join([type(cause).__name__, *str(cause).splitlines()[:1]])
        raise DataError(f"{uri!r} cannot be read: {line}") from error


def _read_table(uri: str, table: str | None, password: str | None) -> pd.DataFrame:
    import sqlalchemy as sql

    try:
        url = sql.make_url(uri)
    except (sql.exc.ArgumentError, ValueError):  # without the address, which may hold a password
        raise DataError("DATA_URI is no address of a database; write postgresql://user@host:5432/database.") from None
    if url.password or "password" in url.query:
        raise DataError(
            f"The address of {url.host} contains a password, which would end up in logs and run records. "
            "Move it to DATABASE_PASSWORD."
        )
    if not table:
        raise DataError(f"DATA_URI={uri!r} is a database; name the table in DATA_TABLE.")
    try:
        engine = sql.create_engine(url.set(drivername=DRIVERS[url.drivername], password=password))
        with engine.connect() as connection:
            return pd.read_sql_table(table, connection)
    except (sql.exc.SQLAlchemyError, ValueError) as error:
        raise DataError(f"Table {table!r} of {uri!r} cannot be read: {str(error).splitlines()[0]}") from error
