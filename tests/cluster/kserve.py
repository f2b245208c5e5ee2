"""A stand-in for KServe 0.16.0 in Standard mode.

It follows pkg/controller/v1beta1/inferenceservice: `buildObjectMeta`, the reconcilers of deployment, service and hpa,
and `PropagateRawStatus`. Left out: webhooks, defaults, Ingresses and the InferenceServices' addresses.
"""

from .kubectl import Object
from .operators import Operator, autoscaler, conditions, service

COMPONENT = {
    "minReplicas",
    "maxReplicas",
    "scaleTarget",
    "scaleMetric",
    "deploymentStrategy",
    "timeout",
    "canaryTrafficPercent",
    "logger",
}
"""What a predictor has beside a pod's fields."""


class KServe(Operator):
    """Makes a Deployment, a Service and an autoscaler, all called NAME-predictor, for each InferenceService."""

    group = "serving.kserve.io/v1beta1"
    kind = "inferenceservice"

    def children(self, owner: Object) -> list[Object]:
        """Return the objects that KServe makes for an InferenceService."""
        found, predictor = owner["metadata"], owner["spec"]["predictor"]
        name = f"{found['name']}-predictor"
        selector = {"app": f"isvc.{name}"}
        labels = found["labels"] | selector
        labels |= {"serving.kserve.io/inferenceservice": found["name"], "component": "predictor"}
        metadata = {"labels": labels, "annotations": found["annotations"]}
        deployment = {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata | {"name": name},
            "spec": {
                "selector": {"matchLabels": selector},
                "strategy": predictor["deploymentStrategy"],
                "template": {
                    "metadata": metadata,
                    "spec": {field: value for field, value in predictor.items() if field not in COMPONENT},
                },
            },
        }
        target = {"type": "Utilization", "averageUtilization": predictor["scaleTarget"]}
        metrics = [{"type": "Resource", "resource": {"name": predictor["scaleMetric"], "target": target}}]
        least, most = max(predictor["minReplicas"], 1), predictor["maxReplicas"]
        return [
            deployment,
            service(name, labels, selector, 80),
            autoscaler(name, labels, least, max(least, most), metrics),
        ]

    def status(self, owner: Object, deployments: dict[str, Object]) -> Object:
        """Return the conditions PredictorReady and Ready as they follow from the Deployment's."""
        found = conditions(deployments.get(f"{owner['metadata']['name']}-predictor", {}))
        available, progressing = found.get("Available", {}), found.get("Progressing", {})
        ready = {"status": available.get("status", "False")}
        if progressing.get("status") == "False":
            ready = _unready("False", progressing)
        elif progressing and progressing["reason"] != "NewReplicaSetAvailable":
            ready = _unready("Unknown", progressing)
        if available.get("status") == "False":
            ready = _unready("False", available)
        return {"conditions": [ready | {"type": "PredictorReady"}, ready | {"type": "Ready"}]}

    def superfluous(self, owner: Object, deployments: dict[str, Object]) -> list[str]:
        """Return nothing: what an InferenceService owns goes with it."""
        return []


def _unready(status: str, cause: Object) -> Object:
    return {"status": status, "reason": cause["reason"], "message": cause["message"]}
