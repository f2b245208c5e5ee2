"""What more than one test module of the platform looks at."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from copier import run_copy

from tests.local.projects import Project
from tests.needs import require, require_repositories
from tests.waves import ejected

from .manifests import Platform, waves

Platforms = Callable[[str], Platform]

PLATFORMS: dict[str, dict[str, Any]] = {
    "kserve": {"serving": "kserve", "extras": ["katib", "trainer", "registry", "notebooks"]},
    "seldon": {"serving": "seldon"},
    "kubeflow": {"platform": "kubeflow"},
}


@pytest.fixture(scope="session")
def standalone(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with a kind cluster of its own."""
    folder = tmp_path_factory.mktemp("standalone")
    run_copy(str(template), folder, data={"preset": "full"}, defaults=True, quiet=True)
    Project(folder).set_up()
    return folder


@pytest.fixture(scope="session")
def platforms(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Platforms:
    """Return a function that gives one of these platforms; its files are only to be read."""
    require("kubectl")
    require_repositories(*(file.read_text() for file in (template / "template").rglob("kustomization.yaml*")))

    @cache
    def rendered(name: str) -> Platform:
        project = tmp_path_factory.mktemp("platform")
        run_copy(str(template), project, data={"preset": "full"} | PLATFORMS[name], defaults=True, quiet=True)
        return Platform(project, waves(ejected(project)))

    return rendered
