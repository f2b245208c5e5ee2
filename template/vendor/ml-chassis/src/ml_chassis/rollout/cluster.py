"""What rollouts ask of kubectl, in one namespace of the cluster."""

import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from ml_chassis.errors import ClusterError
from ml_chassis.kubectl import Kubectl, Object, run

if TYPE_CHECKING:
    from ml_chassis.settings import Settings

NAMESPACED = "ServiceAccount"
"""A kind that every overlay has, in its namespace."""
FAILED = "InternalError"
"""The reason of the events by which operators tell what Kubernetes refused them."""


def render(overlay: Path) -> list[Object]:
    """Return the objects of a kustomize overlay."""
    return [found for found in yaml.safe_load_all(run("kustomize", str(overlay))) if found]


def namespace_of(objects: list[Object]) -> str:
    """Return the namespace that the objects of an overlay are in."""
    return next(str(found["metadata"]["namespace"]) for found in objects if found["kind"] == NAMESPACED)


class Cluster:
    """The namespace that an overlay deploys to."""

    def __init__(self, settings: "Settings", namespace: str) -> None:
        self.namespace = namespace
        self._kubectl = Kubectl(settings)

    def __str__(self) -> str:
        """Return where it is, for a person to check."""
        return f"Namespace {self.namespace} of {self._kubectl.context}"

    def may(self, verb: str, resource: str) -> bool:
        """Return whether the credentials in use allow something here."""
        answer = self._kubectl("auth", "can-i", verb, resource, f"--namespace={self.namespace}", good=(0, 1))
        return answer.strip() == "yes"

    def diff(self, wanted: list[Object]) -> str:
        """Return what applying objects would change, as a diff; where the namespace is new, all of them."""
        text: str = yaml.safe_dump_all(wanted)
        if not self.get(f"namespace/{self.namespace}"):
            return text
        return self._kubectl.diff(text)

    def apply(self, wanted: list[Object]) -> None:
        """Apply objects."""
        self._kubectl.apply(yaml.safe_dump_all(wanted))

    def delete(self, unwanted: list[Object], seconds: int) -> None:
        """Delete objects, those that are there, within so many seconds."""
        self._kubectl.delete(yaml.safe_dump_all(unwanted), seconds)

    def get(self, resource: str) -> Object:
        """Return an object, such as `deployment/name`, or nothing where there is none."""
        return self._kubectl.get(resource, self.namespace)

    def has(self, wanted: list[Object]) -> bool:
        """Return whether any of these objects is there."""
        return any(self.get(f"{found['kind'].lower()}/{found['metadata']['name']}") for found in wanted)

    def refusal(self, wanted: Object) -> str:
        """Return why an object's controller could not do what was applied last, or nothing where no event says so."""
        kind, name = wanted["kind"], wanted["metadata"]["name"]
        found = self._kubectl.get(f"{kind.lower()}/{name}", self.namespace, "--show-managed-fields")
        fields = found.get("metadata", {}).get("managedFields", [])
        applied = max((own["time"] for own in fields if own["manager"] == self._kubectl.manager), default="")
        about = f"--field-selector=involvedObject.kind={kind},involvedObject.name={name},reason={FAILED}"
        try:
            text = self._kubectl("get", "events", about, "--output=json", f"--namespace={self.namespace}")
        except ClusterError:  # not everybody may see events, and the wait goes on all the same
            return ""
        events = sorted((event["lastTimestamp"] or "", event["message"]) for event in json.loads(text)["items"])
        return f"{kind} {name}: {events[-1][1]}" if events and events[-1][0] >= applied else ""

    def pods(self, name: str, wanted: list[Object]) -> list[Object]:
        """Return the project's pods that run, or should run, one of these containers."""
        return [
            pod
            for pod in self.list("pod", f"app.kubernetes.io/name={name}")
            if any(same_container(found, container) for found in pod["spec"]["containers"] for container in wanted)
        ]

    def list(self, kind: str, selector: str) -> list[Object]:
        """Return the objects of a kind that have the labels."""
        text = self._kubectl("get", kind, f"--selector={selector}", "--output=json", f"--namespace={self.namespace}")
        found: list[Object] = json.loads(text)["items"]
        return found

    def forwarded(self, resource: str) -> AbstractContextManager[str]:
        """Give an address of this machine that leads to `kind/name:port` while the body runs."""
        return self._kubectl.forwarded(resource, self.namespace)


def cluster_of(settings: "Settings", overlay: Path) -> Cluster:
    """Return the namespace that a kustomize overlay deploys to."""
    return Cluster(settings, namespace_of(render(overlay)))


def unready_deployment(found: Object, container: Object) -> str:
    """Return what a Deployment still waits for, or nothing when all its pods run `container` and are available."""
    if not found:
        return "a Deployment"
    spec, status = found["spec"], found.get("status", {})
    if not same_container(spec["template"]["spec"]["containers"][0], container):
        return "a Deployment with the change"
    updated, available = status.get("updatedReplicas", 0), status.get("availableReplicas", 0)
    if status.get("observedGeneration", 0) < found["metadata"]["generation"] or updated < spec["replicas"]:
        return f"new pods: {updated} of {spec['replicas']}{_refusal(status)}"
    if status.get("replicas", 0) > updated:
        return "the old pods to end"
    return "" if available >= spec["replicas"] else f"ready pods: {available} of {spec['replicas']}"


def _refusal(status: Object) -> str:
    """Return why the cluster makes no pod, such as a quota that is used up, or nothing."""
    for condition in status.get("conditions", []):
        if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
            return f", as {condition['message']}"
    return ""


def same_container(found: Object, wanted: Object) -> bool:
    """Return whether a running container is of the image and environment that are wanted."""
    lists = all(entry in found.get(key, []) for key in ("env", "envFrom") for entry in wanted.get(key, []))
    return lists and found.get("image") == wanted["image"]
