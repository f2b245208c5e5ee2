"""What a run of a pipeline is started with: the settings, the state of the data and of the code."""

import hashlib
import subprocess
from typing import Any

import fsspec

from ..settings import Settings


def training_arguments(settings: Settings) -> dict[str, Any]:
    """Return the parameters of the training pipeline."""
    chosen = settings.model_dump(include={"test_share", "random_seed", "gate_metric", "gate_margin"})
    return data_arguments(settings) | chosen | {"git_commit": _git_commit()}


def data_arguments(settings: Settings) -> dict[str, Any]:
    """Return the parameters that say where the rows are."""
    return {
        "data_uri": settings.data_uri,
        "data_version": _fingerprint(settings.data_uri),
        "data_table": settings.data_table or "",
        "data_target": settings.data_target,
    }


def _fingerprint(uri: str) -> str:
    """Return a short text that changes with the file behind `uri`; for what is no file it stands for the address."""
    try:
        filesystem, path = fsspec.url_to_fs(uri)
        state = filesystem.ukey(path)
    except (ImportError, OSError, ValueError):
        state = uri
    return hashlib.sha256(state.encode()).hexdigest()[:12]


def _git_commit() -> str:
    found = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or "none"
