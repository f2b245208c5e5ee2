"""Asks a model server with NVIDIA's client, which knows nothing of it, and prints what came back as JSON."""

import json
import sys
from typing import Any

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.utils import np_to_triton_dtype

KINDS = ("float16", "float32", "int16", "int32", "int64", "uint16", "uint32", "uint64")


def tensor(name: str, values: Any, **way: bool) -> Any:
    """Return a tensor, which goes as bytes unless it is told otherwise."""
    given = InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
    given.set_data_from_numpy(values, **way)
    return given


address, model, rows = sys.argv[1], sys.argv[2], np.array(json.loads(sys.argv[3]))
client = InferenceServerClient(address)
metadata = client.get_model_metadata(model)
names = [column["name"] for column in metadata["inputs"]]
output, probabilities = (column["name"] for column in metadata["outputs"])


def answers(inputs: list[Any], **options: Any) -> list[Any]:
    """Return the answers as NumPy reads them."""
    found = client.infer(model, inputs, request_id="order-7", **options)
    assert found.get_response()["id"] == "order-7"
    return list(found.as_numpy(output).tolist())


def whole(kind: str) -> Any:
    """Return the rows without fractions, as another type of numbers."""
    return rows.round().astype(kind)


both = [InferRequestedOutput(output), InferRequestedOutput(probabilities)]
shares = client.infer(model, [tensor("rows", rows)], outputs=both).as_numpy(probabilities)
facts = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model_ready": client.is_model_ready(model),
    "extensions": client.get_server_metadata()["extensions"],
    "columns": len(names),
    "by_matrix": answers([tensor("rows", rows)]),
    "by_column": answers([tensor(name, column) for name, column in zip(names, rows.T, strict=True)]),
    "as_json": answers(
        [tensor("rows", rows, binary_data=False)], outputs=[InferRequestedOutput(output, binary_data=False)]
    ),
    "compressed": answers(
        [tensor("rows", rows)], request_compression_algorithm="gzip", response_compression_algorithm="deflate"
    ),
    "as_numbers_of_other_types": {kind: answers([tensor("rows", whole(kind))]) for kind in KINDS},
    "shares": [list(shares.shape), shares.sum(axis=1).tolist()],
}
print(json.dumps(facts))
