"""Follows a run on a cluster until it has ended."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any

from kfp import Client
from kfp_server_api import V2beta1PipelineTaskDetail as Task
from kfp_server_api import V2beta1Run as Run
from rich.console import Console

from ml_chassis.errors import ClusterError, PipelineError
from ml_chassis.pipelines.causes import cause_of, stuck_in, was_stopped
from ml_chassis.pipelines.local import row
from ml_chassis.pipelines.server import TIMEOUT_SECONDS, MissingError, UnavailableError, connected
from ml_chassis.settings import Settings

PENDING, RUNNING, SUCCEEDED, FAILED = "PENDING", "RUNNING", "SUCCEEDED", "FAILED"
ENDED = {SUCCEEDED, FAILED, "SKIPPED", "CANCELED"}
STOPPING = "CANCELING"
"""What a run was, at one time, that somebody ended; the server may forget it."""
POLL_SECONDS = 2
PATIENCE_SECONDS = 300
"""How long the server may be away while a run goes on: it starts again in less."""
SECONDS_TO_STORE = 15
"""In which the server stores how the steps ended, after the run."""
RECONNECT_SECONDS = 5


def follow_to_end(run_id: str, address: str, settings: Settings) -> None:
    """Tell of each step of a run that ends or cannot start, and return when all have succeeded.

    Args:
        run_id: a run that is there.
        address: where the server's pages are.
        settings: where the cluster is.

    Raises:
        ClusterError, PipelineError: the cluster refuses, or was away for too long.
        PipelineError: the run failed, was ended or deleted; the message has its cause.
    """
    console = Console(soft_wrap=True)
    shown: set[str] = set()
    try:
        console.print(f"Run {run_id}: {address}/#/runs/details/{run_id}")
        polled = _polled(run_id, settings, lambda line: console.print(line, markup=False))
        run = _told(polled, shown, settings, console)
    except MissingError as error:
        raise PipelineError(f"The run was deleted, which ends it. {error}") from error
    except (ClusterError, KeyboardInterrupt, PipelineError):
        follow, stop = (settings.project.command(f"{name} {run_id}") for name in ("follow", "stop"))
        again = f"`{follow}` follows it again, `{stop}` ends it."
        console.print(f"The run goes on. {again}", markup=False)
        raise
    # It has ended, which nothing changes that happens from here on.
    with suppress(ClusterError, PipelineError, KeyboardInterrupt):
        run = _told(_polled_to_its_steps(run, settings), shown, settings, console)
    if run.state == SUCCEEDED:
        return
    if STOPPING in {past.state for past in run.state_history or []} or was_stopped(run_id, settings):
        raise PipelineError("The run was ended by hand.")
    failed = ", ".join(task.display_name for task in _steps(run) if task.state == FAILED)
    outcome = f"Step {failed} failed" if failed else f"The run is {run.state}"
    raise PipelineError(f"{outcome}: {cause_of(run_id, settings)}")


def _told(polled: Iterable[Run], shown: set[str], settings: Settings, console: Console) -> Run:
    """Print a row for each step that ends and each pod that cannot start, unless it is shown, and return the last."""
    with console.status("Starting") as status:
        for run in polled:
            tasks = _steps(run)
            for key, line in (_rows(tasks) | _waiting(run, settings)).items():
                if key not in shown:
                    shown.add(key)
                    console.print(line, markup=False)
            status.update(", ".join(task.display_name for task in tasks if task.state == RUNNING) or "Waiting")
    return run


def _polled(run_id: str, settings: Settings, say: Callable[[str], None]) -> Iterator[Run]:
    """Yield a run as it is every few seconds, at last as it ended, whatever connections are lost before."""
    answered, lost = time.monotonic(), False
    while True:
        connecting = time.monotonic()
        try:
            with connected(settings) as (client, _):
                while True:
                    run = _run(client, run_id)
                    answered, lost = time.monotonic(), False
                    yield run
                    if run.state in ENDED:
                        return
                    time.sleep(POLL_SECONDS)
        except UnavailableError as error:
            if time.monotonic() - answered > PATIENCE_SECONDS:
                raise
            if not lost:
                say(f"  {error} The run goes on; trying again for {PATIENCE_SECONDS // 60} minutes.")
            lost = True
            time.sleep(RECONNECT_SECONDS)
        except (ClusterError, PipelineError):
            if answered <= connecting:  # else the login may have expired, and the next connection has a new one
                raise


def _polled_to_its_steps(run: Run, settings: Settings) -> Iterator[Run]:
    """Yield a run that has ended until it says how its steps ended, which the server stores after the run."""
    latest = time.monotonic() + SECONDS_TO_STORE
    yield run
    if _has_its_steps(run):
        return
    with connected(settings) as (client, _):
        while not _has_its_steps(run) and time.monotonic() < latest:
            time.sleep(POLL_SECONDS)
            run = _run(client, run.run_id)
            yield run


def _run(client: Client, run_id: str) -> Run:
    """Return a run as it is."""
    # The client's own `get_run` waits for ever on a connection that is lost without a word.
    run = client._run_api.run_service_get_run(run_id, _request_timeout=TIMEOUT_SECONDS)
    if not run.run_id:  # what the client makes of a page, such as that of a login
        raise PipelineError("Kubeflow Pipelines answers with a page in place of the run.")
    return run


def _has_its_steps(run: Run) -> bool:
    """Say whether what is told of an ended run's steps is how they ended: until it is stored, it is how they were."""
    tasks = _tasks(run)
    return bool(tasks) and all(task.state not in (PENDING, RUNNING) for task in tasks)


def _waiting(run: Run, settings: Settings) -> dict[str, str]:
    """Return why pods cannot start, if any wait: to ask the cluster at each poll would start a process each time."""
    return stuck_in(run.run_id, settings) if any(task.state == PENDING for task in _tasks(run)) else {}


def _rows(tasks: list[Task]) -> dict[str, str]:
    """Return a row for each step that has ended, by its identifier."""
    return {task.task_id: _row(task) for task in tasks if task.state in (SUCCEEDED, FAILED)}


def _row(task: Task) -> str:
    seconds = (task.end_time - task.start_time).total_seconds()
    done = "done" if seconds else "cached"  # a step whose output is known gets no pod, and so takes no time
    return row(task.display_name, done if task.state == SUCCEEDED else "failed", seconds)


def _steps(run: Run) -> list[Task]:
    """Return the steps that have begun, in their order, without what the server runs around them."""
    names = _step_names(run.pipeline_spec["pipeline_spec"])
    return sorted((task for task in _tasks(run) if task.display_name in names), key=lambda task: task.start_time)


def _tasks(run: Run) -> list[Task]:
    return (run.run_details.task_details if run.run_details else None) or []


def _step_names(spec: dict[str, Any]) -> set[str]:
    """Return the names of the tasks that run a container, of nested pipelines too."""
    components = spec["components"]
    dags = [part["dag"] for part in (spec["root"], *components.values()) if "dag" in part]
    tasks = [(name, task["componentRef"]["name"]) for dag in dags for name, task in dag["tasks"].items()]
    return {name for name, component in tasks if "executorLabel" in components[component]}
