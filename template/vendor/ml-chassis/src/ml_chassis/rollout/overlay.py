"""The file that says in Git which release an environment has: a kustomize component of its overlay."""

import shutil
import tempfile
from pathlib import Path

from ml_chassis.errors import RolloutError
from ml_chassis.kubectl import Object
from ml_chassis.kustomizations import written
from ml_chassis.project import Project
from ml_chassis.rollout.cluster import render
from ml_chassis.rollout.mode import Mode, mode_of
from ml_chassis.rollout.release import DIGEST, Release

OVERLAYS = Path("deploy/serving/overlays")
RECORD = "release"
"""The ConfigMap that holds the file of the release, so that the cluster can tell which one it was given last."""
FILE = "kustomization.yaml"
KEPT = {"name": RECORD, "files": [FILE], "options": {"disableNameSuffixHash": True}}
HEADER = (
    "# Which model versions serve. The command `deploy` and its kin write it; commit it, so that Git says what runs.\n"
)


class Overlay:
    """The kustomize overlay of one environment."""

    def __init__(self, project: Project, environment: str) -> None:
        self.mode: Mode = mode_of(project.serving)
        self.environment = environment
        self._recorded = not project.controller
        self.folder = OVERLAYS / environment
        self.path = self.folder / "release" / "kustomization.yaml"
        if not self.path.is_file():
            known = ", ".join(sorted(path.parent.parent.name for path in OVERLAYS.glob("*/release/kustomization.yaml")))
            place = f"it has {known}" if known else "run this from the project's folder"
            raise RolloutError(f"There is no environment {environment!r} in {OVERLAYS}; {place}.")

    def component(self, release: Release) -> str:
        """Return the kustomize component that brings a release about. Its annotations are what `read` reads.

        Raises:
            RolloutError: the project's way of serving cannot split traffic so.
        """
        if release.candidate is not None and release.split not in self.mode.splits:
            ways = " or ".join(self.mode.splits)
            raise RolloutError(f"Traffic cannot be split by {release.split!r} here; use {ways}.")
        state = {"stable": str(release.stable)}
        if release.candidate is not None:
            state |= {"candidate": str(release.candidate), "split": release.split, "percent": str(release.percent)}
        if release.previous is not None:
            state |= {"previous": str(release.previous), "previous-image": release.previous_image}
        used = (release.stable, release.candidate, release.previous)
        state |= {f"{DIGEST}{version}": digest for version, digest in release.digests.items() if version in used}
        content = {
            "apiVersion": "kustomize.config.k8s.io/v1alpha1",
            "kind": "Component",
            "metadata": {"name": "release", "annotations": state},
            "images": [{"name": release.name, **_parts_of_image(release.image)}],
            **({"configMapGenerator": [KEPT]} if self._recorded else {}),
            **self.mode.parts(release),
        }
        return HEADER + written(content)

    def read(self) -> Release:
        """Return the release that the overlay holds.

        Raises:
            RolloutError: somebody made it unreadable.
        """
        return Release.parse(self.path.read_text(), str(self.path))

    def write(self, release: Release) -> None:
        """Have the overlay hold a release."""
        self.path.write_text(self.component(release))

    def rendered(self, release: Release) -> list[Object]:
        """Return the objects of the overlay as it would be with a release; the overlay itself stays as it is."""
        with tempfile.TemporaryDirectory() as folder:
            manifests = OVERLAYS.parts[0]
            shutil.copytree(manifests, Path(folder) / manifests, ignore=shutil.ignore_patterns("vendored"))
            (folder / self.path).write_text(self.component(release))
            return render(folder / self.folder)


def _parts_of_image(image: str) -> dict[str, str]:
    """Return the name, tag and digest of an image, as kustomize takes them."""
    tagged, _, digest = image.partition("@")
    name, _, tag = tagged.rpartition(":")
    return {"newName": name, "newTag": tag} | ({"digest": digest} if digest else {})
