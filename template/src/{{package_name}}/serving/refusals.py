"""Why a request gets no prediction. Each message is for the client, and each kind has its HTTP status."""

from http import HTTPStatus
from typing import ClassVar


class Refusal(Exception):  # noqa: N818  it is an answer, not an error
    """Base of every refusal."""

    status: ClassVar[HTTPStatus]


class RequestError(Refusal):
    """The client's request cannot be answered; the message names the input and what was expected."""

    status = HTTPStatus.BAD_REQUEST


class UnknownModelError(Refusal):
    """Another model or version is asked for than the one served."""

    status = HTTPStatus.NOT_FOUND


class SlowBodyError(Refusal):
    """The body took too long to come."""

    status = HTTPStatus.REQUEST_TIMEOUT


class LargeBodyError(Refusal):
    """The body has too many bytes."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class ModelError(Refusal):
    """The model raised an error."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


class NotReadyError(Refusal):
    """There is no model yet."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class OverloadError(Refusal):
    """So many requests wait already that another one would wait too long."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class SlowModelError(Refusal):
    """The model took too long to answer."""

    status = HTTPStatus.GATEWAY_TIMEOUT
