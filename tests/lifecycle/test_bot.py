"""A bot brings what is no major release by `copier update` alone, as Renovate calls it, and loses nothing either."""

import pytest
from copier import run_update
from copier.errors import UserMessageError

from .conftest import Fresh, Generate
from .releases import CHANGED, MINOR, STAND_INS, TEAMS_OWN, UNDER_TEST
from .repositories import Repository, append, insert_beside


def update(project: Repository, release: str) -> None:
    """Update as Renovate does: https://docs.renovatebot.com/modules/manager/copier/."""
    run_update(project.folder, vcs_ref=release, skip_answered=True, defaults=True, overwrite=True, quiet=True)


@pytest.mark.parametrize("preset", ["minimal", "standard", "full"])
@pytest.mark.parametrize(("before", "after"), [(max(STAND_INS), UNDER_TEST), (UNDER_TEST, MINOR)])
def test_untouched_repository_becomes_a_fresh_copy(
    before: str, after: str, preset: str, repository: Generate, fresh: Fresh
) -> None:
    project = repository(before, preset=preset)
    expected = fresh(after, project.answers)
    kept = {path: content for path, content in project.files().items() if path in TEAMS_OWN}

    update(project, after)

    assert project.files() == expected | kept


def test_edits_apart_from_changes_are_merged(repository: Generate) -> None:
    project = repository(UNDER_TEST, preset="full")
    deleted = ["docs/overview.md", "docs/telemetry.md"]
    for number, path in enumerate(CHANGED):
        append(project, path, number)
    project.git("rm", "--quiet", *deleted)
    project.commit()
    written = project.team_lines()

    update(project, MINOR)

    files = {path: content.decode() for path, content in project.files().items()}
    assert project.conflicts() == {}
    assert [line for line in written if line not in project.lines()] == []
    assert [path for path, (_, after) in CHANGED.items() if (after in files[path]) == (path in TEAMS_OWN)] == []
    assert [path for path in deleted if path in files] == []


def test_conflicts_are_marked_and_keep_the_lint_from_passing(repository: Generate) -> None:
    project = repository(UNDER_TEST, preset="full")
    edited = {path: line for path, (line, _) in CHANGED.items()}
    del edited["Makefile"]  # with marks in it, no target runs
    for number, (path, line) in enumerate(edited.items()):
        insert_beside(project, path, line, number)
    project.commit()
    written = project.team_lines()

    update(project, MINOR)

    marked = {path for path, content in project.files().items() if b"<<<<<<< before updating" in content}
    assert marked == set(project.conflicts()) == set(edited) - TEAMS_OWN
    assert [line for line in written if line not in project.lines()] == []
    project.commit()  # as the bot does, marks and all
    linted = project.make("lint")
    assert linted.returncode != 0
    assert [path for path in marked if path not in linted.stdout] == []


def test_uncommitted_work_is_left_alone(repository: Generate) -> None:
    project = repository(UNDER_TEST, preset="minimal")
    (project.folder / "new.txt").write_text("mine\n")

    with pytest.raises(UserMessageError, match="dirty"):
        update(project, MINOR)


def test_older_release_is_refused(repository: Generate) -> None:
    project = repository(MINOR, preset="minimal")

    with pytest.raises(UserMessageError, match=f"downgrading from {MINOR} to {UNDER_TEST}"):
        update(project, UNDER_TEST)
