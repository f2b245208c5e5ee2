"""Starts, follows and ends runs of a pipeline on a cluster."""

import contextlib
import io
from datetime import UTC, datetime
from typing import Any

from kfp.dsl.base_component import BaseComponent

from ml_chassis.pipelines.following import ENDED, follow_to_end
from ml_chassis.pipelines.server import account, connected, require_account
from ml_chassis.settings import Settings


def run_on_cluster(pipeline: BaseComponent, arguments: dict[str, Any], settings: Settings) -> None:
    """Have the cluster run a pipeline, and follow the run.

    Args:
        pipeline: what `dsl.pipeline` made.
        arguments: its parameters.
        settings: where the cluster is.

    Raises:
        ClusterError: the cluster cannot be reached, or lacks the account of the steps.
        PipelineError: the run failed; the message has its cause.
    """
    require_account(settings)
    with connected(settings) as (client, address), contextlib.redirect_stdout(io.StringIO()):  # the client prints links
        started = client.create_run_from_pipeline_func(
            pipeline,
            arguments,
            run_name=f"{pipeline.name} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
            experiment_name=settings.project.name,
            service_account=account(settings),
        )
    follow_to_end(started.run_id, address, settings)


def follow(run_id: str, settings: Settings) -> None:
    """Tell of each step of a run that ends or cannot start, and return when all have succeeded.

    Raises:
        ClusterError: the cluster cannot be reached.
        PipelineError: there is no such run, or it failed; the message has its cause.
    """
    with connected(settings) as (client, address):
        client.get_run(run_id)  # where there is none, this fails at once
    follow_to_end(run_id, address, settings)


def stop(run_id: str, settings: Settings) -> bool:
    """End a run, and return whether it was still going on.

    Raises:
        ClusterError: the cluster cannot be reached.
        PipelineError: there is no such run.
    """
    with connected(settings) as (client, _):
        going_on = client.get_run(run_id).state not in ENDED
        if going_on:
            client.terminate_run(run_id)
    return going_on
