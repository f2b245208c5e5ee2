"""`make schedule` has the real Kubeflow Pipelines run the pipeline again and again."""

import re
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.running import run

from .kubeflow import API, MLFLOW, Stack
from .projects import Project

pytestmark = pytest.mark.xdist_group("prometheus")  # as the tests of the project that it shares

BEGINNING = datetime.min.replace(tzinfo=UTC)
ADDRESS = "http://127.0.0.1:9009"
SAMPLE = """
from wine_cultivars.data import load
from wine_cultivars.settings import load_settings
print(load(*load_settings().data_source).to_csv(index=False))
"""
ROWS = 150
"""Of the sample's 178."""
OFTEN = "*/10 * * * * *"
SECONDS_FOR_A_RUN = 240


@pytest.fixture
def table(stack: Stack, tmp_path: Path) -> Iterator[Path]:
    """Return a file that the steps read at `ADDRESS`."""
    command = [*stack.within, "python3", "-m", "http.server", "9009", "--bind=127.0.0.1", f"--directory={tmp_path}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        yield tmp_path / "rows.csv"
        server.terminate()


@pytest.fixture
def scheduling(submitting: Project) -> Iterator[Project]:
    """Return the project, whose schedule ends with the test."""
    yield submitting
    submitting.make("unschedule")


def test_scheduled_run_reads_the_rows_of_then_and_outlives_its_schedule(
    scheduling: Project, stack: Stack, table: Path
) -> None:
    table.write_text("nothing,of,use\n1,2,3\n")
    scheduling.make(f"schedule CRON='{OFTEN}'", DATA_URI=f"{ADDRESS}/rows.csv")
    (schedule,) = schedules(stack)
    first = scheduled_run(stack, schedule)
    assert "Error: Step validate failed: " in scheduling.fail(f"follow RUN={first}")

    table.write_text(sample(scheduling))
    second = scheduled_run(stack, schedule, since=datetime.now(UTC))
    assert "a run in progress goes on" in scheduling.make("unschedule")
    followed = scheduling.make(f"follow RUN={second}")

    assert "The run succeeded." in followed
    (tracked,) = stack.read(
        f"{MLFLOW}/api/2.0/mlflow/runs/search", experiment_ids=["1"], filter=f"tags.pipeline_run_id = '{second}'"
    )["runs"]
    profiles = [used["dataset"]["profile"] for used in tracked["inputs"]["dataset_inputs"]]
    assert sum(int(rows) for profile in profiles for rows in re.findall(r'"num_rows": (\d+)', profile)) == ROWS


def test_five_fields_are_those_of_a_crontab_and_six_begin_with_the_second(scheduling: Project, stack: Stack) -> None:
    assert re.search(r"next on .* at 03:20:00 UTC", scheduling.make("schedule CRON='20 3 * * *'"))
    assert re.search(r"next on .* at 04:00:30 UTC", scheduling.make("schedule CRON='30 0 4 * * *'"))

    assert [found["trigger"]["cron_schedule"]["cron"] for found in schedules(stack)] == ["30 0 4 * * *"]


def test_refused_schedule_leaves_the_one_before(scheduling: Project, stack: Stack) -> None:
    scheduling.make("schedule")
    (before,) = schedules(stack)

    assert "is no schedule" in scheduling.fail("schedule CRON=nightly")
    assert "above maximum" in scheduling.fail("schedule CRON='61 3 * * *'")
    assert "names no date" in scheduling.fail("schedule CRON='0 0 31 2 *'")

    (kept,) = schedules(stack)
    assert kept["recurring_run_id"] == before["recurring_run_id"]


def test_unschedule_ends_it(scheduling: Project, stack: Stack) -> None:
    scheduling.make("schedule")
    scheduling.make("unschedule")

    assert schedules(stack) == []
    assert "There was no schedule" in scheduling.make("unschedule")


def scheduled_run(stack: Stack, schedule: dict[str, Any], since: datetime = BEGINNING) -> str:
    """Return the first run that a schedule has started since then, once there is one."""
    deadline = time.monotonic() + SECONDS_FOR_A_RUN
    while time.monotonic() < deadline:
        for found in stack.read(f"{API}/runs?sort_by=created_at").get("runs", []):
            of_this = found.get("recurring_run_id") == schedule["recurring_run_id"]
            if of_this and datetime.fromisoformat(found["created_at"]) > since:
                return str(found["run_id"])
        time.sleep(2)
    raise AssertionError("The schedule started no run.")


def schedules(stack: Stack) -> list[dict[str, Any]]:
    """Return what is scheduled."""
    found: list[dict[str, Any]] = stack.read(f"{API}/recurringruns").get("recurringRuns", [])
    return found


def sample(project: Project) -> str:
    """Return rows that the project can train on, as CSV."""
    text = run("uv", "run", "python", "-c", SAMPLE, cwd=project.folder, env=project.environment)
    return "\n".join(text.splitlines()[: ROWS + 1])
