"""`copier-kubeflow fleet` tells of each repository how far it is behind, and what it changed."""

import csv
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.running import commit_all, run

from .conftest import COMMAND, Command, Generate, eject, environment_of_the_command

EDIT = "\n\nOURS = True\n"


def rows(command: Command, *arguments: object) -> dict[str, Any]:
    """Return the rows that the command prints as JSON, by repository."""
    done = command("fleet", *arguments, "--json")
    assert done.stdout, done.stderr
    return {row["repository"]: row for row in json.loads(done.stdout)}


def row(command: Command, repository: Path, *arguments: object) -> dict[str, Any]:
    return dict(rows(command, repository, *arguments)[str(repository)])


def test_untouched_repository_of_the_newest_release(command: Command, generate: Generate) -> None:
    repository = generate("wine")
    today = run("git", "log", "-1", "--format=%cs", cwd=repository).strip()

    assert row(command, repository) == {
        "repository": str(repository),
        "version": "999.2.0",
        "behind": 0,
        "similarity": 1.0,
        "changed_files": {},
        "differing_answers": {},
        "ejected": [],
        "updated": today,
        "ci": "",
        "error": "",
    }


def test_releases_after_the_recorded_one_are_counted(command: Command, generate: Generate, releases: Path) -> None:
    between = run("git", "rev-parse", "999.2.0~1", cwd=releases).strip()
    found = rows(command, generate("old", "999.0.0"), generate("between", between))

    assert [(row["version"][:9], row["behind"]) for row in found.values()] == [("999.0.0", 2), ("999.1.0-1", 1)]


def test_changed_and_deleted_files_are_drift(command: Command, generate: Generate) -> None:
    repository = generate("edited", preset="standard")
    training, workflow = repository / "src/wine_cultivars/training.py", repository / ".github/workflows/ci.yml"
    training.write_text(training.read_text() + EDIT)
    workflow.unlink()
    (repository / "ours.py").write_text(EDIT)
    commit_all(repository, "Edit")

    found = row(command, repository)

    assert found["changed_files"].keys() == {"src/wine_cultivars/training.py", ".github/workflows/ci.yml"}
    assert found["changed_files"][".github/workflows/ci.yml"] == 0
    assert 0.9 < found["changed_files"]["src/wine_cultivars/training.py"] < 1
    assert 0.95 < found["similarity"] < 1


def test_files_that_belong_to_the_team_are_no_drift(command: Command, generate: Generate) -> None:
    repository = generate("edited", preset="standard")
    (repository / "CHANGELOG.md").write_text("# Ours\n")
    commit_all(repository, "Write the changelog")

    assert row(command, repository)["changed_files"] == {}


def test_only_commits_count_and_nothing_is_touched(command: Command, generate: Generate) -> None:
    repository = generate("wine")
    (repository / "README.md").write_text("Not committed\n")
    (repository / "new.txt").write_text("Not committed\n")

    def state() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in repository.rglob("*")}

    before = state()

    assert row(command, repository)["changed_files"] == {}
    assert state() == before


def test_answers_that_differ_from_the_organisation(command: Command, generate: Generate, tmp_path: Path) -> None:
    defaults = tmp_path / "defaults.yml"
    defaults.write_text("ci: github\npython_version: 3.12\nmonitoring: false\nextras: [katib]\nlater_question: yes\n")
    repository = generate("wine", preset="standard", ci="gitlab", platform="standalone", extras=["katib", "notebooks"])

    found = row(command, repository, "--defaults", defaults)

    assert found["differing_answers"] == {"ci": "gitlab", "extras": "katib, notebooks"}


def test_modules_of_its_own_are_told(command: Command, generate: Generate) -> None:
    repository, other = generate("wine"), generate("beer")
    eject(repository, "rollout.applying", "serving.app")

    assert row(command, repository)["ejected"] == ["rollout.applying", "serving.app"]
    printed = command("fleet", repository, other).stdout
    own = f"Modules of the library that are a repository's own:\n{repository}: rollout.applying, serving.app"
    assert " ".join(own.split()) in " ".join(printed.split())
    assert f"{other}:" not in printed


def test_repository_in_a_folder_of_another(command: Command, generate: Generate, tmp_path: Path) -> None:
    generate("monorepo/services/wine")
    run("rm", "-rf", ".git", cwd=tmp_path / "monorepo/services/wine")
    commit_all(tmp_path / "monorepo", "Move in")

    assert row(command, tmp_path / "monorepo/services/wine")["similarity"] == 1


def test_address_is_cloned_and_brought_up_to_date(command: Command, generate: Generate) -> None:
    repository = generate("wine", "999.0.0")
    address = f"file://{repository}"
    assert rows(command, address)[address]["similarity"] == 1

    makefile = repository / "Makefile"
    makefile.write_text(makefile.read_text() + EDIT)
    commit_all(repository, "Edit")

    assert rows(command, address)[address]["changed_files"].keys() == {"Makefile"}


def test_clone_has_every_commit_but_the_present_files_only(
    command: Command, generate: Generate, tmp_path: Path
) -> None:
    repository, cache = generate("wine"), tmp_path / "own-cache"
    run("git", "config", "uploadpack.allowFilter", "true", cwd=repository)  # as on GitHub and GitLab
    (repository / "README.md").write_text("# Ours\n")
    commit_all(repository, "Rewrite the README")

    assert command("fleet", f"file://{repository}", "--cache", cache).returncode == 0

    (clone,) = (cache / "repositories").iterdir()
    before = run("git", "rev-parse", "HEAD~1:README.md", cwd=repository).strip()
    assert run("git", "rev-list", "--count", "HEAD", cwd=clone).strip() == "2"
    assert f"?{before}" in run("git", "rev-list", "--objects", "--missing=print", "HEAD", cwd=clone)


def test_template_that_moved_is_named(command: Command, generate: Generate, releases: Path, tmp_path: Path) -> None:
    there, here = tmp_path / "there/copier-kubeflow", tmp_path / "ml-template"
    run("git", "clone", "--quiet", str(releases), str(there))
    repository = generate("wine", template=there)
    there.rename(here)

    assert "is not on this machine; name its repository with --template" in row(command, repository)["error"]
    assert row(command, repository, "--template", f"file://{here}")["similarity"] == 1
    assert row(command, repository, "--template", here.name)["similarity"] == 1


BROKEN = {
    "no answers": "Its last commit has no .copier-answers.yml; was it generated by Copier?",
    "no YAML": "Its .copier-answers.yml is no YAML: ",
    "no mapping": "Its .copier-answers.yml holds no answers: a mapping was expected, not list.",
    "no version": "Its .copier-answers.yml names no `_src_path` or no `_commit`",
    "no TOML": "Its pyproject.toml is no TOML: ",
    "unknown version": "has no version '1.2.3'; fetch its tags",
    "option": "has no version '--all'; fetch its tags",
    "bad answer": "The template does not render with these answers: ValueError: Validation error for question",
    "another template": "It was made of another template, https://example.com/other.git;",
    "no commit": "It has no commit yet; commit its files.",
    "no repository": "not a git repository",
    "no folder": "There is no folder ",
}


@pytest.fixture
def broken(generate: Generate, releases: Path, tmp_path: Path) -> dict[str, Path]:
    """Return a repository for each way of being broken."""
    answers = {
        "no YAML": "{",
        "no mapping": "- one\n",
        "no version": "ci: github\n",
        "no TOML": f"_src_path: {releases}\n_commit: 999.2.0\n",
        "unknown version": f"_src_path: {releases}\n_commit: 1.2.3\n",
        "option": f"_src_path: {releases}\n_commit: --all\n",
        "bad answer": f"_src_path: {releases}\n_commit: 999.2.0\nrepository_name: A B\n",
        "another template": "_src_path: https://user:secret@example.com/other.git\n_commit: 1.0.0\n",
    }
    found = {name: tmp_path / name.replace(" ", "-") for name in BROKEN}
    for name, folder in found.items():
        if name != "no folder":
            folder.mkdir()
            (folder / "file").touch()
        if name in answers:
            (folder / ".copier-answers.yml").write_text(answers[name])
        if name == "no TOML":
            (folder / "pyproject.toml").write_text("[")
        if name in ("no answers", *answers):
            commit_all(folder, "Break")
    run("git", "init", "--quiet", cwd=found["no commit"])
    return found


def test_broken_repositories_have_a_row_and_do_not_stop_the_rest(
    command: Command, generate: Generate, broken: dict[str, Path]
) -> None:
    good = generate("wine")

    found = rows(command, *broken.values(), good)

    assert found[str(good)]["similarity"] == 1
    for name, sentence in BROKEN.items():
        error = found[str(broken[name])]["error"]
        assert sentence in error
        assert "\n" not in error
        assert "secret" not in error


def test_exit_code_says_whether_all_were_read(command: Command, generate: Generate, broken: dict[str, Path]) -> None:
    good = generate("wine")

    assert command("fleet", good).returncode == 0
    assert command("fleet", good, broken["no commit"]).returncode == 1
    assert command("fleet").returncode == 2


def test_table_fits_80_columns_and_says_all_without_colour(
    command: Command, generate: Generate, broken: dict[str, Path]
) -> None:
    old = generate("a-repository-with-a-rather-long-name-for-a-table", "999.0.0")
    done = command("fleet", old, generate("wine"), broken["no commit"])

    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout
    assert "999.0.0  " in done.stdout
    assert "It has no commit yet; commit its files." in " ".join(done.stdout.split())
    assert lines[-1] == "3 repositories: 1 up to date, 1 behind, 1 not read."


def test_what_a_repository_says_cannot_steer_the_terminal(command: Command, generate: Generate) -> None:
    repository = generate("wine")
    (repository / ".copier-answers.yml").write_text('_src_path: "gh:\\e[2J[bold]x"\n_commit: 1.0.0\n')
    commit_all(repository, "Attack")

    done = command("fleet", repository)

    assert "\x1b" not in done.stdout + done.stderr
    assert "?[2J[bold]x" in done.stdout


def test_csv_has_a_line_for_each(command: Command, generate: Generate, broken: dict[str, Path]) -> None:
    repository = generate("wine")
    done = command("fleet", repository, broken["no YAML"], "--csv")

    first, second = csv.DictReader(io.StringIO(done.stdout))
    assert (first["repository"], first["behind"], first["similarity"]) == (str(repository), "0", "1.0")
    assert second["error"].startswith("Its .copier-answers.yml is no YAML")


def test_progress_is_a_line_each_where_there_is_no_terminal(command: Command, generate: Generate) -> None:
    repository = generate("wine")

    assert command("fleet", repository, "--json").stderr.splitlines() == [
        f"Reading 1/1: {repository}",
        f"Comparing 1/1: {repository}",
    ]


def test_progress_is_a_bar_on_a_terminal_but_none_in_ci(generate: Generate, cache: Path) -> None:
    arguments = [*COMMAND, "fleet", "--cache", str(cache), str(generate("wine"))]

    def printed(environment: dict[str, str]) -> str:
        env = environment_of_the_command() | {"TERM": "xterm"} | environment
        with pexpect.spawn(sys.executable, arguments, env=env, encoding="utf-8", dimensions=(24, 80)) as terminal:
            terminal.expect(pexpect.EOF, timeout=120)
            return str(terminal.before)

    assert "Comparing ━━" in re.sub(r"\x1b\[[\d;]*m", "", printed({}))
    assert "━━" not in printed({"CI": "true"})


def test_renderings_are_kept(command: Command, generate: Generate, tmp_path: Path) -> None:
    first, cache = generate("first"), tmp_path / "own-cache"
    second = tmp_path / "second"
    run("git", "clone", "--quiet", str(first), str(second))

    command("fleet", first, second, "--cache", cache)
    (kept,) = (cache / "renderings").iterdir()
    before = kept.stat().st_mtime_ns
    command("fleet", first, "--cache", cache)

    assert kept.stat().st_mtime_ns == before
