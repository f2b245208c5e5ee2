"""What becomes of a trained model: it is recorded, made a version, and perhaps the champion."""

from typing import TYPE_CHECKING, Any, NamedTuple

import mlflow
import pandas as pd
import typer
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from ml_chassis.monitoring.gateway import push
from ml_chassis.registry import Registry
from ml_chassis.settings import Settings

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from ml_chassis.evaluation import Verdict


class Recorded(NamedTuple):
    """Where a trained model is."""

    version: int
    """Its number in the registry."""
    run: str
    """The id of MLflow's run."""


def record(
    settings: Settings,
    model: "Pipeline",
    training_rows: pd.DataFrame,
    held_out_rows: pd.DataFrame,
    verdict: "Verdict",
    notes: list[str],
    target: str,
    seed: int,
    params: dict[str, Any],
    run_name: str,
    run_id: str,
) -> Recorded:
    """Record a training run in MLflow, and make its model a new version. A second try goes on with the first.

    Args:
        settings: where MLflow is.
        model: the fitted model.
        training_rows: the rows it learned from, one column per feature and the target.
        held_out_rows: the rows that judged it, with the same columns.
        verdict: what the gate said.
        notes: what is unusual in the data, shown on the run's page.
        target: the label column.
        seed: what everything random was fixed by.
        params: the settings of the run.
        run_name: the name of the pipeline's run.
        run_id: its id.

    Raises:
        RegistryError: MLflow cannot be reached, or refuses.
        ServingError: no server could send the model's answers.
    """
    from ml_chassis.tracking import log_training  # slow to import, and a promotion needs none of it

    project = settings.project
    metrics = [({"metric": name}, value) for name, value in verdict.metrics.items()]
    push(settings, ("pipeline", f"{project.name}-training"), {"pipeline_run_metric": metrics})
    note = "\n".join(f"- {note}" for note in notes)
    tags = {"code": project.identity, "git_commit": project.commit, MLFLOW_RUN_NOTE: note}
    model_uri = log_training(
        settings,
        model,
        training_rows,
        held_out_rows,
        target,
        seed,
        params,
        verdict.metrics,
        tags,
        run_name,
        run_id,
    )
    version = Registry(settings).register(model_uri, verdict)
    run = mlflow.get_logged_model(model_uri.removeprefix("models:/")).source_run_id
    return Recorded(version, str(run))


def promote(settings: Settings, version: int, passed: bool, environment: str = "") -> bool:
    """Make a version the champion if it passed the gate and beat the one of now.

    Where it is to be deployed then, what would keep it from that is looked for first: a champion that is refused there
    would be one by name alone.

    Args:
        settings: where MLflow is.
        version: its number.
        passed: whether the gate passed it.
        environment: where it is to serve then, or nothing.

    Returns:
        Whether it is the champion.

    Raises:
        RegistryError: there is no such version.
        RolloutError: it could not be deployed to the environment.
    """
    registry = Registry(settings)
    if passed and environment:
        from ml_chassis.rollout.in_pod import deploy  # needs what only the image with manifests has

        deploy(settings, environment, version, dry_run=True)
    promoted, reason = registry.promote_as_judged(version) if passed else (False, registry.reason(version))
    outcome = "is the champion" if promoted else "is registered, not promoted"
    typer.echo(f"Result: Version {version} of {settings.model_name} {outcome}: {reason}.")
    return promoted
