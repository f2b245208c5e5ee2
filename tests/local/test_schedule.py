"""The command `schedule` has the real Kubeflow Pipelines run the pipeline again and again."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from .kubeflow import TABLE, Kubeflow, Stack
from .projects import Project

BEGINNING = datetime.min.replace(tzinfo=UTC)
ROWS = 150
"""Of the sample's 178."""
OFTEN = "*/10 * * * * *"
SECONDS_FOR_A_RUN = 240


@pytest.fixture
def scheduling(submitting: Project) -> Iterator[Project]:
    """Return the project, whose schedule ends with the test."""
    yield submitting
    submitting.call("unschedule")


def test_scheduled_run_reads_the_rows_of_then_and_outlives_its_schedule(
    scheduling: Project, stack: Stack, table: Path
) -> None:
    table.write_text("nothing,of,use\n1,2,3\n")
    scheduling.call(f"schedule --cron '{OFTEN}'", DATA_URI=TABLE)
    (schedule,) = schedules(stack)
    first = scheduled_run(stack, schedule)
    assert "Error: Step validate failed: " in scheduling.fail(f"follow {first}")

    table.write_text(scheduling.sample(ROWS))
    second = scheduled_run(stack, schedule, since=datetime.now(UTC))
    assert "a run in progress goes on" in scheduling.call("unschedule")
    followed = scheduling.call(f"follow {second}")

    assert "The run succeeded." in followed
    profiles = [used["dataset"]["profile"] for used in stack.recorded(second)["inputs"]["dataset_inputs"]]
    assert sum(int(rows) for profile in profiles for rows in re.findall(r'"num_rows": (\d+)', profile)) == ROWS


def test_five_fields_are_those_of_a_crontab_and_six_begin_with_the_second(
    scheduling: Project, kubeflow: Kubeflow
) -> None:
    assert re.search(r"next on .* at 03:20:00 UTC", scheduling.call("schedule --cron '20 3 * * *'"))
    assert re.search(r"next on .* at 04:00:30 UTC", scheduling.call("schedule --cron '30 0 4 * * *'"))

    assert [found["trigger"]["cron_schedule"]["cron"] for found in schedules(kubeflow)] == ["30 0 4 * * *"]


def test_refused_schedule_leaves_the_one_before(scheduling: Project, kubeflow: Kubeflow) -> None:
    scheduling.call("schedule")
    (before,) = schedules(kubeflow)

    assert "is no schedule" in scheduling.fail("schedule --cron nightly")
    assert "above maximum" in scheduling.fail("schedule --cron '61 3 * * *'")
    assert "names no date" in scheduling.fail("schedule --cron '0 0 31 2 *'")

    (kept,) = schedules(kubeflow)
    assert kept["recurring_run_id"] == before["recurring_run_id"]


def test_unschedule_ends_it(scheduling: Project, kubeflow: Kubeflow) -> None:
    scheduling.call("schedule")
    scheduling.call("unschedule")

    assert schedules(kubeflow) == []
    assert "There was no schedule" in scheduling.call("unschedule")


def scheduled_run(kubeflow: Kubeflow, schedule: dict[str, Any], since: datetime = BEGINNING) -> str:
    """Return the first run that a schedule has started since then, once there is one."""
    deadline = time.monotonic() + SECONDS_FOR_A_RUN
    while time.monotonic() < deadline:
        for found in kubeflow.ask("runs?sort_by=created_at").get("runs", []):
            of_this = found.get("recurring_run_id") == schedule["recurring_run_id"]
            if of_this and datetime.fromisoformat(found["created_at"]) > since:
                return str(found["run_id"])
        time.sleep(2)
    raise AssertionError("The schedule started no run.")


def schedules(kubeflow: Kubeflow) -> list[dict[str, Any]]:
    """Return the project's schedules."""
    found = kubeflow.ask("recurringruns?page_size=100").get("recurringRuns", [])
    return [schedule for schedule in found if schedule["display_name"] == "wine-cultivars-training"]
