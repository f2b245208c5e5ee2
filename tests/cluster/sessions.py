"""The session on a generated page that shows what the rollout commands print."""

import re

from tests.local.projects import Project
from tests.running import run

from .overlays import NAME

IDENTITY = "0.1.0-3f2a1bc9d8"
"""Of the code on the page."""
COMMAND = ("uv", "run", NAME, "identity")
PODS_READY = re.compile(r"\d of \d")
"""How many there are, an autoscaler decides."""
PASSING = ("uv run", "  waiting for ")
"""How lines begin that say what is under way."""


def shown(project: Project, **names: str) -> str:
    """Return the session that the page shows, with other names for those in it."""
    page = (project.folder / "docs/rollout.md").read_text()
    (session,) = re.findall(r"```console\n(\$ .*?)```", page, re.DOTALL)
    for name, other in names.items():
        session = session.replace(name.replace("_", "-"), other)
    return str(session).replace(IDENTITY, run(*COMMAND, cwd=project.folder, env=project.environment).strip())


def repeated(project: Project, session: str) -> str:
    """Return the session that comes of its commands."""
    own = " ".join(project.own)
    commands = re.findall(rf"(?m)^\$ {own} (.*)$", session)
    return "".join(f"$ {own} {command}\n{_printed(project, command)}" for command in commands)


def _printed(project: Project, command: str) -> str:
    lines = PODS_READY.sub("1 of 1", project.call(command)).splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines if not line.startswith(PASSING))
