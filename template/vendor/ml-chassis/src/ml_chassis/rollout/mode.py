"""What differs between the ways of serving on a cluster."""

from typing import Protocol

from ml_chassis.kubectl import Object
from ml_chassis.project import Serving
from ml_chassis.rollout.cluster import Cluster
from ml_chassis.rollout.release import Release


class Mode(Protocol):
    """How an operator serves a release."""

    kind: str
    """The kind of the objects that it makes pods of."""
    routes: tuple[str, ...]
    """The kinds that lead traffic to the pods, and so are applied once these are ready."""
    splits: tuple[str, ...]
    """The ways for a candidate to take part in the traffic."""

    def parts(self, release: Release) -> Object:
        """Return the part of the kustomize component that brings a release about."""

    def containers(self, wanted: Object) -> list[Object]:
        """Return the containers of the model server in an object of `kind`."""

    def unready(self, cluster: Cluster, wanted: Object) -> str:
        """Return what an object still waits for, or nothing when it serves as `wanted` says."""

    def backend(self, cluster: Cluster, wanted: Object, variant: str) -> str:
        """Return what leads to a variant, as `kind/name:port` to forward to, or nothing if this is not the variant."""


def mode_of(serving: Serving) -> Mode:
    """Return the mode of a project that a cluster serves."""
    from ml_chassis.rollout.knative import Knative
    from ml_chassis.rollout.seldon import Seldon
    from ml_chassis.rollout.standard import Standard

    modes: dict[Serving, type[Mode]] = {"standard": Standard, "knative": Knative, "seldon": Seldon}
    return modes[serving]()
