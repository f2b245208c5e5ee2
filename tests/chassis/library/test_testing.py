"""What the tests of a project get of the library, in the repository that these tests run in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ml_chassis.errors import ModelError
from ml_chassis.testing import defaults, sampled, served
from repository import PACKAGE, PROJECT


def told(expression: str) -> str:
    """Return what another process of the project says."""
    code = f"from {PACKAGE} import PROJECT; print({expression})"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def _told_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `.env` and the environment be those of a team with data of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("DATA_URI=rows.csv\nTEST_SHARE=0.5\n")
    monkeypatch.setenv("DATA_TARGET", "species")


@pytest.mark.usefixtures("_told_otherwise")
def test_nothing_outside_decides_on_the_defaults(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("folder")
    with defaults(PROJECT.settings, folder, random_seed="9") as settings:
        found = settings.test_share, settings.data_target, settings.random_seed, settings.local_dir

        assert found == (0.25, "cultivar", 9, folder)
        assert told("PROJECT.settings.load().model_dump_json()") == settings.model_dump_json()
    assert (os.environ["DATA_TARGET"], PROJECT.settings.load().data_uri) == ("species", "rows.csv")


@pytest.mark.usefixtures("_told_otherwise")
def test_steps_judge_the_sample_by_a_schema_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("folder")
    with sampled(PROJECT.settings, folder) as settings:
        assert (settings.data_uri, settings.data_target) == ("sklearn:wine", "cultivar")
        assert Path(told("PROJECT.schema")).is_relative_to(folder)
    assert PROJECT.schema == Path(told("PROJECT.schema"))


def test_model_that_cannot_be_served_fails_the_test_and_not_the_process(tmp_path: Path) -> None:
    with (
        defaults(PROJECT.settings, tmp_path, model_uri="/nowhere") as settings,
        pytest.raises(ModelError, match="'/nowhere' cannot be loaded"),
        served(settings),
    ):
        pass
