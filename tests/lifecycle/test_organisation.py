"""What docs/organisation.md tells an organisation to do works when it is done to the letter."""

import re
import sys
from pathlib import Path

import pytest
import yaml

from tests.isolation import of_a_user
from tests.running import ROOT, run

from .releases import MAJOR, UNDER_TEST
from .repositories import COPIER, Repository

PAGE = (ROOT / "docs/organisation.md").read_text()
FILES: dict[str, str] = dict(re.findall(r"^`(acme/[^`\n]+)`[^`]*?```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
BLOCKS = re.findall(r"^```console\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COPY, FOLLOW_DEFAULTS, RELEASE, LAYER, FOLLOW_BOTH = BLOCKS
IDENTITY = {
    "GIT_AUTHOR_NAME": "Acme",
    "GIT_AUTHOR_EMAIL": "acme@example.com",
    "GIT_COMMITTER_NAME": "Acme",
    "GIT_COMMITTER_EMAIL": "acme@example.com",
}


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Return the folder in which the page's reader works, with the files of the page."""
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


@pytest.fixture
def churn_risk(desk: Path, releases: Path) -> Repository:
    """Return the repository that the page's reader makes, of the release under test, and under both templates."""
    follow(COPY.replace(" --data-file", f" --vcs-ref {UNDER_TEST} --data-file"), desk, releases)
    follow(RELEASE, desk)
    follow(LAYER, desk)
    return Repository(desk / "churn-risk")


def test_page_shows_these_files() -> None:
    assert sorted(FILES) == [
        "acme/copier.yml",
        "acme/defaults.yml",
        "acme/template/catalog-info.yaml.jinja",
        "acme/template/{{_copier_conf.answers_file}}.jinja",
    ]


def test_repository_has_the_answers_of_the_file_and_the_files_of_both_templates(churn_risk: Repository) -> None:
    assert churn_risk.answers.items() >= yaml.safe_load(FILES["acme/defaults.yml"]).items()
    assert churn_risk.answers["project_name"] == "Churn Risk"
    assert (churn_risk.folder / ".gitlab-ci.yml").exists()
    entry = yaml.safe_load((churn_risk.folder / "catalog-info.yaml").read_text())
    assert entry["metadata"]["name"] == "churn-risk"
    assert entry["spec"]["owner"] == "churn"


def test_repository_follows_the_file(churn_risk: Repository, desk: Path) -> None:
    defaults = desk / "acme/defaults.yml"
    defaults.write_text(defaults.read_text().replace("registry.acme.example/ml", "images.acme.example"))

    follow(FOLLOW_DEFAULTS, churn_risk.folder)

    assert churn_risk.answers["image_registry"] == "images.acme.example"
    assert "images.acme.example/churn-risk" in (churn_risk.folder / "Makefile").read_text()


def test_repository_follows_both_templates(churn_risk: Repository, desk: Path) -> None:
    entry = desk / "acme/template/catalog-info.yaml.jinja"
    entry.write_text(entry.read_text().replace("production", "experimental"))
    follow(RELEASE.replace("1.0.0", "1.1.0"), desk)

    follow(FOLLOW_BOTH, churn_risk.folder)

    assert churn_risk.answers["_commit"] == MAJOR
    assert "lifecycle: experimental" in (churn_risk.folder / "catalog-info.yaml").read_text()
    assert "_commit: 1.1.0" in (churn_risk.folder / ".copier-answers.acme.yml").read_text()


def follow(commands: str, folder: Path, template: Path | None = None) -> None:
    """Run what a block of the page says, with this checkout's Copier, a uv that does nothing, and nobody to ask."""
    script = commands.replace("uvx copier copy", f"{COPIER} copy --defaults")
    script = script.replace(" PATH_OR_URL_OF_THIS_TEMPLATE ", f" {template} ")
    settings = {"COPIER_PYTHON": sys.executable, "UV": "true"}
    run("bash", "-euc", script, cwd=folder, env=of_a_user() | IDENTITY | settings)
