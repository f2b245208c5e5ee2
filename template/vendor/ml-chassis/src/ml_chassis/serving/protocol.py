"""The messages of the Open Inference Protocol V2.

The protocol: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ml_chassis.serving.binary import write
from ml_chassis.serving.columns import NUMPY_TYPES, TensorMetadata

DATATYPES = {np.dtype(kind).str: datatype for datatype, kind in NUMPY_TYPES.items()}
"""What the protocol calls NumPy's types, by what NumPy calls them."""


class Tensor(msgspec.Struct, omit_defaults=True):
    """A named array."""

    name: str
    """The name of the column, or of a matrix of all."""
    shape: list[int]
    """[rows] or [rows, 1] of one column, [rows, columns] of a matrix."""
    datatype: str
    """The protocol's, such as `FP64`, `INT64`, `BOOL` or, for texts and dates, `BYTES`."""
    data: list[Any] = []
    """The values, flat or nested, in row-major order; None is a missing one. Those of a binary tensor are elsewhere."""
    parameters: dict[str, Any] | None = None


class RequestedOutput(msgspec.Struct):
    """An output that the client asks for; without any, it gets the answers."""

    name: str
    parameters: dict[str, Any] | None = None


class InferenceRequest(msgspec.Struct, omit_defaults=True):
    """The body of a call of `infer`."""

    inputs: list[Tensor]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[RequestedOutput] | None = None


class InferenceResponse(msgspec.Struct, omit_defaults=True):
    """The answer to a call of `infer`; `id` and `parameters` are the request's."""

    model_name: str
    """The name of the model that answered."""
    model_version: str
    """Its version."""
    outputs: list[Tensor]
    """One tensor of shape [rows], whose `data` has the answers, or those that were asked for."""
    id: str | None = None
    parameters: dict[str, Any] | None = None


class Predictions(msgspec.Struct, omit_defaults=True):
    """The answer to a call of `predict`: one prediction for each record, in their order."""

    model_name: str
    model_version: str
    predictions: list[Any]
    classes: list[Any] | None = None
    """The labels, where probabilities are asked for."""
    probabilities: list[list[float]] | None = None
    """Those of each record, in the order of `classes`."""


class ModelMetadata(msgspec.Struct):
    """What a model takes and gives."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ErrorMessage(msgspec.Struct):
    """What every refusal says."""

    error: str


def output_tensor(
    name: str, answers: NDArray[Any], parameters: dict[str, Any], binary: bool = False
) -> tuple[Tensor, bytes]:
    """Return what a model gives for rows as a tensor, and its bytes if it is a binary one.

    Args:
        name: of the output.
        answers: an array whose first dimension is the rows'.
        parameters: what goes with it.
        binary: whether the values go apart.

    Raises:
        TypeError: the protocol has no datatype for the answers.
    """
    tensor = Tensor(name, list(answers.shape), datatype_of(answers), parameters=parameters or None)
    if not binary:
        tensor.data = answers.ravel().tolist()
        return tensor, b""
    data = write(answers)
    tensor.parameters = {**parameters, "binary_data_size": len(data)}
    return tensor, data


def datatype_of(answers: NDArray[Any]) -> str:
    """Return what the protocol calls the type of answers.

    Raises:
        TypeError: it has no datatype for them.
    """
    if datatype := "BYTES" if answers.dtype.kind == "U" else DATATYPES.get(answers.dtype.str):
        return datatype
    raise TypeError(f"The answers are {answers.dtype}, which the protocol cannot carry.")
