import numpy as np
import pandas as pd
import pytest
from ml_chassis.monitoring.distributions import (
    MOST_CATEGORIES,
    MOST_COLUMNS,
    Distribution,
    distributions,
    from_metadata,
    to_metadata,
)


def test_number_has_the_deciles_of_training() -> None:
    distribution = Distribution.of(pd.Series(np.arange(100.0), name="x"), "feature")
    assert distribution.edges == [9, 19, 29, 39, 49, 59, 69, 79, 89]
    assert distribution.shares == [0.1] * 10 + [0.0]
    assert distribution.bins[:2] + distribution.bins[-2:] == ["0: up to 9", "1: 9 to 19", "9: above 89", "missing"]


def test_values_are_counted_by_bin() -> None:
    distribution = Distribution("x", "feature", edges=[1.0, 2.0])
    assert distribution.count(pd.Series([0.5, 1.0, 1.5, 99.0, np.nan])).tolist() == [2, 1, 1, 1]


def test_number_with_few_values_has_few_bins() -> None:
    distribution = Distribution.of(pd.Series([0, 0, 0, 1], name="flag"), "feature")
    assert distribution.bins == ["0: up to 0", "1: 0 to 1", "2: above 1", "missing"]
    assert distribution.shares == [0.75, 0.25, 0.0, 0.0]


def test_column_without_a_value_has_two_bins_and_missing() -> None:
    assert Distribution.of(pd.Series([np.nan, np.nan], name="x"), "feature").shares == [0.0, 0.0, 1.0]


def test_texts_are_counted_by_category() -> None:
    distribution = Distribution.of(pd.Series(["red", "red", "white", None], name="colour"), "feature")
    assert distribution.bins == ["red", "white", "other", "missing"]
    assert distribution.shares == [0.5, 0.25, 0.0, 0.25]
    assert distribution.count(pd.Series(["rosé", "red", None])).tolist() == [1, 0, 1, 1]


def test_rare_categories_are_others() -> None:
    values = pd.Series([f"c{place:02}" for place in range(30) for _ in range(30 - place)], name="x")
    distribution = Distribution.of(values, "feature")
    assert distribution.categories == [f"c{place:02}" for place in range(MOST_CATEGORIES)]
    assert distribution.shares[-2] == pytest.approx(sum(range(1, 11)) / len(values))


def test_classes_are_counted_whatever_number_type_they_come_in() -> None:
    distribution = Distribution.of(pd.Series([0, 1, 1, 2], name="class"), "prediction")
    assert distribution.categories == ["0", "1", "2"]
    assert distribution.count(pd.Series(np.array([2, 2, 5], dtype=np.int32))).tolist() == [0, 0, 2, 1, 0]


def test_dates_and_columns_beyond_the_bound_have_none() -> None:
    day = pd.DataFrame({"day": pd.to_datetime(["2026-01-01"])})
    many = pd.DataFrame({f"x{place}": [1.0] for place in range(MOST_COLUMNS + 1)})
    described = distributions(pd.concat([day, many], axis="columns"), pd.Series([1], name="y"))
    assert [each.column for each in described] == [*(f"x{place}" for place in range(MOST_COLUMNS)), "y"]


def test_metadata_keeps_them(rows: pd.DataFrame) -> None:
    described = distributions(rows.drop(columns="cultivar"), rows["cultivar"])
    assert from_metadata(to_metadata(described)) == described
    assert from_metadata({}) == []
