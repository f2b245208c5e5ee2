"""The documentation site builds without a warning, and its page of the questions has them all."""

import html
import re
from pathlib import Path

import pytest
import yaml

from tests.rendering.combinations import QUESTIONS
from tests.running import ROOT

pytestmark = pytest.mark.xdist_group("site")

COMPUTED = set(yaml.safe_load((ROOT / "copier.yml").read_text())) - set(QUESTIONS)


@pytest.fixture(scope="module")
def questions(site: Path) -> dict[str, str]:
    """Return what the page of the questions says below each heading, by its anchor, as words with single blanks."""
    page = (site / "questions/index.html").read_text()
    parts = re.split(r'<h[1-3] id="([^"]+)"', page)[1:]
    texts = [" ".join(html.unescape(re.sub(r"<[^>]+>", " ", part)).split()) for part in parts[1::2]]
    return dict(zip(parts[::2], texts, strict=True))


@pytest.mark.parametrize("name", QUESTIONS)
def test_page_has_the_question_with_its_help(name: str, questions: dict[str, str]) -> None:
    plain = QUESTIONS[name]["help"].replace("`", " ")
    assert "".join(plain.split()) in questions[name].replace(" ", "")


@pytest.mark.parametrize("name", [name for name, question in QUESTIONS.items() if "choices" in question])
def test_page_has_every_choice(name: str, questions: dict[str, str]) -> None:
    choices = QUESTIONS[name]["choices"]
    values = choices.values() if isinstance(choices, dict) else choices
    assert set(values) <= set(re.findall(r"[\w.-]*\w", questions[name]))


def test_page_leaves_computed_values_out(questions: dict[str, str]) -> None:
    assert COMPUTED & set(questions) == set()


def test_page_tells_the_default_of_a_preset(questions: dict[str, str]) -> None:
    assert "Default: kserve ; with minimal it is none ." in questions["serving"]
    assert "Default: wine-cultivars ; made from project_name ." in questions["repository_name"]


def test_page_tells_when_a_question_is_asked(questions: dict[str, str]) -> None:
    assert "Asked if preset == 'custom' ." in questions["framework"]
    assert "Asked if" not in questions["license"]
