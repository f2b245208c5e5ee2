"""The routes of the model server."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .. import __package__ as package
from .model import ServedModel
from .protocol import InferenceRequest, InferenceResponse, RequestError, decode, encode

Endpoint = Callable[[Request], Awaitable[Response]]

LARGEST_BODY = 8 * 1024 * 1024
"""Bytes of a request's body; larger ones are refused."""


def create_app(model: ServedModel) -> Starlette:
    """Return the ASGI application that answers with `model`."""

    async def server_metadata(request: Request) -> Response:
        return _json({"name": package, "version": version(package), "extensions": []})

    async def live(request: Request) -> Response:
        return _json({"live": True})

    async def ready(request: Request) -> Response:
        return _json({"ready": True})

    async def model_metadata(request: Request) -> Response:
        return _json(model.metadata)

    async def model_ready(request: Request) -> Response:
        return _json({"name": model.name, "ready": True})

    async def infer(request: Request) -> Response:
        call = msgspec.json.decode(await _body(request), type=InferenceRequest)
        rows = decode(call.inputs, model.inputs)
        answers = await asyncio.to_thread(model.predict, rows)
        output = encode(model.outputs[0].name, answers)
        return _json(InferenceResponse(model.name, model.version, [output], call.id))

    def model_routes(path: str) -> list[Route]:
        return [
            Route(path, _of(model, model_metadata)),
            Route(f"{path}/ready", _of(model, model_ready)),
            Route(f"{path}/infer", _of(model, infer), methods=["POST"]),
        ]

    return Starlette(
        routes=[
            Route("/v2", server_metadata),
            Route("/v2/health/live", live),
            Route("/v2/health/ready", ready),
            *model_routes("/v2/models/{name}"),
            *model_routes("/v2/models/{name}/versions/{version}"),
        ],
        exception_handlers={RequestError: _bad_request, msgspec.DecodeError: _bad_request, HTTPException: _http_error},
    )


def _of(model: ServedModel, endpoint: Endpoint) -> Endpoint:
    """Answer 404 where the path names another model or version than the one served."""

    async def checked(request: Request) -> Response:
        name, asked = request.path_params["name"], request.path_params.get("version", model.version)
        if (name, asked) != (model.name, model.version):
            served = f"{model.name!r} version {model.version} is"
            raise HTTPException(HTTPStatus.NOT_FOUND, f"Model {name!r} version {asked} is not served here; {served}.")
        return await endpoint(request)

    return checked


async def _body(request: Request) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > LARGEST_BODY:
            limit = f"The body is larger than {LARGEST_BODY} bytes; send fewer rows."
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _json(content: object, status: int = HTTPStatus.OK) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


async def _bad_request(request: Request, error: Exception) -> Response:
    return _json({"error": str(error)}, HTTPStatus.BAD_REQUEST)


async def _http_error(request: Request, error: Any) -> Response:
    return _json({"error": error.detail}, error.status_code)
