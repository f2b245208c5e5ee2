"""The model servers that are compared, each started as its users start it."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from children import free_ports
from environments import SERVERS

MODEL_NAME = "wine-cultivars"
V2 = f"v2/models/{MODEL_NAME}"
OURS, OURS_MATRIX = "this server", "this server, matrix"
OURS_WATCHED, OURS_NATIVE = "this server, monitoring", "this server, native"
MLSERVER, PYFUNC, MLFLOW = "MLServer", "KServe SDK", "`mlflow models serve`"
ARRAYS, GRAPH = "KServe SDK, bare arrays", "KServe SDK, graph"
ECHO = "echo, no model"


@dataclass(frozen=True)
class Contender:
    """A server: its command, where that runs and with which variables, its port and paths, and the body it is sent."""

    name: str
    command: tuple[str, ...]
    folder: Path
    programs: Path
    port: int
    body: str = "columns"
    infer: str = f"{V2}/infer"
    ready: str = f"{V2}/ready"
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Return where it takes requests."""
        return f"http://127.0.0.1:{self.port}/{self.infer}"

    @property
    def ready_url(self) -> str:
        """Return what answers once the model is loaded."""
        return f"http://127.0.0.1:{self.port}/{self.ready}"

    def environment(self, env: dict[str, str]) -> dict[str, str]:
        """Return `env` with the contender's own programs first, and its variables."""
        return env | {"PATH": f"{self.programs}{os.pathsep}{env['PATH']}"} | self.variables


def contenders(project: Path, watched: Path, model: Path, environments: dict[str, Path]) -> list[Contender]:
    """Return all servers of a model's folder, each with a port of its own and one worker.

    Args:
        project: a generated project.
        watched: another one, with monitoring.
        model: the model's folder.
        environments: those of the competitors, by their names.
    """
    ours, matrix, counting, native, arrays, graph, pyfunc, mlflow, echo, *mlserver = free_ports(12)
    programs = project / ".venv" / "bin"
    return [
        _ours(OURS, project, model, ours),
        _ours(OURS_MATRIX, project, model, matrix, body="matrix"),
        _ours(OURS_WATCHED, watched, model, counting),
        _ours(OURS_NATIVE, project, model, native, runtime="native"),
        _mlserver(model, environments["mlserver"] / "bin", mlserver),
        _kserve(PYFUNC, "kserve_pyfunc.py", model, environments["kserve"] / "bin", pyfunc),
        _kserve(ARRAYS, "kserve_arrays.py", model, environments["kserve"] / "bin", arrays, body="matrix"),
        _kserve(GRAPH, "kserve_onnx.py", model, environments["kserve"] / "bin", graph, body="matrix"),
        _mlflow(model, environments["mlflow"] / "bin", mlflow),
        Contender(ECHO, ("uvicorn", "--port", str(echo), "--no-access-log", "echo:app"), SERVERS, programs, echo),
    ]


def _ours(name: str, project: Path, model: Path, port: int, body: str = "columns", runtime: str = "auto") -> Contender:
    variables = {"MODEL_URI": str(model), "SERVE_PORT": str(port), "SERVE_RUNTIME": runtime}
    return Contender(name, ("make", "serve"), project, project / ".venv/bin", port, body, variables=variables)


def _mlserver(model: Path, programs: Path, ports: list[int]) -> Contender:
    http, grpc, metrics = ports
    variables = {
        "MLSERVER_HTTP_PORT": str(http),
        "MLSERVER_GRPC_PORT": str(grpc),
        "MLSERVER_METRICS_PORT": str(metrics),
        "MLSERVER_MODEL_NAME": MODEL_NAME,
        "MLSERVER_MODEL_IMPLEMENTATION": "mlserver_mlflow.MLflowRuntime",
        "MLSERVER_MODEL_URI": str(model),
    }
    return Contender(MLSERVER, ("mlserver", "start", "."), model, programs, http, variables=variables)


def _kserve(name: str, script: str, model: Path, programs: Path, port: int, body: str = "columns") -> Contender:
    options = ("--http_port", str(port), "--enable_grpc", "false")
    names = ("--model_name", MODEL_NAME, "--model_dir", str(model))
    return Contender(name, ("python", script, *options, *names), SERVERS, programs, port, body)


def _mlflow(model: Path, programs: Path, port: int) -> Contender:
    options = ("--env-manager", "local", "--workers", "1", "--port", str(port))
    command = ("mlflow", "models", "serve", "--model-uri", str(model), *options)
    return Contender(MLFLOW, command, model, programs, port, "split", "invocations", "ping")
