"""The gate is fair: the champion is judged by rows that neither it nor the candidate learned from."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from ml_chassis.evaluation import Verdict, judge
from ml_chassis.holdout import Parts, hold_out
from ml_chassis.registry import Registry
from ml_chassis.rival import FEWEST_ROWS, Champion, Terms, find, read_terms
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder
from wines.evaluation import measure

TARGET = "label"
MAY_KNOW = "it may have been trained on some of these rows, as"


def train(parts: Parts, target: str = TARGET) -> Pipeline:
    """Return a forest, which answers rows that it has learned from better than others."""
    texts = (OneHotEncoder(), make_column_selector(dtype_include=object))
    columns = make_column_transformer(texts, remainder="passthrough")
    forest = make_pipeline(columns, RandomForestClassifier(30, random_state=7))
    return forest.fit(parts.training.drop(columns=target), parts.training[target])


def noisy(count: int, seed: int = 0) -> pd.DataFrame:
    """Return rows of which a quarter is labelled at random; a greater count adds rows at the end."""
    options = {"n_informative": 4, "flip_y": 0.25, "class_sep": 0.6}
    features, labels = make_classification(6_000, 10, random_state=seed, **options)
    return pd.DataFrame(features, columns=[f"x{at}" for at in range(10)]).assign(label=labels).head(count)


def divided(rows: pd.DataFrame, **options: Any) -> Parts:
    arguments: dict[str, Any] = {"target": TARGET, "share": 0.25, "seed": 7}
    return hold_out(rows, **arguments | options)


def champion_of(parts: Parts, target: str = TARGET) -> Champion:
    return Champion(3, train(parts, target), Terms(target=target, metric="accuracy", rule=parts.rule))


def judged(parts: Parts, champion: Champion, metric: str = "accuracy") -> Verdict:
    return judge(train(parts), champion, *parts[:2], TARGET, metric, 0.0, measure, parts.rule)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_better_model_is_promoted_and_worse_one_refused_as_rows_come_and_go(seed: int) -> None:
    few, many = (divided(noisy(count, seed), seed=seed) for count in (1_000, 2_000))

    assert judged(many, champion_of(few)).passed
    assert not judged(few, champion_of(many)).passed


@pytest.mark.parametrize("earlier", [{}, {"seed": 9}, {"share": 0.1}, {"time": "x0"}, {"key": "x1"}])
def test_champion_is_judged_by_rows_that_it_did_not_learn_from(earlier: dict[str, Any]) -> None:
    before, now = divided(noisy(1_000), **earlier), divided(noisy(1_500))

    found = find(champion_of(before), *now[:2], TARGET, "accuracy")

    assert len(found.rows) >= FEWEST_ROWS
    assert found.rows.merge(before.training, on=["x2", "x3", "x4"]).empty
    assert ("more held-out rows do not count" in str(found.notes)) == bool(earlier)


def test_champion_of_unknown_rule_is_asked_about_all_rows() -> None:
    now = divided(noisy(1_000))
    found = find(champion_of(now)._replace(terms=None), *now[:2], TARGET, "accuracy")

    assert len(found.rows) == len(now.held_out)
    assert found.notes == [f"{MAY_KNOW} it was recorded without the rule that held rows out"]


@pytest.mark.parametrize(
    ("options", "added", "why"),
    [
        ({"key": "owner"}, {}, "its rows were held out by column 'owner', which is gone"),
        ({"time": "day"}, {"day": "soon"}, "its rows were held out by 'day', which is of another kind now"),
        ({"key": "owner"}, {"owner": "7"}, "its rows were held out by 'owner', which is of another kind now"),
        ({}, {"x3": "7"}, "its rows were held out by 'x3', which is of another kind now"),
        ({"seed": 9}, {}, "only 22 of these 85 rows were held out from it too"),
    ],
)
def test_champion_that_may_know_the_rows_is_asked_about_all(
    options: dict[str, Any], added: dict[str, str], why: str
) -> None:
    rows = noisy(300)
    numbered = rows.assign(**{column: rows.index for column in options.values() if isinstance(column, str)})
    now = divided(rows.assign(**added))

    champion = champion_of(divided(numbered, **options))
    found = find(champion, *now[:2], TARGET, "accuracy")

    assert len(found.rows) == len(now.held_out)
    assert found.notes[0] == f"{MAY_KNOW} {why}"


def test_champion_that_lacks_a_new_column_is_still_the_one_to_beat() -> None:
    rows = noisy(1_000)
    before = divided(rows.drop(columns=["x0", "x1"]))

    reason = judged(divided(rows), champion_of(before)).reason

    assert "champion version 3 (" in reason
    assert "it was trained without 'x0' and 1 more columns" in reason
    assert "more held-out rows do not count, as it was trained on them" in reason


def test_champion_by_another_metric_is_judged_by_the_new_one() -> None:
    now = divided(noisy(1_000))

    reason = judged(now, champion_of(now), "f1_macro").reason

    assert reason.startswith("f1_macro ")
    assert "it became champion by accuracy" in reason


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"x0": None}, "takes other columns, such as 'x0'"),
        ({"x0": "red"}, "cannot answer these rows: "),
        ({"label": "yes"}, "answers other labels, such as "),
    ],
)
def test_champion_that_cannot_be_compared_gives_way_to_the_baseline(change: dict[str, str | None], why: str) -> None:
    rows = noisy(400)
    champion = champion_of(divided(rows))
    changed = rows.assign(**change).dropna(axis="columns")
    if "label" in change:
        changed[TARGET] = rows[TARGET].map({0: "no", 1: "yes"})

    assert f"the baseline (champion version 3 {why}" in judged(divided(changed), champion).reason


def test_champion_of_another_target_gives_way_to_the_baseline() -> None:
    rows = noisy(400)
    champion = champion_of(divided(rows.rename(columns={TARGET: "grade"}), target="grade"), "grade")

    assert "the baseline (champion version 3 predicts 'grade')" in judged(divided(rows), champion).reason


def test_terms_of_the_champion_are_those_of_its_verdict(registry: Registry, log_again: Callable[[], str]) -> None:
    now = divided(noisy(400))
    verdict = judged(now, champion_of(now))
    registry.promote(registry.register(log_again(), verdict), force=True)

    champion = registry.load_champion()

    assert champion is not None
    assert champion.terms == Terms(target=TARGET, metric="accuracy", rule=now.rule)


@pytest.mark.parametrize("text", ["", "{}", '{"target": "label", "metric": "accuracy", "rule": {"kind": "later"}}'])
def test_terms_of_an_unknown_kind_are_none(text: str) -> None:
    assert read_terms(text) is None
