"""What `step` has a cluster give the pod of a step, by what the project chose, and what steps wait for."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from kfp import dsl
from kfp.compiler import Compiler
from ml_chassis.pipelines.pods import GPU, GPU_NODES, MLFLOW
from ml_chassis.pipelines.steps import component, step
from ml_chassis.project import Cloud, Project
from ml_chassis.resources import Resources
from projects import like
from repository import PROJECT

LARGE = Resources(memory_limit="8Gi", gpus=2)


def compiled(project: Project, file: Path, **options: bool) -> list[dict[str, Any]]:
    """Return a pipeline of the steps "Learn", set up with options, and "Judge", and what is Kubernetes' alone."""

    def learn() -> None:
        pass

    def judge() -> None:
        pass

    def pipeline() -> None:
        step(project, component(project)(learn)(), "Learn", **options)
        step(project, component(project)(judge)(), "Judge")

    Compiler().compile(dsl.pipeline(name="two-steps")(pipeline), str(file))
    return list(yaml.safe_load_all(file.read_text()))


def containers(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the containers by the name of their step."""
    executors = spec["deploymentSpec"]["executors"]
    return {name.removeprefix("exec-"): executor["container"] for name, executor in executors.items()}


def variables(project: Project, file: Path) -> dict[str, str]:
    """Return what a step gets in its environment."""
    spec, *_ = compiled(project, file)
    return {each["name"]: each["value"] for each in containers(spec)["learn"].get("env", [])}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pipeline.yaml"


def test_step_is_sized_by_its_name_and_gets_the_least_without(file: Path) -> None:
    spec, *_ = compiled(like(PROJECT, steps={"Learn": Resources(memory_request="3Gi", memory_limit="4Gi")}), file)
    given = {name: container["resources"] for name, container in containers(spec).items()}

    assert (given["learn"]["resourceMemoryRequest"], given["learn"]["resourceMemoryLimit"]) == ("3Gi", "4Gi")
    assert given["judge"]["resourceMemoryLimit"] == Resources().memory_limit


def test_cache_of_a_step_ends_with_its_code(file: Path) -> None:
    spec, *_ = compiled(PROJECT, file)

    assert f"--code={PROJECT.identity}" in containers(spec)["learn"]["args"]


def test_networked_step_is_tried_again(file: Path) -> None:
    spec, *_ = compiled(PROJECT, file, networked=True)
    tasks = spec["root"]["dag"]["tasks"]

    assert tasks["learn"]["retryPolicy"]["maxRetryCount"] == 2
    assert "retryPolicy" not in tasks["judge"]


@pytest.mark.parametrize("cloud", ["none", "eks", "gke", "aks"])
def test_gpus_bring_a_step_to_nodes_of_the_cloud_that_have_them(cloud: Cloud, file: Path) -> None:
    spec, cluster = compiled(like(PROJECT, cloud=cloud, steps={"Learn": LARGE}), file)

    given = containers(spec)["learn"]["resources"]
    assert (given["resourceMemoryLimit"], given["accelerator"]["resourceCount"]) == ("8Gi", "2")
    placed = cluster["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert placed["exec-learn"]["nodeSelector"] == {"labels": GPU_NODES[cloud]}
    assert placed["exec-learn"]["tolerations"] == [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]
    assert "nodeSelector" not in placed["exec-judge"]


def test_gpus_may_be_those_of_other_nodes(file: Path) -> None:
    large = Resources(gpus=1, gpu_nodes={"gpu": "a100"})
    _, cluster = compiled(like(PROJECT, steps={"Learn": large}), file)
    placed = cluster["platforms"]["kubernetes"]["deploymentSpec"]["executors"]

    assert placed["exec-learn"]["nodeSelector"] == {"labels": {"gpu": "a100"}}


@pytest.mark.parametrize(("cloud", "labels"), [("none", {}), ("aks", {"azure.workload.identity/use": "true"})])
def test_pods_have_the_label_that_the_identity_of_a_cloud_takes(
    cloud: Cloud, labels: dict[str, str], file: Path
) -> None:
    _, cluster = compiled(like(PROJECT, cloud=cloud), file)
    placed = cluster["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-judge"]

    assert placed.get("podMetadata", {}).get("labels", {}) == labels


def test_steps_know_the_clusters_mlflow_and_who_they_are_there(file: Path) -> None:
    spec, cluster = compiled(PROJECT, file)
    (secret,) = cluster["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-learn"]["secretAsEnv"]

    assert {"name": "MLFLOW_TRACKING_URI", "value": MLFLOW} in containers(spec)["learn"]["env"]
    assert secret["secretNameParameter"]["runtimeValue"]["constant"] == f"{PROJECT.name}-mlflow-login"


def test_settings_of_the_project_win_over_those_of_the_cluster(file: Path) -> None:
    own = like(PROJECT, steps_environment={"MLFLOW_TRACKING_URI": "http://own.test", "LEVEL": "7"})

    assert {"MLFLOW_TRACKING_URI": "http://own.test", "LEVEL": "7"}.items() <= variables(own, file).items()


@pytest.mark.parametrize(
    ("facts", "setting", "given"),
    [
        ({"controller": ""}, "CONTEXT", True),
        ({"controller": "Flux"}, "CONTEXT", False),
        ({"serving": "none"}, "CONTEXT", False),
        ({"monitoring": True}, "PUSHGATEWAY_URL", True),
        ({"monitoring": False}, "PUSHGATEWAY_URL", False),
    ],
    ids=str,
)
def test_steps_are_told_what_the_project_uses(facts: dict[str, Any], setting: str, given: bool, file: Path) -> None:
    assert (setting in variables(like(PROJECT, **facts), file)) == given


def test_steps_of_a_project_without_a_platform_are_for_no_cluster(file: Path) -> None:
    project = like(PROJECT, platform="none")

    assert len(compiled(project, file)) == 1
    assert variables(project, file) == {}


@pytest.mark.parametrize(
    ("module", "unused"),
    [
        ("model_files", ["mlflow", "matplotlib"]),
        ("pipelines.outcome", ["sklearn", "matplotlib", "skops"]),
        ("data", ["mlflow", "sklearn", "pandera"]),
    ],
    ids=["train", "promote", "split"],
)
def test_step_waits_for_no_import_that_it_does_not_use(module: str, unused: list[str]) -> None:
    code = f"import sys, ml_chassis.{module}; print(sorted(set(sys.modules) & set({unused})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
