"""What a model server answers: to the protocol's examples, to others' clients, and to whatever Hypothesis makes up."""

import gzip
import json
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uv import find_uv_bin

from tests.local import inference_requests as requests
from tests.local.inference_requests import Rows
from tests.local.model_servers import MODEL, NAME, Answer, Server, exchange, serving
from tests.local.projects import Project
from tests.local.test_frameworks import SAMPLE
from tests.needs import require
from tests.running import run

pytestmark = pytest.mark.xdist_group("model-server")

TRITON = "tritonclient[http]==2.73.0"
SCHEMATHESIS = "schemathesis==4.32.5"
SEVERAL = settings(max_examples=60, deadline=None, database=None)


@pytest.fixture(scope="module")
def server(trained: Project) -> Iterator[Server]:
    with serving(trained) as server:
        yield server


@pytest.fixture(scope="module")
def names(server: Server) -> list[str]:
    return [column["name"] for column in server.ask(MODEL).json["inputs"]]


@pytest.mark.parametrize("proxy", ["HTTP_PROXY=http://127.0.0.1:9", "ALL_PROXY=socks5://127.0.0.1:9"])
def test_server_of_this_machine_is_asked_without_a_proxy(proxy: str, server: Server, trained: Project) -> None:
    name, address = proxy.split("=")
    settings = {name: address, "NO_PROXY": "intranet.example.com", "SERVE_PORT": str(server.port)}
    assert "wine-cultivars version 1 answers:" in trained.make("predict", **settings)


def infer(server: Server, inputs: list[dict[str, Any]], **more: Any) -> Answer:
    return server.ask(f"{MODEL}/infer", {"inputs": inputs} | more)


def matrix(data: list[Any], **more: Any) -> list[dict[str, Any]]:
    return [requests.tensor("rows", [1, len(SAMPLE)], "FP64", data) | more]


# The protocol's own examples:
# https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md


def test_server_says_that_it_is_live(server: Server) -> None:
    assert server.ask("/v2/health/live").json == {"live": True}


def test_server_says_that_it_is_ready(server: Server) -> None:
    assert server.ask("/v2/health/ready").json == {"ready": True}


@pytest.mark.parametrize("path", [MODEL, f"{MODEL}/versions/1"])
def test_model_says_that_it_is_ready(server: Server, path: str) -> None:
    assert server.ask(f"{path}/ready").json == {"name": NAME, "ready": True}


def test_server_tells_its_extensions(server: Server) -> None:
    assert server.ask("/v2").json == {
        "name": "wine_cultivars",
        "version": "0.1.0",
        "extensions": ["binary_tensor_data"],
    }


def test_model_names_its_version(server: Server) -> None:
    metadata = server.ask(MODEL).json

    assert (metadata["name"], metadata["versions"], metadata["platform"]) == (NAME, ["1"], "mlflow")


def test_model_describes_its_tensors(server: Server) -> None:
    metadata = server.ask(MODEL).json

    assert metadata["inputs"][0] == {"name": "alcohol", "datatype": "FP64", "shape": [-1]}
    assert metadata["outputs"] == [
        {"name": "cultivar", "datatype": "INT64", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP64", "shape": [-1, 3]},
    ]


@pytest.mark.parametrize("data", [SAMPLE, [SAMPLE]], ids=["flat", "nested"])
def test_data_may_be_flat_or_nested(server: Server, data: list[Any]) -> None:
    answer = infer(server, matrix(data))

    assert answer.json["outputs"] == [{"name": "cultivar", "datatype": "INT64", "shape": [1], "data": [0]}]


def test_answer_has_the_id_of_its_request(server: Server) -> None:
    assert infer(server, matrix(SAMPLE), id="42").json["id"] == "42"


def test_answer_without_an_id_has_none(server: Server) -> None:
    assert "id" not in infer(server, matrix(SAMPLE)).json


def test_answer_repeats_the_parameters(server: Server) -> None:
    assert infer(server, matrix(SAMPLE), parameters={"shop": 3}).json["parameters"] == {"shop": 3}


def test_output_may_be_asked_for_by_name(server: Server) -> None:
    assert infer(server, matrix(SAMPLE), outputs=[{"name": "cultivar"}]).json["outputs"][0]["data"] == [0]


def test_unknown_output_is_refused(server: Server) -> None:
    answer = infer(server, matrix(SAMPLE), outputs=[{"name": "vintage"}])

    assert (answer.status, answer.json) == (
        400,
        {"error": "Output 'vintage' is unknown; expected cultivar or probabilities."},
    )


@pytest.mark.parametrize("path", ["/v2/models/other", f"{MODEL}/versions/7"])
def test_unknown_model_is_not_found(server: Server, path: str) -> None:
    answer = server.ask(f"{path}/infer", {"inputs": matrix(SAMPLE)})

    assert answer.status == 404
    assert list(answer.json) == ["error"]


# Clients of others


@pytest.fixture(scope="module")
def triton(server: Server) -> Any:
    script = str(Path(__file__).parent / "triton_client.py")
    command = [find_uv_bin(), "run", "--quiet", "--no-project", "--python", sys.executable, "--with", TRITON]
    rows = json.dumps([SAMPLE, SAMPLE])
    return json.loads(run(*command, script, server.address.removeprefix("http://"), NAME, rows))


@pytest.mark.parametrize("fact", ["live", "ready", "model_ready"])
def test_tritons_client_finds_it_healthy(triton: Any, fact: str) -> None:
    assert triton[fact] is True


def test_tritons_client_reads_the_metadata(triton: Any) -> None:
    assert (triton["extensions"], triton["columns"]) == (["binary_tensor_data"], len(SAMPLE))


@pytest.mark.parametrize("way", ["by_matrix", "by_column", "as_json", "compressed"])
def test_tritons_client_gets_answers(triton: Any, way: str) -> None:
    assert triton[way] == [0, 0]


def test_tritons_client_sends_numbers_of_any_type(triton: Any) -> None:
    assert len(triton["as_numbers_of_other_types"]) == 8
    assert all(answers == [0, 0] for answers in triton["as_numbers_of_other_types"].values())


def test_tritons_client_gets_probabilities(triton: Any) -> None:
    assert triton["shares"] == [[2, 3], [pytest.approx(1), pytest.approx(1)]]


def binary(server: Server, inputs: list[dict[str, Any]], data: bytes, length: str = "", **more: Any) -> Answer:
    """Return the answer to a request whose values are bytes behind the JSON."""
    text = json.dumps({"inputs": inputs} | more).encode()
    headers = {"Inference-Header-Content-Length": length or str(len(text))}
    return server.ask(f"{MODEL}/infer", text + data, "", **headers)


def test_answers_come_as_bytes_where_they_are_asked_for(server: Server) -> None:
    answer = infer(server, matrix(SAMPLE), parameters={"binary_data_output": True}, id="order-7")
    length = int(answer.headers["Inference-Header-Content-Length"])
    (output,) = json.loads(answer.body[:length])["outputs"]
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert output["parameters"] == {"binary_data_size": 8}
    assert "data" not in output
    assert struct.unpack("<q", answer.body[length:]) == (0,)


@pytest.mark.parametrize(
    ("change", "data", "length", "complaint"),
    [
        ({}, b"\0" * 103, "", "binary_data_size 104, and 103 bytes are left for it"),
        ({}, b"\0" * 105, "", "ends in 1 bytes that no binary_data_size counts"),
        ({"parameters": {"binary_data_size": 96}}, b"\0" * 96, "", "has 96 bytes for 13 values of FP64"),
        ({"parameters": {"binary_data_size": -1}}, b"", "", "binary_data_size -1"),
        ({"parameters": {}}, b"", "", "has neither data nor the parameter binary_data_size"),
        ({}, b"\xff" * 104, "9" * 30, "expected the length of the JSON"),
        ({}, struct.pack("<13d", *[float("inf")] * 13), "", "inf is larger"),
        ({"datatype": "BOOL", "parameters": {"binary_data_size": 13}}, b"\2" * 13, "", "the byte 2 for a BOOL"),
        ({"datatype": "BYTES"}, b"\xff" * 104, "", "for 13 texts, each after its length"),
    ],
    ids=["fewer", "more", "another size", "below 0", "none", "a length", "infinite", "a BOOL", "BYTES"],
)
def test_bad_bytes_are_refused(
    server: Server, change: dict[str, Any], data: bytes, length: str, complaint: str
) -> None:
    tensor = {"name": "rows", "shape": [1, 13], "datatype": "FP64", "parameters": {"binary_data_size": 104}}
    answer = binary(server, [tensor | change], data, length)
    assert answer.status == 400
    assert complaint in answer.json["error"]


@SEVERAL
@given(data=st.binary(max_size=200), header=st.text(st.characters(codec="latin-1", exclude_categories=["C"])))
def test_whatever_follows_the_json_is_read_or_refused(server: Server, data: bytes, header: str) -> None:
    tensor = {"name": "rows", "shape": [1, 13], "datatype": "FP64", "parameters": {"binary_data_size": len(data)}}
    assert binary(server, [tensor], data).status in (200, 400)
    assert binary(server, [tensor | {"datatype": "BYTES"}], data).status == 400
    assert binary(server, [tensor], data, header).status in (200, 400)


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_compressed_body_is_answered(server: Server, coding: str, pack: Callable[[bytes], bytes]) -> None:
    body = json.dumps({"inputs": matrix(SAMPLE)}).encode()
    assert server.ask(f"{MODEL}/infer", pack(body), "", **{"Content-Encoding": coding}).status == 200
    cut = server.ask(f"{MODEL}/infer", pack(body)[:-9], "", **{"Content-Encoding": coding})
    assert (cut.status, "end" in cut.json["error"]) == (400, True)


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [("gzip", b"no gzip", 400), ("br", b"", 415), ("gzip", gzip.compress(b" " * 9_000_000), 413)],
    ids=["not gzip", "another coding", "more than the limit"],
)
def test_body_that_cannot_be_inflated_is_refused(server: Server, coding: str, body: bytes, status: int) -> None:
    answer = server.ask(f"{MODEL}/infer", body, "", **{"Content-Encoding": coding})
    assert (answer.status, list(answer.json)) == (status, ["error"])


UPGRADE = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQCAAAAAAIAAAAA"}
"""What `curl --http2` and the client of Java's library send."""


def test_client_that_offers_another_protocol_is_answered(server: Server, names: list[str]) -> None:
    record = dict(zip(names, SAMPLE, strict=True))
    expected = server.ask("/predict", [record]).json
    connection = server.connect()
    for _ in range(3):
        assert exchange(connection, "/predict", [record], "", **UPGRADE).json == expected
    assert len(exchange(connection, "/predict", [record] * 2_000, "", **UPGRADE).json["predictions"]) == 2_000
    assert exchange(connection, "/v2", None, "", **UPGRADE).status == 200
    connection.close()


def test_curl_that_would_rather_speak_http_2_is_answered(server: Server, names: list[str]) -> None:
    body = json.dumps([dict(zip(names, SAMPLE, strict=True))])
    said = run(require("curl"), "--silent", "--http2", "--data", body, f"{server.address}/predict")
    assert json.loads(said)["predictions"] == [0]


def test_client_of_javas_library_is_answered(server: Server, names: list[str]) -> None:
    body = json.dumps([dict(zip(names, SAMPLE, strict=True))])
    said = run(require("java"), str(Path(__file__).parent / "Ask.java"), f"{server.address}/predict", body)
    assert [json.loads(line)["predictions"] for line in said.splitlines()] == [[0], [0]]


def test_client_of_gos_library_is_answered(server: Server, names: list[str]) -> None:
    body = json.dumps([dict(zip(names, SAMPLE, strict=True))])
    said = run(require("go"), "run", str(Path(__file__).with_name("ask.go")), f"{server.address}/predict", body)
    assert [json.loads(line)["predictions"] for line in said.splitlines()] == [[0], [0]]


def test_server_does_as_its_openapi_document_says(server: Server, tmp_path: Path) -> None:
    # No schema can say which columns the model has, so that what the document allows may be refused still.
    options = ["--exclude-checks=positive_data_acceptance", "--max-examples=25", "--seed=7", "--no-color"]
    command = [find_uv_bin(), "tool", "run", "--python", sys.executable, "--from", SCHEMATHESIS, "schemathesis", "run"]

    run(*command, *options, f"{server.address}/openapi.json", cwd=tmp_path)


# Whatever Hypothesis makes up


@SEVERAL
@given(rows=requests.rows())
def test_every_way_to_ask_gets_the_same_answers(server: Server, names: list[str], rows: Rows) -> None:
    by_matrix = infer(server, rows.matrix()).json["outputs"][0]["data"]
    by_column = infer(server, rows.columns(names)).json["outputs"][0]["data"]
    by_record = server.ask("/predict", rows.records(names)).json["predictions"]

    assert by_matrix == by_column == by_record
    assert len(by_matrix) == len(rows.values)


@SEVERAL
@given(draw=st.data())
def test_bad_columns_are_refused(server: Server, names: list[str], draw: st.DataObject) -> None:
    assert_refused(server.ask(f"{MODEL}/infer", draw.draw(requests.bad_columns(names))))


@SEVERAL
@given(body=requests.bad_matrix())
def test_bad_matrix_is_refused(server: Server, body: bytes) -> None:
    assert_refused(server.ask(f"{MODEL}/infer", body))


@SEVERAL
@given(draw=st.data())
def test_bad_records_are_refused(server: Server, names: list[str], draw: st.DataObject) -> None:
    assert_refused(server.ask("/predict", draw.draw(requests.bad_records(names))))


@pytest.mark.parametrize("path", [f"{MODEL}/infer", "/predict"])
@SEVERAL
@given(body=requests.garbage())
def test_garbage_is_refused(server: Server, path: str, body: bytes) -> None:
    assert_refused(server.ask(path, body))


def assert_refused(answer: Answer) -> None:
    assert answer.status == 400, (answer.status, answer.body)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["error"].endswith(".")
