"""What the server tells about itself: metrics, a log line for each request, and on demand traces and logs by OTLP."""

import logging
import os
import sys
import time
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any

import msgspec
from ml_chassis.redaction import redact
from ml_chassis.serving.refusals import Reason
from opentelemetry import trace
from opentelemetry._logs import Logger, SeverityNumber
from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from .runtime import Runtime

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

PROCESS, COUNTER = uuid.uuid4().hex.encode(), count(1)
"""What makes up a request's id where the client gave none."""
UNLOGGED = {"live", "ready", "metrics"}
"""Endpoints that are asked every few seconds."""
PREDICTING = ("infer", "predict")
"""Endpoints that answer with predictions."""
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered."""

logger = logging.getLogger(__package__)


class Telemetry:
    """Wraps the application: counts, times and logs each request, and adds headers to each answer."""

    def __init__(self, app: ASGIApp, runtime: "Runtime") -> None:
        self._app = app
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began, status = time.perf_counter(), 500
        given = dict(scope["headers"]).get(b"x-request-id")
        request_id = given or b"%s-%d" % (PROCESS, next(COUNTER))
        REQUEST_ID.set(request_id.decode("latin-1"))

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id), *self._headers()]
            await send(message)

        with IN_FLIGHT.labels(self._runtime.name).track_inprogress():
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception:
                scope["reason"] = Reason.SERVER_FAILED
                raise
            finally:
                endpoint = getattr(scope.get("endpoint"), "__name__", "unknown")
                seconds = time.perf_counter() - began
                served = self._runtime.name, self._runtime.version
                REQUESTS.labels(*served, endpoint, status).inc()
                SECONDS.labels(*served, endpoint).observe(seconds)
                if endpoint in PREDICTING and (reason := scope.get("reason")):
                    ERRORS.labels(*served, reason.label, reason.status.value).inc()
                if endpoint not in UNLOGGED:
                    fields = {
                        "endpoint": endpoint,
                        "status": status,
                        "milliseconds": round(seconds * 1000, 2),
                        "model_version": self._runtime.version,
                    }
                    logger.info("%s %s", scope["method"], scope["path"], extra={"fields": fields})

    def _headers(self) -> list[tuple[bytes, bytes]]:
        version = [(b"x-model-version", self._runtime.version.encode())]
        return [*version, (b"connection", b"close")] if self._runtime.draining else version


class JsonFormatter(logging.Formatter):
    """One JSON object on a line, with the trace that it belongs to."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        if (span := trace.get_current_span().get_span_context()).is_valid:
            line["trace_id"] = trace.format_trace_id(span.trace_id)
        return msgspec.json.encode(line).decode()


class OtlpHandler(logging.Handler):
    """Hands each record to OpenTelemetry, which adds the trace that it belongs to."""

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self._logger = logger
        # What an export has to say would only cause another one.
        self.addFilter(lambda record: not record.name.startswith("opentelemetry"))

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record. A traceback goes with the message: collectors limit the size of attributes."""
        try:
            self._logger.emit(
                timestamp=int(record.created * 1e9),
                severity_number=SeverityNumber(min(record.levelno, logging.CRITICAL) // 10 * 4 + 1),
                severity_text=record.levelname,
                body=self.format(record),
                attributes=_fields(record),
            )
        except Exception:
            self.handleError(record)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {
        **({"request_id": request_id} if (request_id := REQUEST_ID.get()) else {}),
        **getattr(record, "fields", {}),
    }


def configure_logging() -> None:
    """Log to standard error: plainly to a terminal, as JSON elsewhere."""
    handler = logging.StreamHandler()
    if not sys.stderr.isatty():
        handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


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


def metrics() -> bytes:
    """Return the metrics of every worker in Prometheus' text format."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def traced(app: ASGIApp, service: str) -> ASGIApp:
    """Return `app` with a span for each request, and send the log too, where OTEL_EXPORTER_OTLP_ENDPOINT says."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return app
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": service})
    spans, logs = TracerProvider(resource=resource), LoggerProvider(resource=resource)
    spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    handler = OtlpHandler(logs.get_logger(__name__))
    logging.getLogger().addHandler(handler)
    middleware = OpenTelemetryMiddleware(app, tracer_provider=spans, excluded_urls="health,metrics")

    async def flushed(scope: Scope, receive: Receive, send: Send) -> None:
        await middleware(scope, receive, send)
        if scope["type"] == "lifespan":
            spans.shutdown()  # sends the last ones: the signal that ends the process would leave no time for it
            logging.getLogger().removeHandler(handler)
            logs.shutdown()

    return flushed
