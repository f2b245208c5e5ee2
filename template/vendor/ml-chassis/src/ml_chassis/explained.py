"""Explains the settings of a project: in `.env.example`, which Git has, and as they are now."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import wrap
from typing import Any, NamedTuple

from pydantic import SecretStr
from pydantic_core import PydanticUndefined

from ml_chassis.environment import variables
from ml_chassis.errors import SettingsError
from ml_chassis.project import Project
from ml_chassis.redaction import HIDDEN
from ml_chassis.settings import Settings

EXAMPLE = Path(".env.example")
WIDTH = 120
HEAD = """\
# Copy this file to .env and change what differs. Each line shows a default, and what is above it explains it.
# A value with a space is written in quotes.
"""
NEEDS: dict[str, Callable[[Project], bool]] = {
    **dict.fromkeys(
        ("capture_uri", "capture_share", "capture_redact", "pushgateway_url", "pod_namespace"),
        lambda project: project.monitoring,
    ),
    "context": lambda project: project.acts_on_cluster,
    "platform_folder": lambda project: project.owns_cluster,
    **dict.fromkeys(
        ("platform_timeout_seconds", "pipelines_namespace", "kfp_endpoint", "kfp_token"),
        lambda project: project.platform != "none",
    ),
    "rollout_timeout_seconds": lambda project: project.serving != "none" and not project.controller,
    "deploy_to": lambda project: project.deploys_in_pipeline,
}
"""What a project must have for a setting to matter. Those that are not here always do."""


class Setting(NamedTuple):
    """A setting that matters to a project."""

    name: str
    default: str
    meaning: str


def settings_of_project(project: Project) -> Iterator[Setting]:
    """Yield the settings that matter to a project, in the order in which its classes have them."""
    defaults = project.settings.defaults_of_project()
    for name, field in project.settings.model_fields.items():
        if name not in NEEDS or NEEDS[name](project):
            default = defaults[name] if field.default is PydanticUndefined else field.default
            yield Setting(name, _text(default), field.description or _inherited(project.settings, name))


def _inherited(settings: type[Settings], name: str) -> str:
    """Return what the nearest class above says of a setting that a class gives another default alone."""
    above = (base.model_fields.get(name) for base in settings.__mro__ if issubclass(base, Settings))
    return next((field.description for field in above if field and field.description), "")


def example(project: Project) -> str:
    """Return what `.env.example` should be."""
    lines = [HEAD]
    for name, default, meaning in settings_of_project(project):
        explained = wrap(meaning, WIDTH, initial_indent="# ", subsequent_indent="# ", break_long_words=False)
        lines.append("\n".join([*explained, f"# {name.upper()}={default}\n"]))
    return "\n".join(lines)


def check_example(project: Project) -> None:
    """Compare `.env.example` with the project's classes of settings.

    Raises:
        SettingsError: they differ.
    """
    if not EXAMPLE.is_file() or EXAMPLE.read_text() != example(project):
        write = project.command("settings --write")
        raise SettingsError(f"{EXAMPLE} does not say what the classes of settings do; `{write}` writes it.")


def source(project: Project, name: str) -> str:
    """Return where a setting has its value from: `environment`, `.env` or `default`."""
    variable = name.upper()
    here, written = os.environ.get(variable), variables(project.settings).get(variable)
    if here and here != written:  # what is in .env, a command has put into its environment
        return "environment"
    return ".env" if written else "default"


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def shown(value: Any) -> str:
    """Return a value as a table shows it, without secrets."""
    return HIDDEN if isinstance(value, SecretStr) else _text(value)
