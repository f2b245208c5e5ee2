"""A stand-in for the operator of Seldon Core 1.17.1, which no Go module has.

It makes the same Deployments, Services and autoscalers, so the pods, their rollouts and their traffic are real. It
follows operator/controllers/seldondeployment_controller.go: `createComponents` for predictors without an engine,
`createContainerService`, `createHpa` and the states of `Reconcile`. Left out: webhooks, and Istio's and Ambassador's
objects.
"""

import json

from .api import Api
from .kubectl import Object, as_list, kubectl

GROUP = "machinelearning.seldon.io/v1"
PRE_STOP = {"preStop": {"exec": {"command": ["/bin/sh", "-c", "/bin/sleep 10"]}}}
PORT = 8080


class Seldon:
    """Makes a Deployment, a Service and an autoscaler for each predictor of each SeldonDeployment of a namespace."""

    def __init__(self, namespace: str) -> None:
        """Watch over a namespace."""
        self.namespace = namespace
        self._applied: dict[str, str] = {}

    def reconcile(self, server: Api) -> None:
        """Bring about what the objects ask for now, and report on it."""
        found = server.items(f"/apis/apps/v1/namespaces/{self.namespace}/deployments")
        deployments = {deployment["metadata"]["name"]: deployment for deployment in found}
        path = f"/apis/{GROUP}/namespaces/{self.namespace}/seldondeployments"
        for owner in server.items(path):
            wanted = as_list([self._owned(child, owner) for child in _children(owner)])
            if self._applied.get(owner["metadata"]["uid"]) != wanted:
                self._bring_about(owner, wanted)
                continue  # the status is that of before until the next time, as with the real operator
            if (state := _state(owner, deployments)) != owner.get("status", {}).get("state"):
                server.set_status(f"{path}/{owner['metadata']['name']}", {"state": state})
            if unwanted := _superfluous(owner, deployments):
                kubectl("delete", "--ignore-not-found", "-n", self.namespace, *unwanted)

    def _bring_about(self, owner: Object, wanted: str) -> None:
        kubectl("apply", "--server-side", "--force-conflicts", "--field-manager=operator", "-f", "-", given=wanted)
        self._applied[owner["metadata"]["uid"]] = wanted

    def _owned(self, child: Object, owner: Object) -> Object:
        """Return an object that the cluster deletes along with its owner."""
        reference = {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": True,
        }
        metadata = child["metadata"] | {"namespace": self.namespace, "ownerReferences": [reference]}
        return child | {"metadata": metadata}


def _state(owner: Object, deployments: dict[str, Object]) -> str:
    """Return the state that follows from the Deployments'."""
    name = owner["metadata"]["name"]
    made = [deployments.get(_name(name, predictor), {}) for predictor in owner["spec"]["predictors"]]
    counts = [found.get("status", {}) for found in made]
    good = all(count.get("readyReplicas") and not count.get("unavailableReplicas") for count in counts)
    return "Available" if good else "Creating"


def _superfluous(owner: Object, deployments: dict[str, Object]) -> list[str]:
    """Return the objects of predictors that are no more, once those that are serve, as `kind/name`."""
    if owner.get("status", {}).get("state") != "Available":
        return []
    name = owner["metadata"]["name"]
    kept = {_name(name, predictor) for predictor in owner["spec"]["predictors"]}
    gone = [
        found["metadata"]
        for found in deployments.values()
        if found["metadata"]["labels"].get("seldon-deployment-id") == name and found["metadata"]["name"] not in kept
    ]
    services = [f"service/{metadata['labels']['seldon-app']}" for metadata in gone]
    kinds = ("deployment", "horizontalpodautoscaler")
    return services + [f"{kind}/{metadata['name']}" for metadata in gone for kind in kinds]


def _name(owner: str, predictor: Object) -> str:
    containers = "-".join(container["name"] for container in predictor["componentSpecs"][0]["spec"]["containers"])
    return f"{owner}-{predictor['name']}-0-{containers}"


def _children(owner: Object) -> list[Object]:
    """Return the objects that Seldon makes for a SeldonDeployment."""
    made: list[Object] = []
    for predictor in owner["spec"]["predictors"]:
        made += _of_predictor(owner["metadata"]["name"], predictor)
    return made


def _of_predictor(owner: str, predictor: Object) -> list[Object]:
    name, key, component = _name(owner, predictor), f"{owner}-{predictor['name']}", predictor["componentSpecs"][0]
    selector = {"seldon-deployment-id": owner, "seldon-app": key}
    labels = selector | {"app": name, "fluentd": "true"} | predictor["labels"]
    shadow = {"seldon.io/shadow": "true"} if predictor.get("shadow") else {}
    template = {
        "metadata": {"labels": labels | shadow, "annotations": predictor["annotations"]},
        "spec": component["spec"] | {"containers": [_container(owner, predictor, component["spec"]["containers"][0])]},
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": labels, "annotations": predictor["annotations"]},
        "spec": {
            "selector": {"matchLabels": selector},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
            "template": template,
        },
    }
    return [deployment, _service(key, selector), _autoscaler(name, owner, component["hpaSpec"])]


def _service(name: str, selector: Object) -> Object:
    ports = [{"name": "http", "port": PORT, "targetPort": PORT, "protocol": "TCP"}]
    spec = {"selector": {"seldon-app": name}, "ports": ports}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "labels": selector}, "spec": spec}


def _autoscaler(name: str, owner: str, size: Object) -> Object:
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "labels": {"seldon-deployment-id": owner}},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": size["minReplicas"],
            "maxReplicas": size["maxReplicas"],
            "metrics": size["metricsv2"],
        },
    }


def _container(owner: str, predictor: Object, container: Object) -> Object:
    added = {
        "PREDICTIVE_UNIT_SERVICE_PORT": str(PORT),
        "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": str(PORT),
        "MLSERVER_HTTP_PORT": str(PORT),
        "PREDICTIVE_UNIT_ID": container["name"],
        "MLSERVER_MODEL_NAME": container["name"],
        "PREDICTIVE_UNIT_IMAGE": container["image"],
        "PREDICTOR_ID": predictor["name"],
        "PREDICTOR_LABELS": json.dumps(predictor["labels"]),
        "SELDON_DEPLOYMENT_ID": owner,
        "SELDON_EXECUTOR_ENABLED": "true",
    }
    variables = [{"name": name, "value": value} for name, value in added.items()]
    return {"lifecycle": PRE_STOP} | container | {"env": [*container["env"], *variables]}
