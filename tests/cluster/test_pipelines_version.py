"""What a project asks of Kubeflow Pipelines is what its platform brings."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from tests.needs import require_repositories
from tests.waves import ejected

from .kubectl import documents, kubectl

pytestmark = pytest.mark.xdist_group("cluster")

LIBRARY = "vendor/ml-chassis"


@pytest.fixture(scope="module")
def project(projects: dict[str, Path]) -> Path:
    """Return a repository that brings its own platform."""
    return projects["none"]


@pytest.fixture(scope="module")
def installed(project: Path) -> str:
    """Return the manifests of Kubeflow Pipelines."""
    wave = ejected(project, "40-pipelines")
    require_repositories(*(file.read_text() for file in wave.rglob("kustomization.yaml")))
    return kubectl("kustomize", str(wave))


@pytest.mark.parametrize("package", ["kfp", "kfp-kubernetes"])
def test_sdk_is_of_the_servers_version(package: str, project: Path, installed: str) -> None:
    (tag,) = re.findall(r"image: ghcr\.io/kubeflow/kfp-api-server:(\S+)", installed)
    library = tomllib.loads((project / LIBRARY / "pyproject.toml").read_text())["project"]
    asked = [Requirement(text) for extra in library["optional-dependencies"].values() for text in extra]
    (wanted,) = (found for found in asked if found.name == package)

    server = Version(tag)
    assert wanted.specifier.contains(server)
    assert not wanted.specifier.contains(f"{server.major}.{server.minor + 1}")


def test_key_of_the_steps_opens_the_bucket_of_the_pipelines_alone(installed: str) -> None:
    (given,) = re.findall(r"s3\.configure .*-access_key \$accesskey.*", installed)
    assert "-buckets mlpipeline -actions Read,Write,List,Tagging " in given
    assert "Admin" not in given


def test_pages_are_where_commands_look_for_them(project: Path, installed: str) -> None:
    module = project / LIBRARY / "src/ml_chassis/pipelines/server.py"
    (name, port) = re.findall(r'"service/(\S+):(\d+)"', module.read_text())[0]
    services = [yaml.safe_load(document) for document in documents(f"\n{installed}", "Service")]
    (pages,) = (found for found in services if found["metadata"]["name"] == name)

    assert int(port) in [found["port"] for found in pages["spec"]["ports"]]
    assert f'"{pages["metadata"]["namespace"]}"' in module.read_text()
