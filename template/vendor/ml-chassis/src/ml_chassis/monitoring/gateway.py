"""Sends the figures of runs and reports to a Pushgateway, which keeps them until Prometheus asks.

https://prometheus.io/docs/instrumenting/pushing/
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Gauge, pushadd_to_gateway

from ml_chassis.settings import Settings

METRICS = {
    "pipeline_run_succeeded": "Whether the last run succeeded.",
    "pipeline_run_duration_seconds": "How long the last run took.",
    "pipeline_run_timestamp_seconds": "When the last run ended.",
    "pipeline_run_metric": "A metric of the last trained model on the held-out rows.",
    "drift_report_timestamp_seconds": "When the last drift report was written.",
    "drift_report_rows": "Captured rows in the last drift report.",
    "drift_report_column_psi": "Population stability index of a column, by Evidently.",
    "drift_report_drifted_columns_ratio": "Share of the columns that drifted.",
    "model_feedback_accuracy_ratio": "Share of the labelled predictions that were right.",
    "model_feedback_rows": "Predictions that have a label.",
}
TIMEOUT_SECONDS = 5

Figures = dict[str, list[tuple[dict[str, str], float]]]
"""Labels and values, by the names in METRICS."""

logger = logging.getLogger(__package__)


def push(settings: Settings, source: tuple[str, str], figures: Figures) -> None:
    """Send figures, which replace those of the same name and source. A Pushgateway that does not answer is logged.

    Args:
        settings: where it is; without it nothing is sent.
        source: the label that tells who sends, such as ("pipeline", "training").
        figures: what to send.
    """
    if not settings.pushgateway_url:
        return
    registry = CollectorRegistry()
    for name, values in figures.items():
        gauge = Gauge(name, METRICS[name], list(values[0][0]), registry=registry)
        for labels, value in values:
            (gauge.labels(**labels) if labels else gauge).set(value)
    group = {"namespace": settings.pod_namespace, "model": settings.model_name, source[0]: source[1]}
    try:
        pushadd_to_gateway(settings.pushgateway_url, settings.model_name, registry, group, TIMEOUT_SECONDS)
    except OSError as error:
        logger.warning("Prometheus does not learn of this %s: PUSHGATEWAY_URL does not answer: %s", source[0], error)


def push_run(settings: Settings, pipeline: str, succeeded: bool, seconds: float | None) -> None:
    """Send how a run of a pipeline ended and, where it is known, how long it took."""
    figures: Figures = {
        "pipeline_run_succeeded": [({}, float(succeeded))],
        "pipeline_run_timestamp_seconds": [({}, time.time())],
    }
    if seconds is not None:
        figures["pipeline_run_duration_seconds"] = [({}, seconds)]
    push(settings, ("pipeline", pipeline), figures)


@contextmanager
def run_pushed(settings: Settings, pipeline: str) -> Iterator[None]:
    """Send how the block, a run of a pipeline, ends."""
    began, succeeded = time.monotonic(), False
    try:
        yield
        succeeded = True
    finally:
        push_run(settings, pipeline, succeeded, time.monotonic() - began)
