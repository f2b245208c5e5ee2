"""Releases the template, and the library with it: checks, writes date and version, commits, tags, prints the notes.

It pushes nothing.
"""

import argparse
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
CHANGELOG = ROOT / "CHANGELOG.md"
VERSIONS = {
    ROOT / "copier.yml": re.compile(r'(?<=&library_version ")[^"]+'),
    ROOT / "template/vendor/ml-chassis/pyproject.toml": re.compile(r'(?<=^version = ")[^"]+', re.MULTILINE),
}
"""Where the release's version stands: that of the library, which a repository may name as a package."""
DIGESTS = ROOT / "template/vendor/ml-chassis/SHA256SUMS"
"""By which repositories tell an edit of the library."""
UNRELEASED = "## Unreleased\n"
Version = tuple[int, int, int]


class ReleaseError(Exception):
    """The release cannot be made; the message says why and what to do."""


def main() -> int:
    """Make the release that the command line names, or say what it would be, and return an exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version", help="such as 1.2.0")
    parser.add_argument("--dry-run", action="store_true", help="change nothing")
    arguments = parser.parse_args()
    try:
        notes = check(arguments.version)
        if not arguments.dry_run:
            make(arguments.version, notes)
    except ReleaseError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    print(notes)
    if arguments.dry_run:
        print(f"Nothing was changed. Without --dry-run, this and ml-chassis become {arguments.version}.")
    else:
        print(f"Publish it: git push origin main {arguments.version}")
    return 0


def check(text: str) -> str:
    """Return the notes of the release.

    Raises:
        ReleaseError: the checkout, the version or the changelog does not allow it.
    """
    if (branch := git("branch", "--show-current")) != "main":
        raise ReleaseError(f"releases are made on main, and this is {branch}; git switch main")
    if changed := git("status", "--porcelain"):
        raise ReleaseError(f"not all is committed:\n{changed}\nCommit it or stash it, then try again.")
    version, last = parsed(text), latest()
    if version not in (expected := successors(last)):
        *others, least = map(written, expected)
        before = f"does not follow {written(last)}" if last else "cannot be the first"
        raise ReleaseError(f"{text} {before}; expected {', '.join(others)} or {least}")
    if last and version[0] == last[0] and (reasons := breaks(written(last))):
        raise ReleaseError(
            f"{text} is no major version, but repositories need a hand since {written(last)}:\n"
            + "\n".join(f"  {reason}" for reason in reasons)
            + f"\nRelease {written(expected[0])}, or put it back; docs/maintaining.md says why."
        )
    return unreleased()


def make(version: str, notes: str) -> None:
    """Date the changelog's entry, give the library the version, commit both and tag the commit."""
    heading = f"## {version} - {datetime.now(UTC):%Y-%m-%d}\n"
    CHANGELOG.write_text(CHANGELOG.read_text().replace(UNRELEASED, f"{UNRELEASED}\n{heading}", 1))
    set_version(version)
    git("commit", "--quiet", "--message", f"Release {version}", *map(str, [CHANGELOG, *VERSIONS, DIGESTS]))
    git("tag", "--annotate", version, "--cleanup", "verbatim", "--message", f"{version}\n\n{notes}")


def set_version(version: str) -> None:
    """Write the version of the template's release into the library and what names it, and the library's new digests."""
    for file, pattern in VERSIONS.items():
        file.write_text(pattern.sub(version, file.read_text()))
    subprocess.run([sys.executable, str(ROOT / "scripts/library_digests.py"), str(DIGESTS)], check=True)


def unreleased() -> str:
    """Return what the changelog says of the next release.

    Raises:
        ReleaseError: it says nothing.
    """
    found = re.search(rf"^{UNRELEASED}(.*?)(?=^## |\Z)", CHANGELOG.read_text(), re.MULTILINE | re.DOTALL)
    if not found or not found[1].strip():
        raise ReleaseError("CHANGELOG.md has nothing under '## Unreleased'; write what owners of repositories will see")
    return found[1].strip()


def parsed(text: str) -> Version:
    """Return the numbers of a version.

    Raises:
        ReleaseError: it is none.
    """
    if not (found := re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", text)):
        raise ReleaseError(f"{text!r} is no version; expected three numbers, such as 1.2.0")
    return int(found[1]), int(found[2]), int(found[3])


def written(version: Version) -> str:
    """Return a version as a tag writes it."""
    return ".".join(map(str, version))


def latest() -> Version | None:
    """Return the newest release, if there is one."""
    tags = [tag for tag in git("tag").splitlines() if re.fullmatch(r"\d+\.\d+\.\d+", tag)]
    return max(map(parsed, tags), default=None)


def successors(version: Version | None) -> list[Version]:
    """Return the versions that may follow one: the next major, minor and patch."""
    if version is None:
        return [(1, 0, 0), (0, 1, 0)]
    major, minor, patch = version
    return [(major + 1, 0, 0), (major, minor + 1, 0), (major, minor, patch + 1)]


def breaks(last: str) -> list[str]:
    """Return what a bot's update would lose: edits in files that are gone, and answers to questions that are gone."""
    moved = files(last) - files("HEAD")
    dropped = questions(last) - questions("HEAD")
    return [
        *(f"{path} was moved or removed" for path in sorted(moved)),
        *(f"the question {name} was removed" for name in sorted(dropped)),
    ]


def files(release: str) -> set[str]:
    """Return the paths in a repository that a release can write."""
    names = git("ls-tree", "-r", "--name-only", f"{release}:template").splitlines()
    return {re.sub(r"{{(kserve|seldon)_folder}}", "serving", name.removesuffix(".jinja")) for name in names}


def questions(release: str) -> set[str]:
    """Return the names of what a release asks."""
    entries: dict[str, dict[str, object]] = yaml.safe_load(git("show", f"{release}:copier.yml"))
    return {name for name, entry in entries.items() if not name.startswith("_") and entry.get("when") is not False}


def git(*arguments: str) -> str:
    """Run git on the template and return what it printed."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
