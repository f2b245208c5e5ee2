"""What a project's own tests need: settings that nothing outside decides on, the sample as data, a model server."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import TypeVar
from unittest.mock import patch

from starlette.testclient import TestClient

from ml_chassis.data import SAMPLE, SAMPLE_TARGET, read_rows
from ml_chassis.schema import infer
from ml_chassis.serving.model import load
from ml_chassis.settings import Settings

OwnSettings = TypeVar("OwnSettings", bound=Settings)

POLL_SECONDS = 0.05
SECONDS_TO_LOAD = 60


@contextmanager
def defaults(kind: type[OwnSettings], folder: Path, **others: str) -> Iterator[OwnSettings]:
    """Give the default settings, whatever `.env` and the environment say, while the body runs.

    They are also those of the processes that it starts, such as the steps of a pipeline.

    Args:
        kind: the project's class of settings.
        folder: where files go. It is the working directory meanwhile, so nothing of the repository's is found there.
        others: settings that are not the default, such as `data_uri`.

    Raises:
        SettingsError: one of them cannot be used.
    """
    with chdir(folder), patch.dict(os.environ):
        for name in [name for name in os.environ if name.lower() in kind.model_fields]:
            del os.environ[name]
        os.environ |= {name.upper(): value for name, value in others.items()} | {"LOCAL_DIR": str(folder)}
        yield kind.load()


@contextmanager
def sampled(kind: type[OwnSettings], folder: Path) -> Iterator[OwnSettings]:
    """Give settings as `defaults` does, by which the data is the sample.

    The steps of a pipeline import a copy of the package, in which `schema.yaml` is the sample's. The sample is the UCI
    wine data: 178 rows, 13 columns of numbers, and `cultivar`, which is 0, 1 or 2.

    Args:
        kind: the project's class of settings.
        folder: where files go.
    """
    with defaults(kind, folder, data_uri=SAMPLE, data_target=SAMPLE_TARGET) as settings:
        package = kind.project.schema.parent
        copied = shutil.copytree(package, folder / "steps" / package.name)
        infer(read_rows(settings), SAMPLE_TARGET, copied / kind.project.schema.name)
        os.environ["PYTHONPATH"] = str(copied.parent)
        yield settings


@contextmanager
def served(settings: Settings) -> Iterator[TestClient]:
    """Give a client of the project's own application while it serves the model that the settings name.

    Args:
        settings: which model, and where MLflow is. By default that is the champion.

    Raises:
        ServingError: there is no such model.
        ModelError: it cannot be loaded.
        TimeoutError: it is not ready within a minute.
    """
    project = settings.project
    load(settings, project.model_types)  # which fails here: the server would end the process, and all tests with it
    deadline = time.monotonic() + SECONDS_TO_LOAD
    with TestClient(project.module("serving").app(settings)) as client:
        while client.get("/v2/health/ready").is_error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"The model is not ready after {SECONDS_TO_LOAD} seconds.")
            time.sleep(POLL_SECONDS)
        yield client
