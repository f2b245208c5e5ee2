"""Has a cluster run a pipeline again and again."""

import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import Any

from kfp import Client
from kfp.compiler import Compiler
from kfp.dsl.base_component import BaseComponent

from ..settings import PROJECT, Settings
from .server import ACCOUNT, connected

SCHEDULED_TIME = "[[ScheduledTime]]"
"""What the server replaces, in an argument, with the time of the run."""
MOST = 100
"""More than there can be of one name."""


def schedule(pipeline: BaseComponent, arguments: dict[str, Any], cron: str, settings: Settings) -> None:
    """Have the cluster run a pipeline at these times, instead of those of before.

    Args:
        pipeline: what `dsl.pipeline` made; the schedule has its name.
        arguments: its parameters.
        cron: six fields from the second to the day of the week, in the server's time zone.
        settings: where the cluster is.

    Raises:
        ClusterError: the cluster cannot be reached.
        PipelineError: the server refuses it; the schedule of before stays.
    """
    with connected(settings) as (client, _), tempfile.TemporaryDirectory() as folder:
        package = str(Path(folder) / "pipeline.yaml")
        Compiler().compile(pipeline, package)
        experiment = _experiment(client)
        before = _scheduled(client, experiment, pipeline.name)
        client.create_recurring_run(
            experiment,
            pipeline.name,
            cron_expression=cron,
            no_catchup=True,
            params=arguments,
            pipeline_package_path=package,
            service_account=ACCOUNT,
        )
        _delete(client, before)


def unschedule(pipeline: BaseComponent, settings: Settings) -> bool:
    """End the schedule of a pipeline, and return whether there was one.

    Raises:
        ClusterError: the cluster cannot be reached.
        PipelineError: the server refuses.
    """
    with connected(settings) as (client, _):
        found = _scheduled(client, _experiment(client), pipeline.name)
        _delete(client, found)
    return bool(found)


def _experiment(client: Client) -> str:
    with contextlib.redirect_stdout(io.StringIO()):  # the client prints a link
        return str(client.create_experiment(PROJECT).experiment_id)


def _scheduled(client: Client, experiment: str, name: str) -> list[str]:
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    listed = client.list_recurring_runs(
        experiment_id=experiment, page_size=MOST, filter=json.dumps({"predicates": [predicate]})
    )
    return [found.recurring_run_id for found in listed.recurring_runs or []]


def _delete(client: Client, ids: list[str]) -> None:
    for each in ids:
        client.delete_recurring_run(each)
