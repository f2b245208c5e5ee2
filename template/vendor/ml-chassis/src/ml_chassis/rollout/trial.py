"""Tries a version that is to serve: by a request, and by what the project itself checks."""

from collections.abc import Callable, Sequence

import pandas as pd
import typer

from ml_chassis.errors import RolloutError
from ml_chassis.rollout.release import Release
from ml_chassis.serving.client import ask, describe

Check = Callable[[str, Release, str], str]
"""Returns what is wrong with a variant, or an empty text.

It is given the variant's address, such as `http://127.0.0.1:41234`, the release, and which variant it is: `stable` or
`candidate`. What it complains of puts the release of before back, and so does an exception.
"""


def try_out(
    name: str, address: str, release: Release, variant: str, example: pd.DataFrame, checks: Sequence[Check]
) -> None:
    """Try one variant of a release.

    Args:
        name: of the model.
        address: of the variant's server.
        release: what is to serve.
        variant: `stable` or `candidate`.
        example: the rows that were recorded with the variant's version. Where clients send other columns than the
            model takes, these are no request, and the project's own checks are all there is.
        checks: the project's own.

    Raises:
        RolloutError: it serves another version, or a check found something wrong.
        ServingError: it does not answer.
    """
    version = release.versions[variant]
    served = describe(address, name)
    if served.versions != [str(version)]:
        raise RolloutError(f"The {variant} pods serve version {', '.join(served.versions)}, not {version}.")
    if all(column.name in example for column in served.inputs):
        ask(address, name, example)
        typer.echo(f"  {variant:<9} version {version} answers")
    else:
        typer.echo(f"  {variant:<9} version {version} is there; its model's example lacks columns that clients send")
    for check in checks:
        if complaint := _complaint(check, address, release, variant):
            which = getattr(check, "__name__", repr(check))
            raise RolloutError(f"The {variant} version {version} does not pass {which}: {complaint}")


def _complaint(check: Check, address: str, release: Release, variant: str) -> str:
    """Return what a check finds wrong, which may be that it cannot be made: the version has not passed then either."""
    try:
        return check(address, release, variant)
    except Exception as error:  # a project's own code may raise anything, and the release before has to come back
        return f"{type(error).__name__}: {error}"
