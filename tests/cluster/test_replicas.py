"""On a real node, the autoscaler adds pods and takes them away, and one that is killed is replaced."""

import pytest

from .environments import Environment
from .kubectl import kubectl

pytestmark = pytest.mark.xdist_group("image")  # as the tests of the image that it needs

AT_ONCE = {"scaleDown": {"stabilizationWindowSeconds": 0}}
"""By default a HorizontalPodAutoscaler waits for five minutes before it takes pods away."""


def test_autoscaler_adds_a_pod_under_load_and_takes_it_away_afterwards(environment: Environment) -> None:
    environment.scale(behavior=AT_ONCE)
    environment.wait("stable", "jsonpath={.spec.replicas}=1")

    with environment.client.sending(environment.service("stable"), threads=8, pause=0) as traffic:
        environment.wait("stable", "jsonpath={.status.availableReplicas}=2")
    environment.wait("stable", "jsonpath={.spec.replicas}=1")

    assert traffic.failures == []


def test_pod_killed_under_load_is_replaced_while_the_other_answers(environment: Environment) -> None:
    environment.scale(behavior=AT_ONCE, minReplicas=2)
    environment.wait("stable", "jsonpath={.status.availableReplicas}=2")
    killed, kept = (pod["metadata"]["name"] for pod in environment.pods("stable"))

    with environment.client.sending(environment.service("stable")) as traffic:
        kubectl("delete", "pod", killed, "-n", environment.namespace, "--grace-period=0", "--force")
        environment.wait("stable", "jsonpath={.status.availableReplicas}=2")
    names = {pod["metadata"]["name"] for pod in environment.pods("stable")}
    with environment.client.sending(environment.service("stable")) as afterwards:
        environment.scale(minReplicas=1)

    assert kept in names
    assert killed not in names
    # What reaches the killed pod until the node's proxy has forgotten it is lost: connections, but no answer is wrong.
    assert all("Error" in failure or "Disconnected" in failure for failure in traffic.failures), traffic.failures
    assert set(traffic.answers) == {"1"}
    assert afterwards.failures == []
