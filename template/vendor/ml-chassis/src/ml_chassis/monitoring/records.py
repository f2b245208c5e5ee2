"""Where reports are kept: an MLflow experiment beside the one of the training runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.entities import RunInfo

from ml_chassis.runs import start_run
from ml_chassis.settings import Settings


@contextmanager
def experiment(settings: Settings, name: str, run_id: str = "") -> Iterator[RunInfo]:
    """Record what the block logs as a run called `name`, and give what MLflow knows it by.

    Args:
        settings: where MLflow is.
        name: that of the pipeline's run, where a pipeline records.
        run_id: the id of the pipeline's run, which gets one record, however often its step is tried.
    """
    watched = settings.model_copy(update={"mlflow_experiment_name": f"{settings.mlflow_experiment_name}-monitoring"})
    with start_run(watched, name, run_id) as run:
        yield run.info
