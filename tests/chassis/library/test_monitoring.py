"""What is watched of a champion, in the repository that the tests run in."""

import asyncio
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ml_chassis.data import SAMPLE, read_rows
from ml_chassis.errors import MonitoringError
from ml_chassis.monitoring import capture, drift, observer
from ml_chassis.monitoring.capture import Capture, Seen, captured
from ml_chassis.monitoring.distributions import from_metadata
from ml_chassis.monitoring.feedback import give_feedback
from ml_chassis.monitoring.gateway import run_pushed
from ml_chassis.monitoring.observer import Observer
from ml_chassis.monitoring.prometheus import configure
from ml_chassis.pipelines.all import pipelines
from ml_chassis.pipelines.local import run_local
from ml_chassis.registry import Registry
from ml_chassis.serving.model import load
from ml_chassis.settings import Settings
from ml_chassis.testing import defaults
from projects import like
from prometheus_client import REGISTRY
from repository import FOLDER, PROJECT, TARGET, make_champion


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an MLflow database in which a model of the sample is version 1, the champion. Tests copy it."""
    with defaults(PROJECT.settings, tmp_path_factory.mktemp("champion"), data_uri=SAMPLE) as settings:
        make_champion(settings, read_rows(settings))
        return settings.mlflow_database


@pytest.fixture
def settings(champion: Path, tmp_path: Path) -> Iterator[Settings]:
    shutil.copy(champion, tmp_path)
    with defaults(PROJECT.settings, tmp_path, data_uri=SAMPLE) as settings:
        yield settings


@pytest.fixture
def capturing(settings: Settings) -> Settings:
    return settings.model_copy(update={"capture_uri": str(settings.local_dir / "requests"), "capture_share": 1.0})


@pytest.fixture
def rows(settings: Settings) -> pd.DataFrame:
    return read_rows(settings)


@pytest.fixture
def features(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop(columns=TARGET)


def capture_all(settings: Settings, features: pd.DataFrame, answers: Any) -> None:
    """Capture each row as a request of its own: r-0, r-1, ..."""
    kept = Capture(settings, "1")
    values = features.to_numpy()
    seen = [Seen(f"r-{place}", 1e9, values[[place]], np.array([answer])) for place, answer in enumerate(answers)]
    kept.take([each._replace(at=pd.Timestamp.now("UTC").timestamp()) for each in seen], list(features.columns))
    kept.write()


def test_observer_counts_rows_by_bin(settings: Settings, features: pd.DataFrame) -> None:
    before = counts("alcohol"), counts("cultivar")
    observe(settings, features)
    alcohol, cultivar = counts("alcohol").sub(before[0], fill_value=0), counts("cultivar").sub(before[1], fill_value=0)
    assert alcohol.sum() == cultivar.sum() == len(features)
    assert alcohol["missing"] == 0
    assert cultivar["1"] == len(features)


def test_observer_counts_no_more_rows_than_it_has_time_for(
    settings: Settings, features: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(observer, "MOST_ROWS", 5)
    before = counts("alcohol").sum()
    observe(settings, features)
    assert counts("alcohol").sum() - before == 5


def observe(settings: Settings, features: pd.DataFrame) -> None:
    """Have an observer see each row as a request of its own, all at once."""
    model = load(settings, PROJECT.model_types)

    async def see() -> None:
        seeing = Observer(model, settings)
        for _, row in features.iterrows():
            seeing.see(row.to_numpy()[np.newaxis], np.array([1]))
        await seeing.close()

    asyncio.run(see())


def counts(column: str) -> pd.Series:
    """Return the counts of the bins of a column so far, of all models that were observed in this process."""
    samples = [
        (sample.labels["bin"], sample.value)
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == "model_server_column_values_total" and sample.labels["column"] == column
    ]
    return pd.DataFrame(samples, columns=["bin", "count"]).groupby("bin")["count"].sum()


def test_captured_rows_come_back(capturing: Settings, features: pd.DataFrame) -> None:
    capture_all(capturing, features.head(3), [0, 1, 2])
    rows = captured(capturing, days=1)
    assert [(row.request_id, row.row, row.version, row.prediction) for row in rows] == [
        ("r-0", 0, "1", 0),
        ("r-1", 0, "1", 1),
        ("r-2", 0, "1", 2),
    ]
    assert rows[1].inputs == features.iloc[1].to_dict()


def test_redacted_column_is_not_kept(capturing: Settings, features: pd.DataFrame) -> None:
    settings = capturing.model_copy(update={"capture_redact": "alcohol, hue"})
    capture_all(settings, features.head(1), [0])
    inputs = captured(settings, days=1)[0].inputs
    assert inputs["alcohol"] is inputs["hue"] is None
    assert inputs["ash"] == features.ash[0]


def test_capture_takes_a_share(capturing: Settings, features: pd.DataFrame) -> None:
    random.seed(7)
    capture_all(capturing.model_copy(update={"capture_share": 0.25}), features, np.zeros(len(features), int))
    assert 0.15 < len(captured(capturing, days=1)) / len(features) < 0.35


def test_capture_is_bounded(capturing: Settings, features: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "MOST_ROWS", 5)
    before = outcome(capturing, "dropped")
    capture_all(capturing, features.head(8), range(8))
    assert len(captured(capturing, days=1)) == 5
    assert outcome(capturing, "dropped") - before == 3


def test_capture_is_bounded_by_its_size_too(
    capturing: Settings, features: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "MOST_BYTES", 2_000)
    before = outcome(capturing, "dropped")
    capture_all(capturing, features.head(8), range(8))
    (file,) = Path(capturing.capture_uri).rglob("*.jsonl")
    assert 1_000 < file.stat().st_size <= 2_000
    assert outcome(capturing, "dropped") - before == 8 - len(captured(capturing, days=1))


def test_capture_that_cannot_be_written_is_counted(
    capturing: Settings, features: pd.DataFrame, caplog: pytest.LogCaptureFixture
) -> None:
    Path(capturing.capture_uri).write_text("a file where the folder should be")
    before = outcome(capturing, "failed")
    capture_all(capturing, features.head(2), [0, 1])
    assert outcome(capturing, "failed") - before == 2
    assert "CAPTURE_URI" in caplog.text


def outcome(settings: Settings, name: str) -> float:
    labels = {"model": settings.model_name, "version": "1", "outcome": name}
    return REGISTRY.get_sample_value("model_server_captured_rows_total", labels) or 0.0


def test_nothing_captured_says_what_to_do(settings: Settings, capturing: Settings) -> None:
    with pytest.raises(MonitoringError, match="set CAPTURE_URI"):
        captured(settings, days=1)
    with pytest.raises(MonitoringError, match="No request was captured"):
        captured(capturing, days=1)


def test_feedback_tells_the_accuracy(capturing: Settings, features: pd.DataFrame, tmp_path: Path) -> None:
    capture_all(capturing, features.head(4), [0, 0, 0, 1])
    file = tmp_path / "labels.csv"
    file.write_text("request_id,label\nr-0,0\nr-1,0\nr-3,0\nunknown,2\n")
    found = give_feedback(capturing, file, days=1)["1"]
    assert (found.rows, found.captured, found.ratio) == (3, 4, 2 / 3)
    file.write_text("request_id,row,label\nr-3,0,1\n")  # a correction
    assert give_feedback(capturing, file, days=1)["1"].ratio == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("request_id\nr-0\n", "lacks label"),
        ("request_id,row,label\nr-0,first,1\n", "no label"),
        ("request_id,label\nr-9,1\n", "None of the 1 labels"),
        ("", "cannot be read"),
    ],
)
def test_bad_labels_are_refused(
    capturing: Settings, features: pd.DataFrame, tmp_path: Path, content: str, complaint: str
) -> None:
    capture_all(capturing, features.head(1), [0])
    file = tmp_path / "labels.csv"
    file.write_text(content)
    with pytest.raises(MonitoringError, match=complaint):
        give_feedback(capturing, file, days=1)


@pytest.mark.parametrize("monitoring", [False, True])
def test_model_of_a_project_that_is_monitored_says_how_its_training_rows_are_spread(
    monitoring: bool, tmp_path: Path, rows: pd.DataFrame
) -> None:
    project = like(PROJECT, monitoring=monitoring)
    with defaults(project.settings, tmp_path) as settings:
        make_champion(settings, rows)
        described = from_metadata(load(settings, project.model_types).record.metadata)
    assert [each.column for each in described] == (list(rows) if monitoring else [])


def test_example_finds_the_shifted_column_only(settings: Settings, rows: pd.DataFrame) -> None:
    column, found = drift.example(settings, rows)
    assert found.drifted == [column] == ["alcohol"]


def test_report_leaves_dates_out(settings: Settings, rows: pd.DataFrame) -> None:
    dated = rows.assign(day=pd.date_range("2026-01-01", periods=len(rows)))
    make_champion(settings, dated)
    _, found = drift.example(settings, dated)
    assert set(found.psi) == {*rows.columns.drop(TARGET), f"predicted_{TARGET}"}


def test_report_finds_what_moved_in_the_captured_requests(
    capturing: Settings, features: pd.DataFrame, tmp_path: Path
) -> None:
    shifted = features.assign(ash=features.ash + 1)
    capture_all(capturing, shifted, Registry(capturing).load(1).predict(shifted))
    (tmp_path / "labels.csv").write_text("request_id,label\nr-0,0\nr-1,1\n")
    give_feedback(capturing, tmp_path / "labels.csv", days=1)
    found = drift.report(capturing, days=1)
    assert (found.version, found.rows) == ("1", len(features))
    assert found.drifted == ["ash"]


def test_pipeline_reports_on_the_captured_requests(
    capturing: Settings, features: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CAPTURE_URI", capturing.capture_uri)
    capture_all(capturing, features, np.zeros(len(features), int))
    run_local(pipelines(PROJECT)["drift"], {"days": 1}, capturing)
    assert capsys.readouterr().out.split()[:2] == ["report-drift", "done"]


def test_run_goes_on_without_a_pushgateway(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with run_pushed(settings.model_copy(update={"pushgateway_url": "http://127.0.0.1:1"}), "training"):
        pass
    assert "PUSHGATEWAY_URL does not answer" in caplog.text


def test_prometheus_is_told_the_server_and_the_rules(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    folder = configure(settings.model_copy(update={"serve_port": 8765, "pushgateway_url": "http://gateway:9091"}))
    text = (folder / "prometheus.yml").read_text()
    assert "127.0.0.1:8765" in text
    assert "gateway:9091" in text
    rules = ["model", "pipelines", "server", "slo"]
    assert sorted(path.name for path in folder.glob("rules-*")) == [f"rules-{name}.yaml" for name in rules]
