"""Finds the models to roll out: in the MLflow that the settings name, or else in that of the project's own platform."""

import atexit
import os
from contextlib import ExitStack
from functools import cache

import typer

from ml_chassis.errors import ClusterError
from ml_chassis.kubectl import Kubectl
from ml_chassis.platform.access import user_and_password
from ml_chassis.platform.parts import opened
from ml_chassis.settings import Settings


@cache
def with_mlflow(settings: Settings) -> Settings:
    """Return settings that name an MLflow. The platform's is open, with the project logged in, until the command ends.

    Raises:
        ClusterError: the platform has no login for the project, or its MLflow is not ready.
    """
    if settings.mlflow_tracking_uri or not settings.project.owns_cluster:
        return settings
    kubectl, (mlflow,) = Kubectl(settings), opened(settings.project, "mlflow")
    _, login = mlflow.logins  # the administrator's, and the project's
    values = user_and_password(kubectl, mlflow, login)
    if not values:
        platform = settings.project.command("platform")
        raise ClusterError(
            f"{kubectl.context} has no MLflow with a login for the project; `{platform}` brings it, or "
            "MLFLOW_TRACKING_URI names another that the cluster uses."
        )
    os.environ.update(zip((login.user_key, login.password_key), values, strict=True))
    stack = ExitStack()
    atexit.register(stack.close)
    address = stack.enter_context(kubectl.forwarded(mlflow.service, mlflow.namespace))
    typer.echo(f"The models are those of the MLflow on {kubectl.context}, where the pipeline trains.")
    return settings.model_copy(update={"mlflow_tracking_uri": address})
