"""What each preset writes, to the file, and how much of it there may be.

`UPDATE_FILE_LISTS=1 .venv/bin/pytest tests/rendering/test_file_lists.py` rewrites the lists; read their diff.
"""

import os
from pathlib import Path

import pytest

from .conftest import Rendered
from .texts import files, is_library

LISTS = Path(__file__).parent / "files"


@pytest.mark.parametrize("preset", ["minimal", "standard", "full"])
def test_files_are_those_listed(preset: str, rendered: Rendered) -> None:
    pinned = LISTS / f"{preset}.txt"
    written = "".join(f"{path}\n" for path in listed(rendered(preset=preset)))
    if os.environ.get("UPDATE_FILE_LISTS") == "1":
        pinned.write_text(written)
    assert written.splitlines() == pinned.read_text().splitlines()


@pytest.mark.parametrize(("preset", "most"), [("minimal", 40), ("standard", 109), ("full", 156)])
def test_number_of_files_of_the_team_is_within_budget(preset: str, most: int, rendered: Rendered) -> None:
    assert len(listed(rendered(preset=preset))) - 1 <= most


@pytest.mark.parametrize("preset", ["minimal", "standard", "full"])
def test_makefile_is_within_budget(preset: str, rendered: Rendered) -> None:
    assert len((rendered(preset=preset) / "Makefile").read_text().splitlines()) <= 150


def listed(project: Path) -> list[str]:
    """Return the paths of the files, with the library as one, which is the same everywhere."""
    paths = [path.relative_to(project).as_posix() for path in files(project)]
    return list(dict.fromkeys("vendor/ml-chassis/" if is_library(path) else path for path in paths))
