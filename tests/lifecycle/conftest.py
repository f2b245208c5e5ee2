"""The releases to update between, and copies of them to compare with."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from copier import run_copy

from .releases import all_releases
from .repositories import Repository, generate

Generate = Callable[..., Repository]
Fresh = Callable[..., dict[str, bytes]]


@pytest.fixture(scope="session")
def releases(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the template with a tag for each release."""
    return all_releases(template, tmp_path_factory.mktemp("releases"))


@pytest.fixture
def repository(releases: Path, tmp_path: Path) -> Generate:
    """Return a function that makes a repository from a release and answers."""

    def make(release: str, **answers: Any) -> Repository:
        return generate(releases, tmp_path / "repository", release, **answers)

    return make


@pytest.fixture
def fresh(releases: Path, tmp_path: Path) -> Fresh:
    """Return a function that tells the files that a release writes with the recorded answers and others."""

    def write(release: str, recorded: dict[str, Any], **others: Any) -> dict[str, bytes]:
        given = {name: value for name, value in recorded.items() if not name.startswith("_")} | others
        run_copy(str(releases), tmp_path / "fresh", data=given, vcs_ref=release, defaults=True, quiet=True)
        return Repository(tmp_path / "fresh").files()

    return write
