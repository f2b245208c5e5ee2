"""Writes what runs others' images as kustomize makes it, for a cluster that reaches no network but its registry's."""

import re
import shutil
import subprocess
from pathlib import Path

from ml_chassis.errors import ClusterError
from ml_chassis.platform.folders import KUSTOMIZATION, LOAD_BALANCER
from ml_chassis.platform.waves import FOLDER, Wave, own, waves
from ml_chassis.project import Project

DEPLOY = Path("deploy")
VENDORED = DEPLOY / "vendored"
PLATFORM = VENDORED / FOLDER.relative_to(DEPLOY)
IMAGES = VENDORED / "images.txt"
MANIFESTS = "manifests.yaml"
LISTING = f"""\
# The command `vendor` rewrites this folder.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - {MANIFESTS}
"""
IMAGE = re.compile(
    r'(?<![^\s"=])'  # a word, quoted or not, or the value of an argument,
    r"(?:(?:[\w.-]+(?::\d+)?/)+|(?<=image: ))"  # which has a slash, or is named as an image,
    r"[\w.-]+(?=[:@])(?::\w[\w.-]*)?(?:@sha256:[0-9a-f]{64})?"  # with a tag, a digest or both
    r'(?![^\s"\\,])'
)
"""An image wherever it is named: by a container, in an argument or a variable, in the JSON of a ConfigMap."""
HUB = re.compile(r'(?<="hub": ")[\w./-]+')
"""Where Istio looks for the images that it names itself."""
REGISTRY = re.compile(r"[\w.-]+(?::\d+)?(?:/[\w.-]+)*")
HOST = re.compile(r"^[^/]*[.:][^/]*/")
"""The registry that an image's name begins with; those of Docker Hub may do without."""


def vendor(project: Project, registry: str) -> list[str]:
    """Write the waves, and what is applied beside them, to a folder like `deploy`, and the list of their images.

    Args:
        project: whose waves they are.
        registry: where the cluster is to find the images, such as `registry.example.internal/mirror`, or nothing.

    Returns:
        The list: images, or with a registry what each is called there, and where it comes from.

    Raises:
        ClusterError: a folder cannot be rendered, or that is no registry.
    """
    if registry and not REGISTRY.fullmatch(registry):
        raise ClusterError(
            f"{registry!r} is no registry. Give its host and path without https://, such as registry.example/mirror."
        )
    built = {PLATFORM / wave.name: wave.text for wave in waves(project)}
    beside = [Wave.of(LOAD_BALANCER)] if project.has_gateway else []
    texts = {each.name: each.text for each in [*beside, *own(DEPLOY).values()]}
    built |= {VENDORED / name: text for name, text in texts.items() if IMAGE.search(text)}
    listed = sorted({_listed(image, registry) for text in built.values() for image in IMAGE.findall(text)})
    shutil.rmtree(VENDORED, ignore_errors=True)
    for folder, text in built.items():
        folder.mkdir(parents=True)
        (folder / KUSTOMIZATION).write_text(LISTING)
        (folder / MANIFESTS).write_text(_moved(text, registry) if registry else text)
    IMAGES.write_text("".join(f"{line}\n" for line in listed))
    return listed


def copy_images(project: Project) -> None:
    """Copy the images of the list to the registry that it was made for, each under its tag there.

    Raises:
        ClusterError: there is no such list, or an image cannot be copied.
    """
    lines = IMAGES.read_text().splitlines() if IMAGES.is_file() else []
    if not (pairs := [pair for line in lines if len(pair := line.split()) == 2]):
        vendor = project.command("vendor --registry registry.example.internal/mirror")
        raise ClusterError(f"{IMAGES} names no images to copy; `{vendor}` has it name them.")
    for copy, original in pairs:
        command = ["docker", "buildx", "imagetools", "create", "--prefer-index=false", "--tag", copy, original]
        try:
            subprocess.run(command, check=True)
        except FileNotFoundError:
            raise ClusterError("docker is missing; it copies images.") from None
        except subprocess.CalledProcessError:  # it has said why
            raise ClusterError(f"{original} was not copied to {copy}.") from None


def _moved(text: str, registry: str) -> str:
    """Return manifests whose images are in a registry."""
    for names in (IMAGE, HUB):
        text = names.sub(lambda found: _name(found[0], registry), text)
    return text


def _name(image: str, registry: str) -> str:
    return f"{registry}/{HOST.sub('', image)}"


def _listed(image: str, registry: str) -> str:
    """Return a line of the list; a copy is made under a tag, and has the digest of its original."""
    return f"{_name(image, registry).partition('@')[0]} {image}" if registry else image
