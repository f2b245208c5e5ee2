"""Carries a difference between two versions over to a branch of the repository, as Git does in a cherry-pick."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml_chassis.errors import UpdateError
from ml_chassis.updates.git import listed
from ml_chassis.updates.repository import Repository

TEAM = ("CHANGELOG.md", "src/*/schema.yaml")
"""Once the team changed one of these, it stays as it is."""
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
KINDS = {"1": "DD", "2": "AU", "3": "UA", "12": "UD", "13": "DU", "23": "AA", "123": "UU"}
"""What Git calls a conflict, by which of these it has: the file of before (1), of here (2), and the template's (3)."""
PICKING = "CHERRY_PICK_HEAD"


def pick(repository: Repository, commit: str, branch: str, scratch: Path) -> None:
    """Make a branch, and bring it a commit. What was deleted here stays so.

    Raises:
        UpdateError: Git cannot; `unresolved` tells of conflicts.
    """
    attributes = scratch / "attributes"
    lines = [f"{_pattern(repository.prefix, file)} merge=team\n" for file in TEAM]
    attributes.write_bytes(os.fsencode("".join(lines)))
    merging = {
        "core.attributesFile": str(attributes),
        "merge.team.driver": "true",  # leaves a file as it is here
        "merge.directoryRenames": "false",
    }
    with uninterrupted():
        repository.git("switch", "--quiet", "--no-track", "--create", branch)
        try:
            repository.git("cherry-pick", commit, settings=merging)
        except UpdateError:
            for path, kind in unresolved(repository).items():
                if kind == "DU":
                    repository.git("rm", "--quiet", "--", f":(top,literal){path}")
            if unresolved(repository) or not repository.has(PICKING):
                raise
            repository.git("cherry-pick", "--continue", settings=merging | {"commit.cleanup": "strip"})


def unresolved(repository: Repository) -> dict[str, str]:
    """Return the kind of each conflict that Git waits for somebody to resolve."""
    stages: dict[str, str] = {}
    for entry in listed("ls-files", "-z", "--unmerged", folder=repository.top):
        about, path = entry.split("\t", 1)
        stages[path] = stages.get(path, "") + about[-1]
    return {path: KINDS[found] for path, found in stages.items()}


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Have Ctrl-C wait, also for the Git that runs here: it would leave half of the files written."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _pattern(prefix: str, file: str) -> str:
    """Return the line of Git's attributes that means a file in a folder of any name."""
    literal = re.sub(r"([\\*?\[])", r"\\\1", prefix)
    quoted = f"/{literal}{file}".replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{quoted}"'
