"""A template with three releases, repositories that it generated, and the command that looks at them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from copier import run_copy

from tests.isolation import of_a_user
from tests.running import ROOT, commit_all, run

COMMAND = ("-m", "copier_kubeflow")

Command = Callable[..., "subprocess.CompletedProcess[str]"]
Generate = Callable[..., Path]


@pytest.fixture(scope="session")
def releases(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the template under test with two releases after it, a commit between them, and a pre-release."""
    clone = tmp_path_factory.mktemp("releases") / "copier-kubeflow"
    run("git", "clone", "--quiet", str(template), str(clone))
    makefile = clone / "template/Makefile.jinja"
    for number, tag in enumerate(["999.1.0", "", "999.2.0", "1000.0.0rc1"]):
        makefile.write_text(f"# Line {number} of a later template.\n{makefile.read_text()}")
        commit_all(clone, f"Add line {number}")
        if tag:
            run("git", "tag", tag, cwd=clone)
    return clone


@pytest.fixture
def generate(releases: Path, tmp_path: Path) -> Generate:
    """Return a function that generates a repository, commits it, and returns its folder."""

    def generate(name: str, version: str = "999.2.0", template: Path = releases, **answers: Any) -> Path:
        folder = tmp_path / name
        run_copy(
            str(template), folder, data={"preset": "minimal"} | answers, vcs_ref=version, defaults=True, quiet=True
        )
        commit_all(folder, "Generate")
        return folder

    return generate


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder where the command keeps clones and renderings."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def command(cache: Path, tmp_path: Path) -> Command:
    """Return a function that runs `copier-kubeflow` and returns its exit code and what it printed."""

    def execute(name: str, *arguments: object, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, *COMMAND, name, "--cache", str(cache), *map(str, arguments)],
            cwd=tmp_path,
            env=environment_of_the_command() | environment,
            text=True,
            capture_output=True,
            check=False,
        )

    return execute


def environment_of_the_command() -> dict[str, str]:
    """Return the environment in which the command is found."""
    return of_a_user() | {"PYTHONPATH": str(ROOT / "src")}


def eject(repository: Path, *modules: str) -> None:
    """Record modules as the command `eject` of a repository does, and commit that."""
    entries = "".join(f'"{module}" = {{ version = "0.1.0", sha256 = "{64 * "0"}" }}\n' for module in modules)
    pyproject = repository / "pyproject.toml"
    pyproject.write_text(f"{pyproject.read_text()}\n[tool.ml-chassis.ejected]\n{entries}")
    commit_all(repository, "Eject")
