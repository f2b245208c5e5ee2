"""The section on the fleet of docs/benchmarks.md."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from children import ROOT, ChildError, run

HEADING = "## Fleet"
REPOSITORIES = 200
PROJECT_NAME = "Wine Cultivars"


def fleet_section(root: Path, env: dict[str, str], report: Callable[..., None]) -> str:
    """Measure `copier-kubeflow fleet` over many repositories, and return the section, from its heading on."""
    repositories = generate(root, env)
    cores = os.cpu_count() or 1
    rows = []
    for jobs, cache, what in [
        (1, "one", "one at a time, nothing rendered yet"),
        (cores, "all", f"{cores} at a time, nothing rendered yet"),
        (cores, "all", "again, with the renderings kept"),
    ]:
        seconds = survey(repositories, jobs, root / f"cache-{cache}", env)
        report("fleet", round(seconds, 1), "s", repositories=REPOSITORIES, jobs=jobs, what=what)
        rows.append(f"| {what} | {seconds:.1f} | {REPOSITORIES / seconds:.1f} |")
    return f"""{HEADING}

`copier-kubeflow fleet` over {REPOSITORIES} local repositories of the preset `standard`, each with answers of its own,
so that each is rendered once. `make bench-fleet` measures this part alone. Measured on
{datetime.now(UTC):%Y-%m-%d}, on {cores} cores.

| Compared | Seconds | Repositories a second |
| --- | ---: | ---: |
{chr(10).join(rows)}
"""


def generate(root: Path, env: dict[str, str]) -> list[Path]:
    """Return the repositories: one is generated, and the others are what other names would have generated."""
    template = root / "fleet/copier-kubeflow"
    run("git", "clone", "--quiet", str(root / "template"), str(template), folder=root, env=env)
    first, ref = root / "fleet/0", ("--vcs-ref", "HEAD")
    run("copier", "copy", "--defaults", "--quiet", *ref, str(template), str(first), folder=root, env=env)
    found = [root / f"fleet/{number}" for number in range(REPOSITORIES)]
    identity = ("-c", "user.name=Benchmark", "-c", "user.email=benchmark@example.com")
    for number, folder in enumerate(found):
        if number:
            shutil.copytree(first, folder, ignore=shutil.ignore_patterns(".git"))
            for path in folder.rglob("*"):
                if path.is_file():
                    text = path.read_bytes()
                    path.write_bytes(text.replace(PROJECT_NAME.encode(), f"{PROJECT_NAME} {number}".encode()))
        commit = (*identity, "commit", "--quiet", "--message", "Generate")
        for command in [("init", "--quiet"), ("add", "--all"), commit]:
            run("git", *command, folder=folder, env=env)
    return found


def survey(repositories: list[Path], jobs: int, cache: Path, env: dict[str, str]) -> float:
    """Run the command, check that it found each repository as it was generated, and return the seconds it took."""
    page = cache.parent / "fleet.json"
    script = f'exec python -m copier_kubeflow fleet "$@" --json --jobs {jobs} --cache {cache} > {page} 2> /dev/null'
    seconds = run("sh", "-c", script, "sh", *map(str, repositories), folder=ROOT, env=env | {"PYTHONPATH": "src"})
    rows = json.loads(page.read_text())
    if len(rows) != len(repositories) or any(row["similarity"] != 1 for row in rows):
        raise ChildError("`copier-kubeflow fleet` found other repositories than were generated.")
    return seconds
