"""Each framework's project is installed and taken through its targets, on another Python each."""

import json
import tomllib
import urllib.request
from pathlib import Path

import pytest
from copier import run_copy

from tests.local.projects import Project
from tests.running import run

HYPOTHESIS = "hypothesis==6.170.15"
WALK = Path(__file__).parent / "walk_kinds.py"
PENGUINS = Path(__file__).parent / "tables/penguins-raw.csv"
SAMPLE = [14.23, 1.71, 2.43, 15.6, 127.0, 2.8, 3.06, 0.28, 2.29, 5.64, 1.04, 3.92, 1065.0]
"""The first row of the wine data, of cultivar 0."""

WORSE_MODEL = """

from sklearn.dummy import DummyClassifier


def estimator(seed):
    return DummyClassifier(strategy="most_frequent")
"""

GROWING_ROWS = """
import pandas as pd
from sklearn.datasets import make_classification

features, labels = make_classification(4_000, 8, n_informative=4, flip_y=0.25, class_sep=0.6, random_state=3)
rows = pd.DataFrame(features, columns=list("abcdefgh")).assign(label=labels)
rows.head(1_000).to_csv("few.csv", index=False)
rows.to_csv("many.csv", index=False)
"""
"""A quarter of the rows is labelled at random, so a model does far better on those that it knows by heart."""

QUICKER_WAYS = """
import importlib
import sys

import numpy as np
from ml_chassis.graphs import classes_of
from ml_chassis.serving.native import engine
from sklearn.datasets import load_wine

train = importlib.import_module(f"{sys.argv[1]}.training").train
features, kinds = load_wine(as_frame=True, return_X_y=True)
random = np.random.default_rng(0)
asked = random.normal(features.mean(), 2 * features.std(), (1_000, features.shape[1]))
asked[random.random(asked.shape) < 0.05] = np.nan
for labels in (kinds, kinds.map({0: "a", 1: "b", 2: "b"})):
    model = train(features.assign(kind=labels), "kind", 7)
    for rows in (asked, asked[:1]):
        answering = engine(model, classes_of(model, features))
        answers, expected = answering.predict(rows), model.predict(rows)
        assert (answers.dtype, answers.tolist()) == (expected.dtype, expected.tolist())
        extra = answering.extras["probabilities"]
        assert extra.labels == sorted(set(labels))
        shares = extra.compute(rows)
        assert shares.tolist() == model.predict_proba(rows).tolist()
        assert np.array(extra.labels)[shares.argmax(axis=1)].tolist() == expected.tolist()
"""
"""Has the server's quicker ways answer as the model does, for many labels and for two."""

LONGEST_NAME = "a-name-of-the-greatest-length2"
COMBINATIONS = {
    "sklearn": ("3.11", {"framework": "sklearn", "package_name": "cultivars"}),
    "xgboost": ("3.12", {"framework": "xgboost", "preset": "minimal", "repository_name": "a"}),
    "lightgbm": (
        "3.13",
        {"framework": "lightgbm", "preset": "full", "repository_name": LONGEST_NAME, "namespace": "ml"},
    ),
}

PARAMETERS = [pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in COMBINATIONS]
of_the_default = pytest.mark.parametrize("project", PARAMETERS[:1], indirect=True)
"""For what the framework has no part in."""
of_the_others = pytest.mark.parametrize("project", PARAMETERS[1:], indirect=True)
of_xgboost = pytest.mark.parametrize("project", PARAMETERS[1:2], indirect=True)
"""For what takes a model that knows its rows by heart."""


@pytest.fixture(scope="module", params=PARAMETERS)
def project(request: pytest.FixtureRequest, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    python, answers = COMBINATIONS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    run_copy(str(template), folder, data=answers, defaults=True, quiet=True)
    project = Project(folder, python)
    project.set_up()
    return project


@pytest.fixture(scope="module")
def first_run(project: Project) -> str:
    return project.make("run")


@of_the_default
def test_own_checks_pass(project: Project) -> None:
    project.make("check")
    project.call("compile")


@of_the_others
def test_own_checks_pass_with_data_of_ones_own(project: Project) -> None:
    dotenv, schema = project.folder / ".env", next(project.folder.glob("src/*/schema.yaml"))
    original = schema.read_text()
    dotenv.write_text(f'DATA_URI="{PENGUINS}"\nDATA_TARGET=Species\nSPLIT_KEY="Individual ID"\n')

    try:
        project.make("schema check")
        project.call("compile")
    finally:
        schema.write_text(original)
        dotenv.unlink()


def test_first_model_becomes_the_champion(first_run: str) -> None:
    assert "Version 1 of" in first_run
    assert "is the champion: f1_macro" in first_run


def test_run_shows_every_step_with_its_time(first_run: str) -> None:
    rows = [line.split() for line in first_run.splitlines() if line.endswith(" s")]
    assert "WARNING" not in first_run

    assert [row[0] for row in rows] == ["ingest", "validate", "split", "train", "evaluate", "register", "promote"]


@pytest.mark.usefixtures("first_run")
def test_champion_answers_over_http(project: Project) -> None:
    body = {"inputs": [{"name": "rows", "shape": [1, 13], "datatype": "FP64", "data": SAMPLE}]}
    with project.serving() as address:
        with urllib.request.urlopen(f"{address}/v2", timeout=5) as answer:  # noqa: S310  our own server
            assert json.load(answer)["version"] == "0.1.0"
        infer = f"{address}/v2/models/{model_name(project)}/infer"
        with urllib.request.urlopen(infer, json.dumps(body).encode(), timeout=30) as answer:  # noqa: S310
            assert json.load(answer)["outputs"][0]["data"] == [0]
        assert "cultivar" in project.make("predict", SERVE_PORT=address.rsplit(":")[-1])


@of_the_others
def test_quicker_ways_of_the_server_change_no_answer(project: Project) -> None:
    (package,) = [folder.name for folder in (project.folder / "src").iterdir() if folder.is_dir()]

    run("uv", "run", "python", "-W", "ignore", "-c", QUICKER_WAYS, package, cwd=project.folder, env=project.environment)


def test_every_kind_of_data_goes_from_its_file_to_the_servers_answers(project: Project) -> None:
    (package,) = [folder.name for folder in (project.folder / "src").iterdir() if folder.is_dir()]
    command = ["uv", "run", "--quiet", "--with", HYPOTHESIS, "python", "-W", "ignore", str(WALK), package]

    run(*command, cwd=project.folder, env=project.environment)


@of_the_default
@pytest.mark.usefixtures("first_run")
def test_worse_model_is_registered_but_not_promoted(project: Project) -> None:
    training = next(project.folder.glob("src/*/training.py"))
    original = training.read_text()
    training.write_text(original + WORSE_MODEL)

    try:
        printed = project.make("run")
    finally:
        training.write_text(original)

    assert "is registered, not promoted: f1_macro 0.1494 does not beat champion version 1" in printed


@of_xgboost
def test_better_model_is_promoted_when_rows_are_added(project: Project) -> None:
    schema = next(project.folder.glob("src/*/schema.yaml"))
    original = schema.read_text()
    own = {"DATA_TARGET": "label", "MODEL_NAME": "growing"}
    run("uv", "run", "python", "-c", GROWING_ROWS, cwd=project.folder, env=project.environment)

    try:
        project.make("schema", DATA_URI="many.csv", **own)
        project.make("run", DATA_URI="few.csv", **own)
        printed = project.make("run", DATA_URI="many.csv", **own)
    finally:
        schema.write_text(original)

    assert "Version 2 of growing is the champion" in printed
    assert "beats champion version 1" in printed


@of_the_default
@pytest.mark.usefixtures("first_run")
def test_bad_data_stops_before_training(project: Project, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("alcohol,cultivar\n14.2,0\n-3.0,1\n")

    printed = project.fail("run", DATA_URI=str(bad))

    assert "Step validate failed" in printed
    assert "column 'alcohol' breaks greater_than_or_equal_to(8): row 1 has -3.0" in printed
    assert "column 'hue' is missing" in printed
    assert "train " not in printed


def model_name(project: Project) -> str:
    """Return the name that the project's model is served by."""
    metadata = tomllib.loads((project.folder / "pyproject.toml").read_text())
    return str(metadata["project"]["name"])
