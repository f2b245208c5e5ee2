"""What docs/extending.md tells a reader to write works in a repository, to the letter."""

import importlib
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import mlflow
import mlflow.sklearn
import pandas as pd
import pytest
import uvicorn
from ml_chassis.data import rows_of_project
from ml_chassis.digests import DIGEST, ORIGIN, digest
from ml_chassis.errors import ModelError, RolloutError, SettingsError
from ml_chassis.evaluation import judge
from ml_chassis.holdout import hold_out
from ml_chassis.model_record import Column
from ml_chassis.monitoring.distributions import distributions, to_metadata
from ml_chassis.project import SKLEARN_TYPES, Project
from ml_chassis.registry import Registry
from ml_chassis.rollout.release import Release
from ml_chassis.rollout.trial import try_out
from ml_chassis.serving.app import create_app
from ml_chassis.settings import Settings
from ml_chassis.signatures import signature
from mlflow import MlflowClient
from mlflow.models import Model
from numpy.typing import NDArray
from repository import PACKAGE, TARGET, copy_package
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from starlette.testclient import TestClient
from typer.testing import CliRunner

PAGE = Path(__file__).parents[3] / "docs/extending.md"
SECONDS_TO_LOAD = 60

Extended = Callable[[str], ModuleType]


def examples(section: str) -> list[tuple[str, str]]:
    """Return the file and the code of each example of a section."""
    _, _, after = PAGE.read_text().partition(f"\n## {section}\n")
    text, _, _ = after.partition("\n## ")
    return re.findall(r'```python title="src/wine_cultivars/([\w/.]+)"\n(.*?)```', text, re.DOTALL)


SECTIONS = [section for section in re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE) if examples(section)]


def write_down(section: str, package: Path) -> None:
    """Do to a package what a reader of a section does: write files, and lines into those that are there."""
    for name, code in examples(section):
        file = package / name
        if code.startswith('"""'):
            file.write_text(code)
            continue
        lines, present = code.splitlines(keepends=True), file.read_text()
        match name:
            case "__init__.py":
                changed = present.replace("    settings=Settings,\n", f"    settings=Settings,\n{''.join(lines[2:-1])}")
            case "settings.py" if "gate_metric" in code:
                changed = re.sub(r"    gate_metric: .*\n", lines[1], present)
            case "settings.py":
                changed = present.replace("import Literal\n", "import Annotated, Literal\n")
                changed = changed.replace("import Address\n", "import Address\nfrom pydantic import Field\n")
                changed += "".join(lines[1:])
            case _:
                changed = re.sub(r"found = judge\(.*\n", code, present)
                changed = changed.replace("    from ml_chassis.evaluation import judge\n", "")
                changed = changed.replace("evaluation import measure\n", "evaluation import judge\n")
        assert changed != present
        file.write_text(changed)


@pytest.fixture
def extended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Extended]:
    """Return a function that does to a copy of the repository's package what a section says, and imports it."""

    def forget() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]

    def extend(section: str) -> ModuleType:
        write_down(section, copy_package(tmp_path / "repository", "pyproject.toml"))
        monkeypatch.syspath_prepend(str(tmp_path / "repository/src"))
        monkeypatch.setenv("LOCAL_DIR", str(tmp_path))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
        forget()
        return importlib.import_module(PACKAGE)

    yield extend
    forget()


@pytest.fixture(scope="session")
def wine() -> pd.DataFrame:
    rows: pd.DataFrame = load_wine(as_frame=True).frame
    return rows.rename(columns={"target": TARGET, "od280/od315_of_diluted_wines": "od280_od315"})


@pytest.fixture(scope="session")
def classifier(wine: pd.DataFrame) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(wine.drop(columns=TARGET), wine[TARGET])


@pytest.fixture(scope="session")
def champion(tmp_path_factory: pytest.TempPathFactory, classifier: Pipeline, wine: pd.DataFrame) -> Path:
    """Return the files of a model of numbers."""
    folder, features = tmp_path_factory.mktemp("champion") / "model", wine.drop(columns=TARGET)
    answers = pd.Series(classifier.predict(features), name=TARGET)
    mlflow.sklearn.save_model(
        classifier,
        folder,
        signature=signature(wine, wine, answers),
        input_example=features.head(3),
        pip_requirements=[],
        skops_trusted_types=list(SKLEARN_TYPES),
        metadata=to_metadata(distributions(features, answers)),
    )
    (folder / ORIGIN).write_text("model_version: 1\n")  # as MLflow does where it downloads a version
    return folder


@contextmanager
def client_of(app: Any) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        deadline = time.monotonic() + SECONDS_TO_LOAD
        while client.get("/v2/health/ready").is_error:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield client


@pytest.fixture
def served(extended: Extended, champion: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Return a function that serves the champion with the server of a section."""
    monkeypatch.setenv("MODEL_URI", str(champion))

    def serve(section: str) -> AbstractContextManager[TestClient]:
        extended(section)
        return client_of(importlib.import_module(f"{PACKAGE}.serving").app())

    return serve


@pytest.fixture
def plain(champion: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that serves the champion of a project that is monitored, with what `create_app` is given."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")

    class Plain(Settings):
        data_uri: str = "sklearn:wine"
        data_target: str = TARGET
        gate_metric: str = "accuracy"

    project = Project("ml-chassis", "ml_chassis", Plain, monitoring=True)
    settings = Plain.load().model_copy(
        update={"local_dir": tmp_path, "model_uri": str(champion), "capture_uri": str(tmp_path), "capture_share": 1.0}
    )

    def serve(**given: Any) -> AbstractContextManager[TestClient]:
        return client_of(create_app(project, settings, **given))

    return serve


def records(wine: pd.DataFrame, **changes: Any) -> list[dict[str, Any]]:
    """Return one row of each class as a client sends it."""
    rows = wine.drop(columns=TARGET).iloc[[0, 90, 177]].assign(**changes)
    return [{str(name): value for name, value in record.items()} for record in rows.to_dict("records")]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which mypy keeps what it knows of libraries."""
    return tmp_path_factory.mktemp("mypy")


@pytest.mark.parametrize("section", SECTIONS)
def test_example_is_clean_and_typed(section: str, tmp_path: Path, cache: Path) -> None:
    write_down(section, copy_package(tmp_path, "pyproject.toml"))

    for command in ("ruff check src", "ruff format --check src", f"mypy --cache-dir={cache} src"):
        arguments = [sys.executable, "-m", *command.split()]
        done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def proof(wine: pd.DataFrame) -> list[dict[str, Any]]:
    rows = records(wine)
    return [{"proof": 2 * row.pop("alcohol")} | row for row in rows]


HOOKS = "Change what clients send and get"


def test_clients_send_and_get_what_the_hooks_make_of_it(served: Any, wine: pd.DataFrame) -> None:
    with served(HOOKS) as client:
        assert client.post("/predict", json=proof(wine)).json()["predictions"] == ["Barolo", "Grignolino", "Barbera"]
        tensors = [
            {"name": name, "shape": [1], "datatype": "FP64", "data": [value]} for name, value in proof(wine)[0].items()
        ]
        answer = client.post("/v2/models/wine-cultivars/infer", json={"inputs": tensors}).json()

    assert answer["outputs"] == [{"name": "name", "shape": [1], "datatype": "BYTES", "data": ["Barolo"]}]


def test_after_sees_the_rows_of_before(served: Any, wine: pd.DataFrame) -> None:
    light = proof(wine)[0] | {"proof": 16}

    with served(HOOKS) as client:
        assert client.post("/predict", json=[light]).json()["predictions"] == ["none"]


def test_metadata_and_openapi_tell_what_clients_send_and_get(served: Any) -> None:
    with served(HOOKS) as client:
        metadata = client.get("/v2/models/wine-cultivars").json()
        described = client.get("/openapi.json").json()

    record = described["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]["items"]
    assert metadata["inputs"][0] == {"name": "proof", "datatype": "FP64", "shape": [-1]}
    assert metadata["outputs"] == [{"name": "name", "datatype": "BYTES", "shape": [-1]}]
    assert record["properties"]["proof"] == {"type": ["number", "null"]}
    assert "alcohol" not in record["properties"]
    assert described["components"]["schemas"]["Predictions"]["properties"]["predictions"]["items"] == {"type": "string"}


def test_refusal_of_a_hook_is_told(served: Any, wine: pd.DataFrame) -> None:
    with served(HOOKS) as client:
        answer = client.post("/predict", json=[proof(wine)[0] | {"proof": 201}])

    assert (answer.status_code, answer.json()) == (400, {"error": "Input 'proof' is above 200, which nothing is."})


def test_column_of_the_model_that_clients_do_not_send_is_refused(served: Any, wine: pd.DataFrame) -> None:
    with served(HOOKS) as client:
        assert client.post("/predict", json=records(wine)).json()["error"].startswith("Input 'proof' is missing")


def as_it_is(rows: pd.DataFrame) -> pd.DataFrame:
    return rows


def without_a_row(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.head(len(rows) - 1)


def without_a_column(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns="ash")


def to_text(answers: NDArray[Any], rows: pd.DataFrame) -> NDArray[Any]:
    return answers.astype(str)


def one_answer(answers: NDArray[Any], rows: pd.DataFrame) -> NDArray[Any]:
    return answers[:1]


@pytest.mark.parametrize(
    ("hooks", "cause"),
    [
        ({"before": without_a_row}, "`before` returns 2 for 3 rows"),
        ({"before": without_a_column}, "['ash'] not in index"),
        ({"after": one_answer}, "`after` returns 1 for 3 rows"),
        ({"after": to_text}, "`after` returns BYTES, and clients are told INT64"),
    ],
)
def test_hook_that_fails_is_500_with_the_cause_in_the_log(
    plain: Any, wine: pd.DataFrame, hooks: dict[str, Any], cause: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with plain(**hooks) as client:
        answer = client.post("/predict", json=records(wine))

    assert (answer.status_code, answer.json()["error"][:17]) == (500, "The model failed ")
    assert cause in capsys.readouterr().err


def test_drift_is_measured_on_what_the_model_is_asked_and_answers(
    plain: Any, wine: pd.DataFrame, tmp_path: Path
) -> None:
    def diluted(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(ash=rows["ash"] * 10, note="not for the model")

    def flipped(answers: NDArray[Any], rows: pd.DataFrame) -> NDArray[Any]:
        answers[:] = 2 - answers
        return answers

    with plain(before=diluted, after=flipped) as client:
        given = client.post("/predict", json=records(wine)).json()["predictions"]

    (file,) = tmp_path.glob("20*/*.jsonl")
    seen = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["inputs"]["ash"] for row in seen] == [row["ash"] * 10 for row in records(wine)]
    assert {*seen[0]["inputs"]} == {*wine.columns} - {TARGET}
    assert [row["prediction"] for row in seen] == [2 - answer for answer in given]


def test_requests_that_wait_together_get_their_own_answers(plain: Any, wine: pd.DataFrame) -> None:
    sizes: list[int] = []

    def slowly(rows: pd.DataFrame) -> pd.DataFrame:
        sizes.append(len(rows))
        time.sleep(0.2)
        return rows

    def numbered(answers: NDArray[Any], rows: pd.DataFrame) -> NDArray[Any]:
        return rows["ash"].to_numpy()

    asked = [records(wine, ash=[float(place)] * 3) for place in range(8)]
    output = Column("double", "ash")
    with plain(before=slowly, after=numbered, output=output) as client, ThreadPoolExecutor(8) as threads:
        answers = [*threads.map(lambda rows: client.post("/predict", json=rows).json()["predictions"], asked)]

    assert answers == [[float(place)] * 3 for place in range(8)]
    assert max(sizes) > 3


def test_login_is_asked_of_all_but_the_cluster(
    served: Any, wine: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "corkscrew")

    with served("Add paths and a login to the server") as client:
        assert client.post("/predict", json=records(wine)).json() == {"error": "Send the token."}
        assert client.get("/metrics").status_code == 200
        client.headers["Authorization"] = "Bearer corkscrew"
        assert client.post("/predict", json=records(wine)).json()["predictions"] == [0, 1, 2]
        assert client.post("/counts", json=records(wine)).json() == {"0": 1, "1": 1, "2": 1}
        assert client.post("/counts", json=[{}]).json()["error"].startswith("Input 'alcohol' is missing")


@pytest.fixture
def ruled(extended: Extended, tmp_path: Path, wine: pd.DataFrame) -> Settings:
    """Return the settings of a project whose champion is a rule in a JSON file."""
    settings: Settings = extended("Load another kind of model").PROJECT.settings.load()
    folder = tmp_path / "rule"
    folder.mkdir()
    (folder / "rule.json").write_text(json.dumps({"column": "proline", "edges": [500.0, 750.0]}))
    answers = pd.Series([0], name=TARGET)
    Model(signature=signature(wine[["proline", TARGET]], wine[["proline", TARGET]], answers)).save(folder / "MLmodel")
    registry, client = Registry(settings), MlflowClient()
    tags = {DIGEST: digest(folder), "gate_passed": "True"}
    client.create_registered_model(settings.model_name)
    client.create_model_version(settings.model_name, folder.as_uri(), tags=tags)
    registry.promote(1)
    return settings


PROLINE = [{"proline": 400.0}, {"proline": 600.0}, {"proline": 900.0}]


def test_model_of_another_kind_is_served(ruled: Settings) -> None:
    with client_of(create_app(ruled.project, ruled)) as client:
        assert client.post("/predict", json=PROLINE).json()["predictions"] == [0, 1, 2]


def test_model_of_another_kind_predicts_batches_and_is_judged(
    ruled: Settings, wine: pd.DataFrame, classifier: Pipeline
) -> None:
    champion = Registry(ruled).load_champion()
    assert champion
    predict = importlib.import_module(f"{PACKAGE}.training").predict

    assert predict(champion.model, pd.DataFrame(PROLINE), TARGET)[f"predicted_{TARGET}"].tolist() == [0, 1, 2]
    verdict = judge(classifier, champion, wine, wine, TARGET, "accuracy", 0, accuracy)
    assert re.match(r"accuracy \d.\d+ beats champion version 1 \(0.\d+\)", verdict.reason)


def accuracy(actual: pd.Series, predicted: NDArray[Any]) -> dict[str, float]:
    return {"accuracy": float(accuracy_score(actual, predicted))}


def test_other_files_than_the_registered_ones_do_not_reach_the_loader(ruled: Settings, tmp_path: Path) -> None:
    (tmp_path / "rule/rule.json").write_text("not looked at")

    with pytest.raises(ModelError, match="its files are not those that were registered"):
        Registry(ruled).load(1)


def test_loader_is_imported_where_a_model_is_loaded(extended: Extended) -> None:
    extended("Load another kind of model")

    assert f"{PACKAGE}.loading" not in sys.modules


def test_rows_come_from_elsewhere(extended: Extended, wine: pd.DataFrame, tmp_path: Path) -> None:
    wine.to_json(tmp_path / "rows.jsonl", orient="records", lines=True)
    settings = extended("Read rows from elsewhere").PROJECT.settings.load()

    rows = rows_of_project(settings.reading(str(tmp_path / "rows.jsonl"), None))

    pd.testing.assert_frame_equal(rows, wine.astype({"magnesium": "int64", "proline": "int64"}))
    assert len(rows_of_project(settings)) == len(wine)


JUDGE = "Measure and judge in your own way"


@pytest.mark.parametrize(
    ("known", "passed", "reason"),
    [([0, 1, 2], True, r"accuracy .* beats the baseline"), ([0, 1], False, r"; of one class it finds less than 80%")],
)
def test_gate_is_the_projects_own(
    extended: Extended, wine: pd.DataFrame, known: list[int], passed: bool, reason: str
) -> None:
    extended(JUDGE)
    parts = hold_out(wine, TARGET, 0.25, 7)
    learned = parts.training[parts.training[TARGET].isin(known)]
    model = make_pipeline(StandardScaler(), LogisticRegression())
    model.fit(learned.drop(columns=TARGET), learned[TARGET])

    judge = importlib.import_module(f"{PACKAGE}.evaluation").judge
    verdict = judge(model, None, parts.training, parts.held_out, TARGET, "accuracy", 0.0, parts.rule)

    assert verdict.passed == passed
    assert re.search(reason, verdict.reason)


def test_step_judges_by_the_projects_gate(extended: Extended) -> None:
    extended(JUDGE)
    step = importlib.import_module(f"{PACKAGE}.pipelines.components").evaluate

    source = step.component_spec.implementation.container.command[-1]
    assert f"from {PACKAGE}.evaluation import judge" in source
    assert "from ml_chassis.evaluation import judge" not in source


def test_metric_of_its_own_may_decide(extended: Extended, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = extended(JUDGE).PROJECT.settings

    assert settings.load().gate_metric == "worst_recall"
    monkeypatch.setenv("GATE_METRIC", "accuracy")
    assert settings.load().gate_metric == "accuracy"


@contextmanager
def running(app: Any) -> Iterator[str]:
    """Give the address of a server that runs while the body does."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + SECONDS_TO_LOAD
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        while httpx2.get(f"{address}/v2/health/ready", trust_env=False).is_error:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield address
    finally:
        server.should_exit = True
        thread.join()


TryOut = Callable[..., None]


@pytest.fixture
def try_it(extended: Extended, champion: Path, wine: pd.DataFrame) -> TryOut:
    """Return a function that tries the champion as a rollout does, on a server with what `create_app` is given."""
    settings: Settings = extended("Check more before a version serves").PROJECT.settings.load()

    def try_it(stable: int = 1, **given: Any) -> None:
        served = settings.model_copy(update={"model_uri": str(champion)})
        with running(create_app(settings.project, served, **given)) as address:
            release, checks = Release("wine-cultivars", "image:tag", stable), settings.project.checks
            try_out(settings.model_name, address, release, "stable", wine.head(3), checks)

    return try_it


def all_zero(answers: NDArray[Any], rows: pd.DataFrame) -> NDArray[Any]:
    return answers * 0


def test_version_that_passes_the_checks_is_let_through(try_it: TryOut, capsys: pytest.CaptureFixture[str]) -> None:
    try_it()

    assert capsys.readouterr().out == "  stable    version 1 answers\n"


def test_complaint_of_a_check_ends_the_rollout(try_it: TryOut) -> None:
    complaint = r"The stable version 1 does not pass right_about_known_rows: it is right about \d\d% of the known rows"

    with pytest.raises(RolloutError, match=complaint):
        try_it(after=all_zero)


def test_check_that_fails_ends_the_rollout(try_it: TryOut, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module(f"{PACKAGE}.checks"), "LEAST_RIGHT", "most")

    with pytest.raises(RolloutError, match="does not pass right_about_known_rows: TypeError: "):
        try_it()


def test_other_version_than_the_released_one_ends_the_rollout(try_it: TryOut) -> None:
    with pytest.raises(RolloutError, match="The stable pods serve version 1, not 2"):
        try_it(stable=2)


def test_example_without_what_clients_send_is_not_sent(try_it: TryOut, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RolloutError, match="does not pass right_about_known_rows: ServingError: The rows lack 'proof'"):
        try_it(inputs=[Column("double", "proof")])

    assert "its model's example lacks columns that clients send" in capsys.readouterr().out


def test_command_is_among_the_others(extended: Extended) -> None:
    extended("Add a command")
    app = importlib.import_module(f"{PACKAGE}.cli").app

    assert CliRunner().invoke(app, ["count"]).output == "0: 59\n1: 71\n2: 48\n"
    assert {"count", "run"} <= {command.name or command.callback.__name__ for command in app.registered_commands}


def test_setting_is_read_from_the_environment_and_checked(extended: Extended, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = extended("Add a setting").PROJECT.settings

    assert settings.load().most_alcohol == 20
    monkeypatch.setenv("MOST_ALCOHOL", "15.5")
    assert settings.load().most_alcohol == 15.5
    monkeypatch.setenv("MOST_ALCOHOL", "-1")
    with pytest.raises(SettingsError, match="MOST_ALCOHOL='-1' cannot be used: Input should be greater than 0"):
        settings.load()
