"""Loads a server with `wrk`, which keeps its connections open and sends the next request once it has the answer."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from children import ChildError

SCRIPT = Path(__file__).parent / "post.lua"
TIMEOUT = "30s"


@dataclass(frozen=True)
class Load:
    """What a server did under load: requests per second, milliseconds to an answer, and failed requests."""

    per_second: float
    p50: float
    p99: float
    errors: int


def check() -> None:
    """Raise an error if there is no wrk."""
    if not shutil.which("wrk"):
        raise ChildError("`wrk` is missing; install it with your system's package manager, such as: apt install wrk")


def post(name: str, url: str, body: Path, connections: int, seconds: int) -> Load:
    """Post a body to the server `name` for some seconds, over and over on each connection.

    Raises:
        ChildError: `wrk` failed, or a request did.
    """
    options = ("--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--timeout", TIMEOUT)
    command = ("wrk", *options, "--script", str(SCRIPT), url, "--", str(body))
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise ChildError(f"`{' '.join(command)}` ended with status {ended.returncode} and printed:\n{ended.stderr}")
    figures = json.loads(ended.stdout.splitlines()[-1])
    if figures["errors"]:
        failed = f"{figures['errors']} of {figures['requests']} requests to {name} failed"
        raise ChildError(f"{failed}; see what it answers to {body.name} at {url}.")
    per_second = figures["requests"] / figures["duration_us"] * 1e6
    return Load(per_second, figures["p50_us"] / 1e3, figures["p99_us"] / 1e3, figures["errors"])


def middle(loads: list[Load]) -> Load:
    """Return the medians of several measurements, and all of their errors."""
    return Load(
        median(load.per_second for load in loads),
        median(load.p50 for load in loads),
        median(load.p99 for load in loads),
        sum(load.errors for load in loads),
    )
