"""What more than one test module of projects at work looks at."""

from pathlib import Path

import pytest

from tests.local.projects import Project, trained_project


@pytest.fixture(scope="session")
def trained(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the smallest project, with a trained champion in its MLflow."""
    return trained_project(template, tmp_path_factory.mktemp("trained"), preset="minimal")


@pytest.fixture(scope="session")
def watched(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a small project with monitoring, for a cluster of others, with a trained champion in its MLflow."""
    answers = {"preset": "minimal", "monitoring": True, "platform": "existing", "namespace": "team"}
    return trained_project(template, tmp_path_factory.mktemp("watched"), **answers)
