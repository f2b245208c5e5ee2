"""The library in `template/vendor` holds to the rules of generated code, and works for a project of its tests."""

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Render, renderer
from tests.isolation import recording
from tests.local.model_servers import GRPC
from tests.local.projects import Project
from tests.running import ROOT, run

LIBRARY = "vendor/ml-chassis"
TESTS = Path(__file__).parent / "library"
"""Tests of the library's modules. They run in a repository that installs all that these need."""

in_a_repository = pytest.mark.xdist_group("library")


@pytest.fixture(scope="session")
def repository(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a repository that uses all of the library."""
    project = Project(renderer(template, tmp_path_factory.mktemp("library"))(preset="full"))
    project.set_up()
    return project


@in_a_repository
def test_units_work(repository: Project) -> None:
    options = ["-q", "-p", "no:cacheprovider", f"--confcutdir={TESTS}", f"--config-file={LIBRARY}/pyproject.toml"]
    command = ["uv", "run", "--with", GRPC, "python", "-m", "pytest", *options, str(TESTS)]
    run(*command, cwd=repository.folder, env=repository.environment | recording())


@in_a_repository
def test_types_are_strict(repository: Project) -> None:
    options = ["--explicit-package-bases", f"--config-file={LIBRARY}/pyproject.toml", f"{LIBRARY}/src", str(TESTS)]
    environment = repository.environment | {"MYPYPATH": f"{LIBRARY}/src{os.pathsep}{TESTS}"}
    run("uv", "run", "mypy", *options, cwd=repository.folder, env=environment)


def test_no_jinja_decides_on_a_line_of_it() -> None:
    library = ROOT / "template" / LIBRARY
    assert [path for path in library.rglob("*") if path.suffix == ".jinja" or "{" in path.name] == []


def test_ruff_has_the_rules_of_a_repository(render: Render) -> None:
    own, project = (lint(ROOT / "template" / LIBRARY), lint(render()))
    assert own == {name: rules for name, rules in project.items() if name != "per-file-ignores"}


def lint(folder: Path) -> dict[str, Any]:
    """Return what a folder's ruff is told to look for."""
    rules: dict[str, Any] = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    return rules
