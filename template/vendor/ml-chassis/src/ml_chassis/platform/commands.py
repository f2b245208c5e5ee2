"""The commands that bring the platform up and take it away."""

from contextlib import suppress
from typing import Annotated

import typer
from rich.console import Console

from ml_chassis.context import project_of, settings_of
from ml_chassis.errors import ClusterError
from ml_chassis.kubectl import Kubectl
from ml_chassis.platform.waves import Wave, own, waves
from ml_chassis.project import Project
from ml_chassis.settings import Settings
from ml_chassis.versions import require_same_major

Chosen = Annotated[str, typer.Option("--wave", help="Only this wave, such as 70-project.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without, only say what it takes.")]
PANEL = "Platform"
LONG_LINE = 500
"""Wide enough that no password is broken in two, which would be copied so."""


def commands(project: Project) -> typer.Typer:
    """Return the commands that the project's platform has."""
    app = typer.Typer()
    found = [doctor, platform, platform_plan, platform_remove]
    if project.owns_cluster:
        found += [platform_status, credentials, platform_eject, vendor, copy_images]
    if project.has_gateway:
        found += [load_balancer]
    for command in found:
        app.command(rich_help_panel=PANEL)(command)
    if project.owns_cluster:
        app.command("open", rich_help_panel=PANEL)(open_parts)
    return app


def doctor(context: typer.Context) -> None:
    """Tell whether the platform can work here, and how to fix what prevents it."""
    from ml_chassis.platform import machine, needs
    from ml_chassis.platform.doctor import examine

    settings = settings_of(context)
    examine((machine if settings.project.owns_cluster else needs).checks(settings), settings)


def load_balancer(context: typer.Context) -> None:
    """Give the gateway an address of this machine's Docker network, by MetalLB."""
    from ml_chassis.platform.install import install
    from ml_chassis.platform.load_balancer import address_range, wave

    require_same_major()
    settings = settings_of(context)
    kubectl = Kubectl(settings)
    addresses = address_range()
    typer.echo(f"The load balancer goes to {kubectl.context}; Services get addresses of {addresses}.")
    waves = [wave(settings.platform_folder, addresses)]
    install(settings.project, kubectl, waves, settings.platform_timeout_seconds)


def platform(context: typer.Context, wave: Chosen = "") -> None:
    """Apply the platform to the cluster, wave by wave, and wait for each; run again, it goes on."""
    from ml_chassis.platform.install import install

    require_same_major()
    settings = settings_of(context)
    kubectl = Kubectl(settings)
    typer.echo(f"The platform goes to {kubectl.context}.")
    install(settings.project, kubectl, _chosen(settings, wave), settings.platform_timeout_seconds)


def platform_plan(context: typer.Context, wave: Chosen = "") -> None:
    """Show what applying the platform would change, and change nothing."""
    from ml_chassis.platform.install import difference

    require_same_major()
    settings = settings_of(context)
    kubectl = Kubectl(settings)
    for each in _chosen(settings, wave):
        typer.echo(f"{each.name}: {difference(kubectl, each) or 'nothing would change.'}")


def platform_remove(context: typer.Context, yes: Yes = False) -> None:
    """Delete the platform from a cluster that stays, with all runs, models and metrics in it."""
    from ml_chassis.platform.install import remove

    require_same_major()
    settings = settings_of(context)
    kubectl, chosen = Kubectl(settings), _chosen(settings, "")
    names = ", ".join(wave.name for wave in chosen)
    typer.echo(f"From {kubectl.context} go, with all that they store: {names}.")
    if yes:
        remove(kubectl, chosen, settings.platform_timeout_seconds)
    else:
        typer.echo("Nothing was deleted; --yes does it.")


def platform_eject(
    context: typer.Context,
    wave: Annotated[str, typer.Argument(help="Only this wave, such as 40-pipelines.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be written.")] = False,
) -> None:
    """Write the library's waves to deploy/platform, for you to edit; what is there stays as it is."""
    from ml_chassis.platform.eject import eject

    missing, changed = eject(project_of(context), wave, write=not dry_run)
    for file in missing:
        typer.echo(f"{'Would write' if dry_run else 'Wrote'} {file}")
    if changed:
        raise ClusterError(
            f"Not written, as the repository has others than the library: {', '.join(map(str, changed))}. "
            "Delete those that you do not want to keep, and run this again."
        )
    if not missing:
        typer.echo("All is there already, as the library has it.")


def vendor(
    context: typer.Context,
    registry: Annotated[str, typer.Option(help="Where to put the images, such as registry.example/mirror.")] = "",
) -> None:
    """Write the rendered platform and a list of its images, for a cluster without access to the internet."""
    from ml_chassis.platform.vendor import IMAGES, PLATFORM, VENDORED, vendor

    require_same_major()
    project = project_of(context)
    images = vendor(project, registry)
    typer.echo(f"{VENDORED} has the platform and what is beside it, and {IMAGES} their {len(images)} images.")
    typer.echo(f"PLATFORM_FOLDER={PLATFORM} in .env has `{project.command('platform')}` apply it.")


def copy_images(context: typer.Context) -> None:
    """Copy the images of the list that `vendor --registry` writes to that registry, for all architectures."""
    from ml_chassis.platform.vendor import copy_images

    copy_images(project_of(context))


def platform_status(context: typer.Context) -> None:
    """Show the parts of the platform: their versions, whether they are ready, and where they open."""
    from ml_chassis.platform.access import status
    from ml_chassis.platform.parts import parts

    settings = settings_of(context)
    Console().print(status(Kubectl(settings), parts(settings.project)))


def credentials(context: typer.Context) -> None:
    """Show the users and passwords of the platform, read from their Secrets."""
    from ml_chassis.platform.access import credentials
    from ml_chassis.platform.parts import parts

    settings = settings_of(context)
    kubectl, project = Kubectl(settings), settings.project
    table = credentials(kubectl, parts(project))
    if not table.rows:
        raise ClusterError(
            f"{kubectl.context} has no Secret of the platform yet; `{project.command('platform')}` makes them."
        )
    typer.echo("These are secrets: keep them out of Git, tickets and logs.")
    Console(width=LONG_LINE).print(table)


def open_parts(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Only this part, such as mlflow.")] = "",
) -> None:
    """Open the parts of the platform at ports of this machine, until Ctrl-C."""
    from ml_chassis.platform.access import keep_open
    from ml_chassis.platform.parts import opened

    settings = settings_of(context)
    parts = opened(settings.project, name)
    with suppress(KeyboardInterrupt):
        keep_open(Kubectl(settings), parts)


def _chosen(settings: Settings, name: str) -> list[Wave]:
    folder = settings.platform_folder
    if not own(folder):
        vendor = settings.project.command("vendor")
        raise ClusterError(f"PLATFORM_FOLDER={folder} has no waves; name deploy/platform or what `{vendor}` writes.")
    found = waves(settings.project, folder)
    if not name:
        return found
    if chosen := [each for each in found if each.name == name]:
        return chosen
    raise ClusterError(f"There is no wave {name!r}; there are {', '.join(each.name for each in found)}.")
