"""The fleet: repositories are read by threads, which wait for Git, and compared by processes, as Copier computes."""

import os
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import track

from .errors import FleetError, in_a_sentence
from .git import shown
from .repositories import Recorded, Report, Repository, compare, read
from .template import NAME, Template, is_template, open_template

READERS = 8

T = TypeVar("T")


@dataclass(frozen=True)
class Survey:
    """How to look at a fleet; `template` is where the template is, if not where the repositories say."""

    cache: Path
    template: str | None
    defaults: Mapping[str, Any]
    jobs: int


def survey(repositories: Sequence[Repository], how: Survey, console: Console) -> list[Report]:
    """Return a row for each repository: those furthest behind first, those that cannot be read last."""
    given = open_template(how.template, how.cache) if how.template else None
    with ThreadPoolExecutor(READERS) as threads:
        found = list(watched(threads.map(partial(_read, how), repositories), "Reading", repositories, console))
        addresses = {row.template for row in found if isinstance(row, Recorded)}
        opened = {address: given or _opened(address, how.cache) for address in addresses}
    reports = [row for row in found if isinstance(row, Report)]
    tasks = []
    for row in found:
        if isinstance(row, Recorded):
            template = opened[row.template]
            if isinstance(template, Template):
                tasks.append((row, template))
            else:
                reports.append(Report(row.repository.name, ci=row.repository.ci, error=template))
    # A new interpreter for each: what a forked one inherits of threads and locks may halt it.
    with ProcessPoolExecutor(how.jobs, get_context("spawn"), initializer=_leave_interrupts) as processes:
        rows = processes.map(partial(_compare, how.defaults), tasks)
        reports += watched(rows, "Comparing", [row.repository for row, _ in tasks], console)
    return sorted(reports, key=lambda row: (bool(row.error), -(row.behind or 0), row.similarity or 0, row.repository))


def watched(results: Iterable[T], title: str, of: Sequence[Repository], console: Console) -> Iterator[T]:
    """Pass results on and show how far they are: by a bar on a terminal, else by a line for each."""
    if console.is_terminal and not os.environ.get("CI"):
        yield from track(results, title, total=len(of), console=console, transient=True)
        return
    for number, (repository, result) in enumerate(zip(of, results, strict=True), 1):
        console.print(f"{title} {number}/{len(of)}: {repository.name}", markup=False)
        yield result


def _read(how: Survey, repository: Repository) -> Recorded | Report:
    return _attempt(partial(_of_this_template, how, repository), repository)


def _compare(defaults: Mapping[str, Any], task: tuple[Recorded, Template]) -> Report:
    recorded, template = task
    return _attempt(partial(compare, recorded, template, defaults), recorded.repository)


def _attempt(look: Callable[[], T], repository: Repository) -> T | Report:
    """Return what is found out about a repository, or a row that says why it is not."""
    try:
        return look()
    except Exception as error:  # one broken repository does not stop the rest, however it is broken
        return Report(repository.name, ci=repository.ci, error=in_a_sentence(error))


def _of_this_template(how: Survey, repository: Repository) -> Recorded:
    recorded = read(repository, how.cache)
    if not is_template(recorded.template, how.template or NAME):
        raise FleetError(
            f"It was made of another template, {shown(recorded.template)}; "
            f"if that is {NAME} by another name, say so with --template."
        )
    return recorded


def _opened(address: str, cache: Path) -> Template | str:
    """Return the template at an address, or a sentence that says why it cannot be opened."""
    try:
        return open_template(address, cache)
    except FleetError as error:
        return str(error)


def _leave_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process ends them
