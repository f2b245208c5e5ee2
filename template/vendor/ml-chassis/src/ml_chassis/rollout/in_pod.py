"""Rolls out from a step of the pipeline, whose image has the manifests."""

import contextlib
import shutil
import tempfile

from ml_chassis.registry import Registry
from ml_chassis.rollout.cluster import cluster_of
from ml_chassis.rollout.overlay import OVERLAYS, Overlay
from ml_chassis.rollout.record import current
from ml_chassis.rollout.rollout import Rollout
from ml_chassis.settings import Settings

MANIFESTS = OVERLAYS.parts[0]


def deploy(settings: Settings, environment: str, version: int, dry_run: bool = False) -> None:
    """Have a version serve all traffic, as the command `deploy` does. Of the release, only the cluster's record stays.

    Args:
        settings: where MLflow is, and how long the cluster may take.
        environment: a folder of `deploy/serving/overlays`.
        version: its number in the registry.
        dry_run: whether to look only for what would keep it from that.

    Raises:
        RolloutError: the environment has other manifests than this image, a candidate is on trial, or the version does
            not serve well; the old one serves again.
    """
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(MANIFESTS, f"{folder}/{MANIFESTS}")
        with contextlib.chdir(folder):
            overlay = Overlay(settings.project, environment)
            release = current(cluster_of(settings, overlay.folder), overlay)
            Rollout(settings, overlay, release, dry_run).deploy(version, Registry(settings).digest(version))
