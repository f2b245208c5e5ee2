"""The command `submit` runs the pipeline on the real Kubeflow Pipelines, and tells how it goes, whatever happens."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.running import run

from .kubeflow import MLFLOW, TABLE, Kubeflow, Stack
from .projects import Project, read_until

STEPS = ["ingest", "validate", "split", "train", "evaluate", "register", "promote", "report-run"]
ROWS, ROWS_OF_THE_SAMPLE = 20, 178
LOST_SECONDS = 8
"""In which a connection is tried more than once."""
SECONDS_TO_HEAR = 3
"""In which whoever follows a run has heard that it ended."""
SECONDS_TO_GIVE_UP = 30
"""Of the five minutes for which a lost server is waited for."""
ROW = re.compile(r"^  ([\w-]+) +(done|cached|failed) +[\d.]+ s$", re.MULTILINE)
PRESENT = "ghcr.io/kubeflow/kfp-driver:2.16.0"
"""An image that a node has which ran anything of Kubeflow Pipelines."""
NAME = re.compile(r"^Run (\S+): ", re.MULTILINE)
MODEL, MODELS = "wine-cultivars", f"{MLFLOW}/api/2.0/mlflow/registered-models"
SERVING_IMAGE = """
from wine_cultivars import PROJECT
print(f"{PROJECT.images}-serving:{PROJECT.identity}")
"""
AS_IT_IS = "from wine_cultivars.cli import main; main()"
AS_NOBODY = """
from ml_chassis.pipelines import cluster
from wine_cultivars.cli import main
cluster.account = lambda settings: "nobody"
cluster.require_account = lambda settings: None
main()
"""
"""Submits for a ServiceAccount that was there a moment ago."""
WITH_GPUS = """
from ml_chassis.resources import Resources
from wine_cultivars import PROJECT
from wine_cultivars.cli import main
PROJECT.steps["Ingest"] = Resources(gpus=64)
main()
"""
BATCH = """
from ml_chassis.pipelines.arguments import data_arguments
from ml_chassis.pipelines.cluster import run_on_cluster
from wine_cultivars.pipelines.batch import batch_pipeline
from wine_cultivars.settings import Settings
settings = Settings.load()
run_on_cluster(batch_pipeline, data_arguments(settings) | {"model_version": 1}, settings)
"""
CAPTURE = """
import time
from ml_chassis.monitoring.capture import Capture, Seen
from wine_cultivars.data import load
from wine_cultivars.settings import Settings
settings = Settings.load()
rows = load(settings)
answers = rows.pop(settings.data_target).to_numpy()
capture = Capture(settings, "1")
capture.take([Seen("any", time.time(), rows, answers)], list(rows))
capture.write()
"""
DRIFT = """
from ml_chassis.pipelines.all import pipelines
from ml_chassis.pipelines.cluster import run_on_cluster
from wine_cultivars import PROJECT
PROJECT.steps_environment["CAPTURE_URI"] = "/app/captured"
run_on_cluster(pipelines(PROJECT)["drift"], {}, PROJECT.settings.load())
"""


@pytest.fixture(scope="module")
def trained_there(submitting: Project, stack: Stack) -> str:
    """Return what is printed of a first run, during which its server does not answer for some seconds."""
    with submit(submitting) as command:
        said = read_until(command, "ingest")
        with stack.silent():
            said += read_until(command, "trying again")
            time.sleep(LOST_SECONDS)
        said += command.communicate(timeout=800)[0]
    assert command.returncode == 0, said
    return said


@pytest.fixture
def no_champion(stack: Stack, trained_there: str) -> Iterator[None]:
    """Have the next version pass the gate, whatever it is worth."""
    alias = {"name": MODEL, "alias": "champion"}
    stack.delete(f"{MODELS}/alias", **alias)
    yield
    stack.read(f"{MODELS}/alias", **alias, version="1")


@pytest.fixture
def image_of_the_server(submitting: Project, stack: Stack) -> None:
    """Have the node tell of the model server's image."""
    image = run("uv", "run", "python", "-c", SERVING_IMAGE, cwd=submitting.folder, env=submitting.environment).strip()
    told = json.dumps({"status": {"images": [{"names": [image]}]}})
    stack.run("kubectl", "patch", "node", "kubish", "--type=merge", f"--patch={told}")


def test_run_is_followed_while_the_server_is_away(trained_there: str) -> None:
    assert ROW.findall(trained_there) == [(step, "done") for step in STEPS]
    assert trained_there.count("does not answer") == 1
    assert trained_there.endswith("The run succeeded.\n")


def test_run_and_its_record_in_mlflow_name_each_other(stack: Stack, trained_there: str) -> None:
    with sqlite3.connect(stack.folder / "db/mlmd.sqlite") as metadata:  # which the run's page shows
        named = metadata.execute("SELECT string_value FROM ArtifactProperty WHERE name = 'mlflow_run'").fetchall()

    assert (stack.recorded(name_of(trained_there))["info"]["run_id"],) in named


def test_batch_run_tries_again_to_read_rows_that_come_late(
    submitting: Project, stack: Stack, trained_there: str, table: Path
) -> None:
    rows = submitting.sample(ROWS)
    with submit(submitting, BATCH, DATA_URI=TABLE) as command:
        said = read_until(command, "Run ")
        stack.wait_for_a_failed_pod(name_of(said))
        table.write_text(rows)
        said += command.communicate(timeout=300)[0]

    assert ROW.findall(said) == [("ingest", "done"), ("predict", "done")], said
    assert len(stack.failed_pods(name_of(said))) == 1
    assert command.returncode == 0


def test_drift_run_reports_on_captured_requests(submitting: Project, stack: Stack, trained_there: str) -> None:
    captured = submitting.environment | {"CAPTURE_URI": str(stack.app / "captured"), "CAPTURE_SHARE": "1"}
    run("uv", "run", "python", "-c", CAPTURE, cwd=submitting.folder, env=captured)

    with submit(submitting, DRIFT) as command:
        said, _ = command.communicate(timeout=300)

    assert ROW.findall(said) == [("report-drift", "done")]
    metrics = {metric["key"]: metric["value"] for metric in stack.recorded(name_of(said))["data"]["metrics"]}
    assert metrics["rows"] == ROWS_OF_THE_SAMPLE


@pytest.mark.usefixtures("no_champion", "image_of_the_server")
def test_champion_that_could_not_be_deployed_is_not_promoted(submitting: Project, stack: Stack) -> None:
    printed = submitting.fail("submit", DEPLOY_TO="local")

    assert ROW.findall(printed)[-2:] == [("promote", "failed"), ("report-run", "done")]
    assert "Error: Step promote failed: " in printed
    assert 'the server doesn\'t have a resource type "inferenceservice"' in printed
    assert "aliases" not in stack.read(f"{MODELS}/get?name={MODEL}")["registered_model"]


def test_failed_step_is_told_with_its_cause(submitting: Project, stack: Stack, trained_there: str) -> None:
    with stack.storing_slowly():
        printed = submitting.fail("submit", DATA_TARGET="gone")

    assert ROW.findall(printed) == [("ingest", "cached"), ("validate", "failed"), ("report-run", "done")], printed
    assert "Error: Step validate failed: The target 'gone' is not in schema.yaml; set DATA_TARGET" in printed
    (command,) = re.findall("The whole log: (kubectl .*)", printed)
    log = run(*submitting.within, *command.split(), env=submitting.environment)
    assert "The target 'gone' is not in schema.yaml" in log

    again = submitting.fail(f"follow {name_of(printed)}")
    assert ROW.findall(again) == ROW.findall(printed)
    assert "Step validate failed: The target 'gone'" in again

    elsewhere = submitting.fail(f"follow {name_of(printed)}", PIPELINES_NAMESPACE="default")
    assert "kubish has nothing of the run in the namespace 'default'. Do CONTEXT and PIPELINES_NAMESPACE" in elsewhere


def test_run_that_is_left_when_it_has_ended_is_told_as_it_ended(
    submitting: Project, stack: Stack, trained_there: str
) -> None:
    with stack.storing_slowly(), submit(submitting, DATA_TARGET="gone") as command:
        said = read_until(command, "Run ")
        stack.wait_for_the_end(name_of(said))
        time.sleep(SECONDS_TO_HEAR)
        said += interrupt(command)

    assert "The run goes on" not in said
    assert "The target 'gone' is not in schema.yaml" in said
    assert command.returncode == 1


def test_run_that_is_left_goes_on_until_it_is_stopped(submitting: Project) -> None:
    with submit(submitting) as command:
        said = read_until(command, "Run ")
        said += interrupt(command)
    name = name_of(said)
    assert (
        f"`uv run wine-cultivars follow {name}` follows it again, `uv run wine-cultivars stop {name}` ends it." in said
    )
    assert "Traceback" not in said

    assert "is being ended" in submitting.call(f"stop {name}")
    assert "Error: The run was ended by hand" in submitting.fail(f"follow {name}")
    assert "had ended before" in submitting.call(f"stop {name}")


@pytest.mark.parametrize(
    ("program", "image", "told"),
    [
        (WITH_GPUS, PRESENT, "cannot be scheduled: 0/"),
        (AS_IT_IS, "gone:1", 'is in ImagePullBackOff: Back-off pulling image "gone:1"'),
    ],
    ids=["no node", "no image"],
)
def test_pod_that_cannot_start_is_told_once_until_its_run_is_deleted(
    submitting: Project, kubeflow: Kubeflow, program: str, image: str, told: str
) -> None:
    with submit(submitting, program, DATA_URI="sklearn:iris", PIPELINE_IMAGE=image) as command:
        said = read_until(command, told)
        time.sleep(LOST_SECONDS)
        kubeflow.delete(kubeflow.address(f"runs/{name_of(said)}"))
        said += command.communicate(timeout=SECONDS_TO_GIVE_UP)[0]

    assert said.count(told) == 1
    assert "Error: The run was deleted" in said
    assert f"Run {name_of(said)} not found" in said
    assert command.returncode == 1


def test_pods_that_cannot_be_made_are_told_with_the_reason(submitting: Project) -> None:
    with submit(submitting, AS_NOBODY) as command:
        said, _ = command.communicate(timeout=120)

    assert command.returncode == 1
    assert 'serviceaccount "nobody" not found' in said


def test_namespace_without_the_account_is_told_before_anything_runs(submitting: Project) -> None:
    printed = submitting.fail("submit", PIPELINES_NAMESPACE="nowhere")

    assert "no ServiceAccount 'wine-cultivars-pipelines', as which the steps run, in the namespace 'nowhere'" in printed
    assert not NAME.search(printed)


def test_unknown_run_is_refused_at_once(submitting: Project) -> None:
    assert "refuses: Failed to get a run" in submitting.fail("follow gone")


def submit(
    project: Project, program: str = AS_IT_IS, **settings: str
) -> AbstractContextManager["subprocess.Popen[str]"]:
    """Start `submit`, in the words of a program that may first change something."""
    # uv passes on what its group has had too, where it runs in no terminal: that would be to press Ctrl-C twice.
    return project.started(".venv/bin/python", "-c", program, "submit", **settings)


def interrupt(command: "subprocess.Popen[str]") -> str:
    """Press Ctrl-C, and return what is printed then."""
    os.killpg(command.pid, signal.SIGINT)
    return command.communicate(timeout=60)[0]


def name_of(printed: str) -> str:
    """Return the name of the run that was printed."""
    found = NAME.search(printed)
    assert found, printed
    return found[1]
