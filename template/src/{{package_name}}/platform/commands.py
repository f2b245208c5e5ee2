"""The commands that bring the platform up and take it away."""

from contextlib import suppress
from typing import Annotated

import typer
from rich.console import Console

from ..errors import ClusterError
from ..kubectl import Kubectl
from ..settings import load_settings
from .parts import PARTS, opened
from .waves import Wave, waves

app = typer.Typer()

Chosen = Annotated[str, typer.Option("--wave", help="Only this wave, such as 20-istio.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without, only say what it takes.")]


@app.command()
def platform(wave: Chosen = "") -> None:
    """Apply the platform to the cluster, wave by wave, and wait for each; run again, it goes on."""
    from .install import install

    settings = load_settings()
    kubectl = Kubectl(settings)
    typer.echo(f"The platform goes to {kubectl.context}.")
    install(kubectl, _chosen(wave), settings.platform_timeout_seconds)


@app.command()
def platform_plan(wave: Chosen = "") -> None:
    """Show what applying the platform would change, and change nothing."""
    from .install import difference

    kubectl = Kubectl(load_settings())
    for each in _chosen(wave):
        typer.echo(f"{each.name}: {difference(kubectl, each) or 'nothing would change.'}")


@app.command()
def platform_remove(yes: Yes = False) -> None:
    """Delete the platform from a cluster that stays, with all runs, models and metrics in it."""
    from .install import remove

    kubectl = Kubectl(load_settings())
    chosen = waves()
    names = ", ".join(wave.name for wave in chosen)
    typer.echo(f"From {kubectl.context} go, with all that they store: {names}.")
    if yes:
        remove(kubectl, chosen)
    else:
        typer.echo("Nothing was deleted; --yes does it.")


@app.command()
def platform_status() -> None:
    """Show the parts of the platform: their versions, whether they are ready, and where they open."""
    from .access import status

    Console().print(status(Kubectl(load_settings()), PARTS))


@app.command()
def credentials() -> None:
    """Show the users and passwords of the platform, read from their Secrets."""
    from .access import credentials

    kubectl = Kubectl(load_settings())
    table = credentials(kubectl, PARTS)
    if not table.rows:
        raise ClusterError(f"{kubectl.context} has no Secret of the platform yet; `make platform` makes them.")
    typer.echo("These are secrets: keep them out of Git, tickets and logs.")
    Console().print(table)


@app.command(name="open")
def open_parts(
    name: Annotated[str, typer.Argument(help="Only this part, such as mlflow.")] = "",
) -> None:
    """Open the parts of the platform at ports of this machine, until Ctrl-C."""
    from .access import keep_open

    parts = opened(name)
    with suppress(KeyboardInterrupt):
        keep_open(Kubectl(load_settings()), parts)


def _chosen(name: str) -> list[Wave]:
    found = waves()
    if not name:
        return found
    if chosen := [each for each in found if each.name == name]:
        return chosen
    raise ClusterError(f"There is no wave {name!r}; there are {', '.join(each.name for each in found)}.")
