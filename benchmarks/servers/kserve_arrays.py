"""A KServe predictor that calls the scikit-learn model on bare arrays, as KServe's own scikit-learn server does."""
# mypy: disable-error-code="import-not-found, misc"

import argparse
import warnings

import mlflow.sklearn
from kserve import InferRequest, InferResponse, Model, ModelServer, model_server
from kserve.utils.utils import get_predict_input, get_predict_response


class ArrayModel(Model):
    """Answers with a scikit-learn model."""

    def __init__(self, name: str, folder: str) -> None:
        """Load the model from its folder."""
        super().__init__(name)
        self.model = mlflow.sklearn.load_model(folder)
        self.ready = True

    def predict(self, payload: InferRequest, *_: object) -> InferResponse:
        """Answer a request of one matrix."""
        return get_predict_response(payload, self.model.predict(get_predict_input(payload)), self.name)


if __name__ == "__main__":
    warnings.filterwarnings("ignore", "X does not have valid feature names")
    parser = argparse.ArgumentParser(parents=[model_server.parser])
    parser.add_argument("--model_dir", required=True)
    arguments = parser.parse_args()
    ModelServer().start([ArrayModel(arguments.model_name, arguments.model_dir)])
