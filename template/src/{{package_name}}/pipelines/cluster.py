"""Runs a pipeline on a cluster, and tells how it goes."""

import contextlib
import io
import json
import time
from datetime import UTC, datetime
from typing import Any

from kfp import Client
from kfp.dsl.base_component import BaseComponent
from kfp_server_api import V2beta1PipelineTaskDetail as Task
from kfp_server_api import V2beta1Run as Run
from rich.console import Console

from ..errors import ClusterError, PipelineError
from ..kubectl import Kubectl, stuck
from ..settings import PROJECT, Settings
from .local import CAUSE, row
from .server import ACCOUNT, connected

RUNNING, SUCCEEDED, FAILED = "RUNNING", "SUCCEEDED", "FAILED"
ENDED = {SUCCEEDED, FAILED, "SKIPPED", "CANCELED"}
POLL_SECONDS = 2
LOG_LINES = 50
"""Of the end of a log, where a step's cause of failure is."""


def run_on_cluster(pipeline: BaseComponent, arguments: dict[str, Any], settings: Settings) -> None:
    """Have the cluster run a pipeline, tell of each step that ends or cannot start, and return when all have succeeded.

    Args:
        pipeline: what `dsl.pipeline` made.
        arguments: its parameters.
        settings: where the cluster is.

    Raises:
        ClusterError: the cluster cannot be reached.
        PipelineError: a step failed; the message has its cause.
    """
    names = _step_names(pipeline)
    with connected(settings) as (client, address):
        with contextlib.redirect_stdout(io.StringIO()):  # the client prints links
            started = client.create_run_from_pipeline_func(
                pipeline,
                arguments,
                run_name=f"{pipeline.name} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
                experiment_name=PROJECT,
                service_account=ACCOUNT,
            )
        Console(soft_wrap=True).print(f"The run is at {address}/#/runs/details/{started.run_id}")
        run = _followed(client, started.run_id, names, settings)
    if run.state != SUCCEEDED:
        failed = ", ".join(task.display_name for task in _steps(run, names) if task.state == FAILED)
        outcome = f"Step {failed} failed" if failed else f"The run is {run.state}"
        raise PipelineError(f"{outcome}: {_cause(run, settings)}")


def _step_names(pipeline: BaseComponent) -> set[str]:
    """Return the names of the tasks that run a container, of nested pipelines too."""
    spec = pipeline.pipeline_spec
    dags = [spec.root.dag, *(component.dag for component in spec.components.values())]
    tasks = [(name, task.component_ref.name) for dag in dags for name, task in dag.tasks.items()]
    return {name for name, component in tasks if spec.components[component].executor_label}


def _followed(client: Client, run_id: str, names: set[str], settings: Settings) -> Run:
    """Print a row for each step that ends and each pod that cannot start, and return the run once it has ended."""
    console, shown = Console(soft_wrap=True), set()
    with console.status("Starting") as status:
        while True:
            run = client.get_run(run_id)
            tasks = _steps(run, names)
            for key, line in (_ended(tasks) | _stuck(run, settings)).items():
                if key not in shown:
                    shown.add(key)
                    console.print(line, markup=False)
            if run.state in ENDED:
                return run
            status.update(", ".join(task.display_name for task in tasks if task.state == RUNNING) or "Waiting")
            time.sleep(POLL_SECONDS)


def _ended(tasks: list[Task]) -> dict[str, str]:
    """Return a row for each step that has ended, by its identifier."""
    ended = [task for task in tasks if task.state in (SUCCEEDED, FAILED)]
    return {
        task.task_id: row(task.display_name, task.state == SUCCEEDED, (task.end_time - task.start_time).total_seconds())
        for task in ended
    }


def _stuck(run: Run, settings: Settings) -> dict[str, str]:
    """Return why pods of a run cannot start, by their names; the server itself only says that they run."""
    try:
        pods = Kubectl(settings)("get", "pods", *_of(run, settings), "--output=json")
    except ClusterError:  # the run goes on all the same, and its page tells more
        return {}
    return {pod["metadata"]["name"]: f"  {why}" for pod in json.loads(pods)["items"] if (why := stuck(pod))}


def _steps(run: Run, names: set[str]) -> list[Task]:
    """Return the steps that have begun, in their order, without what the server runs around them."""
    tasks = run.run_details.task_details if run.run_details else []
    return sorted((task for task in tasks if task.display_name in names), key=lambda task: task.start_time)


def _cause(run: Run, settings: Settings) -> str:
    """Return what the log of the last pod that failed says, and the command that shows all of it.

    Pods that failed before may be of steps that were tried again and succeeded.
    """
    where, of_run = _of(run, settings)
    failed = (where, of_run, "--field-selector=status.phase=Failed")
    try:
        kubectl = Kubectl(settings)
        pods = kubectl("get", "pods", *failed, "--sort-by=.status.startTime", "--output=name").split()
        if not pods:
            return "its page may say why."
        log = ("logs", pods[-1], where, "--container=main")
        lines = kubectl(*log, f"--tail={LOG_LINES}").splitlines()
    except ClusterError as error:
        return f"its page has the log. {error}"
    causes = [found[1] for line in lines if (found := CAUSE.match(line))]
    said = (causes or lines or ["it logged nothing."])[-1]
    return f"{said}\nThe whole log: kubectl {' '.join(log)} --context={kubectl.context}"


def _of(run: Run, settings: Settings) -> tuple[str, str]:
    """Return the options by which kubectl finds the pods of a run."""
    return f"--namespace={settings.pipelines_namespace}", f"--selector=pipeline/runid={run.run_id}"
