"""Runs Git: where it fails in its own words, and without what a release could have it run."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ml_chassis.errors import UpdateError

ELSEWHERE = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"),
    *("GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES"),
)
"""By which a hook or an alias that runs this program would lead it elsewhere than to the folder it is in."""
SAFE = {
    "core.hooksPath": os.devnull,  # hooks may be files of the repository, which a release changes
    "core.fsmonitor": "false",  # names a program
    "protocol.ext.allow": "never",  # an address that is one
}
Settings = Mapping[str, str]


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment in which Git has these settings, which come before those of files."""
    kept = dict(os.environ)
    first = int(kept.get("GIT_CONFIG_COUNT") or 0)
    for number, (name, value) in enumerate({**SAFE, **settings}.items(), first):
        kept |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
        kept["GIT_CONFIG_COUNT"] = str(number + 1)
    return kept | {"GIT_EDITOR": "true"}


def git(
    *arguments: str, folder: Path, settings: Settings | None = None, stdin: str = "", variables: Settings | None = None
) -> str:
    """Return what a command of Git's prints, with names as Python holds those of files.

    Raises:
        UpdateError: it failed; the message is its own.
    """
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=folder,
            env=environment(settings or {}) | dict(variables or {}),
            input=stdin.encode(),
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise UpdateError("git is not on this machine; install it.") from None
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise UpdateError(f"git {arguments[0]}: {said or f'exit status {done.returncode}'}")
    return os.fsdecode(done.stdout)


def line(*arguments: str, folder: Path) -> str:
    """Return the one value that a command prints, such as a path, which may hold line ends itself."""
    return git(*arguments, folder=folder).removesuffix("\n")


def listed(*arguments: str, folder: Path) -> list[str]:
    """Return the values that a command prints with `-z`."""
    return git(*arguments, folder=folder).split("\0")[:-1]
