"""Wherever Cookiecutter takes the template from, `copier update` finds it again."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from copier import run_copy, run_update

from tests.local.data_servers import http_server
from tests.running import commit_all, run

from .conftest import NEWER, configure
from .runs import bake_from, differing, recorded, start

TAG = "999.0.0"
EDIT = "\n# Ours\n"


@pytest.fixture
def address(forge: Path) -> str:
    """Return the URL of the repository."""
    return f"file://{forge}/acme/copier-kubeflow.git"


@pytest.fixture
def archive(forge: Path) -> Path:
    """Return the zip of a tag, where a forge has it."""
    file = forge / f"acme/copier-kubeflow/archive/refs/tags/{TAG}.zip"
    file.parent.mkdir(parents=True)
    prefix = f"--prefix=copier-kubeflow-{TAG}/"
    run("git", "archive", "--format=zip", prefix, f"--output={file}", TAG, cwd=forge / "acme/copier-kubeflow.git")
    return file


@pytest.fixture
def website(forge: Path) -> Iterator[str]:
    """Return the URL of the forge."""
    with http_server(forge) as server:
        yield server.address


def copied(address: str, folder: Path, vcs_ref: str = TAG) -> Path:
    """Return what Copier writes."""
    run_copy(address, folder, vcs_ref=vcs_ref, defaults=True, quiet=True)
    return folder


def update(project: Path) -> None:
    """Bring an edited repository to the latest release."""
    training = project / "src/wine_cultivars/training.py"
    training.write_text(training.read_text() + EDIT)
    commit_all(project, "First commit")
    run_update(project, defaults=True, overwrite=True, quiet=True)

    assert (project / "Makefile").read_text().startswith(NEWER)
    assert training.read_text().endswith(EDIT)
    assert recorded(project)["_commit"] == "999.1.0"


@pytest.mark.parametrize("prefix", ["", "git+"])
def test_url_at_a_tag(prefix: str, address: str, output: Path, tmp_path: Path) -> None:
    project = bake_from(prefix + address, output, checkout=TAG)

    assert differing(project, copied(prefix + address, tmp_path / "copier")) == []
    update(project)


def test_url_without_a_tag_is_the_latest_commit(address: str, output: Path, tmp_path: Path) -> None:
    assert differing(bake_from(address, output), copied(address, tmp_path / "copier", "HEAD")) == []


def test_url_that_copier_takes_for_git_only_when_told(forge: Path, output: Path, tmp_path: Path) -> None:
    address = f"file://{forge}/acme/copier-kubeflow"
    (forge / "acme/copier-kubeflow.git").rename(forge / "acme/copier-kubeflow")
    project = bake_from(address, output, checkout=TAG)

    assert differing(project, copied(f"git+{address}", tmp_path / "copier")) == []


def test_abbreviation_of_the_user(forge: Path, address: str, configuration: Path, output: Path, tmp_path: Path) -> None:
    configure(configuration, abbreviations={"acme": f"file://{forge}/acme/{{0}}.git"})
    project = bake_from("acme:copier-kubeflow", output, checkout=TAG)

    assert differing(project, copied(address, tmp_path / "copier")) == []


def test_earlier_clone_by_its_name(address: str, output: Path, tmp_path: Path) -> None:
    bake_from(address, tmp_path / "earlier", checkout=TAG)
    project = bake_from("copier-kubeflow", output)

    assert differing(project, copied(address, tmp_path / "copier")) == []


@pytest.fixture
def clone(template: Path, tmp_path: Path) -> Path:
    """Return a checkout of the template."""
    folder = tmp_path / "home/copier-kubeflow"
    run("git", "clone", "--quiet", str(template), str(folder))
    return folder


# Copier records a relative folder as it is, and then does not find it from the repository.
@pytest.mark.parametrize("options", [[], ["--output-dir", "elsewhere"]])
def test_relative_folder_becomes_absolute(options: list[str], clone: Path, tmp_path: Path) -> None:
    home = clone.parent
    done = start(clone.name, "--no-input", *options, cwd=home, env=os.environ | {"PWD": str(home)})

    assert done.returncode == 0, done.stderr
    project = home.joinpath(*options[1:], "wine-cultivars")
    assert differing(project, copied(str(clone), tmp_path / "copier")) == []


def test_changes_in_a_folder_are_taken(clone: Path, output: Path) -> None:
    makefile = clone / "template/Makefile.jinja"
    makefile.write_text(NEWER + makefile.read_text())

    assert (bake_from(clone, output) / "Makefile").read_text().startswith(NEWER)


def test_zip_of_a_forge(archive: Path, website: str, forge: Path, output: Path, tmp_path: Path) -> None:
    project = bake_from(f"{website}/{archive.relative_to(forge)}", output)

    assert differing(project, copied(f"{website}/acme/copier-kubeflow.git", tmp_path / "copier")) == []
    update(project)


def test_zip_on_disk_is_recorded_and_can_update_once_the_address_is(
    archive: Path, address: str, output: Path, tmp_path: Path
) -> None:
    project = bake_from(archive, output)
    made = recorded(project)
    assert (made["_src_path"], made["_commit"]) == (str(archive), TAG)

    file = project / ".copier-answers.yml"
    file.write_text(file.read_text().replace(str(archive), address))
    assert differing(project, copied(address, tmp_path / "copier")) == []
    update(project)
