"""A KServe predictor that has ONNX Runtime answer with the model's graph, as this server does."""
# mypy: disable-error-code="import-not-found, misc"

import argparse
from pathlib import Path

import numpy as np
import onnxruntime
from kserve import InferRequest, InferResponse, Model, ModelServer, model_server
from kserve.utils.utils import get_predict_input, get_predict_response


class GraphModel(Model):
    """Answers with a graph."""

    def __init__(self, name: str, folder: str) -> None:
        """Load the graph from the model's folder, to run in the thread that asks."""
        super().__init__(name)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.graph = onnxruntime.InferenceSession(Path(folder, "onnx/model.onnx").read_bytes(), options)
        self.ready = True

    def predict(self, payload: InferRequest, *_: object) -> InferResponse:
        """Answer a request of one matrix."""
        rows = np.asarray(get_predict_input(payload), np.float32)
        return get_predict_response(payload, self.graph.run(["label"], {"rows": rows})[0], self.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[model_server.parser])
    parser.add_argument("--model_dir", required=True)
    arguments = parser.parse_args()
    ModelServer().start([GraphModel(arguments.model_name, arguments.model_dir)])
