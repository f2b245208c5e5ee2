"""The template: its releases, and what a version of it writes for some answers.

Copier renders without trust, and asks Git nothing about what it writes. So no code of the template runs, whatever its
address.
"""

import gzip
import json
import os
import re
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version as installed
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

from copier import run_copy
from packaging.version import InvalidVersion, Version
from plumbum import local

from .errors import FleetError, in_a_sentence
from .git import cloned, expanded, git, git_text, is_local, shown

ANSWERS = ".copier-answers.yml"
NAME = "copier-kubeflow"


@dataclass(frozen=True)
class Rendering:
    """What a version writes: the answer to each question, each file's text, and the files that a team owns."""

    answers: dict[str, Any]
    files: dict[str, str]
    owned: list[str]


@dataclass(frozen=True)
class Template:
    """A Git repository with all versions of the template, and the folder that keeps what was rendered."""

    address: str
    folder: Path
    cache: Path

    def commit(self, version: str) -> str:
        """Return the commit of a version, as Copier records it: a tag, or what `git describe` says."""
        name = f"{version}^{{commit}}"
        try:
            return git_text("rev-parse", "--verify", "--quiet", "--end-of-options", name, folder=self.folder)
        except FleetError:
            raise FleetError(
                f"The template {shown(self.address)} has no version {version!r}; "
                "fetch its tags, or name the right template with --template."
            ) from None

    def releases(self, *options: str) -> dict[Version, str]:
        """Return the tags that are releases, by version; options are those of `git tag`."""
        found = {}
        for tag in git_text("tag", *options, folder=self.folder).split():
            with suppress(InvalidVersion):
                found[Version(tag)] = tag
        return {version: tag for version, tag in found.items() if not version.is_prerelease}

    def latest(self) -> str:
        """Return the newest release, or HEAD where there is none."""
        releases = self.releases()
        return releases[max(releases)] if releases else "HEAD"

    def behind(self, commit: str) -> int:
        """Return how many releases are newer than all that a commit contains."""
        present = max(self.releases("--merged", commit), default=None)
        return sum(present is None or release > present for release in self.releases("--no-merged", commit))

    def render(self, commit: str, answers: Mapping[str, Any]) -> Rendering:
        """Return what a commit writes for some answers; it is rendered once, and kept."""
        key = json.dumps([commit, installed("copier"), answers], sort_keys=True, default=str)
        kept = self.cache / "renderings" / f"{sha256(key.encode()).hexdigest()}.json.gz"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            unfinished = kept.with_suffix(f".{os.getpid()}")
            rendering = _rendered(self._source(commit), answers)
            unfinished.write_bytes(gzip.compress(json.dumps(asdict(rendering), default=str).encode()))
            unfinished.replace(kept)
        return Rendering(**json.loads(gzip.decompress(kept.read_bytes())))

    def _source(self, commit: str) -> Path:
        """Return a folder with the template's files as of a commit."""
        folder = self.cache / "versions" / commit
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=folder.parent) as parent:
                unfinished = Path(parent) / commit
                ZipFile(BytesIO(git("archive", "--format=zip", commit, folder=self.folder))).extractall(unfinished)
                with suppress(OSError):  # another process was quicker
                    unfinished.rename(folder)
        return folder


def open_template(address: str, cache: Path) -> Template:
    """Return the template at an address; what is not on this machine is cloned, or brought up to date.

    Raises:
        FleetError: there is none.
    """
    place = expanded(address)
    if not is_local(place):
        return Template(address, cloned(place, cache / "templates"), cache)
    folder = Path(place).expanduser()
    if not folder.is_absolute() or not folder.is_dir():
        raise FleetError(f"The template {address} is not on this machine; name its repository with --template.")
    return Template(address, folder, cache)


def is_template(address: str, name: str = NAME) -> bool:
    """Tell whether an address names this template, or the one that --template calls by another name."""
    return _last_part(address) in (NAME, _last_part(name))


def _last_part(address: str) -> str:
    return re.split("[/:]", address.rstrip("/").removesuffix(".git"))[-1]


def _rendered(source: Path, answers: Mapping[str, Any]) -> Rendering:
    os.environ["COPIER_SETTINGS_PATH"] = os.devnull  # a user's settings may trust templates, and answer questions
    with TemporaryDirectory(prefix="copier-kubeflow-") as parent, warnings.catch_warnings(), local.env(**_settings()):
        warnings.simplefilter("ignore")
        folder = Path(parent) / "project"
        try:
            worker = run_copy(str(source), folder, data=dict(answers), defaults=True, quiet=True, skip_tasks=True)
            owned = worker.match_skip
        except Exception as error:  # validators, Jinja, YAML and Copier each have their own
            raise FleetError(f"The template does not render with these answers: {in_a_sentence(error)}") from error
        paths = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
        return Rendering(
            answers={name: worker.answers.combined.get(name) for name in worker.template.questions_data},
            files={str(path): (folder / path).read_bytes().decode(errors="surrogateescape") for path in paths},
            owned=[str(path) for path in paths if owned(path) or path.name == ANSWERS],
        )


def _settings() -> dict[str, str]:
    """Return the environment in which Copier asks Git for no file's mode.

    It would ask where the file is, and a template may write a `.git` there, whose settings name programs. This setting
    comes before those.
    """
    count = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    setting = {f"GIT_CONFIG_KEY_{count}": "core.fileMode", f"GIT_CONFIG_VALUE_{count}": "true"}
    return setting | {"GIT_CONFIG_COUNT": str(count + 1)}
