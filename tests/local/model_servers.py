"""Model servers of a generated project, as processes that a test asks, watches and ends."""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import IO, Any, NamedTuple

from tests.local.data_servers import HOST, free_port
from tests.local.projects import Project
from tests.running import run

NAME = "wine-cultivars"
MODEL = f"/v2/models/{NAME}"
GRPC = "grpcio==1.85.3"
"""What the extra `grpc` adds, which no repository has from the start."""
SECONDS_TO_START = 120
SECONDS_TO_ANSWER = 30


class Answer(NamedTuple):
    """What a server said."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        """The body's content."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A process of `serve`, with what it writes to its standard error."""

    port: int
    process: "subprocess.Popen[bytes]"
    log: IO[bytes]

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    def connect(self) -> HTTPConnection:
        """Return a connection that several requests can use."""
        return HTTPConnection(HOST, self.port, timeout=SECONDS_TO_ANSWER)

    def ask(self, path: str, content: Any = None, method: str = "", **headers: str) -> Answer:
        """Return the answer to a GET, or to a POST of `content`: bytes as they are, all else as JSON."""
        connection = self.connect()
        try:
            return exchange(connection, path, content, method, **headers)
        finally:
            connection.close()

    def ready(self) -> bool:
        """Return whether it says that requests should be sent to it."""
        return self.ask("/v2/health/ready").status == 200

    def ready_processes(self) -> int:
        """Ask some times, and return how many processes are ready: each begins the ids of requests in its own way."""
        with suppress(OSError):
            answers = [self.ask("/v2/health/ready") for _ in range(20)]
            return len({answer.headers["x-request-id"].partition("-")[0] for answer in answers if answer.status == 200})
        return 0

    def wait_for(self, holds: Callable[[], object], seconds: float = SECONDS_TO_ANSWER) -> None:
        """Return once a condition holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert self.process.poll() is None, f"the server ended:\n{self.said()}"
            assert time.monotonic() < deadline, f"not within {seconds} s:\n{self.said()}"
            time.sleep(0.02)

    def end(self, seconds: float | None = None) -> None:
        """Tell it to end, and return once it has."""
        self.process.terminate()
        self.process.wait(seconds)

    def said(self) -> str:
        """Return what it wrote to its standard error so far."""
        size = os.fstat(self.log.fileno()).st_size
        return os.pread(self.log.fileno(), size, 0).decode()  # leaves the position, which the server shares

    def lines(self, **fields: Any) -> list[dict[str, Any]]:
        """Return the lines of its log, each a JSON object, that have these fields."""
        lines = [json.loads(line) for line in self.said().splitlines()]
        return [line for line in lines if fields.items() <= line.items()]

    def workers(self) -> list[int]:
        """Return the ids of its worker processes."""
        rows = [line.split(maxsplit=2) for line in run("ps", "-A", "-ww", "-o", "pid=,ppid=,command=").splitlines()]
        own = [(int(pid), command) for pid, parent, *command in rows if int(parent) == self.process.pid]
        return [pid for pid, command in own if "spawn_main" in command[0]]


def exchange(connection: HTTPConnection, path: str, content: Any = None, method: str = "", **headers: str) -> Answer:
    """Ask on a connection that stays open."""
    body = content if content is None or isinstance(content, bytes) else json.dumps(content).encode()
    connection.request(method or ("GET" if body is None else "POST"), path, body, headers)
    response = connection.getresponse()
    return Answer(response.status, response.headers, response.read())


@contextmanager
def starting(project: Project, **settings: str) -> Iterator[Server]:
    """Start a server, and end whatever is left of it after the block."""
    port = free_port()
    environment = project.environment | {"SERVE_PORT": port, "SERVE_DRAIN_SECONDS": "0"} | settings
    command = [str(project.folder / ".venv/bin" / NAME), "serve"]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            cwd=project.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield Server(int(port), process, log)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextmanager
def serving(project: Project, **settings: str) -> Iterator[Server]:
    """Run a server from the moment that all its processes are ready until the block ends."""
    with starting(project, **settings) as server:
        processes = int(settings.get("WORKERS", "1"))
        server.wait_for(lambda: server.ready_processes() == processes, SECONDS_TO_START)
        yield server


def python(project: Project, script: str, *arguments: str) -> str:
    """Run a script with the project's libraries, and return the last line that it printed."""
    command = [str(project.folder / ".venv/bin/python"), "-c", script, *arguments]
    done = subprocess.run(
        command, cwd=project.folder, env=project.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return (done.stdout.splitlines() or [""])[-1]


def champion(project: Project) -> Path:
    """Return the folder of the first model's files."""
    return min((project.folder / ".local/mlflow").rglob("MLmodel")).parent
