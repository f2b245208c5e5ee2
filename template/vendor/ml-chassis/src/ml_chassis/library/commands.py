"""The commands that are about the library itself."""

import os
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from ml_chassis.context import project_of
from ml_chassis.errors import LibraryError
from ml_chassis.project import Project

app = typer.Typer()
PROJECT = "This project"


@app.command(rich_help_panel=PROJECT)
def library(
    context: typer.Context,
    check: Annotated[
        bool, typer.Option("--check", help="Fail where somebody edited its folder, or removed it.")
    ] = False,
) -> None:
    """Tell the library's version, which modules are the project's own, and what was edited in its folder."""
    from ml_chassis.library.ejection import ejected, is_outdated
    from ml_chassis.library.vendored import LIST, PLACE, changes, folder, is_missing
    from ml_chassis.versions import ANSWERS

    project = project_of(context)
    typer.echo(f"ml-chassis {version('ml-chassis')}")
    root = _root(project)
    for module, record in ejected(root).items():
        news = "; the library's is another one now: bring over what you need" if is_outdated(module, record) else ""
        typer.echo(f"{module} is this project's own, a copy of that in {record['version']}{news}.")
    if check and is_missing(root):
        raise LibraryError(
            f"{PLACE} or its {LIST} is missing, though the repository holds the library's source by {ANSWERS}."
        )
    place = folder()
    if place and (found := changes(place)):
        name = os.path.relpath(place, root)
        for path, what in found.items():
            typer.echo(f"{what:<8} {name}/{path}")
        if check:
            raise LibraryError(
                f"{name} was edited, which the next update would undo or stumble over. Where no extension point of its "
                f"README does, `{project.command('eject MODULE')}` makes a module the project's own, edits and all. "
                "Then take them back here: `git log` and `git restore` have the files as they were."
            )


@app.command(rich_help_panel=PROJECT)
def eject(
    context: typer.Context,
    module: Annotated[str, typer.Argument(help="Such as rollout.applying.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written, and write nothing.")] = False,
) -> None:
    """Make a module of the library this project's own: a copy, which is used in place of the library's everywhere."""
    from ml_chassis.library.ejection import ejection

    root = _root(project_of(context))
    found = ejection(root, module.removeprefix("ml_chassis."))
    copy = found.copy.relative_to(root)
    if dry_run:
        typer.echo(f"It would write {copy}, and change pyproject.toml:\n{found.difference(root)}")
        return
    found.carry_out(root)
    typer.echo(f"Wrote {copy}, which is used in place of the library's everywhere, and recorded it in pyproject.toml.")
    typer.echo("Now `make format check`, then change it and commit. Updates leave it as it is.")


def _root(project: Project) -> Path:
    if not (root := project.checkout):
        raise LibraryError("The project is installed without its repository; do this in a checkout.")
    return root
