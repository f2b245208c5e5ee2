"""`make platform` brings the whole platform to a real API server, wave by wave, and takes it away again."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from copier import run_copy

from tests.cluster.kubectl import get, kubectl
from tests.local.projects import Project

from .hollow import hollow_pods

WEBHOOKS = """
  - target:
      kind: (Mutating|Validating)WebhookConfiguration
    patch: |
      $patch: delete
      apiVersion: v1
      kind: any
      metadata:
        name: any
"""
"""Takes away the webhooks of pods that do not run here: nobody would answer them."""


@pytest.fixture(scope="module", params=["kserve", "seldon"])
def project(request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project whose platform has been brought up."""
    folder = tmp_path_factory.mktemp("platform")
    run_copy(str(template), folder, data={"preset": "full", "serving": request.param}, defaults=True, quiet=True)
    for wave in (folder / "deploy/platform").glob("*/kustomization.yaml"):
        text = wave.read_text()
        wave.write_text(text + ("" if "\npatches:" in text else "patches:") + WEBHOOKS)
    project = Project(folder, settings={"CONTEXT": kubectl("config", "current-context").strip()})
    project.make("setup")
    with hollow_pods():
        yield project


def test_platform_comes_up_at_the_first_try(project: Project) -> None:
    printed = project.make("platform")
    waves = sorted(folder.name for folder in (project.folder / "deploy/platform").iterdir())
    assert [line.split(":")[0] for line in printed.splitlines() if line.endswith("objects")] == waves
    assert "trying again" not in printed
