"""Reads tables of databases. A password goes to its own host alone, and by TLS unless that is this machine."""

import ssl
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from ml_chassis.addresses import Address, parse
from ml_chassis.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}


def read_table(
    address: Address, table: str | None, password: str | None, password_host: str | None, ca_file: Path | None
) -> "pd.DataFrame":
    """Return the rows of a table.

    Args:
        address: of the database.
        table: its name.
        password: of the database's user.
        password_host: the host, or host and port, that the password may be sent to; None where it is of this address.
        ca_file: the authorities whose certificates are trusted; by default those that the machine trusts.

    Raises:
        DataError: the table cannot be read, or the password is for another host.
        ImportError: the driver is missing.
    """
    import pandas as pd
    import sqlalchemy as sql

    if not table:
        raise DataError(f"DATA_URI={address.text!r} is a database; name the table in DATA_TABLE.")
    if password and password_host is not None:
        _require_host(address, password_host)
    url = sql.URL.create(
        DRIVERS[address.scheme],
        address.user or None,
        password,
        address.host,
        address.port,
        unquote(address.path[1:]),
        address.query,
    )
    try:
        with sql.create_engine(url, connect_args=_encryption(address, ca_file)).connect() as connection:
            found = connection.execute(sql.select(sql.Table(table, sql.MetaData(), autoload_with=connection)))
            return pd.DataFrame(found.all(), columns=list(found.keys()), dtype=object)  # the driver's own values
    except sql.exc.NoSuchTableError:
        raise DataError(f"Table {table!r} of {address.text!r} cannot be read: it is not found.") from None
    except (sql.exc.SQLAlchemyError, ValueError) as error:
        cause = str(error).splitlines()[0]
        hint = ". DATABASE_CA_FILE names the authorities to trust" if "certificate" in cause else ""
        raise DataError(f"Table {table!r} of {address.text!r} cannot be read: {cause}{hint}") from error


def _require_host(address: Address, host: str) -> None:
    """Refuse to send the password to another host than its own.

    Whoever starts a run may choose its DATA_URI, without being one who may know the password.
    """
    if not host:
        raise DataError("DATABASE_PASSWORD is for no host yet; set DATABASE_HOST to the database's, beside it.")
    home = parse(f"{address.scheme}://{host}/database")
    if home.authority != address.authority:
        raise DataError(
            f"DATABASE_PASSWORD is for {home.authority}, and is not sent to {address.authority}, which DATA_URI names. "
            "If the database has moved, change DATABASE_HOST, beside the password."
        )


def _encryption(address: Address, ca_file: Path | None) -> dict[str, str | bool]:
    """Return what has the driver insist on TLS with a server that proves its name."""
    if address.loopback:
        return {}
    import certifi

    authorities = str(ca_file or ssl.get_default_verify_paths().cafile or certifi.where())
    if address.scheme == "mysql":
        return {"ssl_ca": authorities, "ssl_verify_cert": True, "ssl_verify_identity": True}
    return {"sslmode": "verify-full", "sslrootcert": authorities, "gssencmode": "disable"}
