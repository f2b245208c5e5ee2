"""Tells whether a cluster can get the images of this code, before a run or a rollout counts on them."""

import json
import subprocess
import time

import typer

from ml_chassis.errors import ClusterError
from ml_chassis.kubectl import Kubectl
from ml_chassis.settings import Settings

REGISTRY_SECONDS = 60
NODE_SECONDS = 45
"""By then a node has told of an image that it was just given."""
POLL_SECONDS = 3
MOST_TOLD = 50
"""How many images a node tells of, the largest ones. https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/"""
NOT_PUSHED, NOT_BUILT = "{}: not found", "No such image"
"""What Docker says of an image that a registry, and that it itself, does not have."""


def located(image: str, settings: Settings | None) -> str:
    """Return an image's name, with its digest where its registry tells it.

    Where it cannot be told from here whether the image is there, a line says so: the cluster may see more.

    Args:
        image: its name and tag; one without a registry is sought on the nodes of the cluster.
        settings: where the cluster is; None if its nodes cannot be asked.

    Raises:
        ClusterError: it is missing; the message says how to bring it there.
    """
    if "@" in image:
        return image
    if "/" in image:
        return _in_registry(image)
    if settings:
        _check_nodes(image, settings)
    else:
        typer.echo(f"Whether the cluster has the image {image} cannot be told from here.")
    return image


def _in_registry(image: str) -> str:
    done = _docker("buildx", "imagetools", "inspect", image, "--format", "{{json .Manifest}}")
    if done and not done.returncode:
        return f"{image}@{json.loads(done.stdout)['digest']}"
    complaint = done.stderr.strip() if done else "Docker is missing, or does not answer"
    if complaint.endswith(NOT_PUSHED.format(image)):
        raise ClusterError(f"{image} is not in its registry; `make image push` builds and pushes it.")
    typer.echo(f"Whether {image} is in its registry cannot be told from here: {complaint}.")
    return image


def _check_nodes(image: str, settings: Settings) -> None:
    deadline = time.monotonic() + NODE_SECONDS
    while found := _missing(image, settings):
        if time.monotonic() > deadline or not _may_be_built(image):
            raise ClusterError(found)
        time.sleep(POLL_SECONDS)


def _missing(image: str, settings: Settings) -> str:
    """Return what to do if no node has an image, and nothing if one has it or might."""
    try:
        told = _on_nodes(settings)
    except ClusterError as error:
        typer.echo(f"Whether the cluster has the image {image} cannot be told from here: {error}")
        return ""
    if told is None:
        typer.echo(f"Whether the cluster has the image {image} cannot be told: its nodes do not list all of theirs.")
        return ""
    if {image, f"docker.io/library/{image}"} & told:
        return ""
    if settings.project.owns_cluster:
        return f"The cluster has no image {image}; `make image load-images` builds it and loads it there."
    return f"The cluster has no image {image}; `make image` builds it, for you to bring it there."


def _on_nodes(settings: Settings) -> set[str] | None:
    """Return the names of the images that the nodes have, or None where one may have more than it lists."""
    nodes = json.loads(Kubectl(settings)("get", "nodes", "--output=json"))["items"]
    listed = [node["status"].get("images", []) for node in nodes]
    if not listed or not all(0 < len(images) < MOST_TOLD for images in listed):
        return None
    return {name for images in listed for image in images for name in image.get("names", [])}


def _may_be_built(image: str) -> bool:
    """Return whether Docker here has an image, or cannot tell: then a node may only not have told of it yet."""
    done = _docker("image", "inspect", image)
    return not done or NOT_BUILT not in done.stderr


def _docker(*arguments: str) -> "subprocess.CompletedProcess[str] | None":
    try:
        return subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, check=False, timeout=REGISTRY_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
