"""A real API server, which KUBECONFIG names, with the CRDs that the manifests use."""

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from copier import run_copy

from tests.local.projects import Project
from tests.needs import give_up, require_repositories

from .api import repeating
from .environments import Environment, rows
from .kserve import controller
from .kubectl import OWN_NAMESPACES, cluster_settings, documents, kubectl, listed, own_namespace, require_cluster
from .overlays import MODES
from .seldon import Seldon
from .store import mlflow_server

CRDS = [
    "https://github.com/kubeflow/community-distribution//applications/kserve/kserve?ref=26.03",
    "https://github.com/SeldonIO/seldon-core//operator/config/crd?ref=v1.17.1",
    "https://github.com/kubernetes-sigs/gateway-api//config/crd?ref=v1.4.1",
    "https://github.com/prometheus-operator/kube-prometheus?ref=v0.18.0",
]
Deployable = Callable[..., Project]
Start = Callable[[str], AbstractContextManager[Environment]]


@pytest.fixture(scope="session")
def cluster() -> None:
    """Make sure that an API server is there and knows the CRDs."""
    require_cluster()
    require_repositories(*CRDS)
    for url in CRDS:
        crds = documents(kubectl("kustomize", url), "CustomResourceDefinition")
        kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given="---\n".join(crds))
    kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")


@pytest.fixture
def namespace(cluster: None) -> Iterator[str]:
    """Return the name of a namespace of the test's own."""
    with own_namespace() as name:
        yield name


@pytest.fixture(scope="session")
def projects(template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return a generated repository for each deployment mode."""
    made = {}
    for mode, answers in (MODES | {"none": {"preset": "full", "serving": "none"}}).items():
        made[mode] = tmp_path_factory.mktemp("serving") / mode
        data = answers | {"image_registry": "ghcr.io/acme"}
        run_copy(str(template), made[mode], data=data, defaults=True, quiet=True)
    return made


@pytest.fixture(scope="session")
def node(cluster: None) -> None:
    """Make sure that pods can run."""
    if not listed("node", ""):
        give_up("the cluster has no node")


@pytest.fixture(scope="session")
def store(node: None, image_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of an MLflow with two versions of the model, of which the first is the champion."""
    with mlflow_server(image_project, tmp_path_factory.mktemp("mlflow")) as address:
        image_project.make("run", MLFLOW_TRACKING_URI=address)
        image_project.make("run", MLFLOW_TRACKING_URI=address, RANDOM_SEED="8", GATE_MARGIN="0.5")
        yield address


@pytest.fixture(scope="session")
def kserve(start: Start, projects: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """Return an environment that KServe serves."""
    with controller(projects["standard"], tmp_path_factory.mktemp("kserve")), start("kserve") as environment:
        yield environment


@pytest.fixture(scope="session")
def seldon(start: Start) -> Iterator[Environment]:
    """Return an environment that Seldon serves."""
    with start("seldon") as environment, repeating(Seldon(environment.namespace).reconcile):
        yield environment


@pytest.fixture(params=["kserve", "seldon"])
def environment(request: pytest.FixtureRequest) -> Environment:
    """Return an environment of each kind, in which version 1 serves alone."""
    found: Environment = request.getfixturevalue(request.param)
    found.serve_only(1)
    return found


@pytest.fixture(scope="session")
def deployable(
    store: str, image_project: Project, template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Deployable:
    """Return a function that makes a project for a cluster, with the lock of the image's."""

    def make(**answers: object) -> Project:
        folder = tmp_path_factory.mktemp("deployable")
        data = {"python_version": "3.11", "monitoring": True} | answers
        run_copy(str(template), folder, data=data, defaults=True, quiet=True)
        shutil.copy(image_project.folder / "uv.lock", folder)
        project = Project(folder, settings=cluster_settings() | {"MLFLOW_TRACKING_URI": store})
        project.set_up()
        return project

    return make


@pytest.fixture(scope="session")
def start(deployable: Deployable, store: str, serving_image: str) -> Start:
    """Return a function that gives an environment with a client in it while a body runs."""

    @contextmanager
    def start(serving: str) -> Iterator[Environment]:
        project = deployable(serving=serving)
        environment = Environment(project, serving, f"{OWN_NAMESPACES}{uuid.uuid4().hex[:8]}", rows(project))
        environment.prepare(store)
        image = environment.build_image()  # of the layers of `serving_image`
        try:
            environment.client.start(image)
            yield environment
        finally:
            kubectl("delete", "namespace", environment.namespace, "--ignore-not-found", "--wait=false")

    return start
