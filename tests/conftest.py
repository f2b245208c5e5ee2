"""What every test of the template shares."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType
from typing import IO, Any

import pytest
from copier import run_copy
from copier._main import Worker
from jinja2 import Environment

from tests.cluster.kubectl import take_cluster
from tests.isolation import isolated
from tests.local.images import build, build_kubectl
from tests.local.projects import Project, trained_project
from tests.needs import require_docker
from tests.running import ROOT, commit_all, run, set_version

Render = Callable[..., Path]
CLUSTER = pytest.StashKey[IO[str] | None]()
SHARED = {"image_project": "image", "kubeflow": "prometheus", "trained": "model-server", "watched": "prometheus"}
"""What takes a minute to make, and the group of the tests that use it: one worker makes it for them all."""


class Failures:
    """Names each test that fails when it does: a run that is cut off, as CI's by its time, has no summary."""

    def __init__(self, config: pytest.Config) -> None:
        """Write where a run of this configuration does."""
        self._config = config

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Name the test."""
        if report.failed:
            self._config.get_terminal_writer().line(f"\n{report.nodeid} failed in {report.when}")


def pytest_configure(config: pytest.Config) -> None:
    """Have a run, of however many workers, use a cluster alone, and name what fails."""
    if not hasattr(config, "workerinput"):
        config.stash[CLUSTER] = take_cluster()
        config.pluginmanager.register(Failures(config))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have one worker run what shares a project."""
    for item in items:
        for fixture in SHARED.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(SHARED[fixture]))


@pytest.fixture(scope="session", autouse=True)
def isolation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep this machine's settings from every test, and what tests write from the machine."""
    with isolated(tmp_path_factory.mktemp("home")):
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_copier() -> Iterator[None]:
    """Have Copier do once what it repeats for each of the many repositories.

    It compiles the whole template again for each, and for each file of theirs it starts Git to learn whether an index
    holds the file's mode, even where there is no index yet.
    """
    kept: dict[tuple[object, ...], CodeType] = {}
    compile_again = Environment.compile
    ask_git = Worker._sync_git_index_executable_bit

    def compile_once(
        environment: Environment, source: str, name: str | None = None, filename: str | None = None
    ) -> CodeType:
        key = (type(environment), source, name)
        environment.preprocess(source, name)  # has Copier forget the folders that it made of the last name
        if key not in kept:
            kept[key] = compile_again(environment, source, name, filename)
        return kept[key]

    def ask_git_of_repositories(worker: Worker, path: Path, mode: int) -> None:
        folder = worker.subproject.local_abspath
        if any((parent / ".git").exists() for parent in (folder, *folder.parents)):
            ask_git(worker, path, mode)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Environment, "compile", compile_once)
        patch.setattr(Worker, "_sync_git_index_executable_bit", ask_git_of_repositories)
        yield


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clone of this template that holds the uncommitted changes too, as one commit: release 999.0.0."""
    clone = tmp_path_factory.mktemp("template") / "copier-kubeflow"
    files = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=ROOT)
    for name in filter(None, files.split("\0")):
        source, copy = ROOT / name, clone / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
            copy.chmod(source.stat().st_mode)
    run("git", "init", "--quiet", "--initial-branch=main", cwd=clone)
    set_version(clone, "999.0.0")
    commit_all(clone, "Template under test")
    run("git", "tag", "999.0.0", cwd=clone)
    return clone


@pytest.fixture
def render(template: Path, tmp_path: Path) -> Render:
    """Return a function that generates a repository from answers and returns its folder."""
    return renderer(template, tmp_path)


def renderer(template: Path, parent: Path) -> Render:
    """Return a function that generates a repository from answers, below a folder, and returns where it is."""

    def generate(folder: str = "project", **answers: Any) -> Path:
        destination = parent / folder
        run_copy(str(template), destination, data=answers, defaults=True, quiet=True)
        return destination

    return generate


@pytest.fixture(scope="session")
def trained(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the smallest project, with a trained champion in its MLflow."""
    return trained_project(template, tmp_path_factory.mktemp("trained"), preset="minimal")


@pytest.fixture(scope="session")
def image_project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project that Docker can build, with a trained champion in its MLflow."""
    require_docker()
    return trained_project(template, tmp_path_factory.mktemp("images"), python_version="3.11", monitoring=True)


@pytest.fixture(scope="session")
def serving_image(image_project: Project) -> str:
    """Return the tag of the model server's image."""
    return build(image_project, "serving")


@pytest.fixture(scope="session")
def pipeline_image(image_project: Project) -> str:
    """Return the tag of the image of the pipelines' steps."""
    build_kubectl(image_project)
    return build(image_project, "pipeline")
