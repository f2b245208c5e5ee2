"""An MLflow server on this machine, which the cluster's pods can reach."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.local.data_servers import free_port, wait_until_up
from tests.local.projects import Project
from tests.running import run


@contextmanager
def mlflow_server(project: Project, folder: Path) -> Iterator[str]:
    """Run the MLflow of a project's environment while the body runs, and give its address."""
    port = free_port()
    host = f"{address()}:{port}"
    options = {
        "host": "0.0.0.0",  # noqa: S104  pods have to reach it
        "port": port,
        "allowed-hosts": host,
        "backend-store-uri": f"sqlite:///{folder / 'mlflow.db'}",
        "artifacts-destination": str(folder / "artifacts"),
        "workers": "1",
    }
    # Else it starts eight more processes, for jobs of evaluation that nobody submits.
    environment = project.environment | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = ["uv", "run", "mlflow", "server", *(f"--{name}={value}" for name, value in options.items())]
    log = (folder / "log").open("wb")
    with (
        log,
        subprocess.Popen(
            command, cwd=project.folder, env=environment, stdout=log, stderr=log, start_new_session=True
        ) as server,
    ):
        try:
            wait_until_up(f"http://{host}/health", server)
            yield f"http://{host}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)


def address() -> str:
    """Return an IPv4 address of this machine that is no loopback."""
    return next(found for found in run("hostname", "-I").split() if ":" not in found)
