import re
from pathlib import Path
from typing import Any

import pytest
from ml_chassis.errors import ClusterError
from ml_chassis.kubectl import run
from ml_chassis.platform.readiness import REASONS
from ml_chassis.platform.vendor import vendor
from ml_chassis.platform.waves import Manifest, Wave
from projects import like
from wines import PROJECT

NAMESPACE = Manifest("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: models\n")
WEBHOOKS = Manifest("apiVersion: v1\nkind: ValidatingWebhookConfiguration\nmetadata:\n  name: checks\n")
DEPLOYMENT = Manifest(
    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  labels:\n    a: b\n  name: server\n  namespace: models\n"
)
SEEN = {"observedGeneration": 3}
RENDERED = """
image: postgres:17
args: --solver-image=quay.io/acme/solver:v1.2 --address=0.0.0.0:80 https://acme.example:80/page
config: |
  {"image" : "acme/agent:v1", "hub": "gcr.io/istio"}
"""


def test_what_others_need_goes_first_and_webhooks_go_last(tmp_path: Path) -> None:
    wave = Wave.of(tmp_path)
    wave.__dict__["manifests"] = [WEBHOOKS, DEPLOYMENT, NAMESPACE]

    assert wave.first == [NAMESPACE]
    assert wave.rest == [DEPLOYMENT, WEBHOOKS]


def test_manifest_is_known_by_its_text() -> None:
    assert (DEPLOYMENT.kind, DEPLOYMENT.api_version) == ("Deployment", "apps/v1")
    assert (DEPLOYMENT.name, DEPLOYMENT.namespace, NAMESPACE.namespace) == ("server", "models", "")


@pytest.mark.parametrize(
    ("kind", "spec", "status", "lacks"),
    [
        ("Deployment", {"replicas": 2}, {}, "not seen yet"),
        ("Deployment", {"replicas": 2}, SEEN | {"updatedReplicas": 2, "availableReplicas": 1}, "1 of 2 pods ready"),
        ("Deployment", {"replicas": 1}, SEEN | {"updatedReplicas": 1, "availableReplicas": 1}, ""),
        ("StatefulSet", {"replicas": 1}, SEEN | {"updatedReplicas": 1}, "0 of 1 pods ready"),
        ("DaemonSet", {}, SEEN | {"numberReady": 1, "desiredNumberScheduled": 1}, ""),
        ("Job", {}, {"conditions": [{"type": "Complete", "status": "True"}]}, ""),
        ("Job", {}, {"conditions": [{"type": "Failed", "status": "True"}]}, "not done"),
        ("CustomResourceDefinition", {}, {"conditions": None}, "not established"),
        ("Prometheus", {}, {"conditions": [{"type": "Available", "status": "False"}]}, "no pods ready"),
    ],
)
def test_object_says_what_it_lacks(kind: str, spec: dict[str, Any], status: dict[str, Any], lacks: str) -> None:
    found = {"metadata": {"generation": 3}, "spec": spec, "status": status}

    assert REASONS[kind](found) == lacks


@pytest.mark.parametrize(
    ("complaint", "sentence"),
    [
        ("Unable to connect to the server: dial tcp: i/o timeout", "The cluster does not answer; is it running?"),
        ("error: You must be logged in to the server (Unauthorized)", "The cluster refuses your credentials; log in"),
        ("error: no matches for kind", "kubectl get failed: error: no matches for kind"),
    ],
)
def test_complaint_says_what_to_do(
    complaint: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\necho '{complaint}' >&2\nexit 1\n")
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ClusterError, match=re.escape(sentence)):
        run("get", "pods")


def test_missing_kubectl_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ClusterError, match="kubectl is missing"):
        run("get", "pods")


def test_vendored_wave_takes_its_images_from_the_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wave = tmp_path / "deploy/platform/10-wave/kustomization.yaml"
    wave.parent.mkdir(parents=True)
    wave.touch()
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(f"#!/bin/sh\necho '{RENDERED}'\n")
    kubectl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    listed = vendor(like(PROJECT, platform="standalone"), "mirror.example:5000/ml")

    assert listed == [
        "mirror.example:5000/ml/acme/agent:v1 acme/agent:v1",
        "mirror.example:5000/ml/acme/solver:v1.2 quay.io/acme/solver:v1.2",
        "mirror.example:5000/ml/postgres:17 postgres:17",
    ]
    written = (tmp_path / "deploy/vendored/platform/10-wave/manifests.yaml").read_text()
    images = [line.split()[0] for line in listed]
    assert [image for image in images if image not in written] == []
    assert written.count("mirror.example") == len(images) + 1  # and the hub
    assert "--address=0.0.0.0:80 https://acme.example:80/page" in written
