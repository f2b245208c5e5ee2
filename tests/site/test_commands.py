"""What the docs of the template tell a reader to type is there, and the first steps work when done to the letter."""

import re
from pathlib import Path

import pytest

from tests.conftest import Render
from tests.local.projects import Project
from tests.needs import require_python
from tests.rendering.test_agreement import commands, named_commands, named_targets, targets
from tests.running import ROOT, run

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
OURS = re.compile(r"(?<![\w./-])(?:\.ci|\.github|benchmarks|licenses|questions|template|tests)/[\w./-]*\w")
"""A path of the template itself; the others are those of generated repositories."""
NAMES = "(?:wine-cultivars|NAME)"
"""How the docs call the command of a project."""
COMMIT = """
git config user.name Me
git config user.email me@example.com
git add --all
git commit --quiet --message Begin
"""


def test_targets_exist(render: Render) -> None:
    generated = render(preset="full", image_registry="ghcr.io/acme")
    known = {*targets(ROOT), *targets(generated)}
    named = {target for page in PAGES for target in named_targets(page.name, page.read_text())}
    assert named - known == set()


def test_commands_exist(render: Render) -> None:
    named = {command for page in PAGES for command in named_commands(page.read_text(), NAMES)}
    assert "doctor" in named
    assert named - commands(render(preset="full")) == set()


def test_targets_of_our_ci_exist(render: Render) -> None:
    known = {*targets(ROOT), *targets(render())}
    texts = [workflow.read_text() for workflow in (ROOT / ".github/workflows").iterdir()]
    called = {target for text in texts for line in re.findall(r"run: make ([a-z -]+)", text) for target in line.split()}
    assert "load-images" in called
    assert called - known == set()


def test_paths_of_the_template_exist() -> None:
    named = {(page.name, path) for page in PAGES for path in OURS.findall(page.read_text())}
    assert len(named) > 5
    assert {(page, path) for page, path in named if not (ROOT / path).exists()} == set()


def test_links_outside_the_site_lead_somewhere() -> None:
    links = [
        (page, link) for page in ROOT.glob("*.md") for link in re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", page.read_text())
    ]
    assert [(page, link) for page, link in links if not page.parent.joinpath(link).exists()] == []


@pytest.mark.xdist_group("start")
def test_first_steps_lead_to_a_prediction_and_an_update(template: Path, tmp_path: Path) -> None:
    blocks = consoles(ROOT / "docs/start.md")
    (start,), (update,) = ([block for block in blocks if name in block] for name in ("uvx", "make update"))
    *first, serve, predict = (line.partition("#")[0].strip() for line in start.splitlines())
    assert (serve, predict) == ("make serve", "make predict")
    project = Project(tmp_path / "my-project")
    require_python(project.python)

    shell("\n".join(first).replace("PATH_OR_URL_OF_THIS_TEMPLATE", f"--defaults {template}"), tmp_path, project)
    with project.serving() as address:
        assert "version 1 answers" in project.make("predict", SERVE_PORT=address.rpartition(":")[2])
    shell(COMMIT, project.folder, project)
    shell(update, project.folder, project)

    assert run("git", "status", "--porcelain", cwd=project.folder) == ""


def shell(commands: str, folder: Path, project: Project) -> None:
    """Run commands, of which the first that fails is the last."""
    run("bash", "-euc", commands, cwd=folder, env=project.environment)


def consoles(page: Path) -> list[str]:
    """Return what a page has readers type."""
    return re.findall(r"^```console\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
