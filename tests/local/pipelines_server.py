"""Stands in for the API of Kubeflow Pipelines: answers as version 2.16.0 was seen to, and runs nothing."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]
Answer = tuple[int, Object]

API = "/apis/v2beta1/"
KEYS = {"experiments": "experiment_id", "runs": "run_id", "recurringruns": "recurring_run_id"}
LISTS = {"experiments": "experiments", "runs": "runs", "recurringruns": "recurringRuns"}
NEVER = "0001-01-01T00:00:00Z"
"""When what still runs has ended."""
PRECEDENCE = ["SUCCEEDED", "RUNNING", "FAILED"]
"""Of the states of its steps, the one that a run has."""


@dataclass
class PipelinesServer:
    """What was sent, by kind and identifier, and what is to be answered."""

    multi_user: bool = False
    token: str = ""
    """The token that it asks for, if any."""
    failing: str = ""
    """The step at which runs fail."""
    steps: tuple[str, ...] = ("ingest", "validate", "split")
    sent: dict[str, dict[str, Object]] = field(default_factory=lambda: {kind: {} for kind in KEYS})
    shown: set[str] = field(default_factory=set)
    """The tokens that it was shown."""
    ended: int = 1
    """The steps that have: one more whenever it is asked, and so two at first, whose order the list does not keep."""

    def create(self, kind: str, body: Object) -> Answer:
        """Keep an object under an identifier, but for a schedule that makes no sense."""
        cron = body.get("trigger", {}).get("cron_schedule", {}).get("cron", "* * * * * *")
        if len(cron.split()) not in (5, 6):
            return 400, {"code": 3, "message": f"Invalid input error: Schedule cron is not a supported format: {cron}"}
        body[KEYS[kind]] = f"{kind}-{len(self.sent[kind])}"
        self.sent[kind][body[KEYS[kind]]] = body
        return 200, body

    def get(self, kind: str, identifier: str) -> Answer:
        """Return an object as it is by now."""
        if identifier not in self.sent[kind]:
            return 404, {"code": 5, "message": f"{identifier} not found"}
        return 200, self.sent[kind][identifier] | (self.progress() if kind == "runs" else {})

    def list(self, kind: str, query: dict[str, list[str]]) -> Answer:
        """Return the objects that a filter lets through; where there are none, there is no list."""
        wanted = json.loads(query["filter"][0])["predicates"][0]
        (value,) = (value for key, value in wanted.items() if key.lower() in ("stringvalue", "string_value"))
        found = [each for each in self.sent[kind].values() if each[wanted["key"]] == value]
        return 200, {LISTS[kind]: found} if found else {}

    def progress(self) -> Object:
        """Return a run in which one more step has ended whenever it is asked for."""
        self.ended += 1
        states = ["SUCCEEDED"] * min(self.ended, len(self.steps)) + ["RUNNING"]
        if self.failing and self.ended > (place := self.steps.index(self.failing)):
            states[place:] = ["FAILED"]
        tasks = [
            _task(number, step, state) for number, (step, state) in enumerate(zip(self.steps, states, strict=False))
        ]
        state = max((task["state"] for task in tasks), key=PRECEDENCE.index)
        around = _task(9, "root-driver", "SUCCEEDED")
        return {"state": state, "run_details": {"task_details": [around, *tasks[::-1]]}}


def _task(number: int, step: str, state: str) -> Object:
    """Return a step."""
    began = f"2026-01-01T00:0{number}:0"
    ended = NEVER if state == "RUNNING" else f"{began}7Z"
    return {
        "task_id": f"task-{number}",
        "display_name": step,
        "start_time": f"{began}0Z",
        "end_time": ended,
        "state": state,
    }


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, server: PipelinesServer, *arguments: Any) -> None:
        self.pipelines = server
        super().__init__(*arguments)

    def do_GET(self) -> None:
        kind, _, identifier = self._path().partition("/")
        self.pipelines.shown.add((self.headers["Authorization"] or "").removeprefix("Bearer "))
        if self.pipelines.token and self.headers["Authorization"] != f"Bearer {self.pipelines.token}":
            self._answer(401, {"code": 16, "message": "Unauthenticated"})
        elif kind == "healthz":
            self._answer(200, {"multi_user": self.pipelines.multi_user, "pipeline_store": "database"})
        elif identifier:
            self._answer(*self.pipelines.get(kind, identifier))
        else:
            self._answer(*self.pipelines.list(kind, parse_qs(urlsplit(self.path).query)))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(*self.pipelines.create(self._path(), body))

    def do_DELETE(self) -> None:
        kind, _, identifier = self._path().partition("/")
        del self.pipelines.sent[kind][identifier]
        self._answer(200, {})

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def _path(self) -> str:
        return urlsplit(self.path).path.removeprefix(API)

    def _answer(self, status: int, body: Object) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def pipelines_server(server: PipelinesServer) -> Iterator[str]:
    """Answer while the body runs, and give the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, server)) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}"
        finally:
            listening.shutdown()
            thread.join()
