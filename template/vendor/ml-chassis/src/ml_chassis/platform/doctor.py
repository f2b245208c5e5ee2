"""Tells whether the platform can work here, and how to fix what prevents it."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from textwrap import indent
from typing import NamedTuple

import typer

from ml_chassis.errors import ClusterError
from ml_chassis.kubectl import Kubectl
from ml_chassis.settings import Settings


class Finding(NamedTuple):
    """What a check found."""

    name: str
    found: str
    advice: str = ""
    """How to fix it; nothing where all is well."""
    fatal: bool = True
    """Whether the platform cannot work like this. Otherwise the advice is a warning."""


Check = Callable[[Settings], Iterator[Finding]]


def examine(checks: Iterable[Check], settings: Settings) -> None:
    """Print what the checks find, a line for each, and below it how to fix it.

    Raises:
        ClusterError: something keeps the platform from working.
    """
    fatal = []
    for finding in (finding for check in checks for finding in check(settings)):
        verdict = ("fix" if finding.fatal else "warning") if finding.advice else "ok"
        typer.echo(f"{verdict:9}{finding.name}: {finding.found}")
        if finding.advice:
            typer.echo(indent(finding.advice, " " * 9))
        if verdict == "fix":
            fatal.append(finding.name)
    if fatal:
        raise ClusterError(f"The platform cannot work like this. Fix: {', '.join(fatal)}.")


def cluster(settings: Settings) -> Iterator[Finding]:
    """Check that the cluster that commands act on answers, and that kubectl suits it."""
    try:
        versions = json.loads(Kubectl(settings)("version", "--output=json", "--request-timeout=10s"))
    except ClusterError as error:
        yield Finding("cluster", "no answer", str(error))
        return
    server, client = (versions[side]["gitVersion"] for side in ("serverVersion", "clientVersion"))
    yield Finding("cluster", f"{settings.context}: {server}", unsuited(client, server))


def unsuited(kubectl: str, server: str) -> str:
    """Return what to do where kubectl is more than a minor version off the server's, else nothing."""
    minors = [int(re.findall(r"\d+", version)[1]) for version in (kubectl, server)]
    within = abs(minors[0] - minors[1]) <= 1
    return "" if within else f"kubectl {kubectl} is more than a minor version off {server}; take one that is not"
