"""A pod in an environment's own namespace, where its NetworkPolicy admits it, that asks the model server."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from .kubectl import RESTRICTED, as_list, kubectl

NAME = "client"
SENDER = Path(__file__).with_name("sender.py")
THREADS = 4
PAUSE_SECONDS = 0.02
WAITING = "import signal; signal.sigwait({signal.SIGTERM})"


@dataclass
class Traffic:
    """What came back."""

    answers: dict[str, int] = field(default_factory=dict)
    """How many answers each version gave."""
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Client:
    """Sends rows to a Service of its namespace."""

    namespace: str
    model: str
    rows: str
    """The body of a request."""

    def start(self, image: str) -> None:
        """Start the pod, of the model server's own image."""
        command = {"command": ["python", "-c", WAITING], "securityContext": RESTRICTED}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": NAME, "namespace": self.namespace},
            "spec": {"containers": [command | {"name": NAME, "image": image}]},
        }
        kubectl("create", "-f", "-", given=as_list([pod]))
        kubectl("wait", "--for=condition=Ready", f"pod/{NAME}", "-n", self.namespace, "--timeout=120s")

    @contextmanager
    def sending(self, service: str, threads: int = THREADS, pause: float = PAUSE_SECONDS) -> Iterator[Traffic]:
        """Send while the body runs; what came back is known afterwards.

        Args:
            service: its name and port, as `name:80`.
            threads: how many requests are on their way at a time.
            pause: seconds between two requests of a thread.
        """
        path = f"/v2/models/{self.model}/infer"
        script = ["python", "-c", SENDER.read_text(), service, path, self.rows, str(threads), str(pause)]
        command = ["kubectl", "exec", "-i", "-n", self.namespace, NAME, "--", *script]
        traffic = Traffic()
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as sender:
            started = cast(IO[str], sender.stdout).readline()
            try:
                assert started == "sending\n", "the sender ended"
                yield traffic
            finally:
                printed, _ = sender.communicate()
        found = json.loads(printed)
        traffic.answers, traffic.failures = found["answers"], found["failures"]

    def ask(self, service: str) -> list[str]:
        """Send at least one request, of which none may fail, and return the versions that answered."""
        with self.sending(service, threads=1) as traffic:
            pass
        assert traffic.failures == []
        return list(traffic.answers)
