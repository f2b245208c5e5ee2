"""Has a model's own library answer matrices, without what it checks at each call that the server has checked already.

The answers are those of `model.predict`, to the bit: a quicker way is known for some kinds of steps, and each does the
same arithmetic in the same order. A step of any other kind, or of a class derived from these, is called as ever.
"""

import warnings
from collections.abc import Callable, Sequence
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
from ml_chassis.serving.outputs import Compute, Engine, probabilities

Matrix = NDArray[Any]
Step = Callable[[Matrix], Matrix]


def engine(model: Predictor, classes: Sequence[Any]) -> Engine:
    """Return what answers as a model does, quicker where it gets a matrix of float64 or int64.

    Args:
        model: a fitted model. What a pipeline has as its steps is looked at.
        classes: the labels in the order of its probabilities, or none where it has none.
    """
    *transformers, last = _steps(model)
    steps = [_transformer(step) for step in transformers]
    predict = _either(model.predict, [*steps, _classifier(last)])
    ordinary = getattr(model, "predict_proba", None)
    if not (classes and ordinary):
        return Engine(predict)
    return Engine(predict, probabilities(classes, _either(ordinary, [*steps, _probabilities(last)])))


def answers_matrices(engine: Engine, example: Matrix, columns: Columns) -> bool:
    """Return whether a model answers a matrix as it answers a DataFrame."""
    warnings.filterwarnings("ignore", "X does not have valid feature names")  # the columns are in order: see Columns
    frame = columns.rows({tensor.name: example[:, place] for place, tensor in enumerate(columns.tensors)})
    outputs = [engine.predict, *(extra.compute for extra in engine.extras.values())]
    try:
        return all(np.array_equal(compute(example), compute(frame)) for compute in outputs)
    except Exception:  # it selects columns by name; what it raises then is its own library's
        return False


def _either(ordinary: Compute, steps: list[Step]) -> Compute:
    """Return what takes the steps with a matrix, and the model's ordinary way with a DataFrame."""

    def compute(rows: Rows) -> Matrix:
        if not isinstance(rows, np.ndarray):
            return np.asarray(ordinary(rows))
        return reduce(lambda values, step: step(values), steps, rows)

    return compute


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
    if _is_plain_booster(step):
        scores, classes = _scores(step), step.classes_
        return lambda values: classes[_places(scores(values))]
    return lambda values: np.asarray(step.predict(values))


def _probabilities(step: Any) -> Step:
    if _is_plain_booster(step):
        scores = _scores(step)
        return lambda values: _of_each_class(scores(values))
    return lambda values: np.asarray(step.predict_proba(values))


def _is_plain_booster(classifier: Any) -> bool:
    """Return whether this is LightGBM's classifier without settings by which it would predict in another way."""
    if f"{type(classifier).__module__}.{type(classifier).__name__}" != "lightgbm.sklearn.LGBMClassifier":
        return False
    known = {*signature(type(classifier)).parameters, "verbose", "verbosity"}
    return classifier.get_params().keys() <= known and classifier.objective_ in ("binary", "multiclass")


def _scores(classifier: Any) -> Step:
    """Return what gives the probability of each class, or of two classes that of the second alone."""
    threads = max(classifier.n_jobs or 0, 0)  # as many as OpenMP would take, where it names no number
    return partial(classifier.booster_.predict, num_threads=threads)


def _places(scores: Matrix) -> Matrix:
    places: Matrix = np.argmax(scores, axis=1) if scores.ndim > 1 else (scores > 1 - scores).astype(int)
    return places


def _of_each_class(scores: Matrix) -> Matrix:
    return scores if scores.ndim > 1 else np.column_stack([1 - scores, scores])
