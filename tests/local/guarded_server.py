"""Stands in for a Kubeflow Pipelines for several users, behind a login: it knows who asks, and runs nothing.

The real one needs the whole of Kubeflow's login for that. A test of `test_submit.py` shows that both answer alike.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any
from urllib.parse import urlsplit

Object = dict[str, Any]

API = "/apis/v2beta1/"
EXPERIMENT = {"experiment_id": "1"}
RUN = {"run_id": "any", "state": "RUNNING", "pipeline_spec": {"pipeline_spec": {"root": {}, "components": {}}}}


@dataclass
class GuardedServer:
    """What it asks for, and what it was shown."""

    multi_user: bool = False
    token: str = ""
    """The token that it asks for, if any."""
    page: bytes = b""
    """What it shows instead of all answers, as where another program is at its address."""
    shown: set[str] = field(default_factory=set)
    """The tokens that it was shown."""
    namespaces: set[str] = field(default_factory=set)
    """Where experiments were to be."""
    expired: set[str] = field(default_factory=set)
    """The tokens that it takes no more."""
    closed: bool = False
    """The mesh before it lets nobody pass."""
    failures: list[int] = field(default_factory=list)
    """The statuses with which it answers next about a run, before it gives an answer."""
    answered: Event = field(default_factory=Event)
    """It gave an answer about a run."""

    def answers_again(self, seconds: float) -> None:
        """Wait until it has answered about a run once more."""
        self.answered.clear()
        assert self.answered.wait(seconds)


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, server: GuardedServer, *arguments: Any) -> None:
        self.guarded = server
        super().__init__(*arguments)

    def do_GET(self) -> None:
        token = (self.headers["Authorization"] or "").removeprefix("Bearer ")
        self.guarded.shown.add(token)
        if self.guarded.page:
            self._send(200, "text/html", self.guarded.page)
        elif self.guarded.closed:
            self._send(403, "text/plain", b"RBAC: access denied")  # as Istio does
        elif self.guarded.token and token != self.guarded.token:
            self._answer(401, {"code": 16, "message": "Unauthenticated"})
        elif urlsplit(self.path).path == f"{API}healthz":
            self._answer(200, {"multi_user": self.guarded.multi_user, "pipeline_store": "database"})
        elif not urlsplit(self.path).path.startswith(f"{API}runs/"):
            self._answer(200, {})  # a list of nothing
        elif token in self.guarded.expired:
            self._answer(401, {"code": 16, "message": "Review.Status.Authenticated is false. Error token has expired"})
        elif self.guarded.failures:
            self._answer(self.guarded.failures.pop(0), {"code": 14, "message": "Not now"})
        else:
            self._answer(200, RUN)
            self.guarded.answered.set()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.guarded.namespaces.add(body.get("namespace", ""))
        self._answer(200, EXPERIMENT | body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""

    def _answer(self, status: int, body: Object) -> None:
        self._send(status, "application/json", json.dumps(body).encode())

    def _send(self, status: int, kind: str, text: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@contextmanager
def guarded_server(server: GuardedServer) -> Iterator[str]:
    """Answer while the body runs, and give the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, server)) as listening:
        thread = Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}"
        finally:
            listening.shutdown()
            thread.join()
