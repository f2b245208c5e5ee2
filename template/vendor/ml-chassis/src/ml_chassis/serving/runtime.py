"""The model's life in one process: loading, ready, draining."""

import asyncio
import contextvars
import gc
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from types import FrameType
from typing import Any, NoReturn, Protocol, TypeVar

from numpy.typing import NDArray

from ml_chassis.errors import ProjectError
from ml_chassis.serving.batching import Batcher
from ml_chassis.serving.bodies import AT_ONCE, Bodies
from ml_chassis.serving.columns import Rows
from ml_chassis.serving.hooks import Hooks, Interface, Prediction, interface
from ml_chassis.serving.metrics import MODEL_SECONDS, ROWS, expose, of
from ml_chassis.serving.model import MOST_ROWS_AT_ONCE, ServedModel, load
from ml_chassis.serving.outputs import NOTHING, Wanted
from ml_chassis.serving.refusals import Reason, Refusal
from ml_chassis.serving.requests import check_rows
from ml_chassis.settings import Settings

MOST_READ_AT_ONCE = 64 * 1024
"""Bytes that are read in less time than it takes to hand them to a thread and back."""
STARTUP_FAILURE = 3
"""The exit code that tells uvicorn not to start the worker again."""

Read = TypeVar("Read")

logger = logging.getLogger(__package__)


class Observer(Protocol):
    """Takes note of predictions, beside their way to the client."""

    def see(self, rows: Rows, answers: NDArray[Any]) -> None:
        """Take note of what the model was asked and answered. It is called in the event loop, for each request."""

    async def close(self) -> None:
        """End, as the server does."""


Observe = Callable[[ServedModel, Settings], Observer]
"""What starts to observe a model that is loaded. It is called in the event loop."""


class Runtime:
    """The model in one process of the server, as `app.state.runtime` has it.

    It is loaded while the process is live already, and kept to the limits of the settings.
    """

    def __init__(self, settings: Settings, observe: Observe | None, hooks: Hooks | None = None) -> None:
        self.settings = settings
        """Those of the server, with its limits."""
        self._observe, self._hooks = observe, hooks or Hooks()
        self.draining = False
        self.bodies = Bodies(AT_ONCE * settings.serve_max_bytes)
        """Those of the requests that are being answered."""
        self._reader = ThreadPoolExecutor(1, "read")
        self._model: ServedModel | None = None
        self._interface: Interface | None = None
        self._batcher: Batcher[Prediction] | None = None
        self._most_at_once = 0
        self._observer: Observer | None = None

    @property
    def ready(self) -> bool:
        """Whether requests should be sent here."""
        return self._model is not None and not self.draining

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.settings.model_name

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

    @property
    def interface(self) -> Interface:
        """The model as clients see it.

        Raises:
            Refusal: it is loading.
        """
        if self._interface is None:
            raise _loading()
        return self._interface

    def check_served(self, name: str, version: str | None) -> None:
        """Raise a Refusal where another model is asked for than this one, or another version, if any is named."""
        served = self.model.version
        if (name, version or served) != (self.name, served):
            complaint = (
                f"Model {name!r} version {version or served} is not served here; {self.name!r} version {served} is."
            )
            raise Refusal(complaint, Reason.NOT_SERVED)

    async def reading(self, read: Callable[[], Read], size: int) -> Read:
        """Return what a function makes of a body: of a large one in a thread, where it keeps no other request waiting.

        Args:
            read: the function.
            size: of the body, in bytes.
        """
        if size <= MOST_READ_AT_ONCE:
            return read()
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._reader, context.run, read)

    async def predict(self, rows: Rows) -> NDArray[Any]:
        """Return one answer for each row of a client.

        Args:
            rows: as `interface.columns` makes them, for example by `rows_of_records`.

        Returns:
            What clients get, as an array of shape [rows].

        Raises:
            Refusal: no rows, or more than `serve_max_rows`; the model is loading, fails, or has no answer within
                `serve_timeout_seconds`; `serve_max_waiting` requests wait already; a hook refuses.
        """
        return (await self.answer(rows)).answers

    async def answer(self, rows: Rows, wanted: Wanted = NOTHING) -> Prediction:
        """Return one answer for each row of a client, and beside it what is wanted of `interface.extras`.

        Raises:
            Refusal: as for `predict`; or what is wanted has too many numbers.
        """
        check_rows(len(rows), self.settings.serve_max_rows)
        for name in wanted:
            self.interface.extras[name].check(len(rows))
        if self._batcher is None:
            raise _loading()
        try:
            found = await self._answered(rows, wanted, self._batcher)
        except Refusal:
            raise
        except Exception as error:  # what a model's own library or a hook raises is unforeseeable
            logger.exception("The model failed")
            complaint = "The model failed on these rows; the server's log has the cause."
            raise Refusal(complaint, Reason.MODEL_FAILED) from error
        of(ROWS, self.name, self.version).inc(len(rows))
        if self._observer:
            self._observer.see(rows if found.model_rows is None else found.model_rows, found.model_answers)
        return found

    @asynccontextmanager
    async def lifespan(self, app: object) -> AsyncIterator[None]:
        """Start to load the model; at the end, stop predicting."""
        loading = asyncio.create_task(self._load())
        self._drain_on_sigterm()
        yield
        loading.cancel()
        if self._batcher:
            self._batcher.close()
        self._reader.shutdown(wait=False, cancel_futures=True)
        if self._observer:
            await self._observer.close()

    async def _answered(self, rows: Rows, wanted: Wanted, batcher: Batcher[Prediction]) -> Prediction:
        """Return what the model answers: at once where that is quicker than to hand it to a thread and back."""
        if len(rows) <= self._most_at_once:
            return self.interface.predict(rows, wanted)
        return await batcher.predict(rows, wanted)

    async def _load(self) -> None:
        try:
            project = self.settings.project
            self._start(await asyncio.to_thread(load, self.settings, project.model_types, project.model_loader))
        except Exception as error:  # raised further, it would end with the task, and the server would load for ever
            end(error)

    def _start(self, model: ServedModel) -> None:
        seconds = MODEL_SECONDS.labels(self.name, model.version)

        def predict(rows: Rows) -> NDArray[Any]:
            with seconds.time():
                return model.engine.predict(rows)

        self._interface = interface(replace(model, engine=replace(model.engine, predict=predict)), self._hooks)
        self._batcher = Batcher(
            self._interface.predict, self.settings.serve_max_waiting, self.settings.serve_timeout_seconds
        )
        self._most_at_once = MOST_ROWS_AT_ONCE if model.quick and self._hooks == Hooks() else 0
        self._observer = self._observe(model, self.settings) if self._observe else None
        gc.freeze()  # or each search for garbage looks through the libraries too, and requests wait
        self._model = model
        expose(self.name, model.version, model.record.created.timestamp())
        logger.info("Serving %s version %s (%s)", self.name, model.version, model.runtime)

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


def end(error: Exception) -> NoReturn:
    """End the process, which cannot serve, and say why."""
    logger.error("%s", error, exc_info=not isinstance(error, ProjectError))
    os._exit(STARTUP_FAILURE)


def _loading() -> Refusal:
    return Refusal("The model is loading; try again.", Reason.LOADING)
