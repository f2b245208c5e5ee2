"""`doctor` finds each thing that keeps the platform from working.

Scripts answer as Docker and kind do, and tell the version of kubectl, which is this machine's in all else.
"""

import json
import os
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.kubectl import cluster_settings, kubectl, require_cluster
from tests.conftest import Render
from tests.local.data_servers import free_port
from tests.needs import require

pytestmark = pytest.mark.xdist_group("cluster")  # which one test asks; all share a project

Object = dict[str, Any]

DOCKER = {
    "ServerVersion": "29.9.2",
    "CgroupVersion": "2",
    "NCPU": 4,
    "MemTotal": 8_323_000_000,  # what Docker Desktop has of 8 GiB
    "DockerRootDir": "/",
}
SILENT_DOCKER = 'echo \'{"ServerVersion": "", "NCPU": 0}\'; exit 1'
PLUGIN = {"apiVersion": "client.authentication.k8s.io/v1", "command": "cloud-login", "interactiveMode": "Never"}
FULL_DISK = "/proc"
"""A file system without a free block."""


@dataclass(frozen=True)
class Machine:
    """A project on a machine whose programs are scripts, all in good health until a test says otherwise."""

    project: Path
    home: Path

    def has(self, program: str, script: str) -> None:
        """Let a program do what a script does."""
        path = self.home / program
        path.unlink(missing_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def has_docker(self, **changes: Any) -> None:
        """Let Docker have other figures."""
        self.has("docker", f"echo '{json.dumps(DOCKER | changes)}'")

    def has_kubeconfig(self, context: str, server: str, user: Object | None = None, trusting: bool = True) -> None:
        """Let the kubeconfig have a context of a cluster, which it trusts whatever certificate it shows."""
        parts = {
            "clusters": [{"name": "it", "cluster": {"server": server, "insecure-skip-tls-verify": trusting}}],
            "users": [{"name": "me", "user": user or {"token": "any"}}],
            "contexts": [{"name": context, "context": {"cluster": "it", "user": "me"}}],
        }
        (self.home / "config").write_text(json.dumps(parts))

    def doctor(self, **settings: str) -> subprocess.CompletedProcess[str]:
        """Return what the command says."""
        environment = {"PATH": str(self.home), "HOME": str(self.home), "KUBECONFIG": str(self.home / "config")}
        return subprocess.run(
            [self.project / ".venv/bin/wine-cultivars", "doctor"],
            cwd=self.project,
            env=environment | settings,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(standalone: Path, tmp_path: Path) -> Machine:
    """Return a machine on which the platform can work, without a cluster yet."""
    kubectl = require("kubectl")
    machine = Machine(standalone, tmp_path)
    machine.has_docker()
    pins = tomllib.loads((standalone / "mise.toml").read_text())["tools"]
    version = f"echo 'Client Version: v{pins['kubectl']}'"
    machine.has("kubectl", f"""case "$*" in *--client*) {version};; *) exec '{kubectl}' "$@";; esac""")
    machine.has("kind", f"echo 'kind v{pins['kind']} go1.26.8 linux/amd64'")
    return machine


def api_server() -> str:
    """Return the address of the API server of the tests' cluster."""
    return kubectl("config", "view", "--minify", "--output=jsonpath={.clusters[0].cluster.server}")


def test_machine_in_good_health_may_make_its_cluster(machine: Machine) -> None:
    done = machine.doctor()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "fix" not in done.stdout
    assert "warning  cluster: none\n         `make cluster` makes it" in done.stdout


@pytest.mark.parametrize(
    ("change", "row"),
    [
        ({"CgroupVersion": "1"}, "docker: 29.9.2, cgroup v1"),
        ({"NCPU": 3}, "CPUs: 3"),
        ({"MemTotal": 7_900_000_000}, "memory, GB: 7"),
        ({"DockerRootDir": FULL_DISK}, "free disk, GB: 0"),
    ],
    ids=["cgroups", "cpus", "memory", "disk"],
)
def test_too_little_of_the_machine_is_to_be_fixed(machine: Machine, change: dict[str, Any], row: str) -> None:
    machine.has_docker(**change)
    assert to_fix(machine.doctor()) == [row]


def test_silent_docker_is_to_be_fixed(machine: Machine) -> None:
    machine.has("docker", SILENT_DOCKER)
    assert to_fix(machine.doctor()) == ["docker: no answer"]


@pytest.mark.parametrize(
    ("program", "row"),
    [("docker", "docker: no answer"), ("kind", "kind: missing"), ("kubectl", "kubectl: missing")],
)
def test_missing_program_is_to_be_fixed(machine: Machine, program: str, row: str) -> None:
    (machine.home / program).unlink()
    assert to_fix(machine.doctor()) == [row]


def test_kubectl_of_long_ago_is_to_be_fixed(machine: Machine) -> None:
    machine.has("kubectl", "echo 'Client Version: v1.30.0'")
    assert to_fix(machine.doctor()) == ["kubectl: 1.30.0"]


def test_another_kind_is_a_warning(machine: Machine) -> None:
    machine.has("kind", "echo 'kind v0.31.0 go1.25.5 linux/amd64'")
    done = machine.doctor()
    assert done.returncode == 0
    assert "warning  kind: 0.31.0" in done.stdout


def test_cluster_that_does_not_answer_is_to_be_fixed(machine: Machine) -> None:
    machine.has_kubeconfig("kind-wine-cultivars", f"https://127.0.0.1:{free_port()}")
    done = machine.doctor()
    assert to_fix(done) == ["cluster: no answer"]
    assert "The cluster does not answer; is it running?" in done.stdout


def test_missing_context_of_another_cluster_is_to_be_fixed(machine: Machine) -> None:
    machine.has_kubeconfig("kind-wine-cultivars", "https://127.0.0.1:1")
    done = machine.doctor(CONTEXT="elsewhere")
    assert to_fix(done) == ["cluster: no answer"]
    assert "no context 'elsewhere', only kind-wine-cultivars" in done.stdout


def test_credentials_that_have_run_out_are_to_be_fixed(machine: Machine) -> None:
    require_cluster()
    account = ("serviceaccount", "doctor-of-yesterday")
    kubectl("create", *account)
    token = kubectl("create", "token", account[1]).strip()
    kubectl("delete", *account)  # a token is none from then on, as after its time
    machine.has_kubeconfig("kind-wine-cultivars", api_server(), {"token": token})

    done = machine.doctor()

    assert to_fix(done) == ["cluster: no answer"]
    assert "The cluster refuses your credentials; log in to it again." in done.stdout


def test_missing_credential_plugin_is_the_cause(machine: Machine) -> None:
    machine.has_kubeconfig("kind-wine-cultivars", "https://127.0.0.1:1", {"exec": PLUGIN})
    said = machine.doctor().stdout
    assert "kubectl cannot log in to the cluster" in said
    assert said.count("executable cloud-login not found") == 1
    assert "is it running?" not in said


def test_certificate_that_is_not_trusted_is_the_cause(machine: Machine) -> None:
    require_cluster()
    machine.has_kubeconfig("kind-wine-cultivars", api_server(), trusting=False)
    said = machine.doctor().stdout
    assert "The kubeconfig does not trust the cluster's certificate" in said
    assert said.count("x509: certificate signed by unknown authority") == 1


def test_another_cluster_asks_nothing_of_the_machine(machine: Machine) -> None:
    (machine.home / "docker").unlink()
    machine.has_kubeconfig("elsewhere", "https://127.0.0.1:1")
    assert to_fix(machine.doctor(CONTEXT="elsewhere")) == ["cluster: no answer"]


DEFINITION = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: things.doctor.example.com
spec:
  group: doctor.example.com
  scope: Namespaced
  names: {kind: Thing, plural: things}
  versions:
    - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
"""
THINGS = """
apiVersion: doctor.example.com/v1
kind: Thing
metadata:
  name: known
---
apiVersion: doctor.example.com/v2
kind: Thing
metadata:
  name: of-another-version
---
apiVersion: doctor.example.com/v1
kind: Gadget
metadata:
  name: of-another-kind
"""


def test_existing_cluster_has_to_know_the_kinds_that_the_project_applies(standalone: Path, render: Render) -> None:
    require_cluster()
    project = render(platform="existing", preset="full")
    (project / "deploy/monitoring/things.yaml").write_text(THINGS)
    kustomization = project / "deploy/monitoring/kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace("resources:\n", "resources:\n  - things.yaml\n"))
    context = cluster_settings()["CONTEXT"]
    kubectl("apply", "-f", "-", given=DEFINITION)
    kubectl("wait", "--for=condition=Established", "crd/things.doctor.example.com", "--timeout=30s")
    try:
        said = borrowed(standalone, project, "doctor", CONTEXT=context).stdout
    finally:
        kubectl("delete", "-f", "-", given=DEFINITION)
    assert f"ok       cluster: {context}" in said
    assert "ok       networking.k8s.io/v1: NetworkPolicy\n" in said
    assert "fix      doctor.example.com/v1: Thing\n         install the operator that brings Gadget\n" in said
    assert "fix      doctor.example.com/v2: missing\n         install the operator that brings Thing\n" in said
    for api_version in ["serving.kserve.io/v1beta1", "gateway.networking.k8s.io/v1", "monitoring.coreos.com/v1"]:
        assert f" {api_version}: " in said


@pytest.mark.parametrize("command", ["doctor", "platform", "status"])
def test_existing_cluster_has_to_be_named(command: str, standalone: Path, render: Render) -> None:
    require_cluster()  # which the kubeconfig has as its current one
    done = borrowed(standalone, render(platform="existing"), command)
    assert done.returncode == 1
    assert "CONTEXT names no cluster; set it to a context of the kubeconfig, one of " in done.stdout + done.stderr


def borrowed(standalone: Path, project: Path, command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command of a project in the environment of another one."""
    return subprocess.run(
        [standalone / ".venv/bin/python", "-c", "from wine_cultivars.cli import main; main()", command],
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(project / "src")} | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def to_fix(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the rows of what must be fixed, for which the command must have failed."""
    rows = [line.removeprefix("fix").strip() for line in done.stdout.splitlines() if line.startswith("fix")]
    names = ", ".join(row.split(":")[0] for row in rows)
    assert (done.returncode, done.stderr) == (1, f"Error: The platform cannot work like this. Fix: {names}.\n")
    return rows
