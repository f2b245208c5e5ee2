"""Draws the pictures of docs/monitoring.md: what a real Prometheus says of a real server whose traffic shifts.

It makes a project in build/pictures, serves its model, watches it with the project's own rules, sends traffic like
training and then shifted, and draws panels of the dashboards from Prometheus' answers. It takes about four minutes.
"""

import csv
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PROJECT = ROOT / "build/pictures"
PICTURES = ROOT / "docs/pictures"
SERVER, PROMETHEUS = "http://127.0.0.1:8080", "http://127.0.0.1:9090"
PHASES = [(60, {}), (60, {"alcohol": 2.5, "hue": 0.8})]
"""Seconds of traffic, and by how much which columns are moved."""
PANELS = [
    ("service", "Requests by version and code"),
    ("service", "Latency of requests"),
    ("model", "PSI by feature over time, $window"),
    ("model", "Predictions by class"),
]
VARIABLES = {
    "namespace": "local",
    "service": "wine-cultivars",
    "version": ".*",
    "window": "1h",
    "column": "alcohol",
    "__rate_interval": "30s",
}
ROWS = """
from wine_cultivars.data import load
from wine_cultivars.settings import Settings
load(Settings.load()).drop(columns="cultivar").to_csv("rows.csv", index=False)
"""


def main() -> None:
    """Make the pictures."""
    copier = (str(ROOT / ".venv/bin/copier"), "copy", "--quiet", "--defaults", "--overwrite", "--vcs-ref", "HEAD")
    run(*copier, "--data", "monitoring=true", str(ROOT), str(PROJECT), folder=ROOT)
    for target in ("setup", "run"):
        run("make", target, folder=PROJECT)
    run(".venv/bin/python", "-c", ROWS, folder=PROJECT)
    with (PROJECT / "rows.csv").open() as lines:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(lines)]
    with ExitStack() as running:
        running.enter_context(serving("serve", f"{SERVER}/v2/health/ready"))
        running.enter_context(serving("monitor", f"{PROMETHEUS}/-/ready"))
        began = time.time()
        for seconds, shift in PHASES:
            print(f"Sending {'shifted traffic' if shift else 'traffic like training'} for {seconds} s")
            send(rows, shift, seconds)
        content = [panel(dashboard, title, began) for dashboard, title in PANELS]
    PICTURES.mkdir(exist_ok=True)
    (PROJECT / "panels.json").write_text(json.dumps(content))
    draw = str(Path(__file__).with_name("draw_panels.py"))
    run(".venv/bin/python", draw, "panels.json", str(PICTURES), folder=PROJECT)


def run(*command: str, folder: Path) -> None:
    """Run a command, or end with its exit code."""
    path = f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    if code := subprocess.run(command, cwd=folder, env=os.environ | {"PATH": path}, check=False).returncode:
        sys.exit(code)


@contextmanager
def serving(target: str, url: str) -> Iterator[None]:
    """Run a target of the project while the body runs."""
    path = f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        ["make", target],
        cwd=PROJECT,
        env=os.environ | {"PATH": path},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(url)  # noqa: S310  our own
                break
            except OSError:
                time.sleep(0.5)
        else:
            sys.exit(f"{url} does not answer; is another server on its port?")
        yield
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait()


def send(rows: list[dict[str, float]], shift: dict[str, float], seconds: int) -> None:
    """Send rows at random, some at a time, and now and then a request that is refused."""
    draw, ends = random.Random(7), time.monotonic() + seconds  # noqa: S311  no secret depends on it
    while time.monotonic() < ends:
        chosen = [row | {name: row[name] + by for name, by in shift.items()} for row in draw.choices(rows, k=20)]
        body = json.dumps(chosen if draw.random() > 0.02 else [{}]).encode()
        try:
            urllib.request.urlopen(f"{SERVER}/predict", body)  # noqa: S310  our own
        except urllib.error.HTTPError as refused:
            refused.close()
        time.sleep(draw.random() / 10)


def panel(dashboard: str, title: str, began: float) -> dict[str, Any]:
    """Return what a panel shows: its title, unit, thresholds, and the series that Prometheus answers with."""
    content = json.loads((PROJECT / f"deploy/monitoring/dashboards/{dashboard}.json").read_text())
    (found,) = (panel for panel in content["panels"] if panel["title"] == title)
    series = []
    for target in found["targets"]:
        expression = re.sub(r"\$\{?(\w+)\}?", lambda name: VARIABLES[name[1]], target["expr"])
        asked = urllib.parse.urlencode({"query": expression, "start": began, "end": time.time(), "step": 5})
        with urllib.request.urlopen(f"{PROMETHEUS}/api/v1/query_range?{asked}") as answer:  # noqa: S310  our own
            for each in json.load(answer)["data"]["result"]:
                name = re.sub(r"\{\{(\w+)\}\}", r"{\1}", target["legendFormat"]).format(**each["metric"])
                points = [(stamp - began, float(value)) for stamp, value in each["values"]]
                series.append({"name": name, "points": points})
    defaults = found["fieldConfig"]["defaults"]
    limits = [step["value"] for step in defaults.get("thresholds", {}).get("steps", []) if step["value"] is not None]
    shown = title.replace("$window", VARIABLES["window"])
    file = "-".join(re.findall(r"\w+", f"{dashboard} {shown}".lower()))
    return {"file": file, "title": shown, "unit": defaults["unit"], "limits": limits, "series": series}


if __name__ == "__main__":
    main()
