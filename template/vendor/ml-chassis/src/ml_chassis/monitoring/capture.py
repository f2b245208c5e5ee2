"""Keeps a sample of what the model is asked and answers, as JSON lines in a folder or a bucket."""

import logging
import random
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import fsspec
import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from prometheus_client import Counter

from ml_chassis.errors import MonitoringError
from ml_chassis.serving.columns import Rows
from ml_chassis.settings import Settings

CAPTURED = Counter("model_server_captured_rows", "Rows captured for drift reports.", ["model", "version", "outcome"])
WRITE_SECONDS = 60
MOST_ROWS = 10_000
"""Rows that may wait for the next file; what is sampled beyond them is dropped, and counted as such."""

logger = logging.getLogger(__package__)


class Seen(NamedTuple):
    """A request that got an answer."""

    request_id: str
    at: float
    rows: Rows
    answers: NDArray[np.generic]


class Row(msgspec.Struct):
    """One captured row. `row` is its place in the request."""

    time: datetime
    request_id: str
    row: int
    version: str
    inputs: dict[str, Any]
    prediction: Any


class Capture:
    """Samples requests and writes their rows, at most one file a minute."""

    def __init__(self, settings: Settings, version: str) -> None:
        self._settings, self._version = settings, version
        self._rows: list[Row] = []
        self._written = time.monotonic()
        outcomes = ("written", "dropped", "failed")
        self._counts = {outcome: CAPTURED.labels(settings.model_name, version, outcome) for outcome in outcomes}

    def take(self, seen: list[Seen], names: list[str]) -> None:
        """Keep some of the requests, and write a file if it is time.

        Args:
            seen: requests with their rows and answers.
            names: of the columns, in the model's order.
        """
        if not self._settings.capture_uri:
            return
        for each in seen:
            if random.random() < self._settings.capture_share:  # noqa: S311  no secret depends on it
                self._add(each, names)
        if time.monotonic() - self._written >= WRITE_SECONDS:
            self.write()

    def write(self) -> None:
        """Write the rows kept so far. Where that fails, the log says why, and they are lost."""
        rows, self._rows = self._rows, []
        self._written = time.monotonic()
        if not rows:
            return
        name = f"{rows[0].time:%Y-%m-%d/%H-%M-%S}-{uuid.uuid4().hex[:8]}.jsonl"
        try:
            with fsspec.open(f"{folder(self._settings)}/{name}", "wb", auto_mkdir=True) as file:
                file.write(msgspec.json.Encoder(enc_hook=_plain).encode_lines(rows))
        except Exception as error:  # what a file system's own library raises is unforeseeable
            logger.error("%s captured rows could not be written to CAPTURE_URI: %s", len(rows), error)
            self._counts["failed"].inc(len(rows))
        else:
            self._counts["written"].inc(len(rows))

    def _add(self, seen: Seen, names: list[str]) -> None:
        room = MOST_ROWS - len(self._rows)
        self._counts["dropped"].inc(max(len(seen.rows) - room, 0))
        at = datetime.fromtimestamp(seen.at, UTC)
        hidden = dict.fromkeys(self._settings.redacted_columns)
        rows = pd.DataFrame(seen.rows[:room], columns=names).astype(object)
        rows[rows.isna()] = None  # pandas has several values that are missing
        records = rows.to_dict("records")
        for place, (inputs, answer) in enumerate(zip(records, seen.answers[:room].tolist(), strict=True)):
            kept = {str(column): value for column, value in inputs.items()} | hidden
            self._rows.append(Row(at, seen.request_id, place, self._version, kept, answer))


def folder(settings: Settings) -> str:
    """Return where captured rows are.

    Raises:
        MonitoringError: the settings name no place.
    """
    if not settings.capture_uri:
        raise MonitoringError("No requests are captured: set CAPTURE_URI to a folder or bucket, and serve again.")
    return settings.capture_uri.rstrip("/")


def captured(settings: Settings, days: int) -> list[Row]:
    """Return the rows captured since `days` days ago.

    Raises:
        MonitoringError: they cannot be read, or there are none.
    """
    today = datetime.now(UTC).date()
    asked = [today - timedelta(ago) for ago in range(days + 1)]
    rows: list[Row] = []
    try:
        for day in asked:
            for file in fsspec.open_files(f"{folder(settings)}/{day}/*.jsonl", "rb"):
                with file as lines:
                    rows += msgspec.json.Decoder(Row).decode_lines(lines.read())
    except (OSError, ImportError, msgspec.MsgspecError) as error:
        raise MonitoringError(f"CAPTURE_URI={settings.capture_uri!r} cannot be read: {error}.") from error
    if not rows:
        place = folder(settings)
        raise MonitoringError(f"No request was captured in {place} since {asked[-1]}; serve some, or wait a minute.")
    return rows


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp | np.generic):
        return value.isoformat() if isinstance(value, pd.Timestamp) else value.item()
    raise TypeError(f"{type(value).__name__} cannot be captured")
