"""What a person sees who runs `copier copy` in a terminal, with Copier as it comes from PyPI and nothing else."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pexpect
import pytest
import yaml

from tests.running import install_alone, run

SECONDS = 60
IDENTITY = ["What people call", "Names the repository", "The Python package", "One sentence", "The person or team"]
IDENTITY += ["Where questions go", "Who may use"]
PRESET, PYTHON = "How much to start with", "The Python that the image"
DETAILS = ["Where the project's image", "What runs the model server", "What runs on the cluster"]
DETAILS += [
    "What else of Kubeflow",
    "The cloud that the cluster may run in",
    "Prometheus metrics of drift",
    "Manifests that keep traces",
    "The Kubernetes namespaces",
    "Whether a controller on the cluster",
    "The service that checks",
    PYTHON,
    "The library of the first model",
    "Where people browse",
    "A notebook",
    "How the repository gets",
]
WRITTEN = "The README goes on from there."

Session: TypeAlias = "pexpect.spawn[str]"
Start = Callable[[], Session]


@pytest.fixture(scope="session")
def copier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the `copier` of a fresh environment, in the version that the lock names."""
    return install_alone("copier", tmp_path_factory.mktemp("plain"))


@pytest.fixture
def destination(tmp_path: Path) -> Path:
    """Return where the repository will be."""
    return tmp_path / "project"


@pytest.fixture
def start(copier: Path, template: Path, destination: Path) -> Iterator[Start]:
    """Return a function that starts `copier copy` in a terminal."""
    sessions: list[Session] = []

    def begin() -> Session:
        # Without this, the prompt waits for a terminal that tells where its cursor is.
        environment = os.environ | {"PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm", "LANG": "C.UTF-8"}
        arguments = ["copy", str(template), str(destination)]
        sessions.append(
            pexpect.spawn(
                str(copier), arguments, env=environment, encoding="utf-8", timeout=SECONDS, dimensions=(50, 200)
            )
        )
        return sessions[-1]

    yield begin
    for session in sessions:
        session.close(force=True)


def test_enter_accepts_every_default(start: Start, destination: Path) -> None:
    session = start()
    accept(session, *IDENTITY, PRESET, PYTHON)
    finish(session)
    assert recorded(destination)["repository_name"] == "wine-cultivars"


def test_standard_asks_for_no_detail(start: Start) -> None:
    session = start()
    accept(session, *IDENTITY, PRESET, PYTHON)
    assert session.expect([WRITTEN, *(detail for detail in DETAILS if detail != PYTHON)]) == 0


def test_custom_asks_for_every_detail(start: Start, destination: Path) -> None:
    session = start()
    accept(session, *IDENTITY)
    session.expect(PRESET)
    session.send("\x1b[B\x1b[B\r")  # twice down, from standard to custom
    accept(session, *DETAILS)
    finish(session)
    assert recorded(destination)["preset"] == "custom"


def test_bad_name_is_explained_at_the_prompt_and_can_be_corrected(start: Start, destination: Path) -> None:
    session = start()
    accept(session, IDENTITY[0])
    session.expect("Names the repository")
    replace(session, "wine-cultivars", "Wine")
    session.expect("'Wine' is no DNS-1123 label")
    session.send("\x7f" * len("Wine") + "red-wine\r")  # what was typed is still there
    accept(session, *IDENTITY[2:], PRESET, PYTHON)
    finish(session)
    assert recorded(destination)["repository_name"] == "red-wine"


def test_name_typed_for_the_project_is_the_default_of_the_others(start: Start, destination: Path) -> None:
    session = start()
    session.expect(IDENTITY[0])
    replace(session, "Wine Cultivars", "Churn Risk")
    accept(session, *IDENTITY[1:], PRESET, PYTHON)
    finish(session)
    assert (recorded(destination)["repository_name"], recorded(destination)["package_name"]) == (
        "churn-risk",
        "churn_risk",
    )


@pytest.mark.parametrize("answered", [0, len(IDENTITY)], ids=["first question", "last question"])
def test_control_c_leaves_nothing_behind(answered: int, start: Start, destination: Path) -> None:
    session = start()
    accept(session, *IDENTITY[:answered])
    session.expect([*IDENTITY, PRESET][answered])
    session.sendcontrol("c")
    session.expect(pexpect.EOF)
    session.close()
    assert (session.exitstatus != 0, destination.exists()) == (True, False)


def test_defaults_need_no_trust_and_no_terminal(copier: Path, template: Path, destination: Path) -> None:
    run(str(copier), "copy", "--defaults", str(template), str(destination), cwd=destination.parent)
    assert (destination / "Makefile").is_file()


def test_next_steps_are_printed(copier: Path, template: Path, destination: Path) -> None:
    printed = run(str(copier), "copy", "--defaults", str(template), str(destination), cwd=destination.parent)
    steps = [f"cd {destination}", "git init -b main", "make setup", "make run", "make serve", "make predict"]
    assert [step for step in steps if step not in printed] == []


def test_refusal_ends_with_the_reason(copier: Path, template: Path, destination: Path) -> None:
    command = [str(copier), "copy", "--defaults", "--data", "repository_name=json", str(template), str(destination)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # Copier prints a traceback above it.
    assert "'json' is a Python keyword" in done.stderr.splitlines()[-1]


def accept(session: Session, *questions: str) -> None:
    """Press Enter at each of the questions, which must come in this order."""
    for question in questions:
        session.expect(question)
        session.send("\r")


def replace(session: Session, default: str, answer: str) -> None:
    """Wipe the default at the prompt, and answer."""
    session.expect(default)
    session.send("\x7f" * len(default) + answer + "\r")


def finish(session: Session) -> None:
    """Wait for the end, which must be a success."""
    session.expect(WRITTEN)
    session.expect(pexpect.EOF)
    session.close()
    assert session.exitstatus == 0


def recorded(project: Path) -> dict[str, str]:
    """Return the answers that an update will find."""
    answers: dict[str, str] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return answers
