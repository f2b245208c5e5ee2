"""Steps that die after their first effect, then after the second and so on, and processes that begin at once."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.local.model_servers import python
from tests.local.projects import Project

STEPS = """
import contextlib, io, json, os, sys
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace

import mlflow, mlflow.sklearn, mlflow.pyfunc  # once, for all the forks
from mlflow import MlflowClient
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from ml_chassis.errors import RegistryError
from ml_chassis.holdout import hold_out
from ml_chassis.model_files import write
from ml_chassis.pipelines import outcome  # for the forks too
from ml_chassis.registry import Registry
from ml_chassis.runs import connect
from wine_cultivars import PROJECT
from wine_cultivars.data import load
from wine_cultivars.pipelines import components
from wine_cultivars.settings import Settings
from wine_cultivars.training import train

DIED = 9
rows = load(Settings.load())[["alcohol", "hue", "cultivar"]][::6]
for name in ("training", "held_out"):
    rows.to_parquet(name)
write(train(rows, "cultivar", 7), "model", PROJECT.model_types)
RULE = hold_out(rows, "cultivar", 0.25, 7, "", "").rule.model_dump_json()


def judged(run_id, champion=None):
    verdict = {"metrics": {"accuracy": 0.9}, "passed": True, "reason": "better", "champion": champion}
    Path(f"verdict-{run_id}").write_text(json.dumps(verdict))


def files(*names):
    return (SimpleNamespace(path=str(Path(name).absolute()), metadata={}) for name in names)


def evaluate(run_id):
    given, verdict, metrics = files("model", "training", "held_out"), *files(f"verdict-{run_id}", "metrics")
    components.evaluate.python_func(*given, RULE, "cultivar", "accuracy", -1.0, verdict, metrics)


def register(run_id):
    model, training, held_out, verdict, tracked = files("model", "training", "held_out", f"verdict-{run_id}", "tracked")
    return components.register.python_func(
        model, training, held_out, verdict, [], "cultivar", 7, {"data_uri": "sample"}, "training", run_id, tracked
    )


def die_after(effects):
    '''End the process as soon as so many transactions and copies of files have changed something.'''
    done, dirty = [0], []

    def effect():
        done[0] += 1
        if done[0] == effects:
            os._exit(DIED)

    def committed(_):
        if dirty:
            dirty.clear()
            effect()

    event.listen(Engine, "after_cursor_execute", lambda *call: dirty.extend(["x"] * (call[2].split()[0] in CHANGES)))
    event.listen(Session, "after_commit", committed)
    sys.addaudithook(lambda name, _: effect() if name == "shutil.copyfile" else None)


CHANGES = {"INSERT", "UPDATE", "DELETE"}


def use(store):
    os.environ["LOCAL_DIR"] = store
    os.environ.pop("MLFLOW_TRACKING_URI", None)  # MLflow notes there what it was pointed at last


def started(store, work, effects=0):
    def body():
        use(store)
        if effects:
            die_after(effects)
        try:
            work()
        except RegistryError:
            os._exit(1)

    process = get_context("fork").Process(target=body)
    process.start()
    return process


def tried(store, work, effects=0):
    process = started(store, work, effects)
    process.join()
    return process.exitcode


def until_done(store, work):
    deaths = 0
    while (code := tried(store, work, deaths + 1)) == DIED:
        deaths += 1
    return {"code": code, "deaths": deaths}


def state(store):
    use(store)
    connect(Settings.load())
    client = MlflowClient()
    experiments = [found.experiment_id for found in client.search_experiments()]
    runs, versions = client.search_runs(experiments), client.search_model_versions("")
    return {
        "versions": sorted([int(found.version), found.tags["gate_reason"], sorted(found.tags)] for found in versions),
        "models": [sorted(found.tags) for found in client.search_logged_models(experiments)],
        "model files": sorted(file.name for file in Path(store, "mlflow/models").rglob("artifacts/*")),
        "runs": [
            {
                "outcome": [run.info.status, run.data.params, run.data.metrics, sorted(run.data.tags)],
                "history": [len(client.get_metric_history(run.info.run_id, name)) for name in run.data.metrics],
                "inputs and outputs": [len(run.inputs.dataset_inputs), len(run.outputs.model_outputs)],
                "files": sorted(file.path for file in client.list_artifacts(run.info.run_id)),
            }
            for run in runs
        ],
    }


def champion(store):
    use(store)
    return Registry(Settings.load()).champion()
"""

REGISTER = """
judged("1")
for store in ("quiet", "troubled"):
    tried(store, lambda: connect(Settings.load()))
tried("quiet", lambda: register("1"))
ended = until_done("troubled", lambda: register("1"))
print(json.dumps(ended | {store: state(store) for store in ("quiet", "troubled")}))
"""

PROMOTE = """
judged("1")
judged("2", champion=1)
for run_id in "12":
    tried("store", lambda: register(run_id))
promote = lambda version: lambda: components.promote.python_func(version, True, "")
demote = lambda: Registry(Settings.load()).demote()
seen = []
for work, effects in [
    (promote(1), 0), (promote(1), 0), (promote(2), 1), (demote, 0), (promote(2), 0), (demote, 1), (demote, 0),
    (promote(2), 0), (demote, 0), (demote, 0),
]:
    seen.append([tried("store", work, effects), None])
    seen[-1][1] = tried("store", lambda: os._exit(10 + champion("store"))) - 10
print(json.dumps(seen))
"""

INTERLEAVED = """
seen = []


def two_runs(first, second):
    for run_id in (first, second):
        evaluate(run_id)
    versions = {run_id: register(run_id) for run_id in (first, second)}
    for run_id in (second, first):
        promoted = components.promote.python_func(versions[run_id], True, "")
        seen.append([versions[run_id], promoted, Registry(settings).champion()])
    components.promote.python_func(versions[first], True, "")  # its second try


use("store")
settings = Settings.load()
with contextlib.redirect_stdout(io.StringIO()):
    two_runs("1", "2")
    two_runs("3", "4")
    by_hand = Registry(settings).promote(3)
print(json.dumps({"seen": seen, "reason": Registry(settings).reason(3), "by hand": by_hand}))
"""

BESIDE = """
judged("1")
reached, go = get_context("fork").Event(), get_context("fork").Event()
create = mlflow.register_model


def given_up():
    def late(*given, **more):
        reached.set()
        go.wait()
        return create(*given, **more)

    mlflow.register_model = late
    register("1")


first = started("store", given_up)
reached.wait()
second = tried("store", lambda: register("1"))
go.set()
first.join()
print(json.dumps([first.exitcode, second, [found[0] for found in state("store")["versions"]]]))
"""

REPORT = """
from datetime import UTC, datetime

import msgspec

from ml_chassis.monitoring import drift  # once, for all the forks
from ml_chassis.pipelines.reports import _report_drift


def report():
    _report_drift(PROJECT.package, 1, "drift", "1", *files("report", "metrics"))


def reports(store):
    use(store)
    connect(Settings.load())
    client = MlflowClient()
    (watched,) = (found.experiment_id for found in client.search_experiments() if "monitoring" in found.name)
    return [
        {
            "outcome": [run.info.status, run.data.metrics, run.data.tags["model_version"]],
            "history": [len(client.get_metric_history(run.info.run_id, name)) for name in run.data.metrics],
            "files": sorted(file.path for file in client.list_artifacts(run.info.run_id)),
        }
        for run in client.search_runs([watched])
    ]


judged("1")
now = datetime.now(UTC)
captured = Path(f"captured/{now:%Y-%m-%d}")
captured.mkdir(parents=True)
lines = [
    {"time": now, "request_id": str(place), "row": 0, "version": "1", "inputs": inputs, "prediction": 1}
    for place, inputs in enumerate(rows.drop(columns="cultivar").to_dict("records"))
]
(captured / "rows.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(lines))
os.environ["CAPTURE_URI"] = str(Path("captured").absolute())
for store in ("quiet", "troubled"):
    tried(store, lambda: register("1"))
tried("quiet", report)
ended = until_done("troubled", report)
print(json.dumps(ended | {store: reports(store) for store in ("quiet", "troubled")}))
"""

AT_ONCE = """
for run_id in "123":
    judged(run_id)
processes = [started("fresh", lambda run_id=run_id: register(run_id)) for run_id in "123"]
for process in processes:
    process.join()
print(json.dumps([[process.exitcode for process in processes], [found[0] for found in state("fresh")["versions"]]]))
"""


@pytest.fixture
def told(watched: Project, tmp_path: Path) -> Any:
    """Return a function that has a script of steps run in an empty folder, and returns what it tells."""
    beginning = f"import os\nos.chdir({str(tmp_path)!r})\n{STEPS}"
    return lambda script: json.loads(python(watched, f"{beginning}\n{script}"))


def test_registration_that_died_again_and_again_ends_as_if_nothing_had_happened(told: Any) -> None:
    found = told(REGISTER)

    assert (found["code"], found["deaths"] > 5) == (0, True)
    assert found["troubled"] == found["quiet"]
    assert [version[:2] for version in found["quiet"]["versions"]] == [[1, "better"]]


def test_report_that_died_again_and_again_is_one_report(told: Any) -> None:
    found = told(REPORT)

    assert (found["code"], found["deaths"] > 4) == (0, True)
    assert found["troubled"] == found["quiet"]
    assert set(found["quiet"][0]["history"]) == {1}


def test_promotion_and_demotion_that_died_halfway_leave_a_champion_with_its_history(told: Any) -> None:
    died, refused = 9, 1
    assert told(PROMOTE) == [
        [0, 1],
        [0, 1],  # a second try of the step
        [died, 1],
        [refused, 1],  # there was none before version 1
        [0, 2],
        [died, 1],
        [refused, 1],
        [0, 2],
        [0, 1],
        [refused, 1],
    ]


def test_run_is_not_promoted_over_a_champion_that_it_was_not_judged_against(told: Any) -> None:
    found = told(INTERLEAVED)

    assert found["seen"] == [[2, True, 2], [1, False, 2], [4, True, 4], [3, False, 4]]
    assert "beats champion version 2 (" in found["reason"]
    assert found["reason"].endswith("; not promoted, as the champion is another one now: version 4")
    assert found["reason"].count("not promoted") == 1
    assert found["by hand"]


def test_step_that_goes_on_beside_its_next_try_leaves_one_version(told: Any) -> None:
    assert told(BESIDE) == [0, 0, [1]]


def test_first_commands_may_begin_at_once(told: Any) -> None:
    assert told(AT_ONCE) == [[0, 0, 0], [1, 2, 3]]
