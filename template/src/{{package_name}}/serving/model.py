"""Loads the model that the server answers with."""

import re
from dataclasses import dataclass
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel, load_model
from numpy.typing import NDArray

from ..errors import ServingError
from ..settings import Settings
from .protocol import ModelMetadata, TensorMetadata, column_tensors

REGISTERED = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/@]+)|/(?P<version>\d+))")
UNREGISTERED = "unregistered"


@dataclass(frozen=True)
class ServedModel:
    """A loaded model, with the name and version it is served by."""

    name: str
    version: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    predictor: PyFuncModel

    def predict(self, rows: pd.DataFrame) -> NDArray[Any]:
        """Return one answer for each row."""
        return np.asarray(self.predictor.predict(rows))

    @property
    def metadata(self) -> ModelMetadata:
        """What clients are told about the model."""
        return ModelMetadata(self.name, [self.version], "mlflow", self.inputs, self.outputs)


def load(settings: Settings) -> ServedModel:
    """Load the model that the settings name. An alias becomes a version here, once, and stays that version.

    Raises:
        ServingError: no such model, or one without a signature.
    """
    mlflow.set_tracking_uri(settings.tracking_uri)
    uri, version = settings.served_model_uri, UNREGISTERED
    try:
        if registered := REGISTERED.fullmatch(uri):
            version = registered["version"] or _resolve(registered["name"], registered["alias"])
            uri = f"models:/{registered['name']}/{version}"
        predictor = load_model(uri)
    except (MlflowException, OSError) as error:
        hint = "Run `make run` to train and promote one." if settings.model_uri is None else "Check MODEL_URI."
        raise ServingError(f"The model {uri!r} cannot be loaded: {error}. {hint}") from error
    signature = predictor.metadata.signature
    if signature is None or signature.outputs is None:
        raise ServingError(f"The model {uri!r} has no signature; log it with one, so that requests can be checked.")
    inputs, outputs = column_tensors(signature.inputs), column_tensors(signature.outputs)
    return ServedModel(settings.model_name, version, inputs, outputs, predictor)


def _resolve(name: str, alias: str) -> str:
    return str(MlflowClient().get_model_version_by_alias(name, alias).version)
