"""`make update` brings a later release, or other answers, to a repository that its team edited, and loses nothing."""

import json
import re
import shutil
import sys
from ast import literal_eval
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.running import run

from .conftest import Fresh, Generate
from .releases import CHANGED, MAJOR, MINOR, MOVED, REMOVED, STAND_INS, TEAMS_OWN, UNDER_TEST
from .repositories import Repository, append, insert_beside, remark

PRESETS = ["minimal", "standard", "full"]
STEPS = [*((release, UNDER_TEST) for release in STAND_INS), (UNDER_TEST, MINOR), (UNDER_TEST, MAJOR)]
"""From which release to which."""

MARKS = ("<<<<<<<", "=======", ">>>>>>>")

ADDRESS = "https://git.example.com/ml/wine-cultivars"
SWITCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "to Seldon": ("standard", {"serving": "seldon"}),
    "to GitLab": ("standard", {"ci": "gitlab"}),
    "to a package of the library": ("standard", {"library": "index"}),
    "to monitoring, on a cloud": ("standard", {"monitoring": True, "cloud": "eks"}),
    "to a controller": ("standard", {"gitops": "argocd", "repository_url": ADDRESS}),
    "to more of Kubeflow": ("standard", {"extras": ["katib", "notebooks"]}),
    "to all of Kubeflow": ("full", {"platform": "kubeflow"}),
    "up": ("minimal", {"preset": "full"}),
    "down": ("full", {"preset": "minimal"}),
}


@pytest.fixture
def library(template: Path) -> Path:
    """Return the library of the release under test: the commits that play earlier ones have none."""
    return template / "template/vendor/ml-chassis"


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("before", "after"), STEPS)
def test_untouched_repository_becomes_a_fresh_copy(
    before: str, after: str, preset: str, repository: Generate, fresh: Fresh, library: Path
) -> None:
    project = repository(before, preset=preset)
    expected = fresh(after, project.answers)

    done = project.update("--vcs-ref", after, library=library)

    assert done.returncode == 0, done.stderr
    assert project.files() == expected
    assert project.git("branch", "--show-current").strip() == f"update-{after}"
    assert project.git("status", "--porcelain") == ""


@pytest.mark.parametrize("switch", SWITCHES)
def test_other_answers_give_a_fresh_copy(switch: str, repository: Generate, fresh: Fresh) -> None:
    preset, answers = SWITCHES[switch]
    project = repository(UNDER_TEST, preset=preset)
    expected = fresh(UNDER_TEST, project.answers, **answers)

    done = project.update("--vcs-ref", UNDER_TEST, *(option(name, value) for name, value in answers.items()))

    assert done.returncode == 0, done.stderr
    assert project.files() == expected


@pytest.mark.parametrize("before", STAND_INS)
def test_no_line_is_lost_from_any_file(before: str, repository: Generate, library: Path) -> None:
    project = repository(before, preset="full")
    for number, path in enumerate(sorted(set(project.files()) - {".copier-answers.yml"})):
        append(project, path, number)
    project.commit()
    written = project.team_lines()

    done = project.update("--vcs-ref", UNDER_TEST, library=library)

    assert [line for line in written if line not in project.lines()] == []
    assert (done.returncode == 0) == (project.conflicts() == {})
    assert [path for path in project.conflicts() if path not in done.stderr] == []


def test_edit_of_what_moved_to_the_library_moves_along(repository: Generate, library: Path) -> None:
    project = repository(max(STAND_INS), preset="minimal")
    append(project, "src/wine_cultivars/registry.py", 1)
    project.commit()

    done = project.update("--vcs-ref", UNDER_TEST, library=library)

    files = project.files()
    assert done.returncode == 0, done.stderr
    assert "src/wine_cultivars/registry.py" not in files
    assert remark("registry.py", 1) in files["vendor/ml-chassis/src/ml_chassis/registry.py"].decode()


def test_edits_apart_from_changes_are_merged(repository: Generate) -> None:
    project = repository(UNDER_TEST, preset="full")
    for number, path in enumerate([*CHANGED, *MOVED]):
        append(project, path, number)
    project.commit()
    written = project.team_lines()

    done = project.update()

    files = {path: content.decode() for path, content in project.files().items()}
    assert done.returncode == 0, done.stderr
    assert [line for line in written if line not in project.lines()] == []
    assert [path for path, (_, after) in CHANGED.items() if (after in files[path]) == (path in TEAMS_OWN)] == []
    assert [old for old, new in MOVED.items() if old in files or "Ours" not in files[new]] == []
    assert REMOVED not in files
    for check in (["check"], ["format", "--check"]):
        run(str(Path(sys.executable).with_name("ruff")), *check, cwd=project.folder)


def test_what_the_team_moved_or_deleted_stays_so(repository: Generate) -> None:
    project = repository(UNDER_TEST)
    deleted = ["docs/overview.md", ".env.example", "docs/model.md"]  # as it was, changed and moved by the template
    project.git("rm", "--quiet", *deleted)
    project.git("mv", "docs/data.md", "docs/our-data.md")
    project.commit()

    done = project.update()

    files = project.files()
    assert done.returncode == 0, done.stderr
    assert [path for path in [*deleted, MOVED["docs/model.md"], "docs/data.md"] if path in files] == []
    assert CHANGED["docs/data.md"][1] in files["docs/our-data.md"].decode()


def test_conflicts_are_listed_and_lose_nothing(repository: Generate) -> None:
    project = repository(UNDER_TEST, preset="full")
    for number, (path, (line, _)) in enumerate(CHANGED.items()):
        insert_beside(project, path, line, number)
    append(project, REMOVED, len(CHANGED))
    project.git("mv", "docs/model.md", "docs/our-model.md")
    project.commit()
    written = project.team_lines()

    done = project.update()

    files = {path: content.decode() for path, content in project.files().items()}
    shared = set(CHANGED) - TEAMS_OWN
    assert done.returncode != 0
    moved = {"docs/model.md": "DD", "docs/our-model.md": "AU", MOVED["docs/model.md"]: "UA"}
    expected = dict.fromkeys(shared, "UU") | {REMOVED: "UD"} | moved
    assert project.conflicts() == expected
    assert [path for path, kind in expected.items() if f"{kind} {path}" not in done.stderr] == []
    assert [line for line in written if line not in project.lines()] == []
    assert [path for path in shared if CHANGED[path][1] not in files[path]] == []


def test_conflict_can_be_resolved_or_given_up(repository: Generate) -> None:
    project = repository(UNDER_TEST, preset="minimal")
    insert_beside(project, "README.md", CHANGED["README.md"][0], 1)
    project.commit()
    before = project.files()

    assert project.update().returncode != 0
    assert "README.md" in project.make("lint").stdout
    project.git("cherry-pick", "--abort")
    project.git("switch", "--quiet", "-")
    project.git("branch", "--quiet", "-D", f"update-{MAJOR}")
    assert project.files() == before

    assert project.update().returncode != 0
    readme = project.folder / "README.md"
    readme.write_text("\n".join(line for line in readme.read_text().splitlines() if line[:7] not in MARKS))
    project.git("add", "README.md")
    project.git("-c", "core.editor=true", "cherry-pick", "--continue")
    assert remark("README.md", 1) in project.lines()
    assert project.make("lint").returncode == 0
    assert project.answers["_commit"] == MAJOR


def test_news_are_shown_and_kept_in_the_commit(repository: Generate) -> None:
    project = repository(UNDER_TEST, preset="minimal")

    done = project.update()

    message = project.git("log", "-1", "--format=%B")
    title = f"Follow the template from {UNDER_TEST} to {MAJOR}"
    assert message.startswith(f"{title}\n\n  {MAJOR}\n\n  - Files have moved.")
    assert f"\n  {MINOR}\n\n  - Who pays is asked." in message
    assert f"\n  {UNDER_TEST}\n" not in message
    assert message.strip() in done.stdout


def test_folder_of_a_larger_repository_is_updated(repository: Generate, fresh: Fresh) -> None:
    project = repository(UNDER_TEST, preset="minimal")
    expected = fresh(MAJOR, project.answers)
    inside = project.folder / "modèles 100%s/wine"
    inside.mkdir(parents=True)
    for path in project.git("ls-tree", "--name-only", "HEAD").split():
        project.git("mv", path, str(inside))
    (project.folder / "README.md").write_text("# All models\n")
    (inside / "Makefile").write_bytes((inside / "Makefile").read_bytes() + b"# Ours.\n")
    (inside / ".env.example").unlink()
    project.commit()

    done = Repository(inside).update()

    assert done.returncode == 0, done.stderr
    del expected[".env.example"]  # what was deleted stays so
    expected["Makefile"] += b"# Ours.\n"
    assert Repository(inside).files() == expected
    assert (project.folder / "README.md").read_text() == "# All models\n"


def test_uncommitted_work_is_left_alone(repository: Generate) -> None:
    project = repository(UNDER_TEST, preset="minimal")
    (project.folder / "new.txt").write_text("mine\n")

    done = project.update()

    assert done.returncode != 0
    assert done.stderr.startswith("Error: not all is committed")
    assert project.git("branch", "--format=%(refname:short)").split() == ["main"]


def test_folder_without_git_is_refused(repository: Generate) -> None:
    project = repository(UNDER_TEST, preset="minimal")
    shutil.rmtree(project.folder / ".git")

    assert project.update().stderr.startswith("Error: this folder is not in Git")


def test_repository_of_another_owner_is_refused_in_gits_words(repository: Generate) -> None:
    said = repository(UNDER_TEST, preset="minimal").make("update", GIT_TEST_ASSUME_DIFFERENT_OWNER="1").stderr

    assert said.startswith("Error: Git does not read this folder: ")
    assert "detected dubious ownership" in said
    assert "git config --global --add safe.directory" in said


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (["--vcs-ref", "1.2.3"], "Unknown revision: '1.2.3'"),
        (["--data", "ci=jenkins"], "Invalid choice for 'ci'"),
    ],
)
def test_template_that_cannot_be_rendered_is_told_in_a_sentence(
    options: list[str], cause: str, repository: Generate
) -> None:
    project = repository(UNDER_TEST, preset="minimal")

    done = project.update(*options)

    assert done.returncode != 0
    error, *_ = done.stderr.splitlines()
    assert error.startswith("Error: Copier cannot render the template ")
    assert cause in error
    assert project.git("branch", "--format=%(refname:short)").split() == ["main"]


def test_template_that_is_gone_is_told_in_a_sentence(repository: Generate) -> None:
    project = repository(UNDER_TEST, preset="minimal")
    answers = project.folder / ".copier-answers.yml"
    answers.write_text(re.sub("_src_path: .*", "_src_path: file:///nowhere/copier-kubeflow.git", answers.read_text()))
    project.commit()

    for done in (project.update(), project.make("update-check")):
        assert done.returncode != 0
        said = done.stdout + done.stderr
        assert "'/nowhere/copier-kubeflow.git' does not" in said
        assert "Traceback" not in said


def test_file_that_git_ignores_is_not_overwritten(repository: Generate) -> None:
    project = repository(UNDER_TEST, preset="minimal")
    with (project.folder / ".gitignore").open("a") as ignored:
        ignored.write("CHANGELOG.md\n")
    project.commit()
    (project.folder / "CHANGELOG.md").write_text("mine\n")

    done = project.update("--vcs-ref", UNDER_TEST, "--data=preset=standard")

    assert "move it away, then try again: CHANGELOG.md" in done.stderr
    assert (project.folder / "CHANGELOG.md").read_text() == "mine\n"
    assert project.git("branch", "--show-current") == "main\n"


def test_branch_of_an_earlier_update_is_left_alone(repository: Generate) -> None:
    project = repository(MINOR, preset="minimal")
    project.git("branch", f"update-{MAJOR}")

    done = project.update()

    assert f"Error: the branch update-{MAJOR} is there already; merge it" in done.stderr
    assert project.git("branch", "--show-current") == "main\n"


def test_older_release_is_refused(repository: Generate) -> None:
    project = repository(MINOR, preset="minimal")
    before = project.files()

    done = project.update("--vcs-ref", UNDER_TEST)

    assert f"Error: the template's release {UNDER_TEST} is older than {MINOR}" in done.stderr
    assert project.files() == before


def test_newest_release_needs_no_update(repository: Generate) -> None:
    project = repository(MAJOR, preset="minimal")

    done = project.update()

    assert done.returncode == 0
    assert f"There is nothing to update: the template writes nothing else in {MAJOR}." in done.stdout
    assert project.git("branch", "--format=%(refname:short)").split() == ["main"]


@pytest.mark.parametrize(("release", "behind"), [(MINOR, True), (MAJOR, False)])
def test_update_check_fails_where_a_release_is_newer(release: str, behind: bool, repository: Generate) -> None:
    project = repository(release, preset="minimal")

    done = project.make("update-check")

    assert (done.returncode != 0) == behind
    assert ("The template has a newer release: make update brings it." in done.stdout) == behind


def test_update_check_fails_without_that_sentence_where_copier_fails(repository: Generate) -> None:
    done = repository(MINOR, preset="minimal").make("update-check", COPIER_PYTHON="sh -c 'exit 2'")

    assert done.returncode != 0
    assert "newer release" not in done.stdout


def test_recorded_answers_outlive_new_defaults(repository: Generate) -> None:
    project = repository(UNDER_TEST, preset="full")

    project.update()

    assert project.answers["python_version"] == "3.12"  # recorded
    assert not (project.folder / "deploy/telemetry").exists()  # not recorded, as the preset answered it


def test_library_and_copier_leave_the_same_files_to_the_team(library: Path, template: Path) -> None:
    skipped = yaml.safe_load((template / "copier.yml").read_text())["_skip_if_exists"]
    picking = (library / "src/ml_chassis/updates/picking.py").read_text()
    (named,) = re.findall(r"^TEAM = (.*)", picking, re.MULTILINE)
    assert list(literal_eval(named)) == skipped


def test_update_runs_the_copier_that_the_tests_run(template: Path) -> None:
    (named,) = re.findall(r"copier==([\d.]+)", (template / "template/Makefile.jinja").read_text())
    assert f"\ncopier=={named} " in (template / "requirements.lock").read_text()


def option(name: str, value: Any) -> str:
    """Return an answer as an option of Copier's, without a blank."""
    return f"--data={name}={json.dumps(value, separators=(',', ':')) if not isinstance(value, str) else value}"
