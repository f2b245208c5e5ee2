"""Projects that chose otherwise than the one that tests are given."""

from dataclasses import replace
from typing import Any

from ml_chassis.project import Project


def like(project: Project, **facts: Any) -> Project:
    """Return a project with other facts, and a class of settings of its own, which knows it."""
    return replace(project, settings=type("Settings", (project.settings,), {}), **facts)
