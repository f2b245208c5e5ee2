"""Joins labels, once they are known, to the captured predictions."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import fsspec
import mlflow
import msgspec
import pandas as pd

from ml_chassis.errors import MonitoringError
from ml_chassis.monitoring.accuracy import Accuracy
from ml_chassis.monitoring.capture import Row, captured, folder
from ml_chassis.monitoring.gateway import push
from ml_chassis.monitoring.records import experiment
from ml_chassis.settings import Settings


class Label(msgspec.Struct):
    """What was true of one row of a request."""

    request_id: str
    row: int
    label: str


def give_feedback(settings: Settings, file: Path, days: int) -> dict[str, Accuracy]:
    """Keep the labels of a file beside the captured requests, and return how accurate each version was.

    The figures go to MLflow and Prometheus.

    Args:
        settings: where the captured requests are.
        file: a CSV file with the columns `request_id`, `label` and, for requests of several rows, `row`.
        days: how far back to look for the requests.

    Raises:
        MonitoringError: the file or the requests cannot be read, or no label belongs to a captured request.
    """
    new = _read(file)
    rows = captured(settings, days)
    known = {(row.request_id, row.row) for row in rows}
    if not any((label.request_id, label.row) in known for label in new):
        raise MonitoringError(
            f"None of the {len(new)} labels in {file} belongs to one of the {len(rows)} captured rows; check that "
            "request_id is the answers' header x-request-id."
        )
    kept = f"{folder(settings)}/labels/{datetime.now(UTC):%Y-%m-%dT%H-%M-%S-%f}.jsonl"
    with fsspec.open(kept, "wb", auto_mkdir=True) as out:
        out.write(msgspec.json.Encoder().encode_lines(new))
    accuracies = accuracy(rows, labels(settings))
    with experiment(settings, "feedback"):
        mlflow.log_metrics({f"accuracy_of_version_{version}": found.ratio for version, found in accuracies.items()})
    figures = {
        "model_feedback_accuracy_ratio": [({"version": version}, found.ratio) for version, found in accuracies.items()],
        "model_feedback_rows": [({"version": version}, float(found.rows)) for version, found in accuracies.items()],
    }
    push(settings, ("report", "feedback"), figures)
    return accuracies


def labels(settings: Settings) -> dict[tuple[str, int], str]:
    """Return every label given so far by request id and row; the last one given counts.

    Raises:
        MonitoringError: they cannot be read.
    """
    decoder = msgspec.json.Decoder(Label)
    found: dict[tuple[str, int], str] = {}
    try:
        for file in fsspec.open_files(f"{folder(settings)}/labels/*.jsonl", "rb"):
            with file as lines:
                found |= {(label.request_id, label.row): label.label for label in decoder.decode_lines(lines.read())}
    except (OSError, ImportError, msgspec.MsgspecError) as error:
        raise MonitoringError(f"The labels in {folder(settings)} cannot be read: {error}.") from error
    return found


def accuracy(rows: list[Row], labels: dict[tuple[str, int], str]) -> dict[str, Accuracy]:
    """Return how accurate each version was over the rows that have a label."""
    captured = Counter(row.version for row in rows)
    answers: dict[str, list[tuple[datetime, bool]]] = {}
    for row in rows:
        if label := labels.get((row.request_id, row.row)):
            answers.setdefault(row.version, []).append((row.time, str(row.prediction) == label))
    return {version: Accuracy(found, captured[version]) for version, found in answers.items()}


def _read(file: Path) -> list[Label]:
    try:
        table = pd.read_csv(file, dtype=str)
    except (OSError, ValueError) as error:
        raise MonitoringError(f"The labels in {file} cannot be read: {error}.") from error
    if missing := {"request_id", "label"} - set(table.columns):
        found = ", ".join(map(str, table.columns))
        raise MonitoringError(f"{file} lacks {' and '.join(sorted(missing))}; it has {found}.")
    places = table["row"] if "row" in table else pd.Series("0", index=table.index)
    try:
        return [msgspec.convert(record, Label, strict=False) for record in table.assign(row=places).to_dict("records")]
    except msgspec.ValidationError as error:
        raise MonitoringError(f"{file} has a line that is no label: {error}.") from error
