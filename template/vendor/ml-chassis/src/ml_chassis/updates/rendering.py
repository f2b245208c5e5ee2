"""Renders versions of the template by Copier, which runs no code of theirs: no tasks, and no trust.

`run_copy` of Copier's API clones the template and renders it at once. A signature is to be verified between the two, on
the very files that are rendered, so `Worker`, which it is made of, is used here: the version of Copier is pinned.
"""

import os
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from packaging.version import Version

from ml_chassis.errors import UpdateError
from ml_chassis.updates.git import environment
from ml_chassis.updates.names import refuse_git
from ml_chassis.updates.repository import Repository
from ml_chassis.updates.signers import verify
from ml_chassis.updates.texts import shown

CURRENT = ":current:"
"""What Copier calls the version that the answers are of."""
RENDERED = {"core.fileMode": "true"}
"""Otherwise Copier asks Git for the mode of each file in the folder that it writes, which may lead to another Git's."""


@dataclass(frozen=True)
class Wanted:
    """A version, and answers in place of those that are recorded."""

    ref: str | None = None
    """Its tag or commit, or nothing for the newest release."""
    answers: Mapping[str, Any] = field(default_factory=dict)
    prereleases: bool = False


@dataclass(frozen=True)
class Rendering:
    """A version that was rendered."""

    name: str
    """A tag, or what `git describe` says."""
    version: Version | None
    """As Copier orders versions."""
    changelog: str
    """The template's own."""


def render(repository: Repository, wanted: Wanted, scratch: Path, signers: Path | None = None) -> Rendering:
    """Write what a version of the template writes for the repository's answers.

    Args:
        repository: whose answers are taken.
        wanted: the version, and other answers.
        scratch: a folder that is not there yet; in it, what is written is where the repository has it.
        signers: who must have signed the version, if anybody.

    Raises:
        UpdateError: Copier cannot render it, it is not signed, or it must not meet Git.
    """
    folder, template = scratch / repository.prefix, _recorded(repository.folder / repository.answers)
    for file in {repository.folder / repository.answers, *repository.folder.glob(".copier-answers*")}:
        copy = folder / file.relative_to(repository.folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
    with _copier(template, scratch.parent):
        rendering = _rendered(folder, repository.answers, wanted, signers)
    refuse_git(folder)
    return rendering


def is_behind(folder: Path, answers: str, prereleases: bool) -> bool:
    """Tell whether the template has a newer release than the one that a folder follows.

    Raises:
        UpdateError: Copier cannot tell.
    """
    from copier._main import get_update_data

    with _copier(_recorded(folder / answers), folder):
        return bool(get_update_data(folder, Path(answers), prereleases)[0])


def _rendered(folder: Path, answers: str, wanted: Wanted, signers: Path | None) -> Rendering:
    from copier import VcsRef
    from copier._main import Worker
    from copier._settings import SettingsModel

    with Worker(
        dst_path=folder,
        answers_file=Path(answers),
        vcs_ref=VcsRef.CURRENT if wanted.ref == CURRENT else wanted.ref,
        data=dict(wanted.answers),
        settings=SettingsModel(),  # not the user's, who may trust a template
        use_prereleases=wanted.prereleases,
        defaults=True,
        overwrite=True,
        quiet=True,
    ) as worker:
        template, name = worker.template, worker.template.commit
        if name is None:
            raise UpdateError(f"the template {template.url} is no repository of Git's, or not there.")
        if signers:
            verify(template.local_abspath, name, signers)
        rendering = Rendering(name, template.version, _changelog(template.local_abspath))
        worker.run_copy()
    return rendering


def _changelog(clone: Path) -> str:
    file = clone / "CHANGELOG.md"  # a link may lead out of the template
    return file.read_text(encoding="utf-8", errors="replace") if file.is_file() and not file.is_symlink() else ""


def _recorded(answers: Path) -> str:
    """Return where a file of answers says that the template is.

    Raises:
        UpdateError: it does not, or not of which version it is.
    """
    try:
        recorded = yaml.safe_load(answers.read_text(encoding="utf-8"))
        template, _ = str(recorded["_src_path"]), str(recorded["_commit"])
    except (KeyError, OSError, TypeError, ValueError, yaml.YAMLError):
        raise UpdateError(
            f"{shown(answers.name)} does not say of which template this repository is, and which version of it: "
            "_src_path and _commit do."
        ) from None
    return template


@contextmanager
def _copier(template: str, ceiling: Path) -> Iterator[None]:
    """Have Copier run Git as this program does, find no repository above a folder, and fail in its own words."""
    from copier.errors import UnsafeTemplateError
    from plumbum import ProcessExecutionError, local

    above = os.pathsep.join(filter(None, [os.environ.get("GIT_CEILING_DIRECTORIES"), os.fspath(ceiling)]))
    try:
        with local.env(**environment(RENDERED), GIT_CEILING_DIRECTORIES=above), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UpdateError:
        raise
    except UnsafeTemplateError as error:  # goes on to how to grant it
        raise UpdateError(f"{template} asks for what no update grants: {str(error).partition(os.linesep)[0]}") from None
    except Exception as error:
        said = error.stderr if isinstance(error, ProcessExecutionError) else str(error)
        cause = said.strip() or type(error).__name__
        raise UpdateError(f"Copier cannot render the template {template}: {cause}") from error
