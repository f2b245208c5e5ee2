"""Finds what a candidate must beat, and the held-out rows on which that is a fair comparison."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from ml_chassis.holdout import Rule

FEWEST_ROWS = 30
"""With fewer rows, chance decides more than the models do."""


class Terms(BaseModel, frozen=True):
    """What a model was to predict, and what it was judged by."""

    target: str
    """The column to predict."""
    metric: str
    """The name of the deciding metric."""
    rule: Rule
    """What held the rows out, by which it was judged."""


def read_terms(text: str) -> Terms | None:
    """Return the terms that were written as JSON, or None if there are none or they are of a kind unknown here."""
    try:
        return Terms.model_validate_json(text)
    except ValidationError:
        return None


class Champion(NamedTuple):
    """The model to beat, as `Registry.load_champion` finds it."""

    version: int
    """Its number in the registry."""
    model: Pipeline
    """The fitted model: a pipeline of scikit-learn, or what the project's `loader` returned."""
    terms: Terms | None = None
    """What it was judged by, where its verdict recorded that."""


class Rival(NamedTuple):
    """What to beat: its name, its answers for `rows`, and what a reader of the outcome should know."""

    name: str
    rows: pd.DataFrame
    answers: NDArray[Any]
    notes: list[str]


class _NotComparableError(Exception):
    """The champion does something else than the candidate."""


def find(
    champion: Champion | None, training_rows: pd.DataFrame, held_out_rows: pd.DataFrame, target: str, metric: str
) -> Rival:
    """Return the champion on rows that it did not learn from or, where it cannot be compared, the baseline on all.

    The baseline answers the most frequent label. Where too few rows are known to be new to the champion, it is asked
    about all: then it has an advantage, and a candidate that beats it is better all the same.
    """
    if champion is None:
        return _baseline("the baseline", training_rows, held_out_rows, target)
    name = f"champion version {champion.version}"
    try:
        rows, notes = _new_to(champion, held_out_rows)
        answers = _ask(champion, rows, target, {*training_rows[target], *held_out_rows[target]})
        return Rival(name, rows, answers, notes + _changes(champion, rows, target, metric))
    except _NotComparableError as why:
        return _baseline(f"the baseline ({name} {why})", training_rows, held_out_rows, target)


def _baseline(name: str, training_rows: pd.DataFrame, rows: pd.DataFrame, target: str) -> Rival:
    model = DummyClassifier(strategy="most_frequent").fit(training_rows.drop(columns=target), training_rows[target])
    return Rival(name, rows, model.predict(rows.drop(columns=target)), [])


def _ask(champion: Champion, rows: pd.DataFrame, target: str, labels: set[Any]) -> NDArray[Any]:
    """Return the champion's answers, of which some must be among the `labels` of now.

    Raises:
        _NotComparableError: it predicts something else, or from something else.
    """
    if champion.terms and champion.terms.target != target:
        raise _NotComparableError(f"predicts {champion.terms.target!r}")
    columns = list(champion.model.feature_names_in_)
    if gone := [column for column in columns if column not in rows.columns or column == target]:
        raise _NotComparableError(f"takes other columns, such as {gone[0]!r}")
    try:
        answers: NDArray[Any] = np.asarray(champion.model.predict(rows[columns]))
    except (TypeError, ValueError) as error:
        raise _NotComparableError(f"cannot answer these rows: {str(error).splitlines()[0]}") from error
    if labels.isdisjoint(answers.tolist()):
        raise _NotComparableError(f"answers other labels, such as {answers.tolist()[0]!r}")
    return answers


def _new_to(champion: Champion, rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows that the champion was not trained on, or all with a note that says why these are not known."""
    if champion.terms is None:
        return rows, [_advantage("it was recorded without the rule that held rows out")]
    rule = champion.terms.rule
    table = rows.reset_index() if rows.index.name else rows
    if gone := [column for column in rule.columns if column not in table.columns]:
        return rows, [_advantage(f"its rows were held out by column {gone[0]!r}, which is gone")]
    if changed := rule.changed(table):
        return rows, [_advantage(f"its rows were held out by {changed[0]!r}, which is of another kind now")]
    new = rows[rule.holds_out(table)]
    if len(new) == len(rows):
        return rows, []
    if len(new) < FEWEST_ROWS:
        return rows, [_advantage(f"only {len(new)} of these {len(rows)} rows were held out from it too")]
    return new, [f"{len(rows) - len(new)} more held-out rows do not count, as it was trained on them"]


def _advantage(why: str) -> str:
    return f"it may have been trained on some of these rows, as {why}"


def _changes(champion: Champion, rows: pd.DataFrame, target: str, metric: str) -> list[str]:
    """Return what differs from when the champion was trained, and leaves it comparable."""
    notes = []
    if champion.terms and champion.terms.metric != metric:
        notes.append(f"it became champion by {champion.terms.metric}")
    if new := [column for column in rows.columns.drop(target) if column not in champion.model.feature_names_in_]:
        notes.append(f"it was trained without {new[0]!r}" + (f" and {len(new) - 1} more columns" if new[1:] else ""))
    return notes
