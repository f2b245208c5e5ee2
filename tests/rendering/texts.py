"""How the tests read a rendered repository."""

import re
from functools import lru_cache
from pathlib import Path


def files(project: Path) -> list[Path]:
    """Return every file, in a fixed order."""
    return sorted(path for path in project.rglob("*") if path.is_file())


@lru_cache(maxsize=4)  # tests of one repository follow each other
def texts(project: Path) -> dict[str, str]:
    """Return the text of every file by its path; pictures and the like have none."""
    return {
        path.relative_to(project).as_posix(): content.decode()
        for path in files(project)
        if b"\0" not in (content := path.read_bytes())
    }


def is_library(path: str) -> bool:
    """Tell whether a path of a repository is of the library, which is the same in all of them."""
    return path.startswith("vendor/")


def lines_with(project: Path, pattern: re.Pattern[str]) -> list[str]:
    """Return `path:number: line` of each line where the pattern is found."""
    anywhere = re.compile(pattern.pattern, pattern.flags | re.MULTILINE)  # most texts have no such line
    return [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts(project).items()
        if anywhere.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def own_lines_with(project: Path, pattern: re.Pattern[str]) -> list[str]:
    """Return what `lines_with` does, without the library: it knows of every option, and is told which was chosen."""
    return [line for line in lines_with(project, pattern) if not is_library(line)]
