"""What the server sends by OTLP."""

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import NamedTuple

import pytest
from ml_chassis.serving.app import create_app
from ml_chassis.serving.logs import MOST_ALIKE, Sparing
from ml_chassis.settings import Settings
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.testclient import TestClient
from wines import PROJECT

TRACE = "0af7651916cd43dd8448eb211c80319c"


class Collector(NamedTuple):
    """What has come, by path."""

    bodies: dict[str, list[bytes]]

    def records(self) -> list[tuple[str, str]]:
        """Return each log record's trace and text."""
        requests = [ExportLogsServiceRequest.FromString(body) for body in self.bodies["/v1/logs"]]
        return [
            (record.trace_id.hex(), record.body.string_value)
            for request in requests
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def traces(self) -> set[str]:
        """Return the spans' traces."""
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies["/v1/traces"]]
        return {
            span.trace_id.hex()
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Return an OTLP receiver that the server sends to."""
    bodies: dict[str, list[bytes]] = {"/v1/logs": [], "/v1/traces": []}

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies[self.path].append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield Collector(bodies)
        server.shutdown()


def test_log_and_span_of_a_request_have_its_trace(collector: Collector, settings: Settings) -> None:
    with TestClient(create_app(PROJECT, settings)) as client:
        client.post("/predict", json=[], headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    assert (TRACE, "POST /predict") in collector.records()
    assert TRACE in collector.traces()


def test_traceback_is_part_of_the_text(collector: Collector, settings: Settings) -> None:
    with TestClient(create_app(PROJECT, settings)):
        try:
            raise ValueError("no such wine")
        except ValueError:
            logging.getLogger().exception("It failed")
    [text] = [text for _, text in collector.records() if text.startswith("It failed")]
    assert "ValueError: no such wine" in text


def test_exporters_own_words_are_not_sent(collector: Collector, settings: Settings) -> None:
    with TestClient(create_app(PROJECT, settings)):
        logging.getLogger("opentelemetry.exporter").error("Failed to export")
    assert all(text != "Failed to export" for _, text in collector.records())


def test_tracebacks_of_a_kind_are_few_a_minute_and_other_lines_all_pass() -> None:
    sparing = Sparing()

    def passed(name: str, message: str, second: int, error: BaseException | None = None) -> bool:
        exc_info = (type(error), error, None) if error else None
        record = logging.LogRecord(name, logging.ERROR, "", 1, message, None, exc_info)
        record.created = second
        return sparing.filter(record)

    assert sum(passed("ml_chassis", "The model failed", 60, ValueError()) for _ in range(30)) == MOST_ALIKE
    assert sum(passed("uvicorn.error", "Invalid HTTP request received.", 61) for _ in range(30)) == MOST_ALIKE
    assert sum(passed("ml_chassis", "%s %s", 62) for _ in range(30)) == 30
    assert passed("ml_chassis", "The model failed", 120, ValueError())
