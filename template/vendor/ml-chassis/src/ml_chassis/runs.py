"""MLflow's runs: where they are kept, and which of them belongs to a run of a pipeline."""

import tempfile
from contextlib import suppress
from pathlib import Path

import mlflow
from mlflow import ActiveRun, MlflowClient
from mlflow.exceptions import MlflowException

from ml_chassis.errors import RegistryError, SettingsError
from ml_chassis.settings import Settings

PIPELINE_RUN = "pipeline_run_id"
"""The tag with what Kubeflow Pipelines calls the run that a run or a version comes from."""


def connect(settings: Settings) -> None:
    """Point MLflow at the project's server or database.

    Raises:
        RegistryError: MLflow cannot be reached, or refuses.
    """
    if not settings.mlflow_tracking_uri:
        _create_database(settings.mlflow_database)
    mlflow.set_tracking_uri(settings.tracking_uri)
    try:
        mlflow.get_experiment_by_name(settings.mlflow_experiment_name)
    except MlflowException as error:
        raise RegistryError(f"MLflow cannot be used: {error}. Check MLFLOW_TRACKING_URI.") from error


def start_run(settings: Settings, name: str, run_id: str = "", tags: dict[str, str] | None = None) -> ActiveRun:
    """Start MLflow's run of a pipeline's run, or go on with the one that an earlier try of the same step began.

    Args:
        settings: where MLflow is, and the experiment, which is created on first use.
        name: the name of the pipeline's run.
        run_id: its id; on this machine, only the two together are unique. Without it, a run of its own is started.
        tags: what else to note.

    Raises:
        RegistryError: MLflow cannot be reached, or refuses.
    """
    connect(settings)
    _open_experiment(settings)
    same = f"tags.{PIPELINE_RUN} = '{run_id}'"
    for begun in mlflow.search_runs(filter_string=same, output_format="list") if run_id else []:
        if begun.info.run_name == name:
            return mlflow.start_run(run_id=begun.info.run_id)
    return mlflow.start_run(run_name=name, tags=(tags or {}) | {PIPELINE_RUN: run_id})


def _open_experiment(settings: Settings) -> None:
    name = settings.mlflow_experiment_name
    artifacts = None if settings.mlflow_tracking_uri else (settings.local_dir / "mlflow").as_uri()
    if mlflow.get_experiment_by_name(name) is None:
        try:
            mlflow.create_experiment(name, artifact_location=artifacts)
        except MlflowException as error:  # another process may have been faster
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
    mlflow.set_experiment(name)


def _create_database(database: Path) -> None:
    """Have MLflow make its database elsewhere, and put it in its place whole.

    Two processes of MLflow cannot make the same one, and one that is killed leaves half of it.
    """
    if database.exists():
        return
    if set("#%?") & set(str(database)):
        raise SettingsError(f"MLflow cannot keep {database}, as # % and ? end a path for it; move the project.")
    database.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=database.parent) as folder:
        new = Path(folder) / database.name
        MlflowClient(f"sqlite:///{new}").search_experiments()
        with suppress(FileExistsError):  # another process was faster
            database.hardlink_to(new)
