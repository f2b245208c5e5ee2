"""The variables of `.env`: settings, and what else commands and their libraries read, such as a login."""

import os
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from ml_chassis.errors import SettingsError
from ml_chassis.proxies import ONLY_THIS_MACHINE, leave_out_this_machine
from ml_chassis.settings import Settings


def take_variables(settings: type[Settings]) -> None:
    """Have this process, and those that it starts, know the variables of `.env` that its environment lacks.

    Raises:
        SettingsError: the file cannot be read.
    """
    found = variables(settings)
    if os.environ.get("NO_PROXY") == ONLY_THIS_MACHINE:  # as `prepare` has set it
        for name in ("NO_PROXY", "no_proxy"):
            os.environ.pop(name, None)
    for name, value in found.items():
        os.environ.setdefault(name, value)
    leave_out_this_machine()


def variables(settings: type[Settings]) -> dict[str, str]:
    """Return the variables that are in the file which a class of settings reads too, and none where there is no file.

    Raises:
        SettingsError: the file cannot be read.
    """
    name = settings.model_config.get("env_file")
    if not isinstance(name, str) or not (file := Path(name)).exists():
        return {}
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} cannot be read: {error}.") from None
    for line in parse_stream(StringIO(text)):
        if line.error:  # which may hold a secret
            raise SettingsError(
                f"{file} cannot be read from line {line.original.line} on; write NAME=value, and end a value's quotes."
            )
    return {name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value is not None}
