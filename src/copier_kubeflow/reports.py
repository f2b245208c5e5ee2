"""The fleet's rows as a table, JSON, CSV and a page."""

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime
from importlib.resources import files
from math import floor

from jinja2 import Environment
from rich import box
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from .repositories import Report

FIGURES: dict[str, JustifyMethod] = {"Behind": "right", "Same": "right", "Updated": "left", "CI": "left"}


def table(reports: Sequence[Report]) -> RenderableType:
    """Return a table that fits 80 columns, and after it lines on what else there is to say of some repositories."""
    rows = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    rows.add_column("Repository", overflow="fold")
    rows.add_column("Version", overflow="fold")
    for heading, justify in FIGURES.items():
        rows.add_column(heading, justify=justify, no_wrap=True)
    rows.add_column("Differs", overflow="fold")
    for report in reports:
        if not report.error:
            figures = (str(report.behind), percent(report), report.updated, report.ci or "-")
            differing = " ".join(report.differing_answers) or "-"
            rows.add_row(*map(_plain, (report.repository, report.version, *figures, differing)))
    broken = [_plain(f"{report.repository}: {report.error}") for report in reports if report.error]
    own = [_plain(f"{report.repository}: {', '.join(report.ejected)}") for report in reports if report.ejected]
    parts: list[RenderableType] = [rows] if len(broken) < len(reports) else []
    ejected = [Text("\nModules of the library that are a repository's own:"), *own] if own else []
    unread = [Text("\nNot read:"), *broken] if broken else []
    return Group(*parts, *ejected, *unread, Text(f"\n{summary(reports)}"))


def summary(reports: Sequence[Report]) -> str:
    """Return what the rows come to, in a line."""
    known = [report for report in reports if not report.error]
    late = sum(bool(report.behind) for report in known)
    unread = len(reports) - len(known)
    noun = "repository" if len(reports) == 1 else "repositories"
    return f"{len(reports)} {noun}: {len(known) - late} up to date, {late} behind, {unread} not read."


def percent(report: Report) -> str:
    """Return how much of the template's lines a repository still has; 100 % only where it is all of them."""
    return f"{floor((report.similarity or 0) * 100)} %"


def as_json(reports: Sequence[Report]) -> str:
    """Return the rows as a JSON array."""
    return json.dumps([asdict(report) for report in reports], indent=2)


def as_csv(reports: Sequence[Report]) -> str:
    """Return the rows as CSV; what has parts is written as JSON."""
    text = io.StringIO()
    rows = csv.DictWriter(text, [field.name for field in fields(Report)], lineterminator="\n")
    rows.writeheader()
    for report in reports:
        cells = asdict(report).items()
        rows.writerow({name: json.dumps(cell) if isinstance(cell, dict | list) else cell for name, cell in cells})
    return text.getvalue().rstrip("\n")


def as_html(reports: Sequence[Report]) -> str:
    """Return the rows as a page that needs nothing else: a chart of how far they are behind, and a table."""
    template = files(__package__).joinpath("page.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    known = [report for report in reports if not report.error]
    counts = Counter(report.behind or 0 for report in known)
    return environment.from_string(template).render(
        bars=sorted(counts.items()),
        broken=[report for report in reports if report.error],
        known=known,
        longest=max(counts.values(), default=1),
        now=datetime.now(UTC),
        percent=percent,
        summary=summary(reports),
    )


def _plain(text: str) -> Text:
    """Return a text of others without what a terminal would obey."""
    return Text("".join(letter if letter.isprintable() else "?" for letter in text))
