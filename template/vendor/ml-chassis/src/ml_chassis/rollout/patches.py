"""The JSON patches that every way of serving has in common."""

from ml_chassis.kustomizations import Operations
from ml_chassis.rollout.release import Release


def serve(release: Release, version: int, labels: str, container: str) -> Operations:
    """Return the patch that has a container serve a version; it fails unless the variables are in this order."""
    uri, digest = f"{container}/env/0", f"{container}/env/1"
    operations: Operations = [
        {"op": "test", "path": f"{uri}/name", "value": "MODEL_URI"},
        {"op": "replace", "path": f"{uri}/value", "value": f"models:/{release.name}/{version}"},
    ]
    if expected := release.digests.get(version):  # an empty value would be lost on the way, and waited for
        operations.append({"op": "test", "path": f"{digest}/name", "value": "MODEL_DIGEST"})
        operations.append({"op": "add", "path": f"{digest}/value", "value": expected})
    return [*operations, {"op": "add", "path": f"{labels}/model-version", "value": str(version)}]
