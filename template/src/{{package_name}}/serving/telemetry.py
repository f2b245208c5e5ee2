"""What the server tells about itself: metrics, a log line for each request, and traces on demand."""

import logging
import os
import sys
import time
import uuid
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

import msgspec
from opentelemetry import trace
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from .runtime import Runtime

REQUESTS = Counter("model_server_requests", "Requests answered.", ["endpoint", "code"])
SECONDS = Histogram("model_server_request_seconds", "Time to answer a request.", ["endpoint"])
IN_FLIGHT = Gauge("model_server_requests_in_flight", "Requests being answered.", multiprocess_mode="livesum")
ROWS = Counter("model_server_rows", "Rows predicted.")
INFO = Gauge("model_server_model_info", "The model that is served.", ["model", "version"], multiprocess_mode="livemax")

PROCESS, COUNTER = uuid.uuid4().hex.encode(), count(1)
"""What makes up a request's id where the client gave none."""
UNLOGGED = {"live", "ready", "metrics"}
"""Endpoints that are asked every few seconds."""

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

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id), *self._headers()]
            await send(message)

        with IN_FLIGHT.track_inprogress():
            try:
                await self._app(scope, receive, send_with_headers)
            finally:
                endpoint = getattr(scope.get("endpoint"), "__name__", "unknown")
                seconds = time.perf_counter() - began
                REQUESTS.labels(endpoint, status).inc()
                SECONDS.labels(endpoint).observe(seconds)
                if endpoint not in UNLOGGED:
                    fields = {
                        "request_id": request_id.decode("latin-1"),
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
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if (span := trace.get_current_span().get_span_context()).is_valid:
            line["trace_id"] = trace.format_trace_id(span.trace_id)
        return msgspec.json.encode(line).decode()


def configure_logging() -> None:
    """Log to standard error: plainly to a terminal, as JSON elsewhere."""
    handler = logging.StreamHandler()
    if not sys.stderr.isatty():
        handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def metrics() -> bytes:
    """Return the metrics of every worker in Prometheus' text format."""
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def traced(app: ASGIApp, service: str) -> ASGIApp:
    """Return `app` with a span for each request, where OTEL_EXPORTER_OTLP_ENDPOINT says who collects them."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return app
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    middleware = OpenTelemetryMiddleware(app, tracer_provider=provider, excluded_urls="health,metrics")

    async def flushed(scope: Scope, receive: Receive, send: Send) -> None:
        await middleware(scope, receive, send)
        if scope["type"] == "lifespan":
            provider.shutdown()  # sends the last spans: the signal that ends the process would leave no time for it

    return flushed
