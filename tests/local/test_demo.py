"""`make demo` in a fresh clone, on a machine without uv."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.isolation import of_a_user
from tests.needs import require_python
from tests.running import run

pytestmark = pytest.mark.xdist_group("demo")


@pytest.fixture(scope="module")
def clone(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clone") / "copier-kubeflow"
    run("git", "clone", "--quiet", str(template), str(folder), cwd=template)
    return folder


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return an environment in which uv is not on PATH."""
    folders = [folder for folder in os.environ["PATH"].split(os.pathsep) if not (Path(folder) / "uv").exists()]
    return of_a_user() | {"PATH": os.pathsep.join(folders), "UV_PYTHON": "3.11"}


@pytest.fixture(scope="module")
def demo(clone: Path, environment: dict[str, str]) -> str:
    require_python(environment["UV_PYTHON"])
    assert shutil.which("uv", path=environment["PATH"]) is None
    return run("make", "demo", cwd=clone, env=environment)


def test_demo_ends_with_a_prediction_and_what_to_do_next(demo: str) -> None:
    assert "Version 1 of wine-cultivars is the champion" in demo
    assert "wine-cultivars version 1 answers:" in demo
    assert "The project is yours" in demo


def test_demo_times_every_step(demo: str) -> None:
    steps = [line for line in demo.splitlines() if line[1:3] == "/6"]

    assert len(steps) == demo.count("    done in") == 6


@pytest.mark.usefixtures("demo")
def test_demo_runs_again(clone: Path, environment: dict[str, str]) -> None:
    assert "wine-cultivars version 1 answers:" in run("make", "demo", cwd=clone, env=environment)


@pytest.mark.usefixtures("demo")
def test_failing_step_stops_the_demo_with_the_reason(clone: Path, environment: dict[str, str]) -> None:
    (clone / "template/src/{{package_name}}/schema.yaml").write_text("columns: {}\n")
    (clone / "build/demo/src/wine_cultivars/schema.yaml").unlink()
    done = subprocess.run(["make", "demo"], cwd=clone, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode != 0
    assert "Step validate failed: The target 'cultivar' is not in schema.yaml" in done.stdout
    assert "Error: `make run`" in done.stdout
    assert "Serve the champion" not in done.stdout
