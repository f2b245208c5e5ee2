"""A repository works with the library of a later release, which an index or an edit of `vendor` may bring by itself."""

import shutil
from pathlib import Path

import pytest
from copier import run_copy

from tests.local.projects import Project
from tests.running import ROOT

from .releases import WITH_LIBRARY


@pytest.mark.parametrize("release", WITH_LIBRARY)
def test_library_works_in_a_repository_of_an_earlier_release(release: str, releases: Path, tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    run_copy(str(releases), folder, data={"preset": "full"}, vcs_ref=release, defaults=True, quiet=True)
    shutil.rmtree(folder / "vendor")
    shutil.copytree(ROOT / "template/vendor", folder / "vendor")
    project = Project(folder)
    project.set_up()

    assert "is the champion" in project.make("run")
    project.make("test")
    project.make("types")
