"""Commit hooks are a convenience: where they cannot be installed, `make setup` says why, and the project is set up."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.running import run

from .conftest import Rendered

UV = """#!/bin/sh
case "$*" in
sync*) touch installed ;;
*pre-commit*) test -z "$(git config core.hooksPath)" || { echo "Cowardly refusing to install hooks"; exit 1; } ;;
esac
"""
"""Does what uv and pre-commit do here, without the project's environment."""
LEFT_OUT = "Commit hooks are not installed: "


@pytest.mark.parametrize(
    ("configured", "variables", "cause"),
    [
        ({}, {}, ""),
        ({"core.hooksPath": "theirs"}, {}, "Cowardly refusing to install hooks"),
        ({}, {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}, "fatal: detected dubious ownership"),
        ({}, {"GIT_DIR": "gone"}, "fatal: not a git repository: 'gone'"),
    ],
    ids=["installed", "hooks elsewhere", "somebody else's", "no repository"],
)
def test_setup_does_without_hooks(
    configured: dict[str, str], variables: dict[str, str], cause: str, rendered: Rendered, tmp_path: Path
) -> None:
    makefile = (rendered(preset="standard") / "Makefile").read_text().replace("include deploy/cluster.mk\n", "")
    (tmp_path / "Makefile").write_text(makefile)
    uv = tmp_path / "uv"
    uv.write_text(UV)
    uv.chmod(0o755)
    run("git", "init", "--quiet", cwd=tmp_path)
    for name, value in configured.items():
        run("git", "config", name, value, cwd=tmp_path)
    command = ["make", "setup", f"UV={uv}"]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | variables, capture_output=True, text=True, check=False
    )
    assert (done.returncode, (tmp_path / "installed").exists()) == (0, True), done.stderr
    assert (f"{LEFT_OUT}{cause}" in done.stdout) == bool(cause)
