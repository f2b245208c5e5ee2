"""Asks a model server over gRPC with NVIDIA's client, and prints what came back as JSON.

It also compares the messages of the library, which it is given beside, with those that the client was generated from.
"""

import json
import sys
from typing import Any

import numpy as np
from ml_chassis.serving import messages
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput, service_pb2
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

KINDS = ("float16", "float32", "int16", "int32", "int64", "uint16", "uint32", "uint64")


def tensor(name: str, values: Any) -> Any:
    """Return a tensor."""
    given = InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
    given.set_data_from_numpy(values)
    return given


def layout(described: Any) -> dict[int, Any]:
    """Return the fields of a message, and of those in it, as they go over the wire."""
    return {
        field.number: [field.name, field.type, field.is_repeated, field.message_type and layout(field.message_type)]
        for field in described.fields
    }


address, model, rows = sys.argv[1], sys.argv[2], np.array(json.loads(sys.argv[3]))
client = InferenceServerClient(address)
metadata = client.get_model_metadata(model)
names = [column.name for column in metadata.inputs]
output, probabilities = (tensor.name for tensor in metadata.outputs)


def answers(inputs: list[Any], **options: Any) -> list[Any]:
    """Return the answers as NumPy reads them."""
    found = client.infer(model, inputs, request_id="order-7", **options)
    assert found.get_response().id == "order-7"
    return list(found.as_numpy(output).tolist())


def refusal() -> list[str]:
    """Return how a model that is not there is refused."""
    try:
        client.get_model_metadata("beers")
    except InferenceServerException as error:
        return [error.status(), error.message()]
    return []


both = [InferRequestedOutput(output), InferRequestedOutput(probabilities)]
shares = client.infer(model, [tensor("rows", rows)], outputs=both).as_numpy(probabilities)
asked = {name for name in messages.FIELDS if name.endswith(("Request", "Response"))}
facts = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "model_ready": client.is_model_ready(model),
    "columns": len(names),
    "by_matrix": answers([tensor("rows", rows)]),
    "by_column": answers([tensor(name, column) for name, column in zip(names, rows.T, strict=True)]),
    "compressed": answers([tensor("rows", rows)], compression_algorithm="gzip"),
    "as_numbers_of_other_types": {kind: answers([tensor("rows", rows.round().astype(kind))]) for kind in KINDS},
    "shares": [list(shares.shape), shares.sum(axis=1).tolist()],
    "refusal": refusal(),
    "differing": sorted(
        name
        for name in asked
        if layout(getattr(messages, name).DESCRIPTOR) != layout(getattr(service_pb2, name).DESCRIPTOR)
    ),
}
print(json.dumps(facts))
