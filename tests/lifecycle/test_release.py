"""`make release` lets only what may be a release become one, and writes it down."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.running import ROOT, commit_all, run

NOTES = "- Something that owners see."


@pytest.fixture
def checkout(template: Path, tmp_path: Path) -> Path:
    """Return a clone of the template at release 1.2.3, with a note on what comes next."""
    clone = tmp_path / "copier-kubeflow"
    run("git", "clone", "--quiet", "--no-tags", str(template), str(clone))
    for setting, value in (("user.name", "Test"), ("user.email", "test@example.com")):
        run("git", "config", setting, value, cwd=clone)
    run("git", "tag", "1.2.3", cwd=clone)
    (clone / "CHANGELOG.md").write_text(f"# Changelog\n\n## Unreleased\n\n{NOTES}\n\n## 1.2.3 - 2026-01-02\n\n- Old.\n")
    commit_all(clone, "Change something")
    return clone


def release(checkout: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "scripts/release.py", *arguments]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("version", ["1.2.4", "1.3.0", "2.0.0"])
def test_release_is_dated_committed_and_tagged(version: str, checkout: Path) -> None:
    done = release(checkout, version)

    today = run("date", "-u", "+%Y-%m-%d").strip()
    changelog = (checkout / "CHANGELOG.md").read_text()
    assert done.returncode == 0, done.stderr
    assert f"## Unreleased\n\n## {version} - {today}\n\n{NOTES}\n\n## 1.2.3" in changelog
    assert versions_of_the_library(checkout) == {version}
    assert run("git", "describe", cwd=checkout).strip() == version
    assert run("git", "status", "--porcelain", cwd=checkout) == ""
    assert NOTES in run("git", "tag", "--list", "--format=%(contents)", version, cwd=checkout)
    assert done.stdout == f"{NOTES}\nPublish it: git push origin main {version}\n"


def test_released_library_is_as_its_digests_say(checkout: Path) -> None:
    release(checkout, "1.3.0")

    run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=checkout / "template/vendor/ml-chassis")


def test_dry_run_changes_nothing(checkout: Path) -> None:
    before = run("git", "rev-parse", "HEAD", cwd=checkout)

    done = release(checkout, "1.3.0", "--dry-run")

    assert NOTES in done.stdout
    assert "Nothing was changed. Without --dry-run, this and ml-chassis become 1.3.0." in done.stdout
    assert run("git", "rev-parse", "HEAD", cwd=checkout) == before
    assert run("git", "tag", cwd=checkout).split() == ["1.2.3"]


@pytest.mark.parametrize("version", ["1.2.3", "1.2.2", "1.2.5", "1.4.0", "3.0.0"])
def test_version_that_does_not_follow_is_refused(version: str, checkout: Path) -> None:
    refused(checkout, version, f"{version} does not follow 1.2.3; expected 2.0.0, 1.3.0 or 1.2.4")


@pytest.mark.parametrize("version", ["v1.3.0", "1.3", "next"])
def test_version_of_another_form_is_refused(version: str, checkout: Path) -> None:
    refused(checkout, version, f"{version!r} is no version; expected three numbers, such as 1.2.0")


def test_first_release_may_be_the_first(checkout: Path) -> None:
    run("git", "tag", "--delete", "1.2.3", cwd=checkout)

    assert release(checkout, "1.0.0").returncode == 0


def test_uncommitted_change_is_refused(checkout: Path) -> None:
    (checkout / "new.txt").touch()

    refused(checkout, "1.3.0", "not all is committed:\n?? new.txt")


def test_other_branch_is_refused(checkout: Path) -> None:
    run("git", "switch", "--quiet", "--create", "elsewhere", cwd=checkout)

    refused(checkout, "1.3.0", "releases are made on main, and this is elsewhere")


def test_release_without_notes_is_refused(checkout: Path) -> None:
    (checkout / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n\n## 1.2.3\n\n- Old.\n")
    commit_all(checkout, "Say nothing")

    refused(checkout, "1.3.0", "CHANGELOG.md has nothing under '## Unreleased'")


def test_moved_file_asks_for_a_major_version(checkout: Path) -> None:
    run("git", "mv", "template/mise.toml", "template/tools.toml", cwd=checkout)
    commit_all(checkout, "Move a file")

    refused(checkout, "1.3.0", "mise.toml was moved or removed")
    assert release(checkout, "2.0.0").returncode == 0


def test_file_that_becomes_a_template_stays_where_it_is(checkout: Path) -> None:
    run("git", "mv", "template/mise.toml", "template/mise.toml.jinja", cwd=checkout)
    commit_all(checkout, "Let a file depend on answers")

    assert release(checkout, "1.3.0").returncode == 0


def test_removed_question_asks_for_a_major_version(checkout: Path) -> None:
    questions = checkout / "copier.yml"
    before, after = questions.read_text().split("\nnotebooks:\n")
    questions.write_text(before + after[after.index("\n# COMPUTED") :])
    commit_all(checkout, "Ask less")

    refused(checkout, "1.3.0", "the question notebooks was removed")


def test_versions_of_the_library_agree() -> None:
    assert len(versions_of_the_library(ROOT)) == 1


def versions_of_the_library(checkout: Path) -> set[str]:
    """Return the version that a repository gets from an index, and the one that the library has."""
    questions = yaml.safe_load((checkout / "copier.yml").read_text())
    library = tomllib.loads((checkout / "template/vendor/ml-chassis/pyproject.toml").read_text())
    return {questions["library_version"]["default"], library["project"]["version"]}


def refused(checkout: Path, version: str, complaint: str) -> None:
    """Expect that a release is refused, and that nothing has changed."""
    before = run("git", "log", "--format=%H %D", cwd=checkout)
    done = release(checkout, version)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert run("git", "log", "--format=%H %D", cwd=checkout) == before
