"""How KServe's Knative mode serves a release: the candidate is the newest revision of the one InferenceService."""

from ml_chassis.kubectl import Object
from ml_chassis.kustomizations import patch
from ml_chassis.rollout.cluster import Cluster, same_container
from ml_chassis.rollout.patches import serve
from ml_chassis.rollout.release import Release

TAG_ROUTING = "/metadata/annotations/serving.kserve.io~1enable-tag-routing"
PORT = 8080


class Knative:
    """KServe's Knative mode."""

    kind = "InferenceService"
    routes: tuple[str, ...] = ()
    """Knative leads traffic to the pods itself, once they are ready."""
    splits: tuple[str, ...] = ("canary", "ab-test")

    def parts(self, release: Release) -> Object:
        """Return the part of the kustomize component that brings a release about.

        A candidate's traffic is taken from the revision that was rolled out before: the stable version's.
        """
        served = release.stable if release.candidate is None else release.candidate
        operations = serve(release, served, "/metadata/labels", "/spec/predictor/containers/0")
        if release.candidate is not None:
            operations.append({"op": "replace", "path": "/metadata/labels/model-variant", "value": "candidate"})
            operations.append({"op": "add", "path": "/spec/predictor/canaryTrafficPercent", "value": release.percent})
        if release.split == "ab-test":  # each revision gets an address, which begins with `latest-` or `prev-`
            operations.append({"op": "add", "path": TAG_ROUTING, "value": "true"})
        return {"patches": [patch(self.kind, operations, labelSelector="model-variant=stable")]}

    def containers(self, wanted: Object) -> list[Object]:
        """Return the containers of the model server."""
        return [wanted["spec"]["predictor"]["containers"][0]]

    def unready(self, cluster: Cluster, wanted: Object) -> str:
        """Return what an InferenceService still waits for, or nothing when it serves as `wanted` says."""
        status = cluster.get(f"inferenceservice/{wanted['metadata']['name']}").get("status", {})
        predictor = status.get("components", {}).get("predictor", {})
        created, ready = predictor.get("latestCreatedRevision"), predictor.get("latestReadyRevision")
        if not created:
            return "KServe"
        found = cluster.get(f"revision.serving.knative.dev/{created}").get("spec", {}).get("containers", [{}])
        if not same_container(found[0], self.containers(wanted)[0]):
            return "a revision with the change"
        if created != ready:
            return f"revision {created}"
        conditions = {condition["type"]: condition for condition in status.get("conditions", [])}
        whole = conditions.get("Ready", {})
        return "" if whole.get("status") == "True" else whole.get("message") or "its routes"

    def backend(self, cluster: Cluster, wanted: Object, variant: str) -> str:
        """Return what leads to a variant, as `kind/name:port` to forward to, or nothing if this is not the variant."""
        if wanted["metadata"]["labels"]["model-variant"] != variant:
            return ""  # the revision of before, which was tried when it was new
        found = cluster.get(f"inferenceservice/{wanted['metadata']['name']}")
        return f"deployment/{found['status']['components']['predictor']['latestReadyRevision']}-deployment:{PORT}"
