"""The waves of the platform: folders of manifests, each applied once those before it work."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ml_chassis.errors import ClusterError
from ml_chassis.kubectl import run

FOLDER = Path("deploy/platform")
FIRST = {"Namespace", "CustomResourceDefinition"}
"""Kinds that other objects of the same wave need to be there."""
LAST = {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}
"""Kinds that would refuse other objects of the same wave until its pods answer."""


@dataclass(frozen=True)
class Wave:
    """A folder of manifests."""

    folder: Path
    added: tuple["Manifest", ...] = ()
    """What depends on the machine, and so is in no file."""

    @property
    def name(self) -> str:
        """Its place and what it brings, such as `70-project`."""
        return self.folder.name

    @cached_property
    def manifests(self) -> list["Manifest"]:
        """What kustomize makes of it, and what is added.

        Raises:
            ClusterError: it cannot, or a base cannot be fetched.
        """
        parts = re.split(r"(?m)^---\n", run("kustomize", str(self.folder)))
        return [*(Manifest(part) for part in parts if part.strip()), *self.added]

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


def waves(folder: Path = FOLDER) -> list[Wave]:
    """Return the waves of a folder in the order in which they are applied."""
    return [Wave(file.parent) for file in sorted(folder.glob("*/kustomization.yaml"))]
