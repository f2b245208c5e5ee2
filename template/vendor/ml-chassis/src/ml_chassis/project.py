"""What the library is told about the project that it works for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module, metadata
from pathlib import Path
from pkgutil import resolve_name
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from ml_chassis.identity import checkout, commit, identity
from ml_chassis.resources import Resources
from ml_chassis.settings import Settings

if TYPE_CHECKING:
    from ml_chassis.model_files import Loader
    from ml_chassis.rollout.trial import Check

Platform = Literal["none", "standalone", "kubeflow", "existing"]
Serving = Literal["none", "standard", "knative", "seldon"]
Cloud = Literal["none", "eks", "gke", "aks"]

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
class Project:
    """A project: who it is, and what it chose. Its package makes one, which its class of settings knows from then on.

    The package has the modules `data`, `evaluation`, `serving`, `pipelines.training` and `pipelines.batch`, and the
    file `schema.yaml`. What commands and steps need of it is found when they ask, so making one imports none of these.
    """

    name: str
    """The name of the distribution, which also names the command, the model and the project's Kubernetes objects."""
    package: str
    """The import package."""
    settings: type[Settings]
    """The project's own class of settings."""
    image: str = ""
    """What its images' names begin with, such as `ghcr.io/acme/wine-cultivars`. By default its name."""
    model_types: Sequence[str] = SKLEARN_TYPES
    """What a model file may hold, beside what skops takes for safe.

    Loading calls these types with values of the file, so each must be harmless whatever these are.
    """
    model_packages: Sequence[str] = ()
    """What must be installed where the model is loaded, beside scikit-learn and what always is."""
    loader: "Loader | str" = ""
    """What loads models that are no skops files, or its name, such as `wine_cultivars.loading:load`: see `Loader`.

    By a name, it is imported only where a model is loaded. It is called with files that whoever can write to the
    registry has chosen, so it should run nothing that they hold.
    """
    namespace: str = ""
    """What the names of its Kubernetes namespaces begin with. By default its name."""
    platform: Platform = "none"
    """What runs on the cluster.

    `standalone` is Kubeflow Pipelines on a kind cluster that the project brings, `kubeflow` all of Kubeflow there;
    `existing` is a cluster of somebody else's, and `none` is no cluster.
    """
    extras: Sequence[str] = ()
    """What else of Kubeflow the platform `standalone` has: `katib`, `trainer`, `registry`, `notebooks`."""
    serving: Serving = "none"
    """How a cluster serves the model: by KServe's modes `standard` or `knative`, by `seldon`, or not: `none`."""
    controller: str = ""
    """The GitOps controller that applies what is committed, such as Argo CD. Without, the commands apply it."""
    cloud: Cloud = "none"
    """Where the cluster may run beside this machine: on `eks`, `gke` or `aks`, or nowhere: `none`."""
    monitoring: bool = False
    """Whether drift is measured, and runs and reports tell Prometheus how they end."""

    steps: Mapping[str, Resources] = field(default_factory=dict)
    """What steps get on a cluster, by the name that the pipeline's graph shows. One that is not here gets the least."""
    steps_environment: Mapping[str, str] = field(default_factory=dict)
    """Settings of every step on a cluster, beside those, or in place of those, that lead to the cluster's services."""

    steps_secrets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Settings of every step that are kept in the cluster's Secrets, by the Secret's name."""

    rollout_checks: "Sequence[Check | str]" = ()
    """What else a new version has to pass before it serves, or the names of that: see `Check`."""

    def __post_init__(self) -> None:
        self.settings.project = self

    @property
    def version(self) -> str:
        """The version of the distribution that is installed."""
        return metadata.version(self.name)

    @property
    def identity(self) -> str:
        """What names the code: its version and last commit, such as `0.1.0-3f2a1bc9d8`, which also tags its images."""
        return identity(self.name, self.package)

    @property
    def commit(self) -> str:
        """The hash of the last commit that changed the code, or an empty text where Git cannot tell."""
        return commit(self.package)

    @property
    def checkout(self) -> Path | None:
        """The folder of its repository, or None where it is installed without."""
        return checkout(self.package)

    @property
    def schema(self) -> Path:
        """The file that says what the data must look like."""
        return Path(str(self.module().__file__)).parent / "schema.yaml"

    @property
    def model_loader(self) -> "Loader | None":
        """What loads its models, if it is not the library."""
        return _named(self.loader) if self.loader else None

    @property
    def checks(self) -> "list[Check]":
        """What else a new version has to pass."""
        return [_named(check) for check in self.rollout_checks]

    @property
    def images(self) -> str:
        """What its images' names begin with."""
        return self.image or self.name

    @property
    def namespaces(self) -> str:
        """What the names of its namespaces begin with."""
        return self.namespace or self.name

    @property
    def pipelines_namespace(self) -> str:
        """Where its pipelines' pods run."""
        return "kubeflow" if self.platform == "standalone" else self.namespaces

    @property
    def lab(self) -> str:
        """The namespace of notebooks, searches and trainings that are no pipelines, or an empty text."""
        return f"{self.namespaces}-lab" if set(self.extras) - {"registry"} else ""

    @property
    def owns_cluster(self) -> bool:
        """Whether it brings a kind cluster and the platform in it."""
        return self.platform in ("standalone", "kubeflow")

    @property
    def has_gateway(self) -> bool:
        """Whether requests come to the model servers of that cluster by a gateway."""
        return self.owns_cluster and self.serving in ("standard", "knative")

    @property
    def acts_on_cluster(self) -> bool:
        """Whether any of its commands acts on a cluster."""
        return self.platform != "none" or self.serving != "none"

    @property
    def deploys_in_pipeline(self) -> bool:
        """Whether the last step of a training run may roll out a new champion."""
        return self.platform != "none" and self.serving != "none" and not self.controller

    def command(self, words: str) -> str:
        """Return what a person types for one of its commands."""
        return f"uv run {self.name} {words}"

    def module(self, name: str = "") -> ModuleType:
        """Return the package, or one of its modules, such as `pipelines.training`.

        Raises:
            ModuleNotFoundError: it has no such module.
        """
        return import_module(f"{self.package}.{name}" if name else self.package)


def _named(found: Callable[..., Any] | str) -> Any:
    """Return a function that is given by its name, as `package.module:function`, or by itself."""
    return resolve_name(found) if isinstance(found, str) else found


def settings_of(package: str) -> Settings:
    """Return the settings of the project that a package makes, as a step reads them in its own process.

    Raises:
        SettingsError: one of them cannot be used.
    """
    project: Project = import_module(package).PROJECT
    return project.settings.load()
