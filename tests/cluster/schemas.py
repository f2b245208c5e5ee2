"""The schemas that `make manifests` reads from GitHub, made of what the API server of the tests says of its kinds."""

import json
import re
from pathlib import Path
from typing import Any

from .kubectl import Object, kubectl

NUMBERS_TOO = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number"]},
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer"]},
}
"""What the API server calls a string, and takes as a number too."""
OF_OPERATORS = re.compile(r"(^|\.)(kserve\.io|coreos\.com|gateway\.networking\.k8s\.io)$")
"""The groups of operators that the catalogue knows; Seldon's is not among them."""


def write_schemas(script: str, folder: Path) -> None:
    """Write each kind's schema into a folder, under the paths by which the script asks for it."""
    core, added = re.findall(r"(?m)^(?:core|added)=(\S+)", script)
    (version,) = re.findall(r"(?m)^kubernetes=(\S+)", script)
    definitions = json.loads(kubectl("get", "--raw", "/openapi/v2"))["definitions"] | NUMBERS_TOO
    for definition in definitions.values():
        for kind in definition.get("x-kubernetes-group-version-kind", []):
            group, name = kind["group"], kind["kind"].lower()
            if OF_OPERATORS.search(group):
                path = folder / added / group / f"{name}_{kind['version']}.json"
            elif group.endswith(".k8s.io") or "." not in group:
                names = filter(None, (name, group.partition(".")[0], kind["version"]))
                path = folder / core / f"v{version}-standalone-strict" / f"{'-'.join(names)}.json"
            else:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(whole(definition, definitions)))


def whole(schema: Any, definitions: Object, within: tuple[str, ...] = ()) -> Any:
    """Return a schema with what it refers to, but for what refers to itself, that takes no unknown field."""
    if isinstance(schema, list):
        return [whole(part, definitions, within) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("$ref"), str):
        name = schema["$ref"].rpartition("/")[2]
        return {} if name in within else whole(definitions[name], definitions, (*within, name))
    parts = {key: whole(part, definitions, within) for key, part in schema.items() if key != "format"}
    strict = isinstance(schema.get("properties"), dict) and not schema.get("x-kubernetes-preserve-unknown-fields")
    return {"additionalProperties": False} | parts if strict else parts
