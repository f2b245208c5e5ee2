"""Runs the shell lines of a project's CI, as the services do, in a checkout of a bare repository."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.local.projects import Project
from tests.running import run

TOKEN = "of-the-job"  # noqa: S105  of nobody
NUMBER = "7"
"""Of the run."""


@contextmanager
def checked_out(project: Project, folder: Path) -> Iterator[Path]:
    """Give the bare repository that a project is a checkout of; it keeps a push's options in the file `options`."""
    bare = folder / "acme/wine-cultivars.git"
    run("git", "clone", "--quiet", "--bare", str(project.folder), str(bare))
    run("git", "config", "receive.advertisePushOptions", "true", cwd=bare)
    hook = bare / "hooks/post-receive"
    hook.write_text('#!/bin/sh\necho "$GIT_PUSH_OPTION_COUNT $GIT_PUSH_OPTION_0" > options\n')
    hook.chmod(0o755)
    run("git", "remote", "add", "origin", bare.as_uri(), cwd=project.folder)
    run("git", "fetch", "--quiet", "origin", cwd=project.folder)
    try:
        yield bare
    finally:
        run("git", "remote", "remove", "origin", cwd=project.folder)


def dispatched(project: Project, folder: Path, environment: str, version: str = "", address: str | None = None) -> str:
    """Run the workflow of GitHub that proposes a release, and return what it prints.

    Args:
        project: the checkout.
        folder: where a stand-in for `gh` writes how it is called, into the file `gh`.
        environment: the first input.
        version: the second input.
        address: of MLflow, by default the project's.
    """
    program = folder / "bin/gh"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\necho "$*" >> {folder}/gh\n')
    program.chmod(0o755)
    values = {
        "inputs.environment": environment,
        "inputs.version": version,
        "github.run_number": NUMBER,
        "github.token": TOKEN,
        "vars.MLFLOW_TRACKING_URI": project.settings["MLFLOW_TRACKING_URI"] if address is None else address,
        "secrets.MLFLOW_TRACKING_USERNAME": "",
        "secrets.MLFLOW_TRACKING_PASSWORD": "",
    }
    workflow = yaml.safe_load((project.folder / ".github/workflows/release.yml").read_text())
    (job,) = workflow["jobs"].values()
    runner = project.environment | {
        "PATH": f"{program.parent}{os.pathsep}{project.environment['PATH']}",
        "GITHUB_ACTOR": "ann",
        "GITHUB_ACTOR_ID": "12",
    }
    printed = ""
    for step in job["steps"]:
        if "run" in step:
            own = _filled_in(workflow["env"] | step.get("env", {}), values)
            printed += _shell(step["run"], project, runner | own)
    return printed


def started(project: Project, file: Path, origin: Path, environment: str, **variables: str) -> str:
    """Run the manual job of a file for GitLab that proposes a release, with variables, and return what it prints."""
    job = yaml.safe_load(file.read_text())["release"]
    (matrix,) = job["parallel"]["matrix"]
    assert environment in matrix["ENVIRONMENT"]
    runner = {
        "ENVIRONMENT": environment,
        "CI_COMMIT_SHA": run("git", "rev-parse", "HEAD", cwd=project.folder).strip(),
        "CI_PIPELINE_IID": NUMBER,
        "CI_PROJECT_URL": origin.with_suffix("").as_uri(),
        "GITLAB_USER_NAME": "ann",
        "GITLAB_USER_EMAIL": "ann@example.com",
        "RELEASE_TOKEN": TOKEN,
    }
    return _shell("\n".join(job["script"]), project, project.environment | runner | variables)


def _filled_in(settings: dict[str, str], values: dict[str, str]) -> dict[str, str]:
    """Return settings with the values of GitHub's expressions."""
    return {name: re.sub(r"\$\{\{ (.*?) \}\}", lambda found: values[found[1]], text) for name, text in settings.items()}


def _shell(script: str, project: Project, environment: dict[str, str]) -> str:
    return run("bash", "-eo", "pipefail", "-c", script, cwd=project.folder, env=environment)
