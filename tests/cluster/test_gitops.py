"""With GitOps, the project's commands and its CI commit the release and touch no cluster."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Render
from tests.local.projects import Project
from tests.running import commit_all, run

from .ci import checked_out, dispatched, started
from .conftest import Deployable
from .environments import VARIANTS, Environment
from .kubectl import Object, get, kubectl
from .overlays import NAME, of_kind
from .sessions import repeated, shown

pytestmark = pytest.mark.xdist_group("image")  # as the tests of the image whose project trains the models

RELEASE = "deploy/serving/overlays/local/release/kustomization.yaml"
LOCAL = "deploy/gitops/local.yaml"
STAGING = "deploy/serving/overlays/staging/release/kustomization.yaml"
ANSWERS = {"gitops": "flux", "repository_url": "https://git.example.com/acme/wine-cultivars"}


@pytest.fixture(scope="module")
def made(deployable: Deployable) -> Project:
    """Return a project in Git, with a kubectl that no cluster answers."""
    project = deployable(**ANSWERS)
    project.settings["KUBECONFIG"] = "/dev/null"
    commit_all(project.folder, "Generated")
    run("git", "config", "user.name", "Test", cwd=project.folder)
    run("git", "config", "user.email", "test@example.com", cwd=project.folder)
    return project


@pytest.fixture
def project(made: Project) -> Project:
    """Return the project as it was generated."""
    first = run("git", "rev-list", "--max-parents=0", "HEAD", cwd=made.folder).strip()
    run("git", "reset", "--quiet", "--hard", first, cwd=made.folder)
    return made


@pytest.fixture
def delivered(project: Project) -> None:
    """Have staging serve the champion, in the image of this code."""
    project.call("deploy --env staging")


@pytest.fixture
def origin(project: Project, tmp_path: Path) -> Iterator[Path]:
    """Return the bare repository that the project is a checkout of."""
    with checked_out(project, tmp_path) as bare:
        yield bare


def test_canary_is_one_commit_of_the_release(project: Project) -> None:
    project.call("canary --version 2")
    title = "Serve version 1, with version 2 as canary for 10 percent in local"
    assert run("git", "log", "-1", "--format=%s", "--name-only", cwd=project.folder).split("\n\n") == [
        title,
        f"{RELEASE}\n",
    ]


def test_page_shows_what_the_commands_print(project: Project) -> None:
    project.make("deploy")
    session = shown(project)
    assert repeated(project, session) == session


def test_help_says_that_the_commands_commit(project: Project) -> None:
    assert "environment local, by a commit" in project.make("help")


def test_commit_says_that_it_must_be_pushed(project: Project) -> None:
    assert "once it is pushed" in project.call("canary --version 2")


def test_release_that_is_there_already_is_not_committed_again(project: Project) -> None:
    project.call("canary --version 2")
    assert "there is nothing to commit" in project.call("canary --version 2")
    assert commits(project) == 2


def test_dry_run_commits_nothing(project: Project) -> None:
    assert "+      value: models:/wine-cultivars/2" in project.call("canary --version 2 --dry-run")
    assert (commits(project), status(project)) == (1, "")


def test_refused_commit_leaves_the_release_as_it_was(project: Project) -> None:
    hook = project.folder / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\necho 'no releases on Fridays' >&2\nexit 1\n")
    hook.chmod(0o755)
    try:
        assert "git commit failed: no releases on Fridays" in project.fail("canary --version 2")
    finally:
        hook.unlink()
    assert (commits(project), status(project)) == (1, "")


def test_version_that_mlflow_does_not_have_is_refused(project: Project) -> None:
    assert "has no version 99; it has 2, 1." in project.fail("canary --version 99")


def test_github_opens_a_request_that_changes_the_release_alone(project: Project, origin: Path, tmp_path: Path) -> None:
    printed = dispatched(project, tmp_path, "staging", "2")

    assert "Committed: Serve version 2 in staging" in printed
    assert proposed(origin) == "ann\nServe version 2 in staging\n\n" + STAGING
    assert (tmp_path / "gh").read_text().splitlines() == [
        "auth setup-git",
        "pr create --base main --head release/staging-7 --title Serve version 2 in staging "
        "--body It takes effect once it is merged.",
    ]


def test_gitlab_opens_a_request_that_changes_the_release_alone(project: Project, origin: Path, render: Render) -> None:
    printed = started(project, render(ci="gitlab", **ANSWERS) / ".gitlab-ci.yml", origin, "staging", VERSION="2")

    assert "Committed: Serve version 2 in staging" in printed
    assert proposed(origin) == "ann\nServe version 2 in staging\n\n" + STAGING
    assert (origin / "options").read_text() == "1 merge_request.create\n"


@pytest.mark.usefixtures("delivered")
def test_ci_ends_well_where_the_champion_serves_already(
    project: Project, origin: Path, tmp_path: Path, render: Render
) -> None:
    said = "staging has version 1 already; there is nothing to commit."
    assert said in dispatched(project, tmp_path, "staging")
    assert said in started(project, render(ci="gitlab", **ANSWERS) / ".gitlab-ci.yml", origin, "staging")
    assert (branches(origin), (tmp_path / "gh").exists()) == (["main"], False)


@pytest.mark.parametrize("version", ["99", "$(touch astray)", "1; touch astray", "1 --dry-run"])
def test_input_that_is_no_version_comes_to_nothing(
    version: str, project: Project, origin: Path, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match=r"no version 99|Invalid value for '--version'"):
        dispatched(project, tmp_path, "staging", version)
    assert (branches(origin), status(project)) == (["main"], "")


def test_workflow_without_an_mlflow_says_what_to_set(project: Project, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="MLFLOW_TRACKING_URI: must be a variable of the repository"):
        dispatched(project, tmp_path, "staging", address="")


def branches(repository: Path) -> list[str]:
    """Return the branches of a repository."""
    return run("git", "branch", "--format=%(refname:short)", cwd=repository).split()


def proposed(repository: Path) -> str:
    """Return the author, the title and the files of all that the run's branch adds to `main`."""
    commits = ("main..release/staging-7", "--format=%an%n%s", "--name-only")
    return run("git", "log", *commits, cwd=repository).strip()


def commits(project: Project) -> int:
    """Return how many commits there are."""
    return int(run("git", "rev-list", "--count", "HEAD", cwd=project.folder))


def status(project: Project) -> str:
    """Return what Git finds changed, staged or not."""
    return run("git", "status", "--porcelain", cwd=project.folder)


def test_what_flux_waits_for_is_ready_in_an_environment_that_was_scaled(project: Project, kserve: Environment) -> None:
    kserve.serve_only(1)
    kubectl("scale", f"deployment/{VARIANTS['kserve']['stable']}", "--replicas=2", "-n", kserve.namespace)
    (followed,) = of_kind((project.folder / LOCAL).read_text(), "Kustomization")
    checks = [(check["kind"], check["name"]) for check in followed["spec"].get("healthChecks", [])]

    for kind, name in checks or [("inferenceservice", NAME)]:  # without any, it waits for all that it applies
        deadline = time.monotonic() + 20
        while not up_to_date(get(f"{kind}/{name}", kserve.namespace)):
            assert time.monotonic() < deadline, f"the status of {kind}/{name} is still of an earlier generation"
            time.sleep(0.5)


def up_to_date(found: Object) -> bool:
    """Return whether an object's status is of its newest generation, as Flux asks; its operator may add another one."""
    newest: int = found["metadata"]["generation"]
    seen: int | None = found["status"].get("observedGeneration")
    return seen == newest
