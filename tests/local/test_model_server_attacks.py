"""No client can stop the model server, which has the memory and the descriptors of its pod."""

import gzip
import json
import os
import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.local.data_servers import HOST
from tests.local.model_servers import MODEL, Server, serving
from tests.local.projects import Project

pytestmark = pytest.mark.xdist_group("model-server")

DESCRIPTORS = 1024
MEBIBYTE = 2**20
MOST_GROWTH = 250 * MEBIBYTE
"""Of the server's memory: it has 1 GiB, and needs 350 MiB of it without any client."""
MOST_SECONDS = 1
"""Of a busy processor, for any one request: the kubelet waits 5 for an answer. Values of 8 MB took 3 to read."""
START = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
BODY = 8 * MEBIBYTE
COSTLY = {
    "empty lists": ("FP64", [1, 13], b"[]", 2_700_000),
    "empty objects": ("FP64", [1, 13], b"{}", 2_700_000),
    "numbers": ("FP64", [300_000, 13], b"1", 3_900_000),
    "nulls": ("FP64", [1, 13], b"null", 1_600_000),
    "texts": ("BYTES", [1, 13], b'"a"', 2_000_000),
    "lists of texts": ("BYTES", [1, 13], b"[]", 2_700_000),
}
"""Values of 8 MB."""


@pytest.fixture(scope="module")
def server(trained: Project) -> Iterator[Server]:
    with serving(trained) as server:
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        yield server
        assert server.process.poll() is None
        assert [line for line in server.lines() if line.get("status", 0) >= 500 and line["status"] != 503] == []


def connected(server: Server) -> socket.socket:
    """Return a connection to a server."""
    return socket.create_connection((HOST, server.port), timeout=30)


def ended(connection: socket.socket) -> bytes:
    """Return what a server still says until it closes a connection."""
    said = b""
    with suppress(ConnectionError):
        while part := connection.recv(65536):
            said += part
    return said


def memory(server: Server) -> int:
    """Return how many bytes of memory a server takes."""
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def seconds_of_a_processor(server: Server) -> float:
    """Return how much of processors a server has used."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_live(server: Server) -> bool:
    """Return whether a server answers a new connection."""
    return server.ask("/v2/health/live").status == 200


def test_endless_headers_are_cut_off(server: Server) -> None:
    before = memory(server)
    with connected(server) as connection, suppress(ConnectionError):
        connection.sendall(b"GET /v2 HTTP/1.1\r\nHost: x\r\n")
        for _ in range(100):
            connection.sendall(b"X-Header: " + b"a" * MEBIBYTE)
        pytest.fail("the server took 100 MiB of headers")
    assert memory(server) - before < 5 * MEBIBYTE
    assert is_live(server)


def test_large_headers_are_refused_and_those_of_browsers_are_not(server: Server) -> None:
    large = server.ask("/v2", **{f"x-{number}": "a" * 1000 for number in range(40)})
    assert large.status == 431
    assert large.json == {"error": "The headers have 32768 bytes or more."}
    assert server.ask("/v2", cookie="a" * 16_000).status == 200


def test_request_in_small_pieces_is_answered(server: Server) -> None:
    with connected(server) as connection:
        for byte in b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n":
            connection.sendall(bytes([byte]))
        assert ended(connection).endswith(b'{"live":true}')


def test_requests_that_follow_each_other_at_once_are_all_answered(server: Server) -> None:
    request = START + b"Content-Length: 2\r\n\r\n[]"
    with connected(server) as connection:
        connection.sendall(request * 2_000 + b"GET /v2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert ended(connection).count(b"HTTP/1.1 ") == 2_001


@pytest.mark.parametrize(("given", "kept"), [("a" * 128, True), ("a" * 129, False), ("a\xffb", False), ("a b", False)])
def test_id_of_a_request_is_kept_if_it_is_short_and_safe(server: Server, given: str, kept: bool) -> None:
    answer = server.ask("/v2", **{"X-Request-Id": given})
    assert (answer.headers["X-Request-Id"] == given) == kept


def test_idle_and_half_sent_connections_keep_nobody_out(server: Server) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * DESCRIPTORS), hard))  # of the attacker
    with ExitStack() as held:
        connections = [held.enter_context(connected(server)) for _ in range(DESCRIPTORS + 100)]
        for connection in connections[::2]:
            with suppress(ConnectionError):
                connection.sendall(b"GET /v2 HTTP/1.1\r\nHost: x\r\n")
        assert is_live(server)
        for connection in connections:  # within 30 s each, which they share
            assert ended(connection) == b""
    assert len([*Path(f"/proc/{server.process.pid}/fd").iterdir()]) < 100


def test_unfinished_bodies_fill_no_memory(server: Server) -> None:
    before, most = memory(server), 0
    with ExitStack() as held:
        for _ in range(200):
            connection = held.enter_context(connected(server))
            with suppress(ConnectionError):
                connection.sendall(START + b"Content-Length: %d\r\n\r\n" % BODY + b" " * (BODY - 1))
            most = max(most, memory(server))
        assert is_live(server)
    assert most - before < MOST_GROWTH


def test_small_bodies_that_become_large_fill_no_memory(server: Server) -> None:
    before = memory(server)
    bomb = gzip.compress(b" " * (BODY - 1))
    with ExitStack() as held:
        connections = [held.enter_context(connected(server)) for _ in range(100)]
        for connection in connections:
            head = b"Content-Encoding: gzip\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(bomb)
            connection.sendall(START + head + bomb)
        assert is_live(server)
        statuses = {ended(connection).split()[1] for connection in connections}
    assert statuses <= {b"400", b"503"}
    assert memory(server) - before < MOST_GROWTH


@pytest.mark.parametrize("costly", COSTLY)
def test_millions_of_values_are_refused_before_they_are_read(server: Server, costly: str) -> None:
    datatype, shape, value, times = COSTLY[costly]
    described = json.dumps({"name": "rows", "shape": shape, "datatype": datatype})[:-1].encode()
    body = b'{"inputs": [' + described + b', "data": [' + b",".join([value] * times) + b"]}]}"
    refused_cheaply(server, f"{MODEL}/infer", body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b",".join([b"{}"] * 2_700_000) + b"]",
        b"[{" + b",".join(b'"%d":1' % number for number in range(600_000)) + b"}]",
        b"[" * BODY,
        b'[{"' + b"a" * (BODY - 100) + b'":1}]',
    ],
    ids=["empty records", "columns", "depth", "a name"],
)
def test_records_that_cost_much_are_refused_cheaply(server: Server, body: bytes) -> None:
    refused_cheaply(server, "/predict", body)


@pytest.mark.parametrize(
    "more",
    [
        {"parameters": {"a": [[]] * 2_000_000}},
        {"inputs": [{"name": "a", "shape": [1], "datatype": "FP64", "data": [1]}] * 120_000},
        {"inputs": [{"name": "a", "shape": [1] * 2_000_000, "datatype": "FP64", "data": [1]}]},
        {"outputs": [{"name": "a", "parameters": {"b": [[]] * 2_000_000}}]},
    ],
    ids=["parameters", "tensors", "shape", "outputs"],
)
def test_what_is_beside_values_is_refused_cheaply(server: Server, more: dict[str, object]) -> None:
    body = json.dumps({"inputs": []} | more, separators=(",", ":")).encode()
    refused_cheaply(server, f"{MODEL}/infer", body)


def refused_cheaply(server: Server, path: str, body: bytes) -> None:
    """Check that a request is refused, in few words and for little work."""
    before = seconds_of_a_processor(server)
    answer = server.ask(path, body)
    assert answer.status == 400
    assert len(answer.body) < 1_100
    assert seconds_of_a_processor(server) - before < MOST_SECONDS
    assert is_live(server)


def test_method_of_proxies_is_refused(server: Server) -> None:
    with connected(server) as connection:
        connection.sendall(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
        assert ended(connection).startswith(b"HTTP/1.1 405 ")


def test_garbage_does_not_fill_the_log(server: Server) -> None:
    before = len(server.said())
    for _ in range(300):
        with connected(server) as connection:
            connection.sendall(b"GARBAGE\r\n\r\n")
            assert b" 400 " in ended(connection)
    assert len(server.said()) - before < 10_000


def test_log_has_no_character_of_a_path_raw(server: Server) -> None:
    server.ask("/v2/models/a%0aINFO:root:forged%1b%5b31m%07" + "z" * 1000)
    server.wait_for(lambda: "forged" in server.said())  # the line comes after the answer
    (line,) = [line for line in server.lines() if "forged" in line["message"]]
    assert line["message"].startswith("GET /v2/models/a%0aINFO:root:forged%1b%5b31m%07zzz")
    assert len(line["message"]) < 210
