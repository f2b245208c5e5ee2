"""Makes commits of what versions of the template write. No branch leads to them, and no folder holds their files."""

from pathlib import Path

from ml_chassis.updates.git import git, line, listed
from ml_chassis.updates.repository import Repository

AS_WRITTEN = {"core.sparseCheckout": "false", "core.safecrlf": "false"}
"""All of it is added, whatever part of the repository is checked out here."""


def tree(repository: Repository, rendered: Path) -> str:
    """Return the tree of a folder's files, all of them, in the repository's store.

    Git is told where its folder is, and looks for none in this one.
    """
    places = {
        "GIT_DIR": line("rev-parse", "--absolute-git-dir", folder=repository.top),
        "GIT_INDEX_FILE": str(rendered.with_suffix(".index")),
        "GIT_WORK_TREE": str(rendered),
    }
    git("add", "--all", "--force", folder=rendered, settings=AS_WRITTEN, variables=places)
    return git("write-tree", folder=rendered, variables=places).strip()


def written(repository: Repository, old: str, new: str) -> list[str]:
    """Return the files that a tree has otherwise than another, or that it alone has."""
    options = ("-r", "-z", "--name-only", "--no-renames", "--diff-filter=d")
    return listed("diff-tree", *options, old, new, folder=repository.top)


def commit(repository: Repository, old: str, new: str, message: str) -> str:
    """Return a commit that turns one tree into another."""
    base = line("commit-tree", old, "-m", "What the template wrote", folder=repository.top)
    return git("commit-tree", new, "-p", base, "-F", "-", folder=repository.top, stdin=message).strip()
