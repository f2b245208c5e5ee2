"""The routes of the model server."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial, wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from ml_chassis.errors import SettingsError
from ml_chassis.model_record import Column
from ml_chassis.project import Project
from ml_chassis.serving import binary
from ml_chassis.serving.bodies import body_of
from ml_chassis.serving.hooks import After, Before, Hooks, Interface, Prediction
from ml_chassis.serving.logs import configure_logging
from ml_chassis.serving.metrics import exposition
from ml_chassis.serving.openapi import document
from ml_chassis.serving.protocol import (
    ErrorMessage,
    InferenceResponse,
    ModelMetadata,
    Predictions,
    output_tensor,
)
from ml_chassis.serving.refusals import Refusal
from ml_chassis.serving.requests import Call, check_output, read_call, rows_of_records
from ml_chassis.serving.runtime import Observe, Runtime
from ml_chassis.serving.telemetry import Telemetry
from ml_chassis.settings import Settings

if TYPE_CHECKING:
    from grpc.aio import ServerInterceptor

Endpoint = Callable[[Request], Awaitable[Response]]
BAD_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for a body of another form, in another encoding than UTF-8, or nested too deeply."""
MOST_SAID = 1_000
"""Characters of a refusal, which repeats what a client sent."""


def create_app(
    project: Project,
    settings: Settings | None = None,
    *,
    before: Before | None = None,
    after: After | None = None,
    inputs: Sequence[Column] = (),
    output: Column | None = None,
    routes: Sequence[BaseRoute] = (),
    middleware: Sequence[Middleware] = (),
    interceptors: "Sequence[ServerInterceptor] | None" = None,
) -> ASGIApp:
    """Return the ASGI application that serves a project's model.

    `before` and `after` are called as the model is: in one thread, with the rows of several requests at a time where
    these wait. So each has to treat a row by itself. A `Refusal` that one raises is what the client is told.

    Args:
        project: whose model.
        settings: which model, and the limits. By default those of the environment.
        before: returns the model's rows for those that clients sent: a DataFrame of as many.
        after: returns what clients get for the model's answers: an array of as many. It is also given the rows of
            `before`.
        inputs: what clients send, where `before` makes the model's columns of others.
        output: what clients get, where `after` makes something else of the model's answers.
        routes: further paths; their requests' `app.state.runtime` predicts.
        middleware: what each request passes first, such as an authentication. The first is the outermost.
        interceptors: what each call over gRPC passes first, in place of `middleware`, which none passes.

    Raises:
        SettingsError: a setting in the environment cannot be used; or SERVE_GRPC_PORT is set, and there is `middleware`
            without `interceptors`, even if these are none.
    """
    settings = settings or project.settings.load()
    configure_logging()
    if settings.serve_grpc_port and middleware and interceptors is None:
        raise SettingsError(
            f"SERVE_GRPC_PORT is {settings.serve_grpc_port}, and no call over gRPC passes the server's `middleware`. "
            "Give `create_app` `interceptors` that do the same, or `interceptors=[]` where none have to."
        )
    runtime = Runtime(settings, _observer(project), Hooks(before, after, inputs, output))
    name = runtime.name

    async def server_metadata(request: Request) -> Response:
        return _json({"name": project.package, "version": project.version, "extensions": [binary.EXTENSION]})

    async def live(request: Request) -> Response:
        return _json({"live": True})

    async def ready(request: Request) -> Response:
        return _json({"ready": runtime.ready}, HTTPStatus.OK if runtime.ready else HTTPStatus.SERVICE_UNAVAILABLE)

    async def model_metadata(request: Request) -> Response:
        seen = runtime.interface
        return _json(ModelMetadata(name, [runtime.version], "mlflow", seen.columns.tensors, seen.outputs))

    async def model_ready(request: Request) -> Response:
        code = HTTPStatus.OK if runtime.ready else HTTPStatus.SERVICE_UNAVAILABLE
        return _json({"name": name, "ready": runtime.ready}, code)

    async def infer(request: Request) -> Response:
        body, header, seen = await body_of(request, settings), request.headers.get(binary.HEADER), runtime.interface
        read = partial(read_call, body, header, seen.columns, seen.names, settings.serve_max_rows)
        call = await runtime.reading(read, len(body))
        return inference(seen, await runtime.answer(call.rows, seen.extras.keys() & call.outputs.keys()), call)

    async def predict(request: Request) -> Response:
        body, seen = await body_of(request, settings), runtime.interface
        wanted = frozenset(request.query_params.getlist("with"))
        for output in wanted:
            check_output(output, list(seen.extras))
        read = partial(rows_of_records, body, seen.columns, settings.serve_max_rows)
        found = await runtime.answer(await runtime.reading(read, len(body)), wanted)
        beside: dict[str, Any] = {}
        for output in wanted:
            beside |= {seen.extras[output].axis: seen.extras[output].labels, output: found.extras[output].tolist()}
        return _json(Predictions(name, runtime.version, found.answers.tolist(), **beside))

    def inference(seen: Interface, found: Prediction, call: Call) -> Response:
        tensors, contents = [], []
        for output, as_bytes in call.outputs.items():
            tensor, content = output_tensor(output, *seen.given(output, found), as_bytes)
            tensors.append(tensor)
            contents.append(content)
        text = msgspec.json.encode(InferenceResponse(name, runtime.version, tensors, call.id, call.parameters))
        if not any(call.outputs.values()):
            return Response(text, media_type="application/json")
        headers = {binary.HEADER: str(len(text))}
        return Response(b"".join([text, *contents]), headers=headers, media_type="application/octet-stream")

    async def metrics(request: Request) -> Response:
        return Response(exposition(), media_type=CONTENT_TYPE_LATEST)

    async def openapi(request: Request) -> Response:
        return _json(document(project, name, runtime.interface if runtime.version else None))

    def checked(endpoint: Endpoint) -> Endpoint:
        """Answer 404 where the path names another model or version than the one served."""

        @wraps(endpoint)
        async def answer(request: Request) -> Response:
            runtime.check_served(request.path_params["name"], request.path_params.get("version"))
            return await endpoint(request)

        return answer

    def model_routes(path: str) -> list[Route]:
        return [
            Route(f"{path}/infer", checked(infer), methods=["POST"]),
            Route(f"{path}/ready", checked(model_ready)),
            Route(path, checked(model_metadata)),
        ]

    app = Starlette(
        routes=[
            *model_routes("/v2/models/{name}"),
            *model_routes("/v2/models/{name}/versions/{version}"),
            Route("/predict", predict, methods=["POST"]),
            Route("/v2", server_metadata),
            Route("/v2/health/live", live),
            Route("/v2/health/ready", ready),
            Route("/metrics", metrics),
            Route("/openapi.json", openapi),
            *routes,
        ],
        middleware=middleware,
        exception_handlers={HTTPException: _refusal, **dict.fromkeys(BAD_JSON, _bad_json)},
        lifespan=_with_rpc(project, runtime, interceptors or ()) if settings.serve_grpc_port else runtime.lifespan,
    )
    app.state.runtime = runtime
    return _traced(Telemetry(app, runtime), name)


def _with_rpc(
    project: Project, runtime: Runtime, interceptors: "Sequence[ServerInterceptor]"
) -> Callable[[object], AbstractAsyncContextManager[None]]:
    """Return the lifespan of a server that answers over gRPC too."""
    try:
        from ml_chassis.serving.rpc import Service  # needs what the extra `grpc` brings
    except ImportError as error:
        raise SettingsError(
            f"SERVE_GRPC_PORT is set, and {error.name} is not installed: add the extra `grpc` of ml-chassis."
        ) from None

    @asynccontextmanager
    async def lifespan(app: object) -> AsyncIterator[None]:
        async with runtime.lifespan(app), Service(project, runtime).listening(interceptors):
            yield

    return lifespan


def _traced(app: ASGIApp, service: str) -> ASGIApp:
    """Return `app` with what sends traces and the log, where that is asked for."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return app
    from ml_chassis.serving.otlp import traced  # slow to import

    return traced(app, service)


def _observer(project: Project) -> Observe | None:
    """Return what observes the model's predictions, where the project is monitored."""
    if not project.monitoring:
        return None
    from ml_chassis.monitoring.observer import Observer  # needs what the extra `monitoring` brings

    return Observer


async def _bad_json(request: Request, error: Exception) -> Response:
    return await _refusal(request, Refusal(f"The body is no such request: {error}."))


async def _refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  what the handler is registered for
    if isinstance(error, Refusal):
        request.scope["reason"] = error.reason  # for the metrics
    return _json(ErrorMessage(error.detail[:MOST_SAID]), error.status_code, dict(error.headers or {}))


def _json(content: object, status: int = HTTPStatus.OK, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), status, headers, "application/json")
