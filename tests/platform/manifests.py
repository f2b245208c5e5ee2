"""The manifests of the platform's waves, as kustomize makes them."""

import re
from functools import cache
from pathlib import Path

import yaml

from tests.cluster.kubectl import Object, kubectl

DEFINITION = "\nkind: CustomResourceDefinition\n"


@cache
def waves(folder: Path) -> dict[str, str]:
    """Return what kustomize makes of each wave of a folder, by the wave's name."""
    kustomizations = sorted(folder.glob("*/kustomization.yaml"))
    return {file.parent.name: kubectl("kustomize", str(file.parent)) for file in kustomizations}


def without_definitions(folder: Path) -> str:
    """Return all waves but their definitions, which are most of the text and run nothing."""
    documents = [document for built in waves(folder).values() for document in re.split(r"(?m)^---\n", built)]
    return "---\n".join(document for document in documents if DEFINITION not in document)


def objects(folder: Path) -> list[Object]:
    """Return the objects of all waves but the definitions."""
    return list(yaml.safe_load_all(without_definitions(folder)))
