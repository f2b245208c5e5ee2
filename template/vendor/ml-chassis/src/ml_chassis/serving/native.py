"""Has a model's own library answer matrices, without what it checks at each call that the server has checked already.

The answers are those of `model.predict`, to the bit: a quicker way is known for some kinds of steps, and each does the
same arithmetic in the same order. A step of any other kind, or of a class derived from these, is called as ever.
"""

import warnings
from collections.abc import Callable
from functools import partial, reduce
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from ml_chassis.model_files import Predictor
from ml_chassis.serving.columns import Columns, Rows

Matrix = NDArray[Any]
Step = Callable[[Matrix], Matrix]


def predictor(model: Predictor) -> Callable[[Rows], Matrix]:
    """Return what answers as `model.predict` does: quicker where it gets a matrix of float64 or int64.

    Args:
        model: a fitted model. What a pipeline has as its steps is looked at.
    """
    *transformers, last = _steps(model)
    steps = [*(_transformer(step) for step in transformers), _classifier(last)]

    def predict(rows: Rows) -> Matrix:
        if not isinstance(rows, np.ndarray):
            return np.asarray(model.predict(rows))
        return reduce(lambda values, step: step(values), steps, rows)

    return predict


def answers_matrices(predict: Callable[[Rows], Matrix], example: Matrix, columns: Columns) -> bool:
    """Return whether a model answers a matrix as it answers a DataFrame."""
    warnings.filterwarnings("ignore", "X does not have valid feature names")  # the columns are in order: see Columns
    frame = columns.rows({tensor.name: example[:, place] for place, tensor in enumerate(columns.tensors)})
    try:
        return np.array_equal(predict(example), predict(frame))
    except Exception:  # it selects columns by name; what it raises then is its own library's
        return False


def _steps(model: Any) -> list[Any]:
    if type(model) is not Pipeline:
        return [model]
    return [part for _, step in model.steps if step not in (None, "passthrough") for part in _steps(step)]


def _transformer(step: Any) -> Step:
    if type(step) is SimpleImputer and _replaces_nan(step):
        known = step.statistics_
        return lambda values: np.where(np.isnan(values), known, values)
    if type(step) is StandardScaler:
        return partial(_scaled, step)
    transform: Step = step.transform
    return transform


def _scaled(scaler: StandardScaler, values: Matrix) -> Matrix:
    if scaler.with_mean:
        values = values - scaler.mean_
    return values / scaler.scale_ if scaler.with_std else values.astype(np.float64, copy=False)


def _replaces_nan(imputer: SimpleImputer) -> bool:
    """Return whether that is all: it may add a column that tells where one is missing, or drop one without a value."""
    nan = isinstance(imputer.missing_values, float) and np.isnan(imputer.missing_values)
    known = imputer.statistics_  # objects, where they are constants of the team's
    return nan and not imputer.add_indicator and known.dtype == np.float64 and not np.isnan(known).any()


def _classifier(step: Any) -> Step:
    if f"{type(step).__module__}.{type(step).__name__}" == "lightgbm.sklearn.LGBMClassifier" and _is_plain(step):
        threads = max(step.n_jobs or 0, 0)  # as many as OpenMP would take, where it names no number
        return partial(_boosted, partial(step.booster_.predict, num_threads=threads), step.classes_)
    return lambda values: np.asarray(step.predict(values))


def _is_plain(classifier: Any) -> bool:
    """Return whether LightGBM's classifier has no settings but its own, with which it would predict in another way."""
    known = {*signature(type(classifier)).parameters, "verbose", "verbosity"}
    return classifier.get_params().keys() <= known and classifier.objective_ in ("binary", "multiclass")


def _boosted(predict: Step, classes: Matrix, values: Matrix) -> Matrix:
    scores = predict(values)  # of two classes, the second's alone
    places = np.argmax(scores, axis=1) if scores.ndim > 1 else (scores > 1 - scores).astype(int)
    answers: Matrix = classes[places]
    return answers
