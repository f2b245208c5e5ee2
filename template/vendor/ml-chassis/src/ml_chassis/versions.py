"""Compares the releases of the library and of the template that wrote the repository, which are made together."""

import re
from importlib.metadata import version
from pathlib import Path

import typer

from ml_chassis.errors import VersionError

ANSWERS = Path(".copier-answers.yml")
LIBRARY = re.compile(r"(\d+)\.(\d+)\.(\d+)")
TEMPLATE = re.compile(r"^_commit: (\d+)\.(\d+)\.(\d+)$", re.MULTILINE)
"""What Copier records of a release; of a commit between two, it records more."""


def tell_difference() -> None:
    """Say so on stderr, where the two differ by more than a fix."""
    if found := _apart(numbers=2):
        library, template = found
        typer.secho(
            f"ml-chassis is {library}, but this repository is of the template's release {template}. "
            f"`make update` brings both to one release; or take ml-chassis {template}.",
            fg="yellow",
            err=True,
        )


def require_same_major() -> None:
    """Refuse to change a cluster by the library's code and manifests that do not fit it.

    Raises:
        VersionError: the two are of different major releases.
    """
    if found := _apart(numbers=1):
        library, template = found
        raise VersionError(
            f"ml-chassis {library} must not change a cluster by manifests of the template's release {template}, "
            "another major one; have both of one release first."
        )


def _apart(numbers: int) -> tuple[str, str] | None:
    """Return the two releases if their first numbers differ; what is no release, or not recorded, is not compared."""
    library = LIBRARY.fullmatch(version("ml-chassis"))
    template = TEMPLATE.search(ANSWERS.read_text(encoding="utf-8")) if ANSWERS.is_file() else None
    if library and template and library.groups()[:numbers] != template.groups()[:numbers]:
        return ".".join(library.groups()), ".".join(template.groups())
    return None
