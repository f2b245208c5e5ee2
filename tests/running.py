"""What tests run: commands, and Git on folders of their own."""

import re
import subprocess
import sys
from pathlib import Path
from runpy import run_path

from tests.needs import bring, require, require_index

ROOT = Path(__file__).parent.parent


def run(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command that must succeed, and return what it printed."""
    done = subprocess.run(
        command, cwd=cwd, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}"
    return done.stdout


def install_alone(program: str, folder: Path) -> Path:
    """Install a program into an environment of its own, in the version that the lock names, and return its path."""
    (locked,) = re.findall(rf"^{program}==[\d.]+", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    require_index()
    uv, environment = str(Path(sys.executable).with_name("uv")), folder / "venv"
    run(uv, "venv", "--quiet", "--python", sys.executable, str(environment), cwd=ROOT)
    run(uv, "pip", "install", "--quiet", "--python", str(environment), locked, cwd=ROOT)
    return environment / "bin" / program


def build_go(module: Path, program: Path) -> None:
    """Build the program of a Go module of this repository."""
    bring(require("go"), "mod", "download", cwd=module)
    run("go", "build", "-trimpath", "-ldflags=-s -w", f"-o={program}", cwd=module)


def set_version(template: Path, version: str) -> None:
    """Give the library in a clone of the template a version, as a release does."""
    run_path(str(template / "scripts/release.py"))["set_version"](version)


def commit_all(repository: Path, message: str) -> None:
    """Commit every file of a folder, which becomes a repository if it is none."""
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.com")
    run("git", "init", "--quiet", "--initial-branch=main", cwd=repository)
    run("git", "add", "--all", cwd=repository)
    run("git", *identity, "commit", "--quiet", "--message", message, cwd=repository)
