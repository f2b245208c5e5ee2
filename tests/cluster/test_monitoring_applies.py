"""A real API server takes rules, monitors and dashboards, by the CRDs of the pinned kube-prometheus."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.needs import require_repositories

from .kubectl import as_list, documents, kubectl, tried
from .overlays import MODES, build, edit, of_kind, pods, with_release
from .test_serving_applies import STRICT

pytestmark = pytest.mark.xdist_group("cluster")

OPERATOR = "https://github.com/prometheus-operator/kube-prometheus?ref=v0.18.0"
MOST_BYTES_OF_A_CONFIG_MAP = 1024 * 1024

every_mode = pytest.mark.parametrize("mode", [*MODES, "none"])
by_mode = pytest.mark.parametrize("mode", MODES)


def moved(project: Path, folder: Path, namespace: str, name: str = "monitoring") -> Path:
    """Return a copy of the manifests of monitoring, or of another folder, in another namespace."""
    manifests = folder / name
    shutil.copytree(project / "deploy" / name, manifests)
    edit(manifests / "kustomization.yaml", r"(?m)^namespace: .*$", f"namespace: {namespace}")
    return manifests


def built(project: Path, folder: Path, namespace: str, name: str = "monitoring") -> str:
    return kubectl("kustomize", str(moved(project, folder, namespace, name)))


def with_feature(feature: str, mode: str, state: str, project: Path, folder: Path, namespace: str) -> str:
    """Return what kustomize makes of an overlay that lists a feature where its first line says."""
    manifests = with_release(project, folder, state)
    kustomization = manifests / "overlays/staging/kustomization.yaml"
    place = rf"\1  - ../../features/{feature}\n\2" if mode == "seldon" else rf"\1\2  - ../../features/{feature}\n"
    edit(kustomization, r"(components:\n)((?:  - .*\n)+)", place)
    edit(kustomization, r"(?m)^namespace: .*$", f"namespace: {namespace}")
    return build(manifests, "staging")


@every_mode
def test_server_takes_what_watches(mode: str, projects: dict[str, Path], tmp_path: Path, namespace: str) -> None:
    text = built(projects[mode], tmp_path, namespace)
    kubectl(*STRICT, given=text)
    assert len(of_kind(text, "PrometheusRule")) == 4


@by_mode
def test_server_takes_what_keeps_traces_and_logs(
    mode: str, projects: dict[str, Path], tmp_path: Path, namespace: str
) -> None:
    kubectl(*STRICT, given=built(projects[mode], tmp_path, namespace, "telemetry"))


@pytest.mark.parametrize(
    ("file", "field"),
    [("rules/slo.yaml", "expr"), ("pushgateway.yaml", "honorLabels"), ("pushgateway.yaml", "readinessProbe")],
)
def test_server_refuses_a_misspelt_field(
    file: str, field: str, projects: dict[str, Path], tmp_path: Path, namespace: str
) -> None:
    manifests = moved(projects["standard"], tmp_path, namespace)
    text = (manifests / file).read_text()
    (manifests / file).write_text(text.replace(f"{field}:", f"{field}s:", 1))
    assert text != (manifests / file).read_text()

    done = tried(*STRICT, given=kubectl("kustomize", str(manifests)))

    assert done.returncode != 0
    assert f"{field}s" in done.stderr


def test_operator_takes_monitors_and_rules_with_any_label_from_any_namespace() -> None:
    require_repositories(OPERATOR)
    (document,) = documents(kubectl("kustomize", OPERATOR), "Prometheus")
    prometheus = yaml.safe_load(document)
    selectors = ("podMonitor", "rule")
    assert all(
        prometheus["spec"][f"{kind}{what}"] == {} for kind in selectors for what in ("Selector", "NamespaceSelector")
    )
    assert prometheus["spec"]["serviceAccountName"] == "prometheus-k8s"


@every_mode
def test_dashboards_are_where_grafana_looks(mode: str, projects: dict[str, Path], tmp_path: Path) -> None:
    (found,) = of_kind(built(projects[mode], tmp_path, "any"), "ConfigMap")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    capacity = set() if mode == "none" else {"capacity.json"}
    assert set(found["data"]) == {"service.json", "model.json", "pipelines.json"} | capacity
    assert len(json.dumps(found)) < MOST_BYTES_OF_A_CONFIG_MAP


@every_mode
def test_alert_on_replicas_is_there_where_replicas_are(mode: str, projects: dict[str, Path]) -> None:
    text = (projects[mode] / "deploy/monitoring/rules/server.yaml").read_text()
    assert ("kube_deployment_spec_replicas" in text) == (mode != "none")


@by_mode
def test_prometheus_may_look_for_pods_and_nothing_else(mode: str, projects: dict[str, Path], tmp_path: Path) -> None:
    text = build(with_release(projects[mode], tmp_path, "stable"), "staging")
    prometheus = {"kind": "ServiceAccount", "name": "prometheus-k8s", "namespace": "monitoring"}
    (binding,) = (found for found in of_kind(text, "RoleBinding") if prometheus in found["subjects"])
    (role,) = (found for found in of_kind(text, "Role") if found["metadata"]["name"] == binding["roleRef"]["name"])
    assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
    assert binding["metadata"]["namespace"] == role["metadata"]["namespace"] == "wine-cultivars-staging"


@by_mode
@pytest.mark.parametrize("state", ["stable", "canary"])
def test_telemetry_can_be_turned_on(
    mode: str, state: str, projects: dict[str, Path], tmp_path: Path, namespace: str
) -> None:
    text = with_feature("telemetry", mode, state, projects[mode], tmp_path, namespace)
    kubectl(*STRICT, given=text)

    assert "OTEL_EXPORTER_OTLP_ENDPOINT: http://otel-collector.wine-cultivars-telemetry" in text
    servers = [spec for _, spec in pods(text)]
    named = [variable["name"] for spec in servers for variable in spec["containers"][0]["env"]]
    assert named.count("OTEL_RESOURCE_ATTRIBUTES") == len(servers)


@by_mode
@pytest.mark.parametrize("state", ["stable", "canary"])
def test_drift_report_can_be_added(
    mode: str, state: str, projects: dict[str, Path], tmp_path: Path, namespace: str
) -> None:
    text = with_feature("drift-report", mode, state, projects[mode], tmp_path, namespace)
    kubectl(*STRICT, given=text)

    (job,) = of_kind(text, "CronJob")
    (pod,) = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    settings = next(item for item in of_kind(text, "ConfigMap") if "CAPTURE_URI" in item["data"])
    assert pod["envFrom"][0]["configMapRef"]["name"] == settings["metadata"]["name"]
    assert pod["image"] == "ghcr.io/acme/wine-cultivars-pipeline:none-yet"
    servers = len(re.findall("name: wine-cultivars-capture", text)) - 1
    assert servers == (2 if state == "canary" and mode != "knative" else 1)


@pytest.mark.parametrize("folder", ["monitoring", "telemetry"])
def test_pods_may_run_in_a_restricted_namespace(
    folder: str, projects: dict[str, Path], tmp_path: Path, namespace: str
) -> None:
    text = built(projects["standard"], tmp_path, namespace, folder)
    kubectl("apply", "--server-side", "-f", "-", given=as_list(of_kind(text, "Namespace")))
    for pod in templates(text):
        given: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"generateName": "pod-"}} | pod
        kubectl("create", "--dry-run=server", "-n", namespace, "-f", "-", given=yaml.safe_dump(given))


def templates(text: str) -> list[dict[str, Any]]:
    """Return the specifications of the pods that Deployments and StatefulSets ask for, with the claimed volumes."""
    found = []
    for item in of_kind(text, "Deployment", "StatefulSet"):
        spec = item["spec"]["template"]["spec"]
        claims = [claim["metadata"]["name"] for claim in item["spec"].get("volumeClaimTemplates", [])]
        volumes = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
        found.append({"spec": spec | {"volumes": [*spec.get("volumes", []), *volumes]}})
    return found
