"""Files that say the same thing agree: targets and their docs, settings and `.env.example`, versions."""

import ast
import re
import subprocess
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.running import ROOT

from .conftest import Rendered
from .texts import is_library, texts

LIBRARY = ROOT / "template/vendor/ml-chassis"

# A version or digest that a bot bumps: an action, an image of a registry, an image by digest.
PINS = re.compile(
    r"uses: *([\w./-]+@[0-9a-f]{40})"
    r"|(?:image:|FROM|newTag:) *[\"']?([\w.-]+(?:[/:][\w.-]+)*:\w[\w.-]*)"
    r"|(sha256:[0-9a-f]{64})"
)


def test_targets_named_in_text_exist(project: Path) -> None:
    assert {(path, target) for path, target in targets_missing(project) if not is_library(path)} == set()


def test_targets_that_the_library_names_exist_where_there_are_all(rendered: Rendered) -> None:
    assert targets_missing(rendered(preset="full", image_registry="ghcr.io/acme")) == set()


def test_phony_targets_are_the_targets(project: Path) -> None:
    phony = re.findall(r"^\.PHONY:(.*)$", makefiles(project), re.MULTILINE)
    assert sorted(" ".join(phony).split()) == sorted(targets(project))


def test_help_lists_every_target(project: Path) -> None:
    printed = subprocess.run(["make"], cwd=project, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^  ([a-z-]+) +\S", printed, re.MULTILINE) == targets(project)


def test_help_fits_a_terminal(project: Path) -> None:
    printed = subprocess.run(["make", "help"], cwd=project, capture_output=True, text=True, check=True).stdout
    assert [line for line in printed.splitlines() if len(line) > 80] == []


def test_commands_named_in_text_exist(project: Path) -> None:
    name = tomllib.loads((project / "pyproject.toml").read_text())["project"]["name"]
    named = {(path, command) for path, text in texts(project).items() for command in named_commands(text, name)}
    assert "promote" in {command for _, command in named}
    assert {(path, command) for path, command in named if command not in commands(project)} == set()


def test_commands_that_the_library_names_exist_where_there_are_all(rendered: Rendered) -> None:
    code = "".join(path.read_text() for path in (LIBRARY / "src").rglob("*.py"))
    named = {*re.findall(r"""command\(f?["']([a-z][a-z-]*)""", code), *re.findall(r"the command `([a-z-]+)`", code)}
    assert {"run", "schema"} <= named
    assert named - commands(rendered(preset="full")) == set()


def test_env_example_names_every_setting_of_a_project_that_has_everything(rendered: Rendered) -> None:
    project = rendered(preset="full")
    assert set(env_example(project)) == set(settings(project))


def test_env_example_shows_the_defaults(project: Path) -> None:
    shown, defaults = env_example(project), settings(project)
    literal = {name: value for name in shown if (value := defaults[name]) is not None}
    assert {name: shown[name] for name in literal} == literal


def test_relative_links_lead_somewhere(project: Path) -> None:
    links = [
        (path, link)
        for path, text in texts(project).items()
        if path.endswith(".md")
        for link in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", text)
    ]
    assert [(path, link) for path, link in links if not (project / path).parent.joinpath(link).exists()] == []


def test_python_files_named_in_text_exist(project: Path) -> None:
    written = texts(project)
    named = {
        (path, name)
        for path, text in written.items()
        if path.endswith(".md")
        for name in re.findall(r"`([\w/]+\.py)`", text)
        if not name.endswith("/cleaning.py")  # which a reader of docs/component.md writes
    }
    assert {
        (path, name) for path, name in named if not any(f"/{file}".endswith(f"/{name}") for file in written)
    } == set()


def test_each_pin_appears_once(project: Path) -> None:
    found = Counter(image or digest for action, image, digest in pins(project) if not action)
    assert [pin for pin, times in found.items() if times > 1] == []


def test_each_action_has_one_version(project: Path) -> None:
    # Several workflows may use it: Dependabot bumps it in all at once.
    versions = {action for action, _, _ in pins(project) if action}
    assert len({action.partition("@")[0] for action in versions}) == len(versions)


@pytest.mark.parametrize("text", ["uses: a/b@" + "0" * 40, "image: ghcr.io/a/b:1.2", "FROM python:3.12-slim"])
def test_pins_are_recognised(text: str) -> None:
    assert PINS.search(text)


def test_no_version_floats(project: Path) -> None:
    assert [path for path, text in texts(project).items() if re.search(r":latest\b|@main\b|@master\b", text)] == []


def test_command_and_package_carry_the_names(rendered: Rendered) -> None:
    project = rendered(repository_name="churn-risk", package_name="riskmodel")
    assert 'churn-risk = "riskmodel.cli:main"' in (project / "pyproject.toml").read_text()


def test_default_names_appear_nowhere_else(rendered: Rendered) -> None:
    project = rendered(project_name="Churn Risk", repository_name="churn-risk", package_name="riskmodel")
    written = texts(project)
    pattern = re.compile(r"wine[-_]cultivars|Wine Cultivars")
    assert [path for path, text in written.items() if pattern.search(path + text) and not is_library(path)] == []


def test_readme_of_the_library_names_its_modules() -> None:
    code = LIBRARY / "src/ml_chassis"
    paths = {path.relative_to(code).with_suffix("") for path in code.rglob("*.py") if path.stem != "__init__"}
    tables = re.findall(r"(?m)^\| (.+) \| \|\n\| --- \| --- \|\n((?:\|.*\n)+)", (LIBRARY / "README.md").read_text())
    named = [
        f"{group.strip('`')}/{module}" if group.startswith("`") else module
        for group, rows in tables
        for cell in re.findall(r"(?m)^\| (.+?) \|", rows)
        for module in re.findall(r"`(\w+)`", cell)
    ]
    assert sorted(named) == sorted(path.as_posix() for path in paths if all(part.isidentifier() for part in path.parts))


def targets_missing(project: Path) -> set[tuple[str, str]]:
    """Return the targets that a text names and no Makefile has, with the path of the text."""
    named = {(path, target) for path, text in texts(project).items() for target in named_targets(path, text)}
    return {(path, target) for path, target in named if target not in targets(project)}


def targets(project: Path) -> list[str]:
    """Return the targets, in order."""
    return re.findall(r"^([a-z][a-z-]*):(?!=)", makefiles(project), re.MULTILINE)


def commands(project: Path) -> set[str]:
    """Return the commands that a project has of the library, by what it tells the library."""
    (told,) = (path.read_text() for path in project.glob("src/*/__init__.py"))
    found = commands_in("cli.py") | commands_in("library/commands.py")
    if "monitoring=True" in told:
        found |= commands_in("monitoring/commands.py")
    if 'platform="none"' not in told:
        found |= commands_in("pipelines/commands.py") | commands_in("platform/commands.py")
    if 'serving="none"' not in told:
        found |= commands_in("rollout/commands.py")
    return found


@cache
def commands_in(module: str) -> set[str]:
    """Return the commands in a module of the library."""
    code = (LIBRARY / "src/ml_chassis" / module).read_text()
    functions = re.findall(r"(?m)^def ([a-z]\w*)\(\s*context: typer\.Context", code)
    return {*(name.replace("_", "-") for name in functions), *re.findall(r'\.command\("([a-z-]+)"', code)}


def named_commands(text: str, name: str) -> set[str]:
    """Return what follows a project's name where its command is called."""
    return set(re.findall(rf"\buv run (?:--[\w-]+ )*{name} (?:--verbose )?([a-z][a-z-]*)", text))


def pins(project: Path) -> list[tuple[str, str, str]]:
    """Return each mention of an action, an image or a digest."""
    return [found for path, text in texts(project).items() if path != "uv.lock" for found in PINS.findall(text)]


def makefiles(project: Path) -> str:
    """Return the Makefile, and what it includes."""
    own = (project / "Makefile").read_text()
    return "".join([own, *((project / name).read_text() for name in re.findall(r"(?m)^include (.+)$", own))])


def named_targets(path: str, text: str) -> set[str]:
    """Return what follows `make` where it is a command: in code of Markdown, and in commands of CI."""
    if path.endswith((".md", ".ipynb")):
        code = re.findall(r"^ *```.*?^ *```|`[^`\n]+`", text, re.MULTILINE | re.DOTALL)
        return set(re.findall(r"(?<![\w-])make (?:-\w+ )*([a-z][a-z-]*)", "\n".join(code)))
    if path.startswith((".github/", ".gitlab-ci")):
        return set(re.findall(r"\bmake ([a-z][a-z-]*)", text))
    return set(re.findall(r"`make ([a-z][a-z-]*)", text))


def env_example(project: Path) -> dict[str, str]:
    """Return the settings that `.env.example` names, with what it shows."""
    lines = (project / ".env.example").read_text().splitlines()
    named = [match for line in lines if (match := re.fullmatch(r"# ([A-Z][A-Z_]*)=(.*)", line))]
    return {match[1]: match[2] for match in named}


def settings(project: Path) -> dict[str, str | None]:
    """Return each setting in upper case with its default as a text, or None if it is computed."""
    (path,) = project.glob("src/*/settings.py")
    return fields(LIBRARY / "src/ml_chassis/settings.py") | fields(path)


def fields(path: Path) -> dict[str, str | None]:
    """Return each field that the class of settings itself has, in upper case with its default as a text."""
    (body,) = (node.body for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef))
    found = [node for node in body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)]
    fields = [node for node in found if not ast.unparse(node.annotation).startswith("ClassVar")]
    assert fields
    return {ast.unparse(field.target).upper(): shown(field.value) for field in fields}


def shown(default: ast.expr | None) -> str | None:
    """Return a literal default as `.env` would write it."""
    if not isinstance(default, ast.Constant):
        return None
    return "" if default.value is None else str(default.value)
