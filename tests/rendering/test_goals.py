"""What a generated repository asks of its owner stays little: docs/decisions/14-small.md and 15-library.md."""

import re
import tomllib

import pytest
import yaml

from tests.running import ROOT

from .combinations import PRESETS
from .conftest import Rendered
from .test_agreement import targets


@pytest.mark.parametrize(("preset", "most"), [("minimal", 32), ("standard", 75)])
def test_team_owns_few_files(preset: str, most: int, rendered: Rendered) -> None:
    repository = rendered(preset=preset)
    files = [path.relative_to(repository) for path in repository.rglob("*") if path.is_file()]
    assert len([file for file in files if file.parts[0] != "vendor"]) <= most


def test_source_of_a_standard_repository_is_small(rendered: Rendered) -> None:
    files = (rendered(preset="standard") / "src").rglob("*.py")
    assert sum(len(file.read_text().splitlines()) for file in files) <= 600


def test_makefile_of_a_standard_repository_is_short(rendered: Rendered) -> None:
    assert len(targets(rendered(preset="standard"))) <= 25


def test_readme_of_a_standard_repository_names_few_commands(rendered: Rendered) -> None:
    table = (rendered(preset="standard") / "README.md").read_text().partition("| Command |")[2].partition("\n\n")[0]
    rows = re.findall(r"(?m)^\| `", table)
    assert 0 < len(rows) <= 12


def test_source_has_few_conditions() -> None:
    files = [file for file in (ROOT / "template/src").rglob("*") if file.is_file()]
    assert len([line for file in files for line in re.findall(r"(?m)^.*\{%.*$", file.read_text())]) <= 40


def test_few_paths_depend_on_answers() -> None:
    assert len(yaml.safe_load((ROOT / "copier.yml").read_text())["_exclude"]) <= 70


@pytest.mark.parametrize("preset", PRESETS)
def test_coverage_is_of_all_the_package(preset: str, rendered: Rendered) -> None:
    settings = tomllib.loads((rendered(preset=preset) / "pyproject.toml").read_text())["tool"]["coverage"]
    assert settings["run"]["source"] == ["src/wine_cultivars"]
    assert "omit" not in settings["run"] | settings["report"]
