"""The waves of a project's platform, as the library in its repository has them."""

import os
import sys
from pathlib import Path

from tests.running import run

MANIFESTS = "vendor/ml-chassis/src/ml_chassis/platform/manifests"
EJECT = """
import sys
from ml_chassis.platform.eject import eject
eject(project, sys.argv[1], write=True)
"""


def ejected(project: Path, wave: str = "") -> Path:
    """Write the library's waves, or one, into a project as `platform-eject` does, and return their folder."""
    told(project, EJECT, wave)
    return project / "deploy/platform" / wave


def told(project: Path, code: str, *arguments: str) -> str:
    """Return what code prints that knows a project as `project`; it needs nothing beyond what the tests have."""
    (package,) = (file.parent.name for file in project.glob("src/*/__init__.py"))
    sources = os.pathsep.join(str(project / folder) for folder in ("src", "vendor/ml-chassis/src"))
    known = f"from {package} import PROJECT as project\n{code}"
    environment = os.environ | {"PYTHONPATH": sources, "PYTHONDONTWRITEBYTECODE": "1"}
    return run(sys.executable, "-c", known, *arguments, cwd=project, env=environment)
