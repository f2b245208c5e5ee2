"""The protocol over gRPC, beside HTTP and by the same rules: the same limits, answers, metrics and log."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # its own lines are no JSON, and what fails is raised too

import grpc
from google.protobuf.message import DecodeError

from ml_chassis.errors import ServingError
from ml_chassis.project import Project
from ml_chassis.serving import calls
from ml_chassis.serving import messages as m
from ml_chassis.serving.metrics import IN_FLIGHT, of
from ml_chassis.serving.refusals import Reason, Refusal
from ml_chassis.serving.runtime import Runtime, end
from ml_chassis.serving.telemetry import identified, note

logger = logging.getLogger(__package__)

Method = Callable[[bytes], Awaitable[Any]]
"""Returns the message that answers one, both as they go over the wire."""
STATUS = {
    Reason.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Reason.NOT_SERVED: grpc.StatusCode.NOT_FOUND,
    Reason.LOADING: grpc.StatusCode.UNAVAILABLE,
    Reason.QUEUE_FULL: grpc.StatusCode.UNAVAILABLE,
    Reason.TIMEOUT: grpc.StatusCode.DEADLINE_EXCEEDED,
}
"""What gRPC calls a reason; `INTERNAL` is any other."""
CANCELLED = 499
"""What the metrics count where a client gave up, as proxies do: HTTP has no status for it."""
MOST_AT_ONCE = 512
"""Calls being answered, as HTTP has connections."""
MOST_SAID = 300
"""Characters of a refusal: gRPC has them among its headers, three bytes for one of some letters."""
MOST_BYTES_OF_METADATA = 32 * 1024
SECONDS_TO_CONNECT, SECONDS_IDLE = 10, 75


class Service:
    """The methods of the protocol."""

    def __init__(self, project: Project, runtime: Runtime) -> None:
        self._project, self._runtime = project, runtime

    @asynccontextmanager
    async def listening(self, interceptors: Sequence[Any]) -> AsyncIterator[None]:
        """Answer while the block runs.

        Args:
            interceptors: what each call passes first.
        """
        settings = self._runtime.settings
        server = grpc.aio.server(
            interceptors=interceptors,
            maximum_concurrent_rpcs=MOST_AT_ONCE,
            options=[
                ("grpc.max_receive_message_length", settings.serve_max_bytes),
                ("grpc.max_send_message_length", -1),
                ("grpc.absolute_max_metadata_size", MOST_BYTES_OF_METADATA),
                ("grpc.max_metadata_size", MOST_BYTES_OF_METADATA),
                ("grpc.server_handshake_timeout_ms", SECONDS_TO_CONNECT * 1000),
                ("grpc.max_connection_idle_ms", SECONDS_IDLE * 1000),
                ("grpc.so_reuseport", int(settings.workers > 1)),  # or two servers of one port would share its calls
            ],
        )
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(m.SERVICE, self._handlers())])
        host = f"[{settings.serve_host}]" if ":" in settings.serve_host else settings.serve_host  # IPv6
        address = f"{host}:{settings.serve_grpc_port}"
        try:
            server.add_insecure_port(address)
        except RuntimeError as error:
            cause = str(error).rstrip(".")
            end(ServingError(f"gRPC cannot listen at {address}: {cause}. Set SERVE_GRPC_PORT to another port."))
        await server.start()
        try:
            yield
        finally:
            await server.stop(settings.serve_timeout_seconds)

    def _handlers(self) -> dict[str, Any]:
        methods: dict[str, tuple[str, Method]] = {
            "ServerLive": ("live", self._live),
            "ServerReady": ("ready", self._ready),
            "ServerMetadata": ("server_metadata", self._server_metadata),
            "ModelReady": ("model_ready", self._model_ready),
            "ModelMetadata": ("model_metadata", self._model_metadata),
            "ModelInfer": ("infer", self._infer),
        }
        return {
            name: grpc.unary_unary_rpc_method_handler(self._answering(name, endpoint, method))
            for name, (endpoint, method) in methods.items()
        }

    def _answering(self, name: str, endpoint: str, method: Method) -> Callable[[bytes, Any], Awaitable[bytes]]:
        """Return what answers a call: it counts, times and logs it, and tells why there is no answer."""

        async def answer(sent: bytes, context: Any) -> bytes:
            began, status, reason = time.perf_counter(), 200, None
            request_id = identified(str(dict(context.invocation_metadata()).get("x-request-id", "")).encode())
            runtime = self._runtime
            context.set_trailing_metadata((("x-request-id", request_id.decode()), ("x-model-version", runtime.version)))
            try:
                with of(IN_FLIGHT, runtime.name).track_inprogress(), runtime.bodies.of_one() as body:
                    body.add(len(sent))
                    return bytes((await method(sent)).SerializeToString())
            except asyncio.CancelledError:
                status = CANCELLED
                raise
            except Exception as error:
                refusal = _refusal(error)
                status, reason = refusal.status_code, refusal.reason
                await context.abort(STATUS.get(reason, grpc.StatusCode.INTERNAL), refusal.detail[:MOST_SAID])
                raise  # which `abort` has done
            finally:
                note(runtime, began, endpoint, status, reason, "gRPC", name)

        return answer

    async def _live(self, sent: bytes) -> Any:
        return m.ServerLiveResponse(live=True)

    async def _ready(self, sent: bytes) -> Any:
        return m.ServerReadyResponse(ready=self._runtime.ready)

    async def _server_metadata(self, sent: bytes) -> Any:
        return m.ServerMetadataResponse(name=self._project.package, version=self._project.version)

    async def _model_ready(self, sent: bytes) -> Any:
        asked = m.ModelReadyRequest.FromString(sent)
        self._runtime.check_served(asked.name, asked.version)
        return m.ModelReadyResponse(ready=self._runtime.ready)

    async def _model_metadata(self, sent: bytes) -> Any:
        asked, runtime = m.ModelMetadataRequest.FromString(sent), self._runtime
        runtime.check_served(asked.name, asked.version)
        tensors = {
            kind: [{"name": each.name, "datatype": each.datatype, "shape": each.shape} for each in described]
            for kind, described in [
                ("inputs", runtime.interface.columns.tensors),
                ("outputs", runtime.interface.outputs),
            ]
        }
        return m.ModelMetadataResponse(name=runtime.name, versions=[runtime.version], platform="mlflow", **tensors)

    async def _infer(self, sent: bytes) -> Any:
        runtime, seen = self._runtime, self._runtime.interface
        call = await runtime.reading(partial(calls.read, sent, runtime), len(sent))
        found = await runtime.answer(call.rows, seen.extras.keys() & set(call.outputs))
        return calls.answered(call, found, seen)


def _refusal(error: Exception) -> Refusal:
    """Return what a client is told of an error."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, DecodeError):
        return Refusal(f"The message is no such request: {error}.")
    logger.error("The server failed", exc_info=error)
    return Refusal("The server failed on this call; its log has the cause.", Reason.SERVER_FAILED)
