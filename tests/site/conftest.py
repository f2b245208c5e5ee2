"""What the tests of the documentation site share."""

import sys
from pathlib import Path

import pytest

from tests.running import ROOT, run


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the site.

    That it is built strictly means that every link inside it leads somewhere, and that the library has each name that
    the reference describes.
    """
    folder = tmp_path_factory.mktemp("site")
    mkdocs = Path(sys.executable).with_name("mkdocs")
    run(str(mkdocs), "build", "--strict", "--site-dir", str(folder), cwd=ROOT)
    return folder
