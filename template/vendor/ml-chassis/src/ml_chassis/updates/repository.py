"""The repository that follows the template, as it is before an update."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ml_chassis.errors import UpdateError
from ml_chassis.updates.git import SAFE, Settings, git, line, listed
from ml_chassis.updates.texts import shown


@dataclass(frozen=True)
class Repository:
    """A folder in Git, all of it committed, with the answers that the template was given."""

    folder: Path
    answers: str
    """The file of the answers, in the folder."""
    top: Path
    """The folder of the whole repository, of which the other may be a part."""
    prefix: str
    """The way from there to the folder, as Git writes it: empty, or with a slash at its end."""
    start: str
    """The commit that it is at."""
    branch: str
    """The branch that it is on, or nothing."""

    def git(self, *arguments: str, settings: Settings | None = None) -> str:
        """Run a command of Git's in the folder of the whole repository."""
        return git(*arguments, folder=self.top, settings=settings)

    def has(self, revision: str) -> bool:
        """Tell whether there is a commit of this name."""
        try:
            return bool(self.git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"))
        except UpdateError:
            return False

    def in_git(self, name: str) -> bool:
        """Tell whether a file of the folder is in Git."""
        return bool(self.git("ls-files", "-z", "--", _literal(self.prefix + name)))

    def changed(self, *names: str) -> bool:
        """Tell whether something differs from the last commit: files of the folder, or anything in the repository."""
        return bool(self.git("status", "--porcelain", "-z", "--", *(_literal(self.prefix + name) for name in names)))

    def in_the_way(self, paths: Iterable[str]) -> list[str]:
        """Return what is where these files come, but not in Git: Git would overwrite it, or remove it for a folder."""
        tracked = set(listed("ls-files", "-z", folder=self.top))
        places = {each for path in paths for each in (path, *_parents(path))} - tracked
        found = {place for place in places if os.path.lexists(self.top / place) and not _is_folder(self.top / place)}
        for path in {path for path in paths if path in places and _is_folder(self.top / path)}:
            found |= set(listed("ls-files", "-z", "--others", "--", _literal(path), folder=self.top))
        return sorted(found)


def open_repository(folder: Path, answers: str) -> Repository:
    """Return the repository that a folder is, or is a part of.

    Raises:
        UpdateError: it cannot be updated as it is.
    """
    if not (folder / answers).is_file() or ".." in Path(answers).parts:
        raise UpdateError(
            f"{shown(answers)} is not here; it tells which template a repository follows. Go to its folder."
        )
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        raise UpdateError("this folder is not in Git, which an update needs; git init, then commit.")
    if git("config", "--get", "--default", "", "core.hooksPath", folder=folder).strip() != SAFE["core.hooksPath"]:
        raise UpdateError("Git is too old to take settings from the environment, which keep it safe; it takes 2.31.")
    try:
        top = Path(line("rev-parse", "--show-toplevel", folder=folder))
    except UpdateError as error:
        raise UpdateError(f"Git does not read this folder: {error}") from None
    prefix = line("rev-parse", "--show-prefix", folder=folder)
    if git("status", "--porcelain", "-z", folder=top):
        raise UpdateError("not all is committed; commit or stash what git status lists and try again.")
    start = line("rev-parse", "--verify", "HEAD", folder=top)
    branch = line("branch", "--show-current", folder=top)
    repository = Repository(folder, answers, top, prefix, start, branch)
    if not repository.in_git(answers):
        raise UpdateError(f"{shown(answers)} is not in Git, which ignores it; add it, and commit.")
    return repository


def _literal(path: str) -> str:
    """Return a path as Git's commands take it that would take it for a pattern."""
    return f":(top,literal){path}"


def _parents(path: str) -> list[str]:
    return [parent.as_posix() for parent in PurePosixPath(path).parents][:-1]


def _is_folder(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink()
