"""Runs and releases name images by their digests where a registry tells them, and say which ones are missing."""

import hashlib
import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.needs import require_docker
from tests.running import run

from .data_servers import free_port
from .projects import Project

ASK = "import sys; from ml_chassis.images import located; print(located(sys.argv[1], None))"
MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIGURATION = b"{}"
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": MEDIA_TYPE,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": f"sha256:{hashlib.sha256(CONFIGURATION).hexdigest()}",
            "size": len(CONFIGURATION),
        },
        "layers": [],
    }
).encode()
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"


class Registry(BaseHTTPRequestHandler):
    """A registry that has one image.

    https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
    """

    def do_GET(self) -> None:
        """Answer."""
        found = {"/manifests/there": MANIFEST, f"/manifests/{DIGEST}": MANIFEST}.get(self.path[len("/v2/acme/steps") :])
        if "/blobs/" in self.path:
            found = CONFIGURATION
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", MEDIA_TYPE)
        self.send_header("Content-Length", str(len(found or b"")))
        if found == MANIFEST:
            self.send_header("Docker-Content-Digest", DIGEST)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(found or b"")

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self.do_GET()


@pytest.fixture
def registry() -> Iterator[str]:
    """Return the name of a registry."""
    require_docker()
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"localhost:{server.server_port}/acme/steps"
        server.shutdown()


@pytest.fixture
def ask(watched: Project) -> Callable[[str], str]:
    """Return a function that gives what the project prints of an image, its name last."""

    def ask(image: str) -> str:
        return run("uv", "run", "python", "-c", ASK, image, cwd=watched.folder, env=watched.environment).strip()

    return ask


def test_image_that_was_pushed_is_named_by_its_digest(registry: str, ask: Callable[[str], str]) -> None:
    assert ask(f"{registry}:there") == f"{registry}:there@{DIGEST}"


def test_image_that_the_registry_lacks_is_an_error_that_says_what_to_do(
    registry: str, ask: Callable[[str], str]
) -> None:
    with pytest.raises(AssertionError, match=f"{registry}:gone is not in its registry; `make image push` builds"):
        ask(f"{registry}:gone")


def test_registry_that_cannot_be_asked_stops_nobody(ask: Callable[[str], str]) -> None:
    require_docker()
    image = f"localhost:{free_port()}/acme/steps:there"
    said, named = ask(image).splitlines()
    assert f"Whether {image} is in its registry cannot be told from here: " in said
    assert named == image


def test_digest_that_somebody_gave_is_taken_as_it_is(ask: Callable[[str], str]) -> None:
    assert ask(f"nowhere.example/steps:any@{DIGEST}") == f"nowhere.example/steps:any@{DIGEST}"
