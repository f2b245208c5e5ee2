"""What Cookiecutter cannot finish is refused in a sentence, and nothing of it stays."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest

from tests.conftest import Render
from tests.running import install_alone

from .runs import PROGRAM, differing, start

REFUSED = {
    "repository_name=json": "'json' is a Python keyword, a standard-library module",
    "repository_name=Wine": "'Wine' is no DNS-1123 label",
    "repository_name=../wine": "'../wine' is no DNS-1123 label",
    "repository_name=wine/red": "'wine/red' is no DNS-1123 label",
    "repository_name=/wine": "'/wine' is no DNS-1123 label",
    "project_name=酒": "'' is no DNS-1123 label",
    "description=": "The text is empty",
    "author_name='''\"\"\"\\": "has one of",
    "gitops=flux": "The address is empty; Flux follows the repository",
    "extras=katib, ray": "'ray' is not in ['katib', 'trainer', 'registry', 'notebooks']",
    "monitoring=maybe": "'maybe' is no answer to monitoring; write yes or no",
}
NO_COPIER = "There is no Copier, which writes the repository; install it"
SECONDS = 120


@pytest.mark.parametrize("answer", REFUSED)
def test_refused_answer(answer: str, template: Path, output: Path) -> None:
    done = start(str(template), "--no-input", answer, cwd=output)

    assert done.returncode == 1
    assert REFUSED[answer] in message(done.stderr)
    assert list(output.iterdir()) == []


def test_computed_value_in_a_replay_is_refused(template: Path, tmp_path: Path, output: Path) -> None:
    start(str(template), "--no-input", cwd=output)
    (replay,) = (tmp_path / "replay").iterdir()
    context = json.loads(replay.read_text())
    context["cookiecutter"]["image"] = "x$(touch hacked)"
    replay.write_text(json.dumps(context))

    done = start("--replay", str(template), "--output-dir", str(tmp_path / "again"), cwd=tmp_path)

    assert done.returncode == 1
    assert "Invalid choice for 'image': 'x$(touch hacked)'" in message(done.stderr)
    assert not (tmp_path / "again/wine-cultivars").exists()


def test_refused_answer_leaves_a_folder_that_was_there(template: Path, output: Path) -> None:
    (output / "json").mkdir()

    done = start(str(template), "--no-input", "--overwrite-if-exists", "repository_name=json", cwd=output)

    assert done.returncode == 1
    assert list((output / "json").iterdir()) == []


def test_refused_answer_is_corrected_in_the_folder_that_was_kept(template: Path, render: Render, output: Path) -> None:
    refused = start(str(template), "--no-input", "--keep-project-on-failure", "extras=ray", cwd=output)
    corrected = start(str(template), "--no-input", "--overwrite-if-exists", cwd=output)

    assert (refused.returncode, corrected.returncode) == (1, 0), corrected.stderr
    assert differing(output / "wine-cultivars", render()) == []


def test_repository_that_is_there_is_not_overwritten(template: Path, output: Path) -> None:
    readme = output / "wine-cultivars/README.md"
    readme.parent.mkdir()
    readme.write_text("Ours\n")

    done = start(str(template), "--no-input", "--overwrite-if-exists", cwd=output)

    assert done.returncode == 1
    assert f"{readme.parent} holds files" in message(done.stderr)
    assert readme.read_text() == "Ours\n"
    assert list(readme.parent.iterdir()) == [readme]


def test_without_hooks_the_readme_says_what_is_wrong(template: Path, output: Path) -> None:
    done = start(str(template), "--no-input", "--accept-hooks", "no", cwd=output)

    assert done.returncode == 0
    (file,) = (output / "wine-cultivars").iterdir()
    assert "--accept-hooks yes" in file.read_text()


@pytest.fixture(scope="session")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the `cookiecutter` of an environment without Copier, in the version that the lock names."""
    return install_alone("cookiecutter", tmp_path_factory.mktemp("alone"))


@pytest.fixture
def path(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Return a function from programs to an environment whose PATH has those of all that could bring Copier."""

    def build(*programs: str) -> dict[str, str]:
        own = tmp_path / "bin"
        own.mkdir()
        for name in programs:
            (own / name).symlink_to(Path(sys.executable).with_name(name))
        others = [
            folder
            for folder in os.environ["PATH"].split(os.pathsep)
            if not any(Path(folder, name).exists() for name in ("copier", "uv", "uvx"))
        ]
        return os.environ | {"PATH": os.pathsep.join([str(own), *others])}

    return build


def test_copier_is_missing(alone: Path, template: Path, output: Path, path: Callable[..., dict[str, str]]) -> None:
    done = start(str(template), "--no-input", cwd=output, env=path(), program=alone)

    assert done.returncode == 1
    assert message(done.stderr).startswith(NO_COPIER)
    assert list(output.iterdir()) == []


def test_copier_may_be_a_program_on_the_path(
    alone: Path, template: Path, render: Render, output: Path, path: Callable[..., dict[str, str]]
) -> None:
    done = start(str(template), "--no-input", cwd=output, env=path("copier"), program=alone)

    assert done.returncode == 0, done.stderr
    assert differing(output / "wine-cultivars", render()) == []


def test_uvx_may_bring_copier(alone: Path, template: Path, output: Path, path: Callable[..., dict[str, str]]) -> None:
    environment = path("uvx", "uv") | {"UV_PYTHON": sys.executable}
    done = start(str(template), "--no-input", cwd=output, env=environment, program=alone)

    assert done.returncode == 0, done.stderr
    assert (output / "wine-cultivars/Makefile").is_file()


@pytest.mark.parametrize("begun", ["scratch/*/answers.yml", "output/*/Makefile"], ids=["starting", "writing"])
@pytest.mark.parametrize("closed", [False, True], ids=["ctrl-c", "closed"])
def test_terminal_that_ends_it_leaves_nothing_behind(
    closed: bool, begun: str, template: Path, output: Path, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = os.environ | {"TMPDIR": str(scratch)}
    session = pexpect.spawn(
        str(PROGRAM),
        [str(template), "--no-input"],
        cwd=str(output),
        env=environment,
        preexec_fn=heed_interrupts,
    )
    wait_for(lambda: any(tmp_path.glob(begun)))
    if not closed:
        session.sendcontrol("c")
        session.expect(pexpect.EOF)
    session.close()

    assert (session.exitstatus, session.signalstatus) != (0, None)
    wait_for(lambda: list(output.iterdir()) == [])


def test_relative_template_that_is_not_found_again(template: Path, output: Path) -> None:
    arguments = [template.name, "--no-input", "--output-dir", str(output)]
    done = start(*arguments, cwd=template.parent, env=os.environ | {"PWD": "/"})

    assert done.returncode == 1
    assert "name the template by its absolute path" in message(done.stderr)
    assert list(output.iterdir()) == []


def heed_interrupts() -> None:
    """Undo what a shell has done to the jobs that it runs in the background: they ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def message(printed: str) -> str:
    """Return what a hook said, from among what Cookiecutter adds."""
    (line,) = [line for line in printed.splitlines() if line.startswith("Error: ")]
    return line.removeprefix("Error: ")


def wait_for(condition: Callable[[], bool]) -> None:
    """Return once a condition holds, which must be soon."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
