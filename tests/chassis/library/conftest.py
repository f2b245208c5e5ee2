"""What the tests share: a model of the project `wines`, and an MLflow in which it is the champion."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import mlflow
import pandas as pd
import pytest
from ml_chassis.data import SAMPLE, read_rows
from ml_chassis.digests import DIGEST, digest
from ml_chassis.evaluation import Verdict
from ml_chassis.holdout import Parts, hold_out
from ml_chassis.registry import Registry
from ml_chassis.schema import infer
from ml_chassis.tracking import log_training
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import LoggedModelStatus
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from wines import Settings

TARGET = "cultivar"
SEED = 7
GOOD = Verdict({"accuracy": 0.9}, True, "accuracy 0.9000 beats the baseline (0.4000)")


class Store(NamedTuple):
    """MLflow's database, and the model that it has as version 1, the champion."""

    database: Path
    model_uri: str
    files: Path


@pytest.fixture(scope="session", autouse=True)
def _defaults() -> Iterator[None]:
    """Have settings be the defaults, whatever the environment and `.env` say, and child processes find `wines`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(Settings.model_config, "env_file", None)
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        yield


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    """Return the sample: numbers, and the target."""
    return read_rows(Settings.load())


@pytest.fixture(scope="session")
def schema(rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the schema that is inferred from the sample."""
    path = tmp_path_factory.mktemp("sample") / "schema.yaml"
    infer(rows, TARGET, path)
    return path


@pytest.fixture(scope="session")
def parts(rows: pd.DataFrame) -> Parts:
    """Return training and held-out rows."""
    return hold_out(rows, TARGET, 0.25, SEED)


@pytest.fixture(scope="session")
def model(parts: Parts) -> Pipeline:
    """Return a model fitted on the training rows."""
    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression())
    return model.fit(parts.training.drop(columns=TARGET), parts.training[TARGET])


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory, model: Pipeline, parts: Parts) -> Store:
    """Return what tests copy."""
    settings = Settings.load().model_copy(update={"local_dir": tmp_path_factory.mktemp("store")})
    model_uri = log_training(settings, model, *parts[:2], TARGET, SEED, {"data_uri": SAMPLE}, GOOD.metrics, {})
    registry = Registry(settings)
    registry.promote(registry.register(model_uri, GOOD))
    return Store(settings.mlflow_database, model_uri, Path(download_artifacts(model_uri)))


@pytest.fixture
def settings(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings of an MLflow in which version 1 is the champion, as commands and child processes read them."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # MLflow itself sets it for child processes
    monkeypatch.setenv("LOCAL_DIR", str(tmp_path))
    shutil.copy(store.database, tmp_path)
    return Settings.load()


@pytest.fixture
def registry(settings: Settings) -> Registry:
    """Return a registry whose version 1 is the champion."""
    return Registry(settings)


@pytest.fixture
def empty_registry(settings: Settings) -> Registry:
    """Return a registry without a version."""
    settings.mlflow_database.unlink()
    return Registry(settings)


@pytest.fixture
def log_again(registry: Registry, store: Store) -> Callable[[], str]:
    """Return a function that records the model in `registry` once more, and returns its address."""
    client = MlflowClient()
    first = client.get_logged_model(store.model_uri.rpartition("/")[2])

    def again() -> str:
        copy = client.create_logged_model(first.experiment_id, first.name, first.source_run_id)
        client.log_model_artifacts(copy.model_id, str(store.files))
        return str(client.finalize_logged_model(copy.model_id, LoggedModelStatus.READY).model_uri)

    return again


@pytest.fixture
def files(store: Store, tmp_path: Path) -> Path:
    """Return a copy of the model's files."""
    return Path(shutil.copytree(store.files, tmp_path / "model"))


@pytest.fixture
def registered(settings: Settings, files: Path) -> str:
    """Return the address of version 2, which `files` are registered as."""
    mlflow.set_tracking_uri(settings.tracking_uri)
    tags, name = {DIGEST: digest(files)}, settings.model_name
    return f"models:/{name}/{MlflowClient().create_model_version(name, files.as_uri(), tags=tags).version}"
