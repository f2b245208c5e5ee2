"""What a model server answers over gRPC to the clients of others, and as a process."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from uv import find_uv_bin

from tests.local.data_servers import HOST, free_port
from tests.local.model_servers import GRPC, NAME, Server, serving, starting
from tests.local.projects import Project
from tests.local.test_frameworks import SAMPLE
from tests.local.test_model_server import TRITON
from tests.running import ROOT, run

pytestmark = pytest.mark.xdist_group("model-server")

KSERVE = "kserve==0.21.0"
LIBRARY = ROOT / "template/vendor/ml-chassis/src"


class Listening(NamedTuple):
    """A server, and its address for gRPC."""

    server: Server
    address: str


@pytest.fixture(scope="module")
def installed(trained: Project, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a folder with the extra `grpc`, beside the environment that other tests share."""
    folder, python = tmp_path_factory.mktemp("grpc"), trained.folder / ".venv/bin/python"
    run(find_uv_bin(), "pip", "install", "--quiet", f"--python={python}", f"--target={folder}", GRPC)
    return str(folder)


@pytest.fixture(scope="module")
def listening(trained: Project, installed: str) -> Iterator[Listening]:
    port = free_port()
    with serving(trained, PYTHONPATH=installed, SERVE_GRPC_PORT=port) as server:
        yield Listening(server, f"{HOST}:{port}")


def client(script: str, package: str, *arguments: str) -> Any:
    """Return what a script that asks with a client printed."""
    command = [find_uv_bin(), "run", "--quiet", "--no-project", "--python", sys.executable, "--with", package]
    environment = os.environ | {"PYTHONPATH": str(LIBRARY)}
    said = run(*command, str(Path(__file__).with_name(script)), *arguments, env=environment)
    return json.loads(said.splitlines()[-1])


@pytest.fixture(scope="module")
def triton(listening: Listening) -> Any:
    package = TRITON.replace("http", "grpc")
    return client("triton_grpc_client.py", package, listening.address, NAME, json.dumps([SAMPLE, SAMPLE]))


@pytest.mark.parametrize("fact", ["live", "ready", "model_ready"])
def test_tritons_client_finds_it_healthy(triton: Any, fact: str) -> None:
    assert triton[fact] is True


@pytest.mark.parametrize("way", ["by_matrix", "by_column", "compressed"])
def test_tritons_client_gets_answers(triton: Any, way: str) -> None:
    assert triton["columns"] == len(SAMPLE)
    assert triton[way] == [0, 0]


def test_tritons_client_sends_numbers_of_any_type(triton: Any) -> None:
    assert len(triton["as_numbers_of_other_types"]) == 8
    assert all(answers == [0, 0] for answers in triton["as_numbers_of_other_types"].values())


def test_tritons_client_gets_probabilities(triton: Any) -> None:
    assert triton["shares"] == [[2, 3], [pytest.approx(1), pytest.approx(1)]]


def test_tritons_client_is_told_what_is_not_there(triton: Any) -> None:
    expected = f"Model 'beers' version 1 is not served here; '{NAME}' version 1 is."
    assert triton["refusal"] == ["StatusCode.NOT_FOUND", expected]


def test_messages_are_those_that_tritons_client_was_generated_from(triton: Any) -> None:
    assert triton["differing"] == []


def test_client_of_kserves_sdk_is_answered_over_http_and_grpc(listening: Listening) -> None:
    rows = json.dumps([SAMPLE, SAMPLE])
    facts = client("kserve_client.py", KSERVE, listening.server.address, listening.address, NAME, rows)

    assert facts == {kind: {"live": True, "ready": True, "model": True, "answers": [0, 0]} for kind in ("http", "grpc")}


def test_calls_are_in_the_log(listening: Listening, triton: Any) -> None:
    lines = listening.server.lines(message="gRPC ModelMetadata", status=404)

    assert [line["endpoint"] for line in lines] == ["model_metadata"]


def test_port_that_is_taken_ends_the_server_with_a_sentence(
    trained: Project, installed: str, listening: Listening
) -> None:
    port = listening.address.rpartition(":")[2]
    with starting(trained, PYTHONPATH=installed, SERVE_GRPC_PORT=port) as server:
        assert server.process.wait(60) == 3
        (said,) = [line["message"] for line in server.lines(level="error")]

    assert said.startswith(f"gRPC cannot listen at {listening.address}: ")
    assert said.endswith("Set SERVE_GRPC_PORT to another port.")


def test_library_that_is_missing_is_named(trained: Project) -> None:
    with starting(trained, SERVE_GRPC_PORT=free_port()) as server:
        assert server.process.wait(60) == 2

        assert "SERVE_GRPC_PORT is set, and grpc is not installed: add the extra `grpc`" in server.said()


def test_several_processes_share_the_port_and_end_when_they_are_told(trained: Project, installed: str) -> None:
    port = free_port()
    with serving(trained, PYTHONPATH=installed, SERVE_GRPC_PORT=port, WORKERS="2") as server:
        package = TRITON.replace("http", "grpc")
        facts = client("triton_grpc_client.py", package, f"{HOST}:{port}", NAME, json.dumps([SAMPLE, SAMPLE]))
        server.end(60)

    assert facts["by_matrix"] == [0, 0]
    assert server.process.returncode == 0
