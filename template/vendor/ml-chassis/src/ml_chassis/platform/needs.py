"""What the project's own manifests ask of a cluster that others keep."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from ml_chassis.errors import ClusterError
from ml_chassis.kubectl import Kubectl
from ml_chassis.platform.doctor import Check, Finding, cluster
from ml_chassis.platform.waves import Wave, waves
from ml_chassis.project import Project
from ml_chassis.settings import Settings

FOLDERS = "deploy/*", "deploy/serving/overlays/local"
"""Where the project's manifests are, beside the waves."""


def checks(settings: Settings) -> list[Check]:
    """Return the checks of the cluster."""
    return [cluster, definitions]


def definitions(settings: Settings) -> Iterator[Finding]:
    """Check that the cluster knows every kind of object that the project applies, in the version that it applies."""
    applied = _applied(settings.project)
    try:
        kubectl = Kubectl(settings)
        known = {api_version: _known(kubectl, api_version) for api_version in applied}
    except ClusterError:
        return  # the check of the cluster says why
    for api_version, kinds in sorted(applied.items()):
        missing = ", ".join(sorted(kinds - known[api_version]))
        advice = f"install the operator that brings {missing}" if missing else ""
        yield Finding(api_version, ", ".join(sorted(kinds & known[api_version])) or "missing", advice)


def _applied(project: Project) -> dict[str, set[str]]:
    """Return the kinds of what the project applies, by the version of their API, save those of every cluster."""
    kinds = defaultdict(set)
    files = (file for folder in FOLDERS for file in Path().glob(f"{folder}/kustomization.yaml"))
    for wave in [*waves(project), *(Wave.of(file.parent) for file in files)]:
        for manifest in wave.manifests:
            if "." in manifest.api_version:
                kinds[manifest.api_version].add(manifest.kind)
    return kinds


def _known(kubectl: Kubectl, api_version: str) -> set[str]:
    try:
        listed = json.loads(kubectl("get", "--raw", f"/apis/{api_version}"))
    except ClusterError as error:
        if "NotFound" not in str(error):
            raise
        return set()
    return {resource["kind"] for resource in listed["resources"]}
