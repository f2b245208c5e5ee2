"""Where reports are kept: an MLflow experiment beside the one of the training runs."""

from collections.abc import Iterator
from contextlib import contextmanager

import mlflow

from ..registry import connect
from ..settings import Settings


@contextmanager
def experiment(settings: Settings, name: str) -> Iterator[str]:
    """Record what the block logs as a run called `name`, and give the run's id."""
    watched = settings.model_copy(update={"mlflow_experiment_name": f"{settings.mlflow_experiment_name}-monitoring"})
    connect(watched)
    with mlflow.start_run(run_name=name) as run:
        yield run.info.run_id
