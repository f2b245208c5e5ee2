"""Code has one identity: it changes with the code and with nothing else, and the cache of a cluster depends on it."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.running import commit_all, run

from .projects import Project

COMMAND = ("-c", "from wine_cultivars.cli import main; main()")
EDITS = """
from pathlib import Path
from ml_chassis.identity import identity
from wine_cultivars import PROJECT

def now():
    identity.cache_clear()
    return PROJECT.identity

before = now()
files = [file for top in ("src", "vendor") for file in Path(top).rglob("*") if file.is_file()]
assert {file.parts[0] for file in files} == {"src", "vendor"}
for file in (file for file in files if "__pycache__" not in file.parts):
    text = file.read_bytes()
    file.write_bytes(text + b"\\n")
    if now() == before:
        print(file)
    file.write_bytes(text)
assert now() == before
"""


@pytest.fixture
def files(trained: Project, tmp_path: Path) -> Path:
    """Return a copy of the project without Git."""
    copy = tmp_path / "checkout"
    shutil.copytree(trained.folder, copy, ignore=shutil.ignore_patterns(".venv", ".local", ".git", "__pycache__"))
    return copy


@pytest.fixture
def checkout(files: Path) -> Path:
    """Return a copy of the project with all that it has committed."""
    commit_all(files, "Generated")
    return files


@pytest.fixture
def ask(trained: Project) -> Callable[..., str]:
    """Return a function that runs Python on the code of a folder, by default to ask for its identity."""

    def ask(folder: Path, *arguments: str, **environment: str) -> str:
        python = str(trained.folder / ".venv/bin/python")
        given = arguments or (*COMMAND, "identity")
        settings = {"PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
        return run(python, *given, cwd=folder, env=trained.environment | settings | environment).strip()

    return ask


def head(folder: Path) -> str:
    """Return the commit that is checked out."""
    return run("git", "rev-parse", "HEAD", cwd=folder).strip()


def test_committed_code_is_named_by_its_version_and_commit(checkout: Path, ask: Callable[..., str]) -> None:
    assert ask(checkout) == f"0.1.0-{head(checkout)[:10]}"
    assert ask(checkout, *COMMAND, "identity", "--commit") == head(checkout)


def test_edit_is_marked_and_taking_it_back_gives_the_name_of_before(checkout: Path, ask: Callable[..., str]) -> None:
    training = checkout / "src/wine_cultivars/training.py"
    before, text = ask(checkout), training.read_text()

    training.write_text(f"{text}\nFIRST = 1\n")
    first = ask(checkout)
    training.write_text(f"{text}\nSECOND = 2\n")

    assert first.startswith(f"{before}-dirty-")
    assert ask(checkout).startswith(f"{before}-dirty-")
    assert ask(checkout) != first
    training.write_text(text)
    assert ask(checkout) == before


@pytest.mark.parametrize("name", ["src/wine_cultivars/new.py", "src/wine_cultivars/größe - 1.py"])
def test_new_and_removed_files_count(name: str, checkout: Path, ask: Callable[..., str]) -> None:
    before = ask(checkout)

    (checkout / name).write_text("ONE = 1\n")
    new = ask(checkout)
    (checkout / name).write_text("ONE = 2\n")
    assert len({before, new, ask(checkout)}) == 3

    (checkout / name).unlink()
    (checkout / "src/wine_cultivars/schema.yaml").unlink()
    assert ask(checkout).startswith(f"{before}-dirty-")


def test_what_is_no_code_does_not_count(checkout: Path, ask: Callable[..., str]) -> None:
    before = ask(checkout)
    (checkout / "README.md").write_text("Another page.\n")
    (checkout / "src/wine_cultivars/__pycache__").mkdir()
    (checkout / "src/wine_cultivars/__pycache__/data.pyc").write_bytes(b"cache")
    os.utime(checkout / "src/wine_cultivars/data.py")
    assert ask(checkout) == before

    commit_all(checkout, "Say more")
    assert ask(checkout) == before


def test_it_reads_and_writes_nothing(checkout: Path, ask: Callable[..., str]) -> None:
    os.utime(checkout / "src/wine_cultivars/data.py")  # Git would like to write to its index that it is the same
    index = (checkout / ".git/index").read_bytes()

    ask(checkout)

    assert (checkout / ".git/index").read_bytes() == index
    assert run("git", "status", "--porcelain", cwd=checkout) == ""


@pytest.mark.parametrize("git", ["missing", "no commit"])
def test_without_git_it_is_of_the_files(git: str, files: Path, ask: Callable[..., str], tmp_path: Path) -> None:
    if git == "no commit":
        run("git", "init", "--quiet", cwd=files)
    environment = {"PATH": str(tmp_path)} if git == "missing" else {}

    before = ask(files, **environment)
    assert before.startswith("0.1.0-files-")
    assert ask(files, **environment) == before
    lock = files / "uv.lock"
    lock.write_text(lock.read_text() + "\n")
    assert ask(files, **environment) != before


def test_checkout_of_another_user_is_read(checkout: Path, ask: Callable[..., str]) -> None:
    another = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}
    with pytest.raises(AssertionError, match="dubious ownership"):
        run("git", "log", cwd=checkout, env=os.environ | another)

    assert ask(checkout, **another) == ask(checkout)


def test_folder_of_a_larger_repository_is_one_of_its_own(files: Path, ask: Callable[..., str]) -> None:
    project = files.rename(files.parent / "moved")
    files.mkdir()
    project = project.rename(files / "a model")
    commit_all(files, "Generated")
    before = ask(project)
    assert before == f"0.1.0-{head(files)[:10]}"

    (files / "src").mkdir()
    (files / "src/other.py").write_text("OTHER = 1\n")
    commit_all(files, "Work on something else")
    assert ask(project) == before

    (project / "src/wine_cultivars/data.py").write_text("")
    assert ask(project).startswith(f"{before}-dirty-")


def test_image_knows_what_it_was_built_of(trained: Project, tmp_path: Path, ask: Callable[..., str]) -> None:
    installed = tmp_path / "site-packages/src"
    shutil.copytree(trained.folder / "src", installed)

    assert ask(installed.parent).startswith("0.1.0-files-")
    assert ask(installed.parent, CODE_IDENTITY="0.1.0-abc") == "0.1.0-abc"


def test_checkout_is_never_taken_for_an_image(checkout: Path, ask: Callable[..., str]) -> None:
    assert ask(checkout, CODE_IDENTITY="0.1.0-abc") == ask(checkout)


def test_edit_of_any_module_changes_it(checkout: Path, ask: Callable[..., str]) -> None:
    assert ask(checkout, "-c", EDITS) == ""


@pytest.mark.parametrize("image", ["", "registry.example.com/steps:fixed"])
def test_key_of_every_cached_step_changes_with_the_code_alone(
    image: str, checkout: Path, ask: Callable[..., str]
) -> None:
    def compiled() -> dict[str, str]:
        ask(checkout, *COMMAND, "compile", PIPELINE_IMAGE=image)
        return keys(checkout / "build/training.yaml") | keys(checkout / "build/batch.yaml")

    before = compiled()
    assert compiled() == before
    with (checkout / "src/wine_cultivars/features.py").open("a") as module:
        module.write("# A later thought.\n")
    after = compiled()

    assert before.keys() == after.keys() == {"ingest", "validate", "split", "train", "predict"}
    assert [step for step in before if before[step] == after[step]] == []


def keys(pipeline: Path) -> dict[str, str]:
    """Return what Kubeflow Pipelines 2.16 takes of each cached step of a compiled pipeline, beside its inputs.

    https://github.com/kubeflow/pipelines/blob/2.16.0/backend/src/v2/driver/cache.go
    """
    spec = next(yaml.safe_load_all(pipeline.read_text()))
    found = {}
    for name, task in spec["root"]["dag"]["tasks"].items():
        if task["cachingOptions"].get("enableCache"):
            executor = spec["components"][task["componentRef"]["name"]]["executorLabel"]
            container = spec["deploymentSpec"]["executors"][executor]["container"]
            found[name] = str([container[part] for part in ("image", "command", "args")])
    return found
