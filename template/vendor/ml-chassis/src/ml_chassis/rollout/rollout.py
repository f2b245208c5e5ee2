"""What can be done in an environment: put a version out, try a candidate beside it, and take either back."""

from dataclasses import replace

import typer

from ml_chassis.errors import ClusterError, RolloutError
from ml_chassis.images import located
from ml_chassis.rollout.overlay import Overlay
from ml_chassis.rollout.release import Release
from ml_chassis.settings import Settings


class Rollout:
    """The release of one environment."""

    def __init__(
        self, settings: Settings, overlay: Overlay, release: Release | None = None, dry_run: bool = False
    ) -> None:
        """Start from the release that the environment has now.

        Args:
            settings: where the models are.
            overlay: of the environment.
            release: what it has now; by default, what its overlay holds.
            dry_run: show what would change, and change nothing.

        Raises:
            RolloutError: the models are of another name, or where a cluster cannot read them.
        """
        project = settings.project
        if settings.model_name != project.name:
            raise RolloutError(
                f"MODEL_NAME is {settings.model_name!r}, and the manifests serve {project.name!r}; "
                "unset it to roll out."
            )
        if not settings.mlflow_tracking_uri and not project.owns_cluster:
            raise RolloutError(
                "A cluster cannot read the models in this machine's files; set MLFLOW_TRACKING_URI to the MLflow "
                f"server that the cluster uses, then `{project.command('run')}`."
            )
        self.overlay = overlay
        self.release = release or overlay.read()
        self._settings, self._dry_run = settings, dry_run

    def deploy(self, version: int, digest: str) -> None:
        """Have a version serve all traffic, in the image of this code.

        Args:
            version: its number.
            digest: what its files must be, or nothing where it was registered without one.

        Raises:
            ClusterError: the image is missing, which a dry run only tells.
            RolloutError: a candidate is on trial, or the version does not serve well; the old one serves again.
        """
        self._check_that_nothing_is_on_trial()
        self._deliver(self.release.followed_by(version, self._image()).with_digest(version, digest))

    def roll_back(self) -> None:
        """Have the version that was stable before serve all traffic, with the image it ran in.

        Raises:
            RolloutError: there is none, a candidate is on trial, or it does not serve well.
        """
        self._check_that_nothing_is_on_trial()
        if self.release.previous is None:
            deploy = self._command("deploy")
            raise RolloutError(
                f"{self.overlay.environment} has served nothing before {self.release}; `{deploy}` serves the champion."
            )
        self._deliver(self.release.followed_by(self.release.previous, self.release.previous_image))

    def try_candidate(self, split: str, version: int, digest: str, percent: int) -> None:
        """Have a candidate take part in the traffic beside the stable version, or change its part.

        Args:
            split: one of the mode's `splits`.
            version: the candidate.
            digest: what its files must be, or nothing where it was registered without one.
            percent: its share of the requests, 1 to 100.

        Raises:
            RolloutError: it serves as stable already, another is on trial, or it does not serve well.
        """
        if version == self.release.stable:
            raise RolloutError(
                f"Version {version} is the stable one in {self.overlay.environment}; train another, or name one with "
                "--version."
            )
        if self.release.candidate not in (None, version):
            abort = self._command("abort-canary")
            raise RolloutError(f"Version {self.release.candidate} is on trial already; `{abort}` first.")
        release = replace(self.release, candidate=version, split=split, percent=percent)
        self._deliver(release.with_digest(version, digest))

    def promote(self) -> None:
        """Have the candidate serve all traffic.

        Raises:
            RolloutError: there is no candidate, or it does not serve well.
        """
        self._deliver(self.release.followed_by(self._candidate(), self.release.image))

    def abort(self) -> None:
        """Have the stable version serve all traffic again.

        Raises:
            RolloutError: there is no candidate.
        """
        self._candidate()
        self._deliver(self.release.alone())

    def _image(self) -> str:
        image = f"{self._settings.project.images}-serving:{self._settings.project.identity}"
        try:
            return located(image, self._settings)
        except ClusterError as error:
            if not self._dry_run:
                raise
            typer.echo(str(error))
            return image

    def _command(self, name: str) -> str:
        """Return what a person types for a rollout command in this environment."""
        return self._settings.project.command(f"{name} --env {self.overlay.environment}")

    def _candidate(self) -> int:
        if self.release.candidate is None:
            canary = self._command("canary")
            raise RolloutError(f"No candidate is on trial in {self.overlay.environment}; `{canary}` starts one.")
        return self.release.candidate

    def _check_that_nothing_is_on_trial(self) -> None:
        if self.release.candidate is not None:
            promote, abort = self._command("promote-canary"), self._command("abort-canary")
            raise RolloutError(
                f"Version {self.release.candidate} is on trial in {self.overlay.environment}; `{promote}` or `{abort}` "
                "first."
            )

    def _deliver(self, release: Release) -> None:
        from ml_chassis.rollout import applying, committing  # slow to import

        delivery = committing if self._settings.project.controller else applying
        delivery.deliver(self._settings, self.overlay, self.release, release, self._dry_run)
