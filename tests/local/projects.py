"""A generated project with its environment, and its targets as a user runs them."""

import os
import shlex
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import source_from_cache
from pathlib import Path
from threading import Timer
from typing import Any

from copier import run_copy

from tests.isolation import of_a_user, recording
from tests.local.data_servers import free_port, wait_until_up
from tests.needs import require_python
from tests.running import ROOT, run

SECONDS_TO_SAY = 400
"""How long a command may take to print what is waited for."""
SAMPLE = """
from wine_cultivars.data import load
from wine_cultivars.settings import Settings
print(load(Settings.load()).to_csv(index=False))
"""
SECRETS = {
    name: f"the-secret-{name}" for name in ("DATABASE_PASSWORD", "AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_TOKEN")
}
"""What the runs of trained projects know, and nothing of theirs may show."""
LENDERS = ROOT / "build/byte-code"
"""Leads, by their Python, to the libraries of the project that any worker, also of an earlier run, set up last."""


@dataclass(frozen=True)
class Project:
    """A generated project; its targets and its own commands run with the settings given."""

    folder: Path
    python: str = "3.11"
    settings: dict[str, str] = field(default_factory=dict)
    within: tuple[str, ...] = ()
    """What each command begins with, such as what runs it in another network."""

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of a user, with this checkout's uv."""
        path = f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
        recorded = recording() if "KUBECONFIG" in self.settings else {}
        return of_a_user() | recorded | {"PATH": path, "UV_PYTHON": self.python} | self.settings

    def set_up(self) -> None:
        """Run `make setup`, for which an earlier project lends its byte code: to compile all takes 20 s of a core."""
        require_python(self.python)
        libraries, lender = self.folder / ".venv/lib", LENDERS / self.python
        if lender.exists():
            run("uv", "sync", "--quiet", cwd=self.folder, env=self.environment)
            lend_byte_code(lender.resolve(), libraries)
        self.make("setup")
        LENDERS.mkdir(parents=True, exist_ok=True)
        new = LENDERS / f"{self.python}-{os.getpid()}"
        new.symlink_to(libraries)
        new.replace(lender)  # at once, as other workers look there

    def make(self, target: str, **settings: str) -> str:
        """Run a target that must succeed, and return what it printed."""
        return run(*self.within, "make", *shlex.split(target), cwd=self.folder, env=self.environment | settings)

    @property
    def own(self) -> tuple[str, str, str]:
        """Return what the project's own commands begin with."""
        named = tomllib.loads((self.folder / "pyproject.toml").read_text())["project"]["name"]
        return "uv", "run", named

    def call(self, command: str, **settings: str) -> str:
        """Run a command of the project that must succeed, and return what it printed."""
        words = (*self.within, *self.own, *shlex.split(command))
        return run(*words, cwd=self.folder, env=self.environment | settings)

    def fail(self, command: str, **settings: str) -> str:
        """Run a command of the project that must fail, and return what it printed."""
        with self.started(*self.own, *shlex.split(command), **settings) as process:
            said, _ = process.communicate()
        assert process.returncode != 0, said
        return said

    @contextmanager
    def started(self, *command: str, **settings: str) -> Iterator["subprocess.Popen[str]"]:
        """Start a command that ends with the body at the latest, and give its process, whose output must be read."""
        with subprocess.Popen(
            [*self.within, *command],
            cwd=self.folder,
            env=self.environment | settings,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def sample(self, rows: int) -> str:
        """Return the first rows that it trains on, as CSV."""
        text = run("uv", "run", "python", "-c", SAMPLE, cwd=self.folder, env=self.environment)
        return "\n".join(text.splitlines()[: rows + 1])

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve the champion while the body runs, and give the server's address."""
        port = free_port()
        address = f"http://127.0.0.1:{port}"
        environment = self.environment | {"SERVE_PORT": port}
        with subprocess.Popen(["make", "serve"], cwd=self.folder, env=environment, start_new_session=True) as server:
            try:
                wait_until_up(f"{address}/v2/health/ready", server)
                yield address
            finally:
                os.killpg(server.pid, signal.SIGTERM)


def read_until(command: "subprocess.Popen[str]", text: str) -> str:
    """Return the lines that a command prints up to one that holds a text."""
    assert command.stdout
    said = ""
    ending = Timer(SECONDS_TO_SAY, os.killpg, (command.pid, signal.SIGKILL))
    ending.start()
    try:
        for line in command.stdout:
            said += line
            if text in line:
                return said
    finally:
        ending.cancel()
    raise AssertionError(f"{text!r} is not in:\n{said}")


def trained_project(template: Path, folder: Path, **answers: Any) -> Project:
    """Return a project generated from answers, set up, and with a trained champion."""
    run_copy(str(template), folder, data=answers, defaults=True, quiet=True)
    project = Project(folder)
    project.set_up()
    project.make("run", **SECRETS)
    return project


def lend_byte_code(lender: Path, libraries: Path) -> None:
    """Link the byte code of the modules that both have; Python ignores it where the modules differ."""
    with suppress(FileNotFoundError):  # of the folders of earlier runs, each run removes the oldest as it starts
        for path in lender.rglob("*.cpython-???.pyc"):  # not what pytest rewrote, which has a longer name
            link = libraries / path.relative_to(lender)
            if Path(source_from_cache(link)).exists():
                link.parent.mkdir(exist_ok=True)
                with suppress(OSError):  # it is there, or on another file system
                    link.hardlink_to(path)
