"""What the library is told about the project that it works for."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Generic, TypeVar

from ml_chassis.settings import ServerSettings

Settings = TypeVar("Settings", bound=ServerSettings)
"""A project's own class of settings."""

SKLEARN_TYPES = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.feature_selection._univariate_selection.f_classif",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.multiclass._ConstantPredictor",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "sklearn.utils._bunch.Bunch",
)
"""What scikit-learn's estimators are made of, beside what skops itself takes for safe."""


@dataclass(frozen=True)
class Project(Generic[Settings]):
    """A project, in the words that its repository makes one of in `project.py`."""

    name: str
    """The name of the distribution."""
    package: str
    """The import package. Its module `serving` makes the model server's application."""
    settings: type[Settings]
    model_types: Sequence[str] = SKLEARN_TYPES
    """What a model file may hold, beside what skops takes for safe.

    Loading calls these types with values of the file, so each must be harmless whatever these are.
    """

    @property
    def version(self) -> str:
        """The version of the distribution that is installed."""
        return metadata.version(self.name)
