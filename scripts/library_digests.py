"""Writes the digest of each file of the library, by which a repository tells what was edited there: `make digests`."""

import hashlib
import subprocess
import sys
from pathlib import Path

LIBRARY = Path(__file__).parents[1] / "template/vendor/ml-chassis"
LIST = "SHA256SUMS"


def digests(folder: Path) -> str:
    """Return what `sha256sum` prints of a folder's files, those that Git has or would take, by their paths."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.split("\0")
    names = sorted({name for name in listed if name and name != LIST and (folder / name).is_file()})
    return "".join(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(digests(LIBRARY))
