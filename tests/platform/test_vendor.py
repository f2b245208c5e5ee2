"""The command `vendor` writes a platform that needs no network but its registry's."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.kubectl import cluster_settings, require_cluster
from tests.waves import MANIFESTS

from .conftest import Platforms
from .manifests import Platform, objects, waves, without_definitions

pytestmark = pytest.mark.xdist_group("manifests")

REGISTRY = "registry.example.internal:5000/mirror"
SERVING, OWN = "60-serving", "70-project"
NAMED = {
    "kserve": """
    busybox
    chrislusf/seaweedfs
    gcr.io/istio-release/pilot
    gcr.io/istio-release/proxyv2
    gcr.io/tfx-oss-public/ml_metadata_store_server
    ghcr.io/kubeflow/katib/earlystopping-medianstop
    ghcr.io/kubeflow/katib/enas-cnn-cifar10-cpu
    ghcr.io/kubeflow/katib/file-metrics-collector
    ghcr.io/kubeflow/katib/katib-controller
    ghcr.io/kubeflow/katib/katib-db-manager
    ghcr.io/kubeflow/katib/katib-ui
    ghcr.io/kubeflow/katib/pytorch-mnist-cpu
    ghcr.io/kubeflow/katib/suggestion-darts
    ghcr.io/kubeflow/katib/suggestion-enas
    ghcr.io/kubeflow/katib/suggestion-goptuna
    ghcr.io/kubeflow/katib/suggestion-hyperband
    ghcr.io/kubeflow/katib/suggestion-hyperopt
    ghcr.io/kubeflow/katib/suggestion-optuna
    ghcr.io/kubeflow/katib/suggestion-pbt
    ghcr.io/kubeflow/katib/suggestion-skopt
    ghcr.io/kubeflow/katib/tfevent-metrics-collector
    ghcr.io/kubeflow/kfp-api-server
    ghcr.io/kubeflow/kfp-driver
    ghcr.io/kubeflow/kfp-frontend
    ghcr.io/kubeflow/kfp-launcher
    ghcr.io/kubeflow/kfp-metadata-envoy
    ghcr.io/kubeflow/kfp-metadata-writer
    ghcr.io/kubeflow/kfp-persistence-agent
    ghcr.io/kubeflow/kfp-scheduled-workflow-controller
    ghcr.io/kubeflow/kfp-viewer-crd-controller
    ghcr.io/kubeflow/kfp-visualization-server
    ghcr.io/kubeflow/kubeflow/notebook-controller
    ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-scipy
    ghcr.io/kubeflow/model-registry/server
    ghcr.io/kubeflow/trainer/dataset-initializer
    ghcr.io/kubeflow/trainer/deepspeed-runtime
    ghcr.io/kubeflow/trainer/mlx-runtime
    ghcr.io/kubeflow/trainer/model-initializer
    ghcr.io/kubeflow/trainer/torchtune-trainer
    ghcr.io/kubeflow/trainer/trainer-controller-manager
    ghcr.io/mlflow/mlflow
    grafana/grafana
    kserve/agent
    kserve/kserve-controller
    kserve/router
    kserve/storage-initializer
    mysql
    postgres
    pytorch/pytorch
    quay.io/argoproj/argoexec
    quay.io/argoproj/workflow-controller
    quay.io/brancz/kube-rbac-proxy
    quay.io/jetstack/cert-manager-acmesolver
    quay.io/jetstack/cert-manager-cainjector
    quay.io/jetstack/cert-manager-controller
    quay.io/jetstack/cert-manager-webhook
    quay.io/kiwigrid/k8s-sidecar
    quay.io/prometheus-operator/prometheus-config-reloader
    quay.io/prometheus-operator/prometheus-operator
    quay.io/prometheus/alertmanager
    quay.io/metallb/controller
    quay.io/metallb/speaker
    quay.io/prometheus/prometheus
    registry.k8s.io/kube-state-metrics/kube-state-metrics
    us-central1-docker.pkg.dev/k8s-staging-images/jobset/jobset
    """,
    "seldon": """
    docker.io/seldonio/seldon-core-operator
    seldonio/alibiexplainer
    seldonio/mlserver
    seldonio/rclone-storage-initializer
    seldonio/seldon-core-executor
    """,
}
"""Every image that the waves and the load balancer name, found by reading them."""
ON_DEMAND = """
    jaegertracing/jaeger
    otel/opentelemetry-collector
    prom/pushgateway
    victoriametrics/victoria-logs
"""
"""Those of monitoring and telemetry."""
ISTIO_HUB = {f"{REGISTRY}/istio-release": "gcr.io/istio-release"}
KNOWN_REGISTRIES = re.compile(r"\b(?:docker|gcr|ghcr|quay|registry\.k8s)\.io/")
START = "from wine_cultivars.cli import main; main()"
NO_NETWORK = {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "url.file:///nowhere/.insteadOf",
    "GIT_CONFIG_VALUE_0": "https://",
}
"""Keeps kustomize from every remote base."""


@dataclass(frozen=True)
class Vendor:
    """A project that vendors its platform, in the environment of another one."""

    platform: Platform
    python: Path
    beside: dict[str, str] = field(default_factory=dict)
    """What kustomize makes of what the library has beside the waves."""

    def run(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the project."""
        return subprocess.run(
            [self.python, "-c", START, *arguments],
            cwd=self.platform.project,
            env=os.environ | {"PYTHONPATH": str(self.platform.project / "src")} | settings,
            capture_output=True,
            text=True,
            check=False,
        )

    def vendor(self, *arguments: str) -> tuple[dict[str, str], list[str]]:
        """Return what kustomize makes of the waves that the command writes, and its list of images."""
        done = self.run("vendor", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        folder = self.platform.project / "deploy/vendored"
        return waves(folder / "platform") | waves(folder), (folder / "images.txt").read_text().splitlines()

    def rendered(self) -> dict[str, str]:
        """Return what kustomize makes of the waves, and of what is applied beside them."""
        beside = waves(self.platform.project / "deploy") | self.beside
        return self.platform.waves | {name: text for name, text in beside.items() if name != "namespace"}


@pytest.fixture(scope="module")
def kserve(platforms: Platforms, standalone: Path, tmp_path_factory: pytest.TempPathFactory) -> Vendor:
    """Return a project with the platform of KServe, whose waves are the library's."""
    whole, project = platforms("kserve"), tmp_path_factory.mktemp("kserve") / "project"
    shutil.copytree(whole.project, project)
    for wave in set(whole.waves) - {OWN}:
        shutil.rmtree(project / "deploy/platform" / wave)
    return Vendor(Platform(project, whole.waves), standalone / ".venv/bin/python", waves(project / MANIFESTS))


@pytest.fixture(scope="module")
def seldon(platforms: Platforms, standalone: Path, tmp_path_factory: pytest.TempPathFactory) -> Vendor:
    """Return a project with Seldon's wave alone, as the others are those of KServe's project."""
    whole, project = platforms("seldon"), tmp_path_factory.mktemp("seldon") / "project"
    shutil.copytree(whole.project, project)
    for wave in set(whole.waves) - {SERVING}:
        (project / "deploy/platform" / wave / "kustomization.yaml").write_text("resources: []\n")
    left = dict.fromkeys(whole.waves, "") | {SERVING: whole.waves[SERVING]}
    return Vendor(Platform(project, left), standalone / ".venv/bin/python")


@pytest.mark.parametrize("serving", ["kserve", "seldon"])
def test_every_image_moves_to_the_registry_and_nothing_else_changes(
    serving: str, request: pytest.FixtureRequest
) -> None:
    vendor: Vendor = request.getfixturevalue(serving)

    moved, listed = vendor.vendor("--registry", REGISTRY)

    copies = dict(line.split() for line in listed)
    assert {re.sub(r":[\w.-]+(@.*)?$", "", image) for image in copies.values()} == {
        *NAMED[serving].split(),
        *ON_DEMAND.split(),
    }
    assert len(copies) == len(listed), "two images would have one name"
    assert [image for image in images(objects(moved)) if not image.startswith(f"{REGISTRY}/")] == []
    assert KNOWN_REGISTRIES.findall(without_definitions(moved)) == []
    back = {copy: image.partition("@")[0] for copy, image in copies.items()} | ISTIO_HUB
    assert {name: replaced(text, back) for name, text in moved.items()} == vendor.rendered()


def test_without_a_registry_nothing_changes(seldon: Vendor) -> None:
    written, listed = seldon.vendor()

    assert written == seldon.rendered()
    assert {"monitoring", "telemetry"} < set(written)
    assert listed == sorted(listed)
    assert [image for image in listed if " " in image or image not in "".join(written.values())] == []


def test_what_is_no_registry_is_refused(seldon: Vendor) -> None:
    done = seldon.run("vendor", "--registry", "https://registry.example.internal")
    assert done.returncode == 1
    assert "Error: 'https://registry.example.internal' is no registry." in done.stderr


def test_platform_is_the_folder_that_the_setting_names(seldon: Vendor) -> None:
    require_cluster()
    seldon.vendor()
    folder = seldon.platform.project / "deploy/vendored/platform"
    (folder / SERVING).rename(folder / "61-vendored")
    settings = cluster_settings() | NO_NETWORK

    vendored, elsewhere = {"PLATFORM_FOLDER": "deploy/vendored/platform"}, {"PLATFORM_FOLDER": "deploy/cluster"}
    planned = seldon.run("platform-plan", "--wave", "61-vendored", **settings, **vendored)
    astray = seldon.run("platform-plan", **settings, **elsewhere)

    assert planned.stdout.startswith("61-vendored: "), planned.stderr
    assert "PLATFORM_FOLDER=deploy/cluster has no waves" in astray.stderr


def test_load_balancer_is_the_one_beside_the_platform(kserve: Vendor, tmp_path: Path) -> None:
    require_cluster()
    docker = tmp_path / "docker"
    docker.write_text("""#!/bin/sh\necho '[{"IPAM": {"Config": [{"Subnet": "172.18.0.0/16"}]}}]'\n""")
    docker.chmod(0o755)
    settings = cluster_settings() | {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}

    own = kserve.platform.project / "astray/load-balancer"
    own.mkdir(parents=True)
    (own / "kustomization.yaml").write_text("resources: [missing.yaml]\n")

    astray = kserve.run("load-balancer", **settings, PLATFORM_FOLDER="astray/platform")

    assert "astray/load-balancer/missing.yaml" in astray.stderr


def replaced(text: str, names: dict[str, str]) -> str:
    """Return a text with other names."""
    for old, new in names.items():
        text = text.replace(old, new)
    return text


def images(found: Any) -> Iterator[str]:
    """Yield the images of containers, and of what else has an image."""
    if isinstance(found, dict):
        if isinstance(found.get("image"), str):
            yield found["image"]
        found = list(found.values())
    if isinstance(found, list):
        for part in found:
            yield from images(part)
