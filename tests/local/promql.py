"""Real Prometheus servers, what they answer, and the expressions that a generated project has for them."""

import json
import re
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from tests.local.data_servers import HOST, free_port, wait_until_up
from tests.needs import require

SECONDS = 60
INTERVAL = timedelta(seconds=1)
"""Between two scrapes of a target, and two evaluations of a group of rules."""
COMPARISON = re.compile(r" (==|>=|<=|>|<) ")


@dataclass(frozen=True)
class Prometheus:
    """A running server's address."""

    address: str

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data that its API answers with."""
        with urllib.request.urlopen(f"{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}") as answer:  # noqa: S310
            return json.load(answer)["data"]

    def values(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Return the labels and values that an expression has now."""
        found = self.get("query", query=expression)
        if found["resultType"] == "scalar":
            return [({}, float(found["result"][1]))]
        return [(series["metric"], float(series["value"][1])) for series in found["result"]]

    def value(self, expression: str) -> float:
        """Return the only value that an expression has now."""
        (_, value), *others = self.values(expression)
        assert others == []
        return value

    def answers(self, expression: str) -> bool:
        """Return whether an expression has values now, all of them finite."""
        values = [value for _, value in self.values(expression)]
        return values != [] and all(map(isfinite, values))

    def unanswered(self, expressions: dict[str, str]) -> dict[str, str]:
        """Return those of some named expressions that have no answer now."""
        return {name: text for name, text in expressions.items() if not self.answers(text)}

    def wait_for_answers(self, expressions: dict[str, str], seconds: float = SECONDS) -> None:
        """Return once each of some named expressions has an answer; a rate has one after two scrapes."""
        deadline = time.monotonic() + seconds
        while missing := self.unanswered(expressions):
            assert time.monotonic() < deadline, f"no answer within {seconds} s: {missing}; up: {self.values('up')}"
            time.sleep(0.5)

    def alerts(self) -> list[dict[str, str]]:
        """Return the labels of each alert that fires."""
        return [alert["labels"] for alert in self.get("alerts")["alerts"] if alert["state"] == "firing"]

    def wait_for(self, holds: Callable[[], object], seconds: float = SECONDS) -> None:
        """Return once a condition holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, (
                f"not within {seconds} s; up: {self.values('up')}; alerts: {self.alerts()}"
            )
            time.sleep(0.5)

    def wait_for_rules(self) -> None:
        """Return once every group of rules has seen what is here now, and what the other groups made of it."""
        for _ in range(2):
            # An evaluation that starts then is of a moment after now.
            self.wait_for(partial(self.evaluated_after, datetime.now(UTC) + 2 * INTERVAL))

    def evaluated_after(self, moment: datetime) -> bool:
        """Return whether the last evaluation of every group of rules began after a moment."""
        groups = self.get("rules")["groups"]
        return all(datetime.fromisoformat(group["lastEvaluation"]) > moment for group in groups)


@contextmanager
def watching(folder: Path, targets: dict[str, dict[str, str]], rules: list[Path]) -> Iterator[Prometheus]:
    """Run Prometheus on some targets, with rules whose alerts need not wait.

    Args:
        folder: where it keeps its files.
        targets: labels by address; `job` is one of them.
        rules: manifests with a PrometheusRule.
    """
    program = require("prometheus")
    for manifest in rules:
        content = yaml.safe_load(manifest.read_text())["spec"]
        for group in content["groups"]:
            for rule in group["rules"]:
                rule.pop("for", None)
        (folder / f"rules-{manifest.name}").write_text(yaml.safe_dump(content))
    jobs = [
        {"job_name": labels["job"], "honor_labels": True, "static_configs": [{"targets": [address], "labels": labels}]}
        for address, labels in targets.items()
    ]
    interval = f"{INTERVAL.seconds}s"
    settings = {
        "global": {"scrape_interval": interval, "evaluation_interval": interval},
        "rule_files": ["rules-*.yaml"],
        "scrape_configs": jobs,
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    address = f"{HOST}:{free_port()}"
    options = [f"--storage.tsdb.path={folder}/data", f"--web.listen-address={address}", "--log.level=warn"]
    process = subprocess.Popen([program, f"--config.file={folder}/prometheus.yml", *options], cwd=folder)
    try:
        server = Prometheus(f"http://{address}")
        wait_until_up(f"{server.address}/-/ready", process)
        yield server
    finally:
        process.terminate()
        process.wait()


@contextmanager
def pushgateway(folder: Path) -> Iterator[str]:
    """Run a Pushgateway that keeps what it is sent in a folder, and give its address."""
    program = require("prometheus-pushgateway")
    address = f"{HOST}:{free_port()}"
    options = [f"--web.listen-address={address}", f"--persistence.file={folder}/sent", "--log.level=warn"]
    process = subprocess.Popen([program, *options], cwd=folder)
    try:
        wait_until_up(f"http://{address}/-/ready", process)
        yield address
    finally:
        process.terminate()
        process.wait()


OF_A_CLUSTER = ("ModelServerNotReady", "capacity")
"""The alert and the dashboard that are of a cluster's own figures."""


def expressions_of_rules(project: Path) -> dict[str, str]:
    """Return every expression of the rules by a name.

    In those of alerts, each comparison gives 0 or 1 where it would give nothing: what is missing then is missing data.
    """
    found = {}
    for manifest in sorted((project / "deploy/monitoring/rules").glob("*.yaml")):
        for group in yaml.safe_load(manifest.read_text())["spec"]["groups"]:
            for place, rule in enumerate(group["rules"]):
                expression = str(rule["expr"])
                if "alert" in rule:
                    expression = COMPARISON.sub(r" \1 bool ", expression).replace("unless", "and")
                    expression = re.sub(r" offset \w+", "", expression)  # there is no past yet
                found[f"{manifest.stem} {place} {rule.get('alert') or rule['record']}"] = expression
    return found


def expressions_of_dashboard(dashboard: Path, **variables: str) -> dict[str, str]:
    """Return every expression of a dashboard by its panel's title and letter, with values for its variables."""
    content = json.loads(dashboard.read_text())
    variables |= {"__rate_interval": "5m", "__range": "1h", "__interval": "1m"}
    found = {}
    for panel in content["panels"]:
        for target in panel.get("targets", []):
            expression = re.sub(r"\$\{?(\w+)\}?", lambda match: variables[match[1]], target["expr"])
            found[f"{dashboard.stem}: {panel['title']} {target['refId']}"] = expression
    return found
