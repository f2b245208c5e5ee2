"""Counts what the model is asked and answers, and captures a sample of it, beside the prediction path."""

import asyncio
import logging
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from prometheus_client import Counter, Gauge

from ml_chassis.monitoring.capture import Capture, Seen
from ml_chassis.monitoring.distributions import Distribution, from_metadata
from ml_chassis.serving.columns import Rows, together
from ml_chassis.serving.logs import REQUEST_ID
from ml_chassis.serving.model import ServedModel
from ml_chassis.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

LABELS = ["model", "version", "column", "role", "bin"]
VALUES = Counter("model_server_column_values", "Values that fell into a bin.", LABELS)
TRAINING = Gauge(
    "model_server_column_training_ratio", "Share of the training rows in a bin.", LABELS, multiprocess_mode="livemax"
)
FLUSH_SECONDS = 1.0
MOST_ROWS = 5_000
"""After so many rows, requests are let go until the next flush: shares need no more, and predictions need the time."""

logger = logging.getLogger(__package__)


class Observer:
    """Takes note of each prediction at the cost of an append; a thread counts what came in, once a second."""

    def __init__(self, model: ServedModel, settings: Settings) -> None:
        """Start to observe; call this from the event loop."""
        self._names = [tensor.name for tensor in model.columns.tensors]
        self._capture = Capture(settings, model.version)
        self._seen: deque[Seen] = deque()
        self._rows = 0
        self._counters: list[tuple[Distribution, list[Counter]]] = []
        for distribution in from_metadata(model.record.metadata):
            labels = [settings.model_name, model.version, distribution.column, distribution.role]
            self._counters.append((distribution, [VALUES.labels(*labels, name) for name in distribution.bins]))
            for name, share in zip(distribution.bins, distribution.shares, strict=True):
                TRAINING.labels(*labels, name).set(share)
        if not self._counters:
            logger.warning("The model was recorded without distributions, so its drift is not measured; train it again")
        self._thread = ThreadPoolExecutor(1, "observe")
        self._loop = asyncio.get_running_loop()
        self._task = self._loop.create_task(self._work())

    def see(self, rows: Rows, answers: NDArray[np.generic]) -> None:
        """Take note of rows and the model's answers for them."""
        if self._rows < MOST_ROWS:
            self._rows += len(rows)
            self._seen.append(Seen(REQUEST_ID.get(), time.time(), rows, answers))

    async def close(self) -> None:
        """Count and write what is left."""
        self._task.cancel()
        await self._loop.run_in_executor(self._thread, self._flush)
        await self._loop.run_in_executor(self._thread, self._capture.write)

    async def _work(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            self._rows = 0
            try:
                await self._loop.run_in_executor(self._thread, self._flush)
            except Exception:  # predictions go on, whatever their values do to the counting
                logger.exception("Some predictions were not counted")

    def _flush(self) -> None:
        seen = [self._seen.popleft() for _ in range(len(self._seen))]
        if not seen:
            return
        rows = together([each.rows for each in seen])
        answers = np.concatenate([each.answers for each in seen])
        for distribution, counters in self._counters:
            values = answers if distribution.role == "prediction" else self._column(rows, distribution.column)
            for counter, count in zip(counters, distribution.count(values), strict=True):
                counter.inc(int(count))
        self._capture.take(seen, self._names)

    def _column(self, rows: Rows, name: str) -> "NDArray[Any] | pd.Series":
        return rows[:, self._names.index(name)] if isinstance(rows, np.ndarray) else rows[name]
