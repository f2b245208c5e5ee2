"""What tests need beyond Python, git and make. Where a machine lacks it, whole or in part, they say so and are skipped.

In CI they fail instead, as there nothing may be lacking.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import pytest
from packaging.version import Version
from uv import find_uv_bin

SECONDS_TO_ANSWER = 60
BUILT = Path(__file__).parents[1] / "build/bin"
FOLDERS = [str(BUILT), *map(str, Path("/usr/lib/postgresql").glob("*/bin")), "/usr/sbin"]
"""Where .ci/run and Debian have programs that PATH does not lead to."""
REMOTE = r"^(?: *- )?(https://[^/\s]+/[^/\s]+/[^/?\s]+)"
"""A URL, or a line of a kustomization that lists it; the repository is its group."""


@dataclass(frozen=True)
class Need:
    """A program."""

    least: str = "0"
    """The first version that will do."""
    asked: tuple[str, ...] = ("--version",)
    """What has it tell its version, if it can."""
    names: tuple[str, ...] = ()
    """What else it may be called."""


NEEDS = {
    "actionlint": Need(),
    "chromium": Need("110", names=("google-chrome", "chromium-browser")),
    "curl": Need("7.47"),  # which may offer HTTP/2
    "docker": Need("20.10"),
    "go": Need("1.24", ("version",)),
    "initdb": Need("13"),
    "java": Need("11"),  # whose library has a client, and which runs source
    "kube-state-metrics": Need(asked=()),  # built from source, it tells no version
    "kserve-manager": Need(asked=()),
    "kubectl": Need("1.31", ("version", "--client")),
    "mariadb-install-db": Need(asked=()),  # nor does this
    "mariadbd": Need("10.4"),
    "node": Need("18"),
    "npm": Need("8"),
    "openssl": Need("1.1.1", ("version",)),
    "postgres": Need("13"),
    "prometheus": Need("2.42"),
    "prometheus-pushgateway": Need("1"),
    "weed": Need("4.34", ("version",)),
}


def give_up(reason: str) -> NoReturn:
    """Skip, but fail where CI must not skip."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def require(program: str) -> str:
    """Return the path of a program of `NEEDS`; give up where none runs, or only one that is too old."""
    path, complaint = found(program, os.environ["PATH"])
    return path or give_up(complaint)


@cache
def found(program: str, path: str) -> tuple[str, str]:
    """Return where a program is that will do, or else what is wrong with the machine's."""
    need, complaint = NEEDS[program], f"{program} is not on this machine"
    for name in (program, *need.names):
        place = shutil.which(name, path=os.pathsep.join([path, *FOLDERS]))
        if place and not (complaint := unfit(place, need)):
            return place, ""
    return "", complaint


def unfit(place: str, need: Need) -> str:
    """Return why a program will not do, or nothing."""
    if not need.asked:
        return ""
    returncode, said = tried(place, *need.asked)
    version = re.search(r"\d+\.\d+(\.\d+)?", said)
    if returncode:
        return f"{place} does not run: {last_line(said)}"
    if need.least == "0":
        return ""
    if not version:
        return f"{place} tells no version: {last_line(said)}"
    too_old = Version(version[0]) < Version(need.least)
    return f"{place} is {version[0]}, which is older than {need.least}" if too_old else ""


def bring(*command: str, **options: Any) -> str:
    """Run a command that brings what a test needs, and return what it printed; give up where it fails."""
    returncode, said = tried(*command, timeout=None, **options)
    if returncode:
        give_up(f"`{' '.join(command)}` failed: {said.strip()[-500:]}")
    return said


def require_docker() -> None:
    """Give up where no Docker engine answers, or the client lacks the plugin that builds."""
    docker = require("docker")
    if complaint := unanswered(docker, "info"):
        give_up(f"no Docker engine answers: {complaint}")
    if complaint := unanswered(docker, "buildx", "version"):
        give_up(f"{docker} has no buildx, which builds images: {complaint}")


def require_index() -> None:
    """Give up where uv reaches no package index."""
    if complaint := unanswered(find_uv_bin(), "pip", "compile", "--no-cache", "-", given="pip"):
        give_up(f"uv reaches no package index: {complaint}")


def require_python(version: str) -> None:
    """Give up where uv neither finds this version of Python nor can download it, or no package index."""
    require_index()
    if complaint := unanswered(find_uv_bin(), "run", "--no-project", "--python", version, "python", "--version"):
        give_up(f"uv has no Python {version}: {complaint}")


def require_repositories(*bases: str) -> None:
    """Give up where Git cannot reach the repositories of remote bases, each given as its URL or by what lists it."""
    for repository in sorted(set(re.findall(REMOTE, "\n".join(bases), re.MULTILINE))):
        if complaint := unanswered("git", "ls-remote", "--quiet", repository, "HEAD"):
            give_up(f"Git cannot reach {repository}: {complaint}")


@cache
def unanswered(*command: str, given: str = "") -> str:
    """Return what a command complains about, or nothing where it succeeds; it is run once."""
    returncode, said = tried(*command, input=given)
    return last_line(said) or f"exit status {returncode}" if returncode else ""


def tried(*command: str, timeout: float | None = SECONDS_TO_ANSWER, **options: Any) -> tuple[int, str]:
    """Return how a command ended and all that it said; what does not start or end has failed."""
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    try:
        done = subprocess.run(command, check=False, timeout=timeout, **{"input": "", **streams, **options})
    except (OSError, subprocess.TimeoutExpired) as error:
        return 127, str(error)
    return done.returncode, done.stdout


def last_line(said: str) -> str:
    """Return the last line that is not blank."""
    return ([line.strip() for line in said.splitlines() if line.strip()] or [""])[-1]
