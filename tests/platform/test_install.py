"""The command `platform` brings the whole platform to a real API server, wave by wave, and takes it away again."""

import base64
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from copier import run_copy

from tests.cluster.kubectl import cluster_settings, kubectl, listed, require_cluster
from tests.local.projects import Project
from tests.needs import give_up
from tests.waves import ejected

from .conftest import PLATFORMS
from .hollow import hollow_pods, take_webhooks

pytestmark = pytest.mark.xdist_group("install")

OWN = {"default", "kube-node-lease", "kube-public", "kube-system"}
"""The namespaces of every cluster."""
PUBLISHED = {
    base64.b64encode(value).decode()
    for value in (
        b"",
        b"minio",
        b"minio123",
        b"test",
        b"pUBnBOY80SnXgjibTYM9ZWNzY2xreNGQok",
        b"7d16fee92f8d11b8940b081b3f8b8acb",
        b"$2y$12$4K/VkmDd1q1Orb3xAt82zu8gk7Ad6ReFR4LCP9UeYE90NLiN9Df72",
    )
}
"""Passwords that the distribution's manifests bring, which everyone can read."""
HALF_WAY_SECONDS = 2


@pytest.fixture(params=list(PLATFORMS))
def project(request: pytest.FixtureRequest, template: Path, tmp_path: Path) -> Iterator[Project]:
    """Return a project for a cluster whose pods are hollow, and which has nothing of what other tests left."""
    require_cluster()
    for found in listed("namespace", ""):
        if found["status"]["phase"] == "Terminating":
            kubectl("wait", "--for=delete", "--timeout=180s", f"namespace/{found['metadata']['name']}")
    if others := names("namespaces") - OWN:
        give_up(f"the cluster has other uses: {', '.join(others)}")
    run_copy(str(template), tmp_path, data={"preset": "full"} | PLATFORMS[request.param], defaults=True, quiet=True)
    for wave in ejected(tmp_path).glob("*/kustomization.yaml"):
        take_webhooks(wave)
    project = Project(tmp_path, settings=cluster_settings())
    project.set_up()
    kubectl("delete", "crd", "--all")
    with hollow_pods():
        yield project


@pytest.mark.parametrize("project", ["kserve", "kubeflow"], indirect=True)
def test_platform_comes_up_at_the_first_try_and_goes_without_a_trace(project: Project) -> None:
    before = names("namespaces,crd")
    project.call("vendor")  # once, as kustomize takes longer than the cluster; the other test goes without
    project.settings["PLATFORM_FOLDER"] = "deploy/vendored/platform"
    project.call("platform-remove --yes")  # what is not there is not missed
    assert "has no MLflow with a login for the project; `uv run wine-cultivars platform`" in project.fail("deploy")

    printed = project.make("platform")

    assert [line.split(":")[0] for line in printed.splitlines() if line.endswith(" objects")] == waves(project)
    assert "trying again" not in printed
    secrets = json.loads(kubectl("get", "secrets", "-A", "-o=json"))["items"]
    for secret in secrets:
        assert PUBLISHED.isdisjoint(secret.get("data", {}).values()), secret["metadata"]
    assert project.call("platform-plan").count("nothing would change.") == len(waves(project))
    project.call("platform-remove --yes")
    assert names("namespaces,crd") <= before


@pytest.mark.parametrize("project", ["seldon"], indirect=True)
def test_wave_that_was_interrupted_goes_on_where_it_was(project: Project) -> None:
    before = names("namespaces,crd")

    for wave in waves(project):
        interrupt(project, wave)
        project.call(f"platform --wave {wave}")

    assert project.call("platform-plan").count("nothing would change.") == len(waves(project))
    project.call("platform-remove --yes")
    assert names("namespaces,crd") <= before


def waves(project: Project) -> list[str]:
    """Return the names of the waves in their order."""
    return sorted(folder.name for folder in (project.folder / "deploy/platform").iterdir())


def names(kinds: str) -> set[str]:
    """Return the names of the objects that the cluster has of some kinds."""
    found = json.loads(kubectl("get", kinds, "-o=json"))["items"]
    return {item["metadata"]["name"] for item in found}


def interrupt(project: Project, wave: str) -> None:
    """Begin to apply a wave, and end it by force while it is at work."""
    with subprocess.Popen(
        [*project.own, "platform", "--wave", wave],
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
