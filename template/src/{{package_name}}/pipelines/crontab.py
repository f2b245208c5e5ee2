"""Reads the times of a schedule as the server does, and refuses those that it takes but never keeps."""

from datetime import UTC, datetime, timedelta

from ..errors import PipelineError

MONTHS = {
    **{"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6},
    **{"jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12},
}
WEEKDAYS = {"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6}
ANY = ("*", "?")
DAYS_AHEAD = 5 * 365
"""How far the server looks for the next time. Where there is none, its controller looks for ever."""


def with_seconds(cron: str) -> str:
    """Return what the server takes: with five fields, it would take the first for the second, and run each hour.

    Raises:
        PipelineError: there are more fields, or fewer, or one is empty.
    """
    fields = cron.split()
    if cron.startswith("@"):
        return cron
    if len(fields) in (5, 6) and all(field.strip(",") for field in fields):
        return " ".join(["0", *fields][-6:])
    raise PipelineError(
        f"CRON={cron!r} is no schedule; give the five fields of a crontab (minute, hour, day, month, weekday), "
        "or six with the second before them."
    )


def require_date(cron: str) -> None:
    """Fail if the days, months and weekdays of six fields meet on no date, such as 31 February.

    Where both a day and a weekday are given, either will do: https://pkg.go.dev/github.com/robfig/cron@v1.2.0

    Raises:
        PipelineError: there is no such date.
    """
    if cron.startswith("@"):
        return
    *_, day, month, weekday = cron.lower().split()
    try:
        days, months = _numbers(day, 1, 31, {}), _numbers(month, 1, 12, MONTHS)
        weekdays = _numbers(weekday, 0, 6, WEEKDAYS)
    except ValueError:  # the server says what is wrong with it
        return
    both = any(part.startswith(ANY) for field in (day, weekday) for part in field.split(","))
    today = datetime.now(UTC).date()
    for date in (today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD)):
        met = date.day in days, date.isoweekday() % 7 in weekdays
        if date.month in months and (all(met) if both else any(met)):
            return
    raise PipelineError(f"CRON={cron!r} names no date of the next five years; give a day that its month has.")


def _numbers(field: str, least: int, most: int, names: dict[str, int]) -> set[int]:
    """Return what a field means, such as `mon-fri` or `1-31/2`.

    Raises:
        ValueError: it means nothing.
    """
    found: set[int] = set()
    for part in filter(None, field.split(",")):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if first in ANY:
            start, end = least, most
        else:
            start = int(names.get(first, first))
            end = int(names.get(last, last)) if last else most if step else start
        found.update(range(start, end + 1, int(step or 1)))
    return found
