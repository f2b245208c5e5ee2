"""Tells what somebody edited in the library's folder, which the template writes and updates replace."""

import hashlib
from pathlib import Path

import yaml

import ml_chassis
from ml_chassis.versions import ANSWERS

PLACE = "vendor/ml-chassis"
"""Where a repository has the library's folder, unless its answers say that it is a package of an index."""
LIST = "SHA256SUMS"
"""The file with the digest of each other, as `sha256sum --check` reads it."""
CACHES = ("__pycache__", ".mypy_cache", ".ruff_cache")
"""Folders that tools leave behind."""


def folder() -> Path | None:
    """Return the library's folder in the repository, or None where it is installed as a package like others."""
    root = Path(str(ml_chassis.__file__)).parents[2]
    return root if (root / LIST).is_file() else None


def is_missing(repository: Path) -> bool:
    """Return whether a repository is to have the library's folder, by its answers, and lacks it, or its list."""
    answers = repository / ANSWERS
    if (repository / PLACE / LIST).is_file() or not answers.is_file():
        return False
    recorded = yaml.safe_load(answers.read_text(encoding="utf-8"))
    return bool(recorded.get("library", "vendored") == "vendored")


def changes(root: Path) -> dict[str, str]:
    """Return the files that are not as they were written, each with what became of it."""
    written, there = _listed(root), _found(root)
    edited = {path: "edited" for path, digest in there.items() if written.get(path, digest) != digest}
    missing = dict.fromkeys(written.keys() - there.keys(), "missing")
    return dict(sorted((edited | missing | dict.fromkeys(there.keys() - written.keys(), "added")).items()))


def original_digest(file: Path) -> str:
    """Return the digest of a file of the library as the template wrote it, whatever somebody made of it."""
    root = folder()
    return (root and _listed(root).get(file.relative_to(root).as_posix())) or _sha256(file)


def _listed(root: Path) -> dict[str, str]:
    entries = [line.split("  ", 1) for line in (root / LIST).read_text().splitlines()]
    return {path: digest for digest, path in entries}


def _found(root: Path) -> dict[str, str]:
    files = {file.relative_to(root): file for file in root.rglob("*") if file.is_file()}
    return {
        path.as_posix(): _sha256(file)
        for path, file in files.items()
        if path != Path(LIST) and not set(CACHES) & set(path.parts)
    }


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
