"""The real Kubeflow Pipelines and Argo, as processes of this machine in a network of their own."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.cluster.kubectl import cluster_settings, kubectl, require_cluster, tried
from tests.needs import give_up
from tests.running import run

from .projects import lend_byte_code

ENDPOINT = "http://127.0.0.1:8888"
CURL = ("curl", "--silent", "--show-error", "--fail")
MLFLOW = "http://127.0.0.1:5000"
TABLE = "http://127.0.0.1:9009/rows.csv"
NAMESPACE = "kubeflow"
ACCOUNT = "wine-cultivars-pipelines"
NEEDED = ("OPERATORS", "OPERATORS_BUILD")
"""The folder of the scripts that start them, and that of what these have built."""
SECONDS_FOR_A_POD = 180
SECONDS_FOR_A_RUN = 300
TIMES = {"DEFAULT_REQUEUE_TIME": "1s"}
"""How long Argo waits after each change of a run: by default 10 s, which is most of a short run's time."""
PATIENCE = {"AWS_RETRY_MODE": "standard", "AWS_MAX_ATTEMPTS": "12"}
"""How long the object store, which is started just before, is waited for when its bucket is made."""
LEAN = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
"""Keeps MLflow from starting processes for jobs, which nothing here gives it."""
MOVABLE = {"UV_VENV_RELOCATABLE": "1"}
"""What is installed for one run serves the next, in another folder."""
DELETION = """
                return self.answer(delete(resource, namespace, name))
"""
DELETION_OF_ONE_ALONE = """
                if body.get("propagationPolicy") == "Orphan":
                    with lock:
                        for found in [each for objects in store.values() for each in objects.values()]:
                            owners = found["metadata"].get("ownerReferences", [])
                            found["metadata"]["ownerReferences"] = [o for o in owners if o["name"] != name]
"""
"""What Kubernetes does before, and the stand-in for it does not know."""
IMAGE_OF_STEPS = "--group pipeline"
"""What `uv sync` installs into it."""
OWN_CODE = ("ml_chassis", "wine_cultivars")
"""What a checkout has elsewhere than an image."""


@dataclass(frozen=True)
class Kubeflow:
    """A Kubeflow Pipelines, and how it is reached."""

    settings: dict[str, str]
    """By which a project's commands act on it."""
    within: tuple[str, ...] = ()
    """What a command that runs in its network begins with."""

    def run(self, *command: str) -> str:
        """Run a command in its network, which must succeed, and return what it printed."""
        return run(*self.within, *command, env=dict(os.environ) | TIMES | self.settings)

    def read(self, url: str, **sent: Any) -> Any:
        """Return the JSON at an address of its network, to which something may be sent."""
        return json.loads(self.run(*CURL, *_body(sent), url))

    def ask(self, path: str) -> Any:
        """Return what its API has at a path."""
        return self.read(self.address(path))

    def delete(self, url: str, **sent: str) -> None:
        """Delete what is at an address of its network, or what is named to it."""
        self.run(*CURL, "--request", "DELETE", *_body(sent), url)

    def address(self, path: str) -> str:
        """Return the address of a path of its API."""
        return f"{self.settings['KFP_ENDPOINT']}/apis/v2beta1/{path}"


@dataclass(frozen=True)
class Stack(Kubeflow):
    """One that runs on this machine, for the tests alone."""

    folder: Path = Path()

    @classmethod
    def at(cls, folder: Path) -> "Stack":
        """Return the one that keeps its files in a folder."""
        context = {"KUBECONFIG": str(folder / "kst/kubeconfig"), "CONTEXT": "kubish"}
        settings = context | {"KFP_ENDPOINT": ENDPOINT, "PIPELINES_NAMESPACE": NAMESPACE}
        return cls(settings, (str(folder / "in"),), folder)

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Lose all that is sent to the address of its API while the body runs; the steps, which use another, go on."""
        rule = ("INPUT", "-p", "tcp", "--dport", "8888", "-j", "DROP")
        self.run("iptables", "--insert", *rule)
        try:
            yield
        finally:
            self.run("iptables", "--delete", *rule)

    @contextmanager
    def storing_slowly(self) -> Iterator[None]:
        """Have its API take seconds to store the tasks of a run, after it has stored the run, while the body runs."""
        ended = "(SELECT State FROM run_details WHERE UUID = NEW.RunUUID) IN ('SUCCEEDED', 'FAILED')"
        self.store(f"CREATE TRIGGER slow BEFORE INSERT ON tasks FOR EACH ROW DO SLEEP(IF({ended}, 0.4, 0))")
        try:
            yield
        finally:
            self.store("DROP TRIGGER slow")

    def store(self, statement: str) -> None:
        """Have its database execute a statement."""
        login = ("--user=root", "--password=secret", f"--socket={self.folder / 'db/s.sock'}")
        self.run("mariadb", "--no-defaults", *login, "mlpipeline", f"--execute={statement}")

    @contextmanager
    def serving(self, folder: Path) -> Iterator[None]:
        """Have its network read the files of a folder beside `TABLE` while the body runs."""
        port = str(urlsplit(TABLE).port)
        command = [*self.within, "python3", "-m", "http.server", port, "--bind=127.0.0.1", f"--directory={folder}"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                yield
            finally:
                server.terminate()

    def recorded(self, run_id: str) -> Any:
        """Return the one record in MLflow of a run of a pipeline."""
        sought = {"experiment_ids": ["1", "2"], "filter": f"tags.pipeline_run_id = '{run_id}'"}
        (found,) = self.read(f"{MLFLOW}/api/2.0/mlflow/runs/search", **sought)["runs"]
        return found

    def failed_pods(self, run_id: str) -> list[str]:
        """Return the pods of a run that have failed."""
        which = (f"--selector=pipeline/runid={run_id}", "--field-selector=status.phase=Failed")
        return self.run("kubectl", "get", "pods", f"--namespace={NAMESPACE}", *which, "--output=name").split()

    def wait_for_the_end(self, run_id: str) -> None:
        """Wait until a run has ended, by what its API tells of it."""
        deadline = time.monotonic() + SECONDS_FOR_A_RUN
        while self.ask(f"runs/{run_id}")["state"] not in ("SUCCEEDED", "FAILED"):
            assert time.monotonic() < deadline
            time.sleep(0.5)

    def wait_for_a_failed_pod(self, run_id: str) -> None:
        """Wait until a pod of a run has failed."""
        deadline = time.monotonic() + SECONDS_FOR_A_POD
        while not self.failed_pods(run_id):
            assert time.monotonic() < deadline
            time.sleep(1)

    @property
    def app(self) -> Path:
        """Return the folder that is /app in the image of the steps."""
        return next((self.folder / "k/images").glob("*-pipeline_*")).resolve() / "app"

    def give_image(self, name: str, identity: str, commit: str) -> None:
        """Give its node the image of the steps under its real name, and with what its build notes in it."""
        built = self.app.parent
        with (built / ".env").open("a") as environment:
            environment.write(f"CODE_IDENTITY={identity}\nCODE_COMMIT={commit}\n")
        (built.parent / re.sub("[/:]", "_", name)).symlink_to(built)


def _body(sent: dict[str, Any]) -> list[str]:
    """Return the options by which curl sends something as JSON."""
    return ["--header", "Content-Type: application/json", "--data", json.dumps(sent)] if sent else []


@contextmanager
def named(endpoint: str) -> Iterator[Kubeflow]:
    """Give the one that the user of the tests names, by its address and a kubeconfig, with the account of the steps."""
    require_cluster()
    namespace = os.environ.get("PIPELINES_NAMESPACE", NAMESPACE)
    settings = cluster_settings() | {"KFP_ENDPOINT": endpoint.rstrip("/"), "PIPELINES_NAMESPACE": namespace}
    account = ("serviceaccount", ACCOUNT, f"--namespace={namespace}")
    made = tried("create", *account).returncode == 0
    try:
        yield Kubeflow(settings)
    finally:
        if made:
            kubectl("delete", *account)


@contextmanager
def started(folder: Path, project: Path, manifests: Path, environment: dict[str, str]) -> Iterator[Stack]:
    """Run the stack while the body does.

    Args:
        folder: what it keeps goes here.
        project: whose steps it runs.
        manifests: the folder of the waves of a platform with Kubeflow Pipelines.
        environment: of the project's commands.
    """
    given, built = (Path(os.environ.get(name) or give_up(f"{name} names no folder")).resolve() for name in NEEDED)
    if os.geteuid():
        give_up("only root may make a network")
    for name, kept in {"bin": "bin", "src": "src", "venv": "movable-venv"}.items():  # the first run fills the last
        (built / kept).mkdir(exist_ok=True)
        (folder / name).symlink_to(built / kept)
    scripts = with_orphans(given, folder / "scripts")
    network = f"kfp-{os.getpid()}"
    waves = {"PIPELINES_MANIFESTS": "40-pipelines", "PROJECT_MANIFESTS": "70-project"}
    settings = {name: str(manifests / wave) for name, wave in waves.items()} | {"PIPELINE_SYNC": IMAGE_OF_STEPS}
    settings |= TIMES | PATIENCE | LEAN | MOVABLE
    git = {name: value for name, value in os.environ.items() if name.startswith("GIT_CONFIG_")}
    try:
        run(str(scripts / "up"), str(folder), str(project), str(scripts), network, env=environment | git | settings)
        stack = Stack.at(folder)
        give_byte_code(stack.app / ".venv", project / ".venv")
        yield stack
    finally:
        run(str(scripts / "down"), str(folder), network)
        with suppress(FileNotFoundError, ProcessLookupError):  # the API server does not end when it is asked to
            os.kill(int((folder / "log/apiserver.pid").read_text()), signal.SIGKILL)


def give_byte_code(environment: Path, lender: Path) -> None:
    """Have an image's environment hold byte code: steps may not write any, and would compile all at each start."""
    libraries = environment / "lib"
    lend_byte_code(lender / "lib", libraries)
    own = [str(found) for name in OWN_CODE for found in libraries.glob(f"*/site-packages/{name}")]
    run(str(environment / "bin/python"), "-m", "compileall", "-q", *own)


def with_orphans(scripts: Path, folder: Path) -> Path:
    """Return a folder of the same scripts, whose stand-in for Kubernetes leaves what is to outlive its owner."""
    folder.mkdir()
    for script in scripts.iterdir():
        (folder / script.name).symlink_to(script)
    stand_in = folder / "kubish.py"
    text = stand_in.read_text()
    assert text.count(DELETION) == 1
    stand_in.unlink()
    stand_in.write_text(text.replace(DELETION, DELETION_OF_ONE_ALONE + DELETION.lstrip("\n")))
    return folder
