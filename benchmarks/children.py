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
    """Run a command that must succeed, and return the seconds it took.

    Raises:
        ChildError: it failed.
    """
    began = time.perf_counter()
    with _started(*command, folder=folder, env=env) as process:
        printed, _ = process.communicate()
    seconds = time.perf_counter() - began
    if process.returncode:
        raise ChildError(f"`{' '.join(command)}` ended with status {process.returncode} and printed:\n{printed}")
    return seconds


@contextmanager
def serving(project: Path, env: dict[str, str]) -> Iterator[dict[str, str]]:
    """Serve the champion while the body runs, and give the environment in which `make predict` finds the server.

    Raises:
        ChildError: it did not become ready.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    env = env | {"SERVE_PORT": port}
    with _started("make", "serve", folder=project, env=env) as server:
        _wait_until_ready(server, f"http://127.0.0.1:{port}/v2/health/ready")
        yield env


@contextmanager
def _started(*command: str, folder: Path, env: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """Start a command, and at the end stop it and all that it started."""
    with subprocess.Popen(
        command,
        cwd=folder,
        env=env,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)


def _wait_until_ready(server: "subprocess.Popen[str]", url: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise ChildError(f"`make serve` ended before it was ready and printed:\n{server.communicate()[0]}")
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310  our own server
                return
        except OSError:
            time.sleep(0.05)
    os.killpg(server.pid, signal.SIGTERM)
    raise ChildError(f"`make serve` was not ready in {START_SECONDS} s and printed:\n{server.communicate()[0]}")
