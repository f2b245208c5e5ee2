"""Runs a pipeline on a cluster, and tells how it goes."""

import contextlib
import io
import time
from datetime import UTC, datetime
from typing import Any

from kfp import Client
from kfp.dsl.base_component import BaseComponent
from kfp_server_api import V2beta1PipelineTaskDetail as Task
from kfp_server_api import V2beta1Run as Run
from rich.console import Console

from ..errors import ClusterError, PipelineError
from ..kubectl import Kubectl
from ..settings import PROJECT, Settings
from .local import CAUSE, row
from .server import ACCOUNT, connected

RUNNING, SUCCEEDED, FAILED = "RUNNING", "SUCCEEDED", "FAILED"
ENDED = {SUCCEEDED, FAILED, "SKIPPED", "CANCELED"}
POLL_SECONDS = 2
LOG_LINES = 50
"""Of the end of a log, where a step's cause of failure is."""


def run_on_cluster(pipeline: BaseComponent, arguments: dict[str, Any], settings: Settings) -> None:
    """Have the cluster run a pipeline, print a row per step with its time, and return when it has succeeded.

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
        run = _followed(client, started.run_id, names)
    if run.state != SUCCEEDED:
        failed = ", ".join(task.display_name for task in _steps(run, names) if task.state == FAILED)
        raise PipelineError(f"{f'Step {failed} failed' if failed else run.state}: {_cause(run, settings)}")


def _step_names(pipeline: BaseComponent) -> set[str]:
    """Return the names of the tasks that run a container, of nested pipelines too."""
    spec = pipeline.pipeline_spec
    dags = [spec.root.dag, *(component.dag for component in spec.components.values())]
    tasks = [(name, task.component_ref.name) for dag in dags for name, task in dag.tasks.items()]
    return {name for name, component in tasks if spec.components[component].executor_label}


def _followed(client: Client, run_id: str, names: set[str]) -> Run:
    """Print a row for each step that ends, and return the run once it has ended."""
    console, shown = Console(), set()
    with console.status("Starting") as status:
        while True:
            run = client.get_run(run_id)
            tasks = _steps(run, names)
            for task in tasks:
                if task.state in (SUCCEEDED, FAILED) and task.task_id not in shown:
                    shown.add(task.task_id)
                    seconds = (task.end_time - task.start_time).total_seconds()
                    console.print(row(task.display_name, task.state == SUCCEEDED, seconds))
            if run.state in ENDED:
                return run
            status.update(", ".join(task.display_name for task in tasks if task.state == RUNNING) or "Waiting")
            time.sleep(POLL_SECONDS)


def _steps(run: Run, names: set[str]) -> list[Task]:
    """Return the steps that have begun, in their order, without what the server runs around them."""
    tasks = run.run_details.task_details if run.run_details else []
    return sorted((task for task in tasks if task.display_name in names), key=lambda task: task.start_time)


def _cause(run: Run, settings: Settings) -> str:
    """Return what the log of the first pod that failed says, and the command that shows all of it."""
    where = f"--namespace={settings.pipelines_namespace}"
    failed = (f"--selector=pipeline/runid={run.run_id}", "--field-selector=status.phase=Failed")
    try:
        kubectl = Kubectl(settings)
        pods = kubectl("get", "pods", where, *failed, "--sort-by=.status.startTime", "--output=name").split()
        if not pods:
            return "its page may say why."
        log = ("logs", pods[0], where, "--container=main")
        lines = kubectl(*log, f"--tail={LOG_LINES}").splitlines()
    except ClusterError as error:
        return f"its page has the log. {error}"
    causes = [found[1] for line in lines if (found := CAUSE.match(line))]
    said = (causes or lines or ["it logged nothing."])[-1]
    return f"{said}\nThe whole log: kubectl {' '.join(log)} --context={kubectl.context}"
