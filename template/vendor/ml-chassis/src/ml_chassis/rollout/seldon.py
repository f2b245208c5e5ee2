"""How Seldon Core serves a release: the candidate is a second predictor, copied from the stable one."""

from typing import Any

from ml_chassis.kubectl import Object
from ml_chassis.kustomizations import patch
from ml_chassis.rollout.cluster import Cluster, unready_deployment
from ml_chassis.rollout.patches import serve
from ml_chassis.rollout.release import Release

PORT = 8080


class Seldon:
    """Seldon Core."""

    kind = "SeldonDeployment"
    routes: tuple[str, ...] = ()
    """Seldon leads traffic to the pods itself, once they are ready."""
    splits: tuple[str, ...] = ("canary", "ab-test", "shadow")

    def parts(self, release: Release) -> Object:
        """Return the part of the kustomize component that brings a release about."""
        operations = _serve(release, 0, release.stable)
        if release.candidate is not None:
            operations += [
                {"op": "copy", "from": "/spec/predictors/0", "path": "/spec/predictors/1"},
                _replace("1/name", "candidate"),
                _replace("1/labels/model-variant", "candidate"),
                *_serve(release, 1, release.candidate),
                *_traffic(release),
            ]
        return {"patches": [patch(self.kind, operations)]}

    def containers(self, wanted: Object) -> list[Object]:
        """Return the containers of the model server, one for each predictor."""
        return [predictor["componentSpecs"][0]["spec"]["containers"][0] for predictor in wanted["spec"]["predictors"]]

    def unready(self, cluster: Cluster, wanted: Object) -> str:
        """Return what a SeldonDeployment still waits for, or nothing when it serves as `wanted` says."""
        for predictor, container in zip(wanted["spec"]["predictors"], self.containers(wanted), strict=True):
            if reason := unready_deployment(_deployment(cluster, wanted, predictor["name"]), container):
                return reason
        state = cluster.get(f"seldondeployment/{wanted['metadata']['name']}").get("status", {}).get("state", "Creating")
        return "" if state == "Available" else f"Seldon, which says {state}"

    def backend(self, cluster: Cluster, wanted: Object, variant: str) -> str:
        """Return what leads to a variant, as `kind/name:port` to forward to."""
        return f"deployment/{_deployment(cluster, wanted, variant)['metadata']['name']}:{PORT}"


def _deployment(cluster: Cluster, wanted: Object, predictor: str) -> Object:
    """Return the Deployment that Seldon made for a predictor; its name may be a hash."""
    name = wanted["metadata"]["name"]
    found = cluster.list("deployment", f"seldon-deployment-id={name},seldon-app={name}-{predictor}")
    return found[0] if found else {}


def _serve(release: Release, index: int, version: int) -> list[Object]:
    predictor = f"/spec/predictors/{index}"
    return serve(release, version, f"{predictor}/labels", f"{predictor}/componentSpecs/0/spec/containers/0")


def _traffic(release: Release) -> list[Object]:
    candidate = _replace("1/traffic", release.percent)
    if release.split == "shadow":  # its share is of the requests that are mirrored, and adds to no sum
        return [candidate, {"op": "add", "path": "/spec/predictors/1/shadow", "value": True}]
    return [_replace("0/traffic", 100 - release.percent), candidate]


def _replace(path: str, value: Any) -> Object:
    return {"op": "replace", "path": f"/spec/predictors/{path}", "value": value}
