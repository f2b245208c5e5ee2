"""`--github` and `--gitlab` find the repositories by the services' APIs, with tokens that nobody else sees."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running import commit_all

from .conftest import Command, Generate
from .forge_server import GITHUB_LOGIN, GITLAB_LOGIN, TOKEN, Forge, serving

SOURCES = {"github": ("--github", "acme"), "gitlab": ("--gitlab", "acme/ml")}


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with serving(tmp_path / "bare") as forge:
        yield forge


@pytest.fixture
def filled(forge: Forge, generate: Generate, tmp_path: Path) -> Forge:
    """Return a forge with three repositories of the template, among others."""
    wine, other = generate("wine", "999.0.0"), tmp_path / "other"
    other.mkdir()
    (other / "README.md").touch()
    commit_all(other, "Something else")
    copied = tmp_path / "copied"
    copied.mkdir()
    (copied / ".copier-answers.yml").write_text("_src_path: gh:acme/other-template\n_commit: 1.0.0\n")
    commit_all(copied, "Of another template")
    forge.add("acme/one", wine, "success")
    forge.add("acme/other", other, "success")
    forge.add("acme/copied", copied)
    forge.add("acme/two", wine, "failure")
    forge.add("acme/old", wine, archived=True)
    forge.add("acme/three", wine, "queued")
    return forge


def found(command: Command, source: tuple[str, str], forge: Forge) -> dict[str, Any]:
    done = command("fleet", *source, "--json", **forge.environment(TOKEN))
    assert done.returncode == 0, done.stderr + done.stdout
    return {row["repository"]: row for row in json.loads(done.stdout)}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_generated_repositories_of_every_page_are_found(
    source: tuple[str, str], command: Command, filled: Forge
) -> None:
    filled.page_size = 2

    rows = found(command, source, filled)

    assert rows.keys() == {"acme/one", "acme/two", "acme/three"}
    assert rows["acme/one"]["similarity"] == 1
    assert rows["acme/one"]["behind"] == 2
    assert {name: row["ci"].replace("failure", "failed") for name, row in rows.items()} == {
        "acme/one": "passed",
        "acme/two": "failed",
        "acme/three": "queued",
    }


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_token_is_written_nowhere(
    source: tuple[str, str], command: Command, filled: Forge, cache: Path, tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    done = command("fleet", *source, "--html", page, **filled.environment(TOKEN))

    assert page.exists()
    printed = [done.stdout.encode(), done.stderr.encode(), page.read_bytes()]
    kept = [file.read_bytes() for file in cache.rglob("*") if file.is_file()]
    for secret in (TOKEN, GITHUB_LOGIN, GITLAB_LOGIN):
        assert not any(secret.encode() in text for text in printed + kept)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_token_does_not_follow_a_link_elsewhere(
    source: tuple[str, str], command: Command, filled: Forge, tmp_path: Path
) -> None:
    filled.page_size = 2
    with serving(tmp_path / "elsewhere") as elsewhere:
        filled.next_page_at = f"{elsewhere.address}/api/v3/organizations/1/repos?page=2"
        done = command("fleet", *source, **filled.environment(TOKEN))

    assert "its token stays here" in done.stderr
    assert not elsewhere.requests


REFUSALS = {
    "GitHub, no such organisation": (
        ("--github", "nobody"),
        None,
        "Error: GitHub shows no organisation 'nobody'; is it right, and may GITHUB_TOKEN read contents and actions?",
    ),
    "GitLab, no such group": (
        ("--gitlab", "nobody"),
        None,
        "Error: GitLab shows no group 'nobody'; is it right, and may GITLAB_TOKEN read the API and repositories?",
    ),
    "GitHub, limit by 403": (
        ("--github", "acme"),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1764166500"}, {"message": "Limit exceeded"}),
        "Error: GitHub answers no more requests for now; try again after 14:15 UTC.",
    ),
    "GitHub, secondary limit": (
        ("--github", "acme"),
        (403, {}, {"message": "You have exceeded a secondary rate limit. Please wait."}),
        "Error: GitHub answers no more requests for now; try again in a minute.",
    ),
    "GitLab, limit by 429": (
        ("--gitlab", "acme/ml"),
        (429, {"Retry-After": "30", "RateLimit-Remaining": "0"}, "Retry later\n"),
        "Error: GitLab answers no more requests for now; try again in 30 s.",
    ),
    "GitLab, out of order": (("--gitlab", "acme/ml"), (502, {}, "Bad gateway"), "Error: GitLab answered 502 at "),
}


@pytest.mark.parametrize(("source", "refusal", "sentence"), REFUSALS.values(), ids=REFUSALS)
def test_refusal_is_told_in_a_sentence(
    source: tuple[str, str], refusal: Any, sentence: str, command: Command, forge: Forge
) -> None:
    forge.refusal = refusal

    done = command("fleet", *source, **forge.environment(TOKEN))

    assert done.returncode == 1
    assert done.stderr.startswith(sentence)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_bad_token_is_told_without_it(source: tuple[str, str], command: Command, forge: Forge) -> None:
    done = command("fleet", *source, **forge.environment("a-bad-token"))

    assert done.returncode == 1
    assert "refused the token in GIT" in done.stderr
    assert "a-bad-token" not in done.stderr


def test_limit_without_a_token_names_the_variable(command: Command, forge: Forge) -> None:
    forge.refusal = (429, {"x-ratelimit-reset": str(int(time.time()) + 60)}, {"message": "API rate limit exceeded"})

    done = command("fleet", "--github", "acme", **forge.environment())

    assert "or set GITHUB_TOKEN, which raises the limit." in done.stderr


def test_server_that_is_down_is_told(command: Command, forge: Forge) -> None:
    environment = forge.environment() | {"GITHUB_API_URL": "http://127.0.0.1:1/api/v3"}

    done = command("fleet", "--github", "acme", **environment)

    assert done.stderr.startswith("Error: GitHub did not answer at http://127.0.0.1:1/api/v3: ")
