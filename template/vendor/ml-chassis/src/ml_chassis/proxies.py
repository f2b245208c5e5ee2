"""Keeps the proxies that the environment names out of what this machine asks itself: they cannot reach it."""

import os
from ipaddress import ip_address
from urllib.parse import urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "::1")
ONLY_THIS_MACHINE = ",".join(LOOPBACK)
"""What is left out where the environment names nothing."""


def leave_out_this_machine() -> None:
    """Have this process, and those that it starts, ask the loopback directly, by whatever library."""
    named = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
    hosts = [*filter(None, named.split(",")), *LOOPBACK]
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(dict.fromkeys(hosts))


def may_ask(address: str) -> bool:
    """Tell whether a proxy may be asked for an address. Else httpx2 must not see any: it loads what each needs."""
    host = urlsplit(address).hostname or ""
    try:
        found = ip_address(host)
    except ValueError:
        return host != "localhost"
    return not (found.is_loopback or found.is_unspecified)
