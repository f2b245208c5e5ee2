"""The model registry: numbered versions, and which of them is the champion."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion, RegisteredModel
from mlflow.exceptions import MlflowException

from ml_chassis.digests import DIGEST, digest
from ml_chassis.errors import RegistryError
from ml_chassis.proofs import Proof
from ml_chassis.runs import connect
from ml_chassis.settings import Settings

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

    from ml_chassis.evaluation import Verdict
    from ml_chassis.rival import Champion

CHAMPION = "champion"
HISTORY = "champion_history"
PASSED = "gate_passed"
REASON = "gate_reason"
TERMS = "gate_terms"
JUDGED_AGAINST = "gate_champion"
"""The tag with the version that was champion when the gate judged, or nothing."""
RUNTIME = "runtime"
"""What a version can be served by: `onnx`, which is its graph, or `native`, which is its own library."""
RUNTIME_REASON = "runtime_reason"
CODE = "code"
"""The identity of the code that trained it."""


@dataclass(frozen=True)
class Version:
    """One version of the model."""

    number: int
    """Its number, from 1."""
    aliases: list[str]
    """What it is called, such as `champion`."""
    metrics: dict[str, float]
    """The scores of its own run, on the rows that this held out."""
    reason: str
    """Why it was promoted, or was not."""
    runtime: str
    """What it can be served by: see `RUNTIME`."""
    runtime_reason: str
    """How that was found."""


class Registry:
    """The versions of the project's model, numbered from 1, and which of them is the champion.

    Args:
        settings: where MLflow is, and the model's name.

    Raises:
        RegistryError: MLflow cannot be reached, or refuses.
    """

    def __init__(self, settings: Settings) -> None:
        connect(settings)
        self.name, self._project = settings.model_name, settings.project
        self._client = MlflowClient()

    def register(self, model_uri: str, verdict: "Verdict") -> int:
        """Make a logged model a version, with a verdict and the digest of its files.

        Args:
            model_uri: the address that `log_training` returned.
            verdict: what the gate said. Without passing, the version cannot be promoted but by force.

        Returns:
            The version's number, which is the same if the model has been registered before.
        """
        # A step that was given up for dead may still be at work beside its next try: the lower of two numbers stays.
        if known := self._versions_of(model_uri):
            return known[0]
        files = Path(mlflow.artifacts.download_artifacts(model_uri))
        tags = {PASSED: str(verdict.passed), REASON: verdict.reason, TERMS: verdict.terms}
        tags |= {JUDGED_AGAINST: _text(verdict.champion), CODE: self._project.identity, DIGEST: digest(files)}
        if proof := Proof.read(files):
            tags |= {RUNTIME: proof.runtime, RUNTIME_REASON: proof.reason}
        made = int(mlflow.register_model(model_uri, self.name, tags=tags).version)
        first = self._versions_of(model_uri)[0]
        if made != first:
            self._client.delete_model_version(self.name, str(made))
        return first

    def champion(self) -> int | None:
        """Return the champion's version, or None before the first promotion."""
        return self._aliases().get(CHAMPION)

    def champion_or_fail(self) -> int:
        """Return the champion's version.

        Raises:
            RegistryError: there is none yet.
        """
        if (version := self.champion()) is None:
            run = self._project.command("run")
            raise RegistryError(f"{self.name} has no champion yet; `{run}` trains and promotes one.")
        return version

    def digest(self, version: int) -> str:
        """Return the digest of a version's files, such as `sha256:3f2a…`, or an empty text where it has none.

        Raises:
            RegistryError: there is no such version.
        """
        return str(self._version(version).tags.get(DIGEST, ""))

    def reason(self, version: int) -> str:
        """Return why a version was promoted, or was not.

        Raises:
            RegistryError: there is no such version.
        """
        return str(self._version(version).tags.get(REASON, ""))

    def load(self, version: int) -> "Pipeline":
        """Return the fitted model of a version.

        Raises:
            RegistryError: there is no such version.
            ModelError: its files are not those that were registered, or cannot be loaded.
        """
        return self._load(version, self._version(version).tags)

    def load_champion(self) -> "Champion | None":
        """Return the champion's version and model, or None before the first promotion.

        Raises:
            ModelError: its files are not those that were registered, or cannot be loaded.
        """
        from ml_chassis.rival import Champion, read_terms

        if (version := self.champion()) is None:
            return None
        tags = self._version(version).tags
        return Champion(version, self._load(version, tags), read_terms(tags.get(TERMS, "")))

    def versions(self) -> list[Version]:
        """Return every version, the newest first."""
        rows, named = [], self._aliases()
        for found in self._client.search_model_versions(f"name = '{self.name}'"):
            number = int(found.version)
            aliases = [alias for alias, target in named.items() if target == number]
            metrics = self._client.get_run(found.run_id).data.metrics if found.run_id else {}
            tags = found.tags
            served = tags.get(RUNTIME, "native"), tags.get(RUNTIME_REASON, "")
            rows.append(Version(number, aliases, metrics, tags.get(REASON, ""), *served))
        return sorted(rows, key=lambda row: row.number, reverse=True)

    def promote(self, version: int, force: bool = False) -> bool:
        """Make a version the champion.

        Args:
            version: its number.
            force: whether a version that the gate refused may be one.

        Returns:
            Whether it was not the champion already.

        Raises:
            RegistryError: there is no such version, or the gate refused it and not `force`.
        """
        return self._promote(version, self.champion(), self._version(version).tags, force)

    def promote_as_judged(self, version: int) -> tuple[bool, str]:
        """Promote a version that passed the gate, unless the champion is another one than it was judged against.

        Then its reason says so. MLflow has no transactions: a promotion at the same moment can still go unnoticed.

        Returns:
            Whether it is the champion, and why it is, or is not.

        Raises:
            RegistryError: there is no such version, or the gate refused it.
        """
        tags, champion = self._version(version).tags, self.champion()
        if champion == version or _text(champion) == tags.get(JUDGED_AGAINST):
            self._promote(version, champion, tags)
            return True, tags.get(REASON, "")
        now = f"version {champion}" if champion else "none"
        why = f"; not promoted, as the champion is another one now: {now}"
        reason = tags[REASON].removesuffix(why) + why
        self._client.set_model_version_tag(self.name, str(version), REASON, reason)
        return False, reason

    def demote(self) -> int:
        """Make the previous champion the champion again, and return its version.

        Raises:
            RegistryError: there was no champion before this one.
        """
        earlier = self._history()[:-1]
        if not earlier:
            raise RegistryError(f"{self.name!r} has had no champion before this one; promote a version by its number.")
        self._appoint(earlier[-1])
        self._record(earlier)
        return earlier[-1]

    def _load(self, version: int, tags: dict[str, str]) -> "Pipeline":
        from ml_chassis.model_files import fetch, load  # slow to import

        files = fetch(f"models:/{self.name}/{version}", tags.get(DIGEST, ""))
        return load(files, self._project.model_types, self._project.model_loader)

    def _promote(self, version: int, champion: int | None, tags: dict[str, str], force: bool = False) -> bool:
        if version == champion:
            return False
        if tags.get(PASSED) != "True" and not force:
            raise RegistryError(
                f"The gate refused version {version} of {self.name!r}: {tags.get(REASON, 'it was never judged')}. "
                "Train a better one, or promote it all the same with --force."
            )
        self._record([*self._history(), version])
        self._appoint(version)
        return True

    def _versions_of(self, model_uri: str) -> list[int]:
        found = self._client.search_model_versions(f"name = '{self.name}' AND source_path = '{model_uri}'")
        return sorted(int(version.version) for version in found)

    def _appoint(self, version: int) -> None:
        self._client.set_registered_model_alias(self.name, CHAMPION, str(version))

    def _record(self, champions: list[int]) -> None:
        self._client.set_registered_model_tag(self.name, HISTORY, ",".join(map(str, champions)))

    def _history(self) -> list[int]:
        """Return the champions so far, the current one last.

        The alias alone says which one that is: whoever died while changing both has left a record that goes further.
        """
        model, champion = self._model(), self.champion()
        if model is None or champion is None:
            return []
        recorded = [int(number) for number in model.tags.get(HISTORY, "").split(",") if number]
        if champion not in recorded:
            return [*recorded, champion]
        while recorded[-1] != champion:
            recorded.pop()
        return recorded

    def _aliases(self) -> dict[str, int]:
        model = self._model()
        return {alias: int(version) for alias, version in model.aliases.items()} if model else {}

    def _model(self) -> RegisteredModel | None:
        try:
            return self._client.get_registered_model(self.name)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def _version(self, version: int) -> ModelVersion:
        try:
            return self._client.get_model_version(self.name, str(version))
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                none = f"none yet; `{self._project.command('run')}` registers one"
                known = ", ".join(str(row.number) for row in self.versions()) or none
                raise RegistryError(f"{self.name!r} has no version {version}; it has {known}.") from None
            raise


def _text(version: int | None) -> str:
    return str(version or "")
