"""The protocol over gRPC: by the rules of HTTP, and safe from what a client may send."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket
from typing import Any

import grpc
import numpy as np
import pandas as pd
import pytest
from ml_chassis.errors import SettingsError
from ml_chassis.serving import binary
from ml_chassis.serving import messages as m
from ml_chassis.serving.app import create_app
from ml_chassis.serving.calls import CONTENTS
from ml_chassis.serving.columns import NUMPY_TYPES
from ml_chassis.settings import Settings
from sklearn.pipeline import Pipeline
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.testclient import TestClient
from wines import PROJECT

SECONDS = 60
NAME = PROJECT.name


class Server:
    """A server that answers over HTTP, by `http`, and over gRPC."""

    def __init__(self, http: TestClient, channel: grpc.Channel) -> None:
        self.http = http
        self._channel = channel

    def call(self, method: str, sent: bytes = b"", seconds: float = SECONDS, **metadata: str) -> bytes:
        """Return the message that answers one, as it went over the wire."""
        answer: bytes = self._channel.unary_unary(f"/{m.SERVICE}/{method}")(sent, seconds, tuple(metadata.items()))
        return answer

    def infer(self, request: Any) -> Any:
        return m.ModelInferResponse.FromString(self.call("ModelInfer", request.SerializeToString()))

    def refusal(self, sent: bytes, method: str = "ModelInfer") -> tuple[str, str]:
        """Return the status and the words by which a call is refused."""
        with pytest.raises(grpc.RpcError) as refused:
            self.call(method, sent)
        return refused.value.code().name, refused.value.details()

    def count(self, **labels: str) -> float:
        """Return how many requests have the labels in the metrics."""
        lines = [line for line in self.http.get("/metrics").text.splitlines() if line.startswith("model_server_req")]
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        counts = [line for line in lines if "_total{" in line and all(each in line for each in wanted)]
        return sum(float(line.rpartition(" ")[2]) for line in counts)


@contextmanager
def serving(settings: Settings, **options: Any) -> Iterator[Server]:
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app(PROJECT, settings.model_copy(update={"serve_grpc_port": port}), **options)
    with TestClient(app) as http, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        deadline = time.monotonic() + SECONDS
        while http.get("/v2/health/ready").is_error:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield Server(http, channel)


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    with serving(settings) as server:
        yield server


@pytest.fixture(scope="session")
def features(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns="cultivar").iloc[[0, 90, 177]]


def asked(features: pd.DataFrame, datatype: str = "FP64", raw: bool = False, **more: Any) -> Any:
    """Return a request with a matrix."""
    matrix = features.to_numpy().astype(NUMPY_TYPES[datatype])
    request = m.ModelInferRequest(model_name=NAME, **more)
    tensor = request.inputs.add(name="rows", datatype=datatype, shape=matrix.shape)
    if raw:
        request.raw_input_contents.append(binary.write(matrix))
    else:
        getattr(tensor.contents, CONTENTS[datatype][0]).extend(matrix.ravel().tolist())
    return request


def answers(found: Any) -> list[int]:
    """Return the labels, whichever way they came."""
    if found.raw_output_contents:
        return [int(label) for label in np.frombuffer(found.raw_output_contents[0], np.int64)]
    return list(found.outputs[0].contents.int64_contents)


def by_column(features: pd.DataFrame, raw: bool) -> Any:
    request = m.ModelInferRequest(model_name=NAME, model_version="1")
    for name, column in features.items():
        tensor = request.inputs.add(name=name, datatype="FP64", shape=[len(column), 1])
        if raw:
            request.raw_input_contents.append(binary.write(column.to_numpy()))
        else:
            tensor.contents.fp64_contents.extend(column)
    return request


def test_health_is_told(server: Server) -> None:
    assert m.ServerLiveResponse.FromString(server.call("ServerLive")).live
    assert m.ServerReadyResponse.FromString(server.call("ServerReady")).ready
    sent = m.ModelReadyRequest(name=NAME).SerializeToString()
    assert m.ModelReadyResponse.FromString(server.call("ModelReady", sent)).ready


def test_metadata_is_that_of_http(server: Server) -> None:
    found = m.ServerMetadataResponse.FromString(server.call("ServerMetadata"))
    assert (found.name, found.version) == (PROJECT.package, PROJECT.version)

    sent = m.ModelMetadataRequest(name=NAME, version="1").SerializeToString()
    model = m.ModelMetadataResponse.FromString(server.call("ModelMetadata", sent))
    by_http = server.http.get(f"/v2/models/{NAME}").json()
    assert (model.name, list(model.versions), model.platform) == (NAME, ["1"], by_http["platform"])
    for kind in ("inputs", "outputs"):
        tensors = [
            {"name": each.name, "datatype": each.datatype, "shape": list(each.shape)} for each in getattr(model, kind)
        ]
        assert tensors == by_http[kind]


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "typed"])
def test_matrix_and_columns_get_the_same_answers(server: Server, features: pd.DataFrame, raw: bool) -> None:
    for request in (asked(features, raw=raw), by_column(features, raw)):
        found = server.infer(request)
        (output,) = found.outputs

        assert (found.model_name, found.model_version) == (NAME, "1")
        assert (output.name, output.datatype, list(output.shape)) == ("cultivar", "INT64", [3])
        assert answers(found) == [0, 1, 2]
        assert bool(found.raw_output_contents) == raw


LARGE_ENOUGH = [kind for kind in NUMPY_TYPES if kind not in ("BOOL", "BYTES", "INT8", "UINT8")]
"""The datatypes that can hold what wine has."""


@pytest.mark.parametrize(
    ("datatype", "raw"),
    [(kind, raw) for kind in LARGE_ENOUGH for raw in (True, False) if raw or kind in CONTENTS],
)
def test_numbers_of_any_datatype_are_taken(server: Server, features: pd.DataFrame, datatype: str, raw: bool) -> None:
    whole = features.round()
    expected = server.http.post("/predict", json=whole.to_dict("records")).json()["predictions"]

    assert answers(server.infer(asked(whole, datatype, raw))) == expected


def test_answer_has_the_id_and_the_parameters(server: Server, features: pd.DataFrame) -> None:
    request = asked(features, id="order-7")
    request.parameters.add(key="shop").value.int64_param = 3

    found = server.infer(request)
    assert (found.id, found.parameters[0].key, found.parameters[0].value.int64_param) == ("order-7", "shop", 3)


def test_probabilities_come_where_they_are_asked_for(server: Server, features: pd.DataFrame, model: Pipeline) -> None:
    request = asked(features)
    for name in ("probabilities", "cultivar", "probabilities"):
        request.outputs.add(name=name)

    shares, labels = server.infer(request).outputs
    assert (shares.name, list(shares.shape)) == ("probabilities", [3, 3])
    assert list(shares.contents.fp64_contents) == pytest.approx(model.predict_proba(features).ravel(), abs=1e-5)
    assert (shares.parameters[0].key, shares.parameters[0].value.string_param) == ("classes", "[0,1,2]")
    assert list(labels.contents.int64_contents) == [0, 1, 2]


def spoilt(features: pd.DataFrame, how: str) -> Any:
    """Return a request that is wrong in one way."""
    request = asked(features, raw=how == "torn")
    tensor, contents = request.inputs[0], request.inputs[0].contents
    match how:
        case "another model":
            request.model_name = "beers"
        case "another version":
            request.model_version = "7"
        case "another output":
            request.outputs.add(name="vintage")
        case "unfilled":
            contents.fp64_contents.append(1)
        case "elsewhere":
            tensor.datatype = "INT64"
        case "unknown datatype":
            tensor.datatype = "FP16"
        case "many rows":
            tensor.shape[0] = 10**12
        case "no rows":
            tensor.shape[0] = 0
            contents.Clear()
        case "many dimensions":
            tensor.shape.extend([1] * 20)
        case "torn":
            request.raw_input_contents.append(b"")
        case "large parameters":
            request.parameters.add(key="k").value.string_param = 20_000 * "a"
        case "far":
            contents.fp64_contents[0] = 1e300
    return request


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ("another model", "NOT_FOUND", "Model 'beers' version 1 is not served here"),
        ("another version", "NOT_FOUND", "version 7 is not served here"),
        ("another output", "INVALID_ARGUMENT", "Output 'vintage' is unknown; expected cultivar or probabilities."),
        ("unfilled", "INVALID_ARGUMENT", "has shape [3, 13], which its 40 fp64_contents do not fill"),
        ("elsewhere", "INVALID_ARGUMENT", "has shape [3, 13], which its 0 int64_contents do not fill"),
        ("unknown datatype", "INVALID_ARGUMENT", "has datatype 'FP16'; expected raw contents, or one of BOOL, INT8"),
        ("many rows", "INVALID_ARGUMENT", "has shape [1000000000000, 13]; expected 130000 values at most"),
        ("no rows", "INVALID_ARGUMENT", "The request has 0 rows; expected 1 to 10000"),
        ("many dimensions", "INVALID_ARGUMENT", "has 22 dimensions; expected one or two"),
        ("torn", "INVALID_ARGUMENT", "The request has 1 inputs and raw contents of 2; expected as many"),
        ("large parameters", "INVALID_ARGUMENT", "expected 16384 at most"),
        ("far", "INVALID_ARGUMENT", "holds numbers up to 1e+30"),
    ],
)
def test_bad_request_is_refused_in_words(
    server: Server, features: pd.DataFrame, how: str, status: str, words: str
) -> None:
    found = server.refusal(spoilt(features, how).SerializeToString())

    assert found[0] == status
    assert words in found[1]


def number(value: int) -> bytes:
    """Return a number as messages have it."""
    return bytes([value]) if value < 128 else bytes([value % 128 + 128]) + number(value // 128)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (2_000_000 * b"\x2a\x00", "The message has more than 128 fields"),
        (b"\xff" * 1_000_000, "a number of more than 64 bits"),
        (b"\x0b" + 1_000_000 * b"\x2a\x00", "a field of wire type 3"),
        (b"\x2a\xff", "ends within a field"),
        (b"\x0a\x05ab", "The message is no such request"),
        (b"\x0a\x01\xff", "The message is no such request"),
        (b"", "Model '' version 1 is not served here"),
    ],
    ids=["fields", "number", "group", "torn number", "torn text", "no text", "nothing"],
)
def test_hostile_message_is_refused_at_once(server: Server, sent: bytes, words: str) -> None:
    began = time.monotonic()

    assert words in server.refusal(sent)[1]
    assert time.monotonic() - began < SECONDS / 10


def test_parameters_nested_by_the_million_keep_nobody_waiting(server: Server) -> None:
    entry = b"\x22\x00"
    tensor = entry * 1_000_000
    sent = b"\x0a" + number(len(NAME)) + NAME.encode() + b"\x2a" + number(len(tensor)) + tensor

    assert server.refusal(sent) == (
        "INVALID_ARGUMENT",
        "The message has more than 100 fields, and the model needs fewer.",
    )


def test_larger_message_than_a_body_may_be_is_refused(settings: Settings) -> None:
    with serving(settings.model_copy(update={"serve_max_bytes": 10_000})) as server:
        assert server.refusal(10_001 * b"a")[0] == "RESOURCE_EXHAUSTED"


def test_calls_are_counted_and_named_as_requests_are(server: Server, features: pd.DataFrame) -> None:
    labels = {"endpoint": "infer", "model": NAME, "version": "1"}
    before = [server.count(code=code, **labels) for code in ("200", "400")]
    server.infer(asked(features))
    server.refusal(b"\x0a\x05ab")

    assert [server.count(code=code, **labels) for code in ("200", "400")] == [each + 1 for each in before]


class Refusing(grpc.aio.ServerInterceptor):  # type: ignore[misc]  # grpc has no types
    """Lets calls with a token pass."""

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        if dict(details.invocation_metadata).get("authorization") == "Bearer token":
            return await continuation(details)

        async def refuse(sent: bytes, context: Any) -> None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "Log in.")

        return grpc.unary_unary_rpc_method_handler(refuse)


def test_interceptors_come_first(settings: Settings) -> None:
    with serving(settings, interceptors=[Refusing()], middleware=[Middleware(GZipMiddleware)]) as server:
        assert server.refusal(b"", "ServerReady") == ("UNAUTHENTICATED", "Log in.")
        assert server.call("ServerReady", authorization="Bearer token")


def test_middleware_that_no_call_passes_is_told(settings: Settings) -> None:
    changed, middleware = settings.model_copy(update={"serve_grpc_port": 1}), [Middleware(GZipMiddleware)]

    with pytest.raises(SettingsError, match=r"no call over gRPC passes the server's `middleware`\. Give `create_app`"):
        create_app(PROJECT, changed, middleware=middleware)
    create_app(PROJECT, changed, middleware=middleware, interceptors=[])
    create_app(PROJECT, settings, middleware=middleware)
