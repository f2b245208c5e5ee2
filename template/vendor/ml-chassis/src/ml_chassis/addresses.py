"""What an address may hold. Addresses end up in logs and run records, so none may hold a secret."""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import parse_qsl, unquote

DATABASES = {"postgresql": 5432, "mysql": 3306}
"""The schemes of databases, with the port where an address names none."""
CONTAINERS = {"az", "abfs", "abfss"}
"""The schemes that have a container where others have a user."""
PARAMETERS = {"postgresql": {"connect_timeout"}, "mysql": {"connect_timeout"}, "s3": {"versionId"}}
"""What a query may hold, by the scheme. Any other parameter may be a secret, or lead to another host."""

MEANT = re.compile(r"://|^\s*(https?|s3|gs|az|abfss?|postgresql|mysql):|^[^/]*:[^/]*@", re.IGNORECASE)
"""What tells an address, also a misspelt one, from a path of this machine."""
GRAMMAR = re.compile(
    r"(?P<scheme>[a-z][a-z0-9.-]*)(\+\w+)?://"  # SQLAlchemy's addresses name a driver behind +
    r"((?P<user>([\w.~-]|%40)+)@)?"
    r"(?P<host>[\w.-]*|\[[0-9a-f:.]+\])"
    r"(:(?P<port>\d{1,5})(?!.*@))?"  # before an @, it is how a password begins
    r"(?P<path>/((?!::)[^?#\x00-\x1f])*)?"  # behind ::, fsspec takes another address
    r"(\?(?P<query>[^#\x00-\x1f]*))?",
    re.ASCII | re.IGNORECASE,
)
HOST = re.compile(r"([\w.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?", re.ASCII | re.IGNORECASE)
DATABASE = re.compile(r"/[\w.~%-]+", re.ASCII)


@dataclass(frozen=True)
class Address:
    """An address that holds no secret, and its parts."""

    text: str
    scheme: str
    user: str
    host: str
    """In lower case, without brackets and a final dot."""
    port: int | None
    path: str
    query: dict[str, str]

    @property
    def authority(self) -> str:
        """The host and the port, as an address has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host

    @property
    def loopback(self) -> bool:
        """Whether it leads to this machine."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def is_address(text: str) -> bool:
    """Tell an address from a path of this machine."""
    return bool(MEANT.search(text))


def parse(text: str) -> Address:
    """Return the parts of an address.

    Raises:
        ValueError: it is malformed, or holds what may be a secret. The message is what follows the name of a setting,
            and repeats nothing of the address.
    """
    found = GRAMMAR.fullmatch(text)
    if not found:
        raise ValueError(_refusal(text, "is malformed or contains a secret"))
    scheme, user, path = found["scheme"].lower(), found["user"] or "", found["path"] or ""
    query = dict(parse_qsl(found["query"] or "", keep_blank_values=True))
    if user and scheme not in DATABASES.keys() | CONTAINERS:
        raise ValueError(_refusal(text, "contains a secret, or a user name, which may be one"))
    if (found["query"] and not query) or not query.keys() <= PARAMETERS.get(scheme, set()):
        raise ValueError(_refusal(text, "contains a secret, or a query parameter that may be one"))
    if scheme in DATABASES and not (found["host"] and DATABASE.fullmatch(path)):
        raise ValueError(_refusal(text, "lacks the host or the name of the database"))
    port = int(found["port"]) if found["port"] else DATABASES.get(scheme)
    return Address(text, scheme, unquote(user), _normal(found["host"]), port, path, query)


def without_secrets(text: str) -> str:
    """Return an address or a path, if it may be recorded.

    Raises:
        ValueError: as by `parse`.
    """
    if is_address(text):
        parse(text)
    return text


def host(text: str) -> str:
    """Return a host, or host:port, if it is one.

    Raises:
        ValueError: it is none. The message is what follows the name of a setting, and repeats nothing of the text.
    """
    if not HOST.fullmatch(text):
        raise ValueError("must be a host, or a host and a port, such as db.example.com:5432")
    return text


def _normal(host: str) -> str:
    """Return the same text for all ways to write a host."""
    bare = host.strip("[]").lower().removesuffix(".")
    try:
        return str(ip_address(bare))
    except ValueError:
        return bare


def _refusal(text: str, fault: str) -> str:
    scheme = text.strip().lower().partition(":")[0]
    form = f"{scheme}://user@host:port/database" if scheme in DATABASES else "scheme://host/path"
    return (
        f"{fault}; it is not shown here. Addresses end up in logs and run records: write it as {form}, "
        "and put logins where docs/settings.md says"
    )
