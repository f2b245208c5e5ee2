"""Records a training run in MLflow: parameters, metrics, data, pictures and the model."""

import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from mlflow import MlflowClient
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus, Run
from mlflow.models import Model, ModelSignature
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from ml_chassis import evaluation, graphs
from ml_chassis.monitoring.distributions import distributions, to_metadata
from ml_chassis.project import Project
from ml_chassis.runs import start_run
from ml_chassis.settings import Settings
from ml_chassis.signatures import signature

EXAMPLE_ROWS = 3
MOST_FEATURES_DRAWN = 20
REFERENCE = "reference.parquet"
"""The artifact with training rows that drift reports compare with."""
MOST_REFERENCE_ROWS = 5_000
MODEL_PACKAGES = ("mlflow", "numpy", "pandas", "scikit-learn", "scipy", "skops")
"""What must be installed, in these very versions, where a model is loaded. `Project.model_packages` adds to it."""


def log_training(
    settings: Settings,
    model: Pipeline,
    training_rows: pd.DataFrame,
    held_out_rows: pd.DataFrame,
    target: str,
    seed: int,
    params: dict[str, Any],
    metrics: evaluation.Metrics,
    tags: dict[str, str],
    run_name: str = "training",
    run_id: str = "",
) -> str:
    """Record one run and its model. A second try goes on with the first.

    The run gets parameters, metrics, both sets of rows as data sets, and pictures of the confusion matrix and of the
    features' importance; where the project is monitored, also the distributions that drift is measured against.

    Args:
        settings: where MLflow is.
        model: the fitted model, a pipeline whose last step is the classifier.
        training_rows: the rows it learned from, one column per feature and the target.
        held_out_rows: the rows that judged it, with the same columns.
        target: the label column of both.
        seed: what everything random was fixed by.
        params: the settings of this run, beside the model's own.
        metrics: the scores on the held-out rows.
        tags: such as the identity of the code.
        run_name: the name of the pipeline's run.
        run_id: its id, by which a second try of the step finds what the first has recorded.

    Returns:
        The model's address in MLflow, which `Registry.register` takes.

    Raises:
        RegistryError: MLflow cannot be reached, or refuses.
        ServingError: no server could send the model's answers.
    """
    features = held_out_rows.drop(columns=target)
    taken = signature(training_rows, held_out_rows, pd.Series(model.predict(features), name=target))
    with start_run(settings, run_name, run_id, tags) as run:
        mlflow.log_params(params | {"random_seed": seed})
        mlflow.log_params({f"model.{name}": value for name, value in model[-1].get_params().items()})
        logged, began = _logged_model(run), run.info.start_time
        mlflow.log_metrics(metrics, timestamp=began, model_id=logged.model_id)  # the same for each try: it counts once
        for context, rows in {"training": training_rows, "evaluation": held_out_rows}.items():
            mlflow.log_input(from_pandas(rows, targets=target, name=context), context=context)
        labels, counts = evaluation.confusion(model, held_out_rows, target)
        mlflow.log_figure(_confusion_figure(labels, counts), "confusion_matrix.png")
        importance = evaluation.importance(model, held_out_rows, target, seed)
        mlflow.log_figure(_importance_figure(importance), "feature_importance.png")
        metadata = _log_reference(model, training_rows, target, seed) if settings.project.monitoring else None
        _save(settings.project, logged, model, taken, training_rows.drop(columns=target), features, metadata)
    return str(logged.model_uri)


def _log_reference(model: Pipeline, rows: pd.DataFrame, target: str, seed: int) -> dict[str, Any]:
    """Keep what drift is measured against: some training rows, and how all of them are spread, which is returned."""
    reference = rows.sample(min(len(rows), MOST_REFERENCE_ROWS), random_state=seed)
    with tempfile.TemporaryDirectory() as folder:
        reference.to_parquet(Path(folder) / REFERENCE)
        mlflow.log_artifact(str(Path(folder) / REFERENCE))
    seen = rows.drop(columns=target)
    return to_metadata(distributions(seen, pd.Series(model.predict(seen), name=target)))


def _logged_model(run: Run) -> LoggedModel:
    """Return the run's record of its model, which an earlier try may have begun.

    `mlflow.sklearn.log_model` would make another one, and cannot go on with one that the run knows already.
    """
    client, experiment = MlflowClient(), run.info.experiment_id
    of_run = f"source_run_id = '{run.info.run_id}'"
    begun = mlflow.search_logged_models([experiment], of_run, output_format="list")
    logged = begun[0] if begun else client.create_logged_model(experiment, "model", run.info.run_id)
    outputs = client.get_run(run.info.run_id).outputs
    if outputs is None or not outputs.model_outputs:
        client.log_outputs(run.info.run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return logged


def _save(
    project: Project,
    logged: LoggedModel,
    model: Pipeline,
    taken: ModelSignature,
    training: pd.DataFrame,
    held_out: pd.DataFrame,
    metadata: dict[str, Any] | None,
) -> None:
    """Write the model's files into its record, unless an earlier try has."""
    if logged.status == LoggedModelStatus.READY:
        return
    with tempfile.TemporaryDirectory() as folder:
        mlflow.sklearn.save_model(
            model,
            f"{folder}/model",
            mlflow_model=Model(logged.artifact_location, logged.source_run_id, model_id=logged.model_id),
            signature=taken,
            input_example=held_out.head(EXAMPLE_ROWS),
            pip_requirements=[
                f"{package}=={version(package)}" for package in (*project.model_packages, *MODEL_PACKAGES)
            ],
            skops_trusted_types=list(project.model_types),
            metadata=metadata,
        )
        graphs.write(model, training, held_out, Path(folder) / "model")
        MlflowClient().log_model_artifacts(logged.model_id, f"{folder}/model")
    MlflowClient().finalize_logged_model(logged.model_id, LoggedModelStatus.READY)


def _confusion_figure(labels: list[Any], counts: NDArray[np.int64]) -> Figure:
    """Draw the square matrix `counts` of actual (rows) by predicted (columns) labels."""
    figure = Figure(figsize=(1.5 + 0.8 * len(labels), 1 + 0.8 * len(labels)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(counts, cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        shade = "white" if count > counts.max() / 2 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=shade)
    ticks = range(len(labels))
    names = [str(label) for label in labels]
    axes.set_xticks(ticks, names, parse_math=False)  # or what stands between two $ is a formula
    axes.set_yticks(ticks, names, parse_math=False)
    axes.set(xlabel="Predicted", ylabel="Actual", title="Held-out rows")
    return figure


def _importance_figure(importance: pd.Series) -> Figure:
    """Draw the most important features as bars, the longest on top."""
    shown = importance.head(MOST_FEATURES_DRAWN)[::-1]
    figure = Figure(figsize=(6, 1 + 0.3 * len(shown)), layout="constrained")
    axes = figure.subplots()
    places = range(len(shown))
    axes.barh(places, shown.to_numpy())
    axes.set_yticks(places, [str(name) for name in shown.index], parse_math=False)
    axes.set(xlabel="Loss of accuracy when shuffled", title="Permutation importance")
    return figure
