"""A stand-in for the operator of Seldon Core 1.17.1.

It follows operator/controllers/seldondeployment_controller.go: `createComponents` for predictors without an engine,
`createContainerService`, `createHpa` and the states of `Reconcile`. Left out: webhooks, and Istio's and Ambassador's
objects.
"""

import json

from .kubectl import Object
from .operators import Operator, autoscaler, service

PRE_STOP = {"preStop": {"exec": {"command": ["/bin/sh", "-c", "/bin/sleep 10"]}}}
PORT = 8080


class Seldon(Operator):
    """Makes a Deployment, a Service and an autoscaler for each predictor of each SeldonDeployment."""

    group = "machinelearning.seldon.io/v1"
    kind = "seldondeployment"

    def children(self, owner: Object) -> list[Object]:
        """Return the objects that Seldon makes for a SeldonDeployment."""
        made: list[Object] = []
        for predictor in owner["spec"]["predictors"]:
            made += _children(owner["metadata"]["name"], predictor)
        return made

    def status(self, owner: Object, deployments: dict[str, Object]) -> Object:
        """Return the state that follows from the Deployments'."""
        name = owner["metadata"]["name"]
        made = [deployments.get(_name(name, predictor), {}) for predictor in owner["spec"]["predictors"]]
        counts = [found.get("status", {}) for found in made]
        good = all(count.get("readyReplicas") and not count.get("unavailableReplicas") for count in counts)
        return {"state": "Available" if good else "Creating"}

    def superfluous(self, owner: Object, deployments: dict[str, Object]) -> list[str]:
        """Return the objects of predictors that are no more, once those that are serve."""
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


def _children(owner: str, predictor: Object) -> list[Object]:
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
    size = component["hpaSpec"]
    owned = {"seldon-deployment-id": owner}
    return [
        deployment,
        service(key, selector, {"seldon-app": key}, PORT),
        autoscaler(name, owned, size["minReplicas"], size["maxReplicas"], size["metricsv2"]),
    ]


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
