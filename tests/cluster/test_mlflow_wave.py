"""The platform's MLflow runs on a node: its login, what it keeps, and the commands that reach it."""

import json
import re
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from secrets import token_urlsafe
from typing import NamedTuple

import pytest
from copier import run_copy

from tests.local.data_servers import wait_until_up
from tests.local.projects import Project
from tests.running import run

from .kubectl import OWN_NAMESPACES, allowed, cluster_settings, kubectl
from .mlflow_wave import (
    blocks,
    interrupt,
    keep_mlflow_and_the_project,
    kill,
    listens,
    load_images,
    opening,
    secret,
    wait_for_line,
)
from .overlays import NAME
from .test_access import PIPELINE_RIGHTS, TAKEN_BY_NOBODY

pytestmark = pytest.mark.xdist_group("cluster")

ADDRESS = "http://127.0.0.1:5001"
EXPERIMENTS = f"{ADDRESS}/api/2.0/mlflow/experiments/search?max_results=9"
USERS = f"{ADDRESS}/api/2.0/mlflow/users/create"
ALIAS = f"{ADDRESS}/api/2.0/mlflow/registered-models/alias"
MODELS = f"{ADDRESS}/api/2.0/mlflow/registered-models/create"
DELETE = f"{ADDRESS}/api/2.0/mlflow/registered-models/delete"
ARTIFACTS = f"{ADDRESS}/api/2.0/mlflow-artifacts/artifacts"
RECORD = """
import mlflow, wine_cultivars
mlflow.set_experiment("wine-cultivars")
with mlflow.start_run() as run:
    mlflow.log_text("red", "colour.txt")
client = mlflow.MlflowClient()
client.create_registered_model("wine-cultivars")
source = f"{run.info.artifact_uri}/colour.txt"
version = client.create_model_version("wine-cultivars", source, run.info.run_id).version
client.set_registered_model_alias("wine-cultivars", "champion", version)
"""
RECALL = """
import mlflow, wine_cultivars
version = mlflow.MlflowClient().get_model_version_by_alias("wine-cultivars", "champion")
print(version.version, mlflow.artifacts.load_text(f"runs:/{version.run_id}/colour.txt"))
"""
WHERE = """
import mlflow, wine_cultivars
version = mlflow.MlflowClient().get_model_version_by_alias("wine-cultivars", "champion")
print(mlflow.get_run(version.run_id).info.artifact_uri.removeprefix("mlflow-artifacts:/") + "/colour.txt")
"""
KEPT = "1 red"
KINDS = (
    "secrets,configmaps,deployments,statefulsets,jobs,services,networkpolicies"
    ",serviceaccounts,roles,rolebindings,resourcequotas,limitranges"
)
LOGIN, READER = "wine-cultivars-mlflow-login", "wine-cultivars-mlflow-reader"
SECOND = "churn-risk"
PORTS = [8090, 8333, 5001]
CHAMPION = b'{"name": "wine-cultivars", "alias": "champion", "version": "1"}'
EMPTY_DATABASE = ["psql", "--username=mlflow", "--command=DROP SCHEMA public CASCADE; CREATE SCHEMA public"]


class Joined(NamedTuple):
    """What the command `platform` said when a second project joined, and the objects of the cluster around that."""

    said: str
    before: dict[str, str]
    after: dict[str, str]


@pytest.fixture(scope="module")
def project(node: None, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project whose platform is MLflow, which holds a run and a model version of the project's user."""
    folder = tmp_path_factory.mktemp("mlflow-wave")
    answers = {"python_version": "3.11", "serving": "seldon"}
    run_copy(str(template), folder, data=answers, defaults=True, quiet=True)
    project = Project(folder, settings=cluster_settings())
    keep_mlflow_and_the_project(project)
    load_images(project)
    try:
        project.make("platform")
        with opening(project, "mlflow"):
            python(project, RECORD)
        yield project
    finally:
        kubectl("delete", "namespace", "mlflow", "kubeflow", f"{NAME}-local", "--ignore-not-found")


@pytest.fixture(scope="module")
def opened(project: Project) -> Iterator["subprocess.Popen[str]"]:
    """Open all parts, and return what keeps them open; the last test to use it ends it."""
    with opening(project) as process:
        yield process


@pytest.fixture(scope="module")
def joined(
    project: Project, opened: "subprocess.Popen[str]", template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Joined]:
    """Have a second project join the cluster as its guide says."""
    folder, before = tmp_path_factory.mktemp("second"), versions()
    run_copy(str(template), folder, data={"repository_name": SECOND}, defaults=True, quiet=True)
    second = Project(folder, settings=project.settings)
    said = "".join(second.call(f"platform --wave {wave}") for wave in ("65-users", "70-project"))
    yield Joined(said, before, versions())
    kubectl("delete", "namespace", f"{SECOND}-local")


@pytest.fixture(scope="module")
def login_before(project: Project, opened: "subprocess.Popen[str]") -> tuple[str, str]:
    """Change the password of the project's user, kill both servers, and return the user and the old password."""
    before, (rotate, *_) = of_project(), blocks(project, "Reaching in")[2:]
    patch = f'{{"stringData": {{"MLFLOW_TRACKING_PASSWORD": "{token_urlsafe()}"}}}}'
    kubectl("patch", "secret", LOGIN, "-n", "mlflow", "-p", patch)
    shell(project, rotate)
    kill("statefulset/postgres")
    kill("deployment/mlflow")
    wait_for_line(opened, "connection to mlflow has ended; it is opened again")
    wait_until_up(f"{ADDRESS}/health", opened)
    return before


def python(project: Project, script: str, user: str = LOGIN) -> str:
    """Run a script as a user of MLflow, by default the project's."""
    environment = project.environment | {"MLFLOW_TRACKING_URI": ADDRESS} | secret(user, "mlflow")
    return run("uv", "run", "--quiet", "python", "-c", script, cwd=project.folder, env=environment)


def status(
    url: str,
    login: tuple[str, str] | None = None,
    host: str = "",
    body: bytes | None = None,
    method: str | None = None,
) -> int:
    """Return the status of the answer to a request."""
    headers = {"Content-Type": "application/json"} | ({"Host": host} if host else {})
    if login:
        headers["Authorization"] = f"Basic {b64encode(':'.join(login).encode()).decode()}"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers, method=method)) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def versions() -> dict[str, str]:
    """Return the version of each Secret, workload and policy of the platform: any change of one is another version.

    Namespaces of other tests, which run at the same time, do not count.
    """
    found = [item["metadata"] for item in json.loads(kubectl("get", KINDS, "-A", "--output=json"))["items"]]
    return {
        item["uid"]: str(item.get("generation", item["resourceVersion"]))
        for item in found
        if not item["namespace"].startswith(OWN_NAMESPACES)
    }


def of_project() -> tuple[str, str]:
    return of(LOGIN)


def of(name: str) -> tuple[str, str]:
    found = secret(name, "mlflow")
    return found["MLFLOW_TRACKING_USERNAME"], found["MLFLOW_TRACKING_PASSWORD"]


def of_admin() -> tuple[str, str]:
    found = secret("mlflow", "mlflow")
    return found["user"], found["password"]


def rights_to(name: str) -> set[str]:
    """Return the rights to read or change each object that a project has in the cluster."""
    objects = {
        f"secrets/{name}-mlflow-login",
        f"secrets/{name}-mlflow-reader",
        f"serviceaccounts/{name}-pipelines",
        f"serviceaccounts:token/{name}-pipelines",
        f"roles.rbac.authorization.k8s.io/{name}-pipelines",
        f"rolebindings.rbac.authorization.k8s.io/{name}-pipelines",
        f"networkpolicies.networking.k8s.io/{name}-pipelines",
    }
    return {f"{verb} {each}" for verb in ("get", "create", "patch", "delete") for each in objects}


@pytest.mark.usefixtures("opened")
def test_server_asks_for_a_login() -> None:
    assert status(EXPERIMENTS) == 401
    assert status(EXPERIMENTS, ("admin", "wrong")) == 401
    assert status(EXPERIMENTS, of_project()) == 200


@pytest.mark.usefixtures("opened")
def test_server_refuses_other_host_names() -> None:
    assert status(EXPERIMENTS, of_project(), host="elsewhere.test") == 403


@pytest.mark.usefixtures("opened")
def test_projects_user_is_no_admin() -> None:
    body = b'{"username": "another", "password": "correct-horse-battery"}'
    assert status(USERS, of_project(), body=body) == 403
    assert status(USERS, of_admin(), body=body) == 200


@pytest.mark.usefixtures("opened")
def test_login_of_model_servers_reads_and_changes_nothing(project: Project) -> None:
    reader = of(READER)
    artifact = f"{ARTIFACTS}/{python(project, WHERE).strip()}"
    assert KEPT in python(project, RECALL, READER)
    assert status(ALIAS, reader, body=CHAMPION) == 403
    assert status(artifact, reader, body=b"blue", method="PUT") == 403
    assert KEPT in python(project, RECALL)
    assert status(ALIAS, of_project(), body=CHAMPION) == 200


def test_second_project_has_passwords_of_its_own_and_touches_nothing_of_the_first(joined: Joined) -> None:
    assert re.findall("made a password: (.*)", joined.said) == [
        f"mlflow/{SECOND}-mlflow-login",
        f"mlflow/{SECOND}-mlflow-reader",
        f"kubeflow/{SECOND}-mlflow-login",
        f"{SECOND}-local/{SECOND}-mlflow-reader",
    ]
    assert joined.before.items() <= joined.after.items()


@pytest.mark.usefixtures("joined")
def test_users_of_two_projects_change_their_own_models_alone() -> None:
    login = of(f"{SECOND}-mlflow-login")
    assert status(MODELS, login, body=b'{"name": "churn-risk"}') == 200
    assert status(DELETE, of_project(), body=b'{"name": "churn-risk"}', method="DELETE") == 403
    assert status(ALIAS, login, body=CHAMPION) == 403
    assert status(ALIAS, of_project(), body=CHAMPION) == 200


@pytest.mark.usefixtures("joined")
@pytest.mark.parametrize(("name", "other"), [(NAME, SECOND), (SECOND, NAME)])
def test_account_of_a_project_may_do_nothing_with_what_is_anothers(name: str, other: str) -> None:
    account = f"--as=system:serviceaccount:kubeflow:{name}-pipelines"
    asked = PIPELINE_RIGHTS | TAKEN_BY_NOBODY | rights_to(other)
    assert allowed("kubeflow", asked, account) == PIPELINE_RIGHTS
    assert allowed(f"{other}-local", asked, account) == set()


@pytest.mark.usefixtures("opened")
def test_all_parts_open_at_once() -> None:
    assert [status(f"http://127.0.0.1:{port}") for port in PORTS[:2]] == [200, 200]
    assert status(EXPERIMENTS, of_project()) == 200


@pytest.mark.usefixtures("opened")
def test_taken_port_is_named(project: Project) -> None:
    assert "port 5001 of this machine: it is taken" in project.fail("open mlflow")


def test_unknown_part_is_answered_with_the_known(project: Project) -> None:
    assert "There is no 'grafana' to open; there are pipelines, store, mlflow." in project.fail("open grafana")


def test_credentials_are_those_of_the_secrets(project: Project) -> None:
    printed = [
        tuple(line.split()[1:]) for line in project.call("credentials").splitlines() if line.startswith("mlflow")
    ]
    assert printed == [of_admin(), of_project()]


def test_rollout_takes_the_champion_from_the_platform(project: Project) -> None:
    printed = project.call("deploy --dry-run")
    assert f"The models are those of the MLflow on {project.settings['CONTEXT']}" in printed
    assert "has no image" in printed
    assert "will serve version 1" in printed


def test_commands_for_models_keep_to_this_machine(project: Project) -> None:
    assert "has no version yet" in project.make("models")


def test_status_tells_what_is_there(project: Project) -> None:
    rows = [line.split() for line in project.call("platform-status").splitlines()]
    assert ["mlflow", "v3.17.2-full", "1", "of", "1", ADDRESS] in rows
    assert ["cert-manager", "not", "there"] in rows


@pytest.mark.usefixtures("login_before")
def test_killed_pods_lose_nothing(project: Project) -> None:
    assert KEPT in python(project, RECALL)


def test_changed_password_is_taken_over(login_before: tuple[str, str]) -> None:
    assert (status(EXPERIMENTS, login_before), status(EXPERIMENTS, of_project())) == (401, 200)


def test_interrupt_while_a_pod_is_replaced_closes_every_port_without_complaint(
    opened: "subprocess.Popen[str]",
) -> None:
    kubectl("delete", "pod", "-n", "kubeflow", "--selector=app=ml-pipeline-ui", "--grace-period=0", "--force")
    wait_for_line(opened, "connection to pipelines has ended")
    assert "rror:" not in interrupt(opened)
    assert [port for port in PORTS if listens(port)] == []


def test_backup_is_restored_into_an_empty_store(project: Project) -> None:
    setting, backup, restore = blocks(project, "Backup and restore")
    with opening(project, "store"):
        shell(project, setting + backup)
        kubectl("exec", "-n", "mlflow", "postgres-0", "--", *EMPTY_DATABASE)
        shell(project, f"{setting}uvx --from awscli aws s3 rm --recursive s3://mlflow")
        shell(project, setting + restore)
    kubectl("rollout", "status", "deployment/mlflow", "-n", "mlflow", "--timeout=180s")
    with opening(project, "mlflow"):
        assert KEPT in python(project, RECALL)


def shell(project: Project, script: str) -> None:
    """Run commands of the page, on this cluster."""
    here = script.replace("kind-wine-cultivars", project.settings["CONTEXT"])
    run("bash", "-euo", "pipefail", "-c", here, cwd=project.folder, env=project.environment)
