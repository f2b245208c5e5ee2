"""`_exclude` of copier.yml says which answer brings which paths."""

import re

import pytest
import yaml
from pathspec import PathSpec

from tests.running import ROOT

LINES: list[str] = yaml.safe_load((ROOT / "copier.yml").read_text())["_exclude"]
PATTERNS = [re.sub(r"\{%.*?%\}", "", line) for line in LINES]
NEVER_WRITTEN = ["__pycache__", "*.pyc"]


def test_every_pattern_begins_at_the_root() -> None:
    # A bare name would hide a new file of that name in whatever folder.
    assert [pattern for pattern in PATTERNS if "/" not in pattern.rstrip("/")] == NEVER_WRITTEN


# A path that is kept in spite of another pattern may be gone: a bot's update then takes it away.
@pytest.mark.parametrize("pattern", sorted({pattern for pattern in PATTERNS if pattern[0] != "!"} - set(NEVER_WRITTEN)))
def test_pattern_names_a_path_of_the_template(pattern: str) -> None:
    template = ROOT / "template"
    found = [path.relative_to(template).as_posix().removesuffix(".jinja") for path in template.rglob("*")]
    paths = [re.sub(r"\{\{\w+_folder\}\}", "serving", path) for path in found]
    assert any(PathSpec.from_lines("gitignore", [pattern]).match_files(paths))
