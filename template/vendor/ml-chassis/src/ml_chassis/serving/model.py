"""Finds and loads the model that the server answers with."""

import logging
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import yaml
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from numpy.typing import NDArray

from ml_chassis import model_files
from ml_chassis.digests import DIGEST, ORIGIN
from ml_chassis.errors import ServingError
from ml_chassis.model_files import LoadedModel, Loader
from ml_chassis.serving.columns import Columns, Rows, TensorMetadata, tensors_of
from ml_chassis.settings import Settings

REGISTERED = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")

logger = logging.getLogger(__package__)


@dataclass(frozen=True)
class ServedModel:
    """A loaded model, with the version it is served by."""

    version: str
    columns: Columns
    outputs: list[TensorMetadata]
    record: Model
    """What MLflow notes with the model."""
    predict: Callable[[Rows], NDArray[Any]]
    """Return one answer for each row."""

    @property
    def recorded(self) -> float:
        """When the model was recorded, in seconds since 1970."""
        return datetime.fromisoformat(str(self.record.utc_time_created)).replace(tzinfo=UTC).timestamp()


def resolve(settings: Settings) -> tuple[str, str]:
    """Return the address of the model to serve, and the digest that its files must have, where one is known.

    An alias becomes a version here, once, and stays that version.

    Raises:
        ServingError: no such model.
    """
    mlflow.set_tracking_uri(settings.tracking_uri)
    uri, digest = settings.served_model_uri, settings.model_digest
    registered = REGISTERED.fullmatch(uri)
    if registered and not (registered["version"] and digest):
        found = _version_of(settings, registered)
        uri = f"models:/{registered['name']}/{found.version}"
        digest = digest or str(found.tags.get(DIGEST, ""))
    return uri, digest


def load(settings: Settings, types: Sequence[str], loader: Loader | None = None) -> ServedModel:
    """Load the model that the settings name.

    Args:
        settings: which model.
        types: what its file may hold: see `Project.model_types`.
        loader: what loads it in place of the library: see `Project.loader`.

    Raises:
        ModelError: it cannot be loaded, or its files are not those that were registered.
        ServingError: there is no such version, or it has no signature.
    """
    uri, digest = resolve(settings)
    if not digest:
        logger.warning("The files of %s are not checked: no digest was recorded, and MODEL_DIGEST is not set", uri)
    model = model_files.load(uri, types, digest, loader)
    signature = model.record.signature
    if signature is None or signature.inputs is None or signature.outputs is None:
        raise ServingError(f"The model {uri!r} has no signature; log it with one, so that requests can be checked.")
    columns = Columns.of(signature.inputs)
    outputs, version = tensors_of(signature.outputs), _version(uri, model)
    if by_matrix := _matrix_predictor(model, columns):
        return ServedModel(version, replace(columns, as_matrix=True), outputs, model.record, by_matrix)
    return ServedModel(version, columns, outputs, model.record, lambda rows: np.asarray(model.model.predict(rows)))


def _version_of(settings: Settings, registered: re.Match[str]) -> ModelVersion:
    """Return what the registry has of a version that is named by its number or an alias."""
    try:
        if number := registered["version"]:
            return MlflowClient().get_model_version(registered["name"], number)
        return MlflowClient().get_model_version_by_alias(registered["name"], registered["alias"])
    except MlflowException as error:
        raise _unloadable(settings, error) from error


def _matrix_predictor(model: LoadedModel, columns: Columns) -> Callable[[Rows], NDArray[Any]] | None:
    """Return the model's `predict` if it answers a matrix as it answers a DataFrame."""
    example = model.record.load_input_example(str(model.folder)) if columns.numeric else None
    if not isinstance(example, pd.DataFrame):
        return None
    warnings.filterwarnings("ignore", "X does not have valid feature names")  # the columns are in order: see Columns
    example = example[[tensor.name for tensor in columns.tensors]]
    predict: Callable[[Rows], NDArray[Any]] = model.model.predict
    try:
        same = np.array_equal(predict(example.to_numpy()), predict(example))
    except Exception:  # it selects columns by name; what it raises then is its own library's
        return None
    return predict if same else None


def _version(uri: str, model: LoadedModel) -> str:
    """Return the version in the registry, or the model's own id where it did not come from there."""
    if registered := REGISTERED.fullmatch(uri):
        return registered["version"]
    origin = model.folder / ORIGIN
    if origin.is_file():
        return str(yaml.safe_load(origin.read_text())["model_version"])
    return str(model.record.model_id)


def _unloadable(settings: Settings, error: Exception) -> ServingError:
    run = settings.project.command("run")
    hint = f"`{run}` trains and promotes one." if settings.model_uri is None else "Check MODEL_URI."
    return ServingError(f"The model {settings.served_model_uri!r} cannot be loaded: {error}. {hint}")
