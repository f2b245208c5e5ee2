"""The environments of the servers: made with uv, and measured."""

import os
from pathlib import Path

from children import run

SERVERS = Path(__file__).parent / "servers"
COMPETITORS = ("mlserver", "kserve", "mlflow")
OURS = "serving"


def create(project: Path, model: Path, root: Path, env: dict[str, str]) -> dict[str, Path]:
    """Make an environment for each competitor, and the one that the project's model server needs, by their names.

    Args:
        project: a generated project.
        model: its model, in a folder that lists the very versions it needs.
        root: where to make them.
        env: the environment variables of uv.
    """
    for name in COMPETITORS:
        run("uv", "venv", "--quiet", name, folder=root, env=env)
        run("uv", "pip", "install", "--quiet", "--python", name, *_requirements(name, model), folder=root, env=env)
    serving = {"UV_PROJECT_ENVIRONMENT": str(root / OURS)}
    run("uv", "sync", "--quiet", "--locked", "--no-default-groups", folder=project, env=env | serving)
    return {name: root / name for name in (*COMPETITORS, OURS)}


def installed_size(environment: Path) -> int:
    """Return the bytes of an environment's packages, without the byte code that running them leaves behind."""
    return sum(
        (Path(folder) / name).lstat().st_size
        for folder, _, names in os.walk(environment / "lib")
        if Path(folder).name != "__pycache__"
        for name in names
    )


def _requirements(name: str, model: Path) -> list[str]:
    """Return the options that name what to install; MLflow's own server needs no more than the model does."""
    files = [SERVERS / f"{name}.txt", model / "requirements.txt"]
    return [option for file in files if file.exists() for option in ("--requirement", str(file))]
