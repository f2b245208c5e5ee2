"""A project that is as small as the library lets it be."""

from typing import Literal

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
