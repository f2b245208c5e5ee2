"""A real API server takes what is made for Argo CD and Flux, by their own CRDs, and lets them do what they have to."""

import json
import re
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import pairwise, product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from copier import run_copy

from tests.needs import bring, require
from tests.running import run

from .kubectl import Head, Object, documents, get, heads, kubectl, tried

pytestmark = pytest.mark.xdist_group("cluster")

DEFINITIONS = {
    "github.com/argoproj/argo-cd/v3@v3.5.7": "manifests/crds/app*-crd.yaml",
    "github.com/fluxcd/kustomize-controller@v1.9.6": "config/crd/bases/*.yaml",
    "github.com/fluxcd/source-controller@v1.9.6": "config/crd/bases/*_gitrepositories.yaml",
}
"""Where the Go modules of the controllers hold the CRDs."""
EXTRAS = ["katib", "trainer", "registry", "notebooks"]
ADDRESS = "https://git.example.com/acme/wine-cultivars"
STRICT = ["apply", "--server-side", "--validate=strict"]
AS_FLUX = ["--field-manager=kustomize-controller", "--force-conflicts"]
AS_ARGO_CD = ["--field-manager=argocd-controller", "--force-conflicts"]


class Made(NamedTuple):
    """A generated repository, and what its namespaces and objects are named after."""

    project: Path
    name: str

    @property
    def followed(self) -> dict[str, Object]:
        """What has the controller apply a folder, by that folder."""
        objects = self.project / "deploy/gitops"
        texts = [built(file.parent) for file in objects.rglob("kustomization.yaml")] + [
            (objects / "telemetry.yaml").read_text()  # which is off by default
        ]
        kinds = ("Application", "Kustomization")
        found = [yaml.safe_load(item) for text in texts for kind in kinds for item in documents(text, kind)]
        return {path_of(item): item for item in found}

    @property
    def waves(self) -> list[Object]:
        """Those of the platform, by the names of their folders."""
        return [item for path, item in sorted(self.followed.items()) if path.startswith("deploy/platform/")]

    def names(self, path: str) -> list[Head]:
        """Return what a folder holds."""
        return heads(built(self.project / path))


@pytest.fixture(scope="session")
def definitions(cluster: None) -> Iterator[None]:
    """Have the API server know the objects of the controllers, and have a namespace for those of Argo CD meanwhile."""
    for module, files in DEFINITIONS.items():
        for file in Path(downloaded(module)).glob(files):
            kubectl("apply", "--server-side", "--force-conflicts", "-f", str(file))
    kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    kubectl("apply", "--server-side", "-f", "-", given="{apiVersion: v1, kind: Namespace, metadata: {name: argocd}}")
    yield
    kubectl("delete", "namespace", "argocd", "--wait=false")


@pytest.fixture(scope="module")
def repositories(
    template: Path, tmp_path_factory: pytest.TempPathFactory, definitions: None
) -> Iterator[dict[str, Made]]:
    """Return a repository for each controller and platform, whose objects the cluster has."""
    made = {}
    for gitops, platform in product(("argocd", "flux"), ("standalone", "kubeflow", "existing")):
        project, name = tmp_path_factory.mktemp("gitops"), f"test-{uuid.uuid4().hex[:8]}"
        data: dict[str, Any] = {"preset": "full", "gitops": gitops, "platform": platform, "repository_url": ADDRESS}
        data |= {"extras": EXTRAS} if platform == "standalone" else {}
        run_copy(str(template), project, data=data | {"repository_name": name}, defaults=True, quiet=True)
        made[f"{gitops}-{platform}"] = Made(project, name)
    objects = [repository.project / "deploy/gitops" for repository in made.values()]
    for folder in objects:
        kubectl(*STRICT, "-k", str(folder))
        kubectl(*STRICT, "-f", str(folder / "telemetry.yaml"))
    yield made
    for folder in objects:
        kubectl("delete", "--wait=false", "-f", str(folder / "telemetry.yaml"))
        kubectl("delete", "--wait=false", "-k", str(folder))


@pytest.fixture
def made(request: pytest.FixtureRequest, repositories: dict[str, Made]) -> Made:
    """Return the repository that a test is about."""
    return repositories[request.param]


def downloaded(module: str) -> str:
    """Return the folder of a Go module."""
    told = bring(require("go"), "mod", "download", "-json", module, stderr=subprocess.DEVNULL)
    return str(json.loads(told)["Dir"])


def of(*names: str) -> pytest.MarkDecorator:
    """Have a test be about some of the repositories."""
    return pytest.mark.parametrize("made", names, indirect=True)


def folders(made: Made) -> int:
    """Return the number of the platform's waves, of which the project's are two where it has a lab."""
    platform = made.project / "deploy/platform"
    return len([*platform.iterdir(), *platform.glob("70-project/lab")])


each = of("argocd-standalone", "argocd-existing", "flux-standalone", "flux-existing")


@of(*(f"{gitops}-{platform}" for gitops in ("argocd", "flux") for platform in ("standalone", "kubeflow", "existing")))
def test_what_is_applied_is_followed(made: Made) -> None:
    deploy = made.project / "deploy"
    folders = ["platform/*", "serving/overlays/*", "monitoring", "telemetry"]
    applied = {path.relative_to(made.project).as_posix() for folder in folders for path in deploy.glob(folder)}
    # The namespace of `local` is in 70-project too; it comes with the environment.
    followed = {re.sub("/(lab|pipelines|profile)$", "", path) for path in made.followed} - {"deploy/gitops/platform"}
    assert followed == applied


@each
def test_nothing_is_in_two_folders(made: Made) -> None:
    # Argo CD and Flux would write their marks over each other's, in turn.
    times = Counter(name for path in made.followed for name in made.names(path))
    assert [name for name, count in times.items() if count > 1] == []


@of("argocd-standalone", "argocd-kubeflow")
def test_argo_cd_brings_the_waves_in_their_order(made: Made) -> None:
    kubectl(*STRICT, "--dry-run=server", "-k", str(made.project / "deploy/gitops/platform"))
    turns = [int(wave["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"]) for wave in made.waves]
    assert turns == list(range(1, folders(made) + 1))


@of("flux-standalone")
def test_flux_brings_the_waves_in_their_order(made: Made) -> None:
    names = [wave["metadata"]["name"] for wave in made.waves]
    before = [[needed["name"] for needed in wave["spec"].get("dependsOn", [])] for wave in made.waves]
    assert len(names) == folders(made)
    assert before == [[], *([name] for name in names[:-1])]
    assert {wave["spec"]["wait"] for wave in made.waves} == {True}


@pytest.mark.parametrize(
    ("made", "field"),
    [
        ("argocd-existing", "selfHeal"),
        ("argocd-existing", "targetRevision"),
        ("flux-existing", "serviceAccountName"),
        ("flux-existing", "deletionPolicy"),
    ],
    indirect=["made"],
)
def test_server_refuses_a_misspelt_field(field: str, made: Made) -> None:
    text = (made.project / "deploy/gitops/staging.yaml").read_text()
    assert f"{field}:" in text

    done = tried(*STRICT, "--dry-run=server", "-f", "-", given=text.replace(f"{field}:", f"{field}s:"))

    assert done.returncode != 0
    assert f"{field}s" in done.stderr


@of("argocd-standalone", "argocd-existing")
def test_project_of_argo_cd_permits_what_is_applied_and_no_more(made: Made) -> None:
    permitted = get(f"appproject/{made.name}", "argocd")["spec"]
    own = [path for path, item in made.followed.items() if item["spec"]["project"] == made.name]
    objects = {name for path in own for name in made.names(path)}

    assert permitted["sourceRepos"] == [ADDRESS]
    places = {place["namespace"] for place in permitted["destinations"]}
    assert places == {found.namespace for found in objects if found.namespace}
    outside = {Head(item["group"], item["kind"], "", item["name"]) for item in permitted["clusterResourceWhitelist"]}
    assert outside == {found for found in objects if not found.namespace}


@of("flux-standalone", "flux-existing")
def test_account_of_flux_may_apply_its_folder_and_no_other(made: Made) -> None:
    accounts = {path: item["spec"]["serviceAccountName"] for path, item in made.followed.items()}
    own = [path for path, account in accounts.items() if account != "platform"]
    for path, other in pairwise([own[-1], *own]):
        account = f"--as=system:serviceaccount:{made.name}-gitops:{accounts[path]}"
        kubectl(*STRICT, *AS_FLUX, account, "-k", str(made.project / path))
        done = tried(*STRICT, *AS_FLUX, account, "-k", str(made.project / other))
        lines = done.stderr.splitlines()
        assert lines
        assert all("Forbidden" in line for line in lines)


@of("argocd-standalone")
def test_other_settings_of_argo_cd_stay(made: Made) -> None:
    setting = (
        '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm"}, "data": {"url": "https://x"}}'
    )
    kubectl("apply", "--server-side", "--field-manager=others", "-n=argocd", "-f", "-", given=setting)
    (command,) = re.findall(r"(?m)^kubectl patch configmap.*$", (made.project / "docs/gitops.md").read_text())
    run(*command.split(), cwd=made.project)
    assert set(get("configmap/argocd-cm", "argocd")["data"]) > {"url"}


@of("argocd-standalone", "flux-standalone")
def test_page_hands_over_what_make_platform_has_set(made: Made, namespace: str, tmp_path: Path) -> None:
    """Play both sides on a folder of one ConfigMap, with the command that the page shows."""
    wave = tmp_path / "deploy/platform/10-settings"
    wave.mkdir(parents=True)
    (wave / "kustomization.yaml").write_text(f"namespace: {namespace}\nresources: [settings.yaml]\n")
    as_controller = AS_FLUX if "Flux" in (made.project / "docs/gitops.md").read_text() else AS_ARGO_CD
    package = made.name.replace("-", "_")

    def apply(settings: dict[str, str], *how: str) -> subprocess.CompletedProcess[str]:
        found = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": settings}
        (wave / "settings.yaml").write_text(json.dumps(found))
        return tried("apply", "--server-side", *how, "-k", str(wave))

    own = f"--field-manager={package}"
    assert apply({"kept": "1", "changed": "1", "dropped": "1"}, own).returncode == 0
    time.sleep(1)  # `make platform` came long before: marks are kept in their order, which is known to the second
    assert apply({"kept": "1", "changed": "2", "dropped": "1"}, *as_controller).returncode == 0
    assert 'conflict with "' in apply({"kept": "1", "changed": "1", "dropped": "1"}, own).stderr
    assert apply({"kept": "1", "changed": "2"}, *as_controller).returncode == 0
    assert set(get("configmap/settings", namespace)["data"]) == {"kept", "changed", "dropped"}

    assert apply({"kept": "1", "changed": "2", "dropped": "1"}, *as_controller).returncode == 0
    (command,) = re.findall(r"(?ms)^```console\n(for folder.*?)^```", (made.project / "docs/gitops.md").read_text())
    run("bash", "-euo", "pipefail", "-c", re.sub(r"--context \S+", "", command), cwd=tmp_path)
    assert apply({"kept": "1", "changed": "2"}, *as_controller).returncode == 0
    assert set(get("configmap/settings", namespace)["data"]) == {"kept", "changed"}


@cache
def built(folder: Path) -> str:
    """Return what kustomize makes of a folder."""
    return kubectl("kustomize", str(folder))


def path_of(item: Object) -> str:
    """Return the folder that an object has the controller apply."""
    path: str = item["spec"].get("path") or item["spec"]["source"]["path"]
    return path
