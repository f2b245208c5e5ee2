"""MetalLB for a kind cluster, with addresses of the nodes' own network."""

import json
import subprocess
from ipaddress import ip_network
from pathlib import Path

from ml_chassis.errors import ClusterError
from ml_chassis.platform.folders import KUSTOMIZATION, LOAD_BALANCER
from ml_chassis.platform.waves import Manifest, Wave

COUNT = 50
"""How many addresses it can give away."""
POOL = """\
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata:
  name: kind
  namespace: metallb-system
spec:
  addresses:
    - {addresses}
"""


def address_range() -> str:
    """Return addresses of the network of kind's nodes.

    Raises:
        ClusterError: Docker has no such network, or it is too small.
    """
    command = ["docker", "network", "inspect", "kind"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise ClusterError("docker is missing; the command `doctor` tells what else is.") from None
    if done.returncode:
        raise ClusterError(f"Docker has no network of kind's; `make cluster` makes it. {done.stderr.strip()}")
    (network,) = json.loads(done.stdout)
    return last_of([entry["Subnet"] for entry in network["IPAM"]["Config"]])


def last_of(subnets: list[str]) -> str:
    """Return the last addresses of the IPv4 one of the subnets; Docker gives the first ones to the nodes.

    Raises:
        ClusterError: none is IPv4 and large enough.
    """
    for subnet in map(ip_network, subnets):
        if subnet.version == 4 and subnet.num_addresses >= 4 * COUNT:
            return f"{subnet.broadcast_address - COUNT}-{subnet.broadcast_address - 1}"
    raise ClusterError(
        f"Docker's network kind has no IPv4 subnet of {4 * COUNT} addresses, only {', '.join(subnets)}. "
        "Make one by `docker network create kind --subnet=`, before `make cluster`."
    )


def wave(platform: Path, addresses: str) -> Wave:
    """Return MetalLB with a pool of addresses: the folder beside the platform's, or else the library's."""
    own = platform.parent / LOAD_BALANCER.name
    folder = own if (own / KUSTOMIZATION).exists() else LOAD_BALANCER
    return Wave(LOAD_BALANCER.name, folder, (Manifest(POOL.format(addresses=addresses)),))
