"""Delivers a release with kubectl: applies it, waits, tries it, and puts the old one back if it does not serve well."""

import time
from collections.abc import Iterable

import pandas as pd
import typer
from mlflow.artifacts import load_dict
from mlflow.exceptions import MlflowException

from ml_chassis.errors import ClusterError, ProjectError, RolloutError
from ml_chassis.kubectl import IN_CLUSTER, Object, stuck, unschedulable
from ml_chassis.rollout.cluster import Cluster, namespace_of
from ml_chassis.rollout.models import with_mlflow
from ml_chassis.rollout.overlay import RECORD, Overlay
from ml_chassis.rollout.release import Release
from ml_chassis.rollout.trial import try_out
from ml_chassis.runs import connect
from ml_chassis.settings import Settings

POLL_SECONDS = 1
EXAMPLE = "serving_input_example.json"
"""The rows that MLflow keeps with a model."""


def deliver(settings: Settings, overlay: Overlay, before: Release, release: Release, dry_run: bool) -> None:
    """Have the environment serve a release instead of the one before, or show what that would change.

    The overlay holds the release once it serves.

    Raises:
        RolloutError: it does not serve well, and the release before serves again; or it does, and that one's objects
            cannot be deleted.
    """
    delivery = _Delivery(settings, overlay, before, release)
    if settings.context == IN_CLUSTER:  # whose manifests are those of an image, which nobody has looked at
        delivery.check_manifests()
    typer.echo(f"{delivery.cluster} will serve {release}")
    if not delivery.may_change_all:
        typer.echo("  applying the release alone, as far as your rights go")
    if dry_run:
        typer.echo(delivery.difference() or "Nothing would change.")
    else:
        delivery.carry_out()
        overlay.write(release)
        delivery.clear_up()


class _Delivery:
    """One change of an environment, from the release that it has now to another."""

    def __init__(self, settings: Settings, overlay: Overlay, before: Release, release: Release) -> None:
        self._settings, self._before, self._release = settings, before, release
        self._mode, self._checks = overlay.mode, settings.project.checks
        self._old, self._new = overlay.rendered(before), overlay.rendered(release)
        self.cluster = Cluster(settings, namespace_of(self._old))
        self.may_change_all = self.cluster.may("patch", "rolebindings")

    def difference(self) -> str:
        """Return what the release would change."""
        return self.cluster.diff(self._permitted(self._new))

    def check_manifests(self) -> None:
        """Refuse manifests that would change more than the release, where anything serves yet.

        Raises:
            RolloutError: the message shows what they would change.
        """
        again = [found for found in self._permitted(self._old) if found["metadata"]["name"] != RECORD]
        if self.cluster.has(self._served(self._old)) and (found := self.cluster.diff(again)):
            raise RolloutError(
                f"{self.cluster} has other manifests than the image of this step, which would change:\n{found}"
                "Roll them out with the command `deploy` from the checkout that is right, and build the image from it."
            )

    def carry_out(self) -> None:
        """Have the cluster serve the release; if it does not serve well, the one before."""
        release, first = self._release, not self.cluster.has(self._served(self._old))
        untried = release.versions if first else release.changed_since(self._before)
        examples = {variant: self._example(release.name, version) for variant, version in untried.items()}
        try:
            self._bring_up(self._new)
            for variant, example in examples.items():
                for found in self._served(self._new):
                    self._try_out(variant, example, found)
            self._route(self._new)
        except (ProjectError, KeyboardInterrupt) as error:
            cause = str(error) or "Interrupted."
            if first:
                raise RolloutError(f"{cause} Nothing served before; what was applied stays to be looked at.") from error
            typer.echo(f"{cause} Putting {self._before} back.", err=True)
            self._bring_up(self._old)
            self._route(self._old)
            self._delete(self._new, but=self._old, serving=self._before)
            raise RolloutError(f"{cause} {self._before} serves again.") from error

    def clear_up(self) -> None:
        """Take away what only the release before has needed.

        Raises:
            RolloutError: it is still there when the time has run out.
        """
        self._delete(self._old, but=self._new, serving=self._release)

    def _bring_up(self, wanted: list[Object]) -> None:
        """Apply all but the routes, which must not lead to servers that are not ready, and wait until it serves."""
        self.cluster.apply([found for found in self._permitted(wanted) if found["kind"] not in self._mode.routes])
        deadline, said = time.monotonic() + self._settings.rollout_timeout_seconds, ""
        for found in self._served(wanted):
            while reason := self._mode.unready(self.cluster, found):
                pods = self.cluster.pods(self._before.name, self._mode.containers(found))
                causes = map(unschedulable, pods) if pods else [self.cluster.refusal(found)]
                reason += _first(f"; {why}" for why in causes if why)
                if reason != said:
                    typer.echo(f"  waiting for {reason}")
                    said = reason
                self._check(pods, reason, deadline)
                time.sleep(POLL_SECONDS)

    def _route(self, wanted: list[Object]) -> None:
        """Lead the traffic to what serves."""
        if routes := [found for found in wanted if found["kind"] in self._mode.routes]:
            self.cluster.apply(routes)

    def _delete(self, objects: list[Object], but: list[Object], serving: Release) -> None:
        """Delete the objects of a release but those of another, which serves by now."""
        kept = {_key(found) for found in but}
        if gone := [found for found in objects if _key(found) not in kept]:
            try:
                self.cluster.delete(gone, self._settings.rollout_timeout_seconds)
            except ClusterError as error:
                raise RolloutError(f"{serving} serves, but: {error}") from error

    def _permitted(self, wanted: list[Object]) -> list[Object]:
        """Return all objects to whom may change all, such as who makes the environment, and else those of a release.

        The pipelines' account may change no others: they set the bounds that it works in.
        """
        released = {"ConfigMap", self._mode.kind, *self._mode.routes}
        return [found for found in wanted if self.may_change_all or found["kind"] in released]

    def _served(self, objects: list[Object]) -> list[Object]:
        return [found for found in objects if found["kind"] == self._mode.kind]

    def _check(self, pods: list[Object], reason: str, deadline: float) -> None:
        """Raise a RolloutError if there is no hope left."""
        if trouble := _first(filter(None, map(stuck, pods))):
            raise RolloutError(f"A pod cannot start: {trouble}.")
        if time.monotonic() > deadline:
            limit = self._settings.rollout_timeout_seconds
            raise RolloutError(f"Not ready after {limit} seconds (ROLLOUT_TIMEOUT_SECONDS): it waits for {reason}.")

    def _try_out(self, variant: str, rows: pd.DataFrame, wanted: Object) -> None:
        if not (resource := self._mode.backend(self.cluster, wanted, variant)):
            return
        with self.cluster.forwarded(resource) as address:
            try_out(self._settings.model_name, address, self._release, variant, rows, self._checks)

    def _example(self, name: str, version: int) -> pd.DataFrame:
        """Return the rows that were recorded with a version."""
        connect(with_mlflow(self._settings))
        try:
            example = load_dict(f"models:/{name}/{version}/{EXAMPLE}")
        except MlflowException as error:
            raise RolloutError(f"Version {version} of {name!r} cannot be read from MLflow: {error}.") from error
        return pd.DataFrame(**example["dataframe_split"])


def _first(texts: Iterable[str]) -> str:
    return next(iter(texts), "")


def _key(found: Object) -> tuple[str, str]:
    return found["kind"], found["metadata"]["name"]
