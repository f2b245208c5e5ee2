"""A model and its graph: what is served as a graph answers as the model does; all else is left to the model."""

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ml_chassis import graphs
from ml_chassis.bounds import LARGEST
from ml_chassis.edges import edges
from ml_chassis.errors import ModelError, ServingError
from ml_chassis.holdout import Parts
from ml_chassis.project import SKLEARN_TYPES
from ml_chassis.proofs import FOLDER, GRAPH, PROOF, Proof
from ml_chassis.registry import Registry
from ml_chassis.serving import graph
from ml_chassis.serving.model import load
from ml_chassis.settings import Settings
from numpy.typing import NDArray
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

TARGET = "cultivar"


@pytest.fixture(scope="session")
def training(parts: Parts) -> pd.DataFrame:
    return parts.training.drop(columns=TARGET)


@pytest.fixture(scope="session")
def held_out(parts: Parts) -> pd.DataFrame:
    return parts.held_out.drop(columns=TARGET)


def fitted(classifier: ClassifierMixin, parts: Parts, labels: dict[int, object] | None = None) -> Pipeline:
    target = parts.training[TARGET].map(labels) if labels else parts.training[TARGET]
    model = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), classifier)
    return model.fit(parts.training.drop(columns=TARGET), target)


@pytest.mark.parametrize(
    "classifier",
    [LogisticRegression(), RidgeClassifier(), MLPClassifier(max_iter=300, random_state=0)],
    ids=lambda classifier: type(classifier).__name__,
)
@pytest.mark.parametrize(
    "labels", [{0: 0, 1: 1, 2: 2}, {0: "a", 1: "b", 2: "c"}, {0: True, 1: False, 2: False}], ids=["int", "str", "bool"]
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_graph_answers_as_its_model_does(
    classifier: ClassifierMixin,
    labels: dict[int, object],
    parts: Parts,
    training: pd.DataFrame,
    held_out: pd.DataFrame,
    tmp_path: Path,
) -> None:
    model = fitted(classifier, parts, labels)
    proof = graphs.write(model, training, held_out, tmp_path)
    assert (proof.equal, proof) == (True, Proof.read(tmp_path)), proof.reason
    datatype = {"int": "INT64", "str": "BYTES", "bool": "BOOL"}[type(labels[0]).__name__]
    answering = graph.engine(tmp_path, datatype)

    some = np.random.default_rng(0).normal(training.mean(), 2 * training.std(), (2_000, training.shape[1]))
    some[np.random.default_rng(1).random(some.shape) < 0.05] = np.nan
    rows = pd.DataFrame(some, columns=training.columns)
    expected = model.predict(rows).tolist()
    assert answering.predict(some).tolist() == answering.predict(rows).tolist() == expected
    assert hasattr(model, "predict_proba") == ("probabilities" in answering.extras)
    for extra in answering.extras.values():
        assert extra.labels == sorted(set(labels.values()), key=str)
        np.testing.assert_allclose(extra.compute(some), model.predict_proba(rows), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("classifier", "reason"),
    [
        (RandomForestClassifier(5, random_state=0), "it decides by steps (TreeEnsembleClassifier)"),
        (HistGradientBoostingClassifier(max_iter=5), "it decides by steps (TreeEnsembleClassifier)"),
        (KNeighborsClassifier(), "it decides by steps (TopK)"),
        (GaussianNB(), "get another label of its graph in 32 bits"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_model_that_its_graph_might_not_equal_keeps_its_library(
    classifier: ClassifierMixin,
    reason: str,
    parts: Parts,
    training: pd.DataFrame,
    held_out: pd.DataFrame,
    tmp_path: Path,
) -> None:
    proof = graphs.write(fitted(classifier, parts), training, held_out, tmp_path)

    assert (proof.equal, proof.runtime) == (False, "native")
    assert reason in proof.reason
    assert [path.name for path in (tmp_path / FOLDER).iterdir()] == [PROOF]
    with pytest.raises(ServingError, match="32 bits"):
        graph.engine(tmp_path, "INT64")


def test_trees_behind_a_scaler_are_found_to_differ(
    parts: Parts, training: pd.DataFrame, held_out: pd.DataFrame
) -> None:
    """What `STEPS` keeps from being served differs indeed, and by rows at the edges alone."""
    model = fitted(HistGradientBoostingClassifier(random_state=0), parts)
    kind = [("rows", FloatTensorType([None, training.shape[1]]))]
    content = to_onnx(model, initial_types=kind, options={id(model): {"zipmap": False}}, target_opset=graphs.OPERATORS)

    rows = pd.concat([held_out, edges(training, held_out)], ignore_index=True)
    proof = graphs.compare(model, content.SerializeToString(), rows, len(held_out))
    assert (proof.equal, "get another label" in proof.reason) == (False, True), proof.reason


def test_rows_at_the_edges_have_thresholds_extremes_and_gaps() -> None:
    training = pd.DataFrame({"a": [1, 3, 3, 7], "b": [np.nan] * 4})
    rows = edges(training, pd.DataFrame({"a": [5], "b": [2.0]}))

    of_a, of_b = set(rows["a"].dropna()), set(rows["b"].dropna())
    assert {1, 2, 3, 5, 7, np.nextafter(3, 7), np.nextafter(3, 1), -59, 67, LARGEST, -LARGEST} <= of_a
    assert of_b == {2, 0, LARGEST, -LARGEST}
    assert rows.isna().sum().to_dict() == {"a": 1, "b": 1}


@pytest.mark.parametrize(("width", "most"), [(10, 20_060), (3_000, 12_000), (100_000, 400)])
def test_rows_at_the_edges_stay_few_however_wide_the_table_is(width: int, most: int) -> None:
    training = pd.DataFrame(np.arange(3.0 * width).reshape(3, width))

    rows = edges(pd.concat([training] * 2 + [training + 0.5]), training)
    assert 9 <= len(rows) <= most
    assert rows.shape[1] == width


def test_model_whose_graph_cannot_be_made_keeps_its_library(
    parts: Parts, training: pd.DataFrame, held_out: pd.DataFrame, tmp_path: Path
) -> None:
    proof = graphs.write(fitted(DummyClassifier(), parts), training, held_out, tmp_path)

    assert "its graph cannot be made or run: Unable to find a shape calculator" in proof.reason


class Codes(LogisticRegression):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier that has forgotten its labels, and has their places as its classes."""

    classes_ = np.array([0, 1, 2])

    def fit(self, X: object, y: pd.Series) -> "Codes":  # noqa: N803
        self.labels_, places = np.unique(y, return_inverse=True)
        self.model_ = LogisticRegression().fit(X, places)
        return self

    def predict(self, X: object) -> NDArray[Any]:  # noqa: N803
        answers: NDArray[Any] = self.labels_[self.model_.predict(X)]
        return answers

    def predict_proba(self, X: object) -> NDArray[Any]:  # noqa: N803
        shares: NDArray[Any] = self.model_.predict_proba(X)
        return shares


@pytest.mark.parametrize(("labels", "classes"), [({0: 0, 1: 1, 2: 2}, [0, 1, 2]), ({0: 1, 1: 2, 2: 3}, [])], ids=str)
def test_classes_that_are_not_the_labels_are_not_told(
    labels: dict[int, object], classes: list[int], parts: Parts, held_out: pd.DataFrame
) -> None:
    model = make_pipeline(SimpleImputer(), Codes())
    model.fit(parts.training.drop(columns=TARGET), parts.training[TARGET].map(labels))

    assert graphs.classes_of(model, held_out) == classes


def test_column_without_numbers_is_named(
    model: Pipeline, training: pd.DataFrame, held_out: pd.DataFrame, tmp_path: Path
) -> None:
    proof = graphs.write(model, training.assign(hue="deep"), held_out, tmp_path)

    assert proof.reason == "column 'hue' holds no numbers, and its graph would take nothing else"


def test_project_without_the_converter_keeps_the_library(
    model: Pipeline, training: pd.DataFrame, held_out: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(graphs, "find_spec", lambda name: None)

    assert "the extra `export`" in graphs.write(model, training, held_out, tmp_path).reason


def test_model_that_fails_where_its_graph_answers_keeps_its_library(
    parts: Parts, training: pd.DataFrame, held_out: pd.DataFrame, tmp_path: Path
) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(training, parts.training[TARGET])

    proof = graphs.write(model, training, held_out, tmp_path)
    assert "it fails on rows that its graph answers: Input X contains NaN" in proof.reason


def test_registered_version_tells_its_runtime(registry: Registry) -> None:
    version = registry.versions()[0]

    assert version.runtime == "onnx"
    assert "rows at the edges" not in version.runtime_reason
    assert "held-out rows and" in version.runtime_reason


def test_champion_is_served_as_its_graph_or_natively_with_the_same_answers(
    settings: Settings, training: pd.DataFrame
) -> None:
    by_graph = load(settings, SKLEARN_TYPES)
    native = load(settings.model_copy(update={"serve_runtime": "native"}), SKLEARN_TYPES)

    assert (by_graph.runtime, native.runtime) == ("onnx", "native")
    assert by_graph.quick
    assert by_graph.columns == native.columns
    matrix = training.to_numpy()
    answers = [served.engine.predict(matrix).tolist() for served in (by_graph, native)]
    assert answers == 2 * [native.engine.predict(training).tolist()]


@pytest.mark.usefixtures("settings")
def test_graph_on_disk_is_served_without_what_made_it(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unused = {"mlflow", "opentelemetry", "pandas", "scipy", "sklearn", "skops"}
    code = (
        "import sys, ml_chassis.serving.app, ml_chassis.serving.server; from ml_chassis.serving.model import load;"
        f"from wines import Settings; load(Settings.load(), ()); print(sorted({unused} & set(sys.modules)))"
    )
    monkeypatch.setenv("MODEL_URI", str(files))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def broken(folder: Path) -> str:
    (folder / FOLDER / GRAPH).write_bytes(b"no graph")
    return "onnxruntime cannot load it"


def of_another_model(folder: Path) -> str:
    proof = json.loads((folder / FOLDER / PROOF).read_text())
    (folder / FOLDER / PROOF).write_text(json.dumps(proof | {"answers": proof["answers"][1:] + proof["answers"][:1]}))
    return "rows recorded with it get another answer here"


def of_other_probabilities(folder: Path) -> str:
    proof = json.loads((folder / FOLDER / PROOF).read_text())
    changed = [[value + 1e-4 for value in row] for row in proof["probabilities"]]
    (folder / FOLDER / PROOF).write_text(json.dumps(proof | {"probabilities": changed}))
    return "the rows recorded with it get other probabilities here"


def unproved(folder: Path) -> str:
    proof = json.loads((folder / FOLDER / PROOF).read_text())
    (folder / FOLDER / PROOF).write_text(json.dumps(proof | {"equal": False, "reason": "it differs"}))
    return "it differs"


def torn(folder: Path) -> str:
    path = folder / FOLDER / PROOF
    path.write_bytes(path.read_bytes()[:50])
    return "proof.json cannot be read"


def none(folder: Path) -> str:
    shutil.rmtree(folder / FOLDER)
    return "none was recorded with it"


@pytest.mark.parametrize("spoil", [broken, of_another_model, of_other_probabilities, unproved, torn, none])
def test_graph_that_cannot_be_served_is_left_for_the_model_or_refused(
    spoil: object, settings: Settings, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert callable(spoil)
    reason = spoil(files)
    changed = settings.model_copy(update={"model_uri": str(files)})

    with caplog.at_level(logging.INFO, "ml_chassis.serving"):
        assert load(changed, SKLEARN_TYPES).runtime == "native"
    assert reason in caplog.text
    with pytest.raises(ServingError, match=rf"has no graph that can be served: .*{reason}.*SERVE_RUNTIME=auto"):
        load(changed.model_copy(update={"serve_runtime": "onnx"}), SKLEARN_TYPES)


def test_proof_of_a_later_release_is_read(settings: Settings, files: Path) -> None:
    path = files / FOLDER / PROOF
    path.write_text(json.dumps(json.loads(path.read_text()) | {"since": "2.0"}))

    assert load(settings.model_copy(update={"model_uri": str(files)}), SKLEARN_TYPES).runtime == "onnx"


@pytest.mark.parametrize("content", ["", "no record", "[1]", "flavors: {", "flavors: {}\nutc_time_created: 1"])
def test_record_of_another_form_is_told_in_a_sentence(content: str, settings: Settings, files: Path) -> None:
    (files / "MLmodel").write_text(content)

    with pytest.raises(ModelError, match=r"cannot be loaded: its file MLmodel cannot be read: "):
        load(settings.model_copy(update={"model_uri": str(files)}), SKLEARN_TYPES)


def test_project_that_loads_its_models_itself_is_not_served_as_a_graph(settings: Settings, model: Pipeline) -> None:
    assert load(settings, SKLEARN_TYPES, lambda folder: model).runtime == "native"
