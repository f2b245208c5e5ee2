"""Why a request gets no prediction."""

from enum import Enum
from http import HTTPStatus

from starlette.exceptions import HTTPException


class Reason(Enum):
    """Why a request is refused: the label in the metrics, and the status of the answer."""

    INVALID = "invalid", HTTPStatus.BAD_REQUEST
    """It is not what was expected, which is what a hook says too."""
    NOT_SERVED = "not_served", HTTPStatus.NOT_FOUND
    """It asks for another model or version."""
    SLOW_BODY = "slow_body", HTTPStatus.REQUEST_TIMEOUT
    """It did not come within `serve_timeout_seconds`."""
    LARGE_BODY = "large_body", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    """It has more than `serve_max_bytes`."""
    ENCODING = "encoding", HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    """It is encoded in a way that is not known here."""
    MODEL_FAILED = "model_failed", HTTPStatus.INTERNAL_SERVER_ERROR
    """The model, or a hook, raised an exception."""
    SERVER_FAILED = "server_failed", HTTPStatus.INTERNAL_SERVER_ERROR
    """Something else did."""
    LOADING = "loading", HTTPStatus.SERVICE_UNAVAILABLE
    """The model is not there yet."""
    QUEUE_FULL = "queue_full", HTTPStatus.SERVICE_UNAVAILABLE
    """As many requests wait as `serve_max_waiting` allows."""
    TIMEOUT = "timeout", HTTPStatus.GATEWAY_TIMEOUT
    """There was no answer within `serve_timeout_seconds`."""

    def __init__(self, label: str, status: HTTPStatus) -> None:
        self.label = label
        self.status = status


class Refusal(HTTPException):
    """What a client is told in place of a prediction, as `{"error": message}` with the status of the reason.

    Args:
        message: what was wrong and what was expected.
        reason: why, as the metrics count it.
    """

    def __init__(self, message: str, reason: Reason = Reason.INVALID) -> None:
        self.reason = reason
        headers = {"retry-after": "1"} if reason.status is HTTPStatus.SERVICE_UNAVAILABLE else None
        super().__init__(reason.status, message, headers)
