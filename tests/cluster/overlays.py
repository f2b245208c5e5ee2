"""The serving manifests of a generated repository, in every state of a release."""

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from .kubectl import kubectl

NAME = "wine-cultivars"
PIPELINES = f"system:serviceaccount:kubeflow:{NAME}-pipelines"
"""The account that the pipelines' steps run as."""
IMAGE = f"ghcr.io/acme/{NAME}-serving"
TAG = "0.1.0"
"""That of an image that was built."""
MODES: dict[str, dict[str, str]] = {
    "standard": {"preset": "full", "serving": "kserve"},
    "knative": {"preset": "full", "serving": "kserve", "platform": "kubeflow"},
    "seldon": {"preset": "full", "serving": "seldon"},
}
SOURCES = {
    "standard": "predictor/inferenceservice.yaml",
    "knative": "predictor/inferenceservice.yaml",
    "seldon": "base/seldondeployment.yaml",
}
OVERLAYS = ["local", "staging", "production"]
RELEASES: dict[str, tuple[Any, ...]] = {
    "stable": (1,),
    "canary": (1, 2, "canary", 10),
    "ab-test": (1, 2, "ab-test", 10),
    "shadow": (1, 2, "shadow", 100),
}
"""The stable version, the candidate, how it takes part and its share."""
WRITE = """
import sys
from ml_chassis.errors import RolloutError
from ml_chassis.rollout.overlay import Overlay
from ml_chassis.rollout.release import Release
from wine_cultivars import PROJECT
release = Release(sys.argv[1], sys.argv[2], *eval(sys.argv[3]))
try:
    print(end=Overlay(PROJECT, "local").component(release))
except RolloutError as error:
    sys.exit(str(error))
"""
STATES = [(mode, state) for mode in MODES for state in RELEASES if (mode, state) != ("knative", "shadow")]


def component(project: Path, state: str) -> str:
    """Return the file that the project's own code writes for a state of release."""
    return written(project, RELEASES[state])


@cache
def written(project: Path, release: tuple[Any, ...]) -> str:
    """Return the file of a release; the code that writes it needs nothing beyond what the tests have."""
    sources = project / "src", project / "vendor/ml-chassis/src"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, sources))}
    command = [sys.executable, "-c", WRITE, NAME, f"{IMAGE}:{TAG}", repr(release)]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def with_release(project: Path, folder: Path, state: str) -> Path:
    """Return a copy of the manifests whose overlays are in a state of release."""
    manifests = folder / "serving"
    shutil.copytree(project / "deploy" / "serving", manifests)
    shutil.copytree(project / "deploy" / "namespace", folder / "namespace")
    for overlay in OVERLAYS:
        release = manifests / "overlays" / overlay / "release" / "kustomization.yaml"
        release.write_text(component(project, state))
    return manifests


def build(manifests: Path, overlay: str) -> str:
    """Return what kustomize makes of an overlay."""
    return kubectl("kustomize", str(manifests / "overlays" / overlay))


def move(manifests: Path, overlay: str, namespace: str) -> None:
    """Have an overlay deploy to another namespace."""
    edit(manifests / "overlays" / overlay / "kustomization.yaml", r"(?m)^namespace: .*$", f"namespace: {namespace}")


def edit(path: Path, old: str, new: str) -> None:
    """Replace the one place in a file that matches."""
    text, times = re.subn(old, new, path.read_text())
    assert times == 1, f"{old!r} is in {path} {times} times"
    path.write_text(text)


def of_kind(built: str, *kinds: str) -> list[dict[str, Any]]:
    """Return the objects of some kinds."""
    return [item for item in yaml.safe_load_all(built) if item["kind"] in kinds]


def pods(built: str) -> list[tuple[dict[str, str], dict[str, Any]]]:
    """Return labels and specification of the pods that the operators are asked for."""
    found = []
    for service in of_kind(built, "InferenceService"):
        fields = set(service["spec"]["predictor"]) & POD_FIELDS
        found.append((service["metadata"]["labels"], {name: service["spec"]["predictor"][name] for name in fields}))
    for deployment in of_kind(built, "SeldonDeployment"):
        for predictor in deployment["spec"]["predictors"]:
            found.append((predictor["labels"], predictor["componentSpecs"][0]["spec"]))
    return found


POD_FIELDS = {
    "automountServiceAccountToken",
    "containers",
    "securityContext",
    "serviceAccountName",
    "terminationGracePeriodSeconds",
    "topologySpreadConstraints",
    "volumes",
}
