import re
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import combinations, product
from os import path
from pathlib import Path
from typing import Any

import pytest
import yaml
from ml_chassis.cli import app_for
from ml_chassis.errors import ClusterError
from ml_chassis.platform.eject import eject
from ml_chassis.platform.folders import KUSTOMIZATION, MANIFESTS, Composition, shipped
from ml_chassis.platform.load_balancer import wave as load_balancer
from ml_chassis.platform.vendor import vendor
from ml_chassis.platform.waves import FOLDER, waves
from ml_chassis.project import Platform, Project, Serving
from ml_chassis.settings import Settings
from typer.testing import CliRunner

EXTRAS = ("katib", "trainer", "registry", "notebooks")
STANDALONE = Project("wines", "wines", type("Settings", (Settings,), {}), platform="standalone")
SERVED: dict[Platform, tuple[Serving, ...]] = {
    "standalone": ("none", "standard", "seldon"),
    "kubeflow": ("none", "knative", "seldon"),
}
SUBSETS: list[tuple[str, ...]] = [subset for count in range(5) for subset in combinations(EXTRAS, count)]
PROJECTS = [
    replace(STANDALONE, platform=platform, serving=serving, monitoring=monitoring, extras=extras)
    for platform, servings in SERVED.items()
    for serving, monitoring, extras in product(servings, (False, True), SUBSETS if platform == "standalone" else [()])
]
"""Every project with a cluster of its own."""
BASE = re.compile(r"(?m)^ *- ((https://[\w./-]+?)(?://[\w./-]+)?\?ref=([\w.-]+))$")
IMAGE = re.compile(r"(?m)^ *image: *([\w.-]+(?:/[\w.-]+)*:[\w.-]+)|^ *newName: (.+)")
LIST = "kind: Kustomization\nresources: [object.yaml]\n"
OBJECT = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: mine}\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository that has its own wave alone, as the current folder."""
    monkeypatch.chdir(tmp_path)
    write(FOLDER / "70-project")
    return tmp_path


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have kubectl print the kustomization of a folder, instead of what that makes."""
    program = tmp_path / "bin/kubectl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ncat "$2/{KUSTOMIZATION}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")


def write(folder: Path, kustomization: str = LIST) -> None:
    """Write a kustomization of one object."""
    folder.mkdir(parents=True)
    (folder / KUSTOMIZATION).write_text(kustomization)
    (folder / "object.yaml").write_text(OBJECT)


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        ({}, "10-cert-manager 40-pipelines 50-mlflow 65-users"),
        ({"serving": "standard"}, "10-cert-manager 20-istio 40-pipelines 50-mlflow 60-serving 65-users"),
        ({"serving": "seldon"}, "10-cert-manager 40-pipelines 50-mlflow 60-serving 65-users"),
        ({"monitoring": True}, "10-cert-manager 30-monitoring 40-pipelines 50-mlflow 65-users"),
        ({"extras": ["katib"]}, "10-cert-manager 40-pipelines 45-kubeflow 50-mlflow 65-users"),
        (
            {"platform": "kubeflow"},
            "10-cert-manager 20-mesh 25-login 40-pipelines 45-kubeflow 50-mlflow 65-users",
        ),
        (
            {"platform": "kubeflow", "serving": "knative", "monitoring": True},
            "10-cert-manager 20-mesh 25-login 30-monitoring 35-knative 40-pipelines 45-kubeflow 50-mlflow 60-serving "
            "65-users",
        ),
        ({"platform": "existing"}, ""),
    ],
    ids=str,
)
def test_facts_of_a_project_decide_which_waves_there_are(facts: dict[str, Any], names: str, repository: Path) -> None:
    found = waves(replace(STANDALONE, **facts))

    assert [wave.name for wave in found] == [*names.split(), "70-project"]


def test_every_folder_of_the_library_is_in_a_wave_of_some_project() -> None:
    used = {part.resolve() for project in PROJECTS for wave in shipped(project).values() for part in wave.parts}
    there = {file.parent for file in MANIFESTS.rglob(KUSTOMIZATION)}

    assert used <= there
    below = {folder for folder in there if used & {folder, *folder.parents}}
    assert there - below == {MANIFESTS / "load-balancer"}


def test_folder_of_the_repository_comes_before_the_wave_of_its_name(repository: Path) -> None:
    write(FOLDER / "40-pipelines")
    write(FOLDER / "55-own")

    found = {wave.name: wave.source for wave in waves(STANDALONE)}

    assert list(found) == ["10-cert-manager", "40-pipelines", "50-mlflow", "55-own", "65-users", "70-project"]
    own = {name for name, source in found.items() if source == FOLDER / name}
    assert own == {"40-pipelines", "55-own", "70-project"}


def test_another_folder_has_waves_of_the_repository_too(repository: Path) -> None:
    elsewhere = Path("deploy/vendored/platform")
    write(elsewhere / "10-cert-manager")

    found = {wave.name: wave.source for wave in waves(STANDALONE, elsewhere)}

    assert found["10-cert-manager"] == elsewhere / "10-cert-manager"
    assert "70-project" not in found


def test_one_folder_is_written_as_it_is(tmp_path: Path) -> None:
    shipped(STANDALONE)["50-mlflow"].write(tmp_path)

    assert contents(tmp_path) == contents(MANIFESTS / "50-mlflow/mlflow")


def test_what_an_installer_made_is_not_written(tmp_path: Path) -> None:
    compiled = tmp_path / "50-mlflow/__pycache__/admin.pyc"
    write(tmp_path / "50-mlflow")
    compiled.parent.mkdir()
    compiled.touch()

    Composition((tmp_path / "50-mlflow",)).write(tmp_path / "written")

    assert {path.name for path in (tmp_path / "written").iterdir()} == {KUSTOMIZATION, "object.yaml"}


def test_several_folders_are_written_beside_what_lists_them(tmp_path: Path) -> None:
    shipped(STANDALONE)["40-pipelines"].write(tmp_path)

    assert {folder.name for folder in tmp_path.iterdir()} == {"standalone", "both", KUSTOMIZATION}
    listed = yaml.safe_load((tmp_path / KUSTOMIZATION).read_text())
    assert (listed["kind"], listed["resources"], listed["components"]) == ("Kustomization", ["standalone"], ["both"])


@pytest.mark.parametrize("project", PROJECTS[::7], ids=lambda project: f"{project.platform}-{project.extras}")
def test_what_a_wave_of_the_library_lists_is_in_it(project: Project, tmp_path: Path) -> None:
    for name, wave in shipped(project).items():
        wave.write(tmp_path / name)
    for file in tmp_path.rglob(KUSTOMIZATION):
        said = yaml.safe_load(file.read_text())
        listed = [*said.get("resources", []), *said.get("components", [])]
        local = [entry for entry in listed if not entry.startswith("https://")]
        assert [entry for entry in local if ".." in entry or not (file.parent / entry).exists()] == []


def test_users_are_named_after_the_project(tmp_path: Path) -> None:
    shipped(STANDALONE)["65-users"].write(tmp_path)

    listed = yaml.safe_load((tmp_path / KUSTOMIZATION).read_text())
    assert listed["namePrefix"] == "wines-"
    job = yaml.safe_load((tmp_path / "users/job.yaml").read_text())
    variables = job["spec"]["template"]["spec"]["containers"][0]["env"]
    renamed = {}
    for operation in yaml.safe_load(listed["patches"][0]["patch"]):
        place = int(re.findall(r"/env/(\d+)/", operation["path"])[0])
        renamed[variables[place]["valueFrom"]["secretKeyRef"]["name"], variables[place]["name"]] = operation["value"]
    assert renamed == {
        ("mlflow-login", "PROJECT_NAME"): "wines-mlflow-login",
        ("mlflow-login", "PROJECT_PASSWORD"): "wines-mlflow-login",
        ("mlflow-reader", "READER_NAME"): "wines-mlflow-reader",
        ("mlflow-reader", "READER_PASSWORD"): "wines-mlflow-reader",
    }


@pytest.mark.parametrize(
    ("extras", "admitted"),
    [(["registry"], False), (["trainer"], False), (["katib"], True), (["registry", "notebooks"], True)],
    ids=str,
)
def test_lab_is_admitted_where_there_is_one(extras: list[str], admitted: bool, tmp_path: Path) -> None:
    project = replace(STANDALONE, extras=extras, namespace="team")

    fields = shipped(project)["45-kubeflow"].fields

    assert ("kubernetes.io/metadata.name: team-lab" in str(fields)) == admitted


def test_eject_writes_what_is_missing_and_tells_it(repository: Path) -> None:
    missing, changed = eject(STANDALONE, "", write=True)

    assert changed == []
    assert set(missing) == {file for file in FOLDER.rglob("*") if file.is_file() and "70-project" not in file.parts}
    assert {wave.source for wave in waves(STANDALONE)} == {FOLDER / wave.name for wave in waves(STANDALONE)}
    assert eject(STANDALONE, "", write=True) == ([], [])


def test_eject_of_one_wave_leaves_the_others(repository: Path) -> None:
    eject(STANDALONE, "40-pipelines", write=True)

    assert {folder.name for folder in FOLDER.iterdir()} == {"40-pipelines", "70-project"}


def test_eject_for_show_writes_nothing(repository: Path) -> None:
    before = contents(repository)

    assert eject(STANDALONE, "", write=False).missing

    assert contents(repository) == before


def test_eject_leaves_a_changed_file_and_tells_it(repository: Path) -> None:
    own = FOLDER / "50-mlflow/mlflow.yaml"
    own.parent.mkdir()
    own.write_text("mine")

    missing, changed = eject(STANDALONE, "50-mlflow", write=True)

    assert (changed, own.read_text()) == ([own], "mine")
    assert FOLDER / "50-mlflow/postgres.yaml" in missing


def test_eject_replaces_a_kustomization_that_only_lists_the_library(repository: Path) -> None:
    listing = FOLDER / "40-pipelines" / KUSTOMIZATION
    parts = {
        kind: [path.relpath(MANIFESTS / "40-pipelines" / part, listing.parent)]
        for kind, part in {"resources": "standalone", "components": "both"}.items()
    }
    write(listing.parent, yaml.safe_dump({"kind": "Kustomization", **parts}))

    missing, changed = eject(STANDALONE, "40-pipelines", write=True)

    assert (listing in missing, changed) == (True, [])
    assert yaml.safe_load(listing.read_text())["resources"] == ["standalone"]

    listing.write_text(yaml.safe_dump({"kind": "Kustomization", **parts, "patches": []}))
    assert eject(STANDALONE, "40-pipelines", write=True) == ([], [listing])


def test_command_names_what_it_writes_and_what_stays(repository: Path) -> None:
    command, listing = ["platform-eject", "40-pipelines"], FOLDER / "40-pipelines" / KUSTOMIZATION

    shown = CliRunner().invoke(app_for(STANDALONE), [*command, "--dry-run"]).output.splitlines()
    written = CliRunner().invoke(app_for(STANDALONE), command).output.splitlines()

    assert f"Would write {listing}" in shown
    assert written == [line.replace("Would write", "Wrote") for line in shown]
    listing.write_text("kind: Kustomization\n")
    done = CliRunner().invoke(app_for(STANDALONE), command)
    assert f"Not written, as the repository has others than the library: {listing}. " in str(done.exception)


def test_eject_names_the_waves_that_the_library_has(repository: Path) -> None:
    with pytest.raises(ClusterError, match="no wave '70-project'; it has 10-cert-manager, 40-pipelines, "):
        eject(STANDALONE, "70-project", write=True)


def test_vendored_are_the_waves_of_the_library_and_of_the_repository(kubectl: None, repository: Path) -> None:
    write(FOLDER / "50-mlflow", "image: acme/mlflow:1\n")

    listed = vendor(replace(STANDALONE, serving="standard"), "")

    vendored = {folder.name for folder in Path("deploy/vendored/platform").iterdir()}
    assert vendored == {wave.name for wave in waves(replace(STANDALONE, serving="standard"))}
    assert listed == ["acme/mlflow:1"]


@pytest.mark.parametrize("own", [False, True])
def test_load_balancer_beside_the_platform_comes_before_the_librarys(own: bool, repository: Path) -> None:
    beside = Path("deploy/load-balancer")
    if own:
        write(beside)

    wave = load_balancer(FOLDER, "172.18.255.205-172.18.255.254")

    assert wave.source == (beside if own else MANIFESTS / "load-balancer")


def test_each_repository_of_bases_is_named_in_one_version() -> None:
    versions = defaultdict(set)
    for _, repository, version in bases(*MANIFESTS.rglob("*.yaml")):
        versions[repository].add(version)

    assert "https://github.com/kubeflow/community-distribution" in versions
    assert {repository: found for repository, found in versions.items() if len(found) > 1} == {}


def test_no_project_has_a_base_twice() -> None:
    for project in PROJECTS:
        parts = [part for wave in shipped(project).values() for part in wave.parts]
        times = Counter(base for part in parts for base, *_ in bases(*part.rglob(KUSTOMIZATION)))
        assert len(times) > 2
        assert [base for base, found in times.items() if found > 1] == []


def test_each_image_is_named_once() -> None:
    texts = [file.read_text() for file in MANIFESTS.rglob("*.yaml")]
    images = Counter(found for text in texts for pair in IMAGE.findall(text) for found in pair if found)

    assert {image for image, times in images.items() if times > 1} == set()
    assert len(images) > 3


def test_bucket_is_made_by_the_version_of_the_object_store() -> None:
    component = yaml.safe_load((MANIFESTS / "40-pipelines/both" / KUSTOMIZATION).read_text())
    (store,) = component["images"]
    job = (MANIFESTS / "50-mlflow/mlflow/bucket.yaml").read_text()

    assert f"image: {store['name']}:{store['newTag']}\n" in job
    assert f"name: mlflow-bucket-{store['newTag'].replace('.', '-')}\n" in job


def test_users_are_made_by_the_version_of_the_server() -> None:
    (image,) = yaml.safe_load((MANIFESTS / "50-mlflow/mlflow/image" / KUSTOMIZATION).read_text())["images"]
    job = yaml.safe_load((MANIFESTS / "65-users/users/job.yaml").read_text())

    assert image["newTag"] == f"v{job['metadata']['name'].removeprefix('users-').replace('-', '.')}-full"


def bases(*files: Path) -> list[tuple[str, str, str]]:
    """Return the bases that files list: the address, the repository in it, and its version."""
    return [found for file in files for found in BASE.findall(file.read_text())]


def contents(folder: Path) -> dict[str, bytes]:
    """Return what is in the files below a folder, by their paths."""
    return {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file() and "bin" not in file.parts
    }
