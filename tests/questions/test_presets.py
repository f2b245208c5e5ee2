"""A preset answers the detail questions; a detail given by --data wins, and an update keeps it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from copier import run_copy

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
    "library": "vendored",
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
    "library": "index",
}
NEEDED: dict[str, dict[str, Any]] = {
    "extras": {"platform": "standalone"},
    "cloud": {"serving": "kserve"},
    "namespace": {"serving": "kserve"},
    "gitops": {"serving": "kserve", "repository_url": GIVEN["repository_url"]},
    "telemetry": {"serving": "kserve"},
}
"""What a detail asks of others."""

QUESTIONS = {
    name: question
    for name, question in yaml.safe_load((ROOT / "copier.yml").read_text()).items()
    if not name.startswith("_")
}
DETAILS = [name for name, question in QUESTIONS.items() if "preset == 'custom'" in str(question.get("when"))]
COMPUTED = [name for name, question in QUESTIONS.items() if question.get("when") is False]


class Answers(NamedTuple):
    """What Copier makes of some answers."""

    chosen: dict[str, Any]
    """All of them, of which some are defaults."""
    recorded: dict[str, Any]
    """Those that an update will find."""


Ask = Callable[..., Answers]


@pytest.fixture
def ask(plain_template: Path, tmp_path: Path) -> Ask:
    """Return a function from the answers that are given to all."""

    def asked(**given: Any) -> Answers:
        name = ".copier-answers.yml"
        only_them = ["*", f"!{name}"]
        worker = run_copy(str(plain_template), tmp_path, data=given, defaults=True, quiet=True, exclude=only_them)
        return Answers(dict(worker.answers.combined), yaml.safe_load((tmp_path / name).read_text()))

    return asked


def test_every_detail_is_tested() -> None:
    assert set(DETAILS) == set(GIVEN)


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_chooses(preset: str, ask: Ask) -> None:
    chosen = ask(preset=preset).chosen
    assert {name: chosen[name] for name in DETAILS} == CHOSEN[preset]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("name", "value"), GIVEN.items())
def test_given_detail_wins_and_is_recorded(preset: str, name: str, value: Any, ask: Ask) -> None:
    given = {name: value} | NEEDED.get(name, {})
    chosen, recorded = ask(preset=preset, **given)
    assert {name: chosen[name] for name in DETAILS} == CHOSEN[preset] | given
    assert recorded[name] == value


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("name", DETAILS)
def test_detail_equal_to_the_default_is_recorded_when_given(preset: str, name: str, ask: Ask) -> None:
    # Else a release that changes the default would change this repository.
    value = CHOSEN[preset][name]
    assert ask(preset=preset, **{name: value}).recorded[name] == value


@pytest.mark.parametrize("preset", ["minimal", "standard", "full"])
def test_details_not_given_are_not_recorded(preset: str, ask: Ask) -> None:
    # So that `copier update` with another preset brings what that preset chooses.
    assert set(ask(preset=preset).recorded) & set(DETAILS) == set()


def test_custom_records_every_detail(ask: Ask) -> None:
    assert set(DETAILS) <= set(ask(preset="custom").recorded)


@pytest.mark.parametrize("preset", PRESETS)
def test_computed_values_are_not_recorded(preset: str, ask: Ask) -> None:
    assert set(ask(preset=preset).recorded) & set(COMPUTED) == set()


def test_identity_is_recorded(ask: Ask) -> None:
    always = {name for name, question in QUESTIONS.items() if "when" not in question}
    assert always <= set(ask().recorded)


def test_repository_is_named_after_the_project(ask: Ask) -> None:
    assert ask(project_name="Churn: Risk & Co.").chosen["repository_name"] == "churn-risk-co"


def test_package_is_named_after_the_repository(ask: Ask) -> None:
    assert ask(repository_name="churn-risk").chosen["package_name"] == "churn_risk"
