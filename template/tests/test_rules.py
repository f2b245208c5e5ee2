"""The unit tests of rules and alerts in `deploy/monitoring/tests`, by promtool."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from ml_chassis.monitoring.prometheus import RULES, rules_of

TESTS = RULES.parent / "tests"
RUNBOOKS = Path("docs/runbooks")


@pytest.mark.parametrize("name", sorted(path.name for path in TESTS.glob("*.yaml")))
def test_rules_do_what_their_tests_say(name: str, tmp_path: Path) -> None:
    if not (promtool := shutil.which("promtool")):
        pytest.skip("promtool, which comes with Prometheus, is not on this machine")
    (tmp_path / name).write_text(yaml.safe_dump(rules_of(RULES / name)))
    (tmp_path / f"test-{name}").write_text((TESTS / name).read_text())
    done = subprocess.run([promtool, "test", "rules", f"test-{name}"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_file_is_tested_and_every_alert_has_a_runbook() -> None:
    alerts = {
        rule["alert"]: rule["annotations"]["runbook_url"]
        for manifest in RULES.glob("*.yaml")
        for group in rules_of(manifest)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert {path.name for path in TESTS.glob("*.yaml")} == {path.name for path in RULES.glob("*.yaml")}
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(alerts)
    assert all(url.endswith(f"{RUNBOOKS}/{alert}.md") for alert, url in alerts.items())
