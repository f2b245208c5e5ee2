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
    project, pinned = rendered(preset=preset), LISTS / f"{preset}.txt"
    written = "".join(f"{path.relative_to(project).as_posix()}\n" for path in files(project))
    if os.environ.get("UPDATE_FILE_LISTS") == "1":
        pinned.write_text(written)
    assert written.splitlines() == pinned.read_text().splitlines()


@pytest.mark.parametrize(("preset", "most"), [("minimal", 56), ("standard", 161), ("full", 223)])
def test_number_of_files_of_the_team_is_within_budget(preset: str, most: int, rendered: Rendered) -> None:
    project = rendered(preset=preset)
    paths = [path.relative_to(project).as_posix() for path in files(project)]
    assert len([path for path in paths if not is_library(path)]) <= most


@pytest.mark.parametrize(("preset", "most"), [("standard", 6_390), ("full", 7_440)])
def test_source_is_within_budget(preset: str, most: int, rendered: Rendered) -> None:
    assert sum(line_count(path) for path in (rendered(preset=preset) / "src").rglob("*.py")) <= most


@pytest.mark.parametrize("preset", ["minimal", "standard", "full"])
def test_makefile_is_within_budget(preset: str, rendered: Rendered) -> None:
    assert line_count(rendered(preset=preset) / "Makefile") <= 150


def line_count(path: Path) -> int:
    """Return the number of a file's lines."""
    return len(path.read_text().splitlines())
