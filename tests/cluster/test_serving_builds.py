"""What kustomize makes of the serving manifests, in each deployment mode and state of release."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from .kubectl import tried
from .overlays import (
    IMAGE,
    MODES,
    OVERLAYS,
    RELEASES,
    SOURCES,
    STATES,
    TAG,
    build,
    component,
    edit,
    of_kind,
    pods,
    with_release,
    written,
)

pytestmark = pytest.mark.xdist_group("cluster")

by_mode = pytest.mark.parametrize("mode", MODES)
by_state = pytest.mark.parametrize(("mode", "state"), STATES)


@by_mode
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_shipped_release_is_that_of_version_1(mode: str, overlay: str, projects: dict[str, Path]) -> None:
    shipped = projects[mode] / "deploy/serving/overlays" / overlay / "release/kustomization.yaml"
    assert shipped.read_text().replace("none-yet", TAG) == component(projects[mode], "stable")


@by_state
def test_release_remembers_its_state(mode: str, state: str, projects: dict[str, Path]) -> None:
    split = {} if state == "stable" else {"candidate": "2", "split": state, "percent": str(RELEASES[state][3])}
    assert yaml.safe_load(component(projects[mode], state))["metadata"]["annotations"] == {"stable": "1"} | split


@by_state
def test_each_pod_serves_the_version_on_its_label(
    mode: str, state: str, projects: dict[str, Path], tmp_path: Path
) -> None:
    built = build(with_release(projects[mode], tmp_path, state), "production")
    served = {
        labels["model-variant"]: (labels["model-version"], spec["containers"][0]["env"][0]["value"])
        for labels, spec in pods(built)
    }
    stable, candidate = ("1", "models:/wine-cultivars/1"), ("2", "models:/wine-cultivars/2")
    both = {"candidate": candidate} if mode == "knative" else {"stable": stable, "candidate": candidate}
    assert served == ({"stable": stable} if state == "stable" else both)


@by_state
def test_each_pod_runs_the_image_of_the_release(
    mode: str, state: str, projects: dict[str, Path], tmp_path: Path
) -> None:
    built = build(with_release(projects[mode], tmp_path, state), "staging")
    assert {spec["containers"][0]["image"] for _, spec in pods(built)} == {f"{IMAGE}:{TAG}"}


@by_state
def test_each_pod_names_the_settings_by_their_hash(
    mode: str, state: str, projects: dict[str, Path], tmp_path: Path
) -> None:
    built = build(with_release(projects[mode], tmp_path, state), "staging")
    (settings,) = (found for found in of_kind(built, "ConfigMap") if "WORKERS" in found["data"])
    assert settings["metadata"]["name"] != "wine-cultivars"
    named = {spec["containers"][0]["envFrom"][0]["configMapRef"]["name"] for _, spec in pods(built)}
    assert named == {settings["metadata"]["name"]}


@by_state
def test_production_scales_from_two_to_ten(mode: str, state: str, projects: dict[str, Path], tmp_path: Path) -> None:
    built = build(with_release(projects[mode], tmp_path, state), "production")
    sizes = scaling(built)
    assert sizes
    assert {(size["minReplicas"], size["maxReplicas"]) for size in sizes} == {(2, 10)}


@by_mode
def test_variable_before_the_model_uri_is_refused(mode: str, projects: dict[str, Path], tmp_path: Path) -> None:
    manifests = with_release(projects[mode], tmp_path, "stable")
    source = manifests / SOURCES[mode]
    edit(source, r"( +)- name: MODEL_URI", r"\1- name: FIRST\n\1  value: x\n\1- name: MODEL_URI")

    done = tried("kustomize", str(manifests / "overlays/local"))

    assert done.returncode != 0
    assert "testing value /" in done.stderr
    assert "env/0/name failed" in done.stderr


@by_mode
def test_settings_of_another_value_have_another_name(mode: str, projects: dict[str, Path], tmp_path: Path) -> None:
    manifests = with_release(projects[mode], tmp_path, "stable")
    before = pods(build(manifests, "local"))
    edit(manifests / "base/kustomization.yaml", "WORKERS=1", "WORKERS=2")
    assert pods(build(manifests, "local")) != before


@pytest.mark.parametrize(("mode", "state"), [("knative", "shadow"), ("standard", "blue"), ("seldon", "blue")])
def test_unknown_split_is_refused(mode: str, state: str, projects: dict[str, Path]) -> None:
    with pytest.raises(AssertionError, match=f"split by '{state}' here; use canary"):
        written(projects[mode], (1, 2, state, 10))


@by_mode
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_logger_can_be_added(mode: str, overlay: str, projects: dict[str, Path], tmp_path: Path) -> None:
    manifests = with_release(projects[mode], tmp_path, "canary")
    place = r"\1  - ../../features/logger\n\2" if mode == "seldon" else r"\1\2  - ../../features/logger\n"
    edit(manifests / "overlays" / overlay / "kustomization.yaml", r"(components:\n)((?:  - .*\n)+)", place)
    assert build(manifests, overlay).count("url: http://request-log.logging") == len(pods(build(manifests, overlay)))


def test_knative_is_asked_for_nothing_that_its_feature_flags_forbid(projects: dict[str, Path], tmp_path: Path) -> None:
    # https://knative.dev/docs/serving/configuration/feature-flags/
    ((_, spec),) = pods(build(with_release(projects["knative"], tmp_path, "canary"), "production"))
    assert set(spec) == {"automountServiceAccountToken", "containers", "serviceAccountName", "volumes"}
    assert [port["name"] for port in spec["containers"][0]["ports"]] == ["http1"]


def scaling(built: str) -> list[dict[str, Any]]:
    """Return what holds the number of replicas, for each set of pods."""
    seldon = [predictor for item in of_kind(built, "SeldonDeployment") for predictor in item["spec"]["predictors"]]
    services = [item["spec"]["predictor"] for item in of_kind(built, "InferenceService")]
    return services + [predictor["componentSpecs"][0]["hpaSpec"] for predictor in seldon]
