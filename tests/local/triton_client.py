"""Asks a model server with NVIDIA's client, which knows nothing of it, and prints what came back as JSON."""

import json
import sys
from typing import Any

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput


def tensor(name: str, values: Any) -> Any:
    """Return a tensor that goes as JSON: the server offers no binary extension."""
    given = InferInput(name, list(values.shape), "FP64")
    given.set_data_from_numpy(values, binary_data=False)
    return given


address, model, rows = sys.argv[1], sys.argv[2], np.array(json.loads(sys.argv[3]))
client = InferenceServerClient(address)
metadata = client.get_model_metadata(model)
names = [column["name"] for column in metadata["inputs"]]
output = metadata["outputs"][0]["name"]


def answers(inputs: list[Any]) -> list[Any]:
    """Return the answers as NumPy reads them."""
    asked = [InferRequestedOutput(output, binary_data=False)]
    found = client.infer(model, inputs, outputs=asked, request_id="order-7")
    assert found.get_response()["id"] == "order-7"
    return list(found.as_numpy(output).tolist())


facts = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model_ready": client.is_model_ready(model),
    "extensions": client.get_server_metadata()["extensions"],
    "columns": len(names),
    "by_matrix": answers([tensor("rows", rows)]),
    "by_column": answers([tensor(name, column) for name, column in zip(names, rows.T, strict=True)]),
}
print(json.dumps(facts))
