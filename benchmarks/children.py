"""The commands that the benchmarks time: each in a clean environment, and stopped whatever happens."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    with _started(command, folder, env) as process:
        printed, _ = process.communicate()
    if process.returncode:
        raise ChildError(f"`{' '.join(command)}` ended with status {process.returncode} and printed:\n{printed}")
    return time.perf_counter() - began


@contextmanager
def serving(project: Path, env: dict[str, str]) -> Iterator[dict[str, str]]:
    """Serve the champion while the body runs, and give the environment in which `make predict` finds the server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        env = env | {"SERVE_PORT": str(probe.getsockname()[1])}
    with _started(("make", "serve"), project, env) as server:
        deadline = time.monotonic() + START_SECONDS
        while not _ready(f"http://127.0.0.1:{env['SERVE_PORT']}/v2/health/ready"):
            if server.poll() is not None or time.monotonic() > deadline:
                _stop(server)
                raise ChildError(f"`make serve` was not ready in time and printed:\n{server.communicate()[0]}")
            time.sleep(0.05)
        yield env


@contextmanager
def _started(command: tuple[str, ...], folder: Path, env: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """Start a command, and at the end stop it and all that it started."""
    out, err = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(
        command, cwd=folder, env=env, text=True, stdout=out, stderr=err, start_new_session=True
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
