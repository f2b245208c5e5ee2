"""The reference has every name of the library that repositories use and the docs promise, and no internals."""

import re
from pathlib import Path

import pytest

from tests.running import ROOT

pytestmark = pytest.mark.xdist_group("site")

LIBRARY = ROOT / "template/vendor/ml-chassis"
IMPORT = re.compile(r"from (ml_chassis[\w.]*) import ([\w, ]+)")
EXAMPLE = re.compile(r"^```python.*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROMISED = re.compile(r"`([A-Z][a-z]\w*|\w+(?=\())")
"""A class or a call, as pages name what a project changes things by."""


def used(code: str) -> set[str]:
    """Return what a module uses of the library, by its full name."""
    names = set()
    for package, imported in IMPORT.findall(code):
        for name in imported.split(", "):
            if is_module(full := f"{package}.{name}"):
                names |= {f"{full}.{part}" for part in re.findall(rf"(?<![\w.`]){name}\.(\w+)", code)}
            else:
                names.add(full)
    return names


def is_module(name: str) -> bool:
    """Tell a module of the library from what a module has."""
    return (LIBRARY / "src" / name.replace(".", "/")).with_suffix(".py").exists()


TEMPLATE = [path for folder in ("src", "tests") for path in (ROOT / "template" / folder).rglob("*.py*")]
PAGES = [ROOT / "docs/extending.md", LIBRARY / "README.md"]
EXAMPLES = EXAMPLE.findall(PAGES[0].read_text())
USED = sorted(set().union(*map(used, [path.read_text() for path in TEMPLATE] + EXAMPLES)))


@pytest.fixture(scope="module")
def documented(site: Path) -> set[str]:
    """Return the full names of what the pages of the reference describe."""
    pages = [page.read_text() for page in (site / "reference").rglob("*.html")]
    return {name for page in pages for name in re.findall(r'<h[2-4] id="(ml_chassis\.[\w.]+)"', page)}


@pytest.mark.parametrize("name", USED)
def test_reference_has_what_repositories_and_examples_use(name: str, documented: set[str]) -> None:
    assert name in documented


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_reference_has_what_a_page_promises(page: Path, documented: set[str]) -> None:
    promised = set(PROMISED.findall(page.read_text()))
    assert {"Project", "Verdict"} <= promised
    assert promised - {name.rpartition(".")[2] for name in documented} == set()


def test_reference_leaves_out_what_is_internal(documented: set[str]) -> None:
    assert [name for name in documented if "._" in name] == []
