"""The section on serving of docs/benchmarks.md."""

import os
from dataclasses import dataclass
from datetime import UTC, datetime

from contenders import ARRAYS, ECHO, GRAPH, MLFLOW, MLSERVER, OURS, OURS_MATRIX, OURS_NATIVE, OURS_WATCHED, PYFUNC
from environments import SERVERS
from serving import CONNECTIONS, PAIRS, ROUNDS, ROWS, SECONDS, Comparison

HEADING = "## Serving"
ORDINARY = (MLSERVER, PYFUNC, MLFLOW)
"""The servers of the MLflow model as their users ordinarily run them."""
LOOP = "model in a loop"
ENVIRONMENTS = {"mlserver": MLSERVER, "kserve": PYFUNC, "mlflow": MLFLOW, "serving": OURS}
SERVERS_SHOWN = (OURS, OURS_MATRIX, OURS_WATCHED, OURS_NATIVE, *ORDINARY, ARRAYS, GRAPH, ECHO)


@dataclass(frozen=True)
class Ratio:
    """A ratio of this server to others, and what it should be."""

    name: str
    meaning: str
    value: float
    aim: float
    at_most: bool = False

    @property
    def verdict(self) -> str:
        """Return whether the aim is met."""
        return "met" if (self.value <= self.aim if self.at_most else self.value >= self.aim) else "missed"


def ratios(comparison: Comparison) -> list[Ratio]:
    """Return what the aims speak of, at the most connections and the fewest rows."""
    loads = {name: load for (name, *case), load in comparison.loads.items() if case == [max(CONNECTIONS), min(ROWS)]}
    best = max(loads[name].per_second for name in ORDINARY)
    shortest = min(loads[name].p99 for name in ORDINARY)
    ours, limit = loads[OURS], comparison.in_process[min(ROWS)]
    ours_of_matrix = loads[OURS_MATRIX].per_second
    return [
        Ratio("serving-ordinary", "req/s, times the best ordinary server's", ours.per_second / best, 5),
        Ratio("serving-arrays", f"req/s with a matrix, times {ARRAYS}", ours_of_matrix / loads[ARRAYS].per_second, 3),
        Ratio("serving-graph", f"req/s with a matrix, times {GRAPH}", ours_of_matrix / loads[GRAPH].per_second, 1),
        Ratio("serving-p99", "p99, times the best ordinary server's", ours.p99 / shortest, 1 / 3, at_most=True),
        Ratio("serving-monitoring", f"req/s with monitoring, times {OURS} without", comparison.over_unwatched, 0.95),
        Ratio("serving-limit", f"req/s, times the {LOOP}", ours.per_second / limit, 0.6),
    ]


def section(comparison: Comparison) -> str:
    """Return the section, from its heading on."""
    tables = "\n\n".join(_loads(comparison, rows) for rows in ROWS)
    return f"""{HEADING}

`make bench-serving` measures this part alone. All servers answer with the same
model, each with one worker, its ordinary settings and an environment of its own,
but with the model's own versions of {_listed(comparison.model_packages)}.
The client is `wrk`, on the same machine, which has {os.cpu_count()} cores. The servers run all
the time and are loaded in turn, there and back, in {ROUNDS} rounds of {SECONDS} s for each case;
the tables show the medians of the rounds. The ratio of monitoring is the median
of {PAIRS} pairs, measured one right after the other, with the rows that cost more.
A request (req) has as many rows as the table says; p50 and p99 are milliseconds.
A failed request ends the measurement: there was none. Measured on {datetime.now(UTC):%Y-%m-%d}.

{tables}

- {OURS}: `make serve`, asked in the protocol V2, with a tensor for each column.
- {OURS_MATRIX}: the same, asked with one tensor of all columns.
- {OURS_WATCHED}: the same as the first, of a project with monitoring, which
  counts the values of each column.
- {OURS_NATIVE}: the same as the first, with `SERVE_RUNTIME=native`: scikit-learn
  answers in place of the model's graph.
- {MLSERVER}: {_listed(_pins("mlserver"))}; asked
  with a tensor for each column.
- {PYFUNC}: a custom predictor of {_listed(_pins("kserve")[:1])} over MLflow's pyfunc; asked
  with a tensor for each column.
- {ARRAYS}: the same, over the scikit-learn model; asked with one
  tensor of all columns.
- {GRAPH}: the same, over the model's graph in {_listed(_pins("kserve")[1:])}.
- {MLFLOW}: asked at `/invocations`, with `dataframe_split`.
- {ECHO}: this server's ASGI server, with an application that reads the body
  and answers a constant. It is what HTTP alone allows.
- {LOOP}: the scikit-learn model called on a bare array, in one thread and
  without a server. It is what the model alone allows.

At {max(CONNECTIONS)} connections and {min(ROWS)} row, where the ordinary servers of an MLflow model are
{MLSERVER}, {PYFUNC} and {MLFLOW}:

{_table(["This server's", "Ratio", "Aim", "The aim is"], [_ratio_row(ratio) for ratio in ratios(comparison)])}

The packages that each environment has to serve this model, without byte code:

{_table(["Environment", "MB"], [[ENVIRONMENTS[name], f"{size / 1e6:.0f}"] for name, size in comparison.sizes.items()])}
"""


def _loads(comparison: Comparison, rows: int) -> str:
    header = [f"{rows} row{'s'[: rows > 1]}, connections:"]
    for connections in CONNECTIONS:
        header += [f"{connections}: req/s", "p50", "p99"]
    body = [[name, *_cells(comparison, name, rows)] for name in SERVERS_SHOWN]
    body.append([LOOP, f"{comparison.in_process[rows]:.0f}", *[""] * 5])
    return _table(header, body)


def _cells(comparison: Comparison, name: str, rows: int) -> list[str]:
    cells = []
    for connections in CONNECTIONS:
        load = comparison.loads[name, connections, rows]
        cells += [f"{load.per_second:.0f}", f"{load.p50:.1f}", f"{load.p99:.1f}"]
    return cells


def _ratio_row(ratio: Ratio) -> list[str]:
    sign = "at most" if ratio.at_most else "at least"
    return [ratio.meaning, f"**{ratio.value:.2f}**", f"{sign} {ratio.aim:.2g}", ratio.verdict]


def _table(header: list[str], body: list[list[str]]) -> str:
    marks = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, marks, *body])


def _pins(name: str) -> list[str]:
    """Return what a competitor's file requires, without the comments."""
    lines = (SERVERS / f"{name}.txt").read_text().splitlines()
    return [line.partition(" #")[0] for line in lines]


def _listed(requirements: list[str]) -> str:
    return ", ".join(f"`{requirement}`" for requirement in requirements)
