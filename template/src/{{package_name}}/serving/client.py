"""Asks a running model server."""

import httpx2
import msgspec
import pandas as pd

from ..errors import ServingError
from .protocol import InferenceRequest, InferenceResponse, input_tensors

TIMEOUT_SECONDS = 10


def ask(address: str, model_name: str, rows: pd.DataFrame) -> InferenceResponse:
    """Send rows to the server at `address` and return its answer.

    Raises:
        ServingError: there is no server, or it refuses.
    """
    try:
        answer = httpx2.post(
            f"{address}/v2/models/{model_name}/infer",
            content=msgspec.json.encode(InferenceRequest(input_tensors(rows))),
            headers={"Content-Type": "application/json"},
            timeout=TIMEOUT_SECONDS,
        )
    except httpx2.HTTPError as error:
        raise ServingError(f"No answer from {address}: {error}. Start the server with `make serve`.") from None
    if answer.is_error:
        raise ServingError(f"The server at {address} answered {answer.status_code}: {answer.text}")
    return msgspec.json.decode(answer.content, type=InferenceResponse)
