"""A project's own code around the model, and the model as clients see it, which that code may change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_chassis.model_record import Column
from ml_chassis.serving.columns import Columns, Rows, TensorMetadata, tensors_of
from ml_chassis.serving.model import ServedModel
from ml_chassis.serving.protocol import datatype_of

if TYPE_CHECKING:
    import pandas as pd

Before = Callable[["pd.DataFrame"], "pd.DataFrame"]
"""Returns rows that the model takes for those that clients sent, one for each, in a DataFrame.

Columns beside the model's are kept for `After`. A `Refusal` that it raises is what the client is told.
"""
After = Callable[[NDArray[Any], "pd.DataFrame"], Any]
"""Returns what clients get for the model's answers, one for each, as an array of shape [rows].

It is given the answers, of the same shape, and the rows as `Before` returned them.
"""


@dataclass(frozen=True)
class Hooks:
    """What a project does around the model, and what clients send and get where that is nothing of the model's."""

    before: Before | None = None
    after: After | None = None
    inputs: Sequence[Column] = ()
    output: Column | None = None


@dataclass(frozen=True)
class Prediction:
    """What clients get, and what the model had to do with it; a slice of it is about some of the rows."""

    answers: NDArray[Any]
    model_answers: NDArray[Any]
    model_rows: "Rows | None" = None
    """What the model was asked, where that is not what clients sent."""

    def __getitem__(self, some: slice) -> "Prediction":
        asked = None if self.model_rows is None else self.model_rows[some]
        return Prediction(self.answers[some], self.model_answers[some], asked)


@dataclass(frozen=True)
class Interface:
    """The model as clients see it."""

    columns: Columns
    """What they send, by which a request becomes rows."""
    output: TensorMetadata
    """What they get: its name, datatype and shape."""
    predict: Callable[[Rows], Prediction]
    """Answers rows as `columns` makes them."""


def interface(model: ServedModel, hooks: Hooks) -> Interface:
    """Return how clients see a model with a project's code around it.

    Raises:
        ServingError: the protocol cannot carry one of the columns.
    """
    if hooks == Hooks():
        return Interface(model.columns, model.outputs[0], lambda rows: _as_answered(model.predict(rows)))
    import pandas as pd  # slow to import, and a model without hooks may need none of it

    # Hooks are given DataFrames, even where the model alone would be asked by a matrix.
    columns = Columns.of(hooks.inputs) if hooks.inputs else replace(model.columns, as_matrix=False)
    output = tensors_of([hooks.output])[0] if hooks.output else model.outputs[0]
    names = [tensor.name for tensor in model.columns.tensors]

    def predict(sent: Rows) -> Prediction:
        rows = hooks.before(pd.DataFrame(sent)) if hooks.before else pd.DataFrame(sent)
        _check_length("before", len(rows), len(sent))
        asked = rows[names]
        answers = model.predict(asked)
        if not hooks.after:
            return _as_answered(answers, asked)
        given = np.asarray(hooks.after(answers.copy(), rows))  # what it writes into them, the model has not said
        _check_length("after", len(given), len(sent))
        if (datatype := datatype_of(given)) != output.datatype:
            raise TypeError(f"`after` returns {datatype}, and clients are told {output.datatype}: give it by `output`.")
        return Prediction(given, answers, asked)

    return Interface(columns, output, predict)


def _as_answered(answers: NDArray[Any], asked: "Rows | None" = None) -> Prediction:
    return Prediction(answers, answers, asked)


def _check_length(hook: str, found: int, expected: int) -> None:
    if found != expected:
        raise ValueError(f"`{hook}` returns {found} for {expected} rows; one for each was expected.")
