"""What a command is told: the project whose command line it belongs to."""

import typer

from ml_chassis.project import Project
from ml_chassis.settings import Settings


def project_of(context: typer.Context) -> Project:
    """Return the project whose command line was called."""
    project = context.find_object(Project)
    assert project  # noqa: S101  `cli.app_for` gives it
    return project


def settings_of(context: typer.Context) -> Settings:
    """Return the project's settings of the environment and `.env`.

    Args:
        context: what Typer gives to a command of `app_for`, or of an application that was added to it.

    Raises:
        SettingsError: one of them cannot be used.
    """
    return project_of(context).settings.load()
