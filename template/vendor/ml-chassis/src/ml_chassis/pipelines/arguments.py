"""What a run of a pipeline is started with: the settings, and the state of the data."""

import hashlib
from datetime import UTC, datetime
from typing import Any

import fsspec

from ml_chassis.settings import Settings

UNCHANGING = "sklearn:"
STATELESS = ("http://", "https://")
JUDGED_BY = {"test_share", "random_seed", "split_key", "split_time", "gate_metric", "gate_margin"}


def training_arguments(settings: Settings) -> dict[str, Any]:
    """Return the parameters of the training pipeline: those of `data_arguments`, and how models are judged."""
    return data_arguments(settings) | settings.model_dump(include=JUDGED_BY)


def data_arguments(settings: Settings) -> dict[str, Any]:
    """Return the parameters that say where the rows are.

    Returns:
        `data_uri`, `data_table` and `data_target` as they are set, and `data_version`, a text that changes with the
        file behind the address, or at every call where the source cannot tell, so that cached rows are read again.
    """
    return {
        "data_uri": settings.data_uri,
        "data_version": _data_version(settings.data_uri),
        "data_table": settings.data_table or "",
        "data_target": settings.data_target,
    }


def _data_version(uri: str) -> str:
    """Return a text that changes with the file behind `uri`, or at every call where a source cannot tell."""
    if uri.startswith(UNCHANGING):
        return uri
    try:
        filesystem, path = fsspec.url_to_fs(uri)
        if not uri.startswith(STATELESS):
            return hashlib.sha256(filesystem.ukey(path).encode()).hexdigest()[:12]
    except Exception:  # noqa: S110  the ingest step tries the same address, and says what is wrong
        pass
    return datetime.now(UTC).isoformat(timespec="seconds")
