"""Images are copied to the registry that the list names, by Docker."""

import os
from pathlib import Path

import pytest
from ml_chassis.errors import ClusterError
from ml_chassis.platform.vendor import IMAGES, copy_images
from projects import like
from wines import PROJECT

STANDALONE = like(PROJECT, platform="standalone")
REGISTRY = "registry.example.internal/mirror"


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a Docker that says what it is told, in the folder that a list of images is in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    IMAGES.parent.mkdir(parents=True)
    program = tmp_path / "docker"
    program.write_text('#!/bin/sh\necho "$*"\n')
    program.chmod(0o755)
    return program


def test_each_image_goes_to_where_the_list_says(docker: Path, capfd: pytest.CaptureFixture[str]) -> None:
    IMAGES.write_text(f"{REGISTRY}/a:1 quay.io/a:1\n{REGISTRY}/b:2 b:2@sha256:0\n")

    copy_images(STANDALONE)

    begin = "buildx imagetools create --prefer-index=false --tag"
    assert capfd.readouterr().out.splitlines() == [
        f"{begin} {REGISTRY}/a:1 quay.io/a:1",
        f"{begin} {REGISTRY}/b:2 b:2@sha256:0",
    ]


def test_list_without_a_registry_names_the_command_that_writes_another(docker: Path) -> None:
    IMAGES.write_text("quay.io/a:1\n")

    with pytest.raises(ClusterError, match=r"`uv run ml-chassis vendor --registry .*` has it name them"):
        copy_images(STANDALONE)


def test_image_that_is_not_copied_is_named(docker: Path) -> None:
    IMAGES.write_text(f"{REGISTRY}/a:1 quay.io/a:1\n")
    docker.write_text("#!/bin/sh\nexit 1\n")

    with pytest.raises(ClusterError, match=f"quay.io/a:1 was not copied to {REGISTRY}/a:1"):
        copy_images(STANDALONE)
