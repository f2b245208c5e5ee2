"""What ML repositories have in common: data, pipelines, the model server, the platform and rollouts.

A project's own copies of modules, which the command `eject` makes, are found before those here, whoever imports them.
"""

from importlib.util import find_spec
from pathlib import Path

EJECTED = "ml_chassis_ejected"
"""The package that holds them, in the same folders as here."""

_own = find_spec(EJECTED)
__path__ = [*((_own and _own.submodule_search_locations) or []), *__path__]


def within(package: str) -> list[str]:
    """Return where the modules of one of the library's packages are looked for, in this order."""
    return [str(Path(folder, package)) for folder in __path__]
