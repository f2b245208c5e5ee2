"""The digest that identifies a model's files."""

import hashlib
from pathlib import Path

DIGEST = "digest"
"""The tag of a version with the digest of its files."""
ORIGIN = "registered_model_meta"
"""The file in which MLflow notes, beside a model, which version it has downloaded. It is left out."""


def digest(folder: Path) -> str:
    """Return the SHA-256 over a model's files: that of what `sha256sum` prints of them, in the order of their paths.

    In a shell: `find * -type f ! -path registered_model_meta | LC_ALL=C sort | xargs sha256sum | sha256sum`.
    """
    lines = hashlib.sha256()
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    for name, path in sorted(paths.items()):
        if name != ORIGIN:
            with path.open("rb") as file:
                lines.update(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n".encode())
    return f"sha256:{lines.hexdigest()}"
