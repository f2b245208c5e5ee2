"""Runs the whole test suite: two parts, the second whatever became of the first, and one summary of both.

Tests of the library, of updates and of clusters have what they start record which lines of the library it runs.
"""

import os
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

INSTALLATION = "tests/platform/test_install.py"
BESIDE = (
    "tests/local/test_frameworks.py",
    "tests/local/test_demo.py",
    "tests/lifecycle",
    "tests/local/test_docs.py",
    "tests/local/test_identity.py",
    "tests/local/test_model_server.py",
    "tests/local/test_model_server_attacks.py",
    "tests/local/test_model_server_life.py",
    "tests/site",
    "tests/cookiecutter",
)
"""What takes as long as the installation, and uses no cluster: the longest first, and single tests last.

The installation's worker is given the next of the list long before it is free.
"""
LIBRARY = Path(__file__).parent.parent / "template/vendor/ml-chassis/src/ml_chassis"
COVERAGE = """\
[run]
source_pkgs = ml_chassis
parallel = true
data_file = {folder}/data
# What ends without Python's own end is recorded too.
patch = _exit
sigterm = true
disable_warnings = module-not-imported, module-not-measured, no-data-collected
[paths]
library =
    {library}
    */ml_chassis
[report]
include = */ml_chassis/*
skip_covered = true
"""
"""How that is recorded: of each copy, as of the one here, but of no module that a test ejects."""
LEAST_COVERED = 90
"""Percent of the library that the tests have to run in CI, where none is skipped."""
WORKERS = f"--numprocesses={(os.cpu_count() or 1) + 1}"
"""One more than processors, as what uses a cluster mostly waits."""
PARTS = {
    "first": [WORKERS, *(f"--ignore={path}" for path in (INSTALLATION, *BESIDE))],
    # The installation changes all of a cluster, so the tests that use one run before it.
    "second": [WORKERS, "--no-loadscope-reorder", INSTALLATION, *BESIDE],
}


def main(parts: Mapping[str, Sequence[str]] = PARTS) -> int:
    """Run the parts, say what became of all tests, and return the exit code."""
    outcomes: dict[str, str] = {}
    reasons: Counter[str] = Counter()
    statuses = []
    with tempfile.TemporaryDirectory() as folder:
        for name, options in parts.items():
            report = Path(folder, f"{name}.xml")
            command = [sys.executable, "-m", "pytest", "--dist=loadgroup", f"--junit-xml={report}", *options]
            statuses.append(subprocess.run(command, check=False).returncode)
            if statuses[-1] not in (0, 1):
                outcomes[f"the {name} part, which ended with status {statuses[-1]}"] = "failed"
            if report.exists():
                read(report, outcomes, reasons)
    found = Counter(outcomes.values())
    for reason, times in reasons.most_common():
        print(f"SKIPPED [{times}] {reason}")
    for name in [name for name, outcome in outcomes.items() if outcome == "failed"]:
        print(f"FAILED {name}")
    print(f"{found['passed']} passed, {found['failed']} failed, {found['skipped']} skipped")
    return int(any(statuses))


def covered(parts: Callable[[], int]) -> int:
    """Run the parts, say how much of the library they ran, and return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder, "rules")
        rules.write_text(COVERAGE.format(folder=folder, library=LIBRARY))
        os.environ["LIBRARY_COVERAGE"] = str(rules)
        status = parts()
        least = LEAST_COVERED if "CI" in os.environ else 0
        for command in (["combine", "--quiet"], ["report", f"--fail-under={least}"]):
            reported = subprocess.run([sys.executable, "-m", "coverage", *command, f"--rcfile={rules}"], check=False)
        return status or (reported.returncode if "CI" in os.environ else 0)


def read(report: Path, outcomes: dict[str, str], reasons: Counter[str]) -> None:
    """Add what a report in JUnit's format tells of each test, and why some were skipped; an error is a failure."""
    for case in ET.parse(report).iter("testcase"):  # noqa: S314  pytest wrote it
        name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            outcomes[name] = "failed"
        elif skipped is not None:
            outcomes.setdefault(name, "skipped")
            reasons[skipped.get("message", "")] += 1
        else:
            outcomes.setdefault(name, "passed")


if __name__ == "__main__":
    try:
        sys.exit(covered(main))
    except KeyboardInterrupt:
        sys.exit(130)
