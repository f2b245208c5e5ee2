"""`make platform` brings the whole platform to a real API server, wave by wave, and takes it away again."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from copier import run_copy

from tests.cluster.kubectl import cluster_settings, get, kubectl
from tests.local.projects import Project
from tests.running import give_up

from .hollow import NAMESPACES, WITHOUT_WEBHOOKS, hollow_pods

pytestmark = pytest.mark.whole_cluster

PUBLISHED = {"", "bWluaW8=", "bWluaW8xMjM="}
"""Values of KFP's own Secrets, in Base64."""
HALF_WAY_SECONDS = 2


@pytest.fixture(scope="module")
def empty_cluster() -> None:
    """Make sure that a cluster is there, and take from it what other tests left."""
    if not os.environ.get("KUBECONFIG"):
        give_up("KUBECONFIG names no cluster")
    kubectl("delete", "crd", "--all")


@pytest.fixture(scope="module", params=["kserve", "seldon"])
def project(
    request: pytest.FixtureRequest, empty_cluster: None, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    """Return a project for a cluster whose pods are hollow."""
    folder = tmp_path_factory.mktemp("platform")
    run_copy(str(template), folder, data={"preset": "full", "serving": request.param}, defaults=True, quiet=True)
    for wave in (folder / "deploy/platform").glob("*/kustomization.yaml"):
        text = wave.read_text()
        wave.write_text(text + ("" if "\npatches:" in text else "patches:\n") + WITHOUT_WEBHOOKS)
    project = Project(folder, settings=cluster_settings())
    project.make("setup")
    with hollow_pods():
        yield project


@pytest.mark.parametrize("project", ["kserve"], indirect=True)
def test_platform_comes_up_at_the_first_try(project: Project) -> None:
    printed = project.make("platform")

    assert [line.split(":")[0] for line in printed.splitlines() if line.endswith(" objects")] == waves(project)
    assert "trying again" not in printed
    for name in ("mysql-secret", "mlpipeline-minio-artifact"):
        assert PUBLISHED.isdisjoint(get(f"secret/{name}", "kubeflow")["data"].values())


@pytest.mark.parametrize("project", ["seldon"], indirect=True)
def test_interrupted_wave_goes_on_where_it_was(project: Project) -> None:
    for wave in waves(project):
        interrupt(project, wave)
        project.make(f"platform WAVE={wave}")


def test_nothing_is_left_to_change(project: Project) -> None:
    assert project.make("platform-plan").count("nothing would change.") == len(waves(project))


def test_removal_leaves_nothing(project: Project) -> None:
    project.make("platform-remove YES=1")

    namespaces = json.loads(kubectl("get", "namespaces", "-o=json"))["items"]
    left = {found["metadata"]["name"] for found in namespaces}
    assert left.isdisjoint([*NAMESPACES, "wine-cultivars-local"])
    assert json.loads(kubectl("get", "crd", "-o=json"))["items"] == []


def waves(project: Project) -> list[str]:
    """Return the names of the waves in their order."""
    return sorted(folder.name for folder in (project.folder / "deploy/platform").iterdir())


def interrupt(project: Project, wave: str) -> None:
    """Begin to apply a wave, and end it by force while it is at work."""
    command = ["make", "platform", f"WAVE={wave}"]
    with subprocess.Popen(
        command,
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as applying:
        assert applying.stdout
        assert any(line.startswith(f"{wave}: ") for line in applying.stdout)
        time.sleep(HALF_WAY_SECONDS)
        os.killpg(applying.pid, signal.SIGKILL)
