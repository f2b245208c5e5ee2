"""What a real Prometheus says of real model servers: one with traffic like training, one shifted, one that fails.

Each server is a namespace of its own to Prometheus, as each environment is on a cluster.
"""

import csv
import json
import os
import random
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.local.data_servers import HOST, free_port, s3_server, wait_until_up
from tests.local.model_servers import MODEL, NAME, SECONDS_TO_START, Server, python, serving, starting
from tests.local.projects import Project
from tests.local.promql import (
    OF_A_CLUSTER,
    Prometheus,
    expressions_of_dashboard,
    expressions_of_rules,
    pushgateway,
    watching,
)
from tests.needs import require
from tests.running import run

pytestmark = pytest.mark.xdist_group("prometheus")

Row = dict[str, float]

WRITE_ROWS = """
import sys
from wine_cultivars.data import load
from wine_cultivars.settings import Settings
load(Settings.load()).drop(columns="cultivar").to_csv(sys.argv[1], index=False)
"""
REQUESTS, ROWS_EACH = 40, 25
FAILURES = 10
SHIFTED = {"alcohol": 2.5, "hue": 0.8}
"""By how much the shifted traffic is moved, column by column."""
CALM, MOVED, FAILING = "local", "moved", "failing"
HUGE = {"hue": 1e30}
"""What a request may hold, and the model of `FRAGILE_LIBRARY` fails on."""
FRAGILE_LIBRARY = """
from sklearn.linear_model import LogisticRegression

predict = LogisticRegression.predict


def predict_unless_huge(self, rows):
    if abs(rows).max() > 1e30:
        raise ValueError("too large")
    return predict(self, rows)


LogisticRegression.predict = predict_unless_huge
"""
MOST_SERIES = 600
"""For 13 columns of 11 bins and a prediction of 5: twice 148, and the server's own."""


@pytest.fixture(scope="module")
def rows(watched: Project) -> list[Row]:
    """Return the rows of the sample, without the label."""
    table = watched.folder / "rows.csv"
    python(watched, WRITE_ROWS, str(table))
    with table.open() as lines:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(lines)]


@pytest.fixture(scope="module")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the settings of a server whose model fails on huge numbers, as its graph would not."""
    folder = tmp_path_factory.mktemp("fragile")
    (folder / "sitecustomize.py").write_text(FRAGILE_LIBRARY)
    return {"PYTHONPATH": str(folder), "SERVE_RUNTIME": "native"}


@pytest.fixture(scope="module")
def gateway(watched: Project, rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return a Pushgateway to which runs, feedback and a drift report have sent their figures."""
    with pushgateway(tmp_path_factory.mktemp("pushgateway")) as address:
        settings = {"PUSHGATEWAY_URL": address, "CAPTURE_URI": str(watched.folder / "requests"), "CAPTURE_SHARE": "1"}
        watched.make("run", **settings)
        watched.call("batch", **settings)
        with serving(watched, **settings) as server:
            ids = [{"x-request-id": f"r-{place}"} for place in range(len(rows))]
            answers = [server.ask("/predict", [row], **own) for row, own in zip(rows, ids, strict=True)]
            server.end()
        labels = tmp_path_factory.mktemp("labels") / "labels.csv"
        truths = [answer.json["predictions"][0] for answer in answers]
        truths[0] += 1  # one answer was wrong
        labels.write_text("request_id,label\n" + "".join(f"r-{place},{label}\n" for place, label in enumerate(truths)))
        watched.call(f"feedback {labels}", **settings)
        watched.call("drift", **settings)
        yield address


@pytest.fixture(scope="module")
def prometheus(
    watched: Project, rows: list[Row], gateway: str, fragile: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Return a Prometheus that has seen calm, shifted and failing traffic."""
    with ExitStack() as stack:
        capture = {"CAPTURE_URI": str(watched.folder / "more")} | fragile
        starts = {name: stack.enter_context(starting(watched, **capture)) for name in (CALM, MOVED, FAILING)}
        for server in starts.values():
            server.wait_for(server.ready_processes, SECONDS_TO_START)
        targets = {
            server.address.removeprefix("http://"): {"job": f"{name}/{NAME}", "namespace": name}
            for name, server in starts.items()
        }
        targets[gateway] = {"job": "pushgateway"}
        manifests = sorted((watched.folder / "deploy/monitoring/rules").glob("*.yaml"))
        found = stack.enter_context(watching(tmp_path_factory.mktemp("prometheus"), targets, manifests))
        found.wait_for(lambda: [value for _, value in found.values("up")] == [1] * len(targets))
        send(starts[CALM], rows, {})
        send(starts[MOVED], rows, SHIFTED)
        send(starts[FAILING], rows, {})
        for _ in range(FAILURES):
            assert starts[FAILING].ask("/predict", [rows[0] | HUGE]).status == 500
        sent = REQUESTS * ROWS_EACH
        found.wait_for(lambda: [v for _, v in found.values("model_server_rows_total") if v] == [sent] * 3)
        found.wait_for_rules()
        yield found


def send(server: Server, rows: list[Row], shift: Row) -> None:
    """Send rows of the sample, drawn at random and moved."""
    draw = random.Random(7)  # noqa: S311  no secret depends on it
    for _ in range(REQUESTS):
        chosen = draw.choices(rows, k=ROWS_EACH)
        moved = [row | {name: row[name] + by for name, by in shift.items()} for row in chosen]
        assert server.ask("/predict", moved).status == 200


def test_every_rule_has_an_answer(prometheus: Prometheus, watched: Project) -> None:
    found = expressions_of_rules(watched.folder)
    expressions = {name: text for name, text in found.items() if not name.endswith(OF_A_CLUSTER)}
    assert prometheus.unanswered(expressions) == {}
    assert len(expressions) > 30


def test_every_panel_has_an_answer(prometheus: Prometheus, watched: Project) -> None:
    variables = {"service": NAME, "version": ".*", "window": "1h", "column": "alcohol", "pipeline": ".*"}
    dashboards = (watched.folder / "deploy/monitoring/dashboards").glob("*.json")
    for dashboard in sorted(path for path in dashboards if path.stem not in OF_A_CLUSTER):
        namespace = FAILING if dashboard.stem == "service" else CALM
        expressions = expressions_of_dashboard(dashboard, namespace=namespace, **variables)
        assert prometheus.unanswered(expressions) == {}
        assert expressions != {}


def test_index_is_that_of_numpy(prometheus: Prometheus, watched: Project, rows: list[Row]) -> None:
    script = f"""
import json, random
import numpy as np, pandas as pd
from ml_chassis.holdout import hold_out
from wine_cultivars.data import load
from wine_cultivars.settings import Settings
rows = load(Settings.load())
training = hold_out(rows, "cultivar", 0.25, 7, "", "").training
draw = random.Random(7)
records = rows.drop(columns="cultivar").to_dict("records")
sent = pd.DataFrame([row for _ in range({REQUESTS}) for row in draw.choices(records, k={ROWS_EACH})])
found = {{}}
for namespace, shift in {{"{CALM}": {{}}, "{MOVED}": {SHIFTED!r}}}.items():
    for column in sent:
        edges = np.unique(np.quantile(training[column], np.arange(1, 10) / 10, method="inverted_cdf"))
        def shares(values):
            counts = np.bincount(np.digitize(values, edges, right=True), minlength=len(edges) + 1)
            return np.maximum(np.append(counts / len(values), 0), 1e-4)
        now, then = shares(sent[column] + shift.get(column, 0)), shares(training[column])
        found[f"{{namespace}} {{column}}"] = float(((now - then) * np.log(now / then)).sum())
print(json.dumps(found))
"""
    expected = json.loads(python(watched, script))
    for window in ("1h", "24h"):
        found = prometheus.values(f'model_column:psi{{role="feature", window="{window}", namespace!="{FAILING}"}}')
        measured = {f"{labels['namespace']} {labels['column']}": value for labels, value in found}
        assert measured == pytest.approx(expected, abs=1e-6)


def test_drift_alert_fires_for_the_shifted_columns_only(prometheus: Prometheus) -> None:
    assert {(alert["namespace"], alert["column"]) for alert in firing(prometheus, "ModelFeatureDrift")} == {
        (MOVED, column) for column in SHIFTED
    }


def test_error_alert_fires_for_the_failing_server_only(prometheus: Prometheus) -> None:
    found = {(alert["namespace"], alert["slo"]) for alert in firing(prometheus, "ErrorBudgetBurnFast")}
    assert found == {(FAILING, "availability")}


def test_no_other_alert_fires(prometheus: Prometheus) -> None:
    names = {alert["alertname"] for alert in prometheus.alerts()}
    assert names <= {"ModelFeatureDrift", "ModelPredictionDrift", "ErrorBudgetBurnFast", "ErrorBudgetBurnSlow"}


def firing(prometheus: Prometheus, name: str) -> list[dict[str, str]]:
    return [alert for alert in prometheus.alerts() if alert["alertname"] == name]


def test_figures_of_runs_and_reports_arrive(prometheus: Prometheus, rows: list[Row]) -> None:
    assert {labels["pipeline"]: value for labels, value in prometheus.values("pipeline_run_succeeded")} == {
        f"{NAME}-training": 1,
        f"{NAME}-batch": 1,
    }
    assert prometheus.value('pipeline_run_metric{metric="accuracy"}') > 0.9
    assert prometheus.value("drift_report_rows") == len(rows)
    assert prometheus.value("drift_report_drifted_columns_ratio") == 0
    assert prometheus.value("model_feedback_accuracy_ratio") == pytest.approx(1 - 1 / len(rows))


def test_labels_are_bounded(prometheus: Prometheus) -> None:
    for namespace in (CALM, MOVED, FAILING):
        own = f'{{namespace="{namespace}", __name__=~"model_server_.+"}}'
        assert prometheus.value(f"count({own})") < MOST_SERIES
        assert prometheus.value(f"max(count by (__name__, column, role) ({own}))") < MOST_SERIES


def test_server_counts_why_it_refused(watched: Project, rows: list[Row], fragile: dict[str, str]) -> None:
    with serving(watched, **fragile) as server:
        server.ask("/predict", [{"alcohol": 1}])
        server.ask(f"{MODEL}/versions/9/infer", {"inputs": []})
        server.ask("/predict", [rows[0] | HUGE])
        text = server.ask("/metrics").body.decode()
    for reason, code in {"invalid": 400, "not_served": 404, "model_failed": 500}.items():
        assert f'model_server_errors_total{{code="{code}",model="{NAME}",reason="{reason}",version="1"}} 1.0' in text
    assert 'reason="queue_full",version="1"} 0.0' in text


def test_worker_processes_add_up_their_counts(watched: Project, rows: list[Row]) -> None:
    with serving(watched, WORKERS="2") as server:
        for row in rows[:60]:
            server.ask("/predict", [row])

        def counted() -> float:
            lines = server.ask("/metrics").body.decode().splitlines()
            own = [
                line for line in lines if line.startswith("model_server_column_values_total") and '"alcohol"' in line
            ]
            return sum(float(line.rpartition(" ")[2]) for line in own)

        server.wait_for(lambda: counted() == 60)


def test_example_shows_which_column_moved(watched: Project) -> None:
    printed = watched.call("drift --example")
    assert re.search(r"(?m)^alcohol +\d+\.\d+ +drifted$", printed)
    assert "1 of 14 columns drifted in 178 rows of version 1." in printed


def test_captured_requests_go_to_a_bucket_and_are_reported_on(watched: Project, rows: list[Row]) -> None:
    run("uv", "pip", "install", "--quiet", "s3fs", cwd=watched.folder, env=watched.environment)
    with s3_server() as source:
        settings = source.environment | {"CAPTURE_URI": f"{source.address}/requests", "CAPTURE_SHARE": "1"}
        bucket = Project(watched.folder, settings=settings)
        python(bucket, f"import s3fs; s3fs.S3FileSystem().mkdir({source.address!r})")
        with serving(bucket) as server:
            for row in rows:
                server.ask("/predict", [row | {"hue": row["hue"] + 1}])
            server.end()
        printed = bucket.call("drift")
    assert re.search(r"(?m)^hue +\d+\.\d+ +drifted$", printed)
    assert "in 178 rows of version 1." in printed


def test_monitor_runs_prometheus_on_the_rules_and_the_local_server(watched: Project) -> None:
    require("prometheus")
    port = free_port()
    with serving(watched) as server:
        command = [str(watched.folder / ".venv/bin" / NAME), "monitor", "--port", str(port)]
        environment = watched.environment | {"SERVE_PORT": str(server.port)}
        process = subprocess.Popen(command, cwd=watched.folder, env=environment, start_new_session=True)
        try:
            found = Prometheus(f"http://{HOST}:{port}")
            wait_until_up(f"{found.address}/-/ready", process)
            found.wait_for(lambda: [value for _, value in found.values("up")] == [1])
            assert {group["file"].rpartition("/")[2] for group in found.get("rules")["groups"]} == {
                f"rules-{name}.yaml" for name in ("model", "pipelines", "server", "slo")
            }
        finally:
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait() == 0


def test_monitor_says_what_it_needs(watched: Project, tmp_path: Path) -> None:
    (tmp_path / "uv").symlink_to(find_uv_bin())
    assert "Neither `prometheus` nor `docker` is on this machine" in watched.fail("monitor", PATH=str(tmp_path))
