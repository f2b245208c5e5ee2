"""Runs kubectl on the cluster that the settings name."""

import json
import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import IO, Any, cast

from .errors import ClusterError
from .settings import Settings

Object = dict[str, Any]
"""A Kubernetes object, or a part of one."""

OWNED = f"--field-manager={__package__}"
"""Marks the fields that are ours, so that a later apply takes away those that we no longer set."""
CHANGES = 1
"""The exit code by which `kubectl diff` says that it found differences."""
SILENT = re.compile(r"connection refused|was refused|no such host|i/o timeout|handshake timeout|Unable to connect")
LAST_CAUSE = "': "
HOST = "127.0.0.1"
FORWARDING = re.compile(rf"Forwarding from ({re.escape(HOST)}:\d+)")
TAKEN = re.compile(rf"listen tcp4 {re.escape(HOST)}:(\d+): bind: address already in use")
STRANGER = re.compile(r"must be logged in|Unauthorized|expired|provide credentials")


class Kubectl:
    """kubectl with one context: never the current one, which may be another project's cluster."""

    def __init__(self, settings: Settings) -> None:
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
    def forwarded(self, resource: str, namespace: str, local_port: int | None = None) -> Iterator[str]:
        """Give an address of this machine that leads to `kind/name:port` while the body runs.

        Args:
            resource: such as `service/name:80`.
            namespace: where it is.
            local_port: the port of the address; by default a free one.

        Raises:
            ClusterError: there is no such object, none of its pods is ready, or the local port is taken.
        """
        target, _, port = resource.rpartition(":")
        where = f"--context={self.context}", f"--namespace={namespace}", f"--address={HOST}"
        command = ["kubectl", "port-forward", target, f"{local_port or ''}:{port}", *where]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as forwarding:
            try:
                yield f"http://{_forwarded_from(resource, cast(IO[str], forwarding.stdout))}"
            finally:
                forwarding.terminate()


def _forwarded_from(resource: str, said: IO[str]) -> str:
    """Return the address that `kubectl port-forward` says it listens on; the rest that it says is thrown away."""
    complaint = ""
    for line in said:
        if found := FORWARDING.search(line):
            Thread(target=deque, args=(said, 0), daemon=True).start()  # or it stops once nobody has read enough
            return found[1]
        complaint += line
    if taken := TAKEN.search(complaint):
        raise ClusterError(
            f"{resource} cannot be reached by port {taken[1]} of this machine: it is taken. "
            f"`lsof -i :{taken[1]}` says by what; end that, and try again."
        )
    raise ClusterError(f"{resource} cannot be reached: {complaint.strip()}")


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
