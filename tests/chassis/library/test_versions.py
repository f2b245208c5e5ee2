"""Repositories as Copier leaves them, of releases that are the library's own and others."""

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
import typer
from ml_chassis.cli import app_for
from ml_chassis.errors import VersionError
from ml_chassis.project import Project
from ml_chassis.settings import Settings
from typer.testing import CliRunner, Result

LIBRARY = version("ml-chassis")
MAJOR, MINOR, FIX = map(int, LIBRARY.split("."))
OTHER_FIX = f"{MAJOR}.{MINOR}.{FIX + 1}"
OTHER_MINOR = f"{MAJOR}.{MINOR + 1}.{FIX}"
OTHER_MAJOR = f"{MAJOR + 1}.{MINOR}.{FIX}"
CHANGING = ["deploy", "canary", "rollback", "platform", "platform-plan", "platform-remove", "vendor", "load-balancer"]

Call = Callable[..., Result]


class OurSettings(Settings):
    """Settings of a project that adds none."""


@pytest.fixture
def app() -> typer.Typer:
    """Return the commands of a project with a cluster of its own."""
    return app_for(Project("ml-chassis", "ml_chassis", OurSettings, platform="standalone", serving="standard"))


@pytest.fixture
def call(app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Return a function that calls a command in a repository that a commit of the template wrote."""
    monkeypatch.chdir(tmp_path)

    def call(command: str, commit: str = "") -> Result:
        if commit:
            Path(".copier-answers.yml").write_text(f"# Written by Copier.\n_commit: {commit}\n_src_path: template\n")
        return CliRunner().invoke(app, [command])

    return call


@pytest.mark.parametrize("commit", [LIBRARY, OTHER_FIX])
def test_same_release_but_for_fixes_is_worth_no_word(commit: str, call: Call) -> None:
    assert call("identity", commit).stderr == ""


@pytest.mark.parametrize("commit", [OTHER_MINOR, OTHER_MAJOR])
def test_other_release_is_told_beside_what_a_command_prints(commit: str, call: Call) -> None:
    done = call("identity", commit)

    assert done.exit_code == 0
    assert done.stdout == call("identity", LIBRARY).stdout
    assert f"ml-chassis is {LIBRARY}, but this repository is of the template's release {commit}." in done.stderr


@pytest.mark.parametrize("command", CHANGING)
def test_other_major_release_changes_no_cluster(command: str, call: Call) -> None:
    done = call(command, OTHER_MAJOR)

    assert isinstance(done.exception, VersionError)
    assert f"ml-chassis {LIBRARY} must not change a cluster" in str(done.exception)
    assert done.stdout == ""


def test_other_minor_release_goes_on(call: Call) -> None:
    assert not isinstance(call("deploy", OTHER_MINOR).exception, VersionError)


@pytest.mark.parametrize("commit", ["", f"{OTHER_MAJOR}-5-g3f2a1bc", "3f2a1bc", f"v{OTHER_MAJOR}", f"{OTHER_MAJOR}rc1"])
def test_what_is_no_release_is_compared_with_nothing(commit: str, call: Call) -> None:
    done = call("deploy", commit)

    assert done.stderr == ""
    assert not isinstance(done.exception, VersionError)
