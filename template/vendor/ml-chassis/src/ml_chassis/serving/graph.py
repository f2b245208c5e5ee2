"""Runs a model as an ONNX graph, which is data: to load one runs no code of anybody's."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_chassis.errors import ModelError, ServingError
from ml_chassis.proofs import FOLDER, GRAPH, LARGEST_DIFFERENCE, Proof
from ml_chassis.serving.columns import NUMPY_TYPES, Rows
from ml_chassis.serving.outputs import Engine, probabilities

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

ONLY_ERRORS = 3
"""The level of ONNX Runtime's own log, which goes to standard error."""


def engine(folder: Path, datatype: str) -> Engine:
    """Return what answers rows by the graph of a model.

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
    sent, (label, scores) = running.get_inputs()[0].name, (output.name for output in running.get_outputs())

    def output(name: str, rows: Rows) -> NDArray[Any]:
        found: NDArray[Any] = running.run([name], {sent: np.asarray(rows, np.float32)})[0]
        return found

    def predict(rows: Rows) -> NDArray[Any]:
        return output(label, rows).astype(NUMPY_TYPES[datatype], copy=False)

    # Another processor, or another version of the runtime, may compute otherwise.
    rows = np.array(proof.rows, np.float64)
    if (answers := predict(rows).tolist()) != proof.answers:
        differing = sum(found != expected for found, expected in zip(answers, proof.answers, strict=True))
        raise ServingError(f"{differing} of the {len(answers)} rows recorded with it get another answer here")
    if not proof.classes:
        return Engine(predict)
    if not np.allclose(output(scores, rows), proof.probabilities, rtol=0, atol=LARGEST_DIFFERENCE):
        raise ServingError("the rows recorded with it get other probabilities here")
    return Engine(predict, probabilities(proof.classes, partial(output, scores)))


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
