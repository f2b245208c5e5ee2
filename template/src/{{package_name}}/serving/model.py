"""Finds and loads the model that the server answers with."""

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import yaml
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.pyfunc import PyFuncModel, load_model
from mlflow.types import DataType
from numpy.typing import NDArray

from ..errors import ServingError
from ..settings import Settings
from .columns import Columns, Rows, TensorMetadata, tensors_of

REGISTERED = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")
ORIGIN = "registered_model_meta"
"""The file in which MLflow notes the version that a downloaded model is."""


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


def resolve(settings: Settings) -> str:
    """Return the address of the model to serve. An alias becomes a version here, once, and stays that version.

    Raises:
        ServingError: no such model.
    """
    mlflow.set_tracking_uri(settings.tracking_uri)
    registered = REGISTERED.fullmatch(settings.served_model_uri)
    if not registered or registered["version"]:
        return settings.served_model_uri
    try:
        version = MlflowClient().get_model_version_by_alias(registered["name"], registered["alias"]).version
    except MlflowException as error:
        raise _unloadable(settings, error) from error
    return f"models:/{registered['name']}/{version}"


def load(settings: Settings) -> ServedModel:
    """Load the model that the settings name.

    Raises:
        ServingError: it cannot be loaded, or has no signature.
    """
    uri = resolve(settings)
    try:
        model = load_model(uri)
    except Exception as error:  # what a model's own library raises is unforeseeable
        raise _unloadable(settings, error) from error
    signature = model.metadata.signature
    if signature is None or signature.inputs is None or signature.outputs is None:
        raise ServingError(f"The model {uri!r} has no signature; log it with one, so that requests can be checked.")
    dates = frozenset(column.name for column in signature.inputs.inputs if column.type == DataType.datetime)
    columns = Columns(tensors_of(signature.inputs), dates)
    outputs = tensors_of(signature.outputs)
    version, record = _version(uri, model), model.metadata
    if by_matrix := _matrix_predictor(model, columns):
        return ServedModel(version, replace(columns, as_matrix=True), outputs, record, by_matrix)
    return ServedModel(version, columns, outputs, record, lambda rows: np.asarray(model.predict(rows)))


def _matrix_predictor(model: PyFuncModel, columns: Columns) -> Callable[[Rows], NDArray[Any]] | None:
    """Return the `predict` of a scikit-learn model if it answers a matrix as it answers a DataFrame."""
    if "sklearn" not in model.metadata.flavors or not columns.numeric or model.input_example is None:
        return None
    warnings.filterwarnings("ignore", "X does not have valid feature names")  # the columns are in order: see Columns
    example = model.input_example[[tensor.name for tensor in columns.tensors]]
    predict: Callable[[Rows], NDArray[Any]] = model.get_raw_model().predict  # type: ignore[no-untyped-call]
    try:
        same = np.array_equal(predict(example.to_numpy()), np.asarray(model.predict(example)))
    except ValueError:  # it selects columns by name
        return None
    return predict if same else None


def _version(uri: str, model: PyFuncModel) -> str:
    """Return the version in the registry, or the model's own id where it did not come from there."""
    if registered := REGISTERED.fullmatch(uri):
        return registered["version"]
    origin = Path(uri.removeprefix("file://")) / ORIGIN
    if origin.is_file():
        return str(yaml.safe_load(origin.read_text())["model_version"])
    return str(model.metadata.model_id)


def _unloadable(settings: Settings, error: Exception) -> ServingError:
    hint = "Run `make run` to train and promote one." if settings.model_uri is None else "Check MODEL_URI."
    return ServingError(f"The model {settings.served_model_uri!r} cannot be loaded: {error}. {hint}")
