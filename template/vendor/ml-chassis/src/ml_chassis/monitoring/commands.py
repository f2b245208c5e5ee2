"""The commands that watch the model."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ml_chassis.context import settings_of

Days = Annotated[int, typer.Option(min=1, help="How far back to look.")]

app = typer.Typer()


@app.command(rich_help_panel="Watching")
def monitor(context: typer.Context, port: Annotated[int, typer.Option(help="The port to listen on.")] = 9090) -> None:
    """Run Prometheus with the project's rules on the local server, until Ctrl-C."""
    from ml_chassis.monitoring.prometheus import run

    settings = settings_of(context)
    address = f"http://127.0.0.1:{port}"
    typer.echo(f"Prometheus watches {settings.serve_host}:{settings.serve_port}, with or without a server there.")
    typer.echo(f"  targets  {address}/targets\n  rules    {address}/rules\n  alerts   {address}/alerts\nCtrl-C ends.")
    run(settings, port)


@app.command(rich_help_panel="Watching")
def drift(
    context: typer.Context,
    days: Days = 1,
    example: Annotated[bool, typer.Option("--example", help="Report on DATA_URI with one column shifted.")] = False,
) -> None:
    """Report on the drift of captured requests, or on an example."""
    from ml_chassis.data import rows_of_project
    from ml_chassis.monitoring import drift
    from ml_chassis.validation import conform

    settings = settings_of(context)
    with Console(stderr=True).status("Comparing with the training rows"):
        if example:
            column, found = drift.example(settings, conform(rows_of_project(settings), settings.project.schema))
            typer.echo(f"An example: DATA_URI with {column} shifted by {drift.EXAMPLE_SHIFT:g} standard deviations.")
        else:
            found = drift.report(settings, days)
    table = Table("Column", "PSI", "", box=None, pad_edge=False)
    for name, value in sorted(found.psi.items(), key=lambda item: -item[1]):
        table.add_row(name, f"{value:.3f}", "drifted" if name in found.drifted else "")
    Console().print(table)
    outcome = f"{len(found.drifted)} of {len(found.psi)} columns drifted"
    typer.echo(f"{outcome} in {found.rows} rows of version {found.version}.")
    typer.echo(f"The report is drift.html in run {found.run_id}; `{settings.project.command('ui')}` opens MLflow.")


@app.command(rich_help_panel="Watching")
def feedback(
    context: typer.Context,
    labels: Annotated[Path, typer.Argument(help="A CSV file with request_id, label and, if need be, row.")],
    days: Days = 30,
) -> None:
    """Say how accurate the captured predictions were, now that their labels are known."""
    from ml_chassis.monitoring.accuracy import compare, describe
    from ml_chassis.monitoring.feedback import give_feedback

    accuracies = give_feedback(settings_of(context), labels, days)
    for version, found in accuracies.items():
        typer.echo(describe(version, found))
    if len(accuracies) > 1:
        typer.echo(compare(accuracies))
