"""A real API server takes the serving manifests, and Pod Security `restricted` their pods."""

from pathlib import Path
from typing import Any

import pytest

from .kubectl import as_list, kubectl, tried
from .overlays import MODES, OVERLAYS, SOURCES, STATES, build, edit, move, of_kind, pods, with_release

pytestmark = pytest.mark.xdist_group("cluster")

by_mode = pytest.mark.parametrize("mode", MODES)
by_state = pytest.mark.parametrize(("mode", "state"), STATES)
STRICT = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-"]


@by_state
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_server_takes_every_overlay(
    mode: str, state: str, overlay: str, projects: dict[str, Path], tmp_path: Path, namespace: str
) -> None:
    manifests = with_release(projects[mode], tmp_path, state)
    move(manifests, overlay, namespace)
    kubectl(*STRICT, given=build(manifests, overlay))


@by_mode
@pytest.mark.parametrize("field", ["minReplicas", "livenessProbe", "sizeLimit"])
def test_server_refuses_a_misspelt_field(
    mode: str, field: str, projects: dict[str, Path], tmp_path: Path, namespace: str
) -> None:
    manifests = with_release(projects[mode], tmp_path, "stable")
    move(manifests, "local", namespace)
    edit(manifests / SOURCES[mode], f"{field}:", f"{field}s:")

    done = tried(*STRICT, given=build(manifests, "local"))

    assert done.returncode != 0
    assert f"{field}s" in done.stderr


@by_state
def test_pods_may_run_in_the_namespace(
    mode: str, state: str, projects: dict[str, Path], tmp_path: Path, namespace: str
) -> None:
    manifests = with_release(projects[mode], tmp_path, state)
    for pod in prepared(manifests, namespace):
        kubectl("create", "--dry-run=server", "-f", "-", given=as_list([pod]))


@by_mode
@pytest.mark.parametrize(
    "change",
    [
        {"allowPrivilegeEscalation": True},
        {"capabilities": {}},
        {"runAsUser": 0},
    ],
    ids=str,
)
def test_namespace_refuses_a_pod_with_more_rights(
    mode: str, change: dict[str, Any], projects: dict[str, Path], tmp_path: Path, namespace: str
) -> None:
    manifests = with_release(projects[mode], tmp_path, "stable")
    (pod,) = prepared(manifests, namespace)
    pod["spec"]["containers"][0]["securityContext"] |= change

    done = tried("create", "--dry-run=server", "-f", "-", given=as_list([pod]))

    assert done.returncode != 0
    assert 'violates PodSecurity "restricted' in done.stderr


def prepared(manifests: Path, namespace: str) -> list[dict[str, Any]]:
    """Apply the namespace's labels and the service account; return the pods that would run there."""
    move(manifests, "production", namespace)
    built = build(manifests, "production")
    kubectl("apply", "--server-side", "-f", "-", given=as_list(of_kind(built, "Namespace", "ServiceAccount")))
    metadata = {"generateName": "server-", "namespace": namespace}
    return [
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata | {"labels": labels}, "spec": spec}
        for labels, spec in pods(built)
    ]
