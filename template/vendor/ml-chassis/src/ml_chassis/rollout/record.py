"""Reads the record of the release that a cluster keeps beside it."""

import typer

from ml_chassis.rollout.cluster import Cluster
from ml_chassis.rollout.overlay import FILE, RECORD, Overlay
from ml_chassis.rollout.release import Release


def current(cluster: Cluster, overlay: Overlay) -> Release:
    """Return the release that the cluster was given last, be it by another machine or by a pipeline.

    Where it differs from the overlay's, a line says so. Nothing is written.
    """
    record = cluster.get(f"configmap/{RECORD}")
    if not record or record["data"][FILE] == overlay.path.read_text():
        return overlay.read()
    given = Release.parse(record["data"][FILE], f"configmap/{RECORD} of {cluster}")
    typer.echo(f"{cluster} was given {given} last, and {overlay.path} holds {overlay.read()}.")
    return given
