"""What a kind cluster with the platform in it asks of this machine."""

import json
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ml_chassis.errors import ClusterError
from ml_chassis.kubectl import Kubectl
from ml_chassis.platform.doctor import Check, Finding, cluster, unsuited
from ml_chassis.project import Project
from ml_chassis.settings import Settings

INOTIFY = Path("/proc/sys/fs/inotify")
"""Where Linux has its limits on watching files; each pod of a kind cluster takes from the same."""
LIMITS = {"max_user_watches": 524_288, "max_user_instances": 512}
"""https://kind.sigs.k8s.io/docs/user/known-issues/#pod-errors-due-to-too-many-open-files"""
MORE = "a virtual machine, such as Docker Desktop's, can be given more"
OLD_GROUPS = "Kubernetes needs v2: https://kubernetes.io/docs/concepts/architecture/cgroups/"
MISSING = "`make tools` installs it; a shell finds it once mise is active: https://mise.jdx.dev/getting-started.html"
VERSION = re.compile(r"\d+\.\d+\.\d+")


class Size(NamedTuple):
    """What Docker may use."""

    cpus: int
    memory_gb: int
    disk_gb: int


def size(project: Project) -> Size:
    """Return what the platform needs, the model and a run in it."""
    if project.platform == "kubeflow":  # its pods ask for 3.5 CPUs and 9.4 GB, many of them for nothing
        return Size(8, 16, 60)
    if project.extras:  # 1.5 CPUs and 6 GB, some for nothing, and Kubernetes' own for 1 and 0.3
        return Size(4, 10, 40)
    return Size(4, 8, 30)  # 1.4 CPUs and 5.6 GB, and Kubernetes' own for 1 and 0.3


def checks(settings: Settings) -> list[Check]:
    """Return the checks of this machine and of its cluster, or those of another cluster alone."""
    if settings.context == f"kind-{settings.project.name}":
        return [docker, inotify, tools, own_cluster]
    return [cluster]


def docker(settings: Settings) -> Iterator[Finding]:
    """Check that Docker answers, and may use enough of the machine."""
    said = _said("docker", "info", "--format=json")
    info = json.loads(said) if said else {}
    if not info.get("ServerVersion"):
        yield Finding("docker", "no answer", "install and start it: https://docs.docker.com/get-started/get-docker/")
        return
    needed, groups = size(settings.project), info["CgroupVersion"]
    yield Finding("docker", f"{info['ServerVersion']}, cgroup v{groups}", OLD_GROUPS if groups == "1" else "")
    yield _enough("CPUs", info["NCPU"], needed.cpus, MORE)
    yield _enough("memory, GB", info["MemTotal"] // 10**9, needed.memory_gb, MORE)
    images = Path(info["DockerRootDir"])  # in a virtual machine, as on a Mac, its disk grows in the user's own folder
    free = shutil.disk_usage(images if images.exists() else Path.home()).free // 10**9
    full = free < needed.disk_gb // 3  # with less, a cluster that has its images already does not work either
    yield _enough("free disk, GB", free, needed.disk_gb, "`docker system prune` may free some")._replace(fatal=full)


def inotify(settings: Settings) -> Iterator[Finding]:
    """Check that Linux lets the cluster's pods watch enough files."""
    for name, needed in LIMITS.items():
        if (limit := INOTIFY / name).exists():
            found = int(limit.read_text())
            advice = f"pods may find too many files open; sudo sysctl fs.inotify.{name}={needed}"
            yield Finding(f"inotify {name}", str(found), "" if found >= needed else advice, fatal=False)


def tools(settings: Settings) -> Iterator[Finding]:
    """Check that kind and kubectl are there, in versions that suit the cluster's."""
    pins = tomllib.loads(Path("mise.toml").read_text())["tools"]
    if kind := VERSION.search(_said("kind", "version")):
        other = f"the node's image is of kind {pins['kind']}, which `make tools` installs"
        yield Finding("kind", kind[0], "" if kind[0] == pins["kind"] else other, fatal=False)
    else:
        yield Finding("kind", "missing", MISSING)
    if kubectl := VERSION.search(_said("kubectl", "version", "--client")):
        yield Finding("kubectl", kubectl[0], unsuited(kubectl[0], pins["kubectl"]))
    else:
        yield Finding("kubectl", "missing", MISSING)


def own_cluster(settings: Settings) -> Iterator[Finding]:
    """Check that the cluster of `make cluster` answers, if it is made."""
    try:
        Kubectl(settings)
    except ClusterError:
        yield Finding("cluster", "none", "`make cluster` makes it", fatal=False)
    else:
        yield from cluster(settings)


def _enough(name: str, found: int, needed: int, hint: str) -> Finding:
    return Finding(name, str(found), "" if found >= needed else f"{needed} are needed; {hint}")


def _said(*command: str) -> str:
    """Return what a program prints, or nothing where it is missing."""
    if not shutil.which(command[0]):
        return ""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
