"""Prints how often per second the model predicts the rows of a file, in one thread and without a server."""
# mypy: disable-error-code="import-not-found"

import json
import sys
import time
import warnings
from pathlib import Path

import mlflow.sklearn
import numpy as np


def main(folder: str, requests: Path, seconds: float) -> None:
    """Predict the matrix of a request over and over, the first tenth of the time to warm up."""
    tensor = json.loads(requests.read_text())["inputs"][0]
    rows = np.array(tensor["data"]).reshape(tensor["shape"])
    model = mlflow.sklearn.load_model(folder)
    warnings.filterwarnings("ignore", "X does not have valid feature names")
    for share in (0.1, 0.9):
        count, began = 0, time.perf_counter()
        while time.perf_counter() - began < share * seconds:
            model.predict(rows)
            count += 1
        rate = count / (time.perf_counter() - began)
    print(rate)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
