"""Reaches into the platform: tells how its parts do, opens them on this machine, shows who may log in."""

import base64
import re
import socket
import time
from collections.abc import Generator
from contextlib import ExitStack

import typer
from rich.console import Console
from rich.table import Table

from ml_chassis.kubectl import HOST, Kubectl, Object
from ml_chassis.platform.parts import Login, Part

PROBE_SECONDS = 1
READY_SECONDS = 120
"""How long a part may take to be ready for a connection."""
TAG = re.compile(r":([^/:@]+)(@|$)")


def keep_open(kubectl: Kubectl, parts: list[Part]) -> None:
    """Forward a local port to each part, and where a pod is replaced to the next one, for ever.

    Raises:
        ClusterError: a part is not ready in time, or its local port is taken.
    """
    with ExitStack() as stack:
        links = [_link(kubectl, part) for part in parts]
        for link in links:
            stack.callback(link.close)
            next(link)
        table = _table("Open until Ctrl-C", "URL")
        for part in parts:
            table.add_row(part.name, part.url)
        Console().print(table)
        while True:
            time.sleep(PROBE_SECONDS)
            for link in links:
                next(link)


def credentials(kubectl: Kubectl, parts: list[Part]) -> Table:
    """Return a table of the users and passwords that there are."""
    table = _table("Part", "User", "Password")
    for part in parts:
        for login in part.logins:
            if values := user_and_password(kubectl, part, login):
                table.add_row(part.name, *values)
    return table


def user_and_password(kubectl: Kubectl, part: Part, login: Login) -> list[str]:
    """Return what is in the Secret of a login, or nothing where there is none."""
    found = kubectl.get(f"secret/{login.secret}", part.namespace)
    if not found:
        return []
    return [base64.b64decode(found["data"][key]).decode() for key in (login.user_key, login.password_key)]


def status(kubectl: Kubectl, parts: list[Part]) -> Table:
    """Return a table of the parts as they are on the cluster."""
    table = _table("Part", "Version", "Pods ready", "Opens at")
    for part in parts:
        found = kubectl.get(part.workload, part.namespace)
        table.add_row(part.name, *(_state(found) if found else ("", "not there")), part.url)
    return table


def _link(kubectl: Kubectl, part: Part) -> Generator[None]:
    """Open a part, and open it again once that has ended, each time that the next item is asked for."""
    while True:
        kubectl("rollout", "status", part.workload, f"--namespace={part.namespace}", f"--timeout={READY_SECONDS}s")
        with kubectl.forwarded(part.service, part.namespace, part.local_port):
            yield
            while _listens(part.local_port):
                yield
        typer.echo(f"The connection to {part.name} has ended; it is opened again.")


def _listens(port: int) -> bool:
    """Try a port. A try also makes kubectl notice that the pod behind it has gone."""
    try:
        socket.create_connection((HOST, port), timeout=PROBE_SECONDS).close()
    except OSError:
        return False
    return True


def _state(workload: Object) -> tuple[str, str]:
    image = workload["spec"]["template"]["spec"]["containers"][0]["image"]
    ready = workload.get("status", {}).get("readyReplicas", 0)
    found = TAG.search(image)
    return found[1] if found else "", f"{ready} of {workload['spec']['replicas']}"


def _table(*columns: str) -> Table:
    """Return a table that cuts no cell off."""
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
