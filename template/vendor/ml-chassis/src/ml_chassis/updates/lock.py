"""Brings uv.lock up to date without running code of the release: what uv would build for it was built before."""

import os
import subprocess
import sys
import tomllib
from typing import Any

from ml_chassis.errors import UpdateError
from ml_chassis.updates.repository import Repository
from ml_chassis.updates.texts import say

LOCK = "uv.lock"
PROJECT = "pyproject.toml"
LOCAL = {"directory", "editable", "virtual"}
"""Kinds of sources that are folders of the repository."""
Document = dict[str, Any]


def lock(repository: Repository) -> str:
    """Bring the lock up to date in the last commit, or return why it has to wait until somebody has read that.

    Of what has no wheel, uv builds a package to learn what it needs: it may build those that the lock of before has.
    """
    if not repository.in_git(LOCK):
        return ""
    say("Bringing uv.lock up to date")
    before = _before(repository, LOCK)
    packages = before.get("package", [])
    built = [package["name"] for package in packages if "registry" in package["source"] and "wheels" not in package]
    options = [option for name in built for option in ("--no-binary-package", name)]
    try:
        _refuse_code(repository, packages)
        _uv_lock(repository, "--no-build", *options, "--python", sys.executable, environment=sys.prefix)
    except UpdateError as error:
        return str(error)
    return ""


def lock_all(repository: Repository) -> None:
    """Bring the lock up to date in the last commit, whatever uv has to run for it.

    Raises:
        UpdateError: it cannot.
    """
    if repository.in_git(LOCK):
        _uv_lock(repository)


def _uv_lock(repository: Repository, *options: str, environment: str = "") -> None:
    """Run uv, with another environment than `.venv`, whose Python it would run."""
    command = [os.environ.get("UV", "uv"), "lock", "--quiet", *options]
    variables = os.environ | ({"UV_PROJECT_ENVIRONMENT": environment} if environment else {})
    try:
        done = subprocess.run(command, cwd=repository.folder, env=variables, stderr=subprocess.PIPE, check=False)
    except OSError as error:
        raise UpdateError(f"uv does not run: {error}") from None
    if done.returncode:
        raise UpdateError(f"uv lock: {done.stderr.decode(errors='replace').strip() or f'exit {done.returncode}'}")
    if repository.changed(LOCK):
        repository.git("commit", "--quiet", "--amend", "--no-edit", "--", f":(top,literal){repository.prefix}{LOCK}")


def _refuse_code(repository: Repository, packages: list[Document]) -> None:
    """Have nothing in the release lead uv to code that it may have brought.

    Raises:
        UpdateError: something does.
    """
    local = {source[kind] for source in (package["source"] for package in packages) for kind in source.keys() & LOCAL}
    for name in sorted(os.path.normpath(f"{folder}/{PROJECT}") for folder in local | {"."}):
        file = repository.folder / name
        now = _document(file.read_text(encoding="utf-8")) if file.is_file() else {}
        if now.get("project", {}).get("dynamic"):
            raise UpdateError(f"{name} leaves a part of itself to code")
        if _decides(now) != _decides(_before(repository, name)):
            raise UpdateError(f"{name} has other settings of uv, or other addresses of packages")
    if repository.git("diff", "--name-only", "-z", repository.start, "--", f":(top,literal){repository.prefix}uv.toml"):
        raise UpdateError("uv.toml has changed")


def _decides(document: Document) -> list[Any]:
    """Return what decides where packages are from: uv's settings, and requirements with an address."""
    project = document.get("project", {})
    lists = [
        project.get("dependencies", []),
        *project.get("optional-dependencies", {}).values(),
        *document.get("dependency-groups", {}).values(),
    ]
    addressed = [entry for entries in lists for entry in entries if "@" in str(entry)]
    return [document.get("tool", {}).get("uv"), addressed]


def _before(repository: Repository, name: str) -> Document:
    """Return a file as it was before the update; one that was not there is empty."""
    try:
        return _document(repository.git("show", f"{repository.start}:{repository.prefix}{name}"))
    except UpdateError:
        return {}


def _document(text: str) -> Document:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UpdateError(f"pyproject.toml or uv.lock cannot be read: {error}") from None
