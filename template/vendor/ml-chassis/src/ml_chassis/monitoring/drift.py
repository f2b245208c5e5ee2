"""Compares captured requests with the rows that the model learned from, in a report by Evidently."""

import re
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pandas as pd
from evidently import BinaryClassification, DataDefinition, Dataset, MulticlassClassification, Report
from evidently.presets import ClassificationPreset, DataDriftPreset, DataSummaryPreset
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from pandas.api.types import is_numeric_dtype

from ml_chassis.data import read_parquet
from ml_chassis.errors import MonitoringError
from ml_chassis.monitoring.capture import captured
from ml_chassis.monitoring.distributions import without_dates
from ml_chassis.monitoring.feedback import labels
from ml_chassis.monitoring.gateway import push
from ml_chassis.monitoring.records import experiment
from ml_chassis.registry import Registry
from ml_chassis.settings import Settings
from ml_chassis.tracking import REFERENCE

RUN = "drift report"
"""What reports are called in MLflow, but for those of a pipeline."""
THRESHOLD = 0.2
"""The population stability index above which a column has drifted."""
FORBIDDEN = r"[^\w./ :-]"
"""What MLflow does not take in the name of a metric."""
EXAMPLE_SHIFT = 2.0
"""By how many standard deviations the example moves a column."""


@dataclass(frozen=True)
class Drift:
    """What a report found: the population stability index of each column, and the run that has the report."""

    version: str
    rows: int
    psi: dict[str, float]
    run_id: str

    @property
    def drifted(self) -> list[str]:
        """The columns that moved far from training."""
        return [column for column, value in self.psi.items() if value > THRESHOLD]


def report(settings: Settings, days: int, run_name: str = RUN, run_id: str = "") -> Drift:
    """Report on the requests captured since `days` days ago, of the version that answered most of them.

    The report goes to MLflow, its figures to Prometheus.

    Args:
        settings: where the requests and MLflow are.
        days: how far back to look.
        run_name: the name of the pipeline's run that reports, if one does.
        run_id: its id; a second try of it replaces the first one's report.

    Raises:
        MonitoringError: there are none, or the version was recorded without its training rows.
    """
    rows = captured(settings, days)
    version = Counter(row.version for row in rows).most_common(1)[0][0]
    rows = [row for row in rows if row.version == version]
    target = settings.data_target
    current = pd.DataFrame([row.inputs for row in rows])
    current[_answer(target)] = [row.prediction for row in rows]
    known = labels(settings)
    current[target] = [known.get((row.request_id, row.row)) for row in rows]
    found = _compare(settings, version, current, run_name, run_id)
    here = {"version": version}
    figures = {
        "drift_report_timestamp_seconds": [(here, time.time())],
        "drift_report_rows": [(here, float(found.rows))],
        "drift_report_column_psi": [(here | {"column": column}, value) for column, value in found.psi.items()],
        "drift_report_drifted_columns_ratio": [(here, len(found.drifted) / len(found.psi))],
    }
    push(settings, ("report", "drift"), figures)
    return found


def example(settings: Settings, rows: pd.DataFrame) -> tuple[str, Drift]:
    """Shift the first numeric column of `rows`, report on it, and return the column and what was found.

    Raises:
        MonitoringError: no column is numeric, or the champion was recorded without its training rows.
    """
    registry, target = Registry(settings), settings.data_target
    version = registry.champion_or_fail()
    features = rows.drop(columns=settings.columns_beside_features)
    numeric = [column for column, dtype in features.dtypes.items() if is_numeric_dtype(dtype)]
    if not numeric:
        raise MonitoringError("No column is numeric, so the example has none to shift.")
    shifted = str(numeric[0])
    moved = features.assign(**{shifted: features[shifted] + EXAMPLE_SHIFT * features[shifted].std()})
    answers = registry.load(version).predict(moved)
    current = moved.assign(**{_answer(target): answers, target: rows[target]})
    return shifted, _compare(settings, str(version), current)


def _compare(settings: Settings, version: str, current: pd.DataFrame, run_name: str = RUN, run_id: str = "") -> Drift:
    """Write the reports on rows with the columns of training, the model's answers and, where known, labels."""
    target = settings.data_target
    reference = _reference(settings, version)
    features = without_dates(reference.drop(columns=target)).columns
    features = features[current[features].notna().any()]
    answers = Registry(settings).load(int(version)).predict(reference.drop(columns=target))
    reference = reference.assign(**{_answer(target): answers})
    labelled = current[current[target].notna()]
    with experiment(settings, run_name, run_id) as record, tempfile.TemporaryDirectory() as folder:
        mlflow.set_tags({"model_version": version})
        drift = Report([DataDriftPreset(method="psi", threshold=THRESHOLD), DataSummaryPreset()])
        columns = [*features, _answer(target)]
        found = drift.run(_dataset(current[columns], target), _dataset(reference[columns], target))
        found.save_html(str(Path(folder) / "drift.html"))
        if len(labelled):
            scored = Report([ClassificationPreset()]).run(_dataset(labelled[[target, _answer(target)]], target))
            scored.save_html(str(Path(folder) / "performance.html"))
        psi = {
            metric["config"]["column"]: float(metric["value"])
            for metric in found.dict()["metrics"]
            if metric["config"]["type"].endswith(":ValueDrift")
        }
        mlflow.log_artifacts(folder)
        named = {f"psi_of_{re.sub(FORBIDDEN, '_', column)}": value for column, value in psi.items()}
        # At the same time in each try, so that it counts once.
        mlflow.log_metrics(named | {"rows": len(current)}, timestamp=record.start_time)
    return Drift(version, len(current), psi, record.run_id)


def _reference(settings: Settings, version: str) -> pd.DataFrame:
    """Return the rows that the version was trained on."""
    Registry(settings)
    try:
        run_id = MlflowClient().get_model_version(settings.model_name, version).run_id
        return read_parquet(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=REFERENCE))
    except (MlflowException, OSError) as error:
        raise MonitoringError(
            f"Version {version} of {settings.model_name!r} has no {REFERENCE} to compare with: {error}. Train it again."
        ) from error


def _dataset(rows: pd.DataFrame, target: str) -> Dataset:
    classes = [column for column in (target, _answer(target)) if column in rows]
    rows = rows.astype(dict.fromkeys(classes, str))
    numeric = [column for column in rows.columns if is_numeric_dtype(rows[column].dtype)]
    definition = DataDefinition(
        numerical_columns=numeric,
        categorical_columns=[column for column in rows.columns if column not in numeric],
        classification=[_task(rows, target)] if target in rows else None,
    )
    return Dataset.from_pandas(rows, data_definition=definition)


def _task(rows: pd.DataFrame, target: str) -> BinaryClassification | MulticlassClassification:
    """Return what tells Evidently the columns to compare; it wants a positive label where there are two."""
    found = sorted(set(rows[target]) | set(rows[_answer(target)]))
    columns = {"target": target, "prediction_labels": _answer(target)}
    if len(found) == 2:
        return BinaryClassification(pos_label=found[1], **columns)
    return MulticlassClassification(**columns)


def _answer(target: str) -> str:
    """Return the name of the column of the model's answers."""
    return f"predicted_{target}"
