"""The oldest Copier that the template allows writes what the present one does."""

import sys
from pathlib import Path

import yaml

from tests.conftest import Render
from tests.needs import require_index
from tests.rendering.texts import files
from tests.running import ROOT, run

OLDEST = yaml.safe_load((ROOT / "copier.yml").read_text())["_min_copier_version"]


def test_oldest_copier_writes_the_same(template: Path, render: Render, tmp_path: Path) -> None:
    require_index()
    uvx, written = Path(sys.executable).with_name("uvx"), tmp_path / "oldest"
    run(str(uvx), f"copier@{OLDEST}", "copy", "--defaults", "--data", "preset=full", str(template), str(written))
    assert contents(written) == contents(render(preset="full"))


def contents(project: Path) -> dict[str, bytes]:
    """Return each file by its path."""
    return {path.relative_to(project).as_posix(): path.read_bytes() for path in files(project)}
