"""What is generated follows from what needs it, and an answer changes something or is refused."""

import re
from pathlib import Path
from typing import Any

import pytest

from .combinations import NEEDED, NEUTRAL, OPTIONS, PRESETS, Answers, identity, outcome, possible, single_changes
from .conftest import Rendered
from .texts import own_lines_with, texts

# What the least preset may have beside, on which it depends whether one of `NEUTRAL` has an effect.
SURROUNDINGS: list[Answers] = [
    {"preset": "minimal"} | beside
    for beside in (
        {},
        {"serving": "seldon"},
        {"platform": "standalone"},
        {"platform": "kubeflow"},
        {"platform": "existing"},
        {"monitoring": True},
        {"ci": "github"},
    )
]


def test_choice_changes_the_repository(rendered: Rendered) -> None:
    without = {preset: written(rendered(preset=preset)) for preset in ("minimal", "full")}
    idle = [change for change in single_changes() if written(rendered(**change)) == without[change["preset"]]]
    assert idle == []


@pytest.mark.parametrize("given", SURROUNDINGS, ids=identity)
@pytest.mark.parametrize("name", NEUTRAL)
def test_answer_changes_the_repository_or_is_refused(name: str, given: Answers, rendered: Rendered) -> None:
    value = next(value for value in reversed(OPTIONS[name]) if value != NEUTRAL[name])
    besides = given | NEEDED.get((name, value), {})
    if possible(outcome(besides | {name: value})):
        assert written(rendered(**besides, **{name: value})) != written(rendered(**besides))
    else:
        with pytest.raises(ValueError, match=rf"'{name}': .* would change nothing, as .* or leave it out"):
            rendered(**besides, **{name: value})


def test_images_that_are_named_can_be_built(project: Path) -> None:
    named = own_lines_with(project, re.compile(r"newName:.*-serving|load-images|make push"))
    assert not named or (project / "Dockerfile").is_file()


@pytest.mark.parametrize("preset", PRESETS)
def test_scripts_keep_their_line_ends_in_every_checkout(preset: str, rendered: Rendered) -> None:
    assert "* text=auto eol=lf\n" in (rendered(preset=preset) / ".gitattributes").read_text()


def written(project: Path) -> dict[str, Any]:
    """Return the text of every file, but what records the answers."""
    return {path: text for path, text in texts(project).items() if path != ".copier-answers.yml"}
