"""What the project's commands would have Knative do; there is no Knative on the tests' node."""

import pytest

from tests.local.projects import Project

from .conftest import Deployable

pytestmark = pytest.mark.xdist_group("image")  # as the tests of the image whose project trains the models


@pytest.fixture(scope="module")
def project(deployable: Deployable) -> Project:
    """Return a project for Kubeflow's own KServe."""
    return deployable(platform="kubeflow")


def test_dry_run_of_a_deployment_shows_all_of_a_new_namespace(project: Project) -> None:
    printed = project.call("deploy --dry-run")
    assert "kind: Namespace" in printed
    assert "serving.kserve.io/deploymentMode: Knative" in printed


def test_dry_run_of_a_canary_shows_its_share_and_version(project: Project) -> None:
    printed = project.call("canary --version 2 --percent 10 --dry-run")
    assert "canaryTrafficPercent: 10" in printed
    assert "models:/wine-cultivars/2" in printed


def test_dry_run_leaves_the_release_as_it_was(project: Project) -> None:
    release = project.folder / "deploy/serving/overlays/local/release/kustomization.yaml"
    before = release.read_text()
    project.call("canary --version 2 --dry-run")
    assert release.read_text() == before
