"""Whether a release is of those whom a team lets sign releases: it lists their keys in `.allowed-signers`."""

import os
from pathlib import Path

from ml_chassis.errors import UpdateError
from ml_chassis.updates.git import git, line

LIST = ".allowed-signers"
"""As `gpg.ssh.allowedSignersFile` of Git: a line for each key, such as `releases@example.com ssh-ed25519 AAAA...`."""
OTHERS = {f"gpg.{program}": "false" for program in ("program", "openpgp.program", "x509.program")}
"""Keys of other kinds are in no such list: whatever key ring this machine has, it counts for nothing."""


def verify(clone: Path, release: str, signers: Path) -> None:
    """Have a clone of the template be at a release that somebody on the list has signed.

    Args:
        clone: the template's files, as they are rendered.
        release: what `git describe` says of them.
        signers: the list.

    Raises:
        UpdateError: it is not; the message says why.
    """
    tag = f"refs/tags/{release}"
    kind = line("for-each-ref", "--points-at=HEAD", "--format=%(objecttype)", tag, folder=clone)
    if kind != "tag":
        raise _refused(release, signers, "its tag is not signed." if kind else "it has no tag.")
    trusted = {"gpg.ssh.allowedSignersFile": os.fspath(signers), **OTHERS}
    try:
        git("verify-tag", tag, folder=clone, settings=trusted)
    except UpdateError as error:
        raise _refused(release, signers, str(error)) from None


def _refused(release: str, signers: Path, reason: str) -> UpdateError:
    return UpdateError(f"{release} of the template is not signed by anybody in {signers.name}: {reason}")
