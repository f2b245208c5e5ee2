"""A user of Cookiecutter, and releases of the template."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_cookies.plugin import Cookies

from tests.running import commit_all, run

from .runs import context

Bake = Callable[..., Path]
NEWER = "# A line of a later template.\n"


@pytest.fixture(autouse=True)
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the configuration file of a user who has neither cloned nor generated anything yet."""
    folders = {"cookiecutters_dir": str(tmp_path / "clones"), "replay_dir": str(tmp_path / "replay")}
    file = tmp_path / "cookiecutter.yml"
    file.write_text(yaml.safe_dump(folders))
    monkeypatch.setenv("COOKIECUTTER_CONFIG", str(file))
    monkeypatch.setenv("COPIER_CACHE_DIR", str(tmp_path / "mirrors"))
    return file


def configure(file: Path, **settings: Any) -> None:
    """Add settings to a user's configuration."""
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | settings))


@pytest.fixture
def forge(template: Path, tmp_path: Path) -> Path:
    """Return a folder with `acme/copier-kubeflow.git`, where a release follows the one under test."""
    checkout = tmp_path / "checkout"
    run("git", "clone", "--quiet", str(template), str(checkout))
    makefile = checkout / "template/Makefile.jinja"
    makefile.write_text(NEWER + makefile.read_text())
    commit_all(checkout, "Add a line")
    run("git", "tag", "999.1.0", cwd=checkout)
    bare = tmp_path / "gitea/acme/copier-kubeflow.git"
    run("git", "clone", "--quiet", "--bare", str(checkout), str(bare))
    run("git", "update-server-info", cwd=bare)
    return tmp_path / "gitea"


@pytest.fixture
def bake(cookies: Cookies, template: Path) -> Bake:
    """Return a function from answers to the repository that Cookiecutter makes of them."""

    def generate(**answers: Any) -> Path:
        result = cookies.bake(extra_context=context(answers), template=str(template))
        if result.exception:
            raise result.exception
        return Path(result.project_path)

    return generate


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Return an empty folder to generate into."""
    folder = tmp_path / "output"
    folder.mkdir()
    return folder
