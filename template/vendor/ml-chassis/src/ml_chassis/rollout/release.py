"""A release: which model versions serve in an environment, and how traffic is split between them."""

from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from ml_chassis.errors import RolloutError

NO_IMAGE = "none-yet"
"""The tag in a generated overlay, which no image has: nothing was deployed so far."""
DIGEST = "digest-of-"
"""What an annotation with the digest of a version's files begins with."""


@dataclass(frozen=True)
class Release:
    """The stable version, and a candidate with its way to take part in the traffic."""

    name: str
    """The name of the image in the manifests."""
    image: str
    """With its tag, and with its digest where a registry has told it."""
    stable: int
    """The version that serves."""
    candidate: int | None = None
    """The version on trial beside it, if there is one."""
    split: str = ""
    """How it takes part: `canary`, `ab-test` or `shadow`."""
    percent: int = 0
    """The share of requests that it gets, or a copy of, in percent."""
    previous: int | None = None
    """The version that was stable before."""
    previous_image: str = ""
    """The image that it was served in."""
    digests: dict[int, str] = field(default_factory=dict)
    """What the files of its versions must be; those registered without a digest are not here."""

    def __str__(self) -> str:
        """Return it as a person would say it."""
        if self.candidate is None:
            return f"version {self.stable}"
        return f"version {self.stable}, with version {self.candidate} as {self.split} for {self.percent} percent"

    @property
    def versions(self) -> dict[str, int]:
        """The version of each variant: of `stable` and, if there is one, of `candidate`."""
        candidate = {} if self.candidate is None else {"candidate": self.candidate}
        return {"stable": self.stable} | candidate

    def changed_since(self, before: "Release") -> dict[str, int]:
        """Return the versions of the variants that serve another one than in a release before, or in another image."""
        if self.image != before.image:
            return self.versions
        return dict(self.versions.items() - before.versions.items())

    def alone(self) -> "Release":
        """Return it without the candidate."""
        return replace(self, candidate=None, split="", percent=0)

    def followed_by(self, stable: int, image: str) -> "Release":
        """Return the release that has another version serve all traffic, or this one alone if that is no other."""
        if (stable, image) == (self.stable, self.image):
            return self.alone()
        if self.image.endswith(f":{NO_IMAGE}"):
            return Release(self.name, image, stable, digests=self.digests)
        return Release(self.name, image, stable, previous=self.stable, previous_image=self.image, digests=self.digests)

    def with_digest(self, version: int, digest: str) -> "Release":
        """Return it with the digest of a version's files, if it has one."""
        return replace(self, digests=self.digests | {version: digest}) if digest else self

    @classmethod
    def parse(cls, component: str, where: str) -> "Release":
        """Return the release that a component brings about.

        Raises:
            RolloutError: somebody made it unreadable; the message says where it is.
        """
        try:
            content: dict[str, Any] = yaml.safe_load(component)
            state, image = content["metadata"]["annotations"], content["images"][0]
            return cls(
                image["name"],
                f"{image['newName']}:{image['newTag']}" + (f"@{image['digest']}" if "digest" in image else ""),
                int(state["stable"]),
                int(state["candidate"]) if "candidate" in state else None,
                state.get("split", ""),
                int(state.get("percent", 0)),
                int(state["previous"]) if "previous" in state else None,
                state.get("previous-image", ""),
                {int(key.removeprefix(DIGEST)): value for key, value in state.items() if key.startswith(DIGEST)},
            )
        except (KeyError, IndexError, TypeError, ValueError, yaml.YAMLError) as error:
            raise RolloutError(f"{where} holds no release ({error!r}); restore it from Git.") from error
