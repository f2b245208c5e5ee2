"""The commands that run the training pipeline on a cluster."""

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ml_chassis.context import project_of, settings_of
from ml_chassis.errors import PipelineError
from ml_chassis.project import Project
from ml_chassis.settings import Settings

if TYPE_CHECKING:
    from kfp.dsl.base_component import BaseComponent

Cron = Annotated[str, typer.Option(help="The five fields of a crontab, or six with the second first.")]
Run = Annotated[str, typer.Argument(help="The identifier of the run, as `submit` names it.")]

app = typer.Typer()


@app.command(rich_help_panel="Pipeline on the cluster")
def submit(context: typer.Context) -> None:
    """Run the training pipeline on the cluster, and wait until it has ended."""
    from ml_chassis.pipelines.cluster import run_on_cluster

    settings = settings_of(context)
    arguments = _arguments(settings)
    _locate_image(settings)
    run_on_cluster(_pipeline(settings.project), arguments, settings)
    typer.echo("The run succeeded.")


@app.command(rich_help_panel="Pipeline on the cluster")
def follow(context: typer.Context, run: Run) -> None:
    """Follow a run of the cluster until it has ended."""
    from ml_chassis.pipelines.cluster import follow

    follow(run, settings_of(context))
    typer.echo("The run succeeded.")


@app.command(rich_help_panel="Pipeline on the cluster")
def stop(context: typer.Context, run: Run) -> None:
    """End a run of the cluster."""
    from ml_chassis.pipelines.cluster import stop

    stopped = stop(run, settings_of(context))
    how = f"`{project_of(context).command(f'follow {run}')}` shows how"
    typer.echo(f"The run is being ended; {how}." if stopped else "The run had ended before.")


@app.command(rich_help_panel="Pipeline on the cluster")
def schedule(context: typer.Context, cron: Cron = "0 3 * * *") -> None:
    """Have the cluster run the training pipeline at these times, instead of those of before."""
    from ml_chassis.pipelines.schedule import AS_IT_IS, schedule

    settings = settings_of(context)
    arguments = _arguments(settings) | {"data_version": AS_IT_IS}
    _locate_image(settings)
    due = schedule(_pipeline(settings.project), arguments, cron, settings)
    when = f"next on {due:%A, %d %B %Y at %H:%M:%S} UTC" if due else "by the time zone of its server"
    typer.echo(f"The cluster trains at {cron!r}, {when}; `{settings.project.command('unschedule')}` ends it.")


@app.command(rich_help_panel="Pipeline on the cluster")
def unschedule(context: typer.Context) -> None:
    """End the training pipeline's schedule."""
    from ml_chassis.pipelines.schedule import unschedule

    found = unschedule(_pipeline(project_of(context)), settings_of(context))
    ended = "The cluster trains no more by itself; a run in progress goes on."
    typer.echo(ended if found else "There was no schedule.")


def _locate_image(settings: Settings) -> None:
    """Check that the cluster can get the image of the steps, and name it as exactly as possible in the pipeline."""
    from ml_chassis.images import located

    # The components read the setting when they are imported.
    os.environ["PIPELINE_IMAGE"] = located(settings.image_of_steps, None if settings.kfp_endpoint else settings)


def _pipeline(project: Project) -> "BaseComponent":
    from ml_chassis.pipelines.all import on_cluster, pipelines

    return on_cluster(project, pipelines(project)["training"])


def _arguments(settings: Settings) -> dict[str, Any]:
    from ml_chassis.pipelines.arguments import UNCHANGING, training_arguments

    if "://" not in settings.data_uri and not settings.data_uri.startswith(UNCHANGING):
        raise PipelineError(
            f"A cluster cannot read DATA_URI={settings.data_uri!r}, a file of this machine; put it where both can read "
            "it, such as s3://bucket/rows.parquet."
        )
    arguments = training_arguments(settings)
    if not settings.project.deploys_in_pipeline:
        return arguments
    if settings.deploy_to:
        from ml_chassis.rollout.overlay import Overlay

        Overlay(settings.project, settings.deploy_to)  # fails if there is none, as the run would at its end
    return arguments | {"deploy_to": settings.deploy_to}
