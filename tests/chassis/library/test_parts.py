"""What the platform of a project consists of, by what the project chose."""

from itertools import product
from typing import Any

import pytest
from ml_chassis.errors import ClusterError
from ml_chassis.platform.machine import size
from ml_chassis.platform.parts import opened, parts
from ml_chassis.platform.secrets import passwords
from ml_chassis.project import Project
from projects import like
from repository import PROJECT

ALL = ("katib", "trainer", "registry", "notebooks")
BARE: dict[str, Any] = {"platform": "standalone", "serving": "none", "monitoring": False}
EVERY = [
    like(PROJECT, platform=platform, serving=serving, monitoring=monitoring, extras=extras)
    for platform, serving, monitoring, extras in product(
        ["standalone", "kubeflow"], ["none", "standard", "knative", "seldon"], [False, True], [(), ALL]
    )
]
every = pytest.mark.parametrize("project", EVERY)


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ({"serving": "standard"}, {"istio", "gateway", "kserve"}),
        ({"serving": "knative"}, {"knative", "kserve"}),
        ({"serving": "seldon"}, {"seldon"}),
        ({"monitoring": True}, {"grafana", "prometheus", "alertmanager"}),
        ({"platform": "kubeflow"}, {"istio", "kubeflow", "login", "dashboard"}),
        ({"extras": ("katib",)}, {"katib"}),
        ({"extras": ("trainer",)}, {"trainer"}),
        ({"extras": ("registry",)}, {"registry"}),
        ({"extras": ("notebooks",)}, {"notebook-controller", "notebook"}),
    ],
)
def test_choice_brings_its_parts(choice: dict[str, Any], names: set[str]) -> None:
    without, having = ({part.name for part in parts(like(PROJECT, **BARE | facts))} for facts in ({}, choice))

    assert having - without == names


@every
def test_parts_open_at_ports_of_their_own(project: Project) -> None:
    ports = [part.local_port for part in opened(project, "")]

    assert len(set(ports)) == len(ports)


@every
def test_passwords_of_each_part_are_made_in_its_namespace(project: Project) -> None:
    made = {
        (secret.name, namespace): {*secret.chosen, *secret.random}
        for secret in passwords(project)
        for namespace in secret.namespaces
    }

    for part in parts(project):
        for login in part.logins:
            assert {login.user_key, login.password_key} <= made[login.secret, part.namespace]


def test_passwords_of_a_cluster_of_others_are_theirs() -> None:
    assert passwords(like(PROJECT, platform="existing")) == []


@pytest.mark.parametrize(
    ("choice", "secret"),
    [
        ({"platform": "kubeflow"}, "dex-passwords"),
        ({"extras": ("katib",)}, "katib-mysql-secrets"),
        ({"extras": ("registry",)}, "model-registry-db-secrets"),
        ({"extras": ("notebooks",)}, "notebook"),
    ],
)
def test_choice_brings_its_passwords(choice: dict[str, Any], secret: str) -> None:
    without, having = ({found.name for found in passwords(like(PROJECT, **BARE | facts))} for facts in ({}, choice))

    assert secret in having - without


@pytest.mark.parametrize(("serving", "reads"), [("none", False), ("standard", True)])
def test_drift_reports_log_in_where_the_model_is_served(serving: str, reads: bool) -> None:
    project = like(PROJECT, **BARE | {"monitoring": True, "serving": serving})
    (login,) = [secret for secret in passwords(project) if secret.name == f"{project.name}-mlflow-login"]

    assert (f"{project.namespaces}-local" in login.namespaces) == reads


def test_more_of_kubeflow_takes_a_larger_machine() -> None:
    bare, some, whole = (size(like(PROJECT, **facts)) for facts in (BARE, {"extras": ALL}, {"platform": "kubeflow"}))

    assert bare < some < whole


def test_part_that_cannot_be_opened_is_named() -> None:
    with pytest.raises(ClusterError, match=r"no 'grafana' to open; there are pipelines, store, mlflow\."):
        opened(like(PROJECT, **BARE), "grafana")
