"""The metrics of the model server, in Prometheus' text format."""

import os
from functools import cache
from http import HTTPStatus
from typing import TypeVar

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.multiprocess import MultiProcessCollector

from ml_chassis.serving.refusals import Reason

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which no rule asks for

SERVED = ["model", "version"]
FRACTIONS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
REQUESTS = Counter("model_server_requests", "Requests answered.", [*SERVED, "endpoint", "code"])
ERRORS = Counter("model_server_errors", "Requests that got no prediction.", [*SERVED, "reason", "code"])
SECONDS = Histogram(
    "model_server_request_duration_seconds", "Time to answer a request.", [*SERVED, "endpoint"], buckets=FRACTIONS
)
MODEL_SECONDS = Histogram(
    "model_server_model_duration_seconds", "Time that a call of the model takes.", SERVED, buckets=FRACTIONS
)
IN_FLIGHT = Gauge("model_server_requests_in_flight", "Requests being answered.", ["model"], multiprocess_mode="livesum")
ROWS = Counter("model_server_rows", "Rows predicted.", SERVED)
INFO = Gauge("model_server_model_info", "The model that is served.", SERVED, multiprocess_mode="livemax")
RECORDED = Gauge(
    "model_server_model_recorded_timestamp_seconds", "When the model was recorded.", SERVED, multiprocess_mode="livemax"
)

Metric = TypeVar("Metric", bound=MetricWrapperBase)


@cache
def of(metric: Metric, *labels: str | int) -> Metric:
    """Return what `metric.labels` does, which takes a lock each time, and as long as a quick model."""
    return metric.labels(*labels)


PREDICTING = ("infer", "predict")
"""Endpoints that answer with predictions."""


def expose(model: str, version: str, recorded: float) -> None:
    """Show what is served, and start the counts at 0: rates see a count's first step only if it was there before.

    Args:
        model: the model's name.
        version: its version.
        recorded: when it was recorded, in seconds since 1970.
    """
    INFO.labels(model, version).set(1)
    RECORDED.labels(model, version).set(recorded)
    for endpoint in PREDICTING:
        REQUESTS.labels(model, version, endpoint, HTTPStatus.OK.value)
        SECONDS.labels(model, version, endpoint)
    for reason in Reason:
        ERRORS.labels(model, version, reason.label, reason.status.value)


def exposition() -> bytes:
    """Return the metrics of every worker in Prometheus' text format."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
