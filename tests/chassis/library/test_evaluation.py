from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ml_chassis import evaluation
from ml_chassis.evaluation import Verdict
from ml_chassis.holdout import Parts
from ml_chassis.rival import Champion
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from wines.evaluation import measure

TARGET = "cultivar"


def judge(
    candidate: Pipeline, champion: Champion | None, parts: Parts, metric: str = "f1_macro", margin: float = 0.0
) -> Verdict:
    return evaluation.judge(candidate, champion, *parts[:2], TARGET, metric, margin, measure)


def learned(model: Pipeline, rows: pd.DataFrame) -> Pipeline:
    """Return a model as `model`, fitted on rows."""
    return clone(model).fit(rows.drop(columns=TARGET), rows[TARGET])


def learned_from_noise(model: Pipeline, parts: Parts) -> Pipeline:
    """Return a model that learned from shuffled labels."""
    rows = parts.training
    return learned(model, rows.assign(cultivar=rows[TARGET].sample(frac=1, random_state=1).to_numpy()))


def test_verdict_survives_its_file(tmp_path: Path) -> None:
    verdict = Verdict({"accuracy": 0.9}, True, "good enough")
    verdict.write(tmp_path / "verdict.json")

    assert Verdict.read(tmp_path / "verdict.json") == verdict


def test_first_model_is_judged_by_the_baseline(model: Pipeline, parts: Parts) -> None:
    verdict = judge(model, None, parts)

    assert verdict.passed
    assert "beats the baseline" in verdict.reason


def test_first_model_must_beat_the_baseline_by_the_margin(model: Pipeline, parts: Parts) -> None:
    verdict = judge(model, None, parts, margin=0.9)

    assert not verdict.passed
    assert "does not beat the baseline (0.1494) by more than 0.9" in verdict.reason


def test_champion_keeps_its_place_against_its_equal(model: Pipeline, parts: Parts) -> None:
    verdict = judge(model, Champion(3, model), parts)

    assert not verdict.passed
    assert "does not beat champion version 3" in verdict.reason


def test_better_model_replaces_a_worse_champion(model: Pipeline, parts: Parts) -> None:
    assert judge(model, Champion(3, learned_from_noise(model, parts)), parts, "accuracy", 0.1).passed


def test_worse_model_is_refused(model: Pipeline, parts: Parts) -> None:
    assert not judge(learned_from_noise(model, parts), Champion(3, model), parts).passed


def test_verdict_says_that_both_answer_alike(model: Pipeline, parts: Parts) -> None:
    assert "both answer all" in judge(model, Champion(3, model), parts).reason


def test_verdict_says_how_sure_the_difference_is(model: Pipeline, parts: Parts) -> None:
    near = learned(model, parts.training.sample(40, random_state=1))
    sure = judge(model, Champion(3, learned_from_noise(model, parts)), parts, "accuracy").reason

    assert "rows the difference is +" in sure
    assert "may be chance" not in sure
    assert "may be chance" in judge(near, Champion(3, model), parts, "accuracy").reason


def test_verdict_of_few_rows_claims_no_interval(model: Pipeline, parts: Parts) -> None:
    few = parts._replace(held_out=parts.held_out.head(12))

    assert "12 rows are too few to be sure" in judge(model, None, few).reason


@pytest.mark.parametrize("count", [400, 20_000])
def test_interval_is_as_wide_as_that_of_a_known_formula(count: int) -> None:
    random = np.random.default_rng(1)
    right, ours, theirs = np.ones(count), random.random(count) < 0.8, random.random(count) < 0.7
    differences = ours.astype(float) - theirs

    low, high = evaluation.interval(pd.Series(right), ours.astype(float), theirs.astype(float), "accuracy", measure)

    assert low < differences.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * differences.std() / np.sqrt(count), rel=0.2)


def test_verdict_names_a_class_that_is_missing_on_a_side(model: Pipeline, parts: Parts) -> None:
    training, held_out = parts[:2]
    without = judge(model, None, parts._replace(held_out=held_out[held_out[TARGET] != 2]))
    unlearned = judge(model, None, parts._replace(training=training[training[TARGET] != 1]))

    assert "no held-out row is of class 2" in without.reason
    assert "no training row is of class 1" in unlearned.reason


def test_confusion_counts_every_held_out_row(model: Pipeline, parts: Parts) -> None:
    labels, counts = evaluation.confusion(model, parts.held_out, TARGET)

    assert labels == [0, 1, 2]
    assert int(counts.sum()) == len(parts.held_out)


def test_importance_ranks_every_feature(model: Pipeline, parts: Parts) -> None:
    importance = evaluation.importance(model, parts.held_out, TARGET, seed=7)

    assert importance.is_monotonic_decreasing
    assert set(importance.index) == set(parts.held_out.columns) - {TARGET}


def test_importance_asks_once_for_each_of_many_features() -> None:
    class Counted(DummyClassifier):  # type: ignore[misc]
        calls = 0

        def predict(self, X: pd.DataFrame) -> NDArray[Any]:  # noqa: N803  as scikit-learn calls it
            Counted.calls += 1
            return np.zeros(len(X))

    rows = pd.DataFrame(np.arange(600.0).reshape(3, 200)).rename(columns=str).assign(cultivar=0)
    model = Counted().fit(rows.drop(columns=TARGET), rows[TARGET])

    evaluation.importance(model, rows, TARGET, seed=7)

    assert Counted.calls <= 201
