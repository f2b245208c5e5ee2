"""The waves of the platform: manifests, each wave of them applied once those before it work."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from ml_chassis.errors import ClusterError
from ml_chassis.kubectl import run
from ml_chassis.platform.folders import KUSTOMIZATION, Composition, shipped
from ml_chassis.project import Project

FOLDER = Path("deploy/platform")
FIRST = {"Namespace", "CustomResourceDefinition"}
"""Kinds that other objects of the same wave need to be there."""
LAST = {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
"""Kinds that would refuse other objects of the same wave until its pods answer."""


@dataclass(frozen=True)
class Wave:
    """Manifests that are applied together."""

    name: str
    """Its place and what it brings, such as `70-project`."""
    source: Path | Composition
    """A folder, or those of the library that make it up."""
    added: tuple["Manifest", ...] = ()
    """What depends on the machine, and so is in no file."""

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Return the wave that a folder is."""
        return cls(folder.name, folder)

    @property
    def text(self) -> str:
        """What kustomize makes of it.

        Raises:
            ClusterError: it cannot, or a base cannot be fetched.
        """
        if isinstance(self.source, Path):
            return run("kustomize", str(self.source))
        with TemporaryDirectory() as folder:
            self.source.write(Path(folder))
            return run("kustomize", folder)

    @cached_property
    def manifests(self) -> list["Manifest"]:
        """What kustomize makes of it, and what is added.

        Raises:
            ClusterError: it cannot, or a base cannot be fetched.
        """
        texts = re.split(r"(?m)^---\n", self.text)
        return [*(Manifest(text) for text in texts if text.strip()), *self.added]

    @property
    def first(self) -> list["Manifest"]:
        """What the rest needs to be there."""
        return [manifest for manifest in self.manifests if manifest.kind in FIRST]

    @property
    def rest(self) -> list["Manifest"]:
        """All else, in the order in which it is applied."""
        found = [manifest for manifest in self.manifests if manifest.kind not in FIRST]
        return sorted(found, key=lambda manifest: manifest.kind in LAST)


@dataclass(frozen=True)
class Manifest:
    """An object as YAML. It is not parsed: the largest take a second, and it is only passed on."""

    text: str

    @property
    def kind(self) -> str:
        """Such as `Deployment`."""
        return self._field(r"^kind: (\S+)$")

    @property
    def api_version(self) -> str:
        """Such as `apps/v1`."""
        return self._field(r"^apiVersion: (\S+)$")

    @property
    def name(self) -> str:
        """Its name."""
        return self._field(r"^metadata:\n(?:  .*\n)*?  name: (\S+)$")

    @property
    def namespace(self) -> str:
        """Its namespace, or nothing where it has none."""
        found = re.search(r"^metadata:\n(?:  .*\n)*?  namespace: (\S+)$", self.text, re.MULTILINE)
        return found[1] if found else ""

    def _field(self, pattern: str) -> str:
        if not (found := re.search(pattern, self.text, re.MULTILINE)):
            raise ClusterError(f"A manifest has nothing that matches {pattern!r}:\n{self.text[:200]}")
        return found[1].strip("\"'")


def waves(project: Project, folder: Path = FOLDER) -> list[Wave]:
    """Return the waves of a project in the order in which they are applied.

    They are the library's and the folders of the repository, of which each takes the place of the library's wave of
    its name.
    """
    brought = {name: Wave(name, found) for name, found in shipped(project).items()}
    return [wave for _, wave in sorted((brought | own(folder)).items())]


def own(folder: Path) -> dict[str, Wave]:
    """Return the waves that a folder of the repository holds, by their names."""
    return {file.parent.name: Wave.of(file.parent) for file in folder.glob(f"*/{KUSTOMIZATION}")}
