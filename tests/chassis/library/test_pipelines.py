"""The repository's pipelines, compiled and on this machine."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import components
from ml_chassis.cli import app_for
from ml_chassis.data import read_parquet
from ml_chassis.errors import PipelineError
from ml_chassis.pipelines.all import on_cluster, pipelines
from ml_chassis.pipelines.arguments import data_arguments, training_arguments
from ml_chassis.pipelines.local import run_local
from ml_chassis.registry import Registry
from ml_chassis.settings import Settings
from ml_chassis.testing import defaults, sampled
from projects import like
from repository import PROJECT
from typer.testing import CliRunner

PIPELINES = pipelines(PROJECT)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled")
    assert CliRunner().invoke(app_for(PROJECT), ["compile", "--folder", str(folder)]).exit_code == 0
    return folder


def read(file: Path) -> dict[str, Any]:
    pipeline: dict[str, Any] = next(yaml.safe_load_all(file.read_text()))
    return pipeline


def steps(spec: dict[str, Any]) -> dict[str, Any]:
    tasks: dict[str, Any] = spec["components"][f"comp-{PROJECT.name}-training"]["dag"]["tasks"]
    return tasks


@pytest.mark.parametrize("name", ["training", "batch", "drift"])
def test_compiled_pipeline_loads(compiled: Path, name: str) -> None:
    loaded = components.load_component_from_file(str(compiled / f"{name}.yaml"))

    assert loaded.pipeline_spec.pipeline_info.name == f"{PROJECT.name}-{name}"


def test_every_step_is_named_sized_and_runs_in_the_image(compiled: Path) -> None:
    spec = read(compiled / "training.yaml")

    assert [task["taskInfo"]["name"] for task in steps(spec).values()] == [
        "Deploy to an environment",
        *("Evaluate", "Ingest", "Promote", "Register", "Split", "Train", "Validate"),
    ]
    for executor in spec["deploymentSpec"]["executors"].values():
        assert executor["container"]["image"] == PROJECT.settings.load().image_of_steps
        assert executor["container"]["resources"]["resourceMemoryLimit"]
        assert "pip install" not in str(executor["container"]["command"])


def test_steps_that_change_the_registry_are_never_cached(compiled: Path) -> None:
    tasks = steps(read(compiled / "training.yaml"))
    cached = {name for name, task in tasks.items() if task.get("cachingOptions", {}).get("enableCache")}

    assert cached == {"ingest", "validate", "split", "train"}


def test_batch_reads_its_rows_whatever_an_earlier_run_read(compiled: Path) -> None:
    spec = read(compiled / "batch.yaml")
    graphs = [part["dag"]["tasks"] for part in (spec["root"], *spec["components"].values()) if "dag" in part]
    (task,) = (tasks["ingest"] for tasks in graphs if "ingest" in tasks)

    assert not task["cachingOptions"]


def test_run_deploys_after_the_promotion_and_only_where_it_is_told_to(compiled: Path) -> None:
    spec = read(compiled / "training.yaml")
    task = steps(spec)["condition-1"]

    assert not spec["components"]["comp-condition-1"]["dag"]["tasks"]["deploy"]["cachingOptions"]
    assert "promote" in task["dependentTasks"]
    assert task["triggerPolicy"]["condition"] == "inputs.parameter_values['pipelinechannel--deploy_to'] != ''"
    assert PIPELINES["training"].component_spec.inputs["deploy_to"].default == ""


@pytest.mark.parametrize("command", ["submit", "schedule"])
def test_run_that_would_deploy_to_no_environment_is_not_sent(command: str, tmp_path: Path) -> None:
    with defaults(PROJECT.settings, tmp_path, deploy_to="typo"):
        assert "no environment 'typo'" in str(CliRunner().invoke(app_for(PROJECT), [command]).exception)


def test_run_on_a_cluster_tells_how_it_ended_whatever_happened(compiled: Path) -> None:
    report = read(compiled / "training.yaml")["root"]["dag"]["tasks"]["report-run"]
    pipeline = report["inputs"]["parameters"]["pipeline"]["runtimeValue"]["constant"]

    assert report["triggerPolicy"]["strategy"] == "ALL_UPSTREAM_TASKS_COMPLETED"
    assert pipeline == f"{PROJECT.name}-training"


def test_pipeline_on_a_cluster_has_the_same_parameters(compiled: Path) -> None:
    wrapped = components.load_component_from_file(str(compiled / "training.yaml"))

    assert wrapped.component_spec.inputs.keys() == PIPELINES["training"].component_spec.inputs.keys()


def test_pipelines_of_a_project_without_monitoring_report_nothing() -> None:
    project = like(PROJECT, monitoring=False)

    assert pipelines(project).keys() == {"training", "batch"}
    assert on_cluster(project, PIPELINES["training"]) is PIPELINES["training"]


def test_parameters_are_the_pipelines_own(settings: Settings) -> None:
    training, batch = (PIPELINES[name].component_spec.inputs.keys() for name in ("training", "batch"))

    assert training_arguments(settings).keys() | {"deploy_to"} == training
    assert data_arguments(settings).keys() | {"model_version"} == batch


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with defaults(PROJECT.settings, tmp_path) as settings:
        yield settings


@pytest.fixture
def awkward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Return settings of a project in a folder whose name a shell and an address would take apart."""
    folder = tmp_path / "python3 (1) & anna's ü"
    folder.mkdir()
    (folder / ".venv").symlink_to(sys.prefix)
    monkeypatch.setattr(sys, "executable", str(folder / ".venv/bin/python"))
    with sampled(PROJECT.settings, folder) as settings:
        yield settings


def test_pipelines_train_promote_and_predict_on_this_machine(
    awkward: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    trained = run_local(PIPELINES["training"], training_arguments(awkward), awkward)
    version = Registry(awkward).champion()
    answered = run_local(PIPELINES["batch"], data_arguments(awkward) | {"model_version": version}, awkward)

    assert trained["version"] == version == 1
    assert "predicted_cultivar" in read_parquet(answered["Output"].path)
    lines = capsys.readouterr().out.splitlines()
    result = lines.pop(7)
    assert result.startswith(f"Version 1 of {awkward.model_name} is the champion: f1_macro ")
    assert [line.split()[0] for line in lines[:7]] == [
        *("ingest", "validate", "split", "train", "evaluate", "register", "promote")
    ]
    assert [line.split()[0] for line in lines[7:]] == ["ingest", "predict"]


def test_failed_step_says_why_and_where_the_log_is(settings: Settings) -> None:
    arguments = data_arguments(settings) | {"data_uri": "gone.csv", "model_version": 1}

    with pytest.raises(PipelineError, match=r"Step ingest failed: 'gone\.csv' cannot be read") as error:
        run_local(PIPELINES["batch"], arguments, settings)

    log = Path(str(error.value).rsplit(maxsplit=1)[-1].rstrip("."))
    assert "Traceback" in log.read_text()
