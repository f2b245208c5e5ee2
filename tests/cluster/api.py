"""The API server by its paths, for who asks it twice a second: a kubectl for each request would keep a core busy."""

import json
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus

from .kubectl import Object

POLL_SECONDS = 0.5
TIMEOUT_SECONDS = 30
UNKNOWN = {HTTPStatus.NOT_FOUND, HTTPStatus.TOO_MANY_REQUESTS}
"""How it answers for a kind that it does not know, or has only just come to know."""


class Api:
    """The API server that KUBECONFIG names, behind `kubectl proxy`."""

    def __init__(self, address: str) -> None:
        """Ask at an address."""
        self._address = address

    def items(self, path: str) -> list[Object]:
        """Return the objects at a path, or none where the API server does not know their kind yet."""
        items: list[Object] = self._ask("GET", path).get("items", [])
        return items

    def set_status(self, path: str, status: Object) -> None:
        """Change the status of the object at a path, which may be gone."""
        self._ask("PATCH", f"{path}/status", {"status": status})

    def _ask(self, method: str, path: str, patch: Object | None = None) -> Object:
        request = urllib.request.Request(  # noqa: S310  our own proxy
            self._address + path,
            data=json.dumps(patch).encode() if patch else None,
            headers={"Content-Type": "application/merge-patch+json"} if patch else {},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
                found: Object = json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code not in UNKNOWN:
                raise RuntimeError(f"{method} {path}: {error.read().decode()}") from error
            return {}
        return found


@contextmanager
def repeating(work: Callable[[Api], None]) -> Iterator[None]:
    """Have work be done twice a second while the body runs, and raise what went wrong with it."""
    ended = threading.Event()
    errors: list[Exception] = []

    def repeat() -> None:
        try:
            with _proxy() as server:
                while not ended.wait(POLL_SECONDS):
                    work(server)
        except Exception as error:
            errors.append(error)
            raise

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if errors:
            raise errors[0]


@contextmanager
def _proxy() -> Iterator[Api]:
    command = ["kubectl", "proxy", "--port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        assert proxy.stdout
        try:
            yield Api(f"http://{proxy.stdout.readline().split()[-1]}")
        finally:
            proxy.terminate()
