"""What the server tells about itself: metrics, and a log line for each request."""

import logging
import re
import time
import uuid
from itertools import count

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml_chassis.serving.logs import REQUEST_ID
from ml_chassis.serving.metrics import ERRORS, IN_FLIGHT, PREDICTING, REQUESTS, SECONDS, of
from ml_chassis.serving.refusals import Reason
from ml_chassis.serving.runtime import Runtime

PROCESS, COUNTER = uuid.uuid4().hex.encode(), count(1)
"""What makes up a request's id where the client gave none that can be kept."""
SAFE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")
MOST_OF_A_PATH = 200
"""Characters in the log."""
UNLOGGED = {"live", "ready", "metrics"}
"""Endpoints that are asked every few seconds."""

logger = logging.getLogger(__package__)


class Telemetry:
    """Wraps the application: counts, times and logs each request, and adds headers to each answer."""

    def __init__(self, app: ASGIApp, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began, status = time.perf_counter(), 500
        request_id = identified(dict(scope["headers"]).get(b"x-request-id", b""))

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id), *self._headers()]
            await send(message)

        with of(IN_FLIGHT, self._runtime.name).track_inprogress(), self._runtime.bodies.of_one() as scope["body"]:
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception:
                scope["reason"] = Reason.SERVER_FAILED
                raise
            finally:
                endpoint = getattr(scope.get("endpoint"), "__name__", "unknown")
                path = scope["raw_path"][:MOST_OF_A_PATH].decode()  # as it was sent, in printable characters
                note(self._runtime, began, endpoint, status, scope.get("reason"), scope["method"], path)

    def _headers(self) -> list[tuple[bytes, bytes]]:
        version = [(b"x-model-version", self._runtime.version.encode())]
        return [*version, (b"connection", b"close")] if self._runtime.draining else version


def identified(given: bytes) -> bytes:
    """Return the id of a request, which is the client's where it can be kept, and have the log name it."""
    request_id = given if SAFE_ID.fullmatch(given) else b"%s-%d" % (PROCESS, next(COUNTER))
    REQUEST_ID.set(request_id.decode())
    return request_id


def note(
    runtime: Runtime, began: float, endpoint: str, status: int, reason: Reason | None, method: str, path: str
) -> None:
    """Count, time and log a request.

    Args:
        runtime: what answered it.
        began: when it came, by `time.perf_counter`.
        endpoint: what it asked.
        status: what HTTP calls the outcome, however it came.
        reason: why it was refused, if it was.
        method: for the log.
        path: for the log.
    """
    seconds = time.perf_counter() - began
    served = runtime.name, runtime.version
    of(REQUESTS, *served, endpoint, status).inc()
    of(SECONDS, *served, endpoint).observe(seconds)
    if reason and endpoint in PREDICTING:
        of(ERRORS, *served, reason.label, reason.status.value).inc()
    if endpoint not in UNLOGGED:
        fields = {
            "endpoint": endpoint,
            "status": status,
            "milliseconds": round(seconds * 1000, 2),
            "model_version": runtime.version,
        }
        logger.info("%s %s", method, path, extra={"fields": fields})
