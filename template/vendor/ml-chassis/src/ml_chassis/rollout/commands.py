"""The commands that roll models out to a cluster."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ml_chassis.context import settings_of
from ml_chassis.project import Project, Serving
from ml_chassis.settings import Settings
from ml_chassis.versions import require_same_major

if TYPE_CHECKING:
    from ml_chassis.rollout.overlay import Overlay
    from ml_chassis.rollout.release import Release
    from ml_chassis.rollout.rollout import Rollout

Env = Annotated[str, typer.Option("--env", help="A folder of deploy/serving/overlays.")]
Percent = Annotated[int, typer.Option(min=1, max=100, help="The candidate's share of the requests.")]
Version = Annotated[int | None, typer.Option(help="What to serve; by default the champion.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the difference and change nothing.")]

PANEL = "Rollout"
AB_TEST: dict[Serving, str] = {
    "standard": "Send a share of the traffic to a candidate, and to either variant who asks for it by x-model-variant.",
    "knative": "Send a share of the traffic to a candidate, and give each variant an address of its own.",
    "seldon": "Send a share of the traffic to a candidate; each answer's x-model-version tells which one it was.",
}
"""What the command `ab-test` does, by the way of serving."""


def commands(project: Project) -> typer.Typer:
    """Return the commands of a project that a cluster serves."""
    app = typer.Typer()
    command: Callable[..., None]
    for command in (deploy, canary):
        app.command(rich_help_panel=PANEL)(command)
    app.command(help=AB_TEST[project.serving], rich_help_panel=PANEL)(ab_test)
    if project.serving != "knative":  # which mirrors no traffic
        app.command(rich_help_panel=PANEL)(shadow)
    for command in (promote_canary, abort_canary, rollback, status):
        app.command(rich_help_panel=PANEL)(command)
    return app


def deploy(context: typer.Context, env: Env = "local", version: Version = None, dry_run: DryRun = False) -> None:
    """Serve the champion, or another version, in an environment, for all traffic."""
    _rollout(context, env, dry_run).deploy(*_known(context, version))


def canary(
    context: typer.Context, env: Env = "local", version: Version = None, percent: Percent = 10, dry_run: DryRun = False
) -> None:
    """Send a share of the traffic to a candidate."""
    _rollout(context, env, dry_run).try_candidate("canary", *_known(context, version), percent)


def ab_test(
    context: typer.Context, env: Env = "local", version: Version = None, percent: Percent = 10, dry_run: DryRun = False
) -> None:
    """Send a share of the traffic to a candidate, in a way that tells the two apart."""
    _rollout(context, env, dry_run).try_candidate("ab-test", *_known(context, version), percent)


def shadow(
    context: typer.Context, env: Env = "local", version: Version = None, percent: Percent = 100, dry_run: DryRun = False
) -> None:
    """Send a candidate a copy of a share of the traffic; its answers are thrown away."""
    _rollout(context, env, dry_run).try_candidate("shadow", *_known(context, version), percent)


def promote_canary(context: typer.Context, env: Env = "local", dry_run: DryRun = False) -> None:
    """Serve the candidate for all traffic."""
    _rollout(context, env, dry_run).promote()


def abort_canary(context: typer.Context, env: Env = "local", dry_run: DryRun = False) -> None:
    """Serve the stable version for all traffic again."""
    _rollout(context, env, dry_run).abort()


def rollback(context: typer.Context, env: Env = "local", dry_run: DryRun = False) -> None:
    """Serve the version that was stable before for all traffic, with the image it ran in."""
    _rollout(context, env, dry_run).roll_back()


def status(context: typer.Context, env: Env = "local") -> None:
    """Show what an environment should serve, and which pods do."""
    from ml_chassis.rollout.cluster import cluster_of
    from ml_chassis.rollout.overlay import Overlay
    from ml_chassis.rollout.record import current
    from ml_chassis.rollout.status import pods_by_version

    settings = settings_of(context)
    overlay = Overlay(settings.project, env)
    typer.echo(f"{env} should serve {overlay.read()}.")
    cluster = cluster_of(settings, overlay.folder)
    if not settings.project.controller:
        current(cluster, overlay)  # says where the cluster was given another
    Console().print(pods_by_version(cluster, overlay))


def _rollout(context: typer.Context, environment: str, dry_run: bool) -> "Rollout":
    from ml_chassis.rollout.overlay import Overlay
    from ml_chassis.rollout.rollout import Rollout  # slow to import

    require_same_major()
    settings = settings_of(context)
    overlay = Overlay(settings.project, environment)
    return Rollout(settings, overlay, _served(settings, overlay), dry_run)


def _served(settings: Settings, overlay: "Overlay") -> "Release":
    """Return the release that an environment has: in Git where a controller follows it, and else on the cluster."""
    from ml_chassis.rollout.cluster import cluster_of
    from ml_chassis.rollout.record import current

    if settings.project.controller:
        return overlay.read()
    return current(cluster_of(settings, overlay.folder), overlay)


def _known(context: typer.Context, version: int | None) -> tuple[int, str]:
    """Return a version that there is, this one or by default the champion, and the digest of its files."""
    from ml_chassis.registry import Registry
    from ml_chassis.rollout.models import with_mlflow

    registry = Registry(with_mlflow(settings_of(context)))
    number = registry.champion_or_fail() if version is None else version
    return number, registry.digest(number)
