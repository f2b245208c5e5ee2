"""Passwords of the platform: made once, kept in the cluster, never in Git."""

import base64
import json
import secrets
from typing import NamedTuple

from ml_chassis.kubectl import Kubectl
from ml_chassis.project import Project


class Secret(NamedTuple):
    """A Secret, the same in each of its namespaces."""

    name: str
    namespaces: tuple[str, ...]
    chosen: dict[str, str]
    """Values that are no secret, such as the user's name."""
    random: tuple[str, ...]
    """The keys of values that are made at random."""
    hashed: str = ""
    """The key of the bcrypt hash of `password`, where a server wants that."""


SECRETS = [
    Secret("mysql-secret", ("kubeflow",), {"username": "root"}, ("password",)),
    Secret("mlpipeline-minio-artifact", ("kubeflow",), {}, ("accesskey", "secretkey")),
    Secret("mlflow-bucket", ("kubeflow", "mlflow"), {}, ("accesskey", "secretkey")),
    Secret("mlflow", ("mlflow",), {"user": "admin"}, ("password", "database-password", "session-key")),
    Secret("grafana-admin", ("monitoring",), {"user": "admin"}, ("password",)),
]
"""Those of every platform, each made where its namespace is."""
OF_KUBEFLOW = [
    Secret("dex-passwords", ("auth",), {"user": "user@example.com"}, ("password",), hashed="hash"),
    Secret(
        "dex-oidc-client",
        ("auth", "oauth2-proxy"),
        {"OIDC_CLIENT_ID": "kubeflow-oidc-authservice"},
        ("OIDC_CLIENT_SECRET",),
    ),
    Secret("oauth2-proxy", ("oauth2-proxy",), {}, ("cookie-secret",)),
]
OF_KATIB = Secret("katib-mysql-secrets", ("kubeflow",), {}, ("MYSQL_ROOT_PASSWORD",))
OF_REGISTRY = Secret("model-registry-db-secrets", ("kubeflow",), {"POSTGRES_USER": "root"}, ("POSTGRES_PASSWORD",))


def passwords(project: Project) -> list[Secret]:
    """Return the Secrets of a project's platform; where it keeps a cluster of others' as it is, there are none."""
    if not project.owns_cluster:
        return []
    found, whole = [*SECRETS], project.platform == "kubeflow"
    if whole:
        found += OF_KUBEFLOW
    if whole or "katib" in project.extras:
        found.append(OF_KATIB)
    if whole or "registry" in project.extras:
        found.append(OF_REGISTRY)
    if "notebooks" in project.extras:
        found.append(Secret("notebook", (project.lab,), {"user": "jovyan"}, ("token",)))
    return found + _logins(project)


def _logins(project: Project) -> list[Secret]:
    """Return the project's own users of MLflow: one for steps and reports, and one that reads models to serve them."""
    local = f"{project.namespaces}-local"
    writing = ["mlflow", project.pipelines_namespace, *([project.lab] if project.lab else [])]
    if project.monitoring and project.serving != "none":
        writing.append(local)  # a drift report is recorded there
    users = {
        f"{project.name}-mlflow-login": (project.name, tuple(writing)),
        f"{project.name}-mlflow-reader": (f"{project.name}-reader", ("mlflow", local)),
    }
    return [
        Secret(name, namespaces, {"MLFLOW_TRACKING_USERNAME": user}, ("MLFLOW_TRACKING_PASSWORD",))
        for name, (user, namespaces) in users.items()
    ]


def make_missing(project: Project, kubectl: Kubectl, namespaces: set[str]) -> list[str]:
    """Make the Secrets that these namespaces lack, and return their names."""
    made = []
    for secret in passwords(project):
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
    if secret.hashed:
        import bcrypt  # which the platform kubeflow alone needs

        values[secret.hashed] = bcrypt.hashpw(values["password"].encode(), bcrypt.gensalt()).decode()
    return {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
