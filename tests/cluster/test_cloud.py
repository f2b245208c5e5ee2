"""A real API server takes what a repository brings for EKS, GKE and AKS, and pods that use buckets have an identity."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from copier import run_copy

from .kubectl import Object, as_list, kubectl
from .overlays import NAME, edit, of_kind, pods

pytestmark = pytest.mark.xdist_group("cluster")

ANNOTATIONS = {
    "eks": "eks.amazonaws.com/role-arn",
    "gke": "iam.gke.io/gcp-service-account",
    "aks": "azure.workload.identity/client-id",
}
PRIVATE = {
    "eks": ("service.beta.kubernetes.io/aws-load-balancer-scheme", "internal"),
    "gke": ("networking.gke.io/load-balancer-type", "Internal"),
    "aks": ("service.beta.kubernetes.io/azure-load-balancer-internal", "true"),
}
METADATA_SERVERS = {"169.254.169.252/32": [987, 988], "169.254.169.254/32": [80, 8080]}
LABEL = "azure.workload.identity/use"
KINDS: dict[str, dict[str, str]] = {
    "standalone": {},
    "seldon": {"serving": "seldon"},
    "kubeflow": {"platform": "kubeflow"},
    "existing": {"platform": "existing"},
}
DRY_RUN = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"]
FEATURE = "../../features/drift-report"

Repository = Callable[[str, str], Path]

each_cloud = pytest.mark.parametrize("cloud", ANNOTATIONS)
each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(scope="module")
def repository(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Return a function that gives a repository for a cloud, whose production captures requests in a bucket."""

    @cache
    def made(cloud: str, kind: str) -> Path:
        project = tmp_path_factory.mktemp(f"{cloud}-{kind}")
        data = {"preset": "full", "cloud": cloud} | KINDS[kind]
        run_copy(str(template), project, data=data, defaults=True, quiet=True)
        order = f"  - {FEATURE}\n  - release\n" if kind == "seldon" else f"  - release\n  - {FEATURE}\n"
        edit(project / "deploy/serving/overlays/production/kustomization.yaml", "  - release\n", order)
        return project

    return made


@each_cloud
@each_kind
def test_server_takes_every_folder(
    cloud: str, kind: str, repository: Repository, namespace: str, cluster: None
) -> None:
    project = repository(cloud, kind)
    for folder in ("platform/70-project/pipelines", "serving/overlays/production"):
        objects = [moved(item, namespace) for item in yaml.safe_load_all(built(project, folder))]
        kubectl(*DRY_RUN, given=as_list(objects))
    for file in sorted((project / "deploy/cloud").glob("*.yaml")):
        kubectl(*DRY_RUN, given=as_list([moved(item, namespace) for item in yaml.safe_load_all(file.read_text())]))


@each_cloud
@each_kind
def test_accounts_that_use_buckets_have_an_identity(cloud: str, kind: str, repository: Repository) -> None:
    project, annotation = repository(cloud, kind), ANNOTATIONS[cloud]
    steps = account(built(project, "platform/70-project/pipelines"), f"{NAME}-pipelines")
    server = account(built(project, "serving/overlays/production"), NAME)
    assert set(steps["metadata"]["annotations"]) == set(server["metadata"]["annotations"]) == {annotation}


@each_cloud
@each_kind
def test_server_that_uses_no_bucket_has_neither_identity_nor_way_out(
    cloud: str, kind: str, repository: Repository
) -> None:
    for overlay in ("local", "staging"):
        text = built(repository(cloud, kind), f"serving/overlays/{overlay}")
        assert "annotations" not in account(text, NAME)["metadata"]
        assert LABEL not in text
        assert 443 not in [port for rule in egress(text, NAME) for port in ports(rule)]


@each_cloud
@each_kind
def test_policies_let_pods_sign_in_and_reach_the_bucket(cloud: str, kind: str, repository: Repository) -> None:
    project = repository(cloud, kind)
    overlay, steps = built(project, "serving/overlays/production"), built(project, "platform/70-project/pipelines")
    for text, name in ((overlay, NAME), (overlay, f"{NAME}-drift-report"), (steps, f"{NAME}-pipelines")):
        rules = egress(text, name)
        blocks = {rule["to"][0]["ipBlock"]["cidr"]: ports(rule) for rule in rules if "ipBlock" in str(rule)}
        assert blocks == (METADATA_SERVERS if cloud == "gke" else {})
        assert any("to" not in rule and 443 in ports(rule) for rule in rules)


@each_kind
def test_pods_bear_the_label_that_aks_looks_for(kind: str, repository: Repository) -> None:
    text = built(repository("aks", kind), "serving/overlays/production")
    (job,) = of_kind(text, "CronJob")
    found = [
        job["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"],
        *(labels for labels, _ in pods(text)),
    ]
    assert [labels[LABEL] for labels in found] == ["true", "true"]


@each_cloud
@pytest.mark.parametrize("kind", ["standalone", "kubeflow"])
def test_load_balancer_is_private(cloud: str, kind: str, repository: Repository) -> None:
    service = yaml.safe_load((repository(cloud, kind) / "deploy/cloud/load-balancer.yaml").read_text())
    name, value = PRIVATE[cloud]
    assert service["spec"]["type"] == "LoadBalancer"
    assert service["metadata"]["annotations"][name] == value


@each_cloud
@each_kind
def test_files_are_those_that_apply(cloud: str, kind: str, repository: Repository) -> None:
    found = {file.name for file in (repository(cloud, kind) / "deploy/cloud").iterdir()}
    gateway = {"load-balancer.yaml"} if kind in ("standalone", "kubeflow") else set()
    storage = {"storageclass.yaml"} if cloud == "eks" and kind != "existing" else set()
    assert found == {"identity"} | gateway | storage


@cache
def built(project: Path, folder: str) -> str:
    """Return what kustomize makes of a folder of `deploy`."""
    return kubectl("kustomize", str(project / "deploy" / folder))


def moved(item: Object, namespace: str) -> Object:
    """Return an object for another namespace, as those that it is for may not be there."""
    if "namespace" in item["metadata"]:
        item["metadata"]["namespace"] = namespace
    return item


def account(text: str, name: str) -> Object:
    """Return a ServiceAccount."""
    (found,) = [item for item in of_kind(text, "ServiceAccount") if item["metadata"]["name"] == name]
    return found


def egress(text: str, name: str) -> list[dict[str, Any]]:
    """Return what a NetworkPolicy lets pods reach."""
    (found,) = [item for item in of_kind(text, "NetworkPolicy") if item["metadata"]["name"] == name]
    rules: list[dict[str, Any]] = found["spec"]["egress"]
    return rules


def ports(rule: dict[str, Any]) -> list[int]:
    """Return the ports of a rule, or none where it permits all."""
    return [port["port"] for port in rule.get("ports", [])]
