"""Tests read nothing of the machine's but what its programs and packages are found by, and write nothing to it."""

import os
from pathlib import Path

import pytest

from tests.isolation import environment, of_a_user
from tests.running import run

GITCONFIG = """
[commit]
  gpgsign = true
[user]
  signingkey = nobody
[core]
  hooksPath = /nowhere
  autocrlf = true
[init]
  defaultBranch = trunk
"""
SETTINGS = {
    "COLUMNS": "20",
    "COPIER_CACHE_DIR": "/nowhere",
    "DATABASE_PASSWORD": "secret",
    "DATA_URI": "nothing.csv",
    "GIT_DIR": "/nowhere",
    "LC_ALL": "de_DE.UTF-8",
    "MAKEFLAGS": "--dry-run",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:1",
    "PIP_REQUIRE_VIRTUALENV": "true",
    "PYTEST_ADDOPTS": "--exitfirst",
    "PYTHONPATH": "/nowhere",
    "UV_FROZEN": "1",
    "VIRTUAL_ENV": "/nowhere",
    "XDG_CONFIG_HOME": "/nowhere",
}
"""What some machine has set, which would change what tests do."""


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Return the home folder of a machine's user."""
    home = tmp_path / "theirs"
    home.mkdir()
    (home / ".gitconfig").write_text(GITCONFIG)
    return home


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Return the empty home folder of the tests."""
    home = tmp_path / "own"
    home.mkdir()
    return home


def test_settings_of_the_machine_are_left_out(theirs: Path, own: Path) -> None:
    made = environment(SETTINGS | {"HOME": str(theirs), "PATH": os.environ["PATH"]}, own)
    assert SETTINGS.items() & made.items() == set()
    assert made["HOME"] == str(own)


def test_git_is_as_it_comes(theirs: Path, own: Path) -> None:
    made = environment({"HOME": str(theirs), "PATH": os.environ["PATH"]}, own)
    assert set(run("git", "config", "--list", "--name-only", cwd=own, env=made).split()) == {"safe.directory"}


def test_way_to_packages_is_kept(theirs: Path, own: Path) -> None:
    way = {"UV_DEFAULT_INDEX": "https://pypi.example.com/simple", "SSL_CERT_FILE": "/etc/ca.pem"}
    settings = theirs / "settings"
    (settings / "uv").mkdir(parents=True)
    (theirs / ".netrc").write_text("machine pypi.example.com")
    machine = {"HOME": str(theirs), "PATH": "", "XDG_CONFIG_HOME": str(settings)}

    made = environment(machine | way, own)

    assert way.items() <= made.items()
    assert made["UV_CACHE_DIR"] == str(theirs / ".cache/uv")
    assert (own / ".config/uv").resolve() == settings / "uv"
    assert (own / ".netrc").read_text() == "machine pypi.example.com"


def test_proxy_is_for_what_is_beyond_this_machine(own: Path) -> None:
    made = environment({"HTTPS_PROXY": "http://proxy:3128", "no_proxy": "intern", "PATH": ""}, own)
    assert made["HTTPS_PROXY"] == "http://proxy:3128"
    assert made["no_proxy"] == "intern,127.0.0.1,localhost,::1"


def test_cluster_is_told_to_the_tests_and_not_to_projects(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"KUBECONFIG": "/etc/cluster", "GIT_CONFIG_COUNT": "0", "CI": "true"}
    made = environment(told | {"PATH": ""}, own)
    assert told.items() <= made.items()
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert told.items() & of_a_user().items() == set()


def test_this_very_test_is_isolated(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert Path.home().is_relative_to(tmp_path_factory.getbasetemp())
    (tmp_path / "file").touch()
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644
