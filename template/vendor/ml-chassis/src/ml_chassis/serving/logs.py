"""The log of the model server: JSON on standard error, and plainly to a terminal."""

import logging
import os
import sys
from collections import Counter
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import msgspec

from ml_chassis.redaction import redact

MOST_ALIKE = 10
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request that is being answered."""


class JsonFormatter(logging.Formatter):
    """One JSON object on a line, with the trace that it belongs to."""

    _traced = "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            line["exception"] = redact(self.formatException(record.exc_info))
        if self._traced and (trace_id := _trace_id()):
            line["trace_id"] = trace_id
        return msgspec.json.encode(line).decode()


class Sparing(logging.Filter):
    """Keeps a client from filling the log: of tracebacks, and of what uvicorn says, some of a kind pass each minute.

    The metrics count every request.
    """

    def __init__(self) -> None:
        super().__init__()
        self._minute, self._passed = 0, Counter[str]()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record passes."""
        if not record.exc_info and not record.name.startswith("uvicorn"):
            return True
        if (minute := int(record.created // 60)) != self._minute:
            self._minute, self._passed = minute, Counter()
        self._passed[record.msg] += 1
        return self._passed[record.msg] <= MOST_ALIKE


def _trace_id() -> str:
    """Return the trace that is being recorded, if any."""
    from opentelemetry import trace  # slow to import, and needed where traces are sent

    span = trace.get_current_span().get_span_context()
    return trace.format_trace_id(span.trace_id) if span.is_valid else ""


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a record says beside its message, with the id of its request."""
    return {
        **({"request_id": request_id} if (request_id := REQUEST_ID.get()) else {}),
        **getattr(record, "fields", {}),
    }


def configure_logging() -> None:
    """Log to standard error: plainly to a terminal, as JSON elsewhere."""
    # Nothing here says which thread, process or line a record is from, and to find out takes as long as a quick model.
    # https://docs.python.org/3/howto/logging.html#optimization
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    handler = logging.StreamHandler()
    handler.addFilter(Sparing())
    if not sys.stderr.isatty():
        handler.setFormatter(JsonFormatter())
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
