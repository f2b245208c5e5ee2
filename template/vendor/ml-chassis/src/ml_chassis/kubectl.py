"""Runs kubectl on the cluster that the settings name."""

import json
import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Thread
from typing import IO, TYPE_CHECKING, Any, cast

from ml_chassis.errors import ClusterError

if TYPE_CHECKING:
    from ml_chassis.settings import Settings

Object = dict[str, Any]
"""A Kubernetes object, or a part of one."""

CHANGES = 1
"""The exit code by which `kubectl diff` says that it found differences."""
KLOG = re.compile(r"^[EFIW]\d{4} [\d:.]+ .*\n?(?:(?:\t.*| >)\n?)*", re.MULTILINE)
"""A record of kubectl's own log, which repeats what it says at its end."""
CAUSES = {
    r"getting credentials": "kubectl cannot log in to the cluster; its credential plugin fails, or is not installed.",
    r"x509:": (
        "The kubeconfig does not trust the cluster's certificate; if the cluster was made again, fetch its kubeconfig."
    ),
    r"must be logged in|Unauthorized|expired|provide credentials": (
        "The cluster refuses your credentials; log in to it again."
    ),
    r"connection refused|was refused|no such host|i/o timeout|handshake timeout|Unable to connect": (
        "The cluster does not answer; is it running?"
    ),
}
"""What to do about a complaint, by words of it. The first that fits counts: the last is the most general."""
LAST_CAUSE = "': "
HOPELESS = {
    *("CrashLoopBackOff", "CreateContainerConfigError", "CreateContainerError"),
    *("ErrImageNeverPull", "ImagePullBackOff", "InvalidImageName"),
}
"""Why a container waits, where waiting longer rarely helps."""
HOST = "127.0.0.1"
FORWARDING = re.compile(rf"Forwarding from ({re.escape(HOST)}:\d+)")
TAKEN = re.compile(rf"listen tcp4 {re.escape(HOST)}:(\d+): bind: address already in use")
IN_CLUSTER = "in-cluster"
"""What a pod calls the cluster that it is in. kubectl without a kubeconfig acts there, as the pod's ServiceAccount."""
TIMED_OUT = "timed out waiting for the condition"
HARMLESS = re.compile(rf"no matches for kind|ensure CRDs are installed first|{TIMED_OUT}")
"""What `kubectl delete` says where, in the end, there is nothing left to delete."""


class Kubectl:
    """kubectl with one context: never the current one, which may be another project's cluster."""

    def __init__(self, settings: "Settings") -> None:
        """Take the context that the settings name.

        Raises:
            ClusterError: they name none, or the kubeconfig has no such context.
        """
        self.context = settings.context
        self.manager = settings.project.package
        """Marks the fields that are the project's, so that a later apply takes away those that it no longer sets."""
        if self.context == IN_CLUSTER:
            self._where = f"--kubeconfig={os.devnull}"
            return
        self._where = f"--context={self.context}"
        known = _contexts()
        if not self.context:
            others = f"one of {', '.join(known)}" if known else "which has none yet"
            raise ClusterError(f"CONTEXT names no cluster; set it to a context of the kubeconfig, {others}.")
        if self.context not in known:
            others = f"only {', '.join(known)}" if known else "nor any other"
            hint = "CONTEXT=name chooses one."
            if settings.project.owns_cluster:
                hint = "`make cluster` makes that cluster; CONTEXT=name chooses another."
            raise ClusterError(f"The kubeconfig has no context {self.context!r}, {others}. {hint}")

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
        return run(verb, self._where, *rest, good=good, text=text)

    def apply(self, manifests: str) -> None:
        """Apply manifests, as their owner of before."""
        self("apply", "--server-side", self._owned, "--filename=-", text=manifests)

    def diff(self, manifests: str) -> str:
        """Return what applying manifests would change, as a diff."""
        return self("diff", "--server-side", self._owned, "--filename=-", good=(0, CHANGES), text=manifests)

    def delete(self, manifests: str, seconds: int) -> None:
        """Delete what manifests describe, where it is there; of a kind that the cluster does not know, nothing is.

        Raises:
            ClusterError: some of it is still there after so many seconds; the message says what keeps it.
        """
        try:
            self("delete", "--ignore-not-found", f"--timeout={seconds}s", "--filename=-", text=manifests)
        except ClusterError as error:
            if TIMED_OUT in str(error) and (left := self._ending(manifests)):
                raise ClusterError(
                    f"Still not deleted after {seconds} seconds: {'; '.join(map(kept_by, left))}. Controllers take "
                    "finalizers away: once they work again, the deletion ends by itself."
                ) from error
            if not all(HARMLESS.search(line) for line in str(error).splitlines()):
                raise

    @property
    def _owned(self) -> str:
        return f"--field-manager={self.manager}"

    def _ending(self, manifests: str) -> list[Object]:
        """Return those of the objects that are about to be deleted."""
        there = self("get", "--ignore-not-found", "--output=json", "--filename=-", good=(0, 1), text=manifests)
        found = json.loads(there or '{"items": []}')
        return [each for each in found.get("items", [found]) if "deletionTimestamp" in each["metadata"]]

    def get(self, resource: str, namespace: str = "", *options: str) -> Object:
        """Return an object, such as `deployment/name`, or nothing where there is none."""
        text = self("get", resource, "--ignore-not-found", "--output=json", f"--namespace={namespace}", *options)
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
        where = self._where, f"--namespace={namespace}", f"--address={HOST}"
        command = ["kubectl", "port-forward", target, f"{local_port or ''}:{port}", *where]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as forwarding:
            try:
                yield f"http://{_forwarded_from(resource, cast(IO[str], forwarding.stdout))}"
            finally:
                forwarding.terminate()


@cache
def _contexts() -> list[str]:
    """Return the contexts of the kubeconfig."""
    return run("config", "get-contexts", "--output=name").split()


def stuck(pod: Object) -> str:
    """Return why a pod cannot start, where waiting longer rarely helps, or nothing."""
    states = pod["status"]
    for status in states.get("initContainerStatuses", []) + states.get("containerStatuses", []):
        waiting = status["state"].get("waiting", {})
        if waiting.get("reason") in HOPELESS:
            return f"{pod['metadata']['name']} is in {waiting['reason']}: {waiting.get('message', '')}"
    return ""


def unschedulable(pod: Object) -> str:
    """Return why no node takes a pod, which another node may change, or nothing."""
    for condition in pod["status"].get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{pod['metadata']['name']} cannot be scheduled: {condition.get('message', condition.get('reason'))}"
    return ""


def kept_by(found: Object) -> str:
    """Return what keeps an object that is to be deleted: its finalizers or, of a namespace, those of what is in it."""
    finalizers, conditions = found["metadata"].get("finalizers", []), found.get("status", {}).get("conditions", [])
    said = [condition.get("message", "") for condition in conditions if condition["status"] == "True"]
    why = ", ".join(finalizers) or " ".join(filter(None, said))
    return f"{found['kind']} {found['metadata']['name']}" + (f", with {why}" if why else "")


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
    said = KLOG.sub("", complaint).strip() or complaint
    for words, remedy in CAUSES.items():
        if re.search(words, said):
            return f"{remedy} kubectl {verb}: {said}"
    return f"kubectl {verb} failed: {said}"
