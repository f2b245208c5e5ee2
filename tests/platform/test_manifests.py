"""What the platform asks of a machine, and that every part of it is pinned."""

import re
from collections.abc import Iterator

import pytest

from tests.cluster.kubectl import Object, heads, kubectl

from .conftest import PLATFORMS, Platforms
from .manifests import Platform, objects, without_definitions

pytestmark = pytest.mark.xdist_group("manifests")

MOST_CPUS = 3
MOST_GIBIBYTES = 6
UNITS = {"": 1, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
RELOADER: Object = {"resources": {"requests": {"cpu": "10m", "memory": "50Mi"}}}
"""What Prometheus' operator adds to the pods that it makes, by its defaults: a container that reloads the
configuration, and one that runs before the others and asks for no more."""
WHOLE = "https://github.com/kubeflow/community-distribution//example?ref=26.03"
LEFT_OUT = re.compile(r"(kubeflow-pipelines-|kfp-)?cache-.*|oauth2-proxy-.*")
"""The cache of version 1 of the pipelines, and what has a hash in its name."""
REMOTE = re.compile(r"(?m)^ *- ((?:https?://|git@|github\.com/)\S+)$")
UNPINNED = [
    r"[\w./-]+:latest\b",
    r"\bimage\"? ?: \"?([\w.-]+(?:/[\w.-]+)+)(?![\w./:@-])",
    r"\b((?:docker|gcr|ghcr|nvcr|quay|registry\.k8s)\.io/[\w.-]+/[\w./-]+)(?![\w./:@-])",
]
"""An image whose tag moves; one without a tag, where it is named as an image or its registry tells it."""


@pytest.fixture(params=list(PLATFORMS))
def platform(request: pytest.FixtureRequest, platforms: Platforms) -> Platform:
    """Return each platform in turn."""
    return platforms(request.param)


@pytest.mark.parametrize("platform", ["kserve", "seldon"], indirect=True)
def test_requests_leave_room_on_a_laptop(platform: Platform) -> None:
    found = objects(platform.waves)
    assert {"Deployment", "StatefulSet", "Prometheus", "Alertmanager"} <= {item["kind"] for item in found}
    assert sum(requested(item, "cpu") for item in found) < MOST_CPUS
    assert sum(requested(item, "memory") for item in found) < MOST_GIBIBYTES * 2**30


@pytest.mark.parametrize(
    ("kind", "spec", "cpus"),
    [
        ("Deployment", {"replicas": 2, "template": {"spec": {"containers": [RELOADER, RELOADER]}}}, 0.04),
        ("Deployment", {"template": {"spec": {"initContainers": [RELOADER] * 3, "containers": [{}]}}}, 0.01),
        ("DaemonSet", {"template": {"spec": {"containers": [RELOADER]}}}, 0.01),
        ("Prometheus", {"replicas": 2, "resources": {"requests": {"cpu": "1"}}}, 2.02),
        ("Job", {"template": {"spec": {"containers": [RELOADER]}}}, 0),
    ],
)
def test_requests_are_those_of_the_pods_that_stay(kind: str, spec: Object, cpus: float) -> None:
    assert requested({"kind": kind, "spec": spec}, "cpu") == pytest.approx(cpus)


def test_every_image_is_pinned(platform: Platform) -> None:
    text = without_definitions(platform.waves)
    assert [found[0] for pattern in UNPINNED for found in re.finditer(pattern, text)] == []


@pytest.mark.parametrize(
    "text", ["image: a/b", '"image" : "a/b",', "- ghcr.io/a/b", "--image=quay.io/a/b", "value: docker.io/a/b:latest"]
)
def test_image_that_is_not_pinned_is_found(text: str) -> None:
    assert any(re.search(pattern, text) for pattern in UNPINNED)


def test_every_remote_base_is_pinned(platform: Platform) -> None:
    kustomizations = (platform.project / "deploy").rglob("kustomization.yaml")
    remote = [url for file in kustomizations for url in REMOTE.findall(file.read_text())]
    assert len(remote) >= 5
    assert [url for url in remote if not re.search(r"\?ref=v?\d+(\.\d+)+$", url)] == []


@pytest.mark.parametrize("platform", ["kubeflow"], indirect=True)
def test_kubeflow_is_the_whole_distribution(platform: Platform) -> None:
    brought = {(head.kind, head.name) for text in platform.waves.values() for head in heads(text)}
    missing = {(head.kind, head.name) for head in heads(kubectl("kustomize", WHOLE))} - brought
    assert {(kind, name) for kind, name in missing if not LEFT_OUT.fullmatch(name)} == {
        ("Profile", "kubeflow-user-example-com"),  # the project's is another
        *(("Secret", name) for name in ("dex-passwords", "katib-mysql-secrets")),  # made at random
        *(("Secret", name) for name in ("dex-oidc-client", "mlpipeline-minio-artifact", "mysql-secret")),
    }


def requested(item: Object, resource: str) -> float:
    """Return the CPUs or bytes that the pods of an object ask for, as long as they stay."""
    spec = item.get("spec", {})
    match item["kind"]:
        case "Deployment" | "StatefulSet" | "DaemonSet" | "Notebook":
            pod = spec["template"]["spec"]
            before, beside = pod.get("initContainers", []), pod["containers"]
        case "Prometheus" | "Alertmanager":
            before, beside = [RELOADER], [spec, RELOADER]
        case _:
            return 0
    most = max(sum(of_containers(beside, resource)), *of_containers(before, resource), 0)
    return float(spec.get("replicas", 1) * most)


def of_containers(containers: list[Object], resource: str) -> Iterator[float]:
    """Yield what each container asks for."""
    for container in containers:
        quantity = str(container.get("resources", {}).get("requests", {}).get(resource, 0))
        number, unit = re.fullmatch(r"([\d.]+)(\w*)", quantity).groups()  # type: ignore[union-attr]
        yield float(number) * UNITS[unit]
