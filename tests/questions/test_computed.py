"""What follows from the answers can be given in no way: it lands in files, and no rule for answers has seen it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from copier import run_copy

from .test_presets import COMPUTED, QUESTIONS

ONLY_ANSWERS = ["*", "!.copier-answers.yml"]


@pytest.fixture(scope="session")
def computed(plain_template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what follows from the default answers."""
    folder = tmp_path_factory.mktemp("defaults")
    worker = run_copy(str(plain_template), folder, defaults=True, quiet=True, exclude=ONLY_ANSWERS)
    return {name: worker.answers.combined[name] for name in COMPUTED}


def other(name: str, value: Any) -> Any:
    """Return another value of the same kind."""
    return {"str": "x$(touch hacked)", "bool": not value, "yaml": ["kube-system"]}[QUESTIONS[name]["type"]]


@pytest.mark.parametrize("name", COMPUTED)
@pytest.mark.parametrize("way", ["data", "user_defaults", "settings"])
def test_computed_value_is_refused(
    name: str,
    way: str,
    computed: dict[str, Any],
    plain_template: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: dict[str, Any] = {way: {name: other(name, computed[name])}}
    settings = tmp_path / "settings.yml"
    settings.write_text(yaml.safe_dump({"defaults": given.pop("settings", {})}))
    monkeypatch.setenv("COPIER_SETTINGS_PATH", str(settings))
    with pytest.raises(ValueError, match="Invalid choice"):
        run_copy(str(plain_template), tmp_path / "project", defaults=True, quiet=True, **given)
    assert not (tmp_path / "project").exists()


def test_computed_values_in_the_answers_file_are_dropped(
    computed: dict[str, Any], plain_template: Path, tmp_path: Path
) -> None:
    answers = tmp_path / ".copier-answers.yml"
    answers.write_text(yaml.safe_dump({name: other(name, value) for name, value in computed.items()}))
    worker = run_copy(str(plain_template), tmp_path, defaults=True, overwrite=True, quiet=True, exclude=ONLY_ANSWERS)
    assert {name: worker.answers.combined[name] for name in COMPUTED} == computed
    assert set(yaml.safe_load(answers.read_text())) & set(COMPUTED) == set()
