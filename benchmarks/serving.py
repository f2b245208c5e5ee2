"""Compares the model server with others under load, and with what the model alone and the server alone can do."""

import urllib.request
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bodies import predictions, write
from children import ChildError, listening, printed, run
from contenders import ECHO, MODEL_NAME, OURS, OURS_WATCHED, Contender, contenders
from environments import SERVERS, create, installed_size
from load import Load, middle, post

ROUNDS, PAIRS, SECONDS, WARM_UP_SECONDS = 4, 16, 2, 1
CONNECTIONS, ROWS = (1, 8), (1, 100)

Case = tuple[str, int, int]
"""A server's name, the connections, and the rows per request."""
Bodies = dict[tuple[str, int], Path]
"""The files of the requests, by form and rows."""


@dataclass(frozen=True)
class Comparison:
    """All that was measured."""

    loads: dict[Case, Load]
    in_process: dict[int, float]
    """Predictions per second, by their rows."""
    over_unwatched: float
    """Requests per second with monitoring, times those without, with the rows that cost it more."""
    sizes: dict[str, int]
    """Bytes of the packages, by the environment's name."""
    model_packages: list[str]


def compare(project: Path, watched: Path, root: Path, env: dict[str, str], report: Callable[[str], None]) -> Comparison:
    """Compare the servers of a project's champion.

    Args:
        project: a generated project.
        watched: another one, with monitoring, that has a champion.
        root: a folder for the competitors' environments.
        env: the environment variables of all commands.
        report: takes a line on what was done.
    """
    model = root / "model"
    tracking = {"MLFLOW_TRACKING_URI": f"sqlite:///{watched / '.local' / 'mlflow.db'}"}
    download = ("artifacts", "download", "--artifact-uri", f"models:/{MODEL_NAME}@champion", "--dst-path", str(model))
    run(".venv/bin/mlflow", *download, folder=watched, env=env | tracking)
    environments = create(project, model, root, env)
    sizes = {name: installed_size(environment) for name, environment in environments.items()}
    report(f"Environments of {', '.join(sizes)} are made")
    servers = contenders(project, watched, model, environments)
    bodies = _bodies(servers, model, root)
    with ExitStack() as running:
        for server in servers:
            own = server.environment(env)
            running.enter_context(listening(*server.command, folder=server.folder, env=own, url=server.ready_url))
            report(f"{server.name} is ready")
        _agree(servers, bodies)
        loads, in_process = _rounds(servers, bodies, project, model, env, report)
        over_unwatched = min(_ratio(servers, OURS_WATCHED, OURS, bodies, rows) for rows in ROWS)
    packages = (model / "requirements.txt").read_text().split()
    return Comparison(loads, in_process, over_unwatched, sizes, packages)


def _bodies(servers: list[Contender], model: Path, root: Path) -> Bodies:
    """Write the requests, and return their files by form and rows."""
    kinds = {server.body for server in servers}
    files = {(kind, rows): root / f"{kind}-{rows}.json" for kind in kinds for rows in ROWS}
    for (kind, rows), file in files.items():
        write(model, kind, rows, file)
    return files


def _agree(servers: list[Contender], bodies: Bodies) -> None:
    """Raise an error if the servers' predictions differ."""
    given = {}
    for server in servers:
        body = bodies[server.body, max(ROWS)].read_bytes()
        request = urllib.request.Request(server.url, body, {"Content-Type": "application/json"})  # noqa: S310  our own
        with urllib.request.urlopen(request) as answer:  # noqa: S310  our own
            given[server.name] = predictions(answer.read())
    for name, labels in given.items():
        if name != ECHO and labels != given[OURS]:
            raise ChildError(f"{name} answers {labels}, and {OURS} {given[OURS]}.")


def _rounds(
    servers: list[Contender],
    bodies: Bodies,
    project: Path,
    model: Path,
    env: dict[str, str],
    report: Callable[[str], None],
) -> tuple[dict[Case, Load], dict[int, float]]:
    """Load the servers in turn, several times, and return the medians by case, and the predictions without a server.

    Every second round goes backwards: what comes just before a server, and how warm the machine is, favours none.
    """
    loads: dict[Case, list[Load]] = defaultdict(list)
    rates: dict[int, list[float]] = defaultdict(list)
    for server in servers:
        for rows in ROWS:
            _load(server, bodies, max(CONNECTIONS), rows, WARM_UP_SECONDS)
    for number in range(1, ROUNDS + 1):
        servers = servers[::-1]
        for rows in ROWS:
            rates[rows].append(_in_process(project, model, bodies["matrix", rows], env))
            for connections in CONNECTIONS:
                for server in servers:
                    loads[server.name, connections, rows].append(_load(server, bodies, connections, rows))
        report(f"Serving, {number} of {ROUNDS}")
    return {case: middle(each) for case, each in loads.items()}, {rows: median(each) for rows, each in rates.items()}


def _in_process(project: Path, model: Path, body: Path, env: dict[str, str]) -> float:
    """Return how often per second the model predicts a request's rows, called by a loop."""
    command = (".venv/bin/python", str(SERVERS / "in_process.py"), str(model), str(body), str(SECONDS))
    return float(printed(*command, folder=project, env=env).splitlines()[-1])


def _ratio(servers: list[Contender], name: str, other: str, bodies: Bodies, rows: int) -> float:
    """Return the requests per second of one server, times another's: one after the other, in either order.

    A few percent drown in how the machine's speed changes over the rounds, and not between two neighbours.
    """
    pair = [server for server in servers if server.name in (name, other)]
    ratios = []
    for _ in range(PAIRS):
        pair = pair[::-1]
        rates = {server.name: _load(server, bodies, max(CONNECTIONS), rows).per_second for server in pair}
        ratios.append(rates[name] / rates[other])
    return median(ratios)


def _load(server: Contender, bodies: Bodies, connections: int, rows: int, seconds: int = SECONDS) -> Load:
    return post(server.name, server.url, bodies[server.body, rows], connections, seconds)
