"""A KServe predictor over MLflow's pyfunc, as KServe's documentation of custom predictors writes one."""
# mypy: disable-error-code="import-not-found, misc"

import argparse

import mlflow.pyfunc
from kserve import InferRequest, InferResponse, Model, ModelServer, model_server
from kserve.utils.utils import get_predict_response


class PyfuncModel(Model):
    """Answers with an MLflow model, whatever its flavour."""

    def __init__(self, name: str, folder: str) -> None:
        """Load the model from its folder."""
        super().__init__(name)
        self.model = mlflow.pyfunc.load_model(folder)
        self.ready = True

    def predict(self, payload: InferRequest, *_: object) -> InferResponse:
        """Answer a request of one tensor per column."""
        return get_predict_response(payload, self.model.predict(payload.as_dataframe()), self.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(parents=[model_server.parser])
    parser.add_argument("--model_dir", required=True)
    arguments = parser.parse_args()
    ModelServer().start([PyfuncModel(arguments.model_name, arguments.model_dir)])
