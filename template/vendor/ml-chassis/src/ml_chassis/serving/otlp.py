"""Sends traces and the log by OTLP, where OTEL_EXPORTER_OTLP_ENDPOINT says.

The protocol: https://opentelemetry.io/docs/specs/otlp/
"""

import logging

from opentelemetry._logs import Logger, SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from starlette.types import ASGIApp, Receive, Scope, Send

from ml_chassis.serving.logs import Sparing, fields_of


class OtlpHandler(logging.Handler):
    """Hands each record to OpenTelemetry, which adds the trace that it belongs to."""

    def __init__(self, logger: Logger) -> None:
        super().__init__()
        self._logger = logger
        # What an export has to say would only cause another one.
        self.addFilter(lambda record: not record.name.startswith("opentelemetry"))
        self.addFilter(Sparing())

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record. A traceback goes with the message: collectors limit the size of attributes."""
        try:
            self._logger.emit(
                timestamp=int(record.created * 1e9),
                severity_number=SeverityNumber(min(record.levelno, logging.CRITICAL) // 10 * 4 + 1),
                severity_text=record.levelname,
                body=self.format(record),
                attributes=fields_of(record),
            )
        except Exception:
            self.handleError(record)


def traced(app: ASGIApp, service: str) -> ASGIApp:
    """Return `app` with a span for each request, and send the log too."""
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
