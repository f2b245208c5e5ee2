"""A model's own library answers matrices by quicker ways, to the bit as `predict` does."""

import numpy as np
import pandas as pd
import pytest
from ml_chassis.holdout import Parts
from ml_chassis.serving.native import engine
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

TARGET = "cultivar"


class Own(StandardScaler):  # type: ignore[misc]  # scikit-learn has no types
    """A scaler that does something else."""

    def transform(self, X: NDArray[np.float64], copy: bool | None = None) -> NDArray[np.float64]:  # noqa: N803
        scaled: NDArray[np.float64] = super().transform(X, copy) * 2
        return scaled


class Scores(GaussianNB):  # type: ignore[misc]
    """A classifier whose labels are what the next step got, so that a last bit shows."""

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:  # noqa: N803
        sums: NDArray[np.float64] = np.asarray(X).sum(axis=1)
        return sums


def rows_of(training: pd.DataFrame) -> NDArray[np.float64]:
    random = np.random.default_rng(0)
    rows = random.normal(training.mean(), 2 * training.std(), (500, training.shape[1]))
    rows[random.random(rows.shape) < 0.05] = np.nan
    return rows


@pytest.mark.parametrize(
    "steps",
    [
        [SimpleImputer(strategy="median"), StandardScaler()],
        [make_pipeline(SimpleImputer(), StandardScaler()), "passthrough"],
        [SimpleImputer(strategy="constant", fill_value=-1.5), StandardScaler(with_std=False)],
        [SimpleImputer(add_indicator=True), StandardScaler()],
        [SimpleImputer(), MinMaxScaler(), StandardScaler(with_mean=False)],
        [SimpleImputer(), Own()],
        [SimpleImputer(), StandardScaler(with_mean=False, with_std=False)],
    ],
    ids=["usual", "nested", "constant", "indicator", "others", "derived", "unscaled"],
)
@pytest.mark.parametrize("classifier", [LogisticRegression(), RandomForestClassifier(5), Scores()], ids=repr)
@pytest.mark.filterwarnings("ignore")
def test_steps_answer_as_the_pipeline_does(
    steps: list[TransformerMixin], classifier: ClassifierMixin, parts: Parts
) -> None:
    training = parts.training.drop(columns=TARGET)
    model = make_pipeline(*steps, classifier).fit(
        training.mask(training < training.quantile(0.01)), parts.training[TARGET]
    )
    rows = rows_of(training)

    answering = engine(model, model.classes_.tolist())
    for some in (rows, rows[:1], pd.DataFrame(rows, columns=training.columns)):
        assert answering.predict(some).tobytes() == model.predict(some).tobytes()
        probabilities = answering.extras["probabilities"].compute(some)
        assert probabilities.tobytes() == np.ascontiguousarray(model.predict_proba(some)).tobytes()


def test_whole_numbers_and_a_column_without_a_value_are_taken_too(parts: Parts) -> None:
    training = parts.training.drop(columns=TARGET).round().astype(np.int64)
    for steps in ([SimpleImputer(), StandardScaler()], [StandardScaler(with_mean=False, with_std=False)]):
        model = make_pipeline(*steps, Scores()).fit(training, parts.training[TARGET])
        assert engine(model, []).predict(training.to_numpy()).tobytes() == model.predict(training).tobytes()

    gap = training.astype(float).assign(gap=np.nan)
    model = make_pipeline(SimpleImputer(), StandardScaler(), Scores()).fit(gap, parts.training[TARGET])
    assert engine(model, []).predict(gap.to_numpy()).tobytes() == model.predict(gap).tobytes()


def test_model_that_is_no_pipeline_answers_itself(model: Pipeline, parts: Parts) -> None:
    rows = model[:-1].transform(parts.training.drop(columns=TARGET))

    assert engine(model[-1], []).predict(rows).tobytes() == model[-1].predict(rows).tobytes()
