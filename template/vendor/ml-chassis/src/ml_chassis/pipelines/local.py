"""Runs a pipeline on this machine, each step in a process of its own, and tells how it goes."""

import contextlib
import io
import logging
import os
import re
import sys
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from kfp import local
from kfp.dsl.base_component import BaseComponent
from rich.console import Console
from rich.status import Status

from ml_chassis.errors import PipelineError
from ml_chassis.monitoring.gateway import run_pushed
from ml_chassis.settings import Settings

STARTED = re.compile(r"Executing task \S*?'([\w-]+)'")
ENDED = re.compile(r"Task \S*?'([\w-]+)'\S* finished with status \S*?(SUCCESS|FAILURE)")
NOTE = re.compile(r"^\s*Note: (.+)")
RESULT = re.compile(r"^\s*Result: (.+)")
CAUSE = re.compile(r"^\s*[\w.]*(?:Error|Exception): (.+)")


def run_local(pipeline: BaseComponent, arguments: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """Run a pipeline on this machine, each step in a process of its own, and print a row per step with its time.

    What a step prints after `Note: ` is shown above its row, and what it prints after `Result: ` below.

    Args:
        pipeline: what `dsl.pipeline` made.
        arguments: its parameters, by name.
        settings: where the artifacts and the log go: `pipelines` in LOCAL_DIR.

    Returns:
        The pipeline's outputs, by name. An output that is a file has its `path`; an output without a name is `Output`.

    Raises:
        PipelineError: a step failed; the message has its cause and where the log is.
    """
    root = settings.local_dir / "pipelines"
    root.mkdir(parents=True, exist_ok=True)
    log_path = root / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}-{os.getpid()}.log"
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
    warnings.filterwarnings("ignore", "You may be attemping to run a task", RuntimeWarning)
    logging.basicConfig(filename=log_path)  # the runner warns of conditions that only a cluster evaluates
    console = Console(file=sys.stdout)  # the standard output of now: below, it goes to the log
    with (
        log_path.open("a") as log,
        console.status("Starting") as status,
        contextlib.redirect_stdout(_StepReport(log, console, status)) as report,
        run_pushed(settings, pipeline.name),
        _python_by_name(),
    ):
        try:
            return dict(pipeline(**arguments).outputs)
        except RuntimeError as error:
            cause = report.cause or str(error)
            raise PipelineError(f"Step {report.step} failed: {cause}\nThe whole log is in {log_path}.") from error


def row(step: str, outcome: str, seconds: float) -> str:
    """Return what is shown of a step that has ended."""
    return f"  {step:<12} {outcome:<8} {seconds:5.1f} s"


@contextlib.contextmanager
def _python_by_name() -> Iterator[None]:
    """Have steps find this Python on PATH: the runner writes its path into a line of shell, and may break it there.

    https://github.com/kubeflow/pipelines/blob/2.16.1/sdk/python/kfp/local/subprocess_task_handler.py
    """
    executable, path = sys.executable, os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = f"{Path(executable).parent}{os.pathsep}{path}"
    sys.executable = "python3"
    try:
        yield
    finally:
        sys.executable, os.environ["PATH"] = executable, path


class _StepReport(io.TextIOBase):
    """Takes the runner's output: all of it goes to the log, and each step that ends becomes a row on the console."""

    def __init__(self, log: TextIO, console: Console, status: Status) -> None:
        self.step = "setup"
        self.cause = ""
        self._result = ""
        self._log, self._console, self._status = log, console, status
        self._began = time.perf_counter()

    def write(self, text: str) -> int:
        self._log.write(text)
        if started := STARTED.search(text):
            self.step, self.cause, self._result, self._began = started[1], "", "", time.perf_counter()
            self._status.update(self.step)
        elif ended := ENDED.search(text):
            seconds = time.perf_counter() - self._began
            self._console.print(row(ended[1], "done" if ended[2] == "SUCCESS" else "failed", seconds))
            if self._result:
                self._console.print(self._result, markup=False, highlight=False, soft_wrap=True)
        elif note := NOTE.match(text):
            self._console.print(f"  {note[1]}", markup=False, highlight=False)
        elif result := RESULT.match(text):
            self._result = result[1]
        elif cause := CAUSE.match(text):
            self.cause = cause[1]
        return len(text)
