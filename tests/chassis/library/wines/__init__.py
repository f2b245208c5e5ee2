"""A project that is as small as the library lets it be."""

from dataclasses import replace
from typing import Any, Literal

from ml_chassis import settings
from ml_chassis.process import prepare
from ml_chassis.project import Project
from ml_chassis.settings import Address


class Settings(settings.Settings):
    """What has no default in the library."""

    data_uri: Address = "sklearn:wine"
    data_target: str = "cultivar"
    gate_metric: Literal["accuracy", "f1_macro"] = "f1_macro"


prepare()

PROJECT = Project("ml-chassis", "wines", Settings, monitoring=True)


def project_with(**facts: Any) -> Project:
    """Return a project with other facts, and a class of settings of its own, which knows it."""

    class Own(Settings):
        """The same settings."""

    return replace(PROJECT, settings=Own, **facts)
