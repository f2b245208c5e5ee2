"""Asks a model server with the clients of KServe's SDK, over HTTP and over gRPC, and prints what came back as JSON."""

import asyncio
import json
import sys
from typing import Any

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, RESTConfig


async def facts() -> dict[str, dict[str, Any]]:
    """Return what the clients found, by the way that they ask."""
    http, grpc, model, rows = sys.argv[1], sys.argv[2], sys.argv[3], np.array(json.loads(sys.argv[4]))
    matrix = InferInput("rows", list(rows.shape), "FP64")
    matrix.set_data_from_numpy(rows)
    request = InferRequest(model, [matrix])
    rest, calls = InferenceRESTClient(RESTConfig(protocol="v2")), InferenceGRPCClient(grpc)
    answers = {"http": await rest.infer(http, request, model_name=model), "grpc": await calls.infer(request)}
    found: dict[str, dict[str, Any]] = {
        "http": {
            "live": await rest.is_server_live(http),
            "ready": await rest.is_server_ready(http),
            "model": await rest.is_model_ready(http, model),
        },
        "grpc": {
            "live": await calls.is_server_live(),
            "ready": await calls.is_server_ready(),
            "model": await calls.is_model_ready(model),
        },
    }
    for way, answer in answers.items():
        found[way]["answers"] = answer.outputs[0].as_numpy().tolist()
    return found


print(json.dumps(asyncio.run(facts())))
