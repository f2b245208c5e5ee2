"""Writes what kustomize reads, as people write it."""

from collections.abc import Mapping
from typing import Any

import yaml

Operations = list[dict[str, Any]]
"""Of a JSON patch."""


def written(kustomization: Mapping[str, Any]) -> str:
    """Return the text of a kustomization."""
    return yaml.dump(dict(kustomization), Dumper=_Dumper, sort_keys=False, width=1000)


def patch(kind: str, operations: Operations, **target: str) -> dict[str, Any]:
    """Return a patch of the objects of a kind, as an entry of `patches`."""
    return {"target": {"kind": kind, **target}, "patch": yaml.safe_dump(operations, sort_keys=False, width=1000)}


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they read."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
