"""Commands take the variables of `.env` that their environment lacks."""

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from ml_chassis.environment import take_variables, variables
from ml_chassis.errors import SettingsError
from wines import Settings


@pytest.fixture
def dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return where `.env` may be written; what is taken of it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(Settings.model_config, "env_file", ".env")
    with patch.dict(os.environ):
        yield tmp_path / ".env"


def test_variables_that_are_no_settings_are_taken_too(dotenv: Path) -> None:
    dotenv.write_text("AWS_PROFILE=team\nTEST_SHARE=0.5\n")

    take_variables(Settings)

    assert (os.environ["AWS_PROFILE"], Settings.load().test_share) == ("team", 0.5)


def test_environment_wins(dotenv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv.write_text("AWS_PROFILE=team\nTEST_SHARE=0.5\n")
    monkeypatch.setenv("AWS_PROFILE", "own")
    monkeypatch.setenv("TEST_SHARE", "0.4")

    take_variables(Settings)

    assert (os.environ["AWS_PROFILE"], Settings.load().test_share) == ("own", 0.4)


def test_hosts_that_need_no_proxy_are_added_to_this_machine(dotenv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    take_variables(Settings)  # of no file yet
    dotenv.write_text("NO_PROXY=intranet.example\n")

    take_variables(Settings)

    assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "intranet.example,localhost,127.0.0.1,::1"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"A=1\nPASSWORD='hunter2\n", r"\.env cannot be read from line 2 on; write NAME=value"),
        (b"A=1\nB two=2\n", r"\.env cannot be read from line 2 on; write NAME=value"),
        (b"A=\xff\n", r"\.env cannot be read: 'utf-8' codec"),
    ],
    ids=["open quote", "no name", "other encoding"],
)
def test_file_that_cannot_be_read_is_refused_by_its_line_alone(dotenv: Path, content: bytes, told: str) -> None:
    dotenv.write_bytes(content)

    with pytest.raises(SettingsError, match=told) as refused:
        take_variables(Settings)
    assert "hunter2" not in str(refused.value)


def test_class_of_settings_without_a_file_has_no_variables(dotenv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dotenv.write_text("AWS_PROFILE=team\n")
    monkeypatch.setitem(Settings.model_config, "env_file", None)

    assert variables(Settings) == {}
