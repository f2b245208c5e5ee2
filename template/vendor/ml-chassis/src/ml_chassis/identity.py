"""The identity of a project's code, which names images, cached steps, runs, models and releases.

Equal names, equal code.
"""

import hashlib
import os
import re
import subprocess
from collections.abc import Iterable
from fnmatch import fnmatch
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

PATHS = (".dockerignore", "Dockerfile", "pyproject.toml", "src", "uv.lock", "vendor")
"""What decides how the images behave; manifests do not, which are applied beside them."""
CACHES = "**/__pycache__/**"
CODE = (*PATHS, f":(exclude,glob){CACHES}")
"""The same for Git."""
LENGTH = 10
"""Of the hashes, in hexadecimal digits."""
BAKED_IDENTITY, BAKED_COMMIT = "CODE_IDENTITY", "CODE_COMMIT"
"""Where an image, which has no Git, says what it was built of."""


@cache
def identity(name: str, package: str) -> str:
    """Return the identity of the code, which is a valid tag of an image.

    - `0.1.0-3f2a1bc9d8`: the version, and the last commit that changed the code.
    - `0.1.0-3f2a1bc9d8-dirty-9e8d7c6b5a`: the same, and a hash of what is not committed.
    - `0.1.0-files-9e8d7c6b5a`: where Git cannot tell, a hash of all files.

    Args:
        name: the distribution, which has the version.
        package: its import package, in the folder `src` of a checkout or installed.
    """
    root = checkout(package)
    if not root and (baked := os.environ.get(BAKED_IDENTITY)):
        return baked
    release = re.sub(r"[^\w.-]", "-", version(name))
    if not root or not (last := commit(package)):
        return f"{release}-files-{_hash(*_files(package))}"
    changed = _uncommitted(root)
    return f"{release}-{last[:LENGTH]}-dirty-{_hash(root, changed)}" if changed else f"{release}-{last[:LENGTH]}"


@cache
def commit(package: str) -> str:
    """Return the last commit that changed the code, in full, or nothing where Git cannot tell."""
    if not (root := checkout(package)):
        return os.environ.get(BAKED_COMMIT, "")
    try:
        return _git(root, "rev-list", "--max-count=1", "HEAD", "--", *CODE).strip()
    except (OSError, subprocess.CalledProcessError):  # no Git here, no repository, or no commit yet
        return ""


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec and spec.origin  # noqa: S101  it is the project's own
    return Path(spec.origin).parent


def checkout(package: str) -> Path | None:
    """Return the folder of the repository, or None where the package is installed without it."""
    root = _folder(package).parents[1]
    return root if (root / "pyproject.toml").is_file() else None


def _uncommitted(root: Path) -> set[str]:
    """Return the names of the files that differ from the last commit or are new; Git's ignored ones are no code."""
    top = _git(root, "rev-parse", "--show-prefix").removesuffix("\n")
    found = _git(root, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *CODE)
    return {entry[len("XY ") :].removeprefix(top) for entry in found.split("\0") if entry}


def _git(root: Path, *arguments: str) -> str:
    """Return what Git says. It writes nothing, not even its index.

    A checkout of another user's, as in a container of CI, may be read: its code is running already.
    """
    command = ["git", "--no-optional-locks", "-c", "safe.directory=*", *arguments]
    return os.fsdecode(subprocess.run(command, cwd=root, capture_output=True, check=True).stdout)


def _files(package: str) -> tuple[Path, set[str]]:
    """Return the folder that holds all the code, and the names of the files there; of an installed package, its own."""
    root, folder = checkout(package), _folder(package)
    tops = [root / path for path in PATHS] if root else [folder]
    base = root or folder.parent
    found = [file for top in tops for file in [top, *top.rglob("*")] if file.is_file()]
    names = {file.relative_to(base).as_posix() for file in found}
    return base, {name for name in names if not fnmatch(name, CACHES)}


def _hash(folder: Path, names: Iterable[str]) -> str:
    """Return a hash of files, by their names and what is in them; one that is gone counts too."""
    total = hashlib.sha256()
    for name in sorted(names):
        file = folder / name
        content = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "gone"
        total.update(f"{name}\0{content}\0".encode(errors="surrogateescape"))
    return total.hexdigest()[:LENGTH]
