"""A project that serves a model of its own, registered in an MLflow of its own."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import mlflow.sklearn
import pandas as pd
import pytest
from ml_chassis.digests import DIGEST, digest
from ml_chassis.project import SKLEARN_TYPES, Project
from ml_chassis.settings import ServerSettings
from ml_chassis.signatures import signature
from mlflow import MlflowClient
from sklearn.datasets import load_wine
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

TARGET = "cultivar"


class Settings(ServerSettings):
    """Settings of a project that adds none."""

    model_name: str = "wines"


class Store(NamedTuple):
    """MLflow's database, and the files of the model that it has as version 1, the champion."""

    database: Path
    files: Path


@pytest.fixture(scope="session")
def project() -> Project[Any]:
    """Return a project that is installed: the library itself."""
    return Project("ml-chassis", "ml_chassis", Settings)


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    """Return numbers, one column of which is the target."""
    rows: pd.DataFrame = load_wine(as_frame=True).frame
    return rows.rename(columns={"target": TARGET})


@pytest.fixture(scope="session")
def model(rows: pd.DataFrame) -> Pipeline:
    """Return a fitted model."""
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    return model.fit(rows.drop(columns=TARGET), rows[TARGET])


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, model: Pipeline, rows: pd.DataFrame) -> Store:
    """Return what tests copy."""
    folder = tmp_path_factory.mktemp("store")
    settings, files = Settings(local_dir=folder, mlflow_tracking_uri=""), folder / "model"
    features = rows.drop(columns=TARGET)
    answers = pd.Series(model.predict(features), name=TARGET)
    mlflow.set_tracking_uri(settings.tracking_uri)
    mlflow.sklearn.save_model(
        model,
        files,
        signature=signature(rows, rows, answers),
        input_example=features.head(3),
        pip_requirements=[],
        skops_trusted_types=list(SKLEARN_TYPES),
    )
    MlflowClient().create_registered_model(settings.model_name)
    _register(settings, files)
    MlflowClient().set_registered_model_alias(settings.model_name, "champion", "1")
    return Store(settings.mlflow_database, files)


@pytest.fixture
def settings(tmp_path: Path, store: Store) -> Settings:
    """Return settings of an MLflow in which version 1 is the champion."""
    shutil.copy(store.database, tmp_path)
    return Settings(local_dir=tmp_path, mlflow_tracking_uri="")


@pytest.fixture
def files(store: Store, tmp_path: Path) -> Path:
    """Return a copy of the model's files."""
    return Path(shutil.copytree(store.files, tmp_path / "model"))


@pytest.fixture
def registered(settings: Settings, files: Path) -> str:
    """Return the address of version 2, which `files` are registered as."""
    return _register(settings, files)


def _register(settings: Settings, files: Path) -> str:
    """Make files the next version of the model, with their digest, and return its address."""
    mlflow.set_tracking_uri(settings.tracking_uri)
    name = settings.model_name
    version = MlflowClient().create_model_version(name, files.as_uri(), tags={DIGEST: digest(files)}).version
    return f"models:/{name}/{version}"
