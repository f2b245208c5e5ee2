"""Takes secrets out of what is shown when something fails: libraries repeat addresses and headers in their errors."""

import os
import re
import sys
import traceback
from types import TracebackType
from urllib.parse import quote

HIDDEN = "***"
SECRET_VARIABLE = re.compile(r"(PASSWORD|SECRET|TOKEN|KEY|HEADERS|CONNECTION_STRING)$", re.IGNORECASE)
SHORTEST = 4
"""Shorter values are in too many words."""
LOGIN = re.compile(r"://([^\s/@'\"]*:[^\s'\"]*|(?<=http://)[^\s/@'\"]+|(?<=https://)[^\s/@'\"]+)@")
PARAMETER = re.compile(r"([?&][\w.%-]+=)[^\s&'\"#]+")

_told: set[str] = set()


def hide(secret: str) -> None:
    """Have `redact` hide this value too, in this process, from now on. Settings do it when they are read."""
    _told.add(secret)


def redact(text: str) -> str:
    """Return a text without the values of secret variables, what `hide` was told, and addresses' logins and queries."""
    for secret in _secrets():
        text = text.replace(secret, HIDDEN)
    text = LOGIN.sub(f"://{HIDDEN}@", text)
    return PARAMETER.sub(rf"\1{HIDDEN}", text)


def print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show what ends the process, as Python would, but for secrets."""
    sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))


def _secrets() -> list[str]:
    """Return what must not be shown, the longest first, also as it is written in addresses."""
    values = _told.union(value for name, value in os.environ.items() if SECRET_VARIABLE.search(name))
    lines = {line.strip() for value in values for line in value.splitlines()}
    forms = {form for line in lines if len(line) >= SHORTEST for form in (line, quote(line, safe=""))}
    return sorted(forms, key=len, reverse=True)
