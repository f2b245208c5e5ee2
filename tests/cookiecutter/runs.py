"""Runs of Cookiecutter, and what they leave."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from cookiecutter.main import cookiecutter

PROGRAM = Path(sys.executable).with_name("cookiecutter")


def bake_from(source: Path | str, folder: Path, checkout: str | None = None) -> Path:
    """Run Cookiecutter in this process, and return the path of the repository, which is in the folder."""
    return Path(cookiecutter(str(source), checkout, no_input=True, output_dir=str(folder)))


def start(
    *arguments: str, cwd: Path, env: dict[str, str] | None = None, program: Path = PROGRAM
) -> "subprocess.CompletedProcess[str]":
    """Run Cookiecutter as a program, which may fail."""
    command = [str(program), *arguments]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def context(answers: dict[str, Any]) -> dict[str, str]:
    """Return answers as one types them."""
    return {name: word(value) for name, value in answers.items()}


def word(value: Any) -> str:
    """Return an answer as one types it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def differing(one: Path, other: Path) -> list[str]:
    """Return the paths that two repositories do not share byte for byte."""
    a, b = tree(one), tree(other)
    return sorted(path for path in a.keys() | b.keys() if a.get(path) != b.get(path))


def tree(project: Path) -> dict[str, tuple[bytes, int]]:
    """Return content and mode of everything in a repository, by its path; folders have no content."""
    return {
        path.relative_to(project).as_posix(): (path.read_bytes() if path.is_file() else b"", path.stat().st_mode)
        for path in project.rglob("*")
        if ".git" not in path.parts
    }


def recorded(project: Path) -> dict[str, Any]:
    """Return the answers that an update will find."""
    answers: dict[str, Any] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return answers
