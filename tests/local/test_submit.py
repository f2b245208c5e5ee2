"""Whom and what `submit` and its like ask, before anything runs."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.kubectl import cluster_settings, kubectl, own_namespace, require_cluster
from tests.running import run

from .data_servers import free_port
from .guarded_server import GuardedServer, guarded_server
from .kubeflow import Stack
from .projects import Project, read_until

EDITOR = "default-editor"
SECONDS_TO_GIVE_UP = 30
"""Of the five minutes for which a lost server is waited for."""
ASK = """
import sys
from ml_chassis.pipelines.server import _client
from wine_cultivars.settings import Settings
_client(sys.argv[1], Settings.load()).create_experiment("any", namespace="any")
"""
FOLLOW = """
import sys
from contextlib import nullcontext
from ml_chassis.kubectl import Kubectl
from ml_chassis.pipelines.following import follow_to_end
from wine_cultivars.settings import Settings
address = sys.argv[1]
Kubectl.forwarded = lambda *_: nullcontext(address)
follow_to_end("any", address, Settings.load())
"""
"""Follows a run on the server of a cluster, to which nothing leads but the tests' own address."""


@pytest.fixture
def namespace() -> Iterator[str]:
    """Return the name of a namespace of the test's own, with the account that Kubeflow makes in each profile."""
    require_cluster()
    with own_namespace() as name:
        kubectl("create", "serviceaccount", EDITOR, f"--namespace={name}")
        yield name


@pytest.fixture
def server() -> GuardedServer:
    """Return a server that asks for nothing yet."""
    return GuardedServer()


@pytest.fixture
def endpoint(server: GuardedServer) -> Iterator[str]:
    """Return the server's address."""
    with guarded_server(server) as address:
        yield address


def test_server_that_does_not_answer_is_named(watched: Project) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    printed = watched.fail("submit", KFP_ENDPOINT=nobody)
    assert f"Error: Kubeflow Pipelines at {nobody} does not answer" in printed
    assert "Traceback" not in printed


def test_page_of_another_program_is_told_from_the_server(
    watched: Project, server: GuardedServer, endpoint: str
) -> None:
    server.page = b"<h1>Welcome</h1>"

    printed = watched.fail("unschedule", KFP_ENDPOINT=endpoint)

    assert f"{endpoint} answers as another program would. Is KFP_ENDPOINT right?" in printed
    assert "Traceback" not in printed


def test_rows_that_only_this_machine_has_are_not_sent(watched: Project, endpoint: str) -> None:
    assert "a file of this machine" in watched.fail("submit", KFP_ENDPOINT=endpoint, DATA_URI="rows.csv")


def test_server_that_asks_who_you_are_gets_the_token(watched: Project, server: GuardedServer, endpoint: str) -> None:
    server.token = "open-sesame"  # noqa: S105

    assert "refuses: Unauthenticated. If it asks who you are, set KFP_TOKEN" in watched.fail(
        "unschedule", KFP_ENDPOINT=endpoint
    )
    watched.call("unschedule", KFP_ENDPOINT=endpoint, KFP_TOKEN=server.token)


def test_run_is_followed_while_waiting_helps_and_no_longer(
    watched: Project, server: GuardedServer, endpoint: str
) -> None:
    server.token, settings = "first", {"KFP_ENDPOINT": endpoint, "KFP_TOKEN": "first"}
    with watched.started(*watched.own, "follow", "any", **settings) as command:
        read_until(command, "Run any: ")
        server.failures = [503]
        waited = read_until(command, "trying again")
        server.answers_again(SECONDS_TO_GIVE_UP)
        server.failures = [401]  # as the login of a connection may expire, and the next connection has another
        server.answers_again(SECONDS_TO_GIVE_UP)
        server.token = "second"  # noqa: S105
        said, _ = command.communicate(timeout=SECONDS_TO_GIVE_UP)

    assert "cannot answer now: Not now. The run goes on" in waited
    assert "refuses: Unauthenticated. If it asks who you are, set KFP_TOKEN" in said
    assert "The run goes on. `uv run wine-cultivars follow any` follows it again" in said
    assert "trying again" not in said
    assert command.returncode


def test_refusal_that_waiting_does_not_change_ends_at_once(
    watched: Project, server: GuardedServer, endpoint: str
) -> None:
    with watched.started(*watched.own, "follow", "any", KFP_ENDPOINT=endpoint) as command:
        read_until(command, "Run any: ")
        server.failures = [403] * 9
        said, _ = command.communicate(timeout=SECONDS_TO_GIVE_UP)

    assert "refuses: Not now." in said
    assert "The run goes on. `uv run wine-cultivars follow any` follows it again" in said
    assert command.returncode


def test_server_for_several_users_learns_the_namespace(watched: Project, server: GuardedServer, endpoint: str) -> None:
    server.multi_user = True

    watched.call("unschedule", KFP_ENDPOINT=endpoint)

    assert server.namespaces == {"team"}


def test_server_of_the_cluster_for_a_single_user_runs_steps_in_its_own_namespace(
    watched: Project, endpoint: str
) -> None:
    with watched.started("uv", "run", "python", "-c", ASK, endpoint) as command:
        said, _ = command.communicate()

    assert "runs every step in the namespace 'kubeflow', not in 'team'; set PIPELINES_NAMESPACE=kubeflow" in said


def test_server_of_the_cluster_for_several_users_is_shown_the_token_of_the_editor(
    watched: Project, server: GuardedServer, endpoint: str, namespace: str
) -> None:
    server.multi_user = True
    settings = cluster_settings() | {"PIPELINES_NAMESPACE": namespace}

    run("uv", "run", "python", "-c", ASK, endpoint, cwd=watched.folder, env=watched.environment | settings)

    (token,) = server.shown - {""}
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "metadata": {}}
    spec = {"token": token, "audiences": ["pipelines.kubeflow.org"]}
    status = json.loads(kubectl("create", "-o=json", "-f", "-", given=json.dumps(review | {"spec": spec})))["status"]
    assert status["user"]["username"] == f"system:serviceaccount:{namespace}:{EDITOR}"


@pytest.mark.parametrize(
    ("barrier", "told"),
    [
        ({"closed": True}, "refuses: RBAC: access denied. "),
        ({"page": b"<h1>Log in</h1>"}, "answers as another program would"),
    ],
    ids=["a mesh", "a login"],
)
def test_token_that_expires_is_renewed_until_something_else_refuses(
    watched: Project, server: GuardedServer, endpoint: str, namespace: str, barrier: dict[str, Any], told: str
) -> None:
    server.multi_user = True
    settings = cluster_settings() | {"PIPELINES_NAMESPACE": namespace}
    with watched.started("uv", "run", "python", "-c", FOLLOW, endpoint, **settings) as command:
        server.answers_again(SECONDS_TO_GIVE_UP)
        server.expired = set(server.shown)
        server.answers_again(SECONDS_TO_GIVE_UP)
        renewed = server.shown - server.expired
        vars(server).update(barrier)
        said, _ = command.communicate(timeout=SECONDS_TO_GIVE_UP)

    assert len(renewed) == 1
    assert told in said
    assert "The run goes on. `uv run wine-cultivars follow any` follows it again" in said
    assert len(server.shown - server.expired - renewed) <= 1
    assert command.returncode


def test_stand_in_for_a_guarded_server_answers_as_the_real_one(
    watched: Project, submitting: Project, stack: Stack, endpoint: str
) -> None:
    kinds = {"healthz": {}, "experiments": {"display_name": f"any-{uuid.uuid4().hex}"}}
    for path, sent in kinds.items():
        real = stack.read(f"{stack.settings['KFP_ENDPOINT']}/apis/v2beta1/{path}", **sent)
        body = ("--data", json.dumps(sent)) if sent else ()
        stand_in = json.loads(run("curl", "--silent", "--noproxy", "*", *body, f"{endpoint}/apis/v2beta1/{path}"))
        assert stand_in.items() <= real.items() | {("experiment_id", "1")}, path

    assert watched.call("unschedule", KFP_ENDPOINT=endpoint) == submitting.call("unschedule")
