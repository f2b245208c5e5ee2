"""What must hold of every rendered file, whatever the answers."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

from .combinations import COMBINATIONS, PRESETS, defaults, missing, pairwise
from .conftest import Rendered
from .texts import files, lines_with, texts

# `${{ }}` belongs to GitHub, `{{ $labels.x }}` and `{{label}}` to Prometheus and Grafana, `{{.Kind}}` and `{{json .}}`
# to Go.
JINJA = re.compile(r"(?<!\$)\{\{(?!\s*[$.]|json \.)|\{%|(?<!\$)\{#")
OTHERS = ("deploy/monitoring/", "vendor/")


def test_cover_has_every_pair() -> None:
    assert missing(pairwise()) == []


def test_defaults_are_those_of_copier(rendered: Rendered) -> None:
    for preset in PRESETS:
        bare, spelled_out = rendered(preset=preset), rendered(**defaults(preset))
        assert texts(bare) | {".copier-answers.yml": ""} == texts(spelled_out) | {".copier-answers.yml": ""}


def test_no_jinja_is_left(project: Path) -> None:
    assert [line for line in lines_with(project, JINJA) if not line.startswith(OTHERS)] == []


def test_no_path_has_jinja_or_a_suffix_of_the_template(project: Path) -> None:
    paths = [path.relative_to(project).as_posix() for path in project.rglob("*")]
    assert [path for path in paths if re.search(r"[{}]|\.jinja$", path)] == []


def test_no_folder_is_empty(project: Path) -> None:
    assert [str(path) for path in project.rglob("*") if path.is_dir() and not any(path.iterdir())] == []


def test_no_file_is_empty(project: Path) -> None:
    may_be = {"py.typed", "__init__.py"}
    assert [str(path) for path in files(project) if path.name not in may_be and not path.read_bytes().strip()] == []


def test_no_line_ends_with_a_blank(project: Path) -> None:
    assert lines_with(project, re.compile(r"[ \t\r]$")) == []


def test_no_file_begins_with_a_blank_line(project: Path) -> None:
    assert [path for path, text in texts(project).items() if text.startswith("\n")] == []


def test_every_file_ends_with_one_newline(project: Path) -> None:
    assert [path for path, text in texts(project).items() if text and not re.search(r"[^\n]\n\Z", text)] == []


def test_few_blank_lines_in_a_row(project: Path) -> None:
    # Python has two between functions, also where Markdown shows it.
    most = {path: 2 if path.endswith((".py", ".md")) else 1 for path in texts(project)}
    assert [path for path, text in texts(project).items() if "\n" * (most[path] + 2) in text] == []


def test_every_file_parses(project: Path) -> None:
    assert [problem for path in files(project) if (problem := parse_problem(path, project))] == []


def test_ruff_finds_nothing(project: Path) -> None:
    ruff(project, "check", "--no-cache")


def test_ruff_formats_nothing(project: Path) -> None:
    ruff(project, "format", "--no-cache", "--diff")


def test_cover_is_of_a_reasonable_size() -> None:
    assert len(COMBINATIONS) <= 150


def parse_problem(path: Path, project: Path) -> str:
    """Return why a file does not parse, or nothing."""
    text = path.read_text() if path.suffix in {".toml", ".yaml", ".yml", ".json", ".py", ".ipynb"} else ""
    try:
        match path.suffix:
            case ".toml":
                tomllib.loads(text)
            case ".yaml" | ".yml":
                list(yaml.load_all(text, yaml.CSafeLoader))
            case ".json":
                json.loads(text)
            case ".py":
                ast.parse(text)
            case ".ipynb":
                for cell in json.loads(text)["cells"]:
                    if cell["cell_type"] == "code":
                        ast.parse("".join(cell["source"]))
    except (ValueError, SyntaxError, KeyError, yaml.YAMLError) as error:
        return f"{path.relative_to(project)}: {error}"
    return ""


def ruff(project: Path, *arguments: str) -> None:
    """Run our ruff with the project's own settings."""
    program = Path(sys.executable).with_name("ruff")
    done = subprocess.run([program, *arguments], cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
