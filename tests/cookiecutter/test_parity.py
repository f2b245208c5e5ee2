"""Cookiecutter asks what Copier asks, and the same answers become the same bytes."""

import json
import os
import re
import sys
from pathlib import Path

import pexpect
import pytest
from cookiecutter.prompt import prompt_for_config
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.sandbox import SandboxedEnvironment

from tests.conftest import Render
from tests.needs import require_index
from tests.rendering.combinations import PRESETS, QUESTIONS, Answers, pairwise
from tests.running import ROOT, run

from .conftest import Bake, configure
from .runs import PROGRAM, context, differing, recorded, start

DETAILS = [name for name, question in QUESTIONS.items() if "preset == 'custom'" in question.get("when", "")]
CUSTOM: Answers = {
    "preset": "custom",
    "serving": "seldon",
    "extras": ("katib", "notebooks"),
    "namespace": "0",
    "monitoring": True,
    "telemetry": False,
}


def test_questions_are_up_to_date(tmp_path: Path) -> None:
    run(sys.executable, "scripts/cookiecutter_json.py", str(tmp_path / "cookiecutter.json"), cwd=ROOT)

    current = (tmp_path / "cookiecutter.json").read_text()
    assert (ROOT / "cookiecutter.json").read_text() == current, "`make questions` rewrites it"


# Braces are Jinja's, and Copier refuses them.
@given(st.text(st.characters(exclude_characters="{}", exclude_categories=["Cs"]), max_size=60))
@settings(deadline=None)
def test_default_names_are_those_of_copier(project_name: str) -> None:
    content = json.loads((ROOT / "cookiecutter.json").read_text()) | {"project_name": project_name}
    asked = prompt_for_config({"cookiecutter": content}, no_input=True)

    environment = SandboxedEnvironment(extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"])
    for name in ("repository_name", "package_name"):
        default = environment.from_string(QUESTIONS[name]["default"]).render(asked)
        assert asked[name] == default


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_those_of_copier(preset: str, render: Render, bake: Bake) -> None:
    assert differing(bake(preset=preset), render(preset=preset)) == []


@pytest.mark.parametrize("answers", pairwise(), ids=lambda answers: answers["preset"])
def test_pairs_are_those_of_copier(answers: Answers, render: Render, bake: Bake) -> None:
    # To Cookiecutter, an empty answer is none.
    said = {name: value for name, value in answers.items() if value not in ("", ())}

    assert differing(bake(**answers), render(**said)) == []


def test_oldest_cookiecutter_writes_the_same(template: Path, render: Render, output: Path) -> None:
    (oldest,) = re.findall(r"Cookiecutter has to be ([\d.]+) or newer", (ROOT / "docs/cookiecutter.md").read_text())
    require_index()
    uvx = Path(sys.executable).with_name("uvx")
    command = [f"cookiecutter@{oldest}.0", "--no-input", str(template), "preset=full"]
    run(str(uvx), "--python", sys.executable, "--with", "copier", *command, cwd=output)

    assert differing(output / "wine-cultivars", render(preset="full")) == []


def test_details_left_open_are_not_recorded(bake: Bake) -> None:
    assert set(recorded(bake())) & set(DETAILS) == set()


def test_folder_is_named_after_the_repository(bake: Bake) -> None:
    assert bake(project_name="Churn: Risk & Co.").name == "churn-risk-co"


def test_terminal_asks_every_question(template: Path, render: Render, output: Path) -> None:
    answer_in_terminal(template, output)

    assert differing(output / "wine-cultivars", render()) == []


def test_terminal_takes_a_number_for_a_choice(template: Path, output: Path) -> None:
    typed = {"preset": "2", "serving": "3", "platform": "2", "extras": "katib, notebooks", "monitoring": "y"}
    answer_in_terminal(template, output, **typed)

    made = recorded(output / "wine-cultivars")
    chosen = {
        "preset": "minimal",
        "serving": "seldon",
        "platform": "standalone",
        "extras": ["katib", "notebooks"],
        "monitoring": True,
    }
    assert {name: made[name] for name in chosen} == chosen


def answer_in_terminal(template: Path, output: Path, **answers: str) -> None:
    """Type some answers, and press Enter for the others."""
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "2000"}  # so wide that no question is wrapped
    session = pexpect.spawn(
        str(PROGRAM), [str(template)], cwd=str(output), env=environment, encoding="utf-8", timeout=120
    )
    for name, question in QUESTIONS.items():
        session.expect_exact(question["help"])
        session.send(answers.get(name, "") + "\r")
    session.expect("is ready")
    session.expect(pexpect.EOF)


def test_replay_writes_the_same_again(template: Path, tmp_path: Path, output: Path) -> None:
    start("--no-input", str(template), *(f"{name}={value}" for name, value in context(CUSTOM).items()), cwd=output)
    again = start("--replay", str(template), "--output-dir", str(tmp_path / "again"), cwd=tmp_path)

    assert again.returncode == 0, again.stderr
    assert differing(output / "wine-cultivars", tmp_path / "again/wine-cultivars") == []


def test_defaults_of_the_user_are_taken(
    template: Path, configuration: Path, render: Render, output: Path, tmp_path: Path
) -> None:
    defaults = {"author_name": "Ω & co", "license": "MIT", "ci": "gitlab", "monitoring": True, "extras": "katib"}
    configure(configuration, default_context=defaults)

    done = start("--no-input", str(template), "license=Proprietary", cwd=output)

    assert done.returncode == 0, done.stderr
    said = defaults | {"license": "Proprietary", "extras": ["katib"]}
    assert differing(output / "wine-cultivars", render(**said)) == []
