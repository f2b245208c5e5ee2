"""Runs a pipeline on this machine, each step in a process of its own, and tells how it goes."""

import contextlib
import io
import re
import sys
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from kfp import local
from rich.console import Console
from rich.status import Status

from ..errors import PipelineError

STARTED = re.compile(r"Executing task \S*?'([\w-]+)'")
ENDED = re.compile(r"Task \S*?'([\w-]+)'\S* finished with status \S*?(SUCCESS|FAILURE)")
CAUSE = re.compile(r"^\s*[\w.]*(?:Error|Exception): (.+)")


def run_pipeline(pipeline: Callable[..., Any], arguments: dict[str, Any], root: Path) -> dict[str, Any]:
    """Run a pipeline, print a row per step with its time, and return the outputs by name.

    Args:
        pipeline: what `dsl.pipeline` made.
        arguments: its parameters.
        root: the folder for the artifacts and the log.

    Raises:
        PipelineError: a step failed; the message has its cause and where the log is.
    """
    root.mkdir(parents=True, exist_ok=True)
    log_path = root / f"{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}.log"
    local.init(local.SubprocessRunner(use_venv=False), pipeline_root=str(root))
    warnings.filterwarnings("ignore", "You may be attemping to run a task", RuntimeWarning)
    console = Console(file=sys.stdout)  # the standard output of now: below, it goes to the log
    with (
        log_path.open("w") as log,
        console.status("Starting") as status,
        contextlib.redirect_stdout(_StepReport(log, console, status)) as report,
    ):
        try:
            return dict(pipeline(**arguments).outputs)
        except RuntimeError as error:
            cause = report.cause or str(error)
            raise PipelineError(f"Step {report.step} failed: {cause}\nThe whole log is in {log_path}.") from error


class _StepReport(io.TextIOBase):
    """Takes the runner's output: all of it goes to the log, and each step that ends becomes a row on the console."""

    def __init__(self, log: TextIO, console: Console, status: Status) -> None:
        self.step = "setup"
        self.cause = ""
        self._log, self._console, self._status = log, console, status
        self._began = time.perf_counter()

    def write(self, text: str) -> int:
        self._log.write(text)
        if started := STARTED.search(text):
            self.step, self.cause, self._began = started[1], "", time.perf_counter()
            self._status.update(self.step)
        elif ended := ENDED.search(text):
            seconds = time.perf_counter() - self._began
            self._console.print(f"  {ended[1]:<12} {'done' if ended[2] == 'SUCCESS' else 'failed':<8} {seconds:5.1f} s")
        elif cause := CAUSE.match(text):
            self.cause = cause[1]
        return len(text)
