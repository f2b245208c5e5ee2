"""From nothing to a served prediction: generates a project with default answers and runs its own targets."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from copier import run_copy
from rich.console import Console

ROOT = Path(__file__).parent.parent
PROJECT = ROOT / "build" / "demo"
STEPS = 6
START_SECONDS = 60
NEEDED_BYTES = 3 * 1024**3

console = Console(highlight=False, soft_wrap=True)


class DemoError(Exception):
    """A step failed; the message says why and how to fix it."""


def main() -> int:
    """Run the demo and return its exit code."""
    began = time.monotonic()
    environment = demo_environment()
    try:
        with step(1, "Generate a project with default answers"):
            generate()
        with step(2, "Install it"):
            make("setup", environment, "Is there a network? uv's message above says what is missing.")
        with step(3, "Train, judge and promote a model"):
            make("run", environment, "The message above names the step and its log.", show=True)
        with step(4, "List the model's versions"):
            make("models", environment, "Remove build/demo and run `make demo` again.", show=True)
        with serving(environment), step(6, "Ask it for a prediction"):
            make("predict", environment, "Remove build/demo and run `make demo` again.", show=True)
    except DemoError as error:
        console.print(f"Error: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. `make demo` goes on from here.")
        return 130
    console.print(f"\nAll done in {time.monotonic() - began:.0f} s, and the server is stopped. The project is yours:\n")
    for line in ["cd build/demo", "make            # what it can do", "make serve      # and `make predict` beside it"]:
        console.print(f"  {line}", markup=False)
    console.print(f"\nFor a project of your own: {ROOT}/.venv/bin/copier copy {ROOT} my-project")
    return 0


def demo_environment() -> dict[str, str]:
    """Return the environment of the project's targets: this checkout's uv, a free port, and default settings."""
    example = (ROOT / "template/.env.example.jinja").read_text()
    unwanted = {line.lstrip("# ").partition("=")[0] for line in example.splitlines()} | {"VIRTUAL_ENV", "MAKEFLAGS"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return kept | {"PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}", "SERVE_PORT": str(port)}


@contextmanager
def step(number: int, title: str) -> Iterator[None]:
    """Announce a step, and say how long it took."""
    console.print(f"[bold]{number}/{STEPS} {title}[/bold]")
    began = time.monotonic()
    yield
    console.print(f"    done in {time.monotonic() - began:.1f} s")


def generate() -> None:
    """Write the project, over an earlier one if there is one; what that one trained stays."""
    PROJECT.parent.mkdir(exist_ok=True)
    free = shutil.disk_usage(PROJECT.parent).free
    if free < NEEDED_BYTES:
        raise DemoError(f"{free / 1024**3:.1f} GiB are free on this disk; the demo needs 3. Free some and try again.")
    warnings.simplefilter("ignore")  # Copier remarks that a checkout with edits is used as it is, which is the point
    run_copy(str(ROOT), PROJECT, defaults=True, overwrite=True, quiet=True, vcs_ref="HEAD")
    if not (PROJECT / ".git").exists():
        subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=PROJECT, check=True)
    console.print(f"    in {PROJECT}", markup=False)


def make(target: str, environment: dict[str, str], hint: str, show: bool = False) -> None:
    """Run a target of the project: its output is shown as it comes, or else only when it fails.

    Raises:
        DemoError: the target failed.
    """
    printed = []
    command = ["make", "--silent", target]
    with (
        console.status(f"make {target}") as status,
        subprocess.Popen(
            command, cwd=PROJECT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process,
    ):
        for line in process.stdout or []:
            printed.append(line)
            if show:
                console.print(f"    {line.rstrip()}", markup=False)
            else:
                status.update(f"make {target}: {line.strip()[:60]}")
    if process.returncode:
        if not show:
            console.print("".join(printed), markup=False)
        raise DemoError(f"`make {target}` in {PROJECT} ended with status {process.returncode}. {hint}")


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[None]:
    """Run the model server while the body runs.

    Raises:
        DemoError: the server did not become ready.
    """
    address = f"http://127.0.0.1:{environment['SERVE_PORT']}"
    server = subprocess.Popen(
        ["make", "--silent", "serve"],
        cwd=PROJECT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        with step(5, f"Serve the champion at {address}"), console.status("Starting"):
            wait_until_ready(server, address)
        yield
    finally:
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=START_SECONDS)


def wait_until_ready(server: "subprocess.Popen[str]", address: str) -> None:
    """Return once the server says that it is ready.

    Raises:
        DemoError: it ended, or took too long.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            printed = server.stdout.read() if server.stdout else ""
            raise DemoError(f"The server ended before it was ready: {printed.strip()}")
        try:
            with urllib.request.urlopen(f"{address}/v2/health/ready", timeout=1):  # noqa: S310  our own server
                return
        except OSError:
            time.sleep(0.1)
    raise DemoError(f"The server was not ready after {START_SECONDS} s; is the machine busy? Try again.")


if __name__ == "__main__":
    sys.exit(main())
