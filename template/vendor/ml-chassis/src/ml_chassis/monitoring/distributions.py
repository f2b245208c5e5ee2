"""How the values of a column are spread over bins: in training, and in what a server is asked and answers.

Prometheus rules compare the two by the population stability index (N. Siddiqi, "Credit Risk Scorecards", 2006).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Role = Literal["feature", "prediction"]

METADATA_KEY = "distributions"
"""Where a model's metadata has them."""
DECILES = np.arange(1, 10) / 10
MOST_CATEGORIES = 20
MOST_COLUMNS = 100
"""The bounds of the metrics' labels: 100 columns of at most 22 bins."""
OTHER, MISSING = "other", "missing"


@dataclass(frozen=True)
class Distribution:
    """The bins of a column, with the share of the training rows in each.

    Numbers fall between `edges`, the deciles of training: the first and the last bin are open. Texts and classes fall
    on `categories`, the most frequent in training, or on "other". The last bin is for missing values.
    """

    column: str
    role: Role
    edges: list[float] = field(default_factory=list)
    categories: list[str] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, values: "pd.Series", role: Role) -> Self:
        """Return the distribution of a column in training."""
        present = values.dropna()
        if _by_deciles(values, role):
            numbers = present.astype(float) if len(present) else [0.0]
            edges = np.unique(np.quantile(numbers, DECILES, method="inverted_cdf"))
            unfilled = cls(str(values.name), role, edges=edges.tolist())
        else:
            frequent = present.astype(str).value_counts().index[:MOST_CATEGORIES]
            unfilled = cls(str(values.name), role, categories=sorted(frequent))
        shares = unfilled.count(values) / max(len(values), 1)
        return cls(**asdict(unfilled) | {"shares": shares.tolist()})

    @property
    def bins(self) -> list[str]:
        """The bins' names, which sort in their order."""
        if not self.edges:
            return [*self.categories, OTHER, MISSING]
        edges = [f"{edge:.4g}" for edge in self.edges]
        ranges = [f"up to {edges[0]}", *(f"{low} to {high}" for low, high in pairwise(edges)), f"above {edges[-1]}"]
        return [*(f"{place}: {name}" for place, name in enumerate(ranges)), MISSING]

    def count(self, values: "pd.Series | NDArray[Any]") -> NDArray[np.int64]:
        """Return how many of the values fall into each bin.

        Args:
            values: of shape [rows]: a column of a DataFrame, or numbers or labels, of which NaN is missing.
        """
        present = values[values == values] if isinstance(values, np.ndarray) else values.dropna().to_numpy()
        if self.edges:
            places = np.searchsorted(self.edges, present.astype(float))
        else:
            places = self._places_of(present.astype(str))
        counts = np.bincount(places, minlength=len(self.bins))
        counts[-1] = len(values) - len(present)
        return counts

    def _places_of(self, texts: NDArray[np.str_]) -> NDArray[np.intp]:
        known = np.array([*self.categories, OTHER])
        places = np.searchsorted(known[:-1], texts)
        return np.where(known[places] == texts, places, len(self.categories))


def distributions(features: "pd.DataFrame", predictions: "pd.Series") -> list[Distribution]:
    """Return those of the training rows, and of the model's answers for them. Dates have none."""
    columns = without_dates(features).iloc[:, :MOST_COLUMNS]
    described = [Distribution.of(column, "feature") for _, column in columns.items()]
    return [*described, Distribution.of(predictions, "prediction")]


def without_dates(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return the columns whose drift means something: a date does not come again."""
    return rows.select_dtypes(exclude=["datetime", "datetimetz"])


def to_metadata(described: list[Distribution]) -> dict[str, Any]:
    """Return the distributions as a model's metadata."""
    return {METADATA_KEY: [asdict(distribution) for distribution in described]}


def from_metadata(metadata: Mapping[str, Any]) -> list[Distribution]:
    """Return the distributions that a model's metadata has, or none where it was trained without."""
    return [Distribution(**entry) for entry in metadata.get(METADATA_KEY, [])]


def _by_deciles(values: "pd.Series", role: Role) -> bool:
    from pandas.api.types import is_float_dtype, is_numeric_dtype  # slow to import, and a server may need none of it

    return is_float_dtype(values.dtype) or (role == "feature" and is_numeric_dtype(values.dtype))
