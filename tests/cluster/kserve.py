"""The real controller of KServe 0.16.0, as a process of this machine, set up as the platform sets it up."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from tests.local.data_servers import free_port, running
from tests.needs import bring, require
from tests.waves import ejected

from .kubectl import OWN_NAMESPACES, Object, as_list, documents, kubectl, own_namespace, tried
from .store import address

PROGRAM = "kserve-manager"
WEBHOOKS = ("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
CERTIFICATES = "k8s-webhook-server/serving-certs"
"""Where it looks for its certificate, below the folder for temporary files."""
SERVICES = "inferenceservices"


@contextmanager
def controller(project: Path, folder: Path) -> Iterator[None]:
    """Have KServe look after all namespaces while the body runs; afterwards nothing of it is left.

    Args:
        project: whose platform says how it is set up.
        folder: what it keeps goes here.
    """
    program, port, wave = require(PROGRAM), free_port(), kubectl("kustomize", str(ejected(project, "60-serving")))
    authority = certificate(folder / CERTIFICATES, address())
    hooks = as_list([hooked(found, f"https://{address()}:{port}", authority) for found in of_wave(wave, *WEBHOOKS)])
    settings = [moved(found) for found in of_wave(wave, "ConfigMap")]
    with own_namespace() as namespace:
        kubectl("create", f"--namespace={namespace}", "-f", "-", given=as_list(settings))
        environment = ["env", f"POD_NAMESPACE={namespace}", f"TMPDIR={folder}"]
        options = ["--metrics-addr=0", "--health-probe-addr=0", f"--webhook-port={port}"]
        try:
            with running([*environment, program, *options], "Serving webhook server"):
                kubectl("apply", "--server-side", "-f", "-", given=hooks)
                yield
        finally:
            kubectl("delete", "--ignore-not-found", "-f", "-", given=hooks)
            release()


def release() -> None:
    """Take the finalizers of a controller that has ended from what the tests have left: nobody else does.

    What has gone meanwhile needs none of it.
    """
    for left in json.loads(kubectl("get", SERVICES, "--all-namespaces", "-o=json"))["items"]:
        where = left["metadata"]
        if where["namespace"].startswith(OWN_NAMESPACES):
            patch = ("--type=merge", '--patch={"metadata": {"finalizers": null}}')
            tried("patch", SERVICES, where["name"], f"--namespace={where['namespace']}", *patch)


def of_wave(wave: str, *kinds: str) -> list[Object]:
    """Return the objects of some kinds."""
    return [yaml.safe_load(document) for kind in kinds for document in documents(wave, kind)]


def certificate(folder: Path, host: str) -> str:
    """Make a certificate for an address, which vouches for itself, and return it as webhooks name an authority."""
    folder.mkdir(parents=True)
    files = ["-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")]
    name = ["-subj=/CN=kserve", "-addext", f"subjectAltName=IP:{host}"]
    bring(require("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", *name, *files)
    return base64.b64encode((folder / "tls.crt").read_bytes()).decode()


def hooked(found: Object, server: str, authority: str) -> Object:
    """Return the configuration of webhooks with a server outside of the cluster."""
    webhooks = [
        webhook | {"clientConfig": {"url": server + webhook["clientConfig"]["service"]["path"], "caBundle": authority}}
        for webhook in found["webhooks"]
    ]
    return moved(found) | {"webhooks": webhooks}


def moved(found: Object) -> Object:
    """Return an object of no namespace."""
    return found | {"metadata": {"name": found["metadata"]["name"]}}
