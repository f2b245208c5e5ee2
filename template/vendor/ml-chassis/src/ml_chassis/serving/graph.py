"""Runs a model as an ONNX graph, which is data: to load one runs no code of anybody's."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_chassis.errors import ModelError, ServingError
from ml_chassis.proofs import FOLDER, GRAPH, Proof
from ml_chassis.serving.columns import NUMPY_TYPES, Rows

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

ONLY_ERRORS = 3
"""The level of ONNX Runtime's own log, which goes to standard error."""


def predictor(folder: Path, datatype: str) -> Callable[[Rows], NDArray[Any]]:
    """Return what answers rows as the graph of a model does.

    Args:
        folder: the model's files.
        datatype: the protocol's, of the answers.

    Raises:
        ServingError: there is no graph that answers as the model does, or none that runs here.
    """
    try:
        proof = Proof.read(folder)
    except ModelError as error:
        raise ServingError(str(error)) from error
    if proof is None:
        raise ServingError("none was recorded with it")
    if not proof.equal:
        raise ServingError(proof.reason)
    try:
        running = session((folder / FOLDER / GRAPH).read_bytes())
    except ImportError:
        raise ServingError("onnxruntime is not installed") from None
    except Exception as error:  # onnxruntime's own, of several kinds, or the file's
        raise ServingError(f"onnxruntime cannot load it: {error}") from error
    sent, label = running.get_inputs()[0].name, running.get_outputs()[0].name

    def predict(rows: Rows) -> NDArray[Any]:
        answers: NDArray[Any] = running.run([label], {sent: np.asarray(rows, np.float32)})[0]
        return answers.astype(NUMPY_TYPES[datatype], copy=False)

    # Another processor, or another version of the runtime, may compute otherwise.
    if (answers := predict(np.array(proof.rows, np.float64)).tolist()) != proof.answers:
        differing = sum(found != expected for found, expected in zip(answers, proof.answers, strict=True))
        raise ServingError(f"{differing} of the {len(answers)} rows recorded with it get another answer here")
    return predict


def session(graph: bytes) -> "InferenceSession":
    """Return what runs a graph, in the thread that asks.

    Args:
        graph: in ONNX' format.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # a request has too few rows to share them out
    options.log_severity_level = ONLY_ERRORS
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
