"""A project's command line. What is slow to import is imported by the command that needs it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from ml_chassis.context import project_of, settings_of
from ml_chassis.environment import take_variables
from ml_chassis.errors import ProjectError, RegistryError
from ml_chassis.library.commands import PROJECT
from ml_chassis.library.commands import app as library
from ml_chassis.project import Project
from ml_chassis.redaction import redact
from ml_chassis.settings import Settings
from ml_chassis.versions import tell_difference

if TYPE_CHECKING:
    from ml_chassis.registry import Registry

TRAINING = "Data and training"


def app_for(project: Project) -> typer.Typer:
    """Return the commands of a project, to which it may add its own.

    Those for a cluster, rollouts and monitoring are there as far as the project has these.
    """
    app = typer.Typer(
        help="Train, judge, promote and serve the model. Settings come from the environment and .env.",
        context_settings={"obj": project},
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(options)
    command: Callable[..., None]
    for command in (run, schema, batch):
        app.command(rich_help_panel=TRAINING)(command)
    app.command("compile", rich_help_panel=TRAINING)(compile_pipelines)
    for command in (models, promote, demote, ui):
        app.command(rich_help_panel="Models")(command)
    for command in (serve, predict):
        app.command(rich_help_panel="Serving")(command)
    itself = typer.Typer()
    for command in (settings, identity):
        itself.command(rich_help_panel=PROJECT)(command)
    if project.monitoring:
        from ml_chassis.monitoring.commands import app as monitoring

        app.add_typer(monitoring)
    if project.platform != "none":
        from ml_chassis.pipelines.commands import app as pipelines
        from ml_chassis.platform.commands import commands as platform

        app.add_typer(pipelines)
        app.add_typer(platform(project))
    if project.serving != "none":
        from ml_chassis.rollout.commands import commands as rollout

        app.add_typer(rollout(project))
    app.add_typer(itself)
    app.add_typer(library)
    return app


def run_app(app: typer.Typer) -> None:
    """Run a command line. An expected failure becomes a sentence and an exit code.

    Args:
        app: what `app_for` returned.

    Raises:
        SystemExit: the command has ended; its code is 0, that of a `ProjectError`, or 1. With `--verbose`, a failure is
            raised as it is.
    """
    try:
        app()
    except Exception as error:
        if "--verbose" in sys.argv:
            raise
        if isinstance(error, ProjectError):
            message, code = str(error), error.exit_code
        else:
            message, code = f"{type(error).__name__}: {str(error).rstrip('.')}. See the traceback with --verbose.", 1
        typer.secho(f"Error: {redact(message)}", fg="red", err=True)
        sys.exit(code)


def options(
    context: typer.Context,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show an error's traceback.")] = False,
) -> None:
    """Do what comes before every command, and declare its option, which `run_app` reads."""
    take_variables(project_of(context).settings)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # it breaks up tables and lines of logs
    tell_difference()


def run(context: typer.Context) -> None:
    """Run the training pipeline on this machine."""
    from ml_chassis.pipelines.all import pipelines
    from ml_chassis.pipelines.arguments import training_arguments
    from ml_chassis.pipelines.local import run_local

    settings = settings_of(context)
    run_local(pipelines(settings.project)["training"], training_arguments(settings), settings)


def batch(
    context: typer.Context,
    output: Annotated[Path, typer.Option(help="The Parquet file to write.")] = Path("predictions.parquet"),
) -> None:
    """Predict every row of DATA_URI with the champion, on this machine."""
    import shutil

    from ml_chassis.pipelines.all import pipelines
    from ml_chassis.pipelines.arguments import data_arguments
    from ml_chassis.pipelines.local import run_local

    settings = settings_of(context)
    arguments = data_arguments(settings) | {"model_version": _registry(settings).champion_or_fail()}
    outputs = run_local(pipelines(settings.project)["batch"], arguments, settings)
    shutil.copy(outputs["Output"].path, output)
    typer.echo(f"The predictions are in {output}.")


def compile_pipelines(
    context: typer.Context,
    folder: Annotated[Path, typer.Option(help="Where to write the YAML files.")] = Path("build"),
) -> None:
    """Compile the pipelines to YAML that a Kubeflow Pipelines server accepts."""
    from kfp.compiler import Compiler

    from ml_chassis.pipelines.all import on_cluster, pipelines

    project = project_of(context)
    folder.mkdir(parents=True, exist_ok=True)
    for name, pipeline in pipelines(project).items():
        Compiler().compile(on_cluster(project, pipeline), str(folder / f"{name}.yaml"))
        typer.echo(f"Wrote {folder / name}.yaml")


def schema(context: typer.Context) -> None:
    """Infer the schema from DATA_URI and write it, for you to review."""
    from ml_chassis.schema import infer, remarks

    settings = settings_of(context)
    file, target = settings.project.schema, settings.data_target
    rows = settings.project.module("data").load(settings)
    split_by = [settings.split_key, settings.split_time]
    infer(rows, target, file, split_by)
    typer.echo(f"Wrote {file}. Review it, then `{settings.project.command('run')}`.")
    for remark in remarks(rows, target, file, split_by):
        typer.echo(f"  {remark}")


def models(context: typer.Context) -> None:
    """List the model's versions, the newest first."""
    from ml_chassis.registry import CHAMPION  # slow to import

    settings = settings_of(context)
    versions = _registry(settings).versions()
    if not versions:
        typer.echo(f"{settings.model_name} has no version yet; `{settings.project.command('run')}` registers one.")
        return
    table = Table("Version", "Alias", *versions[0].metrics, "Runtime", "Gate", box=None, pad_edge=False)
    for version in versions:
        scores = [f"{version.metrics[name]:.4f}" if name in version.metrics else "" for name in versions[0].metrics]
        aliases = ", ".join(version.aliases)
        table.add_row(str(version.number), aliases, *scores, version.runtime, version.reason)
    Console().print(table)
    typer.echo("Metrics are of the rows that each version's own run held out; the gate compares on the same rows.")
    served = next((version for version in versions if CHAMPION in version.aliases), versions[0])
    if reason := served.runtime_reason:
        typer.echo(f"Version {served.number} has the runtime {served.runtime}: {reason}.")


def promote(
    context: typer.Context,
    version: Annotated[int, typer.Argument(help="The number of the version.")],
    force: Annotated[bool, typer.Option("--force", help="Promote a version that the gate refused.")] = False,
) -> None:
    """Make a version the champion."""
    settings = settings_of(context)
    if not _registry(settings).promote(version, force):
        raise RegistryError(f"Version {version} of {settings.model_name!r} is the champion already; nothing to do.")
    typer.echo(f"Version {version} of {settings.model_name} is the champion. {_serve_it(settings.project)}")


def demote(context: typer.Context) -> None:
    """Make the previous champion the champion again."""
    settings = settings_of(context)
    version = _registry(settings).demote()
    typer.echo(f"Version {version} of {settings.model_name} is the champion again. {_serve_it(settings.project)}")


def serve(context: typer.Context) -> None:
    """Serve the champion, or MODEL_URI, over the Open Inference Protocol V2 until Ctrl-C."""
    from ml_chassis.serving.server import serve

    settings = settings_of(context)
    typer.echo(f"{_address(settings)}/v2/models/{settings.model_name} answers until Ctrl-C.")
    serve(settings)


def predict(
    context: typer.Context, count: Annotated[int, typer.Option(min=1, help="How many rows to send.")] = 1
) -> None:
    """Send rows of DATA_URI to the running server and show its answers."""
    from ml_chassis.data import rows_of_project
    from ml_chassis.serving.client import ask

    settings = settings_of(context)
    rows = rows_of_project(settings)
    rows = rows.sample(min(count, len(rows)))
    answer = ask(_address(settings), settings.model_name, rows.drop(columns=settings.columns_beside_features))
    typer.echo(f"{answer.model_name} version {answer.model_version} answers:")
    for (row, actual), predicted in zip(rows[settings.data_target].items(), answer.outputs[0].data, strict=True):
        typer.echo(f"  row {row}: {settings.data_target} {predicted} (in truth {actual})")


def ui(context: typer.Context, port: Annotated[int, typer.Option(help="The port to listen on.")] = 5000) -> None:
    """Open MLflow's pages on runs and models, until Ctrl-C."""
    settings = settings_of(context)
    if settings.mlflow_tracking_uri:
        typer.echo(f"MLflow's pages are at {settings.mlflow_tracking_uri}")
        return
    _registry(settings)
    typer.echo(f"MLflow's pages are at http://127.0.0.1:{port}; Ctrl-C ends.")
    command = ["mlflow", "server", "--backend-store-uri", settings.tracking_uri, "--port", str(port)]
    subprocess.run([sys.executable, "-m", *command], check=False)


def settings(
    context: typer.Context,
    write: Annotated[bool, typer.Option("--write", help="Write .env.example, which explains them.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fail if .env.example explains others.")] = False,
) -> None:
    """Show the settings, and where each has its value from."""
    from ml_chassis.explained import EXAMPLE, check_example, example, settings_of_project, shown, source

    project = project_of(context)
    if check:
        return check_example(project)
    if write:
        EXAMPLE.write_text(example(project))
        return typer.echo(f"Wrote {EXAMPLE}.")
    values, table = project.settings.load(), Table("Setting", "Value", "From", box=None, pad_edge=False)
    for name, _, _ in settings_of_project(project):
        table.add_row(name.upper(), shown(getattr(values, name)), source(project, name))
    Console().print(table)
    return None


def identity(
    context: typer.Context,
    commit: Annotated[bool, typer.Option("--commit", help="The last commit that changed the code, alone.")] = False,
) -> None:
    """Print the identity of the code, which names images, cached steps, runs and model versions."""
    project = project_of(context)
    typer.echo(project.commit if commit else project.identity)


def _serve_it(project: Project) -> str:
    """Return what has a new champion served."""
    if project.serving == "none":
        return "Restart the server to serve it."
    deploy = project.command("deploy")
    if project.owns_cluster:
        return f"Restart the server to serve it; if it is in the cluster's MLflow, `{deploy}` rolls it out."
    return f"`{deploy}` rolls it out; a server on this machine takes it when it starts again."


def _registry(settings: Settings) -> "Registry":
    from ml_chassis.registry import Registry

    return Registry(settings)


def _address(settings: Settings) -> str:
    return f"http://{settings.serve_host}:{settings.serve_port}"
