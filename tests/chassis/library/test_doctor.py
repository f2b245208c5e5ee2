from pathlib import Path

import pytest
from ml_chassis.errors import ClusterError
from ml_chassis.platform import machine
from ml_chassis.platform.doctor import Finding, examine, unsuited
from ml_chassis.platform.load_balancer import last_of
from ml_chassis.testing import defaults
from repository import PROJECT


def test_every_finding_is_told_and_the_fatal_ones_end_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    findings = [Finding("a", "1"), Finding("b", "2", "more", fatal=False), Finding("c", "3", "less")]

    with defaults(PROJECT.settings, tmp_path) as settings, pytest.raises(ClusterError, match=r"Fix: c\.$"):
        examine([lambda _: iter(findings)], settings)
    assert capsys.readouterr().out.splitlines() == [
        "ok       a: 1",
        "warning  b: 2",
        "         more",
        "fix      c: 3",
        "         less",
    ]


@pytest.mark.parametrize(("kubectl", "suits"), [("1.33.9", False), ("1.34.1", True), ("v1.36.0", True)])
def test_kubectl_suits_the_next_minor_versions(kubectl: str, suits: bool) -> None:
    assert (unsuited(kubectl, "v1.35.8") == "") == suits


def test_low_limits_of_inotify_are_told_with_their_fix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "INOTIFY", tmp_path)
    (tmp_path / "max_user_watches").write_text("1048576\n")
    (tmp_path / "max_user_instances").write_text("128\n")

    with defaults(PROJECT.settings, tmp_path) as settings:
        enough, few = machine.inotify(settings)
    assert enough.advice == ""
    assert not few.fatal and few.advice.endswith("sudo sysctl fs.inotify.max_user_instances=512")


def test_load_balancer_takes_the_last_addresses_of_the_ipv4_subnet() -> None:
    assert last_of(["fc00:f853:ccd:e793::/64", "172.18.0.0/16"]) == "172.18.255.205-172.18.255.254"


@pytest.mark.parametrize("subnets", [[], ["fc00:f853:ccd:e793::/64"], ["172.18.0.0/28"]])
def test_load_balancer_refuses_a_network_without_room(subnets: list[str]) -> None:
    with pytest.raises(ClusterError, match="no IPv4 subnet"):
        last_of(subnets)
