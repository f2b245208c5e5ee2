import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from ml_chassis.digests import digest
from ml_chassis.errors import ModelError, ServingError
from ml_chassis.project import SKLEARN_TYPES, Project
from ml_chassis.serving.app import create_app
from ml_chassis.serving.binary import HEADER, parts_of, read
from ml_chassis.serving.columns import Rows
from ml_chassis.serving.model import ServedModel, load, resolve
from ml_chassis.serving.outputs import probabilities
from ml_chassis.serving.refusals import Refusal
from ml_chassis.serving.runtime import Runtime
from ml_chassis.settings import Settings
from numpy.typing import NDArray
from projects import like
from sklearn.pipeline import Pipeline
from starlette.testclient import TestClient
from wines import PROJECT

MODEL = f"/v2/models/{PROJECT.name}"
SECONDS_TO_LOAD = 60

Serve = Callable[..., AbstractContextManager[TestClient]]


@pytest.fixture
def serving(settings: Settings) -> Serve:
    """Return a function that serves the champion, by default that of `wines`, with some settings changed."""

    @contextmanager
    def serve(project: Project = PROJECT, **changes: object) -> Iterator[TestClient]:
        with TestClient(create_app(project, settings.model_copy(update=changes))) as client:
            deadline = time.monotonic() + SECONDS_TO_LOAD
            while client.get("/v2/health/ready").is_error:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield client

    return serve


@pytest.fixture
def client(serving: Serve) -> Iterator[TestClient]:
    with serving() as client:
        yield client


@pytest.fixture(scope="session")
def features(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns="cultivar").iloc[[0, 90, 177]]


def by_column(features: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {"name": name, "shape": [len(features)], "datatype": "FP64", "data": column.tolist()}
        for name, column in features.items()
    ]


def as_matrix(features: pd.DataFrame) -> list[dict[str, Any]]:
    return [{"name": "rows", "shape": list(features.shape), "datatype": "FP64", "data": features.to_numpy().tolist()}]


def test_server_tells_its_name_and_health(client: TestClient) -> None:
    assert client.get("/v2").json()["name"] == PROJECT.package
    assert client.get("/v2/health/live").json() == {"live": True}
    assert client.get("/v2/health/ready").json() == {"ready": True}


def test_server_is_live_before_it_has_a_model(settings: Settings) -> None:
    client = TestClient(create_app(PROJECT, settings))  # which loads a model only within `with`

    assert client.get("/v2/health/live").status_code == 200
    assert client.get("/v2/health/ready").status_code == 503
    assert client.post("/predict", json=[{}]).json() == {"error": "The model is loading; try again."}


@pytest.mark.parametrize("path", [MODEL, f"{MODEL}/versions/1"])
def test_model_tells_its_columns(client: TestClient, path: str, features: pd.DataFrame) -> None:
    metadata = client.get(path).json()

    assert [column["name"] for column in metadata["inputs"]] == list(features.columns)
    assert metadata["outputs"] == [
        {"name": "cultivar", "datatype": "INT64", "shape": [-1]},
        {"name": "probabilities", "datatype": "FP64", "shape": [-1, 3]},
    ]
    assert client.get(f"{path}/ready").json()["ready"] is True


def test_columns_matrix_and_records_get_the_same_answer(client: TestClient, features: pd.DataFrame) -> None:
    columns = client.post(f"{MODEL}/infer", json={"inputs": by_column(features)}).json()
    matrix = client.post(f"{MODEL}/infer", json={"inputs": as_matrix(features)}).json()
    records = client.post("/predict", json=features.to_dict("records")).json()

    assert columns["outputs"] == [{"name": "cultivar", "shape": [3], "datatype": "INT64", "data": [0, 1, 2]}]
    assert matrix["outputs"] == columns["outputs"]
    assert records["predictions"] == [0, 1, 2]


def test_answer_names_the_version_and_repeats_the_id(client: TestClient, features: pd.DataFrame) -> None:
    request = {"id": "order-7", "parameters": {"shop": 3}, "inputs": by_column(features)}
    answer = client.post(f"{MODEL}/infer", json=request, headers={"x-request-id": "r-1"})

    assert answer.headers["x-model-version"] == answer.json()["model_version"] == "1"
    assert (answer.json()["id"], answer.json()["parameters"]) == ("order-7", {"shop": 3})
    assert answer.headers["x-request-id"] == "r-1"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": "vintage"}, "Input 'alcohol' is missing"),
        ({"name": "ash"}, "An input is named twice"),
        ({"datatype": "FP12"}, "Input 'alcohol' has datatype 'FP12'; expected one of"),
        ({"shape": [2], "data": [1, 2]}, "has shape [3]; expected [2]"),
        ({"shape": [], "data": [1]}, "has shape []; expected [0]"),
        ({"data": [1, 2]}, "Input 'alcohol' has shape [3], which its 2 values do not fill"),
        ({"data": ["a", "b", "c"]}, "Input 'alcohol' does not hold FP64 data"),
        ({"data": [1, "b", 2]}, "Input 'alcohol' mixes values of several kinds: int, str"),
        ({"data": [[1, 2], [3]]}, "Input 'alcohol' holds no plain array"),
        ({"datatype": "INT64", "data": [1, 2, 3.5]}, "Input 'alcohol' does not hold INT64 data: 3.5 is not one"),
        ({"datatype": "INT32", "data": [1, 2, 2**40]}, f"does not hold INT32 data: {2**40} is not one"),
        ({"datatype": "FP32", "data": [1, 2, 1e300]}, "holds numbers up to 1e+30: 1e+300 is larger"),
        ({"data": [1, 2, 1e300]}, "Input 'alcohol' holds numbers up to 1e+30: 1e+300 is larger"),
        ({"datatype": "BOOL", "data": [True, False, True]}, "Input 'alcohol' does not hold FP64 data"),
    ],
)
def test_bad_input_is_named(client: TestClient, features: pd.DataFrame, change: dict[str, Any], complaint: str) -> None:
    first, *others = by_column(features)

    answer = client.post(f"{MODEL}/infer", json={"inputs": [first | change, *others]})

    assert answer.status_code == 400
    assert complaint in answer.json()["error"]


def test_bad_matrix_is_named(client: TestClient, features: pd.DataFrame) -> None:
    answer = client.post(f"{MODEL}/infer", json={"inputs": as_matrix(features.iloc[:, 1:])})

    assert answer.json() == {"error": "Input 'rows' has shape [3, 12]; expected [rows, 13]."}


def test_bad_record_is_named(client: TestClient, features: pd.DataFrame) -> None:
    first, second, _ = features.to_dict("records")
    del second["ash"]

    assert "Input 'ash' is missing" in client.post("/predict", json=[first, second]).json()["error"]
    assert "Input 'cork' is unknown" in client.post("/predict", json=[first | {"cork": 1}]).json()["error"]


def test_null_is_a_missing_number(client: TestClient, features: pd.DataFrame) -> None:
    record = features.to_dict("records")[0] | {"ash": None}

    assert client.post("/predict", json=[record]).json()["predictions"] == [0]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"inputs": 3}', b'{"inputs": []}'])
def test_body_that_is_no_request_is_refused(client: TestClient, body: bytes) -> None:
    assert client.post(f"{MODEL}/infer", content=body).status_code == 400


def test_large_requests_are_refused(serving: Serve, features: pd.DataFrame) -> None:
    with serving(serve_max_bytes=10_000, serve_max_rows=2) as client:
        assert client.post(f"{MODEL}/infer", content=b" " * 10_001).status_code == 413
        answer = client.post("/predict", json=features.to_dict("records"))

    assert answer.json() == {"error": "The request has 3 rows; expected 1 to 2."}


@pytest.mark.parametrize("path", ["/v2/models/other", f"{MODEL}/versions/2", "/v3"])
def test_unknown_path_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 404
    assert answer.json()["error"]


def count(client: TestClient, name: str, **labels: str) -> float:
    """Return the sum of the series of a metric that have the labels."""
    series = [line for line in client.get("/metrics").text.splitlines() if line.startswith(f"model_server_{name}")]
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(float(line.rpartition(" ")[2]) for line in series if all(each in line for each in wanted))


def test_metrics_count_requests_and_rows(client: TestClient, features: pd.DataFrame) -> None:
    answered = {"code": "200", "endpoint": "predict", "model": PROJECT.name, "version": "1"}
    rows, answers = count(client, "rows_total"), count(client, "requests_total", **answered)
    client.post("/predict", json=features.to_dict("records"))

    assert count(client, "rows_total") == rows + 3
    assert count(client, "requests_total", **answered) == answers + 1
    assert count(client, "model_info", model=PROJECT.name, version="1") == 1


def test_metrics_count_why_there_was_no_prediction(client: TestClient) -> None:
    before = count(client, "errors_total", reason="invalid", code="400")
    client.post("/predict", json=[])
    client.post("/predict", content=b"no JSON")
    client.get("/predict")  # asks for no prediction

    assert count(client, "errors_total", reason="invalid", code="400") == before + 2
    assert count(client, "errors_total", reason="queue_full", code="503") == 0


def test_interface_is_described(client: TestClient) -> None:
    assert f"{MODEL}/infer" in client.get("/openapi.json").json()["paths"]


def test_model_answers_a_matrix_as_it_answers_a_dataframe(
    settings: Settings, model: Pipeline, rows: pd.DataFrame
) -> None:
    served, features = load(settings, SKLEARN_TYPES), rows.drop(columns="cultivar")

    assert served.columns.as_matrix
    assert np.array_equal(served.engine.predict(features.to_numpy()), model.predict(features))


@pytest.mark.parametrize("runtime", ["onnx", "native"])
def test_probabilities_come_beside_the_answers_where_they_are_asked_for(
    runtime: str, serving: Serve, features: pd.DataFrame, model: Pipeline
) -> None:
    expected = pytest.approx(model.predict_proba(features).ravel(), abs=1e-5)
    with serving(serve_runtime=runtime) as client:
        asked = {"inputs": by_column(features), "outputs": [{"name": "probabilities"}, {"name": "cultivar"}]}
        shares, answers = client.post(f"{MODEL}/infer", json=asked).json()["outputs"]
        records = client.post("/predict?with=probabilities", json=features.to_dict("records")).json()

    assert (shares["datatype"], shares["shape"], shares["data"]) == ("FP64", [3, 3], expected)
    assert shares["parameters"] == {"classes": "[0,1,2]"}
    assert (answers["name"], answers["data"]) == ("cultivar", [0, 1, 2])
    assert (records["predictions"], records["classes"]) == ([0, 1, 2], [0, 1, 2])
    assert [share for row in records["probabilities"] for share in row] == expected


def test_outputs_may_come_as_bytes_and_as_json_in_one_answer(
    client: TestClient, features: pd.DataFrame, model: Pipeline
) -> None:
    outputs = [{"name": "cultivar"}, {"name": "probabilities", "parameters": {"binary_data": True}}]
    answer = client.post(f"{MODEL}/infer", json={"inputs": by_column(features), "outputs": outputs})

    text, data = parts_of(answer.content, answer.headers[HEADER])
    answers, shares = json.loads(bytes(text))["outputs"]
    assert answers["data"] == [0, 1, 2]
    assert shares["parameters"] == {"classes": "[0,1,2]", "binary_data_size": len(data)}
    assert read(data, "FP64", 9, "probabilities") == pytest.approx(model.predict_proba(features).ravel(), abs=1e-5)


def test_unknown_output_is_named(client: TestClient, features: pd.DataFrame) -> None:
    asked = {"inputs": by_column(features), "outputs": [{"name": "vintage"}]}
    told = client.post(f"{MODEL}/infer", json=asked).json()["error"]
    assert told == "Output 'vintage' is unknown; expected cultivar or probabilities."

    answer = client.post("/predict?with=cultivar", json=features.to_dict("records"))
    assert answer.status_code == 400
    assert answer.json() == {"error": "Output 'cultivar' is unknown; expected probabilities."}


def test_output_of_more_numbers_than_an_answer_may_have_is_refused() -> None:
    (extra,) = probabilities([f"label {place}" for place in range(1_000)], lambda rows: np.asarray(rows)).values()

    extra.check(500)
    with pytest.raises(Refusal, match="'probabilities' has 1000 numbers for each row; ask for 500 rows at most"):
        extra.check(501)


class Noting:
    """An observer that keeps what it sees."""

    def __init__(self, model: ServedModel, settings: Settings) -> None:
        self.seen: list[tuple[int, list[Any]]] = []
        self.closed = False

    def see(self, rows: Rows, answers: NDArray[Any]) -> None:
        self.seen.append((len(rows), answers.tolist()))

    async def close(self) -> None:
        self.closed = True


def test_observer_sees_each_prediction_and_is_closed(settings: Settings, features: pd.DataFrame) -> None:
    made: list[Noting] = []

    def observe(model: ServedModel, settings: Settings) -> Noting:
        made.append(Noting(model, settings))
        return made[0]

    async def ask() -> None:
        runtime = Runtime(settings, observe)
        async with runtime.lifespan(None), asyncio.timeout(SECONDS_TO_LOAD):
            while not runtime.ready:
                await asyncio.sleep(0.05)
            await runtime.predict(features.to_numpy())
            with pytest.raises(Refusal):
                await runtime.predict(features.to_numpy()[:0])

    asyncio.run(ask())

    assert [(each.seen, each.closed) for each in made] == [([(3, [0, 1, 2])], True)]


@pytest.mark.parametrize(("monitoring", "shares"), [(True, 1), (False, 0)])
def test_model_is_observed_where_the_project_is_monitored(
    monitoring: bool, shares: int, serving: Serve, files: Path
) -> None:
    name = f"monitored-{monitoring}".lower()

    with serving(like(PROJECT, monitoring=monitoring), model_name=name, model_uri=str(files)) as client:
        assert count(client, "column_training_ratio", model=name, column="ash") == pytest.approx(shares)


@pytest.mark.parametrize("others", [[], [1.5]])
@pytest.mark.parametrize("value", [True, "1"])
def test_value_of_another_kind_is_refused_alone_and_among_others(
    client: TestClient, features: pd.DataFrame, value: Any, others: list[float]
) -> None:
    record = features.to_dict("records")[0]

    answer = client.post("/predict", json=[record | {"ash": each} for each in [value, *others]])

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Input 'ash' ")


def test_alias_is_resolved_to_a_version(settings: Settings, files: Path) -> None:
    assert resolve(settings) == ("models:/ml-chassis/1", digest(files))


def test_version_with_a_digest_is_served_without_asking_for_it(settings: Settings) -> None:
    known = {"model_uri": "models:/elsewhere/7", "model_digest": f"sha256:{64 * '7'}"}

    assert resolve(settings.model_copy(update=known)) == ("models:/elsewhere/7", f"sha256:{64 * '7'}")


def test_downloaded_model_keeps_its_version(settings: Settings) -> None:
    mlflow.set_tracking_uri(settings.tracking_uri)
    folder = mlflow.artifacts.download_artifacts("models:/ml-chassis/1")

    assert load(settings.model_copy(update={"model_uri": folder}), SKLEARN_TYPES).version == "1"


def test_server_without_a_champion_says_how_to_get_one(settings: Settings) -> None:
    with pytest.raises(ServingError, match="run` trains and promotes one"):
        resolve(settings.model_copy(update={"model_name": "beers"}))


def test_model_that_cannot_be_loaded_is_named(settings: Settings) -> None:
    with pytest.raises(ModelError, match=r"'/nowhere' cannot be loaded: .* Check that it is there"):
        load(settings.model_copy(update={"model_uri": "/nowhere"}), SKLEARN_TYPES)
