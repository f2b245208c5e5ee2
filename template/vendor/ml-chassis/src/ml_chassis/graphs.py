"""A model as an ONNX graph, and the proof that it answers as the model does.

A graph runs without the libraries that trained the model, many times faster, and no code of anybody's. But it computes
with 32 bits where scikit-learn does with 64, and a value next to the threshold of a tree may fall on the other side.
So a model is served as a graph only where that is proved equal.

The operators and their types: https://onnx.ai/onnx/operators/
"""

import json
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ml_chassis.edges import edges
from ml_chassis.proofs import FOLDER, GRAPH, LARGEST_DIFFERENCE, PROOF, Proof

if TYPE_CHECKING:
    from onnx import ModelProto
    from sklearn.pipeline import Pipeline

OPERATORS = {"": 18, "ai.onnx.ml": 3}
"""The versions of the operators: of the newest for trees, not all runtimes have the kernels."""
STEPS = {"TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor", "TopK"}
"""Operators whose answers jump, so that a last digit decides, and no comparison of some rows proves that of others."""
MOST_EXAMPLES, MOST_NUMBERS = 100, 50_000
"""The rows, and the numbers in them, by which a server sees whether the graph answers as it did where it was made."""


def write(model: "Pipeline", training: pd.DataFrame, held_out: pd.DataFrame, folder: Path) -> Proof:
    """Write the graph of a model into its files, if it answers as the model does, and in any case what was found.

    Args:
        model: a fitted pipeline, whose last step is a classifier.
        training: what it learned from, [rows, features].
        held_out: what it is compared on, beside rows at the edges of the training rows.
        folder: with the model's files.
    """
    graph, proof = _proved(model, training, held_out)
    proof = replace(proof, classes=classes_of(model, held_out))
    (folder / FOLDER).mkdir()
    if proof.equal:
        (folder / FOLDER / GRAPH).write_bytes(graph)
    (folder / FOLDER / PROOF).write_text(json.dumps(asdict(proof), indent=2))
    return proof


def _proved(model: "Pipeline", training: pd.DataFrame, held_out: pd.DataFrame) -> tuple[bytes, Proof]:
    if find_spec("skl2onnx") is None or find_spec("onnxruntime") is None:
        return b"", _native("the extra `export` of ml-chassis is not installed")
    if others := [str(name) for name, kind in training.dtypes.items() if kind.kind not in "iuf"]:
        return b"", _native(f"column {others[0]!r} holds no numbers, and its graph would take nothing else")
    compared = pd.concat([held_out, edges(training, held_out)], ignore_index=True)
    try:
        graph = _converted(model, training.shape[1])
        if steps := STEPS & {node.op_type for node in graph.graph.node}:
            return b"", _native(
                f"it decides by steps ({min(steps)}), where a graph's 32 bits may fall on the other side"
            )
        content = graph.SerializeToString()
        return content, compare(model, content, compared, len(held_out))
    except Exception as error:  # skl2onnx does not know every model, nor onnxruntime all that it makes of those
        return b"", _native(f"its graph cannot be made or run: {(str(error) or type(error).__name__).splitlines()[0]}")


def compare(model: "Pipeline", graph: bytes, rows: pd.DataFrame, held_out: int) -> Proof:
    """Return whether a graph answers rows as its model does.

    Args:
        model: what has to be equalled.
        graph: as `skl2onnx` makes it.
        rows: [rows, features].
        held_out: how many of them, the first ones, are no edges.
    """
    from ml_chassis.serving.graph import session

    running = session(graph)
    matrix = rows.to_numpy(np.float32)
    labels, scores = running.run(None, {running.get_inputs()[0].name: matrix})
    try:
        expected = model.predict(rows)
    except Exception as error:  # what a model's own library raises is unforeseeable
        return _native(f"it fails on rows that its graph answers: {str(error).splitlines()[0]}")
    if differing := int((expected != labels).sum()):
        return _native(f"{differing} of {len(rows)} rows get another label of its graph in 32 bits")
    said = f"all {held_out} held-out rows and {len(rows) - held_out} at the edges get the same label"
    most = max(min(len(rows), MOST_EXAMPLES, MOST_NUMBERS // rows.shape[1]), 1)
    some = np.linspace(0, len(rows) - 1, most).astype(int)
    examples = [
        [None if np.isnan(value) else value for value in row] for row in rows.iloc[some].to_numpy(float).tolist()
    ]
    if not hasattr(model, "predict_proba"):
        return Proof(True, said, examples, expected[some].tolist())
    probabilities = model.predict_proba(rows)
    difference = float(np.abs(probabilities - scores).max())
    if not difference <= LARGEST_DIFFERENCE:
        return _native(f"its probabilities differ by {difference:.1g} from those of its graph in 32 bits")
    said += f", and probabilities that differ by {difference:.0e} at most"
    return Proof(True, said, examples, expected[some].tolist(), probabilities=probabilities[some].tolist())


def _converted(model: "Pipeline", width: int) -> "ModelProto":
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    rows = [("rows", FloatTensorType([None, width]))]
    options = {id(model): {"zipmap": False}} if hasattr(model, "predict_proba") else None  # an array, not dictionaries
    graph: ModelProto = to_onnx(model, initial_types=rows, options=options, target_opset=OPERATORS)
    return graph


def classes_of(model: "Pipeline", held_out: pd.DataFrame) -> list[Any]:
    """Return the labels in the order of the model's probabilities, if it answers mostly with the likeliest of them.

    What wraps a library that knows labels by their places may have forgotten to tell the labels themselves.

    Args:
        model: a fitted pipeline, whose last step is a classifier.
        held_out: what it is asked.
    """
    if not (hasattr(model, "predict_proba") and hasattr(model, "classes_")):
        return []
    try:
        classes: list[Any] = np.asarray(model.classes_).tolist()
        likeliest = [classes[place] for place in np.asarray(model.predict_proba(held_out)).argmax(axis=1)]
        answers = np.asarray(model.predict(held_out)).tolist()
    except Exception:  # what a model's own library raises is unforeseeable
        return []
    equal = sum(one == other for one, other in zip(likeliest, answers, strict=True))
    return classes if equal > len(answers) / 2 else []


def _native(reason: str) -> Proof:
    return Proof(False, reason, [], [])
