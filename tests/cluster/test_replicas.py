"""On a real node, the autoscaler adds pods and takes them away, and one that is killed is replaced."""

from collections.abc import Iterator

import pytest

from .environments import Environment
from .kubectl import kubectl

pytestmark = pytest.mark.xdist_group("image")  # as the tests of the image that it needs


@pytest.fixture
def scaling(environment: Environment) -> Iterator[Environment]:
    """Return an environment of a single pod, and leave it so: by its load alone that takes five minutes."""
    leave_one_pod(environment)
    yield environment
    leave_one_pod(environment)


def leave_one_pod(environment: Environment) -> None:
    environment.scale(minReplicas=1, maxReplicas=1)
    environment.wait("stable", "jsonpath={.status.replicas}=1")
    environment.scale(maxReplicas=2)


def test_autoscaler_adds_a_pod_under_load_and_takes_it_away_without_losing_a_request(scaling: Environment) -> None:
    with scaling.client.sending(scaling.service("stable"), threads=8, pause=0) as traffic:
        scaling.wait("stable", "jsonpath={.status.availableReplicas}=2")
        scaling.scale(maxReplicas=1)
        scaling.wait("stable", "jsonpath={.status.replicas}=1")

    assert traffic.failures == []


def test_pod_killed_under_load_is_replaced_while_the_other_answers(scaling: Environment) -> None:
    scaling.scale(minReplicas=2)
    scaling.wait("stable", "jsonpath={.status.availableReplicas}=2")
    killed, kept = (pod["metadata"]["name"] for pod in scaling.pods("stable"))

    with scaling.client.sending(scaling.service("stable")) as traffic:
        kubectl("delete", "pod", killed, "-n", scaling.namespace, "--grace-period=0", "--force")
        scaling.wait("stable", "jsonpath={.status.availableReplicas}=1")
        scaling.wait("stable", "jsonpath={.status.availableReplicas}=2")
    names = {pod["metadata"]["name"] for pod in scaling.pods("stable")}
    afterwards = scaling.client.ask(scaling.service("stable"))

    assert kept in names
    assert killed not in names
    # What reaches the killed pod until the node's proxy has forgotten it is lost: connections, but no answer is wrong.
    assert all("Error" in failure or "Disconnected" in failure for failure in traffic.failures), traffic.failures
    assert set(traffic.answers) == {"1"}
    assert afterwards == ["1"]
