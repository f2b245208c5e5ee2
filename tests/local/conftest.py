"""What more than one test module of projects at work looks at."""

from pathlib import Path

import pytest
from copier import run_copy

from tests.local.projects import Project


@pytest.fixture(scope="session")
def trained(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the smallest project, with a trained champion in its MLflow."""
    folder = tmp_path_factory.mktemp("trained")
    run_copy(str(template), folder, data={"preset": "minimal"}, defaults=True, quiet=True)
    project = Project(folder)
    project.make("setup")
    project.make("run")
    return project
