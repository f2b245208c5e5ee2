"""Passwords of the platform: made once, kept in the cluster, never in Git."""

import base64
import json
import secrets
from typing import NamedTuple

from ..kubectl import Kubectl
from ..settings import PROJECT


class Secret(NamedTuple):
    """A Secret, the same in each of its namespaces."""

    name: str
    namespaces: tuple[str, ...]
    chosen: dict[str, str]
    """Values that are no secret, such as the user's name."""
    random: tuple[str, ...]
    """The keys of values that are made at random."""


SECRETS = [
    Secret("mysql-secret", ("kubeflow",), {"username": "root"}, ("password",)),
    Secret("mlpipeline-minio-artifact", ("kubeflow",), {}, ("accesskey", "secretkey")),
    Secret("mlflow-bucket", ("kubeflow", "mlflow"), {}, ("accesskey", "secretkey")),
    Secret("mlflow", ("mlflow",), {"user": "admin"}, ("password", "database-password", "session-key")),
    Secret(
        "mlflow-login", ("kubeflow", "mlflow"), {"MLFLOW_TRACKING_USERNAME": PROJECT}, ("MLFLOW_TRACKING_PASSWORD",)
    ),
    Secret("grafana-admin", ("monitoring",), {"user": "admin"}, ("password",)),
]


def make_missing(kubectl: Kubectl, namespaces: set[str]) -> list[str]:
    """Make the Secrets that these namespaces lack, and return their names."""
    made = []
    for secret in SECRETS:
        for namespace in namespaces.intersection(secret.namespaces):
            if not kubectl.get(f"secret/{secret.name}", namespace):
                metadata = {"name": secret.name, "namespace": namespace}
                manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": _data(kubectl, secret)}
                kubectl("create", "--filename=-", text=json.dumps(manifest))
                made.append(f"{namespace}/{secret.name}")
    return made


def _data(kubectl: Kubectl, secret: Secret) -> dict[str, str]:
    """Return the values that another namespace has already, or new ones, in Base64."""
    for namespace in secret.namespaces:
        if found := kubectl.get(f"secret/{secret.name}", namespace):
            data: dict[str, str] = found["data"]
            return data
    values = secret.chosen | {key: secrets.token_urlsafe(24) for key in secret.random}
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
