"""The platform's MLflow runs on a node: its login, what it keeps, and the commands that reach it."""

import json
import os
import socket
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from copier import run_copy

from tests.local.projects import Project
from tests.running import run

from .kubectl import get, kubectl
from .mlflow_wave import PIPELINES, WAVE, commands, keep_only_mlflow, kill, load_images, login, opening, secret
from .mlflow_wave import wait_for_line

pytestmark = pytest.mark.xdist_group("cluster")

ADDRESS = "http://127.0.0.1:5001"
USERS = "/api/2.0/mlflow/users/create"
SEARCH = "/api/2.0/mlflow/experiments/search?max_results=9"
NAMESPACES = ["mlflow", "kubeflow"]


@pytest.fixture(scope="module")
def project(node: None, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Return a project whose platform on the cluster is MLflow, with a trained champion in it."""
    folder = tmp_path_factory.mktemp("mlflow-wave")
    answers = {"python_version": "3.11", "serving": "none"}
    run_copy(str(template), folder, data=answers, defaults=True, quiet=True)
    context = kubectl("config", "current-context").strip()
    project = Project(folder, settings={"CONTEXT": context, "KUBECONFIG": os.environ["KUBECONFIG"]})
    keep_only_mlflow(project)
    project.make("setup")
    load_images(project)
    try:
        project.make("platform")
        with opening(project, "open-mlflow"):
            project.make("run", MLFLOW_TRACKING_URI=ADDRESS, **login())
        yield project
    finally:
        kubectl("delete", "namespace", *NAMESPACES, "--ignore-not-found")


@pytest.fixture(scope="module")
def opened(project: Project) -> Iterator["subprocess.Popen[str]"]:
    """Keep MLflow open."""
    with opening(project, "open-mlflow") as process:
        yield process
