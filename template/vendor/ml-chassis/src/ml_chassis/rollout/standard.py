"""How KServe's Standard mode serves a release: an InferenceService for each version, and an HTTPRoute over them."""

from ml_chassis.kubectl import Object
from ml_chassis.kustomizations import patch
from ml_chassis.rollout.cluster import Cluster, unready_deployment
from ml_chassis.rollout.patches import serve
from ml_chassis.rollout.release import Release

CANARY = "../../../canary"
VARIANT_HEADER = "x-model-variant"
PORT = 80


class Standard:
    """KServe's Standard mode."""

    kind = "InferenceService"
    routes: tuple[str, ...] = ("HTTPRoute",)
    """What leads traffic to the pods, and so is applied once they are ready."""
    splits: tuple[str, ...] = ("canary", "ab-test", "shadow")

    def parts(self, release: Release) -> Object:
        """Return the part of the kustomize component that brings a release about."""
        stable = _serve(release, "stable", release.stable)
        if release.candidate is None:
            return {"patches": [stable]}
        rules = [{"op": "replace", "path": "/spec/rules", "value": _rules(release)}]
        patches = [stable, _serve(release, "candidate", release.candidate), patch("HTTPRoute", rules)]
        return {"resources": [CANARY], "patches": patches}

    def containers(self, wanted: Object) -> list[Object]:
        """Return the containers of the model server."""
        return [wanted["spec"]["predictor"]["containers"][0]]

    def unready(self, cluster: Cluster, wanted: Object) -> str:
        """Return what an InferenceService still waits for, or nothing when it serves as `wanted` says."""
        name = wanted["metadata"]["name"]
        # KServe calls itself ready of the old generation just after a change, so its Deployment is asked first.
        if reason := unready_deployment(cluster.get(f"deployment/{name}-predictor"), self.containers(wanted)[0]):
            return reason
        status = cluster.get(f"inferenceservice/{name}").get("status", {})
        ready = {condition["type"]: condition for condition in status.get("conditions", [])}.get("Ready", {})
        return "" if ready.get("status") == "True" else ready.get("message") or "KServe"

    def backend(self, cluster: Cluster, wanted: Object, variant: str) -> str:
        """Return what leads to a variant, as `kind/name:port` to forward to, or nothing if this is not the variant."""
        if wanted["metadata"]["labels"]["model-variant"] != variant:
            return ""
        return f"service/{wanted['metadata']['name']}-predictor:{PORT}"


def _serve(release: Release, variant: str, version: int) -> Object:
    operations = serve(release, version, "/metadata/labels", "/spec/predictor/containers/0")
    return patch(Standard.kind, operations, labelSelector=f"model-variant={variant}")


def _rules(release: Release) -> list[Object]:
    stable, candidate = _backend(f"{release.name}-predictor"), _backend(f"{release.name}-canary-predictor")
    shares = [stable | {"weight": 100 - release.percent}, candidate | {"weight": release.percent}]
    match release.split:
        case "ab-test":
            return [_chosen("stable", stable), _chosen("candidate", candidate), {"backendRefs": shares}]
        case "shadow":
            mirror = {"backendRef": candidate, "percent": release.percent}
            return [{"filters": [{"type": "RequestMirror", "requestMirror": mirror}], "backendRefs": [stable]}]
        case _:
            return [{"backendRefs": shares}]


def _chosen(variant: str, backend: Object) -> Object:
    headers = [{"name": VARIANT_HEADER, "value": variant}]
    return {"matches": [{"headers": headers}], "backendRefs": [backend]}


def _backend(service: str) -> Object:
    return {"name": service, "port": PORT}
