"""`copier update` brings a later template, or other answers, to a repository that its team has edited."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from copier import run_copy, run_update

from tests.running import commit_all, run

EDIT = '\n\ndef our_own() -> str:\n    """Return what the team added."""\n    return "kept"\n'
NEWER = "# A line of a later template.\n"


@pytest.fixture
def later(template: Path, tmp_path: Path) -> Path:
    """Return a template with a release after the one under test, which adds a line to the Makefile."""
    clone = tmp_path / "template"
    run("git", "clone", "--quiet", str(template), str(clone), cwd=tmp_path)
    makefile = clone / "template/Makefile.jinja"
    makefile.write_text(NEWER + makefile.read_text())
    commit_all(clone, "Add a line")
    run("git", "tag", "999.1.0", cwd=clone)
    return clone


@pytest.fixture
def edited(later: Path, tmp_path: Path) -> Path:
    """Return a repository made by the release under test, with an edit of its team."""
    project = tmp_path / "project"
    run_copy(str(later), project, vcs_ref="999.0.0", defaults=True, quiet=True)
    training = project / "src/wine_cultivars/training.py"
    training.write_text(training.read_text() + EDIT)
    commit_all(project, "First commit")
    return project


def recorded(project: Path) -> dict[str, Any]:
    """Return the answers that the next update will find."""
    answers: dict[str, Any] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return answers


def update(project: Path, **answers: Any) -> None:
    run_update(project, data=answers, defaults=True, overwrite=True, quiet=True)


def test_update_brings_the_later_template(edited: Path) -> None:
    update(edited)

    assert (edited / "Makefile").read_text().startswith(NEWER)
    assert recorded(edited)["_commit"] == "999.1.0"


def test_update_keeps_the_edit(edited: Path) -> None:
    update(edited)

    assert (edited / "src/wine_cultivars/training.py").read_text().endswith(EDIT)


def test_update_can_switch_an_answer(edited: Path) -> None:
    update(edited, ci="gitlab")

    assert (edited / ".gitlab-ci.yml").exists()
    assert not (edited / ".github").exists()


@pytest.mark.parametrize("path", ["CHANGELOG.md", "deploy/serving/overlays/production/release/kustomization.yaml"])
def test_files_of_the_team_are_left_alone(path: str, edited: Path) -> None:
    file = edited / path
    file.write_text("# Ours\n")
    commit_all(edited, "Write a file of our own")

    update(edited)

    assert file.read_text() == "# Ours\n"
