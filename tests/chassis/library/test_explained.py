from pathlib import Path

import pytest
import typer
from ml_chassis.cli import app_for
from ml_chassis.errors import SettingsError
from ml_chassis.explained import check_example, example, settings_of_project
from projects import like
from typer.testing import CliRunner
from wines import PROJECT

CAPTURED, CLUSTER = "CAPTURE_URI", "CONTEXT"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(app: typer.Typer, *arguments: str) -> str:
    """Return what a command printed, which must succeed."""
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def row(name: str, printed: str) -> list[str]:
    """Return the cells of a setting's row."""
    (found,) = [line.split() for line in printed.splitlines() if line.startswith(f"{name} ")]
    return found


@pytest.mark.parametrize(
    ("facts", "name", "there"),
    [
        ({"monitoring": False}, CAPTURED, False),
        ({"monitoring": True}, CAPTURED, True),
        ({}, CLUSTER, False),
        ({"serving": "standard"}, CLUSTER, True),
        ({"platform": "existing"}, "PLATFORM_FOLDER", False),
        ({"platform": "standalone"}, "PLATFORM_FOLDER", True),
        ({"platform": "standalone"}, "DEPLOY_TO", False),
        ({"platform": "standalone", "serving": "seldon"}, "DEPLOY_TO", True),
        ({"serving": "standard"}, "ROLLOUT_TIMEOUT_SECONDS", True),
        ({"serving": "standard", "controller": "Flux"}, "ROLLOUT_TIMEOUT_SECONDS", False),
    ],
)
def test_only_settings_that_matter_to_the_project_are_explained(
    facts: dict[str, object], name: str, there: bool
) -> None:
    assert (f"\n# {name}=" in example(like(PROJECT, **facts))) is there


def test_each_setting_is_explained() -> None:
    everything = like(PROJECT, monitoring=True, platform="standalone", serving="standard")
    assert [name for name, _, meaning in settings_of_project(everything) if not meaning] == []


def test_defaults_of_the_project_are_shown() -> None:
    assert f"\n# MODEL_NAME={PROJECT.name}\n" in example(PROJECT)


def test_example_that_was_written_passes(folder: Path) -> None:
    assert ran(app_for(PROJECT), "settings", "--write") == "Wrote .env.example.\n"
    ran(app_for(PROJECT), "settings", "--check")


def test_example_of_other_settings_is_refused_with_the_command(folder: Path) -> None:
    with pytest.raises(SettingsError, match="settings --write` writes it"):
        check_example(PROJECT)


def test_each_value_is_shown_with_its_source(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("SERVE_PORT=9001\nWORKERS=2\n")
    monkeypatch.setitem(PROJECT.settings.model_config, "env_file", ".env")
    monkeypatch.setenv("SERVE_PORT", "9002")
    monkeypatch.setenv("WORKERS", "2")  # as uv sets what is in .env

    printed = ran(app_for(PROJECT), "settings")
    assert row("SERVE_PORT", printed) == ["SERVE_PORT", "9002", "environment"]
    assert row("WORKERS", printed) == ["WORKERS", "2", ".env"]
    assert row("TEST_SHARE", printed) == ["TEST_SHARE", "0.25", "default"]


def test_secrets_are_hidden(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "a-long-password")
    assert row("DATABASE_PASSWORD", ran(app_for(PROJECT), "settings")) == ["DATABASE_PASSWORD", "***", "environment"]
