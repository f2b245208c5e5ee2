"""Where MLflow keeps runs and models."""

import mlflow

from .settings import Settings


def connect(settings: Settings) -> None:
    """Point MLflow at the project's experiment, which is created on first use."""
    settings.local_dir.mkdir(parents=True, exist_ok=True)
    mlflow.set_tracking_uri(settings.tracking_uri)
    if mlflow.get_experiment_by_name(settings.mlflow_experiment_name) is None:
        artifacts = None if settings.mlflow_tracking_uri else (settings.local_dir / "mlflow").as_uri()
        mlflow.create_experiment(settings.mlflow_experiment_name, artifact_location=artifacts)
    mlflow.set_experiment(settings.mlflow_experiment_name)
