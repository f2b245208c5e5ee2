"""Writes waves of the library into the repository, where they are the team's to edit."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import yaml

from ml_chassis.errors import ClusterError
from ml_chassis.platform.folders import KUSTOMIZATION, Composition, shipped
from ml_chassis.platform.waves import FOLDER
from ml_chassis.project import Project


class Ejected(NamedTuple):
    """What became of the files of waves."""

    missing: list[Path]
    """Those that are written, or would be: they are not there, or only list the library's folders."""
    changed: list[Path]
    """Those that are there and differ: they stay as they are."""


def eject(project: Project, wave: str, write: bool) -> Ejected:
    """Write what the repository lacks of the library's waves.

    Args:
        project: whose waves they are.
        wave: the name of the only one, or nothing.
        write: whether to write, rather than to tell what would be written.

    Raises:
        ClusterError: the library has no such wave.
    """
    found = shipped(project)
    if wave and wave not in found:
        raise ClusterError(f"The library has no wave {wave!r}; it has {', '.join(found)}.")
    missing, changed = [], []
    for name in [wave] if wave else found:
        for path, content in _files(found[name]).items():
            target = FOLDER / name / path
            if not target.exists() or _only_lists(target, found[name].parts):
                missing.append(target)
                if write:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(content)
            elif target.read_bytes() != content:
                changed.append(target)
    return Ejected(missing, changed)


def _only_lists(file: Path, parts: tuple[Path, ...]) -> bool:
    """Return whether a file is a kustomization of the library's folders for a wave, and of nothing else."""
    if file.name != KUSTOMIZATION:
        return False
    said = yaml.safe_load(file.read_text()) or {}
    listed = [*said.get("resources", []), *said.get("components", [])]
    others = set(said) - {"apiVersion", "kind", "resources", "components"}
    return not others and [(file.parent / path).resolve() for path in listed] == [path.resolve() for path in parts]


def _files(wave: Composition) -> dict[Path, bytes]:
    """Return the files of a wave by their paths in its folder."""
    with TemporaryDirectory() as folder:
        wave.write(Path(folder))
        files = sorted(file for file in Path(folder).rglob("*") if file.is_file())
        return {file.relative_to(folder): file.read_bytes() for file in files}
