"""Reads the raw data. Nothing here judges it: that is `validation`."""

from collections.abc import Callable
from pathlib import PurePosixPath
from typing import IO
from urllib.parse import urlsplit

import fsspec
import pandas as pd

from .errors import DataError

SAMPLE = "sklearn:wine"
READERS: dict[str, Callable[[IO[bytes]], pd.DataFrame]] = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
LEAK = "The address of {host} contains a password, which would end up in logs and run records. "


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
    if uri.partition("://")[0] in DRIVERS:
        return _read_table(uri, table, password)
    return _read_file(uri)


def _sample() -> pd.DataFrame:
    """Return the UCI wine data: 178 rows, 13 float columns, and `cultivar` as 0, 1 or 2."""
    from sklearn.datasets import load_wine  # slow to import, and needed for the sample alone

    frame: pd.DataFrame = load_wine(as_frame=True).frame
    return frame.rename(columns={"target": "cultivar", "od280/od315_of_diluted_wines": "od280_od315"})


def _read_file(uri: str) -> pd.DataFrame:
    address = urlsplit(uri)
    if address.password:
        raise DataError(LEAK.format(host=address.hostname) + "See docs/data.md for where credentials go.")
    suffix = PurePosixPath(address.path).suffix
    if suffix not in READERS:
        raise DataError(f"DATA_URI={uri!r} is of no known kind; expected a file that ends in {' or '.join(READERS)}.")
    try:
        stream: IO[bytes]
        with fsspec.open(uri, "rb") as stream:
            return READERS[suffix](stream)
    except ImportError as error:
        raise DataError(f"Reading {uri!r} needs a package that is not installed: {error}. See docs/data.md.") from error
    except Exception as error:  # every storage service has errors of its own
        raise DataError(f"{uri!r} cannot be read: {_cause(error)}") from error


def _read_table(uri: str, table: str | None, password: str | None) -> pd.DataFrame:
    import sqlalchemy as sql

    try:
        url = sql.make_url(uri)
    except (sql.exc.ArgumentError, ValueError):  # without the address, which may hold a password
        raise DataError("DATA_URI is no address of a database; write postgresql://user@host:5432/database.") from None
    if url.password or "password" in url.query:
        raise DataError(LEAK.format(host=url.host) + "Move it to DATABASE_PASSWORD.")
    if not table:
        raise DataError(f"DATA_URI={uri!r} is a database; name the table in DATA_TABLE.")
    try:
        engine = sql.create_engine(url.set(drivername=DRIVERS[url.drivername], password=password))
        with engine.connect() as connection:
            return pd.read_sql_table(table, connection)
    except ImportError as error:
        raise DataError(f"Reading {uri!r} needs a package that is not installed: {error}. See docs/data.md.") from error
    except (sql.exc.SQLAlchemyError, ValueError) as error:
        cause = str(error).splitlines()[0]
        raise DataError(f"Table {table!r} of {uri!r} cannot be read: {cause}") from error


def _cause(error: Exception) -> str:
    """Say in one line what went wrong. fsspec reports every failure of HTTP as a missing file, from the real error."""
    reason = error.__cause__ or error
    return ": ".join([type(reason).__name__, *str(reason).splitlines()[:1]])
