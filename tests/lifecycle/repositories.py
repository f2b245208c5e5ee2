"""Repositories that follow the template: how tests make, edit, update and read them."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from copier import run_copy

from tests.isolation import of_a_user, recording
from tests.running import commit_all, run

COPIER = Path(sys.executable).with_name("copier")
Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Repository:
    """A repository of a team, in Git."""

    folder: Path

    @property
    def answers(self) -> dict[str, Any]:
        """Return the recorded answers, and which release of which template they are for."""
        recorded: dict[str, Any] = yaml.safe_load((self.folder / ".copier-answers.yml").read_text())
        return recorded

    def commit(self) -> None:
        """Commit all that the team did."""
        commit_all(self.folder, "Work of the team")

    def git(self, *arguments: str) -> str:
        """Run a command of Git's that must succeed, and return what it printed."""
        return run("git", *arguments, cwd=self.folder)

    def update(self, *options: str, library: Path | None = None, **settings: str) -> Done:
        """Run `make update`, or what it runs of another library."""
        if library is None:
            return self.make("update", f"UPDATE_OPTIONS={' '.join(options)}", **settings)
        settings |= {"PYTHONPATH": str(library / "src")}
        return self.call(sys.executable, "-BP", "-m", "ml_chassis.updates", *options, **settings)

    def make(self, target: str, *arguments: str, **settings: str) -> Done:
        """Run a target, with a uv that does nothing."""
        return self.call("make", "--no-print-directory", target, *arguments, **settings)

    def call(self, *command: str, **settings: str) -> Done:
        """Run a command, and return how it ended."""
        environment = of_a_user() | recording() | {"COPIER_PYTHON": sys.executable, "UV": "true"} | settings
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def files(self) -> dict[str, bytes]:
        """Return all files but Git's own."""
        found = (path for path in self.folder.rglob("*") if path.is_file() and ".git" not in path.parts)
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in found}

    def lines(self) -> set[str]:
        """Return every line of every text."""
        return {line for content in self.files().values() for line in content.decode(errors="replace").splitlines()}

    def team_lines(self) -> list[str]:
        """Return the lines that the team wrote in its last commit."""
        difference = self.git("diff", "--unified=0", "HEAD^", "HEAD").splitlines()
        return [line[1:] for line in difference if line.startswith("+") and not line.startswith("+++")]

    def conflicts(self) -> dict[str, str]:
        """Return the kind of conflict of each file that has one."""
        status = self.git("status", "--porcelain", "--untracked-files=no").splitlines()
        return {line[3:]: line[:2] for line in status if "U" in line[:2] or line[:2] in ("AA", "DD")}


def generate(template: Path, folder: Path, release: str, **answers: Any) -> Repository:
    """Return a new repository, as its first commit."""
    run_copy(str(template), folder, data=answers, vcs_ref=release, defaults=True, quiet=True)
    repository = Repository(folder)
    repository.commit()
    repository.git("config", "user.name", "Team")
    repository.git("config", "user.email", "team@example.com")
    return repository


def append(repository: Repository, path: str, number: int) -> None:
    """Have the team add a line to a file, at its end where its format allows that."""
    file = repository.folder / path
    text = file.read_text()
    if path.endswith((".json", ".ipynb")):
        opening = '\n "metadata": {\n' if path.endswith(".ipynb") else "{\n"
        before, after = text.split(opening, 1)
        file.write_text(f"{before}{opening}{remark(path, number)}\n{after}")
    else:
        apart = "\n\n" if path.endswith(".py") else "\n"  # as its formatter asks
        file.write_text(f"{text}{apart}{remark(path, number)}\n")


def insert_beside(repository: Repository, path: str, text: str, number: int) -> None:
    """Have the team add a line next to one that holds a text."""
    file = repository.folder / path
    lines = file.read_text().splitlines()
    (place,) = [index for index, line in enumerate(lines) if text in line]
    file.write_text("\n".join([*lines[: place + 1], remark(path, number), *lines[place + 1 :], ""]))


def remark(path: str, number: int) -> str:
    """Return a line that a file of this kind may hold anywhere, and that no other file has."""
    if path.endswith((".json", ".ipynb")):
        return f'  "ours-{number}": {number},'
    return f"Ours, number {number}." if path.endswith(".md") else f"# Ours, number {number}."
