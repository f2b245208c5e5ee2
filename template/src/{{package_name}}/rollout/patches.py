"""The JSON patches that every way of serving has in common."""

from typing import Any

import yaml


def serve(name: str, version: int, labels: str, container: str) -> list[dict[str, Any]]:
    """Return the patch that has a container serve a version; it fails unless MODEL_URI is the first variable."""
    return [
        {"op": "test", "path": f"{container}/env/0/name", "value": "MODEL_URI"},
        {"op": "replace", "path": f"{container}/env/0/value", "value": f"models:/{name}/{version}"},
        {"op": "add", "path": f"{labels}/model-version", "value": str(version)},
    ]


def patch(kind: str, operations: list[dict[str, Any]], **target: str) -> dict[str, Any]:
    """Return a patch of the objects of a kind, as kustomize takes it."""
    return {"target": {"kind": kind, **target}, "patch": yaml.safe_dump(operations, sort_keys=False, width=1000)}
