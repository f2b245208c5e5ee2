"""Estimators that fill a gap in a library."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from xgboost import XGBClassifier


class LabelledXGBClassifier(XGBClassifier):
    """An `XGBClassifier` for labels of any kind: XGBoost itself takes the integers 0..n-1 only."""

    def fit(self, features: Any, labels: ArrayLike, **options: Any) -> Self:
        """Fit on `labels` of any sortable kind, one for each row of `features`."""
        known, codes = np.unique(np.asarray(labels), return_inverse=True)
        self.labels_ = np.arange(len(known))  # XGBoost wants the codes to be its `classes_`
        super().fit(features, codes, **options)
        self.labels_ = known
        return self

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels, in the order of the columns of `predict_proba`."""
        return self.labels_

    def predict(self, features: Any, **options: Any) -> NDArray[Any]:
        """Return one label for each row of `features`."""
        answer: NDArray[Any] = self.labels_[super().predict(features, **options)]
        return answer
