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
from numpy.typing import NDArray
from prometheus_client import Counter

from ml_chassis.errors import MonitoringError
from ml_chassis.serving.columns import Rows
from ml_chassis.settings import Settings

CAPTURED = Counter("model_server_captured_rows", "Rows captured for drift reports.", ["model", "version", "outcome"])
WRITE_SECONDS = 60
MOST_ROWS = 10_000
MOST_BYTES = 32 * 1024 * 1024
"""What may wait for the next file; rows that are sampled beyond it are dropped, and counted as such."""

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
        self._lines: list[bytes] = []
        self._size = 0
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
        lines, self._lines, self._size = self._lines, [], 0
        self._written = time.monotonic()
        if not lines:
            return
        name = f"{datetime.now(UTC):%Y-%m-%d/%H-%M-%S}-{uuid.uuid4().hex[:8]}.jsonl"
        try:
            with fsspec.open(f"{folder(self._settings)}/{name}", "wb", auto_mkdir=True) as file:
                file.writelines(lines)
        except Exception as error:  # what a file system's own library raises is unforeseeable
            logger.error("%s captured rows could not be written to CAPTURE_URI: %s", len(lines), error)
            self._counts["failed"].inc(len(lines))
        else:
            self._counts["written"].inc(len(lines))

    def _add(self, seen: Seen, names: list[str]) -> None:
        at = datetime.fromtimestamp(seen.at, UTC)
        hidden = dict.fromkeys(self._settings.redacted_columns)
        room = MOST_ROWS - len(self._lines)
        added = 0
        for values, answer in zip(_plain_rows(seen.rows[:room]), seen.answers[:room].tolist(), strict=True):
            kept = dict(zip(names, values, strict=True)) | hidden
            line = ENCODER.encode(Row(at, seen.request_id, added, self._version, kept, answer)) + b"\n"
            if self._size + len(line) > MOST_BYTES:
                break
            self._lines.append(line)
            self._size += len(line)
            added += 1
        self._counts["dropped"].inc(len(seen.rows) - added)


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


def _plain_rows(rows: Rows) -> list[list[Any]]:
    """Return the values of each row, in which None is missing."""
    if isinstance(rows, np.ndarray):
        return [[None if value != value else value for value in row] for row in rows.tolist()]
    values = rows.astype(object)
    values[values.isna()] = None  # pandas has several values that are missing
    plain: list[list[Any]] = values.to_numpy().tolist()
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):  # of pandas' own kind
        return value.isoformat()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be captured")


ENCODER = msgspec.json.Encoder(enc_hook=_plain)
