"""The page on what a cluster of others has to have says what manifests and code ask of it."""

import ast
import re
from pathlib import Path

import pytest

from .conftest import Rendered

SERVING = {"kserve", "seldon", "none"}
IN_MANIFESTS = (
    r"\bsecret(?:Ref|KeyRef):\n\s+name: (\S+)",
    r"\bsecretName: (\S+)",
    r"resources: \[secrets\]\n\s+resourceNames: \[(\S+)\]",
)
"""How a manifest, or a patch of one, names a Secret."""


@pytest.fixture(params=sorted(SERVING))
def project(request: pytest.FixtureRequest, rendered: Rendered) -> Path:
    """Return a repository with all that it may ask of a cluster, for each kind of model server."""
    return rendered(preset="full", platform="existing", serving=request.param, telemetry=request.param != "none")


def test_page_names_the_secrets(project: Path) -> None:
    manifests = "".join(file.read_text() for file in (project / "deploy").rglob("*.yaml"))
    in_manifests = {name for pattern in IN_MANIFESTS for name in re.findall(pattern, manifests)}
    assert {row[0] for row in table(project, "Secrets")} == in_manifests | set(secrets_of_steps(project))


def test_page_names_the_keys_of_the_steps_secrets(project: Path) -> None:
    named = {row[0]: set(row[1:3]) for row in reversed(table(project, "Secrets"))}
    for name, keys in secrets_of_steps(project).items():
        assert named[name] == set(keys)


def test_page_names_the_namespaces(project: Path) -> None:
    files = (project / "deploy").rglob("kustomization.yaml")
    used = {name for file in files for name in re.findall(r"(?m)^namespace: (\S+)$", file.read_text())}
    named = {name for row in table(project, "Namespaces") for name in row if re.fullmatch(r"wine-cultivars\S*", name)}
    assert named == used


def table(project: Path, section: str) -> list[list[str]]:
    """Return what stands in code in each row of a section's table that has any."""
    text = (project / "docs/cluster.md").read_text().partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return [found for line in text.splitlines() if line.startswith("| ") and (found := re.findall(r"`(\S+?)`", line))]


def secrets_of_steps(project: Path) -> dict[str, tuple[str, ...]]:
    """Return the keys of each Secret that the steps read, by its name."""
    module = project / "vendor/ml-chassis/src/ml_chassis/pipelines/pods.py"
    (shown,) = re.findall(r"\{f\"\{project\.name\}-.*?\}\n", module.read_text())
    found: dict[str, tuple[str, ...]] = ast.literal_eval(shown.replace('f"{project.name}-', '"wine-cultivars-'))
    return found
