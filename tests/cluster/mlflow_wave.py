"""The wave of MLflow on a node, from images that are built here under the names that the manifests use."""

import base64
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.local.images import docker, load_on_node
from tests.local.projects import Project
from tests.waves import ejected

from .kubectl import get, kubectl

STAND_INS = Path(__file__).parent / "stand_ins"
WAVE = "50-mlflow"
USERS = "65-users"
PROJECT = "70-project"
PIPELINES = "40-pipelines"
BUILT = {"chrislusf/seaweedfs": "store", "ghcr.io/mlflow/mlflow": "mlflow", "postgres": "postgres"}
"""The Dockerfile of each image."""
SECONDS_TO_ANSWER = 60


def load_images(project: Project) -> None:
    """Build the images that the wave names, and put them on the node."""
    manifests = kubectl("kustomize", str(ejected(project.folder, WAVE)))
    images = sorted(set(re.findall(r"image: (\S+)", manifests)))
    for image in images:
        name, tag = image.split(":")
        file = f"--file={STAND_INS / BUILT[name]}.Dockerfile"
        version = f"--build-arg=VERSION={tag.removeprefix('v').removesuffix('-full')}"
        docker("build", "--quiet", "--network=host", file, version, f"--tag={image}", str(STAND_INS))
    load_on_node(*images)


def keep_mlflow_and_the_project(project: Project) -> None:
    """Leave the platform of a project MLflow, the project's own waves and what stands in for Kubeflow Pipelines."""
    platform = ejected(project.folder)
    for folder in platform.iterdir():
        if folder.name not in {WAVE, USERS, PROJECT}:
            (folder / "kustomization.yaml").write_text("resources: []\n")
    pipelines = platform / PIPELINES
    shutil.copy(STAND_INS / "pipelines.yaml", pipelines)
    (pipelines / "kustomization.yaml").write_text(yaml.safe_dump({"resources": ["pipelines.yaml"]}))


def secret(name: str, namespace: str) -> dict[str, str]:
    """Return the values of a Secret."""
    data = get(f"secret/{name}", namespace)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def kill(workload: str) -> None:
    """Kill MLflow's pods of a workload, leaving them no time, and wait for others in their place."""
    name = workload.rpartition("/")[2]
    kubectl("delete", "pod", "-n", "mlflow", f"--selector=app.kubernetes.io/name={name}", "--grace-period=0", "--force")
    kubectl("rollout", "status", workload, "-n", "mlflow", "--timeout=180s")


@contextmanager
def opening(project: Project, *part: str) -> Iterator["subprocess.Popen[str]"]:
    """Open the platform, or one part of it, from when it says that they are open, until Ctrl-C."""
    with subprocess.Popen(
        [*project.own, "open", *part],
        cwd=project.folder,
        env=project.environment | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            wait_for_line(process, "Open until Ctrl-C")
            yield process
        finally:
            if process.poll() is None:
                interrupt(process)


def interrupt(process: "subprocess.Popen[str]") -> str:
    """Press Ctrl-C, and return what a process still prints."""
    os.killpg(process.pid, signal.SIGINT)
    return process.communicate(timeout=SECONDS_TO_ANSWER)[0]


def wait_for_line(process: "subprocess.Popen[str]", wanted: str) -> None:
    """Read what a process prints until a line has a text."""
    assert process.stdout
    said = ""
    for line in process.stdout:
        said += line
        if wanted in line:
            return
    raise AssertionError(f"{process.args!r} ended:\n{said}")


def listens(port: int) -> bool:
    """Return whether anything listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def blocks(project: Project, section: str) -> list[str]:
    """Return the commands in each block of a section of the page on the platform."""
    page = (project.folder / "docs/platform.md").read_text()
    text = page.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"```console\n(.*?)```", text, re.DOTALL)
