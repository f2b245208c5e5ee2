"""What more than one test module of projects at work looks at."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import renderer
from tests.local.kubeflow import Kubeflow, Stack, named, started
from tests.local.projects import Project, trained_project
from tests.needs import give_up
from tests.running import run
from tests.waves import ejected

IMAGE = """
from wine_cultivars import PROJECT
print(PROJECT.settings.load().image_of_steps, PROJECT.identity, PROJECT.commit, sep=",")
"""


@pytest.fixture(scope="session")
def watched(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a small project that is monitored and rolled out on a cluster of others, with a champion in its MLflow."""
    answers = {
        "preset": "minimal",
        "monitoring": True,
        "platform": "existing",
        "namespace": "team",
        "serving": "kserve",
    }
    return trained_project(template, tmp_path_factory.mktemp("watched"), **answers)


@pytest.fixture(scope="session")
def stack(template: Path, watched: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return a running Kubeflow Pipelines of the tests' own that has the image of the watched project's steps."""
    if "KFP_ENDPOINT" in os.environ:
        give_up("needs a Kubeflow with the image of the steps and their MLflow, where KFP_ENDPOINT names another")
    folder = tmp_path_factory.mktemp("kubeflow")
    platform = renderer(template, folder)("platform", preset="minimal", platform="standalone")
    with started(folder, watched.folder, ejected(platform), watched.environment) as running:
        image = run("uv", "run", "python", "-c", IMAGE, cwd=watched.folder, env=watched.environment)
        running.give_image(*image.strip().split(","))
        yield running


@pytest.fixture
def table(stack: Stack, tmp_path: Path) -> Iterator[Path]:
    """Return a file, not there yet, that the steps read at `TABLE`."""
    with stack.serving(tmp_path):
        yield tmp_path / "rows.csv"


@pytest.fixture(scope="session")
def kubeflow(request: pytest.FixtureRequest) -> Iterator[Kubeflow]:
    """Return the Kubeflow Pipelines that KFP_ENDPOINT names, or else the tests' own."""
    endpoint = os.environ.get("KFP_ENDPOINT")
    if not endpoint:
        yield request.getfixturevalue("stack")
        return
    with named(endpoint) as found:
        yield found


@pytest.fixture(scope="session")
def submitting(watched: Project, kubeflow: Kubeflow) -> Project:
    """Return the watched project, whose commands act on a running Kubeflow Pipelines."""
    return replace(watched, settings=watched.settings | kubeflow.settings, within=kubeflow.within)
