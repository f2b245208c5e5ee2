from pathlib import Path

import pytest
from ml_chassis.errors import UpdateError
from ml_chassis.updates.names import is_git, refuse_git
from ml_chassis.updates.texts import news
from packaging.version import Version

CHANGELOG = """# Changelog

## Unreleased

- Not yet.

## [2.1.0] - 2026-03-01

### Fixed

- A fault.

## v2.0.0

- Files have moved.

## 2.0.0-rc.1

- Try it.
"""


@pytest.mark.parametrize(
    "name",
    [".git", ".GIT", ".gi\u200ct", "\ufeff.git", ".git.", ".git ...", ".git::$INDEX_ALLOCATION", "GIT~1", "sub\\.git"],
)
def test_what_a_file_system_takes_for_gits_folder_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "docs" / name).mkdir(parents=True)

    with pytest.raises(UpdateError, match="by which it would take over Git"):
        refuse_git(tmp_path)


@pytest.mark.parametrize("name", [".gitignore", ".gitattributes", ".github", ".git-blame-ignore-revs", "git", "a.git"])
def test_other_names_are_not_refused(name: str) -> None:
    assert not is_git(name)


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2.0.0", "  [2.1.0] - 2026-03-01\n\n  Fixed\n\n  - A fault."),
        ("2.0.0rc1", "  [2.1.0] - 2026-03-01\n\n  Fixed\n\n  - A fault.\n\n  v2.0.0\n\n  - Files have moved."),
        ("2.1.0", ""),
    ],
)
def test_news_are_of_later_releases(since: str, expected: str) -> None:
    assert news(CHANGELOG, Version(since)) == expected
