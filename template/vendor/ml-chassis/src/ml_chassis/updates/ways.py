"""Where an update leaves the repository, whatever ends it, and which commands lead on from there and back."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from ml_chassis.errors import UpdateError
from ml_chassis.updates.lock import LOCK
from ml_chassis.updates.picking import PICKING, unresolved
from ml_chassis.updates.repository import Repository
from ml_chassis.updates.texts import shown

UNCHANGED = "Nothing has changed here."
CONFLICTS = """\
the template and this repository both changed what follows; nothing is lost, but each asks for a decision:

{files}

UU, AA  The file has both, between <<<<<<< and >>>>>>>: the lines of here, =======, the template's. Keep what is right.
UD      The template has this file no more; it is still here, with your changes. Keep it, or bring them elsewhere, and
        git rm it. If the library does now what the file did, your change becomes a setting, an argument of PROJECT or a
        function in src: the README of ml-chassis says what a project may tell the library, and replace of it.
AU, UA  Both sides moved a file, to different places; DD is where it was. git rm all but the one to keep."""


class InterruptedUpdateError(UpdateError):
    """Somebody pressed Ctrl-C, or ended the program in another way."""

    exit_code = 130


@contextmanager
def told(repository: Repository, branch: str, is_locked: bool = False) -> Iterator[None]:
    """Have whatever ends what runs here say what there is to do then.

    Raises:
        UpdateError: it was ended; the message ends with the ways on and back.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise InterruptedUpdateError(f"interrupted. {ways(repository, branch, is_locked)}") from None
    except Exception as error:
        cause = _conflicts(repository) or str(error) or type(error).__name__
        raise UpdateError(f"{cause}\n\n{ways(repository, branch, is_locked)}") from error


def ways(repository: Repository, branch: str, is_locked: bool = False) -> str:
    """Return which commands lead on and back. A branch that has got nothing is left, and deleted.

    Args:
        repository: as it was before.
        branch: of the update.
        is_locked: whether the lock is known to be up to date.
    """
    if repository.git("branch", "--show-current").strip() != branch:
        return UNCHANGED
    back = [shlex.join(["git", "switch", *_before(repository)]), shlex.join(["git", "branch", "-D", branch])]
    lock = [] if is_locked or not repository.in_git(LOCK) else [f"uv lock && git add {LOCK}"]
    if repository.has(PICKING):
        resolved = ["git add FILE..."] if unresolved(repository) else []
        on = [*resolved, "git diff --cached", *lock, "git cherry-pick --continue", "make lint test"]
        return _commands(on, ["git cherry-pick --abort", *back])
    if repository.git("rev-parse", "HEAD").strip() != repository.start:
        if repository.changed(LOCK):  # by a uv that was ended
            repository.git("restore", "--", f":(top,literal){repository.prefix}{LOCK}")
        amended = [*lock, "git commit --amend --no-edit"] if lock else []
        return _commands(["git show", *amended, "make lint test"], back)
    if repository.changed():
        return _commands([], ["git reset --hard", *back])
    try:
        repository.git("switch", "--quiet", *_before(repository))
        repository.git("branch", "--quiet", "-D", branch)
    except UpdateError:
        return _commands([], back)
    return UNCHANGED


def _before(repository: Repository) -> list[str]:
    """Return what `git switch` is told to go back."""
    return [repository.branch] if repository.branch else ["--detach", repository.start]


def _commands(on: list[str], back: list[str]) -> str:
    parts = [("To go on:", on), ("To go back to how it was:", back)]
    return "\n".join("\n  ".join([title, *commands]) for title, commands in parts if commands)


def _conflicts(repository: Repository) -> str:
    """Return what there is to decide, or nothing."""
    places = {
        os.path.relpath(repository.top / path, repository.folder): kind for path, kind in unresolved(repository).items()
    }
    lines = [f"{kind} {shown(path)}" for path, kind in places.items()]
    return CONFLICTS.format(files="\n".join(lines)) if lines else ""
