"""The manifests of the platform's waves, as kustomize makes them."""

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.cluster.kubectl import Object, kubectl

DEFINITION = "\nkind: CustomResourceDefinition\n"


@dataclass(frozen=True)
class Platform:
    """A project, and what kustomize makes of its waves, by their names."""

    project: Path
    waves: dict[str, str]


def waves(folder: Path) -> dict[str, str]:
    """Return what kustomize makes of each wave of a folder, by the wave's name."""
    kustomizations = sorted(folder.glob("*/kustomization.yaml"))
    return {file.parent.name: kubectl("kustomize", str(file.parent)) for file in kustomizations}


def without_definitions(waves: dict[str, str]) -> str:
    """Return all waves but their definitions, which are most of the text and run nothing."""
    documents = [document for text in waves.values() for document in re.split(r"(?m)^---\n", text)]
    return "---\n".join(document for document in documents if DEFINITION not in document)


def objects(waves: dict[str, str]) -> list[Object]:
    """Return the objects of all waves but the definitions."""
    return list(yaml.safe_load_all(without_definitions(waves)))
