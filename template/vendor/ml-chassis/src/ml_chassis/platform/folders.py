"""The library's own manifests: which of its folders make up the waves of a project's platform."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_chassis.kustomizations import patch, written
from ml_chassis.project import Project

MANIFESTS = Path(__file__).parent / "manifests"
LOAD_BALANCER = MANIFESTS / "load-balancer"
KUSTOMIZATION = "kustomization.yaml"


@dataclass(frozen=True)
class Composition:
    """Folders of the library that make up a wave."""

    parts: tuple[Path, ...]
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What a kustomization says of them for one project."""

    def write(self, folder: Path) -> None:
        """Copy them into a folder that kustomize renders: one alone as it is, several beside what lists them."""
        if len(self.parts) == 1 and not self.fields:
            _copy(self.parts[0], folder)
            return
        kustomization: dict[str, Any] = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
        for part in self.parts:
            _copy(part, folder / part.name)
            changes = "kind: Component\n" in (part / KUSTOMIZATION).read_text()
            kustomization.setdefault("components" if changes else "resources", []).append(part.name)
        (folder / KUSTOMIZATION).write_text(written(kustomization | dict(self.fields)))


def shipped(project: Project) -> dict[str, Composition]:
    """Return the waves that the library brings, by their names."""
    if not project.owns_cluster:
        return {}
    size, mode, extras = project.platform, project.serving, project.extras
    whole = size == "kubeflow"
    parts: dict[str, Sequence[str]] = {
        "10-cert-manager": [size],
        "20-istio": ["gateway"] if mode == "standard" else [],
        "20-mesh": ["mesh", *(["knative"] if mode == "knative" else [])] if whole else [],
        "25-login": ["dex"] if whole else [],
        "30-monitoring": ["prometheus"] if project.monitoring else [],
        "35-knative": ["knative"] if mode == "knative" else [],
        "40-pipelines": [size, "both"],
        "45-kubeflow": ["kubeflow", "registry/model-registry"] if whole else extras,
        "50-mlflow": ["mlflow", *(["mesh"] if whole else [])],
        "60-serving": {"none": [], "seldon": ["seldon"]}.get(mode, ["kserve", mode]),
        "65-users": ["users", "../50-mlflow/mlflow/image"],
    }
    named = {"45-kubeflow": _open_to_the_lab(project), "65-users": _of_the_project(project)}
    return {
        wave: Composition(tuple(MANIFESTS / wave / part for part in found), named.get(wave, {}))
        for wave, found in parts.items()
        if found
    }


def _copy(source: Path, folder: Path) -> None:
    """Copy a folder, but for what an installer makes of the Python files in it."""
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def _open_to_the_lab(project: Project) -> dict[str, Any]:
    """Return what lets pods of the project's lab reach Katib's measurements and Model Registry."""
    if not {"katib", "registry"} & set(project.extras) or not project.lab:
        return {}
    lab = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": project.lab}}}
    admitted = [{"op": "add", "path": "/spec/ingress/0/from/-", "value": lab}]
    return {"patches": [patch("NetworkPolicy", admitted, name="katib-db-manager|model-registry")]}


def _of_the_project(project: Project) -> dict[str, Any]:
    """Return what names the Job and its Secrets after the project."""
    login, reader = f"{project.name}-mlflow-login", f"{project.name}-mlflow-reader"
    variables = "/spec/template/spec/containers/0/env"
    renamed = [  # by their places: the order of a Job's variables cannot be changed
        {"op": "replace", "path": f"{variables}/{place}/valueFrom/secretKeyRef/name", "value": secret}
        for place, secret in enumerate((login, login, reader, reader), 3)
    ]
    return {"namePrefix": f"{project.name}-", "patches": [patch("Job", renamed)]}
