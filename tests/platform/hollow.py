"""Plays the kubelet and the operators for a platform whose images are not here: pods are ready without running."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.cluster.api import Api, repeating
from tests.cluster.kubectl import Object, as_list, kubectl

NAMESPACES = [
    "auth",
    "cert-manager",
    "istio-system",
    "knative-serving",
    "kube-system",
    "kubeflow",
    "kubeflow-system",
    "mlflow",
    "monitoring",
    "notebook-controller-system",
    "oauth2-proxy",
    "seldon-system",
]
NAME = "hollow-pods"
NOBODY = "nobody"
"""The scheduler of hollow pods: there is none of that name."""
POLICY: Object = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "MutatingAdmissionPolicy",
    "metadata": {"name": NAME},
    "spec": {
        "reinvocationPolicy": "Never",
        "matchConstraints": {
            "resourceRules": [
                {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
            ],
        },
        "mutations": [
            {
                "patchType": "ApplyConfiguration",
                "applyConfiguration": {"expression": f'Object{{spec: Object.spec{{schedulerName: "{NOBODY}"}}}}'},
            }
        ],
    },
}
WITHOUT_WEBHOOKS = {
    "target": {"kind": "(Mutating|Validating)WebhookConfiguration"},
    "patch": "{$patch: delete, apiVersion: v1, kind: any, metadata: {name: any}}",
}
PODS = "/api/v1/{}pods"
OPERATED = [f"/apis/monitoring.coreos.com/v1/{{}}{kind}" for kind in ("prometheuses", "alertmanagers")]
"""The path of each kind, in all namespaces or in one."""


@contextmanager
def hollow_pods(namespaces: Sequence[str] = NAMESPACES) -> Iterator[None]:
    """Keep the pods of these namespaces from every node, and have them be ready, while the body runs."""
    policies = as_list([POLICY, _binding(namespaces)])
    kubectl("apply", "--server-side", "-f", "-", given=policies)
    try:
        with repeating(_play):
            yield
    finally:
        kubectl("delete", "-f", "-", given=policies)


def take_webhooks(kustomization: Path) -> None:
    """Have a kustomization leave out the webhooks of hollow pods, as nobody would answer them."""
    said = yaml.safe_load(kustomization.read_text())
    said.setdefault("patches", []).append(WITHOUT_WEBHOOKS)
    kustomization.write_text(yaml.safe_dump(said))


def _binding(namespaces: Sequence[str]) -> Object:
    within = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": list(namespaces)}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": NAME},
        "spec": {"policyName": NAME, "matchResources": {"namespaceSelector": {"matchExpressions": [within]}}},
    }


def _play(server: Api) -> None:
    for pod in server.items(PODS.format("") + "?fieldSelector=status.phase=Pending"):
        if pod["spec"]["schedulerName"] == NOBODY:
            _set_status(server, PODS, pod, _pod_status(pod))
    for path in OPERATED:
        for found in server.items(path.format("")):
            status = _available(found)
            if found.get("status", {}).get("conditions") != status["conditions"]:
                _set_status(server, path, found, status)


def _set_status(server: Api, path: str, found: Object, status: Object) -> None:
    name, namespace = found["metadata"]["name"], found["metadata"]["namespace"]
    server.set_status(f"{path.format(f'namespaces/{namespace}/')}/{name}", status)


def _pod_status(pod: Object) -> Object:
    if any(owner["kind"] == "Job" for owner in pod["metadata"].get("ownerReferences", [])):
        return {"phase": "Succeeded"}
    return {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}


def _available(found: Object) -> Object:
    condition = {
        "type": "Available",
        "status": "True",
        "observedGeneration": found["metadata"]["generation"],
        "lastTransitionTime": found["metadata"]["creationTimestamp"],
    }
    return {"conditions": [condition]}
