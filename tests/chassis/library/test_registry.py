from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from ml_chassis.errors import ModelError, RegistryError
from ml_chassis.evaluation import Verdict
from ml_chassis.registry import Registry
from mlflow.artifacts import download_artifacts
from sklearn.pipeline import Pipeline

GOOD = Verdict({"accuracy": 0.9}, True, "accuracy 0.9000 beats the baseline (0.4000)")
BAD = Verdict({"accuracy": 0.3}, False, "accuracy 0.3 does not beat the baseline (0.4)")


def test_empty_registry_has_no_champion(empty_registry: Registry) -> None:
    assert empty_registry.champion() is None
    assert empty_registry.versions() == []


def test_versions_are_listed_newest_first(registry: Registry, log_again: Callable[[], str]) -> None:
    newest = registry.register(log_again(), BAD)

    listed = [(row.number, row.aliases, row.metrics, row.reason) for row in registry.versions()]

    assert listed == [
        (newest, [], {"accuracy": 0.9}, BAD.reason),
        (1, ["champion"], {"accuracy": 0.9}, GOOD.reason),
    ]


def test_loaded_version_answers_like_the_model(registry: Registry, model: Pipeline, rows: pd.DataFrame) -> None:
    features = rows.drop(columns="cultivar")

    assert registry.load(1).predict(features).tolist() == model.predict(features).tolist()


def test_unknown_version_is_refused_with_those_there_are(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="no version 99; it has 1"):
        registry.promote(99)


def test_version_has_a_digest(registry: Registry) -> None:
    assert registry.digest(1).startswith("sha256:")
    with pytest.raises(RegistryError, match="no version 99; it has 1"):
        registry.digest(99)


def test_version_with_other_files_than_were_registered_is_not_loaded(
    registry: Registry, log_again: Callable[[], str]
) -> None:
    model_uri = log_again()
    registry.register(model_uri, GOOD)
    with (Path(download_artifacts(model_uri)) / "MLmodel").open("ab") as file:
        file.write(b"\n")

    with pytest.raises(ModelError, match="not those that were registered"):
        registry.load(2)


def test_promotion_of_the_champion_changes_nothing(registry: Registry) -> None:
    assert not registry.promote(1)
    with pytest.raises(RegistryError, match="no champion before"):
        registry.demote()


def test_model_is_one_version_however_often_it_is_registered(registry: Registry, log_again: Callable[[], str]) -> None:
    model_uri = log_again()

    assert registry.register(model_uri, BAD) == registry.register(model_uri, BAD) == 2


def test_version_that_failed_the_gate_needs_force(registry: Registry, log_again: Callable[[], str]) -> None:
    version = registry.register(log_again(), BAD)

    with pytest.raises(RegistryError, match="does not beat the baseline"):
        registry.promote(version)
    registry.promote(version, force=True)

    assert registry.champion() == version


def test_demotion_returns_through_earlier_champions(registry: Registry, log_again: Callable[[], str]) -> None:
    for _ in range(2):
        registry.promote(registry.register(log_again(), GOOD))

    assert [registry.demote(), registry.demote()] == [2, 1]
    with pytest.raises(RegistryError, match="no champion before"):
        registry.demote()


def test_run_records_what_a_reviewer_asks_for(registry: Registry) -> None:
    version = mlflow.MlflowClient().get_model_version(registry.name, "1")
    run = mlflow.get_run(str(version.run_id))
    files = {file.path for file in mlflow.MlflowClient().list_artifacts(run.info.run_id)}
    info = mlflow.models.get_model_info(f"models:/{registry.name}/1")

    assert {"confusion_matrix.png", "feature_importance.png"} <= files
    assert {"data_uri", "random_seed"} <= run.data.params.keys()
    assert run.inputs is not None
    assert {used.dataset.name for used in run.inputs.dataset_inputs} == {"training", "evaluation"}
    assert info.signature is not None
    assert info.signature.outputs.input_names() == ["cultivar"]
    assert info.saved_input_example_info is not None


def test_model_names_its_exact_requirements(registry: Registry) -> None:
    path = mlflow.pyfunc.get_model_dependencies(f"models:/{registry.name}/1")

    assert all("==" in line for line in Path(path).read_text().split())
