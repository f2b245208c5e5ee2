"""Whatever fails, no command shows a secret, and none is kept: neither in a log, nor in MLflow, nor in a pipeline."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.local.data_servers import HOST
from tests.local.projects import SECRETS, Project

SENTINEL = "correct-horse-battery"
NOWHERE = "http://127.0.0.1:1"


@contextmanager
def presigned() -> Iterator[str]:
    """Give the address of a file that has moved to one with a signature, where it is not."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302 if self.path == "/rows.csv" else 404)
            self.send_header("Location", f"/moved.csv?X-Amz-Signature={SENTINEL}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://{HOST}:{server.server_port}/rows.csv"
        server.shutdown()


@pytest.mark.parametrize(
    ("arguments", "settings", "said"),
    [
        ("--verbose models", {"MLFLOW_TRACKING_URI": NOWHERE, "MLFLOW_TRACKING_TOKEN": f"{SENTINEL}\n"}, "***"),
        ("models", {"MLFLOW_TRACKING_URI": f"http://me:{SENTINEL}@127.0.0.1:1"}, "MLFLOW_TRACKING_URI"),
        ("submit", {"KFP_ENDPOINT": NOWHERE, "KFP_TOKEN": f"{SENTINEL}\n"}, "does not answer"),
        ("serve", {"CAPTURE_URI": f"s3://key:{SENTINEL}@bucket/folder"}, "CAPTURE_URI"),
    ],
)
def test_command_that_fails_shows_no_secret(
    arguments: str, settings: dict[str, str], said: str, watched: Project
) -> None:
    done = subprocess.run(
        [".venv/bin/wine-cultivars", *arguments.split()],
        cwd=watched.folder,
        env=watched.environment | settings,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode != 0
    assert said in done.stderr
    assert SENTINEL not in done.stdout + done.stderr


def test_run_that_fails_keeps_no_secret(watched: Project) -> None:
    with presigned() as address:
        printed = watched.fail("run", DATA_URI=address)
    assert "404" in printed
    assert SENTINEL not in printed
    assert_kept_nowhere(watched.folder / ".local", SENTINEL)


def test_run_that_succeeded_keeps_no_secret(watched: Project) -> None:
    watched.call("compile", **SECRETS)
    for secret in SECRETS.values():
        assert_kept_nowhere(watched.folder / ".local", secret)
        assert_kept_nowhere(watched.folder / "build", secret)


def assert_kept_nowhere(folder: Path, secret: str) -> None:
    """Check that no file of a folder has a text, and that there are files."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if secret.encode() in path.read_bytes()] == []
