"""The list by which repositories tell an edit of the library is up to date."""

import sys
from pathlib import Path

from tests.running import ROOT, run


def test_make_digests_has_nothing_to_write(tmp_path: Path) -> None:
    run(sys.executable, "scripts/library_digests.py", str(tmp_path / "now"), cwd=ROOT)

    assert (tmp_path / "now").read_text() == (ROOT / "template/vendor/ml-chassis/SHA256SUMS").read_text()
