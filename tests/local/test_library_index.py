"""A repository that takes the library as a package installs and runs it from an index, in the template's version."""

import hashlib
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from copier import run_copy

from tests.local.data_servers import http_server
from tests.local.projects import Project
from tests.running import ROOT, commit_all, run

pytestmark = pytest.mark.xdist_group("library-index")

PAGE = (ROOT / "docs/package-index.md").read_text()
(BUILD,) = re.findall(r"^uv build .*$", PAGE, re.MULTILINE)
EXPLICIT, MIRROR = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
RELEASE = "999.0.0"


@pytest.fixture(scope="module")
def index(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of an index that has the library alone, as the page builds it.

    https://packaging.python.org/specifications/simple-repository-api/
    """
    checkout, folder = tmp_path_factory.mktemp("release") / "copier-kubeflow", tmp_path_factory.mktemp("index")
    shutil.copytree(template, checkout)
    run("bash", "-euc", BUILD, cwd=checkout, env=Project(checkout).environment | {"UV_OFFLINE": "1"})
    (wheel,) = (checkout / "build/library").glob("*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    page = folder / digest / "ml-chassis/index.html"  # under no address has uv's cache another package
    page.parent.mkdir(parents=True)
    shutil.copy(wheel, page.parent)
    page.write_text(f'<!DOCTYPE html><a href="{wheel.name}#sha256={digest}">{wheel.name}</a>\n')
    with http_server(folder) as source:
        yield f"{source.address}/{digest}"


@pytest.fixture(scope="module")
def project(template: Path, index: str, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project whose uv is told of the index."""
    folder = tmp_path_factory.mktemp("project")
    run_copy(str(template), folder, data={"preset": "minimal", "library": "index"}, defaults=True, quiet=True)
    project = Project(folder, settings={"UV_INDEX": index})
    project.set_up()
    return project


@pytest.fixture
def untold(project: Project, tmp_path: Path) -> Project:
    """Return a copy of what the template wrote, whose uv is not told of the index."""
    copy = tmp_path / "project"
    shutil.copytree(project.folder, copy, ignore=shutil.ignore_patterns(".venv", ".local", "uv.lock"))
    return Project(copy)


@pytest.fixture
def committed(project: Project, tmp_path: Path) -> Project:
    """Return a copy of the project, all of it in Git."""
    copy = tmp_path / "committed"
    shutil.copytree(project.folder, copy, ignore=shutil.ignore_patterns(".venv", ".local"))
    commit_all(copy, "Begin")
    for setting, value in (("user.name", "Team"), ("user.email", "team@example.com")):
        run("git", "config", setting, value, cwd=copy)
    return Project(copy, settings=project.settings)


def locked(project: Project) -> dict[str, Any]:
    """Return what the lock says of the library."""
    packages: list[dict[str, Any]] = tomllib.loads((project.folder / "uv.lock").read_text())["package"]
    (found,) = [package for package in packages if package["name"] == "ml-chassis"]
    return found


def test_lock_names_the_release_and_the_index(project: Project, index: str) -> None:
    assert (locked(project)["version"], locked(project)["source"]) == (RELEASE, {"registry": index})
    assert not (project.folder / "vendor").exists()


def test_command_lists_what_the_library_brings(project: Project) -> None:
    printed = run("uv", "run", "wine-cultivars", "--help", cwd=project.folder, env=project.environment)
    assert "Run the training pipeline on this machine." in printed


def test_run_trains_a_champion(project: Project) -> None:
    printed = project.make("run")
    assert "Version 1 of wine-cultivars is the champion" in printed
    assert "ml-chassis" not in printed  # it is of the template's release


def test_own_checks_of_the_code_pass(project: Project) -> None:
    project.make("lint types")


def test_package_is_taken_from_the_index_that_the_page_has_the_project_name(untold: Project, index: str) -> None:
    with (untold.folder / "pyproject.toml").open("a") as metadata:
        metadata.write(EXPLICIT.replace("https://packages.acme.example/simple", index))

    run("uv", "lock", cwd=untold.folder, env=untold.environment)

    assert locked(untold)["source"] == {"registry": index}


def test_version_that_the_index_lacks_is_told_by_uv(untold: Project, index: str) -> None:
    metadata = untold.folder / "pyproject.toml"
    metadata.write_text(metadata.read_text().replace(f"=={RELEASE}", "==998.0.0"))

    with pytest.raises(AssertionError, match=r"there is no version of ml-chassis(\[[a-z,]+\])?==998\.0\.0"):
        run("uv", "lock", cwd=untold.folder, env=untold.environment | {"UV_INDEX": index})


def test_lock_leads_who_is_not_told_to_the_index(project: Project, untold: Project) -> None:
    shutil.copy(project.folder / "uv.lock", untold.folder)

    printed = run("uv", "sync", "--locked", "--no-default-groups", cwd=untold.folder, env=untold.environment)

    assert f"+ ml-chassis=={RELEASE}" in printed


def test_update_runs_the_program_of_the_package(committed: Project) -> None:
    committed.make("update-check")

    printed = committed.make("update UPDATE_OPTIONS='--data ci=github'")

    assert f"The branch update-{RELEASE} has it as one commit" in printed
    assert (committed.folder / ".github/workflows/ci.yml").is_file()
    assert run("git", "status", "--porcelain", cwd=committed.folder) == ""
