"""What the generated docs tell a reader to do works when it is done to the letter."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from copier import run_copy

from tests.local.projects import Project
from tests.running import run

pytestmark = pytest.mark.xdist_group("docs")


@pytest.fixture(scope="module")
def installed(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("docs")
    run_copy(str(template), folder, data={"preset": "full", "ci": "gitlab"}, defaults=True, quiet=True)
    project = Project(folder)
    project.set_up()
    return project


@pytest.fixture
def project(installed: Project, tmp_path: Path) -> Iterator[Project]:
    """Return the installed project, whose code is put back after the test."""
    code, copy = installed.folder / "src", tmp_path / "src"
    shutil.copytree(code, copy)
    yield installed
    shutil.rmtree(code)
    shutil.copytree(copy, code)


def test_component_of_the_guide_becomes_a_step(project: Project) -> None:
    package = project.folder / "src/wine_cultivars"
    function, component, wiring, table = snippets(project.folder / "docs/component.md")
    (package / "cleaning.py").write_text(function)
    components, training = package / "pipelines/components.py", package / "pipelines/training.py"
    components.write_text(f"{components.read_text()}\n\n{component}")
    before, after = training.read_text().split("    rows = split(\n        valid=valid.output")
    wired = f"{before}{indented(wiring)}\n    rows = split(\n        valid=cleaned.output{after}"
    training.write_text(wired.replace("components import ", "components import clean, "))
    resources = package / "pipelines/resources.py"
    before, after = re.split(r"^STEPS = \{.*?^\}\n", resources.read_text(), flags=re.MULTILINE | re.DOTALL)
    resources.write_text(f"{before}{table}{after}")

    assert "clean        done" in project.make("lint types run compile", MODEL_NAME="cleaned")
    assert "resourceMemoryLimit: 8Gi" in (project.folder / "build/training.yaml").read_text()


def test_model_of_the_guide_trains(project: Project) -> None:
    training = project.folder / "src/wine_cultivars/training.py"
    forest, _ = snippets(project.folder / "docs/model.md")
    imports, function = forest.split("\n\n\n")
    before, after = training.read_text().split("def estimator")
    code = f"{before}{function}\n\n{after[after.index('def train') :]}"
    training.write_text(code.replace("import pandas as pd\n", f"import pandas as pd\n{imports}\n"))

    assert "is the champion" in project.make("format lint types run", MODEL_NAME="forest")


def test_own_file_trains_after_make_schema(project: Project) -> None:
    pairs = [(size, kind) for size in range(40) for kind in ("merlot", "riesling")]
    rows = "".join(f"{size},{'red' if kind == 'merlot' else 'white'},{kind}\n" for size, kind in pairs)
    (project.folder / "own.csv").write_text(f"size,color,kind\n{rows}")
    dotenv = project.folder / ".env"
    dotenv.write_text("DATA_URI=own.csv\nDATA_TARGET=kind\nMODEL_NAME=own\n")

    printed = project.make("schema run batch")
    with project.serving():
        pass
    dotenv.unlink()

    assert "Version 1 of own is the champion" in printed
    assert "The predictions are in predictions.parquet" in printed


def test_notebook_runs_without_an_error(project: Project) -> None:
    command = "uv run --quiet --group notebook jupyter execute notebooks/explore.ipynb"

    run(*command.split(), cwd=project.folder, env=project.environment)


def snippets(page: Path) -> list[str]:
    """Return the Python examples of a page, without the indentation of the list they are in."""
    found = re.findall(r"^( *)```python\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", code, flags=re.MULTILINE) for indent, code in found]


def indented(code: str) -> str:
    """Return code one level deeper."""
    return "".join(f"    {line}\n" for line in code.splitlines())
