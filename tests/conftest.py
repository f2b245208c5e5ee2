"""What every test of the template shares."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from copier import run_copy

ROOT = Path(__file__).parent.parent

for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
    os.environ.pop(name, None)  # what `make test` tells its children is not meant for the make of a generated project

Render = Callable[..., Path]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clone of this template that holds the uncommitted changes too, as one commit tagged 999.0.0."""
    clone = tmp_path_factory.mktemp("template") / "copier-kubeflow"
    files = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=ROOT)
    for name in filter(None, files.split("\0")):
        source, copy = ROOT / name, clone / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
            copy.chmod(source.stat().st_mode)
    commit_all(clone, "Template under test")
    run("git", "tag", "999.0.0", cwd=clone)
    return clone


@pytest.fixture
def render(template: Path, tmp_path: Path) -> Render:
    """Return a function that generates a repository from answers and returns its folder."""

    def generate(folder: str = "project", **answers: Any) -> Path:
        destination = tmp_path / folder
        run_copy(str(template), destination, data=answers, defaults=True, quiet=True)
        return destination

    return generate


def run(*command: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run a command that must succeed, and return what it printed."""
    done = subprocess.run(
        command, cwd=cwd, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}"
    return done.stdout


def commit_all(repository: Path, message: str) -> None:
    """Commit every file of a folder, which becomes a repository if it is none."""
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    run("git", "init", "--quiet", "--initial-branch=main", cwd=repository)
    run("git", "add", "--all", cwd=repository)
    run("git", *identity, "commit", "--quiet", "--message", message, cwd=repository)
