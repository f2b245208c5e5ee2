"""Names of files that Git must not meet: what some file system takes for Git's own folder."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ml_chassis.errors import UpdateError
from ml_chassis.updates.texts import shown

IGNORED = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
"""What macOS leaves out where it compares names."""
GIT = re.compile(r"(\.git|git~\d+)[ .]*(:.*)?", re.DOTALL)
"""The folder, its short name on Windows, and what Windows takes for the same."""


def is_git(name: str) -> bool:
    """Tell whether a name, in which Windows may see a path, leads to Git's own folder somewhere."""
    return any(GIT.fullmatch(part) for part in IGNORED.sub("", name).casefold().split("\\"))


def refuse_git(folder: Path) -> None:
    """Refuse a folder in which anything has such a name.

    Raises:
        UpdateError: there is one.
    """
    for path in _names(folder):
        if any(is_git(part) for part in path.parts):
            raise UpdateError(
                f"the template writes {shown(path)}, by which it would take over Git; nothing has changed."
            )


def _names(folder: Path) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder):
        for name in sorted(folders) + sorted(files):
            yield (Path(parent) / name).relative_to(folder)
