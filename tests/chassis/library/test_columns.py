"""Columns of every kind, from training to a server's answers, in the repository that the tests run in."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pandas as pd
import pytest
from ml_chassis.data import SAMPLE, read_rows
from ml_chassis.serving.client import input_tensors
from ml_chassis.serving.columns import TensorMetadata
from ml_chassis.serving.model import load
from ml_chassis.serving.protocol import InferenceRequest
from ml_chassis.testing import defaults, served
from repository import PROJECT, TARGET, make_champion
from starlette.testclient import TestClient


class Server(NamedTuple):
    """A server of a model, what that takes, and the rows that it learned from, with its answers."""

    client: TestClient
    columns: list[TensorMetadata]
    features: pd.DataFrame
    expected: list[int]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with defaults(PROJECT.settings, tmp_path_factory.mktemp("mixed"), data_uri=SAMPLE) as settings:
        rows = mixed(read_rows(settings))
        model, features = make_champion(settings, rows), rows.drop(columns=TARGET)
        columns = load(settings, PROJECT.model_types).columns.tensors
        with served(settings) as client:
            yield Server(client, columns, features, model.predict(features).tolist())


def mixed(sample: pd.DataFrame) -> pd.DataFrame:
    """Return rows with a column of each kind, in which values are missing."""
    places = pd.Series(range(len(sample)))
    rows = sample[["alcohol", TARGET]].assign(
        colour=pd.Series([["light", "dark", None][place % 3] for place in places], dtype=object),
        organic=places.gt(90).astype("boolean").where(places % 4 > 0),
        bottled=pd.Series(pd.Timestamp("2026-01-01"), places.index).where(places % 5 > 0),
    )
    return rows.rename(columns={"alcohol": "alcohol_$_per_$_bottle"})  # a formula to what draws the pictures


def test_each_column_has_the_datatype_of_its_kind(server: Server) -> None:
    assert [column.datatype for column in server.columns] == ["FP64", "BYTES", "BOOL", "BYTES"]


def test_null_is_a_missing_value_of_its_column_alone_and_among_others(server: Server) -> None:
    for asked in [server.features, *(server.features.iloc[[place]] for place in range(60))]:
        sent = msgspec.json.encode(InferenceRequest(input_tensors(asked, server.columns)))
        answer = server.client.post(f"/v2/models/{PROJECT.name}/infer", content=sent).json()
        assert answer["outputs"][0]["data"] == [server.expected[place] for place in asked.index]


def test_row_without_a_value_is_answered(server: Server) -> None:
    record = dict.fromkeys(server.features)

    assert len(server.client.post("/predict", json=[record]).json()["predictions"]) == 1


@pytest.mark.parametrize("no_date", ["soon", "now", "", "9999-12-31"])
def test_text_that_is_no_date_is_refused(server: Server, no_date: str) -> None:
    record = dict.fromkeys(server.features) | {"bottled": no_date}

    refusal = server.client.post("/predict", json=[record]).json()["error"]

    assert refusal == f"Input 'bottled' holds dates in ISO 8601, from 1678 to 2261: {no_date!r} is not one."
