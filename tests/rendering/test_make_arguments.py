"""What make's targets are told comes from its command line: a variable that a shell or a CI exports changes nothing."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.running import ROOT

from .conftest import Rendered
from .test_agreement import makefiles, targets

PROGRAMS = {"UV", "COPIER_PYTHON", "DOCKER", "KUSTOMIZE", "KUBECONFORM", "PYTHON"}
"""Whose names may come from the environment, as is usual."""
ANSWERS = [
    {"preset": "full"},
    {"preset": "full", "serving": "seldon", "platform": "existing", "image_registry": "ghcr.io/acme"},
    {"preset": "minimal"},
]


@pytest.mark.parametrize("answers", ANSWERS, ids=lambda answers: "-".join(answers.values()))
def test_environment_tells_targets_nothing(answers: dict[str, str], rendered: Rendered) -> None:
    project = rendered(**answers)
    told = set(re.findall(r"\$\(([A-Z_]+)\)", makefiles(project))) - PROGRAMS
    assert "UPDATE_OPTIONS" in told
    exported = dict.fromkeys(told, "hostile")
    assert "hostile" not in dry_run(project, *targets(project), **exported)


def test_command_line_tells_targets_what_to_do(rendered: Rendered) -> None:
    printed = dry_run(rendered(preset="full"), "update", "UPDATE_OPTIONS=--check", UPDATE_OPTIONS="--theirs")
    assert printed.endswith(" --check\n")


def test_environment_tells_a_release_of_the_template_nothing() -> None:
    assert "hostile" not in dry_run(ROOT, "release", VERSION="hostile", DRY_RUN="hostile")


def dry_run(folder: Path, *arguments: str, **exported: str) -> str:
    """Return what make would run."""
    environment = os.environ | {"UV": "true"} | exported
    command = ["make", "--dry-run", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout
