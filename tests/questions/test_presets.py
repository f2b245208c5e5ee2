"""A preset answers the detail questions; a detail given by --data wins, and an update keeps it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from copier import run_copy

from tests.conftest import Render
from tests.running import ROOT

PRESETS = ["minimal", "standard", "full", "custom"]
SHARED = {
    "image_registry": "",
    "extras": [],
    "cloud": "none",
    "namespace": "wine-cultivars",
    "gitops": "none",
    "framework": "sklearn",
    "repository_url": "",
}
CLUSTER = {"serving": "kserve", "platform": "standalone"}
FEATURES = ("monitoring", "telemetry", "notebooks")
CHOSEN = {
    "minimal": SHARED | {"serving": "none", "platform": "none", "ci": "none"} | dict.fromkeys(FEATURES, False),
    "standard": SHARED | CLUSTER | {"ci": "github"} | dict.fromkeys(FEATURES, False),
    "full": SHARED | CLUSTER | {"ci": "github"} | dict.fromkeys(FEATURES, True),
    "custom": SHARED | CLUSTER | {"ci": "github"} | dict.fromkeys(FEATURES, False),
}
# One value of each detail that no preset chooses, or that one preset does not.
GIVEN = {
    "image_registry": "ghcr.io/acme",
    "serving": "seldon",
    "platform": "kubeflow",
    "extras": ["katib", "notebooks"],
    "cloud": "eks",
    "namespace": "ml",
    "gitops": "flux",
    "ci": "gitlab",
    "framework": "xgboost",
    "monitoring": True,
    "telemetry": True,
    "repository_url": "https://github.com/acme/wine-cultivars",
    "notebooks": True,
}
NEEDED = {"gitops": {"repository_url": GIVEN["repository_url"]}}
"""What a detail asks of others."""

QUESTIONS = {
    name: question
    for name, question in yaml.safe_load((ROOT / "copier.yml").read_text()).items()
    if not name.startswith("_")
}
DETAILS = [name for name, question in QUESTIONS.items() if question.get("when")]
COMPUTED = [name for name, question in QUESTIONS.items() if question.get("when") is False]


def test_every_detail_is_tested() -> None:
    assert set(DETAILS) == set(GIVEN)


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_chooses(preset: str, template: Path, tmp_path: Path) -> None:
    chosen = asked(template, tmp_path, preset=preset)
    assert {name: chosen[name] for name in DETAILS} == CHOSEN[preset]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("name", "value"), GIVEN.items())
def test_given_detail_wins(preset: str, name: str, value: Any, template: Path, tmp_path: Path) -> None:
    given = {name: value} | NEEDED.get(name, {})
    chosen = asked(template, tmp_path, preset=preset, **given)
    assert {name: chosen[name] for name in DETAILS} == CHOSEN[preset] | given


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("name", "value"), GIVEN.items())
def test_given_detail_is_recorded(preset: str, name: str, value: Any, render: Render) -> None:
    assert recorded(render(preset=preset, **{name: value} | NEEDED.get(name, {})))[name] == value


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", DETAILS)
def test_detail_equal_to_the_default_is_recorded_when_given(preset: str, name: str, render: Render) -> None:
    # Else a release that changes the default would change this repository.
    value = CHOSEN[preset][name]
    assert recorded(render(preset=preset, **{name: value}))[name] == value


@pytest.mark.parametrize("preset", ["minimal", "standard", "full"])
def test_details_not_given_are_not_recorded(preset: str, render: Render) -> None:
    # So that `copier update` with another preset brings what that preset chooses.
    assert set(recorded(render(preset=preset))) & set(DETAILS) == set()


def test_custom_records_every_detail(render: Render) -> None:
    assert set(DETAILS) <= set(recorded(render(preset="custom")))


@pytest.mark.parametrize("preset", PRESETS)
def test_computed_values_are_not_recorded(preset: str, render: Render) -> None:
    assert set(recorded(render(preset=preset))) & set(COMPUTED) == set()


def test_identity_is_recorded(render: Render) -> None:
    always = {name for name, question in QUESTIONS.items() if "when" not in question}
    assert always <= set(recorded(render()))


def test_repository_is_named_after_the_project(template: Path, tmp_path: Path) -> None:
    assert asked(template, tmp_path, project_name="Churn: Risk & Co.")["repository_name"] == "churn-risk-co"


def test_package_is_named_after_the_repository(template: Path, tmp_path: Path) -> None:
    assert asked(template, tmp_path, repository_name="churn-risk")["package_name"] == "churn_risk"


def asked(template: Path, tmp_path: Path, **answers: Any) -> dict[str, Any]:
    """Return all answers, of which some are given and the others are defaults; write nothing."""
    worker = run_copy(str(template), tmp_path / "project", data=answers, defaults=True, quiet=True, pretend=True)
    return dict(worker.answers.combined)


def recorded(project: Path) -> dict[str, Any]:
    """Return the answers that an update will find."""
    answers: dict[str, Any] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return answers
