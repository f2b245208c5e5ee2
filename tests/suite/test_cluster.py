"""Two runs at once do not share a cluster, where they would use the same names."""

import os
from pathlib import Path

import pytest

from tests.cluster.kubectl import TAKEN, take_cluster


def test_cluster_is_for_one_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.touch()
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setenv(TAKEN, "")
    monkeypatch.delenv(TAKEN)

    with take_cluster() or pytest.fail("nothing is held"):
        assert TAKEN not in os.environ
        with take_cluster() or pytest.fail("nothing is held"):
            assert TAKEN in os.environ

    monkeypatch.delenv(TAKEN)
    with take_cluster() or pytest.fail("nothing is held"):
        assert TAKEN not in os.environ
