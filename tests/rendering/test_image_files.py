"""The Dockerfile follows the linter's rules and finds what it copies."""

import re
from pathlib import Path

import pytest

from .combinations import OPTIONS
from .conftest import Rendered
from .test_ci_files import check, tool


@pytest.fixture(params=OPTIONS["framework"])
def project(request: pytest.FixtureRequest, rendered: Rendered) -> Path:
    """Return a repository of each framework in turn."""
    return rendered(framework=request.param, ci="gitlab")


def test_hadolint_finds_nothing(project: Path) -> None:
    # Debian drops a package's version once there is a newer one, so a pin of it breaks the build.
    check(tool("hadolint"), "--no-color", "--ignore", "DL3008", project / "Dockerfile")


def test_build_is_given_what_the_dockerfile_copies_and_no_more(project: Path) -> None:
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (project / "Dockerfile").read_text(), re.MULTILINE)
    given = re.findall(r"^!(.*)$", (project / ".dockerignore").read_text(), re.MULTILINE)
    assert {path.partition("/")[0] for path in " ".join(copied).split()} == set(given)


def test_image_and_ci_install_the_same_uv(project: Path) -> None:
    versions = [re.findall(r"uv==([\d.]+)", (project / name).read_text()) for name in ("Dockerfile", ".gitlab-ci.yml")]
    assert versions[0] == versions[1] != []


def test_manifests_are_checked_for_the_kubernetes_of_kubectl(rendered: Rendered) -> None:
    project = rendered(preset="full")
    (checked,) = re.findall(r"(?m)^kubernetes=(\S+)", (project / "scripts/manifests").read_text())
    assert f"/kubectl:v{checked} " in (project / "Dockerfile").read_text()
    assert f'kubectl = "{checked}"' in (project / "mise.toml").read_text()


def test_image_of_the_steps_has_the_kubectl_of_the_tools(rendered: Rendered) -> None:
    project = rendered(preset="standard")
    pinned = re.findall(r'kubectl = "([\d.]+)"', (project / "mise.toml").read_text())
    assert re.findall(r"/kubectl:v([\d.]+) ", (project / "Dockerfile").read_text()) == pinned != []


def test_label_keeps_what_a_dockerfile_would_expand(rendered: Rendered) -> None:
    written = (rendered(description='Saves "$5"') / "Dockerfile").read_text()
    assert r'image.description="Saves \"\$5\""' in written
