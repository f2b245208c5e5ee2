"""A cache, as many tests look at one rendered repository."""

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from copier import run_copy

from .combinations import COMBINATIONS

Rendered = Callable[..., Path]


@pytest.fixture(scope="session")
def rendered(template: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Rendered:
    """Return a function from answers to a rendered repository, which is only to be read."""
    own = tmp_path_factory.getbasetemp()
    shared = (own if worker_id == "master" else own.parent) / "rendered"
    shared.mkdir(exist_ok=True)

    def generate(**answers: Any) -> Path:
        finished = shared / hashlib.sha256(repr(sorted(answers.items())).encode()).hexdigest()[:16]
        if not finished.exists():
            unfinished = tmp_path_factory.mktemp("rendered") / "project"
            run_copy(str(template), unfinished, data=answers, defaults=True, quiet=True)
            with contextlib.suppress(OSError):  # another worker was quicker
                unfinished.rename(finished)
        return finished

    return generate


# One worker checks all of a combination, which is rendered and linted once.
@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in COMBINATIONS],
)
def combination(request: pytest.FixtureRequest) -> str:
    """Return the name of each combination in turn."""
    return str(request.param)


@pytest.fixture(scope="module")
def project(combination: str, rendered: Rendered) -> Path:
    """Return the repository of each combination in turn."""
    return rendered(**COMBINATIONS[combination])
