"""A module of the library becomes a project's own, and whoever imports it gets that."""

import os
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import ml_chassis
import pytest
from ml_chassis.errors import LibraryError
from ml_chassis.library.ejection import ejected, ejection, is_outdated
from repository import PACKAGE, copy_package

LIBRARY = Path(str(ml_chassis.__file__)).parent
MODULES = [
    ".".join(path.relative_to(LIBRARY).with_suffix("").parts)
    for path in LIBRARY.rglob("*.py")
    if path.name != "__init__.py" and not {"manifests", "updates"} & {*path.parts}
]
STAYING = {"project", "platform.folders"}
"""What cannot go: whose types all others name, and what reads files that lie beside it."""
TELL = """
import importlib, sys
import wine_cultivars.cli
for name in sys.argv[1:]:
    print(importlib.import_module(f"ml_chassis.{name}").__file__)
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a copy of what the command changes in the repository that the tests run in."""
    copy_package(tmp_path, "pyproject.toml", "README.md", "LICENSE")
    return tmp_path


def run(repository: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python as in the repository."""
    environment = os.environ | {"PYTHONPATH": str(repository / "src")}
    return subprocess.run(
        [sys.executable, *arguments], cwd=repository, env=environment, capture_output=True, text=True, check=False
    )


def command(repository: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the project."""
    return run(repository, "-c", f"from {PACKAGE}.cli import main; main()", *arguments)


def eject(repository: Path, *modules: str) -> None:
    for module in modules:
        ejection(repository, module).carry_out(repository)


def files(repository: Path) -> dict[str, str]:
    found = [path for path in repository.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return {path.relative_to(repository).as_posix(): path.read_text() for path in found}


def test_copy_is_what_the_library_itself_uses(repository: Path) -> None:
    assert command(repository, "eject", "ml_chassis.rollout.cluster").returncode == 0
    copy = repository / "src/ml_chassis_ejected/rollout/cluster.py"
    copy.write_text(copy.read_text().replace('NAMESPACED = "ServiceAccount"', 'NAMESPACED = "Namespace"'))

    told = run(repository, "-c", "from ml_chassis.rollout import applying; print(applying.namespace_of.__globals__)")

    assert "'NAMESPACED': 'Namespace'" in told.stdout


def test_copy_is_used_whoever_is_imported_first(repository: Path) -> None:
    eject(repository, "errors")

    told = run(repository, "-c", f"import ml_chassis.errors as errors, {PACKAGE}; print(errors.__file__)")

    assert told.stdout == f"{repository}/src/ml_chassis_ejected/errors.py\n"


def test_every_module_can_go_and_the_repository_stays_clean(repository: Path) -> None:
    going = [module for module in MODULES if module not in STAYING]
    eject(repository, *going)

    told = run(repository, "-c", TELL, *going)
    assert told.stdout.splitlines() == [
        f"{repository}/src/ml_chassis_ejected/{module.replace('.', '/')}.py" for module in going
    ]
    for tool in ("ruff check --fix src", "ruff format src", "ruff check src", "mypy src"):
        done = run(repository, "-m", *tool.split())
        assert done.returncode == 0, done.stdout + done.stderr


def test_other_modules_stay_the_librarys(repository: Path) -> None:
    eject(repository, "rollout.applying")

    told = run(repository, "-c", TELL, "rollout.rollout", "errors")

    assert told.stdout.splitlines() == [f"{LIBRARY}/rollout/rollout.py", f"{LIBRARY}/errors.py"]


def test_distribution_has_the_copy(repository: Path) -> None:
    eject(repository, "rollout.applying")

    subprocess.run(["uv", "build", "--quiet", "--wheel", "--out-dir", "built"], cwd=repository, check=True)

    (wheel,) = (repository / "built").glob("*.whl")
    shutil.unpack_archive(wheel, repository / "unpacked", "zip")
    assert (repository / "unpacked/ml_chassis_ejected/rollout/applying.py").is_file()
    assert (repository / f"unpacked/{PACKAGE}/cli.py").is_file()


def test_record_is_in_order_and_leaves_the_rest(repository: Path) -> None:
    pyproject = repository / "pyproject.toml"
    before = tomllib.loads(pyproject.read_text())
    eject(repository, "serving.app", "errors")
    pyproject.write_text(f"{pyproject.read_text()}\n[tool.other]\nkey = 1\n")
    eject(repository, "rollout.applying")

    after = tomllib.loads(pyproject.read_text())
    assert [*ejected(repository)] == ["errors", "rollout.applying", "serving.app"]
    assert {record["version"] for record in ejected(repository).values()} == {version("ml-chassis")}
    assert after["tool"].pop("other") == {"key": 1}
    assert after["tool"].pop("ml-chassis")
    assert after["tool"]["uv"]["build-backend"].pop("module-name") == [PACKAGE, "ml_chassis_ejected"]
    assert before["tool"]["uv"]["build-backend"].pop("module-name") == PACKAGE
    assert after == before


def test_dry_run_writes_nothing(repository: Path) -> None:
    before = files(repository)

    told = command(repository, "eject", "--dry-run", "rollout.applying").stdout

    assert "It would write src/ml_chassis_ejected/rollout/applying.py" in told
    assert '+"rollout.applying" = { version = ' in told
    assert files(repository) == before


def test_command_says_what_comes_next(repository: Path) -> None:
    assert "Now `make format check`" in command(repository, "eject", "rollout.applying").stdout


def test_own_module_is_not_overwritten(repository: Path) -> None:
    eject(repository, "rollout.applying")
    copy = repository / "src/ml_chassis_ejected/rollout/applying.py"
    copy.write_text("OURS = True\n")

    done = command(repository, "eject", "rollout.applying")

    assert (done.returncode, copy.read_text()) == (1, "OURS = True\n")
    assert "is this project's own already" in done.stderr


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("rollout", "The library has no module 'rollout'; it has rollout.applying, "),
        ("rolout.aplying", "is it one of these? rollout.applying"),
        ("rollout.__init__", "The library has no module 'rollout.__init__'"),
        ("project", "'project' has the types that all others name; inherit `Project` instead."),
        ("updates.picking", "updates.picking follows the template, whatever the project is"),
    ],
)
def test_what_cannot_go_is_refused(repository: Path, module: str, sentence: str) -> None:
    before = files(repository)

    with pytest.raises(LibraryError) as refusal:
        ejection(repository, module)

    assert sentence in str(refusal.value)
    assert files(repository) == before


def test_project_that_uv_does_not_build_is_refused(repository: Path) -> None:
    (repository / "pyproject.toml").write_text("[project]\n")

    with pytest.raises(LibraryError, match="does not say what uv builds"):
        ejection(repository, "rollout.applying")


def test_library_tells_what_is_the_projects_own_and_what_has_changed_since(repository: Path) -> None:
    eject(repository, "errors", "rollout.applying")
    pyproject, record = repository / "pyproject.toml", ejected(repository)["errors"]
    assert not is_outdated("errors", record)

    pyproject.write_text(pyproject.read_text().replace(record["sha256"], 64 * "0"))
    told = command(repository, "library").stdout

    assert f"errors is this project's own, a copy of that in {version('ml-chassis')}; the library's is another" in told
    assert f"rollout.applying is this project's own, a copy of that in {version('ml-chassis')}.\n" in told
