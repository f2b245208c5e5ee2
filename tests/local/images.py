"""Builds the images of a generated project and asks Docker about them."""

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any

from tests.isolation import MACHINE
from tests.local.projects import Project
from tests.running import ROOT, build_go, run

KUBECTL = ROOT / "tests/local/kubectl"
BUILD = "--network host --progress plain"


def build_kubectl(project: Project) -> None:
    """Build what stands in for the image of kubectl that a project's Dockerfile names, for want of a registry."""
    (image,) = re.findall(r"(?m)^FROM (\S+/kubectl:\S+)", (project.folder / "Dockerfile").read_text())
    with tempfile.TemporaryDirectory() as folder:
        build_go(KUBECTL, Path(folder) / "kubectl")
        (Path(folder) / "Dockerfile").write_text("FROM scratch\nCOPY kubectl /bin/\n")
        docker("build", "--quiet", f"--tag={image}", folder)


def build(project: Project, target: str) -> str:
    """Build an image of a project whose lock is there, and return its tag."""
    make_image(project, target)
    return tag(project, target)


def make_image(project: Project, target: str) -> str:
    """Build an image and return what the build printed."""
    # Docker before version 23 has to be asked for BuildKit.
    return project.make(f"image-{target} BUILD_OPTIONS='{BUILD}'", DOCKER_BUILDKIT="1")


def tag(project: Project, target: str) -> str:
    """Return the tag that the project's Makefile gives an image."""
    printed = project.make(f"--dry-run image-{target}")
    return printed.split("--tag ")[1].split()[0]


def load_on_node(*images: str) -> None:
    """Put images on the node of the tests' cluster."""
    run(*os.environ.get("LOAD_IMAGE", "kind load docker-image").split(), *images, env=MACHINE)


def inspect(image: str) -> Any:
    """Return an image's configuration."""
    return json.loads(docker("image", "inspect", "--format", "{{json .Config}}", image))


def docker(*arguments: str) -> str:
    """Run a Docker command that must succeed, and return its output without the final newline."""
    return run("docker", *arguments).strip()


def in_image(image: str, script: str) -> str:
    """Return the output of a shell script that must succeed in an image."""
    return docker("run", "--rm", "--network", "none", "--entrypoint", "sh", image, "-c", script)
