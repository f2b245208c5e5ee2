"""What the hooks of Cookiecutter do: Copier checks the answers and writes the repository, as `copier copy` would."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

TEMPLATE = Path(__file__).resolve().parents[1]
VERSION = "$Format:%(describe:tags)$"  # in a zip; see .gitattributes
ANSWERS_FILE = Path(".copier-answers.yml")
YES_OR_NO = {"yes": True, "y": True, "true": True, "no": False, "n": False, "false": False}
URL = re.compile(r"\w+@[\w.]+:|((git\+)?(git|ssh|file|https?)|gh|gl):")
KNOWN_AS_GIT = re.compile(r".+\.git|(git@|git://|git\+|gh:|gl:|https://github\.com/|https://gitlab\.com/).+")
"""Addresses that Copier takes for a Git repository. Before others, it wants to see `git+`."""

ENDS = [signal.Signals[name] for name in ("SIGINT", "SIGHUP") if name in signal.Signals.__members__]
"""Ctrl-C, and a terminal that is closed."""

Context = dict[str, Any]


def check_folder() -> None:
    """End with a message, if the current folder is that of another repository."""
    if any(Path.cwd().iterdir()):
        raise failure(f"{Path.cwd()} holds files; choose a new folder, or update a repository with `copier update`.")


def write(context: Context) -> None:
    """Write the repository into the current folder, unless Copier refuses an answer, which it does first."""
    with removed_at_interrupt():
        Path("README.md").unlink()  # which says what to do where hooks do not run
        run_copier(context)
        record_source(context)
    print(f"{Path.cwd()} is ready. Go on there with `git init -b main`, `make setup` and `make run`, or its README.")


def run_copier(context: Context) -> None:
    """Run `copier copy` on the template that Cookiecutter has on disk."""
    with tempfile.TemporaryDirectory() as scratch:
        data = Path(scratch, "answers.yml")
        data.write_text(yaml.safe_dump(answers(context)), encoding="utf-8")
        given = ["--defaults", "--quiet", "--vcs-ref", "HEAD", "--data-file", str(data)]
        command = [*copier(), "copy", *given, str(TEMPLATE), str(Path.cwd())]
        done = subprocess.run(command, cwd=scratch, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        # A refusal ends a traceback.
        raise failure(done.stderr.rpartition("Error: ")[2].strip() or f"Copier ended with status {done.returncode}.")


def answers(context: Context) -> dict[str, Any]:
    """Return what was answered, as Copier takes it. A detail that was left empty is left to the preset."""
    questions = yaml.safe_load((TEMPLATE / "copier.yml").read_text(encoding="utf-8"))
    given = {}
    for name in questions.keys() & context.keys():
        question, value = questions[name], context[name]
        if "when" in question and value == "":
            continue
        if question.get("multiselect"):
            value = [part.strip() for part in value.split(",")]
        elif question["type"] == "bool":
            value = yes_or_no(name, value)
        given[name] = value
    return given


def yes_or_no(name: str, value: str | bool) -> bool:
    """Return what an answer means; Copier would take any other word for a yes."""
    answer = YES_OR_NO.get(str(value).lower())
    if answer is None:
        raise failure(f"{value!r} is no answer to {name}; write yes or no, or nothing to leave it to the preset.")
    return answer


def copier() -> list[str]:
    """Return the command that starts Copier: Cookiecutter's Python may have it, or PATH."""
    if any(distributions(name="copier")):
        return [sys.executable, "-m", "copier"]
    if program := shutil.which("copier"):
        return [program]
    if uvx := shutil.which("uvx"):
        return [uvx, "copier"]
    raise failure("There is no Copier, which writes the repository; install it, such as by `pipx install copier`.")


def record_source(context: Context) -> None:
    """Have the answers file name the template as the user did, and not the copy that Cookiecutter made of it."""
    entries = yaml_line("_src_path", source(context))
    if is_zip(context) and VERSION and not VERSION.startswith("$"):
        entries = yaml_line("_commit", VERSION) + entries
    recorded = ANSWERS_FILE.read_bytes()
    ANSWERS_FILE.write_bytes(recorded.replace(yaml_line("_src_path", str(TEMPLATE)), entries))


def source(context: Context) -> str:
    """Return the URL or the folder that `copier update` is to look at."""
    named: str = context["_template"]
    if is_zip(context):  # a forge has it beside the repository
        forge = re.match(r"(https?://.+?)(/-)?/archive/", named)
        return f"{forge[1]}.git" if forge else named
    if Path(named).is_absolute():
        return named
    if URL.match(named):
        address = named.rstrip("/")
    elif named == context["_repo_dir"]:
        return str(TEMPLATE)
    else:  # an abbreviation, or the name of an earlier clone
        address = origin()
    return address if KNOWN_AS_GIT.fullmatch(address) else f"git+{address}"


def is_zip(context: Context) -> bool:
    """Tell whether Cookiecutter unpacked the template."""
    named: str = context["_template"]
    return named.lower().endswith(".zip")


def yaml_line(name: str, value: str) -> bytes:
    """Return an entry as Copier writes it."""
    return yaml.safe_dump({name: value}, allow_unicode=True, indent=4).encode()


def origin() -> str:
    """Return the URL that Cookiecutter cloned the template from."""
    command = ["git", "remote", "get-url", "origin"]
    return subprocess.run(command, cwd=TEMPLATE, capture_output=True, encoding="utf-8", check=True).stdout.strip()


@contextmanager
def removed_at_interrupt() -> Iterator[None]:
    """Remove the current folder, which was empty, when the terminal ends this: Cookiecutter ends too, before it can."""
    for end in ENDS:
        if signal.getsignal(end) != signal.SIG_IGN:
            signal.signal(end, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        folder = Path.cwd()
        os.chdir(folder.parent)
        shutil.rmtree(folder)
        sys.exit(130)


def interrupt(signum: int, frame: FrameType | None) -> None:
    """Raise a KeyboardInterrupt once: another signal, such as when Cookiecutter ends, does not stop the removal."""
    for end in ENDS:
        signal.signal(end, signal.SIG_IGN)
    raise KeyboardInterrupt


def failure(message: str) -> SystemExit:
    """Return what ends the hook, whereupon Cookiecutter removes the folder."""
    return SystemExit(f"Error: {message}")
