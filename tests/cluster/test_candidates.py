"""Candidates take part in the traffic of a real node, by the project's own commands."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from .environments import Environment
from .kubectl import get, kubectl
from .overlays import NAME

pytestmark = pytest.mark.xdist_group("image")  # as the tests of the image that it needs

PATCH = """\
patches:
  - target:
      kind: InferenceService
    patch: |-
      - op: add
        path: {path}
        value: {value}
"""
NOWHERE = "/spec/predictor/nodeSelector", "{kubernetes.io/hostname: nowhere}"
GREEDY = "/spec/predictor/containers/0/resources/requests/memory", "64Gi"


@pytest.fixture(params=["kserve", "seldon"])
def trial(request: pytest.FixtureRequest) -> Environment:
    """Return an environment of each kind in which version 2 is on trial, at first for a tenth of the requests."""
    found: Environment = request.getfixturevalue(request.param)
    if "candidate:" not in found.release:
        found.serve_only(1)
        found.project.call("canary --version 2 --percent 10")
    return found


@pytest.fixture
def full(environment: Environment) -> Iterator[None]:
    """Have the namespace take no further pods."""
    kubectl("create", "quota", "full", "--hard=pods=0", "-n", environment.namespace)
    yield
    kubectl("delete", "quota", "full", "-n", environment.namespace)


@pytest.fixture
def demanding(kserve: Environment, request: pytest.FixtureRequest) -> Iterator[None]:
    """Have candidates ask for something that they cannot get."""
    path, value = request.param
    candidate = kserve.manifests / "canary/kustomization.yaml"
    before = candidate.read_text()
    candidate.write_text(before + PATCH.format(path=path, value=value))
    yield
    candidate.write_text(before)


@pytest.fixture
def held(kserve: Environment) -> Iterator[None]:
    """Have version 2 on trial, with a finalizer that nobody takes away, as where KServe's controller is gone."""
    kserve.serve_only(1)
    kserve.project.call("canary --version 2")
    set_finalizers(kserve, ["tests.example/nobody"])
    yield
    set_finalizers(kserve, None)
    kserve.wait("candidate", "delete")


def test_canary_gets_its_share(trial: Environment) -> None:
    assert shares(trial) == [90, 10]


@pytest.mark.parametrize(("variant", "version"), [("stable", "1"), ("candidate", "2")])
def test_pods_of_a_variant_bear_its_version(trial: Environment, variant: str, version: str) -> None:
    assert {pod["metadata"]["labels"]["model-version"] for pod in trial.pods(variant)} == {version}


@pytest.mark.parametrize(("variant", "version"), [("stable", "1"), ("candidate", "2")])
def test_service_of_a_variant_leads_to_its_version(trial: Environment, variant: str, version: str) -> None:
    assert trial.client.ask(trial.service(variant)) == [version]


def test_status_shows_both_variants(trial: Environment) -> None:
    printed = trial.project.call("status")
    assert "version 1, with version 2 as canary for 10 percent" in printed
    stable, candidate = (" ".join(line.split()) for line in printed.splitlines()[-2:])
    assert re.match(r"stable 1 \d of \d ", stable)  # an autoscaler decides how many there are
    assert re.match(r"candidate 2 \d of \d ", candidate)


def test_deployment_during_a_trial_is_refused(trial: Environment) -> None:
    assert "Version 2 is on trial in local" in trial.project.fail("deploy")


def test_comparison_changes_the_share_of_a_candidate_on_trial(trial: Environment) -> None:
    trial.project.call("ab-test --version 2 --percent 50")
    assert shares(trial) == [50, 50]


def test_shadow_gets_a_copy_and_answers_nobody(trial: Environment) -> None:
    trial.project.call("shadow --version 2 --percent 30")
    if trial.serving == "kserve":
        (rule,) = route(trial)
        assert [backend["name"] for backend in rule["backendRefs"]] == [f"{NAME}-predictor"]
        mirror = rule["filters"][0]["requestMirror"]
        assert (mirror["backendRef"]["name"], mirror["percent"]) == (f"{NAME}-canary-predictor", 30)
    else:
        stable, candidate = predictors(trial)
        assert (stable["traffic"], candidate["traffic"], candidate["shadow"]) == (100, 30, True)


def test_abortion_under_load_takes_the_candidate_away_and_loses_no_request(trial: Environment) -> None:
    with trial.client.sending(trial.service("stable")) as traffic:
        trial.project.call("abort-canary", MLFLOW_TRACKING_URI="http://127.0.0.1:9")  # which nobody answers
        trial.wait("candidate", "delete")

    assert (traffic.failures, set(traffic.answers)) == ([], {"1"})
    assert "candidate" not in trial.release
    assert len(shares(trial)) == 1


def test_promotion_under_load_makes_the_candidate_stable_and_loses_no_request(trial: Environment) -> None:
    with trial.client.sending(trial.service("stable")) as traffic:
        trial.project.call("promote-canary")
        trial.wait("candidate", "delete")

    assert traffic.failures == []
    assert trial.answering("stable", instead_of=1) == ["2"]
    assert len(shares(trial)) == 1


@pytest.mark.usefixtures("full")
def test_candidate_that_does_not_start_gets_no_traffic(environment: Environment) -> None:
    release, before = environment.release, shares(environment)
    routed = get(f"httproute/{NAME}", environment.namespace).get("metadata", {}).get("generation")

    printed = environment.project.fail("canary --version 2", ROLLOUT_TIMEOUT_SECONDS="15")

    assert "Not ready after 15 seconds (ROLLOUT_TIMEOUT_SECONDS)" in printed
    assert "exceeded quota: full" in printed
    assert "version 1 serves again" in printed
    assert (environment.release, shares(environment)) == (release, before)
    assert get(f"httproute/{NAME}", environment.namespace).get("metadata", {}).get("generation") == routed


@pytest.mark.parametrize(
    ("demanding", "told"),
    [
        (NOWHERE, r"\S+ cannot be scheduled: 0/\d+ nodes are available: "),
        (GREEDY, r'InferenceService \S+: .*"64Gi": must be less than or equal to memory limit'),
    ],
    ids=["no node", "more than its limit"],
    indirect=["demanding"],
)
@pytest.mark.usefixtures("demanding")
def test_candidate_that_cannot_have_what_it_asks_for_is_told_with_the_clusters_words(
    kserve: Environment, told: str
) -> None:
    kserve.serve_only(1)

    printed = kserve.project.fail("canary --version 2", ROLLOUT_TIMEOUT_SECONDS="20")

    assert re.search(rf"waiting for .*; {told}", printed)
    assert "version 1 serves again" in printed


@pytest.mark.usefixtures("held")
def test_candidate_that_nobody_lets_go_is_told_in_time_and_gets_no_traffic(kserve: Environment) -> None:
    printed = kserve.project.fail("abort-canary", ROLLOUT_TIMEOUT_SECONDS="10")

    assert "Error: version 1 serves, but: Still not deleted after 10 seconds: " in printed
    assert f"InferenceService {NAME}-canary, with tests.example/nobody" in printed
    assert (len(shares(kserve)), "candidate:" in kserve.release) == (1, False)


def set_finalizers(kserve: Environment, finalizers: list[str] | None) -> None:
    """Say who must agree before the candidate is gone."""
    patch = json.dumps({"metadata": {"finalizers": finalizers}})
    service = (f"inferenceservice/{NAME}-canary", "-n", kserve.namespace)
    kubectl("patch", *service, "--type=merge", f"--patch={patch}")


def shares(environment: Environment) -> list[int]:
    """Return the percentage of each variant, as the API server has it."""
    if environment.serving == "kserve":
        return [backend.get("weight", 100) for backend in route(environment)[-1]["backendRefs"]]
    return [predictor["traffic"] for predictor in predictors(environment)]


def route(environment: Environment) -> list[dict[str, Any]]:
    """Return the rules of the HTTPRoute."""
    rules: list[dict[str, Any]] = get(f"httproute/{NAME}", environment.namespace)["spec"]["rules"]
    return rules


def predictors(environment: Environment) -> list[dict[str, Any]]:
    """Return the predictors of the SeldonDeployment."""
    found: list[dict[str, Any]] = get(f"seldondeployment/{NAME}", environment.namespace)["spec"]["predictors"]
    return found
