"""Applies the waves of the platform, waits for each, and says what keeps one from working."""

import re
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

import typer

from ml_chassis.errors import ClusterError
from ml_chassis.kubectl import Kubectl
from ml_chassis.platform.readiness import Watched, complaints, unready
from ml_chassis.platform.secrets import make_missing
from ml_chassis.platform.waves import Manifest, Wave
from ml_chassis.project import Project

T = TypeVar("T")

POLL_SECONDS = 1
PAUSES = (2, 4, 8, 16)
"""Seconds before each new try of what the network, or a webhook that has only just started, kept from working."""
TRANSIENT = re.compile(
    r"failed calling webhook|git fetch|connection (refused|reset)|handshake timeout|i/o timeout|no such host"
    r"|Could not resolve host|unable to access|unexpected EOF|TLS connection|does not answer|Timeout"
)


def install(project: Project, kubectl: Kubectl, waves: list[Wave], seconds: int) -> None:
    """Bring the cluster up to the manifests, wave by wave. Run again, it goes on from wherever it was.

    Args:
        project: whose passwords are made.
        kubectl: of the cluster.
        waves: in their order.
        seconds: how long each may take to work.

    Raises:
        ClusterError: a wave cannot be applied, or does not work in time.
    """
    for wave in waves:
        _bring_up(project, kubectl, wave, seconds)


def difference(kubectl: Kubectl, wave: Wave) -> str:
    """Return what applying a wave would change, as a diff, or a sentence where the wave is new to the cluster."""
    if missing := _missing(kubectl, wave.first):
        return f"{len(wave.manifests)} objects are new, as {missing[0]} is not there yet.\n"
    return kubectl.diff(_joined(wave.manifests))


def remove(kubectl: Kubectl, waves: list[Wave], seconds: int) -> None:
    """Delete what the waves brought, the last first.

    Raises:
        ClusterError: something of a wave is still there after so many seconds.
    """
    for wave in reversed(waves):
        typer.echo(f"{wave.name}: {len(wave.manifests)} objects")
        for manifests in (wave.rest[::-1], wave.first[::-1]):
            kubectl.delete(_joined(manifests), seconds)


def _missing(kubectl: Kubectl, manifests: list[Manifest]) -> list[str]:
    """Return the names of those that the cluster does not have."""
    if not manifests:
        return []
    found = kubectl("get", "--filename=-", "--ignore-not-found", "--output=name", text=_joined(manifests))
    there = {line.rpartition("/")[2] for line in found.split()}
    return [manifest.name for manifest in manifests if manifest.name not in there]


def _bring_up(project: Project, kubectl: Kubectl, wave: Wave, seconds: int) -> None:
    began = time.monotonic()
    manifests = _tried(lambda: wave.manifests)
    typer.echo(f"{wave.name}: {len(manifests)} objects")
    _apply(kubectl, wave.first)
    _wait(kubectl, wave, wave.first, began + seconds)
    namespaces = {manifest.name if manifest.kind == "Namespace" else manifest.namespace for manifest in manifests}
    for secret in make_missing(project, kubectl, namespaces):
        typer.echo(f"  made a password: {secret}")
    _apply(kubectl, wave.rest)
    _wait(kubectl, wave, wave.rest, began + seconds)
    typer.echo(f"  works after {time.monotonic() - began:.0f} s")


def _apply(kubectl: Kubectl, manifests: list[Manifest]) -> None:
    if manifests:
        try:
            _tried(lambda: kubectl.apply(_joined(manifests)))
        except ClusterError as error:
            if "conflict" not in str(error):
                raise
            raise ClusterError(
                f"{error}\nSomebody else has set these fields since. Set them in a patch of the wave, so that they "
                "stay, or take the other's part away: kubectl apply --force-conflicts."
            ) from error


def _wait(kubectl: Kubectl, wave: Wave, manifests: list[Manifest], deadline: float) -> None:
    watched, said = Watched.of(manifests), ""
    while waiting := unready(kubectl, watched):
        if waiting[0] != said:
            said = waiting[0]
            typer.echo(f"  waiting for {said}")
        if time.monotonic() > deadline:
            causes = "\n".join(complaints(kubectl, waiting_for=watched))
            raise ClusterError(
                f"{wave.name} does not work in time: it waits for {', '.join(waiting)}.\n{causes}\n"
                "Fix the cause and run this again; it goes on from here."
            )
        time.sleep(POLL_SECONDS)


def _tried(work: Callable[[], T]) -> T:
    """Return what work returns, trying again where the network or a starting webhook was in its way."""
    for pause in PAUSES:
        try:
            return work()
        except ClusterError as error:
            if not TRANSIENT.search(str(error)):
                raise
            typer.echo(f"  trying again in {pause} s: {str(error).splitlines()[-1]}", err=True)
            time.sleep(pause)
    return work()


def _joined(manifests: Iterable[Manifest]) -> str:
    return "---\n".join(manifest.text for manifest in manifests)
