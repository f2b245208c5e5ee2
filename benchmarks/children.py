"""The commands that the benchmarks time: each in a clean environment, and stopped whatever happens."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

ROOT = Path(__file__).parent.parent
INHERITED = ("HOME", "LANG", "PYENV_VERSION", "SSL_CERT_FILE")
START_SECONDS = 120


class ChildError(Exception):
    """A command failed; the message says which, and what it printed."""


def environment(uv_cache: Path) -> dict[str, str]:
    """Return a clean environment: this checkout's tools, this Python's version, cached byte code, and a uv cache."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    path = f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return kept | {"PATH": path, "UV_PYTHON": python, "UV_CACHE_DIR": str(uv_cache)}


def run(*command: str, folder: Path, env: dict[str, str]) -> float:
    """Run a command that must succeed, and return the seconds it took."""
    began = time.perf_counter()
    printed(*command, folder=folder, env=env)
    return time.perf_counter() - began


def printed(*command: str, folder: Path, env: dict[str, str]) -> str:
    """Run a command that must succeed, and return what it printed."""
    with _started(command, folder, env, subprocess.PIPE) as process:
        text, _ = process.communicate()
    if process.returncode:
        raise ChildError(f"`{' '.join(command)}` ended with status {process.returncode} and printed:\n{text}")
    return text


@contextmanager
def serving(project: Path, env: dict[str, str]) -> Iterator[dict[str, str]]:
    """Serve the champion while the body runs, and give the environment in which `make predict` finds the server."""
    (port,) = free_ports(1)
    env = env | {"SERVE_PORT": str(port)}
    with listening("make", "serve", folder=project, env=env, url=f"http://127.0.0.1:{port}/v2/health/ready"):
        yield env


@contextmanager
def listening(*command: str, folder: Path, env: dict[str, str], url: str) -> Iterator[None]:
    """Run a server while the body runs, which begins once the server answers at `url`."""
    # A file takes all that a server logs; a pipe that nobody reads would fill up and halt it.
    with TemporaryFile("w+") as log, _started(command, folder, env, log) as server:
        deadline = time.monotonic() + START_SECONDS
        while not _ready(url):
            if server.poll() is not None or time.monotonic() > deadline:
                log.seek(0)
                raise ChildError(f"`{' '.join(command)}` was not ready in time and printed:\n{log.read()}")
            time.sleep(0.05)
        try:
            yield
        except (ChildError, OSError):
            if server.poll() is None:
                raise
            log.seek(0)
            raise ChildError(f"`{' '.join(command)}` ended while it was in use and printed:\n{log.read()}") from None


def free_ports(count: int) -> list[int]:
    """Return different ports of this machine that nobody listens on."""
    with ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in sockets]


@contextmanager
def _started(
    command: tuple[str, ...], folder: Path, env: dict[str, str], out: int | IO[str]
) -> Iterator["subprocess.Popen[str]"]:
    """Start a command, and at the end stop it and all that it started."""
    with subprocess.Popen(
        command, cwd=folder, env=env, text=True, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            _stop(process)


def _stop(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310  our own server
            return True
    except OSError:
        return False
