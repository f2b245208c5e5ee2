"""How the tests call kubectl."""

import fcntl
import json
import os
import re
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from tests.needs import give_up, require, unanswered

Object = dict[str, Any]
TAKEN = "CLUSTER_TAKEN"
"""Set where another run has the cluster."""
OWN_NAMESPACES = "test-"
"""What the names of the tests' own namespaces begin with."""
RESTRICTED: Object = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "seccompProfile": {"type": "RuntimeDefault"},
}
"""What a `restricted` namespace asks of a container."""


class Head(NamedTuple):
    """An object's group, kind, namespace, which may be none, and name."""

    group: str
    kind: str
    namespace: str
    name: str


def kubectl(*arguments: str, given: str | None = None) -> str:
    """Run kubectl, which must succeed, and return what it printed."""
    done = tried(*arguments, given=given)
    assert done.returncode == 0, f"kubectl {' '.join(arguments)}:\n{done.stderr}"
    return done.stdout


def cluster_settings() -> dict[str, str]:
    """Return the settings by which a project's commands act on the cluster of the tests, with Git as it is set up."""
    kept = {name: value for name, value in os.environ.items() if name == "KUBECONFIG" or name.startswith("GIT_CONFIG_")}
    return kept | {"CONTEXT": kubectl("config", "current-context").strip()}


def take_cluster() -> IO[str] | None:
    """Keep the cluster from other runs of these tests, which use the same names, until what is returned is closed."""
    kubeconfig = Path(os.environ.get("KUBECONFIG", ""))
    if not kubeconfig.is_file():
        return None
    lock = kubeconfig.open()
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.environ[TAKEN] = "true"
    return lock


def require_cluster() -> None:
    """Give up where KUBECONFIG names no cluster that answers, or one that another run uses."""
    if not os.environ.get("KUBECONFIG"):
        give_up("KUBECONFIG names no cluster")
    if TAKEN in os.environ:
        give_up("another run of these tests uses the cluster that KUBECONFIG names")
    if complaint := unanswered(require("kubectl"), "version", "--request-timeout=30s"):
        give_up(f"the cluster that KUBECONFIG names does not answer: {complaint}")


@contextmanager
def own_namespace() -> Iterator[str]:
    """Give the name of a namespace that is there while the body runs."""
    name = f"{OWN_NAMESPACES}{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


def tried(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run kubectl, which may fail."""
    return subprocess.run([require("kubectl"), *arguments], input=given, capture_output=True, text=True, check=False)


def get(resource: str, namespace: str) -> Object:
    """Return an object, such as `deployment/name`, or nothing where there is none."""
    found: Object = json.loads(kubectl("get", resource, "--ignore-not-found", "-o=json", "-n", namespace) or "{}")
    return found


def listed(kind: str, namespace: str, selector: str = "") -> list[Object]:
    """Return the objects of a kind that have the labels."""
    found: list[Object] = json.loads(kubectl("get", kind, "-o=json", "-n", namespace, "-l", selector))["items"]
    return found


def documents(built: str, kind: str) -> list[str]:
    """Return the YAML documents of a kind, unread: PyYAML needs seconds for CRDs, and does not take all of them."""
    return [document for document in re.split(r"(?m)^---\n", built) if f"\nkind: {kind}\n" in document]


def heads(built: str) -> list[Head]:
    """Return what tells the objects of YAML apart, unread, for the same reason."""
    return [
        Head(
            _first(r"^apiVersion: (\S+)/\S+$", document),
            _first(r"^kind: (\S+)$", document),
            _of_metadata("namespace", document),
            _of_metadata("name", document),
        )
        for document in re.split(r"(?m)^---\n", built)
        if document.strip()
    ]


def _of_metadata(name: str, document: str) -> str:
    return _first(rf"^metadata:\n(?:  .*\n)*?  {name}: \"?([^\s\"]+)", document)


def _first(pattern: str, document: str) -> str:
    found = re.search(pattern, document, re.MULTILINE)
    return found[1] if found else ""


def as_list(items: Sequence[Mapping[str, Any]]) -> str:
    """Return manifests as one document."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}, default=str)


def allowed(namespace: str, rights: set[str], *account: str) -> set[str]:
    """Return those among rights such as `get pods`, `get pods:log` or `get configmaps/name` that an account has."""
    asked = sorted(rights)
    given = as_list([_review(namespace, right) for right in asked])
    answers = kubectl("create", "-f", "-", '-o=jsonpath={.status.allowed}{"\\n"}', *account, given=given).split()
    return {right for right, answer in zip(asked, answers, strict=True) if answer == "true"}


def _review(namespace: str, right: str) -> Object:
    """Return the question whether the one who asks has a right."""
    verb, _, what = right.partition(" ")
    what, _, name = what.partition("/")
    what, _, subresource = what.partition(":")
    resource, _, group = what.partition(".")
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": resource, "name": name}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes | {"subresource": subresource}},
    }


def acting_as(account: str, folder: Path) -> str:
    """Return the path of a kubeconfig by which an administrator acts as somebody else."""
    config = json.loads(kubectl("config", "view", "--flatten", "-o=json"))
    for user in config["users"]:
        user["user"]["as"] = account
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config))
    return str(path)
