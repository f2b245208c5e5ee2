from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ml_chassis.errors import DataError
from ml_chassis.holdout import ByTime, Parts, hold_out, read_rule

Change = Callable[[pd.DataFrame], pd.DataFrame]
SHARE = 0.25
SEEDS = [0, 1, 7]
MANY = 600


def table(count: int, seed: int = 0) -> pd.DataFrame:
    """Return rows of every kind, of which the first are the same for every count."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(MANY * 2, 2)).round(3)
    return pd.DataFrame(
        {
            "size": numbers[:, 0],
            "count": np.arange(MANY * 2),
            "color": pd.Series(["red", "white", None])[np.arange(MANY * 2) % 3].to_numpy(),
            "sweet": numbers[:, 1] > 0,
            "day": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(MANY * 2), "h"),
            "kind": np.where(numbers[:, 0] > 1, "merlot", "riesling"),
        }
    ).head(count)


def divide(rows: pd.DataFrame, seed: int = 7, key: str = "", time: str = "") -> Parts:
    return hold_out(rows, "kind", SHARE, seed, key, time)


def held_out(rows: pd.DataFrame, seed: int) -> set[float]:
    """Return the held-out rows by their `count`, which tells them apart."""
    return set(divide(rows, seed).held_out["count"].astype(float))


CHANGES: dict[str, Change] = {
    "grown": lambda rows: table(2 * MANY),
    "shrunk": lambda rows: rows.iloc[100:],
    "reordered": lambda rows: rows.sample(frac=1, random_state=1),
    "doubled": lambda rows: pd.concat([rows, rows.tail(200)]),
    "another index": lambda rows: rows.set_axis(rows.index + 5),
    "columns reordered": lambda rows: rows[rows.columns[::-1]],
    "relabelled": lambda rows: rows.assign(kind=np.roll(rows["kind"], 50)),
    "whole numbers as floats": lambda rows: rows.astype({"count": "float64"}),
    "texts as categories": lambda rows: rows.astype({"color": "category"}),
    "nullable": lambda rows: rows.convert_dtypes(),
    "objects": lambda rows: rows.astype({"sweet": object, "count": object}),
    "times by the second": lambda rows: rows.astype({"day": "datetime64[s]"}),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("change", CHANGES)
def test_row_stays_on_its_side_when_the_data_is(change: str, seed: int) -> None:
    rows = table(MANY)
    changed = CHANGES[change](rows)
    both = set(rows["count"]) & set(changed["count"].astype(float))

    assert held_out(rows, seed) & both == held_out(changed, seed) & both


@pytest.mark.parametrize("seed", SEEDS)
def test_share_of_all_and_of_each_class_is_near_what_was_asked(seed: int) -> None:
    rows = table(2 * MANY)
    out = divide(rows, seed).held_out

    assert len(out) / len(rows) == pytest.approx(SHARE, abs=0.05)
    shares = out["kind"].value_counts() / rows["kind"].value_counts()
    assert shares.to_list() == pytest.approx([SHARE, SHARE], abs=0.12)


def test_every_row_is_on_one_side_in_its_order() -> None:
    rows = table(MANY)
    training, out, _ = divide(rows)

    pd.testing.assert_frame_equal(pd.concat([training, out]).sort_index(), rows)
    assert training.index.is_monotonic_increasing


def test_seed_decides_which_rows() -> None:
    assert held_out(table(MANY), 1) != held_out(table(MANY), 2)


def test_equal_rows_are_on_one_side_whatever_their_label() -> None:
    rows = table(MANY)[["color", "sweet", "size", "kind"]]
    rows = pd.concat([rows, rows.assign(kind=np.roll(rows["kind"], 9))])
    training, out, _ = divide(rows)

    features = ["color", "sweet", "size"]
    assert training[features].merge(out[features]).empty


def test_rows_of_one_key_are_on_one_side_and_the_key_is_no_feature() -> None:
    rows = table(MANY).assign(customer=np.arange(MANY) % 100)
    training, out, _ = divide(rows, key="customer")

    assert not set(training.index) & set(out.index)
    assert set(training.index) | set(out.index) == set(range(100))
    assert "customer" not in training.columns.union(out.columns)


@pytest.mark.parametrize("text", [False, True])
def test_latest_rows_are_held_out_by_time(text: bool) -> None:
    rows = table(MANY).sample(frac=1, random_state=1)
    training, out, rule = divide(rows.astype({"day": str}) if text else rows, time="day")

    assert len(out) == MANY * SHARE
    assert training.index.max() < out.index.min()
    assert isinstance(rule, ByTime)
    assert rule.cut == pd.Timestamp(training.index.max(), tz="UTC")


@pytest.mark.parametrize("seed", range(20))
def test_small_class_is_on_both_sides(seed: int) -> None:
    rows = table(40).assign(kind=["syrah"] * 2 + ["merlot"] * 3 + ["riesling"] * 35)

    training, out, _ = divide(rows, seed)

    assert set(training["kind"]) == set(out["kind"]) == {"syrah", "merlot", "riesling"}


@pytest.mark.parametrize("share", [0.001, 0.25, 0.999])
def test_every_class_is_on_both_sides_whatever_the_share(share: float) -> None:
    for part in hold_out(table(MANY), "kind", share, seed=1)[:2]:
        assert set(part["kind"]) == {"merlot", "riesling"}


@pytest.mark.parametrize("options", [{}, {"key": "count"}, {"time": "day"}, {"time": "count"}])
def test_written_rule_tells_the_same_rows_apart(options: dict[str, Any]) -> None:
    rows = table(40).assign(kind=["syrah"] * 2 + ["riesling"] * 38)
    out, rule = divide(rows, **options)[1:]

    assert rows[read_rule(rule.model_dump_json()).holds_out(rows)].shape[0] == len(out)
    assert read_rule(rule.model_dump_json()) == rule


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"key": "customer"}, "SPLIT_KEY='customer' names no column beside the target; there are size, count"),
        ({"time": "kind"}, "SPLIT_TIME='kind' names no column beside the target"),
        ({"key": "color"}, "'color' decides which rows are held out, and has no value in some"),
        ({"key": "one"}, "0 of 600 rows are held out, where TEST_SHARE=0.25 asks for 150: they have 1 distinct values"),
        ({"key": "few"}, "of 600 rows are held out, where .* they have 4 distinct values in 'few'. Name a column"),
        ({"time": "one"}, "1 distinct values in 'one'. Name .* in SPLIT_TIME, or change TEST_SHARE"),
        ({"time": "word"}, "'word' of SPLIT_TIME holds no dates in ISO 8601, from 1678 to 2261: row 0 has 'now'"),
    ],
)
def test_column_that_cannot_divide_is_named(options: dict[str, Any], said: str) -> None:
    rows = table(MANY).assign(one=1, few=[1] * 594 + [2, 3, 4] * 2, word="now")

    with pytest.raises(DataError, match=said):
        divide(rows, seed=2, **options)


def test_training_rows_of_one_class_are_refused() -> None:
    rows = table(MANY).assign(kind=["merlot"] * 500 + ["riesling"] * 100)

    with pytest.raises(DataError, match="the others hold one class of 'kind' only"):
        divide(rows, time="day")
