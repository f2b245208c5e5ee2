"""An edit of the library's folder in a repository is told, with what to do about it."""

import shutil
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import ml_chassis
import pytest
from ml_chassis.cli import app_for
from ml_chassis.library import vendored
from ml_chassis.library.vendored import changes
from ml_chassis.project import settings_of
from typer.testing import CliRunner

PROJECT = settings_of("wine_cultivars").project
Edit = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the library's folder in the repository that the tests run in."""
    found = vendored.folder()
    assert found
    return Path(shutil.copytree(found, tmp_path / "ml-chassis"))


def edit(folder: Path) -> None:
    file = folder / "src/ml_chassis/errors.py"
    file.write_text(f"{file.read_text()}# ours\n")


def delete(folder: Path) -> None:
    (folder / "README.md").unlink()


def add(folder: Path) -> None:
    (folder / "src/ml_chassis/ours.py").touch()


def use(folder: Path) -> None:
    for name in ("src/ml_chassis/__pycache__", ".ruff_cache", "src/.mypy_cache"):
        (folder / name).mkdir(exist_ok=True, parents=True)
        (folder / name / "cached").touch()


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (edit, {"src/ml_chassis/errors.py": "edited"}),
        (delete, {"README.md": "missing"}),
        (add, {"src/ml_chassis/ours.py": "added"}),
        (use, {}),
    ],
)
def test_changes_are_told(folder: Path, what: Edit, told: dict[str, str]) -> None:
    assert changes(folder) == {}

    what(folder)

    assert changes(folder) == told


def test_list_is_one_that_sha256sum_checks(folder: Path) -> None:
    command = ["sha256sum", "--check", "--quiet", "SHA256SUMS"]
    subprocess.run(command, cwd=folder, check=True)
    edit(folder)

    assert subprocess.run(command, cwd=folder, check=False, capture_output=True).returncode == 1


def test_check_fails_with_what_to_do(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendored, "folder", lambda: folder)
    edit(folder)
    add(folder)

    plain, checked = (CliRunner().invoke(app_for(PROJECT), ["library", *option]) for option in ([], ["--check"]))

    assert (plain.exit_code, checked.exit_code) == (0, 1)
    assert "edited   " in plain.output
    assert plain.output == checked.output
    assert "`uv run wine-cultivars eject MODULE` makes a module the project's own" in str(checked.exception)


@pytest.mark.parametrize(
    ("answers", "status"), [("_commit: 1.0.0\n", 1), ("library: vendored\n", 1), ("library: index\n", 0)]
)
def test_folder_that_the_answers_ask_for_must_be_there(
    answers: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml_chassis.project.checkout", lambda package: tmp_path)
    (tmp_path / "pyproject.toml").write_text("[tool]\n")
    (tmp_path / ".copier-answers.yml").write_text(answers)

    done = CliRunner().invoke(app_for(PROJECT), ["library", "--check"])

    assert done.exit_code == status
    assert ("vendor/ml-chassis or its SHA256SUMS is missing" in str(done.exception)) == bool(status)


def test_untouched_folder_passes() -> None:
    done = CliRunner().invoke(app_for(PROJECT), ["library", "--check"])

    assert (done.exit_code, done.output) == (0, f"ml-chassis {version('ml-chassis')}\n")


def test_library_that_is_a_package_like_others_has_nothing_to_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ml_chassis, "__file__", str(tmp_path / "lib/site-packages/ml_chassis/__init__.py"))

    assert CliRunner().invoke(app_for(PROJECT), ["library", "--check"]).exit_code == 0
