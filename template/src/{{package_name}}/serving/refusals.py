"""Why a request gets no prediction."""

from http import HTTPStatus

from starlette.exceptions import HTTPException


class Refusal(HTTPException):
    """What a client is told in place of a prediction: what was wrong, what was expected, and an HTTP status."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        headers = {"retry-after": "1"} if status is HTTPStatus.SERVICE_UNAVAILABLE else None
        super().__init__(status, message, headers)
