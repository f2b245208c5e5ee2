"""Tells what an environment serves."""

from collections import Counter

from rich.table import Table

from ml_chassis.kubectl import Object
from ml_chassis.rollout.cluster import Cluster
from ml_chassis.rollout.overlay import Overlay


def pods_by_version(cluster: Cluster, overlay: Overlay) -> Table:
    """Return a table of the model server's pods, by variant, version and image."""
    found = cluster.list("pod", f"app.kubernetes.io/name={overlay.read().name}")
    pods = [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]
    groups = Counter(_group(pod) for pod in pods)
    ready = Counter(_group(pod) for pod in pods if _is_ready(pod))
    table = Table("Variant", "Version", "Pods ready", "Image", box=None, pad_edge=False)
    for (variant, version, image), count in sorted(groups.items(), reverse=True):
        table.add_row(variant, version, f"{ready[variant, version, image]} of {count}", image)
    return table


def _group(pod: Object) -> tuple[str, str, str]:
    labels = pod["metadata"]["labels"]
    image, _, _ = pod["spec"]["containers"][0]["image"].partition("@")  # the tag names the code; a digest is long
    return labels.get("model-variant", ""), labels.get("model-version", ""), image


def _is_ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
