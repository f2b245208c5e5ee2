"""What a model server does under load, with models that fail, in two processes, at its end, and what it tells."""

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import copytree, rmtree
from typing import Any, NamedTuple

import pytest

from tests.local.data_servers import HOST
from tests.local.model_servers import MODEL, NAME, Answer, Server, champion, exchange, python, serving, starting
from tests.local.projects import Project
from tests.local.test_frameworks import SAMPLE

pytestmark = pytest.mark.xdist_group("model-server")

INFER = f"{MODEL}/infer"
REQUEST = {"inputs": [{"name": "rows", "shape": [1, len(SAMPLE)], "datatype": "FP64", "data": SAMPLE}]}
GATED_REQUEST = {"inputs": [{"name": "number", "shape": [1], "datatype": "FP64", "data": [1]}]}
CLIENTS = 8
SECONDS_TO_DRAIN = 3
SECONDS_TO_END = 6
"""Less than SERVE_TIMEOUT_SECONDS, after which the server ends whatever is not finished."""

GATED_LIBRARY = """
import os
import time
from pathlib import Path

from sklearn.dummy import DummyClassifier

predict = DummyClassifier.predict


def predict_once_open(self, rows):
    while not Path(os.environ["GATE"]).exists():
        time.sleep(0.01)
    return predict(self, rows)


DummyClassifier.predict = predict_once_open
"""
SAVE_MODEL = """
import sys
from mlflow import sklearn
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.dummy import DummyClassifier

column = Schema([ColSpec("double", "number")])
sklearn.save_model(DummyClassifier().fit([[1.0]], [1.0]), sys.argv[1], signature=ModelSignature(column, column))
"""
PROMOTE = f"""
import sys
import mlflow

mlflow.set_tracking_uri("sqlite:///.local/mlflow.db")
client = mlflow.MlflowClient()
if sys.argv[1] == "copy":
    print(client.copy_model_version("models:/{NAME}/1", "{NAME}").version)
else:
    client.set_registered_model_alias("{NAME}", "champion", sys.argv[1])
"""


# Under load


class Overload(NamedTuple):
    """What many clients of a server heard while its model was busy, and after."""

    healthy: bool
    answers: list[Answer]


@pytest.fixture(scope="module")
def gated(trained: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the settings for a model whose library answers no sooner than the file GATE is there."""
    folder = tmp_path_factory.mktemp("gated")
    (folder / "sitecustomize.py").write_text(GATED_LIBRARY)
    python(trained, SAVE_MODEL, str(folder / "model"))
    return {"MODEL_URI": str(folder / "model"), "PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def overload(trained: Project, gated: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Overload:
    gate = tmp_path_factory.mktemp("gate") / "open"
    limits = {"SERVE_MAX_WAITING": "1", "SERVE_TIMEOUT_SECONDS": "60"}
    with (
        serving(trained, **gated, GATE=str(gate), **limits) as server,
        ThreadPoolExecutor(CLIENTS) as clients,
    ):
        try:
            asked = [clients.submit(server.ask, INFER, GATED_REQUEST) for _ in range(CLIENTS)]
            server.wait_for(lambda: sum(future.done() for future in asked) >= CLIENTS - 2)
            healthy = server.ready()
        finally:
            gate.touch()
        return Overload(healthy, [future.result() for future in asked])


def test_overloaded_server_refuses_what_it_has_no_room_for(overload: Overload) -> None:
    # One request is with the model and one waits.
    assert [answer.status for answer in overload.answers].count(503) >= CLIENTS - 2


def test_overloaded_server_answers_what_it_took(overload: Overload) -> None:
    assert {answer.status for answer in overload.answers} == {200, 503}


def test_overloaded_server_says_when_to_come_back(overload: Overload) -> None:
    assert {answer.headers["retry-after"] for answer in overload.answers if answer.status == 503} == {"1"}


def test_overloaded_server_is_healthy(overload: Overload) -> None:
    assert overload.healthy


def test_slow_model_is_not_waited_for(trained: Project, gated: dict[str, str], tmp_path: Path) -> None:
    gate = tmp_path / "open"
    with serving(trained, **gated, GATE=str(gate), SERVE_TIMEOUT_SECONDS="1") as server:
        answer = server.ask(INFER, GATED_REQUEST)

    assert (answer.status, answer.json["error"]) == (504, "The model took longer than 1 seconds; try again.")


@pytest.fixture(scope="module")
def strict(trained: Project) -> Iterator[Server]:
    with serving(trained, SERVE_TIMEOUT_SECONDS="3", SERVE_MAX_BYTES="1000") as server:
        yield server


def test_slow_client_is_cut_off_while_others_are_answered(strict: Server) -> None:
    head = f"POST {INFER} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000\r\n\r\n"
    with socket.create_connection((HOST, strict.port), timeout=10) as slow:
        slow.sendall(head.encode() + b'{"inputs":')
        other = strict.ask(INFER, REQUEST)
        first_line = slow.makefile("rb").readline()

    assert other.status == 200
    assert first_line.startswith(b"HTTP/1.1 408 ")


def test_large_body_is_refused(strict: Server) -> None:
    answer = strict.ask(INFER, b" " * 1001)

    assert (answer.status, answer.json["error"]) == (413, "The body has more than 1000 bytes; send fewer rows.")


# At its end


class Ending(NamedTuple):
    """What clients that asked without pause saw of a server that was told to stop."""

    sent: int
    answers: list[Answer]
    while_draining: Answer
    seconds: float


@pytest.fixture(scope="module", params=["1", "2"], ids=["one-process", "two-processes"])
def ending(request: pytest.FixtureRequest, trained: Project) -> Ending:
    with (
        serving(trained, SERVE_DRAIN_SECONDS=str(SECONDS_TO_DRAIN), WORKERS=request.param) as server,
        ThreadPoolExecutor(CLIENTS) as pool,
    ):
        clients = [Client(server) for _ in range(CLIENTS)]
        away = threading.Event()
        running = [pool.submit(client.ask_until, away) for client in clients]
        try:
            server.wait_for(lambda: all(len(client.answers) >= 20 for client in clients))
            server.process.send_signal(signal.SIGTERM)
            told = time.monotonic()
            server.wait_for(lambda: server.ask("/v2/health/ready").status == 503)
            while_draining = server.ask(INFER, REQUEST)
        finally:
            away.set()
        for future in running:
            future.result()
        server.process.wait(30)
        seconds = time.monotonic() - told
    answers = [answer for client in clients for answer in client.answers]
    return Ending(sum(client.sent for client in clients), answers, while_draining, seconds)


@dataclass
class Client:
    """Asks again and again on a connection that it keeps, until it is told that the server is not ready."""

    server: Server
    sent: int = 0
    answers: list[Answer] = field(default_factory=list)

    def ask_until(self, away: threading.Event) -> None:
        """Ask until the event; a connection that the server closes with its answer is opened again."""
        connection = self.server.connect()
        while not away.is_set():
            self.sent += 1
            with suppress(OSError):  # no answer: the test counts them
                self.answers.append(exchange(connection, INFER, REQUEST))
        connection.close()


def test_ending_server_loses_no_request(ending: Ending) -> None:
    assert [answer.status for answer in ending.answers] == [200] * ending.sent


def test_ending_server_answers_while_it_says_not_ready(ending: Ending) -> None:
    assert ending.while_draining.status == 200


def test_ending_server_lets_its_connections_go(ending: Ending) -> None:
    assert ending.while_draining.headers["connection"] == "close"


def test_ending_server_ends_soon_after_it_drained(ending: Ending) -> None:
    assert SECONDS_TO_DRAIN <= ending.seconds < SECONDS_TO_DRAIN + SECONDS_TO_END


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_ends_at_once(trained: Project, workers: str) -> None:
    with serving(trained, SERVE_DRAIN_SECONDS="60", WORKERS=workers) as server:
        os.killpg(server.process.pid, signal.SIGINT)  # as a terminal does
        server.process.wait(SECONDS_TO_END)


# With a model that does not load


@pytest.fixture(scope="module")
def broken(trained: Project, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the folder of a model whose file is cut off."""
    folder = tmp_path_factory.mktemp("broken") / "model"
    copytree(champion(trained), folder)
    rmtree(folder / "onnx")  # which would answer in its place
    (file,) = folder.glob("model.*")
    file.write_bytes(file.read_bytes()[:100])
    return str(folder)


@pytest.fixture(scope="module")
def poisoned(trained: Project, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the folder of a model with a loader of its own, which is to leave a file `marker` in the folder."""
    folder = tmp_path_factory.mktemp("poisoned") / "model"
    copytree(champion(trained), folder)
    rmtree(folder / "onnx")
    (folder / "code").mkdir()
    (folder / "code/poison.py").write_text(f"open({str(folder / 'marker')!r}, 'w')")
    record = (folder / "MLmodel").read_text()
    (folder / "MLmodel").write_text(
        record.replace("loader_module: mlflow.sklearn", "loader_module: poison\n    code: code")
    )
    return str(folder)


class Failure(NamedTuple):
    """How a server ended that has no model."""

    model: str
    code: int
    said: str


@pytest.fixture(scope="module", params=["1", "2"], ids=["one-process", "two-processes"])
def workers(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["broken", "missing", "poisoned"])
def failure(request: pytest.FixtureRequest, trained: Project, broken: str, poisoned: str, workers: str) -> Failure:
    model = {"broken": broken, "missing": f"models:/{NAME}/99", "poisoned": poisoned}[request.param]
    with starting(trained, MODEL_URI=model, WORKERS=workers) as server:
        code = server.process.wait(60)
        return Failure(model, code, server.said())


def test_server_without_a_model_fails(failure: Failure) -> None:
    assert failure.code > 0


def test_server_without_a_model_names_it_once_in_each_process(failure: Failure, workers: str) -> None:
    complaint = f"The model {failure.model!r} cannot be loaded: "

    assert 1 <= sum(complaint in line for line in failure.said.splitlines()) <= int(workers)


def test_server_without_a_model_shows_no_traceback(failure: Failure) -> None:
    assert "Traceback" not in failure.said


def test_server_without_a_model_has_run_nothing_of_it(failure: Failure) -> None:
    assert not Path(failure.model, "marker").exists()


# In two processes


@pytest.fixture
def pair(trained: Project) -> Iterator[Server]:
    with serving(trained, WORKERS="2") as server:
        yield server


def test_metrics_are_the_sum_of_both_processes(pair: Server) -> None:
    for _ in range(40):
        pair.ask(INFER, REQUEST)

    pair.wait_for(lambda: counted(pair) == 40)  # a request is counted once its answer is on the way
    assert {counted(pair) for _ in range(20)} == {40}


def counted(server: Server) -> float:
    metrics = server.ask("/metrics").body.decode()
    found = re.search(r'^model_server_requests_total{code="200",endpoint="infer",.+} (\S+)', metrics, re.MULTILINE)
    return float(found[1]) if found else 0


@pytest.fixture
def other_champion(pair: Server, trained: Project) -> Iterator[None]:
    """Make a second version the champion while the server runs, and the first one again afterwards."""
    python(trained, PROMOTE, python(trained, PROMOTE, "copy"))
    yield
    python(trained, PROMOTE, "1")


@pytest.mark.usefixtures("other_champion")
def test_process_that_starts_again_serves_the_version_of_the_others(pair: Server) -> None:
    first, second = pair.workers()
    os.kill(first, signal.SIGKILL)

    pair.wait_for(lambda: len(set(pair.workers()) - {first, second}) == 1)
    pair.wait_for(lambda: pair.ready_processes() == 2)
    assert {pair.ask(INFER, REQUEST).json["model_version"] for _ in range(20)} == {"1"}


# What it tells


class Collector(NamedTuple):
    """An OpenTelemetry collector that keeps what it gets."""

    address: str
    received: list[tuple[str, bytes]]

    def settings(self, milliseconds: str) -> dict[str, str]:
        """Return the settings by which a server sends it spans and log so often."""
        delays = dict.fromkeys(("OTEL_BSP_SCHEDULE_DELAY", "OTEL_BLRP_SCHEDULE_DELAY"), milliseconds)
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.address} | delays

    def has(self, signal: str) -> bool:
        """Return whether `traces` or `logs` with the trace of the test's request have come."""
        return any(path == f"/v1/{signal}" and bytes.fromhex(TRACE) in body for path, body in self.received)


@pytest.fixture
def collector() -> Iterator[Collector]:
    received: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Collector(f"http://{HOST}:{server.server_port}", received)
    server.shutdown()
    server.server_close()


TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
"""The example of https://www.w3.org/TR/trace-context/"""


def test_span_and_log_go_to_the_collector(trained: Project, collector: Collector) -> None:
    with serving(trained, **collector.settings("50")) as server:
        server.ask(INFER, REQUEST, traceparent=PARENT)
        server.wait_for(lambda: collector.has("traces") and collector.has("logs"))


def test_last_spans_and_lines_are_sent_before_the_end(trained: Project, collector: Collector) -> None:
    with serving(trained, **collector.settings("60000")) as server:
        server.ask(INFER, REQUEST, traceparent=PARENT)
        server.end(SECONDS_TO_END)

    assert collector.has("traces")
    assert collector.has("logs")


def test_log_line_names_the_trace(trained: Project, collector: Collector) -> None:
    with serving(trained, OTEL_EXPORTER_OTLP_ENDPOINT=collector.address) as server:
        server.ask(INFER, REQUEST, traceparent=PARENT)
        server.wait_for(lambda: server.lines(endpoint="infer", trace_id=TRACE))


def test_nothing_is_traced_unasked(trained: Project, collector: Collector) -> None:
    # The variable of the exporter alone, which would send at once what there was to send.
    settings = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": collector.address, "OTEL_BSP_SCHEDULE_DELAY": "1"}
    with serving(trained, **settings) as server:
        server.ask(INFER, REQUEST, traceparent=PARENT)
        server.wait_for(lambda: server.lines(endpoint="infer"))
        server.end(SECONDS_TO_END)
        (line,) = server.lines(endpoint="infer")

    assert "trace_id" not in line
    assert collector.received == []


@pytest.fixture(scope="module")
def log(trained: Project) -> list[dict[str, Any]]:
    """Return the log of a server that was asked for its health, its metrics and a prediction, in this order."""
    with serving(trained) as server:
        for path in ("/v2/health/live", "/v2/health/ready", "/metrics"):
            assert server.ask(path).status == 200
        server.ask(INFER, REQUEST, **{"x-request-id": "r-1"})
        server.wait_for(lambda: server.lines(endpoint="infer"))
        return server.lines()


def test_log_has_a_line_for_the_request(log: list[dict[str, Any]]) -> None:
    (line,) = [line for line in log if line.get("endpoint") == "infer"]

    assert line["message"] == f"POST {INFER}"
    assert (line["request_id"], line["status"], line["model_version"]) == ("r-1", 200, "1")


def test_log_tells_how_long_it_took(log: list[dict[str, Any]]) -> None:
    (line,) = [line for line in log if line.get("endpoint") == "infer"]

    assert 0 < line["milliseconds"] < 30_000


def test_log_has_no_health_checks(log: list[dict[str, Any]]) -> None:
    assert {line["endpoint"] for line in log if "endpoint" in line} == {"infer"}
