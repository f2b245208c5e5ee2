"""What the stand-ins for the operators share: they bring about what the objects of one namespace ask for.

The node that the tests run on has no operators. The stand-ins make the same Deployments, Services and autoscalers as
the real ones (each says by which source), so the pods, their rollouts and their traffic are real.
"""

from abc import ABC, abstractmethod

from .api import Api
from .kubectl import Object, as_list, kubectl


class Operator(ABC):
    """Looks after one namespace."""

    group: str
    """The API group of what it looks after, and its version."""
    kind: str

    def __init__(self, namespace: str) -> None:
        """Watch over a namespace."""
        self.namespace = namespace
        self._applied: dict[str, str] = {}

    @abstractmethod
    def children(self, owner: Object) -> list[Object]:
        """Return the objects that the operator makes for one of its kind."""

    @abstractmethod
    def status(self, owner: Object, deployments: dict[str, Object]) -> Object:
        """Return the status that follows from its Deployments, given by their names."""

    @abstractmethod
    def superfluous(self, owner: Object, deployments: dict[str, Object]) -> list[str]:
        """Return what the operator deletes, as `kind/name`."""

    def reconcile(self, server: Api) -> None:
        """Bring about what the objects ask for now, and report on it."""
        found = server.items(f"/apis/apps/v1/namespaces/{self.namespace}/deployments")
        deployments = {deployment["metadata"]["name"]: deployment for deployment in found}
        path = f"/apis/{self.group}/namespaces/{self.namespace}/{self.kind}s"
        for owner in server.items(path):
            wanted = as_list([self._owned(child, owner) for child in self.children(owner)])
            if self._applied.get(owner["metadata"]["uid"]) != wanted:
                self._bring_about(owner, wanted)
                continue  # the status is that of before until the next time, as with the real operators
            status = self.status(owner, deployments)
            if status != {name: owner.get("status", {}).get(name) for name in status}:
                server.set_status(f"{path}/{owner['metadata']['name']}", status)
            if unwanted := self.superfluous(owner, deployments):
                kubectl("delete", "--ignore-not-found", "-n", self.namespace, *unwanted)

    def _bring_about(self, owner: Object, wanted: str) -> None:
        kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=operator", "-f", "-", given=wanted)
        self._applied[owner["metadata"]["uid"]] = wanted

    def _owned(self, child: Object, owner: Object) -> Object:
        """Return an object that the cluster deletes along with its owner."""
        reference = {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": True,
        }
        metadata = child["metadata"] | {"namespace": self.namespace, "ownerReferences": [reference]}
        return child | {"metadata": metadata}


def conditions(deployment: Object) -> dict[str, Object]:
    """Return a Deployment's conditions by their types."""
    return {found["type"]: found for found in deployment.get("status", {}).get("conditions", [])}


def service(name: str, labels: Object, selector: Object, port: int) -> Object:
    """Return a Service that leads to port 8080 of pods."""
    ports = [{"name": "http", "port": port, "targetPort": 8080, "protocol": "TCP"}]
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": selector, "ports": ports}}


def autoscaler(deployment: str, labels: Object, least: int, most: int, metrics: list[Object]) -> Object:
    """Return a HorizontalPodAutoscaler of a Deployment."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": deployment, "labels": labels},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment},
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": metrics,
        },
    }
