"""Has a cluster run a pipeline again and again."""

import contextlib
import copy
import io
import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from croniter import CroniterBadDateError, CroniterError, croniter
from kfp import Client
from kfp.compiler import Compiler
from kfp.dsl.base_component import BaseComponent

from ml_chassis.errors import ClusterError, PipelineError
from ml_chassis.kubectl import Kubectl
from ml_chassis.pipelines.server import account, connected, require_account
from ml_chassis.settings import Settings

AS_IT_IS = "as it is then"
"""The version of data that each run reads for itself."""
MOST = 100
"""More than there can be of one name."""
KEEP_RUNS = "ORPHAN"
"""Has the runs of a schedule outlive it. Without this, Kubernetes deletes the one in progress as the schedule's own."""
SECONDS_TO_PLAN = 15
"""In which the server's controller has seen a new schedule."""
YEARS = 5
"""How far ahead the server looks for the next time."""


def schedule(pipeline: BaseComponent, arguments: dict[str, Any], cron: str, settings: Settings) -> datetime | None:
    """Have the cluster run a pipeline at these times, instead of those of before, and return the next of them.

    Args:
        pipeline: what `dsl.pipeline` made; the schedule has its name.
        arguments: its parameters.
        cron: the five fields of a crontab, or six with the second before them, in the server's time zone.
        settings: where the cluster is.

    Returns:
        The next time, or nothing where the cluster does not let it be seen.

    Raises:
        ClusterError: the cluster cannot be reached, or lacks the account of the steps.
        PipelineError: the times make no sense, or never come; the schedule of before stays.
    """
    times = times_of(cron)
    require_account(settings)
    with connected(settings) as (client, _), tempfile.TemporaryDirectory() as folder:
        package = str(Path(folder) / "pipeline.yaml")
        Compiler().compile(_uncached(pipeline), package)
        experiment = _experiment(client, settings)
        before = _scheduled(client, experiment, pipeline.name)
        made = client.create_recurring_run(
            experiment,
            pipeline.name,
            cron_expression=times,
            no_catchup=True,
            params=arguments,
            pipeline_package_path=package,
            service_account=account(settings),
        )
        _delete(client, before)
    return _next_time(made.recurring_run_id, settings)


def unschedule(pipeline: BaseComponent, settings: Settings) -> bool:
    """End the schedule of a pipeline, and return whether there was one. A run in progress goes on.

    Raises:
        ClusterError: the cluster cannot be reached.
        PipelineError: the server refuses.
    """
    with connected(settings) as (client, _):
        found = _scheduled(client, _experiment(client, settings), pipeline.name)
        _delete(client, found)
    return bool(found)


def times_of(cron: str) -> str:
    """Return the six fields that the server takes: it would take the first of five for the second, and run each hour.

    Where times never come, such as 31 February, the server's controller would look for ever. It has the bug of cron
    that a weekday of `*/2` narrows the days down. Whatever else is wrong with a field, the server says.

    Raises:
        PipelineError: there are more fields, or fewer, or one is empty, or they meet on no date.
    """
    if cron.startswith("@"):
        return cron
    fields = cron.split()
    if len(fields) not in (5, 6) or not all(field.strip(",") for field in fields):
        raise PipelineError(
            f"{cron!r} is no schedule; give the five fields of a crontab (minute, hour, day, month, weekday), "
            "or six with the second before them."
        )
    times = " ".join(["0", *fields][-6:])
    try:
        croniter(
            times.replace("?", "*"), second_at_beginning=True, implement_cron_bug=True, max_years_between_matches=YEARS
        ).get_next()
    except CroniterBadDateError as error:
        raise PipelineError(
            f"{cron!r} names no date of the next {YEARS} years; give a day that its month has."
        ) from error
    except CroniterError:
        pass
    return times


def _uncached(pipeline: BaseComponent) -> BaseComponent:
    """Return the pipeline with no step cached, or each run would take the rows that the first one read.

    The client's `enable_caching` leaves nested pipelines as they are, and the server replaces no `[[ScheduledTime]]` in
    the arguments of a compiled one.
    """
    found = copy.deepcopy(pipeline)
    spec = found.pipeline_spec
    for dag in (spec.root.dag, *(component.dag for component in spec.components.values())):
        for task in dag.tasks.values():
            task.caching_options.enable_cache = False
    return found


def _next_time(recurring_run: str, settings: Settings) -> datetime | None:
    """Return when a schedule comes due, which Kubeflow Pipelines tells in Kubernetes alone."""
    where = f"--namespace={settings.pipelines_namespace}"
    deadline = time.monotonic() + SECONDS_TO_PLAN
    while time.monotonic() < deadline:
        try:
            text = Kubectl(settings)("get", "scheduledworkflows.kubeflow.org", where, "--output=json")
        except ClusterError:
            return None
        for found in json.loads(text)["items"]:
            due = found.get("status", {}).get("trigger", {}).get("nextTriggeredTime")
            if found["metadata"]["uid"] == recurring_run and due:
                return datetime.fromisoformat(due).astimezone(UTC)
        time.sleep(1)
    return None


def _experiment(client: Client, settings: Settings) -> str:
    with contextlib.redirect_stdout(io.StringIO()):  # the client prints a link
        return str(client.create_experiment(settings.project.name).experiment_id)


def _scheduled(client: Client, experiment: str, name: str) -> list[str]:
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    listed = client.list_recurring_runs(
        experiment_id=experiment, page_size=MOST, filter=json.dumps({"predicates": [predicate]})
    )
    return [found.recurring_run_id for found in listed.recurring_runs or []]


def _delete(client: Client, ids: list[str]) -> None:
    delete = client._recurring_run_api.recurring_run_service_delete_recurring_run  # the client itself cannot keep runs
    for each in ids:
        delete(each, propagation_policy=KEEP_RUNS)
