"""The columns that a model takes, and how values from a request become its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import NoneType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from ml_chassis.bounds import LARGEST, MOST_EXACT
from ml_chassis.errors import ServingError
from ml_chassis.model_record import Column
from ml_chassis.serving.refusals import Refusal

if TYPE_CHECKING:
    import pandas as pd

Rows: TypeAlias = "NDArray[Any] | pd.DataFrame"
"""Rows for the model: a matrix [rows, columns] of numbers where it takes one, else a DataFrame."""

NUMPY_TYPES: dict[str, type[np.generic]] = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}
ACCEPTED_KINDS = dict.fromkeys(NUMPY_TYPES, "iuf") | {"BOOL": "b", "BYTES": ""}
"""NumPy's kinds of values that a datatype takes, as long as no value changes: 3.0 is an INT64, 3.5 is not."""
LIMITS = {"FP64": LARGEST, "INT64": float(MOST_EXACT)}
"""How large a number of a datatype is checked at once, among others. A larger one may still be one of it."""
MIXED = 2
"""A boolean that is alone is seen by its type."""
OBJECTS: dict[str, set[type]] = {"BOOL": {bool}, "BYTES": {str}}
"""The types in arrays of objects, which may have None too."""
SIGNATURE_TYPES = {
    "boolean": "BOOL",
    "integer": "INT32",
    "long": "INT64",
    "float": "FP32",
    "double": "FP64",
    "string": "BYTES",
    "datetime": "BYTES",  # as ISO 8601: the protocol has no dates
}


class TensorMetadata(msgspec.Struct):
    """What a tensor must look like; -1 stands for any length."""

    name: str
    datatype: str
    shape: list[int]


def tensors_of(columns: Sequence[Column]) -> list[TensorMetadata]:
    """Return one tensor of shape [-1] for each column of a model's inputs or outputs.

    Raises:
        ServingError: the protocol cannot carry a column.
    """
    for column in columns:
        if column.type not in SIGNATURE_TYPES:
            raise ServingError(f"Column {column.name!r} is {column.type}, which the protocol cannot carry; drop it.")
    return [TensorMetadata(column.name, SIGNATURE_TYPES[column.type], [-1]) for column in columns]


@dataclass(frozen=True)
class Columns:
    """Inputs in their order: a model's, or those that clients send in their place."""

    tensors: list[TensorMetadata]
    dates: frozenset[str] = frozenset()
    """Those that arrive as ISO 8601."""
    missing: frozenset[str] = frozenset()
    """Those in which training had missing values."""
    as_matrix: bool = False
    """Whether the model takes a matrix, which is many times faster to make than a DataFrame."""

    @classmethod
    def of(cls, columns: Sequence[Column]) -> Self:
        """Return the columns of a model's inputs.

        Raises:
            ServingError: the protocol cannot carry one of them.
        """
        dates = frozenset(column.name for column in columns if column.type == "datetime")
        missing = frozenset(column.name for column in columns if not column.required)
        return cls(tensors_of(columns), dates, missing)

    @cached_property
    def names(self) -> frozenset[str]:
        """The columns' names."""
        return frozenset(tensor.name for tensor in self.tensors)

    @cached_property
    def datatypes(self) -> list[str]:
        """What each column holds."""
        return [tensor.datatype for tensor in self.tensors]

    @property
    def plain(self) -> bool:
        """Whether every column holds numbers of the kinds that a matrix can hold, and `rows_of_numbers` check."""
        return LIMITS.keys() >= set(self.datatypes)

    @cached_property
    def _limits(self) -> NDArray[np.float64] | None:
        """The largest number of each column that `rows_of_numbers` takes, where it takes any."""
        if not (self.as_matrix and self.plain):
            return None
        return np.array([LIMITS[datatype] for datatype in self.datatypes])

    @cached_property
    def _whole(self) -> list[int]:
        """The places of the columns of whole numbers."""
        return [place for place, datatype in enumerate(self.datatypes) if datatype == "INT64"]

    def rows_of_numbers(self, values: NDArray[np.float64]) -> NDArray[Any] | None:
        """Return rows that are checked at once, or None where each column has to be looked at by itself.

        Args:
            values: [rows, columns], in the columns' order, for the rows to take over.
        """
        if self._limits is None or (np.abs(values) > self._limits).any():
            return None
        if self._whole:
            whole = values[:, self._whole]
            if (np.floor(whole) != whole).any():
                return None
            values[:, self._whole] = whole + 0.0  # as no whole number is -0.0
        kind = np.int64 if len(self._whole) == len(self.tensors) else np.float64
        return np.ascontiguousarray(values, kind)

    def check_names(self, given: Mapping[str, Any]) -> None:
        """Raise a Refusal unless exactly the columns are given, in whatever order."""
        if given.keys() == self.names:
            return
        expected = ", ".join(tensor.name for tensor in self.tensors)
        for tensor in self.tensors:
            if tensor.name not in given:
                raise Refusal(f"Input {tensor.name!r} is missing; expected {expected}.")
        for name in given:
            if name not in self.names:
                raise Refusal(f"Input {name!r} is unknown; expected {expected}.")

    def rows(self, values: Mapping[str, NDArray[Any]]) -> Rows:
        """Return the rows that have these values, one array of equal length for each column.

        Raises:
            Refusal: values of another type than the column's.
        """
        arrays = {tensor.name: cast(values[tensor.name], tensor.datatype, tensor.name) for tensor in self.tensors}
        if self.as_matrix:
            return np.column_stack(list(arrays.values()))
        import pandas as pd  # slow to import, and a model that takes a matrix needs none of it

        return pd.DataFrame({tensor.name: self._typed(arrays[tensor.name], tensor) for tensor in self.tensors})

    def _typed(self, array: NDArray[Any], tensor: TensorMetadata) -> Any:
        """Return a column of a DataFrame as training had it."""
        import pandas as pd

        from ml_chassis.kinds import dates_of

        if tensor.name in self.dates:
            dates, fits = dates_of(pd.Series(array, dtype=object))
            if not fits.all():
                found = repr(array[~fits][0])
                raise Refusal(f"Input {tensor.name!r} holds dates in ISO 8601, from 1678 to 2261: {found} is not one.")
            return dates
        if tensor.datatype == "BOOL" and tensor.name in self.missing:
            return pd.array(array, dtype="boolean")
        if tensor.datatype == "BOOL" and array.dtype == np.object_:
            raise Refusal(f"Input {tensor.name!r} has a missing value; the model has seen none there in training.")
        return array

    def check_width(self, name: str, shape: list[int]) -> None:
        """Raise a Refusal unless a matrix of this shape has as many columns as there are."""
        if shape[1] != len(self.tensors):
            raise Refusal(f"Input {name!r} has shape {shape}; expected [rows, {len(self.tensors)}].")

    def rows_of_matrix(self, name: str, matrix: NDArray[Any]) -> Rows:
        """Return the rows of a matrix whose columns are the model's, in their order."""
        if self.as_matrix and {tensor.datatype for tensor in self.tensors} == {"FP64"}:
            return cast(matrix, "FP64", name)
        return self.rows({tensor.name: matrix[:, place] for place, tensor in enumerate(self.tensors)})


def together(parts: list[Rows]) -> Rows:
    """Return the rows of all parts, which are of one kind."""
    if len(parts) == 1:
        return parts[0]
    matrices = [part for part in parts if isinstance(part, np.ndarray)]
    if matrices:
        return np.concatenate(matrices)
    import pandas as pd

    return pd.concat([part for part in parts if isinstance(part, pd.DataFrame)], ignore_index=True)


def array_of(values: Sequence[Any], name: str) -> NDArray[Any]:
    """Return JSON values as an array of booleans, integers, floats or objects.

    Objects are texts, or booleans of which some are `null`, or `null` alone, which is None. Among numbers it is NaN.

    Raises:
        Refusal: they are ragged, or of several kinds.
    """
    try:
        array = np.array(values)
        if array.dtype.kind in "biuf" and not _hides_booleans(array, values):
            return array
        array = np.array(values, dtype=np.object_)
        types = set(map(type, array.flat)) - {NoneType}
        if types and types <= {int, float}:
            return array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise Refusal(f"Input {name!r} holds no plain array: {error}.") from None
    if types <= {str} or types <= {bool}:
        return array
    raise Refusal(f"Input {name!r} mixes values of several kinds: {_names(types)}.")


def cast(array: NDArray[Any], datatype: str, name: str) -> NDArray[Any]:
    """Return what `array_of` gave as `datatype`, one of `NUMPY_TYPES`; booleans with None stay objects.

    Raises:
        Refusal: that would change a value.
    """
    if array.dtype == np.object_:
        types = set(map(type, array.flat)) - {NoneType}
        if datatype in OBJECTS and types <= OBJECTS[datatype]:
            return array
        if types:
            raise Refusal(f"Input {name!r} does not hold {datatype} data: it has {_names(types)} values.")
        array = np.full(array.shape, np.nan)
    if datatype[:2] == "FP" and array.dtype.kind == "f":
        largest = min(LARGEST, float(np.finfo(array.dtype).max))
        if (large := np.abs(array) > largest).any():
            raise Refusal(f"Input {name!r} holds numbers up to {largest:.2g}: {array[large].flat[0]} is larger.")
    if array.dtype == NUMPY_TYPES[datatype]:
        return array
    if datatype in OBJECTS and array.dtype.kind == "f" and np.isnan(array).all():
        return np.full(array.shape, None)  # the client took a column without a value for numbers
    if array.dtype.kind not in ACCEPTED_KINDS[datatype]:
        raise Refusal(f"Input {name!r} does not hold {datatype} data: it has {array.dtype} values.")
    with np.errstate(invalid="ignore", over="ignore"):
        converted = array.astype(NUMPY_TYPES[datatype])
    same = np.isfinite(converted) == np.isfinite(array) if datatype[:2] == "FP" else converted == array
    if not same.all():
        value = array[~same].flat[0]
        raise Refusal(
            f"Input {name!r} does not hold {datatype} data: {'null' if np.isnan(value) else value} is not one."
        )
    return converted


def _hides_booleans(array: NDArray[Any], values: Sequence[Any]) -> bool:
    """Return whether NumPy made a boolean the number 0 or 1, as it does among other numbers."""
    if array.dtype.kind == "b" or array.size < MIXED:
        return False
    suspects = np.flatnonzero((array == 0) | (array == 1))
    if not suspects.size:
        return False
    flat: Any = values if array.ndim == 1 else np.array(values, dtype=np.object_).ravel()
    return any(type(flat[place]) is bool for place in suspects)


def _names(types: set[type]) -> str:
    return ", ".join(sorted(kind.__name__ for kind in types))
