"""The repository that the tests run in, which has everything (preset=full)."""

import shutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd
from ml_chassis.evaluation import Verdict
from ml_chassis.project import Project
from ml_chassis.registry import Registry
from ml_chassis.settings import Settings
from ml_chassis.tracking import log_training

FOLDER = Path.cwd()
(PACKAGE,) = (file.parent.name for file in FOLDER.glob("src/*/cli.py"))
PROJECT: Project = import_module(PACKAGE).PROJECT
TARGET = "cultivar"


def copy_package(folder: Path, *files: str) -> Path:
    """Copy the repository's package and some of the files beside `src`, and return where the package is."""
    package = folder / "src" / PACKAGE
    shutil.copytree(FOLDER / "src" / PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in files:
        shutil.copy(FOLDER / name, folder)
    return package


def make_champion(settings: Settings, rows: pd.DataFrame) -> Any:
    """Train the repository's model on rows, have it be the champion, and return it."""
    model = PROJECT.module("training").train(rows, TARGET, 7)
    verdict = Verdict({"accuracy": 1.0}, True, "good")
    registry = Registry(settings)
    uri = log_training(settings, model, rows, rows, TARGET, 7, {}, verdict.metrics, {})
    registry.promote(registry.register(uri, verdict))
    return model
