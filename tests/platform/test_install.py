"""`make platform` brings the whole platform to a real API server, wave by wave, and takes it away again."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from copier import run_copy

from tests.cluster.kubectl import get, kubectl
from tests.local.projects import Project

from .hollow import NAMESPACES, hollow_pods

WEBHOOKS = """\
  - target:
      kind: (Mutating|Validating)WebhookConfiguration
    patch: |
      $patch: delete
      apiVersion: v1
      kind: any
      metadata:
        name: any
"""
"""Takes away the webhooks of pods that do not run here: nobody would answer them."""
DEFAULTS = {"default", "kube-node-lease", "kube-public", "kube-system"}


@pytest.fixture(scope="module", params=["kserve", "seldon"])
def project(request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project for a cluster whose pods are hollow."""
    folder = tmp_path_factory.mktemp("platform")
    run_copy(str(template), folder, data={"preset": "full", "serving": request.param}, defaults=True, quiet=True)
    for wave in (folder / "deploy/platform").glob("*/kustomization.yaml"):
        text = wave.read_text()
        wave.write_text(text + ("" if "\npatches:" in text else "patches:\n") + WEBHOOKS)
    project = Project(folder, settings={"CONTEXT": kubectl("config", "current-context").strip()})
    project.make("setup")
    with hollow_pods():
        yield project


def waves(project: Project) -> list[str]:
    return sorted(folder.name for folder in (project.folder / "deploy/platform").iterdir())


def test_platform_comes_up_at_the_first_try_and_is_left_alone_afterwards(project: Project) -> None:
    printed = project.make("platform")
    assert [line.split(":")[0] for line in printed.splitlines() if line.endswith(" objects")] == waves(project)
    assert "trying again" not in printed
    passwords = {line for line in printed.splitlines() if "made a password" in line}
    assert len(passwords) == 9

    assert project.make("platform-plan").count("nothing would change.") == len(waves(project))
    assert "made a password" not in project.make("platform")


def test_no_password_is_a_published_one(project: Project) -> None:
    for name, namespace in {"mysql-secret": "kubeflow", "mlpipeline-minio-artifact": "kubeflow"}.items():
        assert not set(get(f"secret/{name}", namespace)["data"].values()) & {"", "bWluaW8=", "bWluaW8xMjM="}


def test_removal_leaves_nothing(project: Project) -> None:
    project.make("platform-remove YES=1")
    namespaces = json.loads(kubectl("get", "namespaces", "-o=json"))["items"]
    assert {found["metadata"]["name"] for found in namespaces}.isdisjoint(NAMESPACES)
    assert json.loads(kubectl("get", "crd", "-o=json"))["items"] == []
