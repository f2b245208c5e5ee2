"""What a GitOps controller reads of the platform in the repository is what the library would apply."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.waves import told

from .conftest import Rendered

SHIPPED = """
import json
from ml_chassis.platform.folders import KUSTOMIZATION, shipped
def listed(wave, kind):
    return [str(part.resolve()) for part in wave.parts if f"kind: {kind}\\n" in (part / KUSTOMIZATION).read_text()]
print(json.dumps({
    name: {"resources": listed(wave, "Kustomization"), "components": listed(wave, "Component")} | dict(wave.fields)
    for name, wave in shipped(project).items()
}))
"""
ANSWERS: dict[str, dict[str, Any]] = {
    "extras": {"preset": "full", "extras": ("katib", "trainer", "registry", "notebooks")},
    "registry": {"serving": "seldon", "extras": ("registry",)},
    "notebooks": {"serving": "none", "namespace": "team", "extras": ("notebooks",)},
    "kubeflow": {"preset": "full", "platform": "kubeflow"},
    "kubeflow-seldon": {"platform": "kubeflow", "serving": "seldon"},
}


@pytest.fixture(params=ANSWERS)
def project(request: pytest.FixtureRequest, rendered: Rendered) -> Path:
    """Return repositories whose platform Flux applies."""
    return rendered(gitops="flux", repository_url="https://git.example.com/acme/wines", **ANSWERS[request.param])


def test_each_wave_lists_what_the_library_would_apply(project: Path) -> None:
    found = {file.parent.name: said(file) for file in project.glob("deploy/platform/*/kustomization.yaml")}
    del found["70-project"]

    assert found == {name: readable(wave) for name, wave in json.loads(told(project, SHIPPED)).items()}


def test_flux_reads_the_folders_that_the_waves_list(project: Path) -> None:
    _, repository = yaml.safe_load_all((project / "deploy/gitops/repository.yaml").read_text())
    assert repository["spec"]["ignore"].split() == ["/*", "!/deploy", "!/vendor"]


def said(file: Path) -> dict[str, Any]:
    """Return what a kustomization says, with the folders that it lists as they are on this machine."""
    read = yaml.safe_load(file.read_text())
    del read["apiVersion"], read["kind"]
    listed = {
        name: [str((file.parent / folder).resolve()) for folder in read.get(name, [])]
        for name in ("resources", "components")
    }
    return readable(read | listed)


def readable(wave: dict[str, Any]) -> dict[str, Any]:
    """Return a wave whose patches are read."""
    patches = [patch | {"patch": yaml.safe_load(patch["patch"])} for patch in wave.get("patches", [])]
    return wave | {"patches": patches}
