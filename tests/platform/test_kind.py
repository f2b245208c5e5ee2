"""The cluster of `make cluster`: kind's own code takes its configuration, and its versions go together."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.conftest import Render
from tests.running import ROOT, build_go, run

LOADER = ROOT / "tests/platform/kind_config"
RELEASED = {"0.33.0": "v1.35.8@sha256:07b2536e30b803ed61d1677a79df6115f798ce64c80f9e22f6ed45afd09323c0"}
"""Images of nodes that the notes of kind's releases list: https://github.com/kubernetes-sigs/kind/releases"""


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a program that loads a configuration as kind does."""
    program = tmp_path_factory.mktemp("kind") / "load"
    build_go(LOADER, program)
    return program


def loaded(loader: Path, configuration: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([loader, configuration], capture_output=True, text=True, check=False)


def test_kind_takes_the_configuration(loader: Path, render: Render) -> None:
    done = loaded(loader, render() / "deploy/cluster/kind.yaml")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("    image:", "    imag:", "field imag not found"),
        ("apiServerAddress:", "apiServerAdress:", "field apiServerAdress not found"),
        ("role: control-plane", "role: conductor", "conductor"),
        ("v1alpha4", "v1", "unknown apiVersion"),
    ],
)
def test_kind_refuses_a_wrong_field(loader: Path, render: Render, right: str, wrong: str, complaint: str) -> None:
    configuration = render() / "deploy/cluster/kind.yaml"
    configuration.write_text(configuration.read_text().replace(right, wrong))
    done = loaded(loader, configuration)
    assert done.returncode == 1
    assert complaint in done.stderr


def test_node_is_of_the_release_of_kind(render: Render) -> None:
    project = render()
    image, pins = node_image(project), tools(project)
    assert image == f"kindest/node:{RELEASED[pins['kind']]}"


def test_kubectl_is_of_the_minor_version_of_the_node(render: Render) -> None:
    project = render()
    image, pins = node_image(project), tools(project)
    assert re.findall(r"\d+\.\d+", pins["kubectl"])[0] == re.findall(r"v(\d+\.\d+)", image)[0]


def test_loader_is_of_the_release_of_kind(render: Render) -> None:
    required = re.findall(r"require sigs.k8s.io/kind v(\S+)", (LOADER / "go.mod").read_text())
    assert required == [tools(render())["kind"]]


def test_images_loaded_are_those_built(render: Render) -> None:
    project = render(image_registry="ghcr.io/acme", repository_name="churn-risk")
    commands = run("make", "--dry-run", "image", "load-images", "RELEASE=1.2.3", cwd=project)
    built = re.findall(r"--tag (\S+)", commands)
    (load,) = [line for line in commands.splitlines() if line.startswith("kind load")]
    assert load.split() == ["kind", "load", "docker-image", "--name", "churn-risk", *built]
    assert len(built) == 2


def test_missing_mise_is_a_sentence(render: Render) -> None:
    make = shutil.which("make")
    assert make
    done = subprocess.run([make, "tools"], cwd=render(), env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert done.stdout.startswith("mise is missing")


def node_image(project: Path) -> str:
    """Return the image of the cluster's nodes, which are alike."""
    nodes = yaml.safe_load((project / "deploy/cluster/kind.yaml").read_text())["nodes"]
    (image,) = {node["image"] for node in nodes}
    return str(image)


def tools(project: Path) -> dict[str, str]:
    """Return the versions of the tools that `make tools` installs."""
    pins: dict[str, str] = tomllib.loads((project / "mise.toml").read_text())["tools"]
    return pins
