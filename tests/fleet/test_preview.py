"""`copier-kubeflow preview` shows what answers would generate, and what one more would change."""

import re
from pathlib import Path

from copier import run_copy

from tests.hostile import write_git
from tests.running import commit_all

from .conftest import Command


def test_tree_holds_every_file_with_its_size(command: Command, releases: Path, tmp_path: Path) -> None:
    run_copy(str(releases), tmp_path / "copy", data={"preset": "minimal"}, defaults=True, quiet=True)
    generated = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]

    printed = command("preview", "--template", releases, "--preset", "minimal").stdout

    assert printed.startswith(f"{len(generated)} files, ")
    for path in generated:
        assert f" {path.name}  " in printed
    size = (tmp_path / "copy/LICENSE").stat().st_size
    assert f"LICENSE  {size / 1000:.1f} kB" in printed


def test_difference_of_an_answer(command: Command, releases: Path) -> None:
    printed = command("preview", "--template", releases, "-d", "ci=github", "--diff", "ci=gitlab").stdout

    _, _, changes = printed.partition("ci=gitlab makes ")
    assert re.search(r"added    \.gitlab-ci\.yml  \+\d+ -0", changes)
    assert re.search(r"removed  \.github/workflows/ci\.yml  \+0 -\d+", changes)
    assert re.search(r"changed  README\.md  \+\d+ -\d+", changes)
    assert "training.py" not in changes


def test_version_and_answers_of_a_file_are_used(command: Command, releases: Path, tmp_path: Path) -> None:
    (tmp_path / "answers.yml").write_text("preset: minimal\npackage_name: vines\n")
    options = ("--template", releases, "--data-file", "answers.yml")

    old, new = command("preview", *options, "--vcs-ref", "999.0.0").stdout, command("preview", *options).stdout

    assert "vines/" in old
    assert "vines/" in new
    assert old != new


def test_it_writes_nothing_but_its_cache(command: Command, releases: Path, tmp_path: Path) -> None:
    assert command("preview", "--template", releases).returncode == 0
    assert not list(tmp_path.iterdir())


def test_answer_to_no_question_is_refused(command: Command, releases: Path) -> None:
    done = command("preview", "--template", releases, "-d", "notebook=true")

    assert done.returncode == 1
    assert done.stderr == "Error: 'notebook' is no question of version 999.2.0; is it 'notebooks'?\n"


def test_answer_that_is_not_allowed_is_refused(command: Command, releases: Path) -> None:
    done = command("preview", "--template", releases, "-d", "ci=jenkins")

    assert done.returncode == 1
    assert "Invalid choice for 'ci'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_git_of_a_template_runs_nothing_while_it_is_rendered(command: Command, tmp_path: Path) -> None:
    template = tmp_path / "template"
    template.mkdir()
    (template / "copier.yml").write_text("_subdirectory: template\nname: {type: str, default: wine}\n")
    write_git(template / "template", f"touch {tmp_path}/ran; false", tmp_path / "other")
    commit_all(template, "Take over Git")

    done = command("preview", "--template", template)

    assert done.returncode == 0, done.stderr
    assert "evil/" in done.stdout
    assert not (tmp_path / "ran").exists()
