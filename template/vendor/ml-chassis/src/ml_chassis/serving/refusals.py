"""Why a request gets no prediction."""

from enum import Enum
from http import HTTPStatus

from starlette.exceptions import HTTPException


class Reason(Enum):
    """Why, as the metrics and the status of the answer tell it."""

    INVALID = "invalid", HTTPStatus.BAD_REQUEST
    NOT_SERVED = "not_served", HTTPStatus.NOT_FOUND
    SLOW_BODY = "slow_body", HTTPStatus.REQUEST_TIMEOUT
    LARGE_BODY = "large_body", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    MODEL_FAILED = "model_failed", HTTPStatus.INTERNAL_SERVER_ERROR
    SERVER_FAILED = "server_failed", HTTPStatus.INTERNAL_SERVER_ERROR
    LOADING = "loading", HTTPStatus.SERVICE_UNAVAILABLE
    QUEUE_FULL = "queue_full", HTTPStatus.SERVICE_UNAVAILABLE
    TIMEOUT = "timeout", HTTPStatus.GATEWAY_TIMEOUT

    def __init__(self, label: str, status: HTTPStatus) -> None:
        self.label = label
        self.status = status


class Refusal(HTTPException):
    """What a client is told in place of a prediction: what was wrong and what was expected."""

    def __init__(self, message: str, reason: Reason = Reason.INVALID) -> None:
        self.reason = reason
        headers = {"retry-after": "1"} if reason.status is HTTPStatus.SERVICE_UNAVAILABLE else None
        super().__init__(reason.status, message, headers)
