"""The lint and tests that `make update` runs where it is told to pass, and the lock is part of its commit."""

from pathlib import Path

import pytest

from tests.local.projects import Project

from .releases import MINOR, UNDER_TEST
from .repositories import generate


@pytest.mark.xdist_group("checks after an update")
def test_lint_and_tests_pass_after_an_update(releases: Path, tmp_path: Path) -> None:
    repository = generate(releases, tmp_path / "repository", UNDER_TEST, serving="none", platform="none")
    project = Project(repository.folder)
    project.set_up()
    repository.git("add", "uv.lock")
    repository.git("commit", "--quiet", "--no-verify", "--message", "Lock")

    printed = project.make(f"update UPDATE_OPTIONS='--check --vcs-ref {MINOR}'")

    assert "All checks passed!" in printed
    assert " passed" in printed
    assert "uv.lock" in repository.git("show", "--name-only", "--format=").split()
    assert repository.git("status", "--porcelain") == ""
