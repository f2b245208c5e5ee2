"""The command `load-balancer` brings MetalLB, whose pods are hollow, to a real API server."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.kubectl import cluster_settings, get, kubectl, require_cluster
from tests.local.projects import Project
from tests.waves import MANIFESTS

from .hollow import hollow_pods, take_webhooks

pytestmark = pytest.mark.xdist_group("cluster")

NETWORK = [{"IPAM": {"Config": [{"Subnet": "fc00:f853:ccd:e793::/64"}, {"Subnet": "172.18.0.0/16"}]}}]


@pytest.fixture
def project(standalone: Path, tmp_path: Path) -> Iterator[Project]:
    """Return a project beside a Docker that has a network of kind's."""
    require_cluster()
    docker = tmp_path / "bin/docker"
    docker.parent.mkdir()
    docker.write_text(f"#!/bin/sh\necho '{json.dumps(NETWORK)}'\n")
    docker.chmod(0o755)
    path = f"{docker.parent}{os.pathsep}{Project(standalone).environment['PATH']}"
    load_balancer = shutil.copytree(standalone / MANIFESTS / "load-balancer", standalone / "deploy/load-balancer")
    take_webhooks(load_balancer / "kustomization.yaml")
    kubectl("create", "namespace", "istio-system")
    with hollow_pods(["metallb-system"]):
        yield Project(standalone, settings=cluster_settings() | {"PATH": path})
    kubectl("delete", "namespace", "istio-system", "metallb-system")  # while its kinds are known: else it takes minutes
    kubectl("delete", "--ignore-not-found", "-k", str(load_balancer))
    shutil.rmtree(load_balancer)


def test_load_balancer_gives_away_addresses_of_the_nodes_network(project: Project) -> None:
    assert "trying again" not in project.call("load-balancer")
    (pool,) = json.loads(kubectl("get", "ipaddresspools.metallb.io", "-n=metallb-system", "-o=json"))["items"]
    assert pool["spec"]["addresses"] == ["172.18.255.205-172.18.255.254"]
    assert get("service/istio-ingressgateway-outside", "istio-system")["spec"]["type"] == "LoadBalancer"

    assert "works after" in project.call("load-balancer")
