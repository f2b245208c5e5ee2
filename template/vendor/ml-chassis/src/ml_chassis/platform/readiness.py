"""Tells what of a wave does not work yet, and why."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

from ml_chassis.kubectl import Kubectl, Object
from ml_chassis.platform.waves import LAST, Manifest

LOG_LINES = 5


@dataclass(frozen=True)
class Watched:
    """The objects of a wave that take time to work, as kubectl reads them."""

    count: int
    text: str

    @classmethod
    def of(cls, manifests: list[Manifest]) -> Self:
        """Return those among the manifests."""
        found = [manifest for manifest in manifests if manifest.kind in REASONS]
        items = [
            {
                "apiVersion": manifest.api_version,
                "kind": manifest.kind,
                "metadata": {"name": manifest.name, "namespace": manifest.namespace},
            }
            for manifest in found
        ]
        return cls(len(items), json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def unready(kubectl: Kubectl, watched: Watched) -> list[str]:
    """Return what does not work yet, each with what it lacks."""
    return [f"{_named(found)}: {reason}" for found, reason in _unready(kubectl, watched)]


def complaints(kubectl: Kubectl, waiting_for: Watched) -> Iterator[str]:
    """Yield why the pods of what does not work are not ready, with the last lines of their logs."""
    for found, _ in _unready(kubectl, waiting_for):
        labels = found.get("spec", {}).get("selector", {}).get("matchLabels", {})
        if not labels:
            continue
        namespace = found["metadata"]["namespace"]
        selector = ",".join(f"{key}={value}" for key, value in labels.items())
        asked = ("get", "pods", f"--namespace={namespace}", f"--selector={selector}", "--output=json")
        for pod in json.loads(kubectl(*asked))["items"]:
            name = pod["metadata"]["name"]
            for reason in _pod_reasons(pod):
                yield f"pod {namespace}/{name}: {reason}"
            log = ("logs", name, f"--namespace={namespace}", "--all-containers", f"--tail={LOG_LINES}")
            yield from (f"  {line}" for line in kubectl(*log, good=(0, 1)).splitlines())


def _unready(kubectl: Kubectl, watched: Watched) -> list[tuple[Object, str]]:
    if not watched.count:
        return []
    text = kubectl("get", "--filename=-", "--output=json", text=watched.text)
    items = json.loads(text)["items"]
    return [(found, reason) for found in items if (reason := REASONS[found["kind"]](found))]


def _named(found: Object) -> str:
    return f"{found['kind']} {found['metadata']['name']}"


def _deployment(found: Object) -> str:
    return _of_replicas(found, "availableReplicas")


def _stateful_set(found: Object) -> str:
    return _of_replicas(found, "readyReplicas")


def _of_replicas(found: Object, ready: str) -> str:
    wanted, status = found["spec"]["replicas"], found.get("status", {})
    return _pods(found, min(status.get("updatedReplicas", 0), status.get(ready, 0)), wanted)


def _daemon_set(found: Object) -> str:
    status = found.get("status", {})
    return _pods(found, status.get("numberReady", 0), status.get("desiredNumberScheduled", 0))


def _pods(found: Object, ready: int, wanted: int) -> str:
    if found.get("status", {}).get("observedGeneration", 0) < found["metadata"]["generation"]:
        return "not seen yet"
    return "" if ready >= wanted else f"{ready} of {wanted} pods ready"


def _definition(found: Object) -> str:
    return "" if _holds(found, "Established") else "not established"


def _job(found: Object) -> str:
    return "" if _holds(found, "Complete") else "not done"


def _operated(found: Object) -> str:
    return "" if _holds(found, "Available") else "no pods ready"


def _webhook(found: Object) -> str:
    certain = all(hook["clientConfig"].get("caBundle") for hook in found.get("webhooks", []))
    return "" if certain else "no certificate"


def _holds(found: Object, condition: str) -> bool:
    conditions = found.get("status", {}).get("conditions") or []  # null in a definition that was only just made
    return any(each["type"] == condition and each["status"] == "True" for each in conditions)


def _pod_reasons(pod: Object) -> Iterator[str]:
    status = pod["status"]
    for condition in status.get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] != "True":
            yield condition.get("message", condition.get("reason", ""))
    for container in status.get("initContainerStatuses", []) + status.get("containerStatuses", []):
        for state in (container["state"], container.get("lastState", {})):
            for kind in ("waiting", "terminated"):
                if (detail := state.get(kind)) and detail.get("reason") != "Completed":
                    yield f"{container['name']} {detail.get('reason')} {detail.get('message', '')}".rstrip()


REASONS: dict[str, Callable[[Object], str]] = {
    "CustomResourceDefinition": _definition,
    "Deployment": _deployment,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "Prometheus": _operated,
    "Alertmanager": _operated,
    **dict.fromkeys(sorted(LAST), _webhook),
}
"""By kind, what an object still lacks."""
