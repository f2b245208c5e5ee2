"""Measures the template's speed: prints a JSON object per figure, and writes docs/benchmarks.md.

With the argument `fleet` or `serving`, it measures that part alone, and writes that section of the page alone.
"""

import json
import os
import platform
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import load
from children import ROOT, ChildError, environment, run, serving
from fleet import fleet_section
from rich.console import Console
from serving import compare
from serving_page import ratios, section

PAGE = ROOT / "docs" / "benchmarks.md"
ONE_PROCESS = Path(__file__).parent / "one_process.py"
GENERATION_PAIRS, PIPELINE_PAIRS, COLD_PAIRS = 9, 5, 2
PIPELINE_AIM = 3.0
GENERATIONS = {
    "default": ("default answers", (), 2.0),
    "full": ("preset=full", ("--data", "preset=full"), None),
    "index": ("library=index", ("--data", "library=index"), 1.5),
}
"""What is generated: how the page calls it, its answers, and the aim, if there is one."""
JINJA = (b"{{", b"{%", b"{#")

console = Console(stderr=True, highlight=False, soft_wrap=True)
unused = (f"project-{number}" for number in count())


@dataclass(frozen=True)
class Figure:
    """The ratio of two sides' medians: what the sides are, their seconds of every run, what it means, and its aim."""

    name: str
    sides: tuple[str, str]
    seconds: tuple[list[float], list[float]]
    meaning: str
    aim: float | None = None

    @property
    def medians(self) -> tuple[float, float]:
        """Return the median seconds of either side."""
        return median(self.seconds[0]), median(self.seconds[1])

    @property
    def ratio(self) -> float:
        """Return how many times as long as the second side the first one takes."""
        return self.medians[0] / self.medians[1]

    @property
    def told(self) -> str:
        """Return what the ratio means and, where it should be at most a number, whether it is."""
        if self.aim is None:
            return f"{self.meaning}."
        return f"{self.meaning}; the aim, at most {self.aim}, is {'met' if self.ratio <= self.aim else 'missed'}."


def main() -> int:
    """Measure every figure, or one part alone, and return the exit code."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that folders and servers go then, too
    began, alone = time.monotonic(), sys.argv[1:]
    parts: dict[str, Callable[[Path, dict[str, str]], str]]
    parts = {"fleet": partial(fleet_section, report=print_json), "serving": serving_section}
    try:
        if alone != ["fleet"]:
            load.check()
        with TemporaryDirectory(prefix="benchmarks-") as folder:
            root = Path(folder)
            env = prepare(root)
            figures = [] if alone else reported(measure(root, env))
            sections = [write(root, env) for name, write in parts.items() if not alone or name in alone]
    except ChildError as error:
        console.print(f"Error: {error}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. docs/benchmarks.md is as it was.")
        return 130
    text = PAGE.read_text() if alone else page(figures, time.monotonic() - began)
    for written in sections:
        text = with_section(text, written)
    PAGE.write_text(text)
    return 0


def with_section(text: str, section: str) -> str:
    """Return a page with a section in the place of the one with the same heading, or else at the end."""
    before, _, old = text.partition(section.partition("\n")[0])
    _, heading, after = old.partition("\n## ")
    return f"{before.rstrip()}\n\n{section.rstrip()}\n{heading}{after}"


def reported(figures: Iterator[Figure]) -> list[Figure]:
    """Print each figure once it is measured, and return them all."""
    kept = []
    for figure in figures:
        medians = dict(zip(figure.sides, (round(seconds, 3) for seconds in figure.medians), strict=True))
        print_json(figure.name, round(figure.ratio, 2), "times", medians_s=medians, runs=len(figure.seconds[0]))
        kept.append(figure)
    return kept


def prepare(root: Path) -> dict[str, str]:
    """Clone the template into the temporary folder `root`, and return the commands' environment."""
    env = environment(root / "uv-cache")
    run("git", "clone", "--quiet", str(ROOT), "template", folder=root, env=env)
    return env


def serving_section(root: Path, env: dict[str, str]) -> str:
    """Compare the model server of a new project with others, and return the section on it."""
    project, watched = root / "served", root / "watched"
    copy(root, env, project.name)
    run("make", "setup", folder=project, env=env)
    copy(root, env, watched.name, "--data", "monitoring=true")
    for target in ("setup", "run"):
        run("make", target, folder=watched, env=env)
    comparison = compare(project, watched, root, env, console.print)
    for (server, connections, rows), found in comparison.loads.items():
        case = {"server": server, "connections": connections, "rows": rows}
        more = {"p50_ms": round(found.p50, 2), "p99_ms": round(found.p99, 2), "errors": found.errors}
        print_json("serving", round(found.per_second, 1), "requests/s", **case, **more)
    for rows, rate in comparison.in_process.items():
        print_json("serving-loop", round(rate, 1), "predictions/s", rows=rows)
    for name, size in comparison.sizes.items():
        print_json("serving-size", round(size / 1e6), "MB", environment=name)
    for ratio in ratios(comparison):
        print_json(ratio.name, round(ratio.value, 2), "times", aim=ratio.verdict)
    return section(comparison)


def measure(root: Path, env: dict[str, str]) -> Iterator[Figure]:
    """Yield the figures, measured in the temporary folder `root`."""
    yield from generations(root, env)
    yield pipeline(root, env)
    first = first_prediction(root, env)
    for name, seconds in zip(("cold", "warm"), first.medians, strict=True):
        print_json(f"{first.name}-{name}", round(seconds, 1), "s", runs=COLD_PAIRS)
    yield first


def generations(root: Path, env: dict[str, str]) -> Iterator[Figure]:
    """Compare generation with that of a template of two files, and with Cookiecutter's of the same files."""
    two_file_template(root / "two-files", env)
    for short, (name, answers, aim) in GENERATIONS.items():
        ours = partial(copy, root, env, "", *answers)
        theirs = partial(copy, root, env, "", template="two-files")
        seconds = alternate(f"Generation, {name}", ours, theirs, GENERATION_PAIRS)
        meaning = "what this template's questions, exclusions and files cost on top of Copier's own start and clone"
        yield Figure(f"generation-{short}", (f"`copier copy`, {name}", "of a two-file template"), seconds, meaning, aim)

    copy(root, env, "rendered")
    cookiecutter_template(root / "rendered", root / "cookiecutter")
    yield Figure(
        "generation-cookiecutter",
        ("`copier copy`, default answers", "`cookiecutter`, the same files"),
        alternate("Generation, Cookiecutter", partial(copy, root, env, ""), partial(bake, root, env), GENERATION_PAIRS),
        "what answers that can be updated and a template under version control cost over writing the files alone",
    )


def pipeline(root: Path, env: dict[str, str]) -> Figure:
    """Compare the pipeline, a process per step, with the same functions in one process."""
    copy(root, env, "pipeline")
    project = root / "pipeline"
    run("make", "setup", folder=project, env=env)
    seconds = alternate(
        "make run",
        partial(run, "make", "run", folder=project, env=env),
        partial(run, ".venv/bin/python", str(ONE_PROCESS), folder=project, env=env),
        PIPELINE_PAIRS,
    )
    return Figure(
        "pipeline",
        ("`make run`, a champion exists", "the same functions in one process"),
        seconds,
        "what a process per step, as on a cluster, costs over one script, the start and imports of both included",
        PIPELINE_AIM,
    )


def first_prediction(root: Path, env: dict[str, str]) -> Figure:
    """Measure the way from nothing to a prediction, with an empty uv cache and again with what that filled it with."""

    def cold() -> float:
        shutil.rmtree(env["UV_CACHE_DIR"], ignore_errors=True)
        return journey(root, env)

    return Figure(
        "first-prediction",
        ("cold: `copier copy` to a prediction", "warm: the same with uv's cache filled"),
        alternate("First prediction", cold, partial(journey, root, env), COLD_PAIRS, warm_up=False),
        "how long a newcomer waits for `copier copy`, `make setup`, `make run`, `make serve` and `make predict`; "
        "near 1, compiling and importing take the time, and not the downloads",
    )


def journey(root: Path, env: dict[str, str]) -> float:
    """Go from nothing to a prediction in a new project, remove it, and return the seconds up to the prediction."""
    project = root / next(unused)
    seconds = copy(root, env, project.name)
    for target in ("setup", "run"):
        seconds += run("make", target, folder=project, env=env)
    began = time.perf_counter()
    with serving(project, env) as serving_env:
        run("make", "predict", folder=project, env=serving_env)
        seconds += time.perf_counter() - began
    shutil.rmtree(project)
    return seconds


def alternate(
    title: str, first: Callable[[], float], second: Callable[[], float], pairs: int, warm_up: bool = True
) -> tuple[list[float], list[float]]:
    """Run two sides in turn, and return the seconds of each; those of a first, warming pair are dropped."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(0 if warm_up else 1, pairs + 1):
        stage = f"{title}, {number} of {pairs}" if number else f"{title}, warm-up"
        with console.status(stage):
            times[0].append(first())
            times[1].append(second())
        console.print(f"{stage}: {times[0][-1]:.2f} s and {times[1][-1]:.2f} s")
    return times[0][-pairs:], times[1][-pairs:]


def copy(root: Path, env: dict[str, str], name: str, *answers: str, template: str = "template") -> float:
    """Generate the project `name` (or any unused one) with Copier, and return the seconds it took."""
    options = ("--defaults", "--quiet", "--vcs-ref", "HEAD", *answers)
    return run("copier", "copy", *options, template, name or next(unused), folder=root, env=env)


def bake(root: Path, env: dict[str, str]) -> float:
    """Generate the rendered project again with Cookiecutter, and return the seconds it took."""
    name = next(unused)
    options = ("--no-input", "--config-file", "cookiecutter/config.yaml")
    seconds = run("cookiecutter", *options, "cookiecutter", f"folder={name}", folder=root, env=env)
    if contents(root / name) != contents(root / "rendered"):
        raise ChildError("`cookiecutter` wrote other files than `copier copy`.")
    return seconds


def two_file_template(folder: Path, env: dict[str, str]) -> None:
    """Write the smallest Copier template, a question and a file with its answer, and commit it."""
    folder.mkdir()
    (folder / "copier.yml").write_text("name:\n  type: str\n  default: World\n")
    (folder / "greeting.txt.jinja").write_text("Hello, {{ name }}!\n")
    identity = ("-c", "user.name=Benchmark", "-c", "user.email=benchmark@example.com")
    for command in [("init", "--quiet"), ("add", "--all"), (*identity, "commit", "--quiet", "--message", "Two files")]:
        run("git", *command, folder=folder, env=env)


def cookiecutter_template(project: Path, folder: Path) -> None:
    """Make a Cookiecutter template of a project; files that hold braces of their own are copied as they are."""
    shutil.copytree(project, folder / "{{ cookiecutter.folder }}")
    raw = [str(path) for path, content in contents(project).items() if any(mark in content for mark in JINJA)]
    (folder / "cookiecutter.json").write_text(json.dumps({"folder": "project", "_copy_without_render": raw}))
    (folder / "config.yaml").write_text(f"replay_dir: {folder.parent / 'replay'}\n")


def contents(folder: Path) -> dict[Path, bytes]:
    """Return every file of a folder by its path in it."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def print_json(name: str, value: float, unit: str, **more: object) -> None:
    """Print a figure as a line of JSON, at once."""
    print(json.dumps({"name": name, "value": value, "unit": unit, **more}), flush=True)


def page(figures: list[Figure], seconds: float) -> str:
    """Return the text of docs/benchmarks.md."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    rows = [
        f"| {figure.name} | {figure.sides[0]} | {figure.medians[0]:.1f} s | {figure.sides[1]} "
        f"| {figure.medians[1]:.1f} s | **{figure.ratio:.1f}** | {len(figure.seconds[0])} |"
        for figure in figures
    ]
    return f"""# Benchmarks

`make bench` measures these figures again and rewrites this page. It takes about {seconds / 60:.0f} minutes, a network,
`wrk` and 4 GiB of disk. Each figure is a ratio of medians: the two sides ran in turn, so that what else the machine did
slowed both, and after a warm-up, save for the last one, whose first side is the cold start itself.

Measured on {datetime.now(UTC):%Y-%m-%d}: {platform.system()}, {os.cpu_count()} cores, {memory:.0f} GiB of memory and
Python {platform.python_version()}.

| Figure | First side | Median | Second side | Median | Ratio | Runs |
| --- | --- | ---: | --- | ---: | ---: | ---: |
{chr(10).join(rows)}

{chr(10).join(f"- {figure.name}: {figure.told}" for figure in figures)}
"""


if __name__ == "__main__":
    sys.exit(main())
