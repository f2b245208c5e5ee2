"""Brings what lies between two versions of the template, or two sets of answers, to a branch as one commit.

Until somebody could read that, nothing of the release runs.
"""

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ml_chassis.errors import UpdateError
from ml_chassis.updates.lock import lock, lock_all
from ml_chassis.updates.picking import pick
from ml_chassis.updates.rendering import CURRENT, Rendering, Wanted, render
from ml_chassis.updates.repository import Repository
from ml_chassis.updates.signers import LIST
from ml_chassis.updates.texts import news, plain, say, shown
from ml_chassis.updates.trees import commit, tree, written
from ml_chassis.updates.ways import told, ways


@dataclass(frozen=True)
class Difference:
    """What the template writes otherwise than before."""

    old: Rendering
    new: Rendering
    trees: tuple[str, str]

    @property
    def message(self) -> str:
        """Say what it is, and what the template's changelog tells of it."""
        about = f"from {self.old.name} to {self.new.name}" if self.old.name != self.new.name else "with other answers"
        return f"Follow the template {plain(about)}\n\n{news(self.new.changelog, self.old.version)}".strip()


def update(repository: Repository, wanted: Wanted, check: bool) -> None:
    """Bring a version, or other answers, and say what comes next.

    Args:
        repository: as it is.
        wanted: the version, and other answers.
        check: whether to run its lint and tests.

    Raises:
        UpdateError: it did not come to an end; the message says where that leaves the repository.
    """
    with tempfile.TemporaryDirectory(prefix="update-") as name:
        tempfile.tempdir = name  # for what Copier clones
        scratch = Path(name).resolve()
        difference = _difference(repository, wanted, scratch)
        if difference.trees[0] == difference.trees[1]:
            say(f"There is nothing to update: the template writes nothing else in {difference.new.name}.")
            return
        branch = f"update-{difference.new.name}"
        _refuse(repository, difference, branch)
        with told(repository, branch):
            say(difference.message)
            pick(repository, commit(repository, *difference.trees, difference.message), branch, scratch)
    with told(repository, branch):
        waits = lock(repository)
        say(f"\nThe branch {branch} has it as one commit, of which nothing has run.")
        if waits:
            say(f"uv.lock is still that of before, as uv might run code of the release for it: {plain(waits)}")
        say(ways(repository, branch, is_locked=not waits))
    if check or _agreed():
        with told(repository, branch):
            lock_all(repository)
        with told(repository, branch, is_locked=True):
            _check(repository)


def _difference(repository: Repository, wanted: Wanted, scratch: Path) -> Difference:
    say("Rendering the version that is here")
    old = render(repository, Wanted(CURRENT), scratch / "old")
    say("Rendering the version that is to come")
    signers = repository.folder / LIST
    new = render(repository, wanted, scratch / "new", signers if os.path.lexists(signers) else None)
    return Difference(old, new, (tree(repository, scratch / "old"), tree(repository, scratch / "new")))


def _refuse(repository: Repository, difference: Difference, branch: str) -> None:
    """Refuse what must not be brought.

    Raises:
        UpdateError: the message says why.
    """
    old, new = difference.old, difference.new
    if old.version and new.version and new.version < old.version:
        raise UpdateError(
            f"the template's release {new.name} is older than {old.name}, which is here; "
            "there is no way back to an older one."
        )
    if repository.has(f"refs/heads/{branch}"):
        raise UpdateError(f"the branch {branch} is there already; merge it, or git branch -D {branch}, then try again.")
    if taken := repository.in_the_way(written(repository, *difference.trees)):
        names = ", ".join(map(shown, taken))
        raise UpdateError(
            f"the template brings what is here already, but not in Git; move it away, then try again: {names}"
        )


def _agreed() -> bool:
    """Ask whether to run what was brought; without a terminal, nobody agrees."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        answer = input("\nRun its lint and tests now? Have you read it? [y/N] ")
    except (EOFError, KeyboardInterrupt):
        return False
    return answer.strip().lower() in ("y", "yes")


def _check(repository: Repository) -> None:
    if subprocess.run(["make", "lint", "test"], cwd=repository.folder, check=False).returncode:
        raise UpdateError("what was brought does not pass.")
