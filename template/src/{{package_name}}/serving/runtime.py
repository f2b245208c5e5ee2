"""The model's life in one process: loading, ready, draining."""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from types import FrameType
from typing import Any

from numpy.typing import NDArray

from ..errors import ServingError
from ..settings import Settings
from .batching import Batcher
from .columns import Rows
from .model import ServedModel, load
from .refusals import Refusal
from .telemetry import INFO, ROWS

STARTUP_FAILURE = 3
"""The exit code that tells uvicorn not to start the worker again."""

logger = logging.getLogger(__package__)


class Runtime:
    """Loads the model while the process is live already, and keeps to the limits of the settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.draining = False
        self._model: ServedModel | None = None
        self._batcher: Batcher | None = None

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        return self._model is not None and not self.draining

    @property
    def version(self) -> str:
        """The version served, or nothing while it is loading."""
        return self._model.version if self._model else ""

    @property
    def model(self) -> ServedModel:
        """The model, or a Refusal while it is loading."""
        if self._model is None:
            raise _loading()
        return self._model

    async def predict(self, rows: Rows) -> NDArray[Any]:
        """Return one answer for each row.

        Raises:
            Refusal: no rows, or more than `serve_max_rows`; the model is loading, fails, or has no answer within
                `serve_timeout_seconds`; `serve_max_waiting` requests wait already.
        """
        if not 0 < len(rows) <= self.settings.serve_max_rows:
            raise Refusal(f"The request has {len(rows)} rows; expected 1 to {self.settings.serve_max_rows}.")
        if self._batcher is None:
            raise _loading()
        try:
            answers = await self._batcher.predict(rows)
        except Refusal:
            raise
        except Exception as error:  # what a model's own library raises is unforeseeable
            logger.exception("The model failed")
            complaint = "The model failed on these rows; the server's log has the cause."
            raise Refusal(complaint, HTTPStatus.INTERNAL_SERVER_ERROR) from error
        ROWS.inc(len(rows))
        return answers

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        """Start to load the model; at the end, stop predicting."""
        loading = asyncio.create_task(self._load())
        self._drain_on_sigterm()
        yield
        loading.cancel()
        if self._batcher:
            self._batcher.close()

    async def _load(self) -> None:
        try:
            model = await asyncio.to_thread(load, self.settings)
        except ServingError as error:
            logger.error("%s", error)
            os._exit(STARTUP_FAILURE)  # an exception would end in tracebacks; there is nothing to clean up yet
        self._batcher = Batcher(model.predict, self.settings.serve_max_waiting, self.settings.serve_timeout_seconds)
        self._model = model
        INFO.labels(self.settings.model_name, model.version).set(1)
        logger.info("Serving %s version %s", self.settings.model_name, model.version)

    def _drain_on_sigterm(self) -> None:
        """Say "not ready" first, so that balancers look elsewhere, and pass the signal on to the server afterwards."""
        if threading.current_thread() is not threading.main_thread():
            return  # a test's server, which gets no signals
        stop = signal.getsignal(signal.SIGTERM)

        def drain(number: int, frame: FrameType | None) -> None:
            self.draining = True
            if callable(stop):
                timer = threading.Timer(self.settings.serve_drain_seconds, stop, (number, frame))
                timer.daemon = True  # Ctrl-C may end the process before
                timer.start()

        signal.signal(signal.SIGTERM, drain)


def _loading() -> Refusal:
    return Refusal("The model is loading; try again.", HTTPStatus.SERVICE_UNAVAILABLE)
