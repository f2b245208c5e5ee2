"""`make manifests` renders all that is under deploy/, passes what ships, and names what is wrong."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.needs import bring, require
from tests.waves import MANIFESTS, ejected

from .overlays import MODES, SOURCES, edit
from .schemas import write_schemas

pytestmark = pytest.mark.xdist_group("cluster")

by_mode = pytest.mark.parametrize("mode", MODES)
ELSEWHERE = ["platform"]
"""What brings manifests from GitHub, which the tests of the platform render."""


@pytest.fixture(scope="module")
def schemas(cluster: None, projects: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a mirror of the schemas, once Go can run what reads them."""
    project = projects["standard"]
    (module,) = re.findall(r"(?m)^KUBECONFORM \?= go run (\S+)", (project / "Makefile").read_text())
    folder = tmp_path_factory.mktemp("schemas")
    bring(require("go"), "run", module, "-v", cwd=folder)
    write_schemas((project / "scripts/manifests").read_text(), folder)
    return folder


@by_mode
def test_what_ships_is_rendered_and_passes(mode: str, projects: dict[str, Path], schemas: Path, tmp_path: Path) -> None:
    project = own(projects[mode], tmp_path)

    returncode, said = manifests(project, schemas)

    assert returncode == 0, said
    kustomizations = [
        file for file in project.rglob("kustomization.yaml") if "\nkind: Kustomization\n" in file.read_text()
    ]
    rendered = {file.name for file in (project / "build/manifests").iterdir()}
    assert rendered == {".".join(file.relative_to(project).parent.parts) + ".yaml" for file in kustomizations}
    assert {f"deploy.serving.overlays.{name}.yaml" for name in ("local", "staging", "production")} < rendered
    assert "Invalid: 0, Errors: 0" in said
    assert ("kind: SeldonDeployment" in said) == (mode == "seldon")


@pytest.mark.parametrize(
    ("mode", "path", "old", "new", "told"),
    [
        ("standard", SOURCES["standard"], "minReplicas:", "minReplica:", "'minReplica' not allowed"),
        ("knative", SOURCES["knative"], r"minReplicas: \d", 'minReplicas: "one"', "/minReplicas': got string"),
        ("seldon", "base/networkpolicy.yaml", "policyTypes:", "policyType:", "'policyType' not allowed"),
        ("standard", "base/serviceaccount.yaml", "kind: ServiceAccount", "kind: ServiceAcount", "ServiceAcount"),
        (
            "standard",
            "overlays/staging/kustomization.yaml",
            "- release",
            "- releases",
            "overlays/staging cannot be rendered",
        ),
    ],
    ids=["misspelt field", "wrong type", "misspelt field of Kubernetes", "unknown kind", "missing folder"],
)
def test_fault_fails_and_is_named(
    mode: str, path: str, old: str, new: str, told: str, projects: dict[str, Path], schemas: Path, tmp_path: Path
) -> None:
    project = own(projects[mode], tmp_path)
    edit(project / "deploy/serving" / path, old, new)

    returncode, said = manifests(project, schemas)

    assert returncode != 0
    assert told in said


@pytest.mark.parametrize("listed", [False, True], ids=["its own", "those of the library"])
def test_folder_whose_bases_cannot_be_fetched_is_named_with_what_it_needs(
    listed: bool, projects: dict[str, Path], tmp_path: Path
) -> None:
    project, wave = own(projects["standard"], tmp_path), "deploy/platform/20-istio"
    if listed:
        shutil.copytree(projects["standard"] / MANIFESTS, project / MANIFESTS)
        (project / wave).mkdir(parents=True)
        listing = f"resources:\n  - ../../../{MANIFESTS}/20-istio/gateway\n"
        (project / wave / "kustomization.yaml").write_text(listing)
    else:
        shutil.copytree(ejected(projects["standard"], "20-istio"), project / wave)

    returncode, said = manifests(project, tmp_path, GIT_ALLOW_PROTOCOL="none")

    assert returncode != 0
    assert f"Error: {wave} cannot be rendered. It has bases at https://github.com, for which the network" in said


def test_missing_program_is_named(projects: dict[str, Path], tmp_path: Path) -> None:
    returncode, said = manifests(own(projects["standard"], tmp_path), tmp_path, KUSTOMIZE="no-such-program build")
    assert returncode != 0
    assert "Error: no-such-program is missing. Go runs both tools" in said


def own(project: Path, folder: Path) -> Path:
    """Return a copy of a project's own manifests, which need no network."""
    shutil.copytree(project / "scripts", folder / "scripts")
    shutil.copytree(project / "deploy", folder / "deploy", ignore=shutil.ignore_patterns(*ELSEWHERE))
    shutil.copy(project / "Makefile", folder)
    return folder


def manifests(project: Path, schemas: Path, **tools: str) -> tuple[int, str]:
    """Return how `make manifests` ends, with the machine's kubectl, and what it says."""
    settings = os.environ | {"KUSTOMIZE": f"{require('kubectl')} kustomize"} | tools
    command = ["make", "manifests", f"SCHEMAS={schemas}"]
    done = subprocess.run(command, cwd=project, env=settings, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr
