"""Delivers a release by Git: commits it, for a GitOps controller to apply."""

import subprocess

import typer

from ..errors import RolloutError
from ..settings import Settings
from .release import Overlay, Release


def deliver(settings: Settings, overlay: Overlay, release: Release, dry_run: bool) -> None:
    """Commit a release, or show what would be committed.

    Raises:
        RolloutError: Git refuses; nothing has changed.
    """
    before = overlay.path.read_text()
    if release.component() == before:
        typer.echo(f"{overlay.environment} has {release} already; there is nothing to commit.")
        return
    title = f"Serve {release} in {overlay.environment}"
    overlay.path.write_text(release.component())
    try:
        if dry_run:
            typer.echo(f"{title}: would be committed as\n{_git('diff', '--', str(overlay.path))}")
        else:
            _git("commit", "--message", title, "--", str(overlay.path))
            typer.echo(f"Committed: {title}\nIt takes effect once it is pushed to where the controller looks.")
            before = release.component()
    finally:
        overlay.path.write_text(before)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RolloutError(f"git {arguments[0]} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout
