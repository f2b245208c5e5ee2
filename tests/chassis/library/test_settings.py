import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from ml_chassis.errors import SettingsError
from ml_chassis.runs import connect
from projects import like
from pydantic import SecretStr
from wines import PROJECT, Settings


def test_environment_wins_over_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("GATE_MARGIN=0.1\nRANDOM_SEED=3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    monkeypatch.setenv("GATE_MARGIN", "0.2")

    settings = Settings.load()

    assert (settings.gate_margin, settings.random_seed) == (0.2, 3)


@pytest.mark.parametrize(
    ("platform", "context", "namespace"),
    [
        ("none", "", "wines-of"),
        ("standalone", "kind-ml-chassis", "kubeflow"),
        ("kubeflow", "kind-ml-chassis", "wines-of"),
        ("existing", "", "wines-of"),
    ],
)
def test_what_is_not_set_is_called_as_the_project_is(platform: str, context: str, namespace: str) -> None:
    settings = like(PROJECT, platform=platform, namespace="wines-of").settings.load()

    assert (settings.model_name, settings.mlflow_experiment_name) == ("ml-chassis", "ml-chassis")
    assert (settings.context, settings.pipelines_namespace) == (context, namespace)


def test_default_of_the_projects_own_class_counts() -> None:
    class Own(Settings):
        """Another name for the model."""

        model_name: str = "beers"

    settings = replace(PROJECT, settings=Own).settings.load()

    assert (settings.model_name, settings.mlflow_experiment_name) == ("beers", "ml-chassis")


def test_environment_wins_over_the_names_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_NAME", "beers")
    monkeypatch.setenv("CONTEXT", "elsewhere")

    settings = like(PROJECT, platform="standalone").settings.load()

    assert (settings.model_name, settings.context) == ("beers", "elsewhere")


@pytest.mark.parametrize(
    ("name", "value"),
    [("TEST_SHARE", "1.5"), ("GATE_METRIC", "speed"), ("SERVE_PORT", "http"), ("RANDOM_SEED", "-1")],
)
def test_bad_value_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=f"{name}='{value}' cannot be used"):
        Settings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATA_URI", "https://hunter2@example.com/rows.csv"),
        ("MLFLOW_TRACKING_URI", "http://reader:hunter2@mlflow.example.com"),
        ("MODEL_URI", "s3://key:hunter2@bucket/model"),
        ("DATABASE_HOST", "reader:hunter2@db.example.com"),
    ],
)
def test_value_that_may_be_a_secret_is_not_repeated(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=name) as error:
        Settings.load()

    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("host", "bound"), [("", "db.example.com:5432"), ("other.example.com", "other.example.com")], ids=["default", "set"]
)
def test_password_is_bound_to_a_host(host: str, bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_URI", "postgresql://reader@db.example.com/wines")
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")
    monkeypatch.setenv("DATABASE_HOST", host)

    reading = Settings.load().reading("postgresql://reader@evil.example.com/wines", "wines")

    assert reading.database_password == SecretStr("hunter2")
    assert reading.password_host == bound


def test_rows_are_held_out_by_a_key_or_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLIT_KEY", "customer")
    assert Settings.load().columns_beside_features == ["cultivar", "customer"]
    monkeypatch.setenv("SPLIT_TIME", "day")

    with pytest.raises(SettingsError, match="SPLIT_TIME cannot be used beside SPLIT_KEY"):
        Settings.load()


def test_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")

    assert "hunter2" not in repr(Settings.load())


def test_password_of_dotenv_is_in_no_traceback(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_PASSWORD=hunter2\n")
    lines = [
        "from wines import Settings",
        "Settings.load()",
        "raise OSError('for hunter2')",
    ]
    script = "\n".join(lines)
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert "OSError: for ***" in done.stderr
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize("character", ["#", "%", "?"])
def test_folder_that_mlflow_cannot_keep_is_refused(character: str, tmp_path: Path) -> None:
    folder = tmp_path / f"a{character}b"
    with pytest.raises(SettingsError, match=r"MLflow cannot keep .*; move the project"):
        connect(Settings.load().model_copy(update={"local_dir": folder, "mlflow_tracking_uri": ""}))
    assert not folder.exists()
