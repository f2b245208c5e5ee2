"""A project's own code around the model, and the model as clients see it, which that code may change."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml_chassis.model_record import Column
from ml_chassis.serving.columns import Columns, Rows, TensorMetadata, tensors_of
from ml_chassis.serving.model import ServedModel
from ml_chassis.serving.outputs import Extra, Wanted
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
    extras: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """What clients get beside, by the names of the outputs."""

    def __getitem__(self, some: slice) -> "Prediction":
        asked = None if self.model_rows is None else self.model_rows[some]
        extras = {name: values[some] for name, values in self.extras.items()}
        return Prediction(self.answers[some], self.model_answers[some], asked, extras)


@dataclass(frozen=True)
class Interface:
    """The model as clients see it."""

    columns: Columns
    """What they send, by which a request becomes rows."""
    output: TensorMetadata
    """What they get: its name, datatype and shape."""
    extras: Mapping[str, Extra]
    """What else they get where they ask for it, by the names."""
    predict: Callable[[Rows, Wanted], Prediction]
    """Answers rows as `columns` makes them, with some of `extras`."""

    @cached_property
    def outputs(self) -> list[TensorMetadata]:
        """All that they may ask for."""
        return [self.output, *(extra.tensor for extra in self.extras.values())]

    def given(self, name: str, found: Prediction) -> tuple[NDArray[Any], dict[str, str]]:
        """Return the values of an output, and what goes with them."""
        if name == self.output.name:
            return found.answers, {}
        return found.extras[name], self.extras[name].parameters

    @cached_property
    def names(self) -> list[str]:
        """The names of the outputs."""
        return [tensor.name for tensor in self.outputs]


def interface(model: ServedModel, hooks: Hooks) -> Interface:
    """Return how clients see a model with a project's code around it.

    Raises:
        ServingError: the protocol cannot carry one of the columns.
    """
    engine = model.engine
    output = tensors_of([hooks.output])[0] if hooks.output else model.outputs[0]
    # What goes beside the answers is about the model's, of which `after` makes others.
    extras = {} if hooks.after else {name: extra for name, extra in engine.extras.items() if name != output.name}

    def answered(rows: Rows, wanted: Wanted, asked: "Rows | None" = None) -> Prediction:
        answers = engine.predict(rows)
        return Prediction(answers, answers, asked, {name: engine.extras[name].compute(rows) for name in wanted})

    if hooks == Hooks():
        return Interface(model.columns, output, extras, answered)
    import pandas as pd  # slow to import, and a model without hooks may need none of it

    # Hooks are given DataFrames, even where the model alone would be asked by a matrix.
    columns = Columns.of(hooks.inputs) if hooks.inputs else replace(model.columns, as_matrix=False)
    names = [tensor.name for tensor in model.columns.tensors]

    def predict(sent: Rows, wanted: Wanted) -> Prediction:
        rows = hooks.before(pd.DataFrame(sent)) if hooks.before else pd.DataFrame(sent)
        _check_length("before", len(rows), len(sent))
        asked = rows[names]
        found = answered(asked, wanted, asked)
        if not hooks.after:
            return found
        answers = found.model_answers
        given = np.asarray(hooks.after(answers.copy(), rows))  # what it writes into them, the model has not said
        _check_length("after", len(given), len(sent))
        if (datatype := datatype_of(given)) != output.datatype:
            raise TypeError(f"`after` returns {datatype}, and clients are told {output.datatype}: give it by `output`.")
        return replace(found, answers=given)

    return Interface(columns, output, extras, predict)


def _check_length(hook: str, found: int, expected: int) -> None:
    if found != expected:
        raise ValueError(f"`{hook}` returns {found} for {expected} rows; one for each was expected.")
