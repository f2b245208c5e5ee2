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

HERE = Path(__file__).parent
TABLES = {
    "penguins-raw": {"DATA_TARGET": "Species"},
    "planes": {"DATA_TARGET": "engine"},
    "seattle-weather": {"DATA_TARGET": "weather", "SPLIT_TIME": "date"},
    "breast-cancer": {"DATA_TARGET": "diagnosis"},
}
"""What a reader of docs/data.md writes into `.env` for each of the public tables."""
ASK_FOR_EACH_ROW = Path(__file__).with_name("ask_for_each_row.py")
DEFAULTS = """
from wine_cultivars.settings import Settings
for name, value in Settings.load():
    print(f"{name.upper()}={'' if value is None else value}")
"""


@pytest.fixture(scope="module")
def installed(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("docs")
    run_copy(str(template), folder, data={"preset": "full", "ci": "gitlab"}, defaults=True, quiet=True)
    project = Project(folder)
    project.set_up()
    return project


@pytest.fixture
def project(installed: Project, tmp_path: Path) -> Iterator[Project]:
    """Return the installed project, whose code and example of the settings are put back after the test."""
    code, copy = installed.folder / "src/wine_cultivars", tmp_path / "wine_cultivars"
    example = installed.folder / ".env.example"
    explained = example.read_text()
    shutil.copytree(code, copy)
    yield installed
    shutil.rmtree(code)
    shutil.copytree(copy, code)
    example.write_text(explained)


def test_env_example_shows_what_is_set_by_default(project: Project) -> None:
    found = run("uv", "run", "--quiet", "python", "-c", DEFAULTS, cwd=project.folder, env=project.environment)

    shown = re.findall(r"(?m)^# ([A-Z_]+=.*)$", (project.folder / ".env.example").read_text())
    assert sorted(found.replace(f"{project.folder.resolve()}/", "").splitlines()) == sorted(shown)


def test_settings_of_the_guide_are_read(project: Project) -> None:
    settings = project.folder / "src/wine_cultivars/settings.py"
    (example,) = snippets(project.folder / "docs/settings.md")
    _, fields = example.split("    ...\n")
    settings.write_text(settings.read_text().replace("import Address\n", "import Address, Share\n") + fields)

    project.call("settings --write")
    project.make("lint types")
    defaults = ["uv", "run", "--quiet", "python", "-c", DEFAULTS]
    found = run(*defaults, cwd=project.folder, env=project.environment | {"MOST_ROWS": "5"})
    assert {"MOST_ROWS=5", "TEST_SHARE=0.2"} <= set(found.splitlines())


def test_component_of_the_guide_becomes_a_step(project: Project) -> None:
    package = project.folder / "src/wine_cultivars"
    function, component, wiring, facts = snippets(project.folder / "docs/component.md")
    (package / "cleaning.py").write_text(function)
    components, training = package / "pipelines/components.py", package / "pipelines/training.py"
    components.write_text(f"{components.read_text()}\n\n{component}")
    before, after = training.read_text().split('    rows = split(\n        valid=valid.outputs["valid"]')
    wired = f"{before}{indented(wiring)}\n    rows = split(\n        valid=cleaned.output{after}"
    training.write_text(wired.replace("components import (\n", "components import (\n    clean,\n"))
    (steps,) = re.findall(r"^    steps=\{\n.*?^    \},\n", facts, re.MULTILINE | re.DOTALL)
    told = package / "__init__.py"
    told.write_text(re.sub(r"^    steps=.*\n", steps, told.read_text(), flags=re.MULTILINE))

    assert "clean        done" in project.make("lint types run", MODEL_NAME="cleaned")
    project.call("compile")
    assert "resourceMemoryLimit: 8Gi" in (project.folder / "build/training.yaml").read_text()


def test_model_of_the_guide_trains(project: Project) -> None:
    training = project.folder / "src/wine_cultivars/training.py"
    forest, _ = snippets(project.folder / "docs/model.md")
    imports, function = forest.split("\n\n\n")
    before, after = training.read_text().split("def estimator")
    code = f"{before}{function}\n\n{after[after.index('def train') :]}"
    training.write_text(code.replace("import pandas as pd\n", f"import pandas as pd\n{imports}\n"))

    assert "is the champion" in project.make("format lint types run", MODEL_NAME="forest")


@pytest.mark.parametrize("name", TABLES)
def test_public_table_is_trained_and_served_as_the_guide_says(project: Project, name: str) -> None:
    folder, settings = project.folder, {"DATA_URI": f"{name}.csv", "MODEL_NAME": name, **TABLES[name]}
    shutil.copy(HERE / f"tables/{name}.csv", folder)
    (folder / ".env").write_text("".join(f"{setting}={value}\n" for setting, value in settings.items()))

    seen = project.make("schema")
    if name == "penguins-raw":
        leave_out(folder / "src/wine_cultivars/schema.yaml", "Individual ID")
    seen += project.make("run")
    with project.serving() as address:
        seen += project.make("predict", SERVE_PORT=address.rsplit(":")[-1])
        ask = ["uv", "run", "--quiet", "python", str(ASK_FOR_EACH_ROW), address]
        seen += run(*ask, cwd=folder, env=project.environment)

    assert masked(seen.replace(str(folder), "")) == (HERE / f"tables/{name}.txt").read_text()


def test_notebook_runs_without_an_error(project: Project) -> None:
    command = "uv run --quiet --group notebook jupyter execute notebooks/explore.ipynb"

    run(*command.split(), cwd=project.folder, env=project.environment)


def leave_out(schema: Path, column: str) -> None:
    """Do to a schema what the guide says of an id."""
    kept = re.sub(rf"^  {column}:\n(    .*\n)+", "", schema.read_text(), flags=re.MULTILINE)
    schema.write_text(kept.replace("strict: true", "strict: filter"))


def masked(seen: str) -> str:
    """Return what was printed without figures that depend on the machine and the versions of libraries."""
    seen = re.sub(r" *\d+\.\d s$", " # s", seen, flags=re.MULTILINE)
    seen = re.sub(r"row \d+: (\w+) .*", r"row #: \1 #", seen)
    return re.sub(r"[+-]?\d\.\d{4}", "#", seen)


def snippets(page: Path) -> list[str]:
    """Return the Python examples of a page, without the indentation of the list they are in."""
    found = re.findall(r"^( *)```python\n(.*?)^ *```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", code, flags=re.MULTILINE) for indent, code in found]


def indented(code: str) -> str:
    """Return code one level deeper."""
    return "".join(f"    {line}\n" for line in code.splitlines())
