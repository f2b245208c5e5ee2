"""On a real node, Prometheus finds model servers and Pushgateway by the generated monitors, and has all the answers."""

from collections.abc import Iterator

import pytest

from tests.local.promql import OF_A_CLUSTER, expressions_of_dashboard, expressions_of_rules

from .environments import Environment
from .kubectl import as_list, documents, kubectl, listed, tried
from .overlays import NAME, build, edit, of_kind
from .prometheus import ACCOUNT, NAMESPACE, TOKEN, ProxiedPrometheus, load_program, running, scraped, state_metrics

pytestmark = pytest.mark.xdist_group("image")  # as the tests of the image that it needs

OPERATOR = "https://github.com/prometheus-operator/kube-prometheus?ref=v0.18.0"
REACHED = """
import os, time, urllib.request
deadline = time.monotonic() + 60
while True:
    try:
        urllib.request.urlopen(os.environ["PUSHGATEWAY_URL"] + "/-/ready", timeout=5)
        break
    except OSError:
        if time.monotonic() > deadline:
            raise
        time.sleep(0.5)
"""
"""Returns once a pod reaches the Pushgateway: a node learns of a Service's pods some time after they are ready."""
PUSHED = f"""
from ml_chassis.monitoring.gateway import push_run
from wine_cultivars.settings import Settings
push_run(Settings.load(), "{NAME}-training", True, 12.5)
"""
ALERT, DASHBOARD = OF_A_CLUSTER


@pytest.fixture(scope="module")
def pushgateway(kserve: Environment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the namespace of the project's Pushgateway, to which a pod of the project has sent the end of a run."""
    folder, namespace = kserve.project.folder / "deploy/monitoring", f"{kserve.namespace}-monitoring"
    edit(folder / "kustomization.yaml", r"(?m)^namespace: .*$", f"namespace: {namespace}")
    built = kubectl("kustomize", str(folder))
    (deployment,) = of_kind(built, "Deployment")
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    load_program("prometheus-pushgateway", image, tmp_path_factory.mktemp("pushgateway"))
    kubectl("apply", "--server-side", "-f", "-", given=built)
    try:
        kubectl("wait", "--for=condition=Available", "deployment/pushgateway", "-n", namespace, "--timeout=120s")
        address = f"http://pushgateway.{namespace}.svc.cluster.local:9091"
        kserve.serve_only(1)
        pod = kserve.pods("stable")[0]["metadata"]["name"]
        python = ["env", f"PUSHGATEWAY_URL={address}", f"POD_NAMESPACE={kserve.namespace}", "python", "-c"]
        kubectl("exec", pod, "-n", kserve.namespace, "--", *python, REACHED)
        sent = tried("exec", pod, "-n", kserve.namespace, "--", *python, PUSHED)
        assert (sent.returncode, sent.stderr) == (0, "")
        yield namespace
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture(scope="module")
def prometheus(
    kserve: Environment, pushgateway: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProxiedPrometheus]:
    """Return a Prometheus in a pod that finds what the project's monitors select, and the cluster's own metrics."""
    load_program("prometheus", "prometheus:debian", tmp_path_factory.mktemp("prometheus"))
    (servers,) = of_kind(build(kserve.manifests, "local"), "PodMonitor")
    (gateway,) = of_kind(kubectl("kustomize", str(kserve.project.folder / "deploy/monitoring")), "PodMonitor")
    of_servers, of_gateway = scraped(servers, kserve.namespace), scraped(gateway, pushgateway)
    kubectl("apply", "--server-side", "-f", "-", given=as_list([of_servers.service, of_gateway.service]))
    with state_metrics() as state:
        jobs = [
            of_servers.job,
            of_gateway.job,
            {"job_name": "kube-state-metrics", "honor_labels": True, "static_configs": [{"targets": [state]}]},
            {
                "job_name": "kubelet",
                "honor_labels": True,
                "scheme": "https",
                "metrics_path": "/metrics/resource",
                "tls_config": {"insecure_skip_verify": True},
                "authorization": {"credentials_file": TOKEN},
                "static_configs": [{"targets": [kubelet()]}],
            },
        ]
        allow_metrics_of_nodes()
        manifests = sorted((kserve.project.folder / "deploy/monitoring/rules").glob("*.yaml"))
        with running("prometheus:debian", jobs, manifests) as found:
            found.wait_for(lambda: len({labels["job"] for labels, _ in found.values("up == 1")}) == len(jobs), 120)
            kserve.client.ask(kserve.service("stable"))
            yield found


def allow_metrics_of_nodes() -> None:
    """Give Prometheus the cluster role of kube-prometheus, by which it reads the kubelet's metrics."""
    roles = [document for document in documents(kubectl("kustomize", OPERATOR), "ClusterRole") if ACCOUNT in document]
    kubectl("apply", "--server-side", "-f", "-", given="---\n".join(roles))
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": NAMESPACE}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ACCOUNT}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": ACCOUNT},
        "roleRef": reference,
        "subjects": [subject],
    }
    kubectl("apply", "--server-side", "-f", "-", given=as_list([binding]))


def kubelet() -> str:
    """Return the address of the only node's kubelet."""
    (node,) = listed("node", "")
    (address,) = (found["address"] for found in node["status"]["addresses"] if found["type"] == "InternalIP")
    return f"{address}:{node['status']['daemonEndpoints']['kubeletEndpoint']['Port']}"


def test_monitor_finds_the_pods_of_the_model_server(prometheus: ProxiedPrometheus, kserve: Environment) -> None:
    up = f'up{{job="{kserve.namespace}/{NAME}"}} == 1'

    def finds_all() -> bool:
        found = {labels["instance"] for labels, _ in prometheus.values(up)}
        return found == {f"{pod['status']['podIP']}:8080" for pod in kserve.pods("stable")}

    prometheus.wait_for(finds_all, 60)


def test_series_have_the_environments_namespace(prometheus: ProxiedPrometheus, kserve: Environment) -> None:
    info = f'model_server_model_info{{namespace="{kserve.namespace}", model="{NAME}", version="1"}}'
    assert prometheus.values(info) != []


def test_pushed_figures_keep_the_namespace_of_their_run(prometheus: ProxiedPrometheus, kserve: Environment) -> None:
    assert prometheus.value(f'pipeline_run_succeeded{{namespace="{kserve.namespace}"}}') == 1


def test_every_panel_of_the_cluster_has_an_answer(prometheus: ProxiedPrometheus, kserve: Environment) -> None:
    dashboard = kserve.project.folder / f"deploy/monitoring/dashboards/{DASHBOARD}.json"
    prometheus.wait_for_answers(expressions_of_dashboard(dashboard, namespace=kserve.namespace), 120)


def test_alert_on_replicas_has_an_answer(prometheus: ProxiedPrometheus, kserve: Environment) -> None:
    alerts = expressions_of_rules(kserve.project.folder)
    (expression,) = [text for name, text in alerts.items() if name.endswith(ALERT)]
    here = expression.replace(f"{NAME}-(local|staging|production)", kserve.namespace)
    assert here != expression
    assert prometheus.answers(here)


def test_prometheus_has_no_right_to_anything_else(kserve: Environment) -> None:
    def may(verb: str, resource: str) -> bool:
        account = f"--as=system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
        return tried("auth", "can-i", verb, resource, account, "-n", kserve.namespace).stdout.strip() == "yes"

    assert may("list", "pods")
    assert not any(may(verb, resource) for verb in ("list", "get") for resource in ("secrets", "configmaps"))
    assert not may("delete", "pods")
