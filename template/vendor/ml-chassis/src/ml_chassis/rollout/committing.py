"""Delivers a release by Git: commits it, for a GitOps controller to apply."""

import difflib
import subprocess

import typer

from ml_chassis.errors import RolloutError
from ml_chassis.rollout.overlay import Overlay
from ml_chassis.rollout.release import Release
from ml_chassis.settings import Settings


def deliver(settings: Settings, overlay: Overlay, before: Release, release: Release, dry_run: bool) -> None:
    """Commit a release, or show what would be committed.

    Raises:
        RolloutError: Git refuses; nothing has changed.
    """
    old, new = overlay.path.read_text(), overlay.component(release)
    title = f"Serve {release} in {overlay.environment}"
    if new == old:
        typer.echo(f"{overlay.environment} has {release} already; there is nothing to commit.")
    elif dry_run:
        typer.echo(f"{title}: would be committed as\n{_difference(old, new, str(overlay.path))}")
    else:
        overlay.write(release)
        try:
            _git("commit", "--message", title, "--", str(overlay.path))
        except BaseException:
            overlay.path.write_text(old)
            raise
        controller = settings.project.controller
        typer.echo(f"Committed: {title}\nIt takes effect once it is pushed to `main`, which {controller} follows.")


def _difference(old: str, new: str, path: str) -> str:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), f"a/{path}", f"b/{path}", lineterm="")
    return "\n".join(lines)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RolloutError(f"git {arguments[0]} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout
