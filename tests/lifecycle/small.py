"""A template of a few files, whose releases do what a test has them do, and repositories that follow it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep

from copier import run_copy

from tests.isolation import of_a_user, recording
from tests.running import commit_all, run

from .repositories import Done, Repository

ANSWERS = "{{_copier_conf.answers_file}}.jinja"
LINES = "".join(f"{number}\n" for number in range(1, 41))
CHANGED = LINES.replace("\n20\n", "\n20, as the template has it now\n")
OURS = LINES.replace("\n20\n", "\n20, as we have it\n")
SECONDS = 120
Files = Mapping[str, str | None]


@dataclass(frozen=True)
class Template:
    """A template in Git."""

    folder: Path

    def release(self, tag: str, files: Files, *options: str) -> None:
        """Write files, or remove those that are none, and tag the commit, with options of `git tag`."""
        for name, text in files.items():
            file = self.folder / "template" / name
            if text is None:
                file.unlink()
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
                file.chmod(0o755 if text.startswith("#!") else 0o644)
        commit_all(self.folder, tag)
        self.git("tag", *options, tag)

    def git(self, *arguments: str) -> str:
        """Run a command of Git's that must succeed, and return what it printed."""
        identity = ("-c", "user.name=Template", "-c", "user.email=template@example.com")
        return run("git", *identity, *arguments, cwd=self.folder)

    def retag(self, tag: str, content: str) -> None:
        """Replace the object that a tag is."""
        command = ["git", "hash-object", "-w", "-t", "tag", "--stdin"]
        done = subprocess.run(command, cwd=self.folder, input=content, capture_output=True, text=True, check=True)
        self.git("update-ref", f"refs/tags/{tag}", done.stdout.strip())


@dataclass(frozen=True)
class Follower(Repository):
    """A repository that updates by the library of the template under test."""

    library: Path
    temporary: Path
    """Where programs keep what is temporary."""

    def write(self, files: Files) -> None:
        """Have the team write files, or remove those that are none, and commit."""
        for name, text in files.items():
            file = self.folder / name
            if text is None:
                file.unlink()
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
        self.commit()

    def commit(self) -> None:
        """Commit all that the team did, in any folder of the repository."""
        self.git("add", "--all", ":/")
        self.git("commit", "--quiet", "--message", "Work of the team")

    def inside(self, folder: str) -> "Follower":
        """Move all to a folder of the repository, beside other files, and return it."""
        inner = self.folder / folder
        inner.mkdir(parents=True)
        for file in [
            file for file in self.folder.iterdir() if file.name != ".git" and file not in (inner, *inner.parents)
        ]:
            file.rename(inner / file.name)
        self.write({"ours.txt": LINES})
        return self.at(inner)

    def at(self, folder: Path) -> "Follower":
        """Return another folder of the same repository."""
        return replace(self, folder=folder)

    def run(self, script: str, **settings: str) -> None:
        """Run commands that must succeed."""
        run("bash", "-euc", script, cwd=self.folder, env=of_a_user() | recording() | settings)

    def follow(self, *options: str, **settings: str) -> Done:
        """Update to the newest release, or as options say."""
        command, environment = self.command(*options, **settings)
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)

    def interrupted(self, when: Callable[[str], bool], **settings: str) -> Done:
        """Update, and press Ctrl-C when something is so, given what was printed until then."""
        command, environment = self.command(**settings)
        printed, said = (self.temporary.with_name(name) for name in ("printed", "said"))
        with printed.open("w") as stdout, said.open("w") as stderr:
            update = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=stdout, stderr=stderr, process_group=0
            )
            end = monotonic() + SECONDS
            while not when(printed.read_text()) and update.poll() is None and monotonic() < end:
                sleep(0.05)
            os.killpg(update.pid, signal.SIGINT)
            update.wait(SECONDS)
        return Done(command, update.returncode, printed.read_text(), said.read_text())

    def run_ways_back(self, said: str) -> None:
        """Run the commands that lead back, as they were told."""
        _, _, back = said.partition("To go back to how it was:\n")
        assert back, said
        self.run(back)

    @property
    def ran(self) -> bool:
        """Tell whether code ran that leaves a file `ran`."""
        return any(self.folder.rglob("ran"))

    def conflicts_by_name(self) -> dict[str, str]:
        """Return the kind of conflict of each file that has one, whatever its name."""
        status = self.git("status", "--porcelain", "-z", "--no-renames", "--untracked-files=no").split("\0")
        return {entry[3:]: entry[:2] for entry in status if "U" in entry[:2] or entry[:2] in ("AA", "DD")}

    @property
    def branches(self) -> list[str]:
        """Return the names of all branches."""
        return self.git("branch", "--format=%(refname:short)").splitlines()

    def command(self, *options: str, **settings: str) -> tuple[list[str], dict[str, str]]:
        """Return the command that updates, and its environment."""
        own = {"PYTHONPATH": str(self.library / "src"), "TMPDIR": str(self.temporary), "UV": "true"}
        return [sys.executable, "-BP", "-m", "ml_chassis.updates", *options], of_a_user() | recording() | own | settings


def begun(template: Template, library: Path, folder: Path, temporary: Path) -> Follower:
    """Return a repository that follows the template's newest release."""
    run_copy(str(template.folder), folder, defaults=True, quiet=True)
    follower = Follower(folder, library, temporary)
    follower.git("init", "--quiet", "--initial-branch=main")
    follower.git("config", "user.name", "Team")
    follower.git("config", "user.email", "team@example.com")
    follower.commit()
    return follower
