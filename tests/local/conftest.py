"""What more than one test module of projects at work looks at."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import renderer
from tests.local.kubeflow import Stack, started
from tests.local.projects import Project, trained_project
from tests.running import run

IMAGE = """
from wine_cultivars.identity import commit, identity
from wine_cultivars.settings import load_settings
print(load_settings().image_of_steps, identity(), commit(), sep=",")
"""


@pytest.fixture(scope="session")
def trained(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the smallest project, with a trained champion in its MLflow."""
    return trained_project(template, tmp_path_factory.mktemp("trained"), preset="minimal")


@pytest.fixture(scope="session")
def watched(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a small project with monitoring, for a cluster of others, with a trained champion in its MLflow."""
    answers = {"preset": "minimal", "monitoring": True, "platform": "existing", "namespace": "team"}
    return trained_project(template, tmp_path_factory.mktemp("watched"), **answers)


@pytest.fixture(scope="session")
def stack(template: Path, watched: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Return a running Kubeflow Pipelines that has the image of the watched project's steps."""
    folder = tmp_path_factory.mktemp("kubeflow")
    platform = renderer(template, folder)("platform", preset="minimal", platform="standalone")
    with started(folder, watched.folder, platform / "deploy/platform", watched.environment) as running:
        image = run("uv", "run", "python", "-c", IMAGE, cwd=watched.folder, env=watched.environment)
        running.give_image(*image.strip().split(","))
        yield running


@pytest.fixture(scope="session")
def submitting(watched: Project, stack: Stack) -> Project:
    """Return the watched project, whose commands act on the running Kubeflow Pipelines."""
    return replace(watched, settings=watched.settings | stack.settings, within=stack.within)
