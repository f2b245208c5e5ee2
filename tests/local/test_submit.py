"""`make submit` runs the pipeline on a server and tells how it goes; `make schedule` has it run again and again."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.kubectl import cluster_settings, kubectl, own_namespace, require_cluster
from tests.running import run

from .data_servers import free_port
from .pipelines_server import PipelinesServer, pipelines_server
from .projects import Project

pytestmark = pytest.mark.xdist_group("prometheus")  # as the tests of the project that it shares

Object = dict[str, Any]


EDITOR = "default-editor"
ASK = """
import sys
from wine_cultivars.pipelines.server import _client
from wine_cultivars.settings import load_settings
_client(sys.argv[1], load_settings()).create_experiment("any", namespace="any")
"""


@pytest.fixture
def namespace() -> Iterator[str]:
    """Return the name of a namespace of the test's own."""
    require_cluster()
    with own_namespace() as name:
        yield name


@pytest.fixture
def server() -> PipelinesServer:
    """Return a server without runs."""
    return PipelinesServer()


@pytest.fixture
def endpoint(server: PipelinesServer) -> Iterator[str]:
    """Return the server's address."""
    with pipelines_server(server) as address:
        yield address


def only(found: dict[str, Object]) -> Object:
    """Return the one object that was sent."""
    (body,) = found.values()
    return body


def test_each_step_is_told_with_its_time(watched: Project, server: PipelinesServer, endpoint: str) -> None:
    lines = watched.make("submit", KFP_ENDPOINT=endpoint).splitlines()

    rows = [line.split() for line in lines if line.endswith(" s")]
    assert rows == [[step, "done", "7.0", "s"] for step in server.steps]
    assert f"The run is at {endpoint}/#/runs/details/runs-0" in lines


def test_run_has_the_projects_names_and_arguments(watched: Project, server: PipelinesServer, endpoint: str) -> None:
    watched.make("submit", KFP_ENDPOINT=endpoint, RANDOM_SEED="11")

    run, experiment = only(server.sent["runs"]), only(server.sent["experiments"])
    assert run["service_account"] == "wine-cultivars-pipelines"
    assert (run["experiment_id"], experiment["display_name"]) == (experiment["experiment_id"], "wine-cultivars")
    assert run["runtime_config"]["parameters"]["random_seed"] == 11
    assert "kubernetes" in run["pipeline_spec"]["platform_spec"]["platforms"]


def test_failed_step_fails_the_command(watched: Project, server: PipelinesServer, endpoint: str) -> None:
    server.failing = "split"

    printed = watched.fail("submit", KFP_ENDPOINT=endpoint)

    rows = [line.split() for line in printed.splitlines() if line.endswith(" s")]
    assert rows == [["ingest", "done", "7.0", "s"], ["validate", "done", "7.0", "s"], ["split", "failed", "7.0", "s"]]
    assert "Error: Step split failed: " in printed


def test_server_that_does_not_answer_is_named(watched: Project) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    printed = watched.fail("submit", KFP_ENDPOINT=nobody)
    assert f"Error: Kubeflow Pipelines at {nobody} does not answer" in printed
    assert "Traceback" not in printed


def test_rows_that_only_this_machine_has_are_not_sent(watched: Project, endpoint: str) -> None:
    assert "a file of this machine" in watched.fail("submit", KFP_ENDPOINT=endpoint, DATA_URI="rows.csv")


def test_server_that_asks_who_you_are_gets_the_token(watched: Project, server: PipelinesServer, endpoint: str) -> None:
    server.token = "open-sesame"  # noqa: S105

    assert "refuses: 401 Unauthorized. If it asks who you are, set KFP_TOKEN" in watched.fail(
        "unschedule", KFP_ENDPOINT=endpoint
    )
    watched.make("unschedule", KFP_ENDPOINT=endpoint, KFP_TOKEN=server.token)


def test_server_for_several_users_learns_the_namespace(
    watched: Project, server: PipelinesServer, endpoint: str
) -> None:
    server.multi_user = True

    watched.make("submit", KFP_ENDPOINT=endpoint)

    assert only(server.sent["experiments"])["namespace"] == "team"


def test_server_of_the_cluster_for_several_users_is_shown_the_token_of_the_editor(
    watched: Project, server: PipelinesServer, endpoint: str, namespace: str
) -> None:
    server.multi_user = True
    kubectl("create", "serviceaccount", EDITOR, f"--namespace={namespace}")  # as Kubeflow does in each profile
    settings = cluster_settings() | {"PIPELINES_NAMESPACE": namespace}

    run("uv", "run", "python", "-c", ASK, endpoint, cwd=watched.folder, env=watched.environment | settings)

    (token,) = server.shown - {""}
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "metadata": {}}
    spec = {"token": token, "audiences": ["pipelines.kubeflow.org"]}
    status = json.loads(kubectl("create", "-o=json", "-f", "-", given=json.dumps(review | {"spec": spec})))["status"]
    assert status["user"]["username"] == f"system:serviceaccount:{namespace}:{EDITOR}"


def test_schedule_replaces_the_one_before(watched: Project, server: PipelinesServer, endpoint: str) -> None:
    watched.make("schedule", KFP_ENDPOINT=endpoint)
    watched.make("schedule", KFP_ENDPOINT=endpoint, CRON="0 30 4 * * *")

    kept = only(server.sent["recurringruns"])
    assert kept["trigger"]["cron_schedule"]["cron"] == "0 30 4 * * *"
    assert kept["runtime_config"]["parameters"]["data_version"] == "[[ScheduledTime]]"


def test_refused_schedule_leaves_the_one_before(watched: Project, server: PipelinesServer, endpoint: str) -> None:
    watched.make("schedule", KFP_ENDPOINT=endpoint)

    assert "not a supported format" in watched.fail("schedule", KFP_ENDPOINT=endpoint, CRON="nightly")
    assert only(server.sent["recurringruns"])["trigger"]["cron_schedule"]["cron"] == "0 0 3 * * *"


def test_unschedule_ends_it(watched: Project, server: PipelinesServer, endpoint: str) -> None:
    watched.make("schedule", KFP_ENDPOINT=endpoint)
    watched.make("unschedule", KFP_ENDPOINT=endpoint)

    assert server.sent["recurringruns"] == {}
    assert "There was no schedule" in watched.make("unschedule", KFP_ENDPOINT=endpoint)
