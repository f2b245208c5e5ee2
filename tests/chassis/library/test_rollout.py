from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ml_chassis.errors import RolloutError
from ml_chassis.project import Project
from ml_chassis.rollout.overlay import Overlay
from ml_chassis.rollout.release import NO_IMAGE, Release
from ml_chassis.rollout.rollout import Rollout
from ml_chassis.settings import Settings
from ml_chassis.testing import defaults
from projects import like
from repository import FOLDER, PROJECT

CANARY = Release(
    PROJECT.name,
    "registry:5000/image:1.2.3@sha256:4567",
    stable=3,
    candidate=4,
    split="canary",
    percent=10,
    previous=2,
    previous_image="registry:5000/image:1.2.2",
    digests={3: f"sha256:{64 * '3'}", 4: f"sha256:{64 * '4'}"},
)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """Return settings whose models a cluster could read. Their folder is the working directory."""
    with defaults(PROJECT.settings, tmp_path, mlflow_tracking_uri="http://mlflow.test") as settings:
        yield settings


@pytest.fixture
def overlay(settings: Settings) -> Overlay:
    """Return an overlay in a folder of its own."""
    return overlay_of(PROJECT)


def overlay_of(project: Project) -> Overlay:
    """Write an overlay to the working directory, and return it."""
    path = Path("deploy/serving/overlays/local/release/kustomization.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    overlay = Overlay(project, "local")
    overlay.write(Release(project.name, "registry/image:1.2.3", 3))
    return overlay


@pytest.mark.parametrize("environment", ["local", "staging", "production"])
def test_release_of_each_environment_can_be_read(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)

    assert Overlay(PROJECT, environment).read().stable >= 1


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize("serving", ["standard", "knative", "seldon"])
def test_release_is_read_as_it_was_written(serving: str) -> None:
    overlay = overlay_of(like(PROJECT, serving=serving))
    overlay.write(CANARY)

    assert overlay.read() == CANARY


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(("controller", "recorded"), [("", True), ("Flux", False)])
def test_cluster_has_a_record_of_the_release_where_no_controller_follows_git(controller: str, recorded: bool) -> None:
    component = overlay_of(like(PROJECT, controller=controller)).component(CANARY)

    assert ("configMapGenerator" in component) == recorded


def test_release_says_what_serves() -> None:
    assert str(CANARY) == "version 3, with version 4 as canary for 10 percent"


def test_release_remembers_the_one_that_it_follows() -> None:
    release = CANARY.followed_by(5, "registry:5000/image:1.3.0")

    assert (release.stable, release.image, release.candidate) == (5, "registry:5000/image:1.3.0", None)
    assert (release.previous, release.previous_image) == (3, CANARY.image)


def test_first_deployment_has_nothing_to_go_back_to() -> None:
    generated = Release(PROJECT.name, f"registry:5000/image:{NO_IMAGE}", 1)

    assert generated.followed_by(1, "registry:5000/image:1.2.3").previous is None


def test_release_keeps_the_digests_of_the_versions_that_it_names(overlay: Overlay) -> None:
    release = CANARY.followed_by(5, "registry:5000/image:1.3.0").with_digest(5, f"sha256:{64 * '5'}")
    overlay.write(release)

    assert overlay.read().digests == {3: f"sha256:{64 * '3'}", 5: f"sha256:{64 * '5'}"}
    assert f"value: sha256:{64 * '5'}" in overlay.component(release)


def test_release_of_the_same_version_remembers_what_it_did() -> None:
    assert CANARY.followed_by(3, CANARY.image) == CANARY.alone()
    assert CANARY.alone().previous == 2


def test_release_tells_what_it_changes() -> None:
    assert CANARY.changed_since(CANARY.alone()) == {"candidate": 4}
    assert CANARY.alone().changed_since(CANARY) == {}
    assert CANARY.alone().changed_since(CANARY.followed_by(3, "registry:5000/image:2.0.0")) == {"stable": 3}


@pytest.mark.usefixtures("overlay")
def test_unknown_environment_is_named() -> None:
    with pytest.raises(RolloutError, match=r"no environment 'moon' .* it has local"):
        Overlay(PROJECT, "moon")


def test_release_that_somebody_broke_is_named(overlay: Overlay) -> None:
    overlay.path.write_text("kind: Component")

    with pytest.raises(RolloutError, match="holds no release"):
        overlay.read()


@pytest.mark.usefixtures("settings")
@pytest.mark.parametrize(("serving", "split"), [("standard", "magic"), ("knative", "shadow"), ("seldon", "magic")])
def test_split_that_the_mode_has_not_is_refused(serving: str, split: str) -> None:
    overlay = overlay_of(like(PROJECT, serving=serving))

    with pytest.raises(RolloutError, match=f"cannot be split by '{split}'"):
        overlay.write(replace(CANARY, split=split))


def test_models_of_this_machine_cannot_be_deployed_to_a_cluster_of_others(tmp_path: Path) -> None:
    project = like(PROJECT, platform="existing")

    with defaults(project.settings, tmp_path) as settings, pytest.raises(RolloutError, match="set MLFLOW_TRACKING_URI"):
        Rollout(settings, overlay_of(project))


def test_candidate_must_be_another_version(overlay: Overlay, settings: Settings) -> None:
    with pytest.raises(RolloutError, match="Version 3 is the stable one"):
        Rollout(settings, overlay).try_candidate("canary", 3, "", 10)


def test_deployment_waits_for_the_end_of_a_trial(overlay: Overlay, settings: Settings) -> None:
    overlay.write(CANARY)

    with pytest.raises(RolloutError, match="Version 4 is on trial"):
        Rollout(settings, overlay).deploy(5, "")


def test_first_release_cannot_be_rolled_back(overlay: Overlay, settings: Settings) -> None:
    with pytest.raises(RolloutError, match="local has served nothing before version 3"):
        Rollout(settings, overlay).roll_back()


def test_there_is_nothing_to_end_without_a_candidate(overlay: Overlay, settings: Settings) -> None:
    with pytest.raises(RolloutError, match="No candidate is on trial"):
        Rollout(settings, overlay).abort()
