"""Runs kubectl on the cluster that the settings name."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

from .errors import ClusterError

if TYPE_CHECKING:
    from .settings import Settings

Object = dict[str, Any]
"""A Kubernetes object, or a part of one."""

OWNED = f"--field-manager={__package__}"
"""Marks the fields that are ours, so that a later apply takes away those that we no longer set."""
CHANGES = 1
"""The exit code by which `kubectl diff` says that it found differences."""
SILENT = re.compile(r"connection refused|was refused|no such host|i/o timeout|handshake timeout|Unable to connect")
LAST_CAUSE = "': "
FORWARDING = re.compile(r"Forwarding from (127\.0\.0\.1:\d+)")
STRANGER = re.compile(r"must be logged in|Unauthorized|expired|provide credentials")


class Kubectl:
    """kubectl with one context: never the current one, which may be another project's cluster."""

    def __init__(self, settings: "Settings") -> None:
        """Take the context that the settings name.

        Raises:
            ClusterError: the kubeconfig has no such context.
        """
        self.context = settings.context
        known = run("config", "get-contexts", "--output=name").split()
        if self.context not in known:
            others = f"only {', '.join(known)}" if known else "nor any other"
            raise ClusterError(
                f"The kubeconfig has no context {self.context!r}, {others}. `make cluster` makes that cluster; "
                "CONTEXT=name chooses another."
            )

    def __call__(self, *arguments: str, good: tuple[int, ...] = (0,), text: str | None = None) -> str:
        """Return what a command prints.

        Args:
            arguments: the verb, and what follows it.
            good: the exit codes that are no failure.
            text: its standard input.

        Raises:
            ClusterError: it failed.
        """
        verb, *rest = arguments
        return run(verb, f"--context={self.context}", *rest, good=good, text=text)

    def get(self, resource: str, namespace: str = "") -> Object:
        """Return an object, such as `deployment/name`, or nothing where there is none."""
        text = self("get", resource, "--ignore-not-found", "--output=json", f"--namespace={namespace}")
        found: Object = json.loads(text or "{}")
        return found

    @contextmanager
    def forwarded(self, resource: str, namespace: str) -> Iterator[str]:
        """Give an address of this machine that leads to `kind/name:port` while the body runs.

        Raises:
            ClusterError: there is no such object, or none of its pods is ready.
        """
        target, _, port = resource.rpartition(":")
        where = f"--context={self.context}", f"--namespace={namespace}"
        command = ["kubectl", "port-forward", target, f":{port}", *where]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as forwarding:
            try:
                said = cast(IO[str], forwarding.stdout).readline()
                if not (found := FORWARDING.search(said)):
                    complaint = cast(IO[str], forwarding.stderr).read().strip()
                    raise ClusterError(f"{resource} cannot be reached: {complaint}")
                yield f"http://{found[1]}"
            finally:
                forwarding.terminate()


def run(verb: str, *arguments: str, good: tuple[int, ...] = (0,), text: str | None = None) -> str:
    """Return what a command of kubectl prints that needs no cluster; `Kubectl` is for those that do."""
    try:
        done = subprocess.run(["kubectl", verb, *arguments], input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ClusterError("kubectl is missing; install it: https://kubernetes.io/docs/tasks/tools/") from None
    if done.returncode not in good:
        raise ClusterError(_sentence(verb, done.stderr.strip()))
    if verb == "apply":
        sys.stderr.write(done.stderr)  # warnings of the API server; those of kustomize are about others' files
    return done.stdout


def _sentence(verb: str, complaint: str) -> str:
    """Return what to do about a complaint of kubectl."""
    if verb == "kustomize":  # names every way in which it tried to read a base, and the cause of its failure last
        return f"kubectl kustomize failed: {complaint.rpartition(LAST_CAUSE)[2]}"
    if STRANGER.search(complaint):
        return f"The cluster refuses your credentials; log in to it anew. kubectl {verb}: {complaint}"
    if SILENT.search(complaint):
        return f"The cluster does not answer; is it running? kubectl {verb}: {complaint}"
    return f"kubectl {verb} failed: {complaint}"
