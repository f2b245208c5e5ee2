"""What a generated repository asks of its owner stays little: docs/decisions/14-small.md and 15-library.md."""

import re
import tomllib

import pytest

from tests.running import ROOT

from .combinations import PRESETS
from .conftest import Rendered


def test_source_of_a_standard_repository_is_small(rendered: Rendered) -> None:
    files = (rendered(preset="standard") / "src").rglob("*.py")
    assert sum(len(file.read_text().splitlines()) for file in files) <= 600


def test_source_has_few_conditions() -> None:
    files = [file for file in (ROOT / "template/src").rglob("*") if file.is_file()]
    assert len([line for file in files for line in re.findall(r"(?m)^.*\{%.*$", file.read_text())]) <= 40


@pytest.mark.parametrize("preset", PRESETS)
def test_coverage_is_of_all_the_source(preset: str, rendered: Rendered) -> None:
    settings = tomllib.loads((rendered(preset=preset) / "pyproject.toml").read_text())["tool"]["coverage"]
    assert settings["run"]["source"] == ["src"]
    assert "omit" not in settings["run"] | settings["report"]
