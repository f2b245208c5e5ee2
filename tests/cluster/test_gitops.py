"""With GitOps, the project's commands commit the release and touch no cluster."""

import pytest

from tests.local.projects import Project
from tests.running import commit_all, run

from .conftest import Deployable
from .sessions import repeated, shown

pytestmark = pytest.mark.xdist_group("image")  # as the tests of the image whose project trains the models

RELEASE = "deploy/serving/overlays/local/release/kustomization.yaml"


@pytest.fixture(scope="module")
def made(deployable: Deployable) -> Project:
    """Return a project in Git, with a kubectl that no cluster answers."""
    project = deployable(gitops="flux", repository_url="https://git.example.com/acme/wine-cultivars")
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


def test_canary_is_one_commit_of_the_release(project: Project) -> None:
    project.make("canary", VERSION="2")
    title = "Serve version 1, with version 2 as canary for 10 percent in local"
    assert run("git", "log", "-1", "--format=%s", "--name-only", cwd=project.folder).split("\n\n") == [
        title,
        f"{RELEASE}\n",
    ]


def test_page_shows_what_the_commands_print(project: Project) -> None:
    session = shown(project)
    assert repeated(project, session) == session


def test_commit_says_that_it_must_be_pushed(project: Project) -> None:
    assert "once it is pushed" in project.make("canary", VERSION="2")


def test_release_that_is_there_already_is_not_committed_again(project: Project) -> None:
    project.make("canary", VERSION="2")
    assert "there is nothing to commit" in project.make("canary", VERSION="2")
    assert commits(project) == 2


def test_dry_run_commits_nothing(project: Project) -> None:
    assert "+      value: models:/wine-cultivars/2" in project.make("canary", VERSION="2", DRY_RUN="1")
    assert (commits(project), status(project)) == (1, "")


def test_refused_commit_leaves_the_release_as_it_was(project: Project) -> None:
    hook = project.folder / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\necho 'no releases on Fridays' >&2\nexit 1\n")
    hook.chmod(0o755)
    try:
        assert "git commit failed: no releases on Fridays" in project.fail("canary", VERSION="2")
    finally:
        hook.unlink()
    assert (commits(project), status(project)) == (1, "")


def commits(project: Project) -> int:
    """Return how many commits there are."""
    return int(run("git", "rev-list", "--count", "HEAD", cwd=project.folder))


def status(project: Project) -> str:
    """Return what Git finds changed, staged or not."""
    return run("git", "status", "--porcelain", cwd=project.folder)
