"""The images of a generated project are built by Docker, and run as a cluster runs them."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.local.data_servers import free_port, wait_until_up
from tests.local.images import docker, in_image, inspect, make_image
from tests.local.projects import Project
from tests.local.test_frameworks import SAMPLE
from tests.running import run

RESTRICTED = ("--read-only", "--tmpfs=/tmp", "--user=65532:65532", "--cap-drop=ALL", "--security-opt=no-new-privileges")
TOOLS = "for tool in uv pip pip3 gcc cc make git curl; do command -v $tool; done; true"
DIGEST = "find * -type f ! -path registered_model_meta | LC_ALL=C sort | xargs sha256sum | sha256sum"
"""As docs/model.md has it."""
IMPORTABLE = "python -c 'from importlib.util import find_spec; print(find_spec(\"{}\") is not None)'"


@pytest.fixture(params=["serving", "pipeline"])
def image(request: pytest.FixtureRequest) -> str:
    """Return each image in turn."""
    return str(request.getfixturevalue(f"{request.param}_image"))


def test_image_runs_as_nobody(image: str) -> None:
    assert inspect(image)["User"] == "65532:65532"


def test_image_has_no_tool_to_install_with(image: str) -> None:
    assert in_image(image, TOOLS) == ""
    assert in_image(image, IMPORTABLE.format("pip")) == "False"


def test_labels_say_what_it_is(image: str) -> None:
    labels = inspect(image)["Labels"]
    assert {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()} == {
        "title": "wine-cultivars",
        "description": "Recognises a wine's cultivar from its chemistry",
        "licenses": "Apache-2.0",
        "version": image.rpartition(":")[2],
        "revision": "",
    }


def test_libraries_are_byte_compiled(image: str) -> None:
    assert in_image(image, "cd .venv/lib/python*/site-packages && ls mlflow/__pycache__/__init__.*.pyc") != ""


def test_server_answers_on_a_read_only_root(image_project: Project, serving_image: str, tmp_path: Path) -> None:
    body = {"inputs": [{"name": "rows", "shape": [1, 13], "datatype": "FP64", "data": SAMPLE}]}
    with serving(serving_image, model(image_project)) as (address, container):
        infer = f"{address}/v2/models/wine-cultivars/infer"
        with urllib.request.urlopen(infer, json.dumps(body).encode(), timeout=30) as answer:  # noqa: S310
            assert json.load(answer)["outputs"][0]["data"] == [0]
        docker("exec", container, *inspect(serving_image)["Healthcheck"]["Test"][1:])
        assert "warning" not in docker("logs", container).lower()


@pytest.mark.parametrize("module", ["kfp", "matplotlib", "pyarrow", "sqlalchemy"])
def test_serving_image_has_nothing_of_training(module: str, serving_image: str, pipeline_image: str) -> None:
    assert in_image(serving_image, IMPORTABLE.format(module)) == "False"
    assert in_image(pipeline_image, IMPORTABLE.format(module)) == "True"


def test_pipeline_image_has_the_pipelines(pipeline_image: str) -> None:
    assert not inspect(pipeline_image).get("Entrypoint")
    script = "import wine_cultivars.pipelines.training"
    docker("run", "--rm", "--network=none", *RESTRICTED, pipeline_image, "python3", "-c", script)


@pytest.mark.usefixtures("serving_image")
def test_change_of_code_installs_only_the_project(image_project: Project) -> None:
    data = image_project.folder / "src/wine_cultivars/data.py"
    data.write_text(data.read_text() + "\nCHANGED = True\n")

    printed = make_image(image_project, "serving")

    assert "+ wine-cultivars==0.1.0" in printed
    assert "+ numpy==" not in printed


def model(project: Project) -> Path:
    """Return the folder of the champion's files."""
    (found,) = (project.folder / ".local/mlflow").rglob("MLmodel")
    return found.parent


@contextmanager
def serving(image: str, folder: Path) -> Iterator[tuple[str, str]]:
    """Serve a folder's model as a restricted pod would, and give the server's address and container."""
    port = free_port()
    digest = run("bash", "-c", DIGEST, cwd=folder).split()[0]
    files = ("--env=MODEL_URI=/model", f"--env=MODEL_DIGEST=sha256:{digest}", f"--volume={folder}:/model:ro")
    settings = (*files, f"--env=SERVE_PORT={port}")
    name = f"serving-{port}"
    command = ["docker", "run", "--name", name, "--network=host", *RESTRICTED, *settings, image]
    with subprocess.Popen(command) as container:
        try:
            wait_until_up(f"http://127.0.0.1:{port}/v2/health/ready", container)
            yield f"http://127.0.0.1:{port}", name
        finally:
            docker("rm", "--force", name)
