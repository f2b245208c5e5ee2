"""What more than one test module of the platform looks at."""

from pathlib import Path

import pytest
from copier import run_copy

from tests.local.projects import Project


@pytest.fixture(scope="session")
def standalone(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with a kind cluster of its own."""
    folder = tmp_path_factory.mktemp("standalone")
    run_copy(str(template), folder, data={"preset": "full"}, defaults=True, quiet=True)
    Project(folder).make("setup")
    return folder
