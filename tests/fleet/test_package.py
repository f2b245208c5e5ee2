"""The command installs from a checkout, and then knows where the template is."""

import sys
from pathlib import Path

from tests.needs import require_index
from tests.running import run


def test_command_runs_from_the_repository(template: Path, tmp_path: Path) -> None:
    require_index()
    uvx, address = Path(sys.executable).with_name("uvx"), f"git+file://{template}"
    command = (str(uvx), "--quiet", "--from", address, "copier-kubeflow", "preview", "--preset", "minimal")

    printed = run(*command, "--cache", str(tmp_path), cwd=tmp_path)

    assert " files, " in printed
    assert ".copier-answers.yml" in printed
