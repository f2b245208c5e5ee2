"""What a machine lacks, in whole or in part, is a reason to skip, never an error, and a failure in CI."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import needs

Program = Callable[[str, str], Path]


@pytest.fixture
def has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Return a function that lets a machine of no other programs have one, which does what a script does."""
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(needs, "FOLDERS", [])

    def write(name: str, script: str) -> Path:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return write


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo v1.30.9", "is 1.30.9, which is older than 1.31"),
        ("echo no shared library; exit 127", "does not run: no shared library"),
        ("echo kubectl", "tells no version: kubectl"),
    ],
    ids=["old", "broken", "mute"],
)
def test_program_that_will_not_do_is_a_reason_to_skip(script: str, reason: str, has: Program) -> None:
    path = has("kubectl", script)
    with pytest.raises(pytest.skip.Exception, match=f"^{path} {reason}$"):
        needs.require("kubectl")


def test_missing_program_is_a_reason_to_skip(has: Program) -> None:
    with pytest.raises(pytest.skip.Exception, match=r"^kubectl is not on this machine$"):
        needs.require("kubectl")


def test_program_of_another_name_will_do(has: Program) -> None:
    has("chromium", "echo 'it comes as a snap' >&2; exit 1")
    browser = has("google-chrome", "echo Google Chrome 141.0.7390")
    assert needs.require("chromium") == str(browser)


def test_engine_that_is_not_running_is_a_reason_to_skip(has: Program) -> None:
    has("docker", 'test "$1" != info && echo Docker version 29.9.2 || { echo cannot connect; exit 1; }')
    with pytest.raises(pytest.skip.Exception, match=r"^no Docker engine answers: cannot connect$"):
        needs.require_docker()


def test_client_without_the_plugin_that_builds_is_a_reason_to_skip(has: Program) -> None:
    docker = has("docker", 'test "$1" != buildx && echo Docker version 29.9.2 || { echo unknown command; exit 1; }')
    with pytest.raises(pytest.skip.Exception, match=f"^{docker} has no buildx, which builds images: unknown command$"):
        needs.require_docker()


def test_missing_part_of_a_program_is_a_reason_to_skip(has: Program) -> None:
    install = has("mariadb-install-db", "echo my_print_defaults: not found; exit 1")
    with pytest.raises(pytest.skip.Exception, match="my_print_defaults: not found"):
        needs.bring(str(install), "--datadir=data")


def test_network_that_is_not_there_is_a_reason_to_skip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    needs.require_repositories("# As https://127.0.0.1:1/acme/docs/bases tells.")
    with pytest.raises(pytest.skip.Exception, match=r"^Git cannot reach https://127.0.0.1:1/acme/bases: fatal: "):
        needs.require_repositories("- https://127.0.0.1:1/acme/bases//config?ref=v1")


def test_in_ci_nothing_may_be_lacking(has: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="kubectl is not on this machine"):
        needs.require("kubectl")
