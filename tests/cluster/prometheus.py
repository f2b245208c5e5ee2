"""A Prometheus in a pod, which finds its targets by the selectors of the project's monitors."""

import json
import os
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.local.data_servers import free_port, wait_until_up
from tests.local.images import docker, load_on_node
from tests.local.promql import Prometheus
from tests.needs import require

from .kubectl import Object, as_list, kubectl
from .store import address

NAMESPACE = "monitoring"
ACCOUNT = "prometheus-k8s"
"""The one that kube-prometheus runs its Prometheus as."""
BASE = "python:3.11-slim"
NAMED_PORTS = {"http": 9091}
"""What the Pushgateway calls its port."""
TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105  a path


@dataclass(frozen=True)
class ProxiedPrometheus(Prometheus):
    """One that is asked through the API server."""

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data that its API answers with."""
        query = urllib.parse.urlencode(parameters)
        return json.loads(kubectl("get", "--raw", f"{self.address}/api/v1/{path}?{query}"))["data"]


def load_program(name: str, tag: str, folder: Path) -> None:
    """Put an image on the node that has a program of this machine, which Debian's package brings."""
    shutil.copy(require(name), folder / "program")
    (folder / "Dockerfile").write_text(f'FROM {BASE}\nCOPY program /bin/program\nENTRYPOINT ["/bin/program"]\n')
    docker("build", "--quiet", "--network=host", f"--tag={tag}", str(folder))
    load_on_node(tag)


class Scraped(NamedTuple):
    """What finds the pods that a PodMonitor selects: a headless Service of them, and the job that asks its name."""

    service: Object
    job: Object


def scraped(monitor: Object, namespace: str) -> Scraped:
    """Return what finds the pods that a PodMonitor selects.

    Debian's Prometheus is built without the discovery by the API server that the operator configures, but has DNS.
    """
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    name = f"{monitor['metadata']['name']}-pods"
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": monitor["spec"]["selector"]["matchLabels"],
        },
    }
    port = endpoint.get("portNumber") or NAMED_PORTS[endpoint["port"]]
    target = {"names": [f"{name}.{namespace}.svc.cluster.local"], "type": "A", "port": port, "refresh_interval": "2s"}
    job = f"{namespace}/{monitor['metadata']['name']}"
    labels = {"namespace": namespace, "job": job}
    found = {
        "job_name": job,
        "honor_labels": endpoint.get("honorLabels", False),
        "metrics_path": endpoint.get("path", "/metrics"),
        "dns_sd_configs": [target],
        "relabel_configs": [{"target_label": label, "replacement": value} for label, value in labels.items()],
    }
    return Scraped(service, found)


@contextmanager
def state_metrics() -> Iterator[str]:
    """Run kube-state-metrics on this machine, and give its address, which pods can reach."""
    program = require("kube-state-metrics")
    port, telemetry = free_port(), free_port()
    options = {
        "kubeconfig": os.environ["KUBECONFIG"],
        "host": "0.0.0.0",  # noqa: S104  pods have to reach it
        "port": port,
        "telemetry-port": telemetry,
        "resources": "deployments,pods",
    }
    process = subprocess.Popen(
        [program, *(f"--{name}={value}" for name, value in options.items())], stderr=subprocess.DEVNULL
    )
    try:
        wait_until_up(f"http://{address()}:{port}/healthz", process)
        yield f"{address()}:{port}"
    finally:
        process.terminate()
        process.wait()


@contextmanager
def running(image: str, jobs: list[Object], rules: list[Path]) -> Iterator[ProxiedPrometheus]:
    """Run Prometheus in a pod, with the rights that kube-prometheus and the project give it."""
    settings = {
        "global": {"scrape_interval": "2s", "evaluation_interval": "2s"},
        "rule_files": ["rules-*.yaml"],
        "scrape_configs": jobs,
    }
    files = {"prometheus.yml": yaml.safe_dump(settings)}
    files |= {f"rules-{path.name}": yaml.safe_dump(yaml.safe_load(path.read_text())["spec"]) for path in rules}
    metadata = {"name": "prometheus", "namespace": NAMESPACE}
    container = {
        "name": "prometheus",
        "image": image,
        "args": ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/data"],
        "ports": [{"containerPort": 9090}],
        "readinessProbe": {"httpGet": {"path": "/-/ready", "port": 9090}, "periodSeconds": 1},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/prometheus"}, {"name": "data", "mountPath": "/data"}],
    }
    pod = {
        "serviceAccountName": ACCOUNT,
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "prometheus"}}, {"name": "data", "emptyDir": {}}],
    }
    objects = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": files},
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": pod},
    ]
    kubectl("apply", "--server-side", "-f", "-", given=as_list(objects))
    try:
        kubectl("wait", "--for=condition=Ready", "pod/prometheus", "-n", NAMESPACE, "--timeout=120s")
        yield ProxiedPrometheus(f"/api/v1/namespaces/{NAMESPACE}/pods/prometheus:9090/proxy")
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")
