"""The page of `--html` needs nothing else, and reads well in a real browser, on a phone too."""

import json
import re
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.needs import require

from .conftest import Command, Generate, eject

PHONE_WIDTH = 390
LONG = "a-repository-whose-name-goes-on-and-on-as-those-of-large-organisations-do"
# What a reader sees, measured by the browser, which draws the page in a frame as wide as a phone.
MEASURE = """<script>
addEventListener('load', () => parent.postMessage({
  page: document.documentElement.scrollWidth,
  widest: Math.max(...[...document.querySelectorAll('main *')].map(e => e.getBoundingClientRect().right)),
  letters: Math.min(...[...document.querySelectorAll('th, td, p')].map(e => parseFloat(getComputedStyle(e).fontSize))),
  bars: [...document.querySelectorAll('svg rect')].map(bar => Math.round(bar.getBoundingClientRect().width)),
  labels: [...document.querySelectorAll('svg text')].map(text => text.textContent),
  text: document.body.innerText,
}, '*'))
</script></body>"""
FRAME = f"""<iframe src="measured.html" style="border: 0; height: 844px; width: {PHONE_WIDTH}px"></iframe>
<script>addEventListener('message', event => document.body.append(JSON.stringify(event.data)))</script>"""


@pytest.fixture
def page(command: Command, generate: Generate, tmp_path: Path) -> Path:
    """Return a page of three repositories: one behind and edited, one up to date, one broken."""
    old, new = generate(LONG, "999.0.0", preset="standard", ci="gitlab"), generate("new")
    broken = tmp_path / "<b>broken"
    (old / "Makefile").write_text("all:\n")
    eject(old, "rollout.applying")
    broken.mkdir()
    (tmp_path / "defaults.yml").write_text("ci: github\n")
    file = tmp_path / "page.html"
    assert command("fleet", old, new, broken, "--defaults", "defaults.yml", "--html", file).returncode == 1
    return file


@pytest.fixture
def seen(page: Path, tmp_path: Path) -> dict[str, Any]:
    """Return what the browser shows on a phone."""
    (tmp_path / "measured.html").write_text(page.read_text().replace("</body>", MEASURE))
    (tmp_path / "frame.html").write_text(FRAME)
    printed = browse("--virtual-time-budget=5000", "--dump-dom", str(tmp_path / "frame.html"))
    found = re.search(r"\{.*\}", unescape(printed.rpartition("</script>")[2]))
    assert found, printed
    measured: dict[str, Any] = json.loads(found.group())
    return measured


def browse(*arguments: str) -> str:
    """Run a headless browser and return what it prints."""
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")  # the page is our own
    command = [require("chromium"), *options, *arguments]
    return subprocess.run(command, text=True, capture_output=True, check=True, timeout=120).stdout


def test_page_needs_nothing_else(page: Path) -> None:
    assert not re.search(r"https?:|src=|href=|url\(|@import|<script", page.read_text())


def test_page_is_no_wider_than_a_phone(seen: dict[str, Any]) -> None:
    assert seen["page"] <= PHONE_WIDTH
    assert seen["widest"] <= PHONE_WIDTH
    assert seen["letters"] >= 16


def test_page_tells_of_every_repository(seen: dict[str, Any]) -> None:
    assert LONG in seen["text"]
    assert "ci=gitlab" in seen["text"]
    assert "changed files: 2" in seen["text"]
    assert "its own modules of the library: rollout.applying" in seen["text"]
    assert "<b>broken: " in seen["text"]
    assert "3 repositories: 1 up to date, 1 behind, 1 not read." in seen["text"]


def test_chart_counts_the_repositories(seen: dict[str, Any]) -> None:
    assert seen["labels"] == ["up to date", "1", "2 behind", "1"]
    first, second = seen["bars"]
    assert first == second > 100


def test_page_says_in_words_what_the_chart_shows(page: Path) -> None:
    text = page.read_text()

    assert '<html lang="en">' in text
    assert re.search(r'<svg [^>]*role="img" aria-labelledby="chart chart-text"', text)
    assert '<desc id="chart-text">up to date: 1, 2 behind: 1</desc>' in text
    assert text.count('<th scope="col"') == 3
    assert text.count('<th scope="row"') == 2
