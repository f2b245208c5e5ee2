"""The program behind `make update` and `make update-check`: python -m ml_chassis.updates."""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import yaml

from ml_chassis.errors import UpdateError
from ml_chassis.redaction import redact
from ml_chassis.updates.git import ELSEWHERE
from ml_chassis.updates.picking import ENDS
from ml_chassis.updates.rendering import Wanted, is_behind
from ml_chassis.updates.repository import open_repository
from ml_chassis.updates.texts import plain, say
from ml_chassis.updates.update import update
from ml_chassis.updates.ways import UNCHANGED, InterruptedUpdateError


def main() -> int:
    """Run the program, and return its exit code."""
    options = _parser().parse_args()
    _keep_releases_out(Path.cwd())
    for ending in ENDS:
        if signal.getsignal(ending) != signal.SIG_IGN:
            signal.signal(ending, _end)
    try:
        return _run(options)
    except KeyboardInterrupt:
        return _failed(InterruptedUpdateError(f"interrupted. {UNCHANGED}"))
    except OSError as error:
        return _failed(UpdateError(f"{error}. {UNCHANGED}"))
    except UpdateError as error:
        return _failed(error)


def _run(options: argparse.Namespace) -> int:
    if options.newer:
        if not is_behind(Path.cwd(), options.answers_file, options.prereleases):
            return 0
        say("The template has a newer release: make update brings it.")
        return 1
    wanted = Wanted(options.vcs_ref, _answers(options), options.prereleases)
    update(open_repository(Path.cwd(), options.answers_file), wanted, options.check)
    return 0


def _failed(error: UpdateError) -> int:
    say(f"Error: {plain(redact(str(error)))}", sys.stderr)
    return error.exit_code


def _end(number: int, frame: object) -> NoReturn:
    """End the program as Ctrl-C does. Whoever presses it again lets it clean up all the same."""
    for ending in ENDS:
        signal.signal(ending, signal.SIG_IGN)
    raise KeyboardInterrupt


def _answers(options: argparse.Namespace) -> dict[str, Any]:
    """Return the answers that were given; a file's come after those of the command line.

    Raises:
        UpdateError: the file has none.
    """
    found: Any = {}
    if options.data_file:
        try:
            found = yaml.safe_load(options.data_file.read_text(encoding="utf-8"))
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise UpdateError(f"--data-file cannot be read: {error}") from None
        if not isinstance(found, dict):
            raise UpdateError(f"{options.data_file} holds no answers; expected lines such as `ci: gitlab`.")
    return {**found, **dict(options.data)}


def _answer(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is no answer; expected NAME=VALUE")
    return name, value


def _keep_releases_out(folder: Path) -> None:
    """Import nothing from a folder from here on: its files may become those of a release. Nor are Git's led elsewhere.

    All that this program has of its own was imported with it.
    """
    kept = Path(sys.prefix)  # where the libraries are, which may be in there
    paths = {entry: Path(entry).resolve() for entry in sys.path}
    sys.path[:] = [
        entry for entry, path in paths.items() if not path.is_relative_to(folder) or path.is_relative_to(kept)
    ]
    for name in ("PYTHONPATH", *ELSEWHERE):
        os.environ.pop(name, None)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "make update", description="Bring what the template has become.", allow_abbrev=False
    )
    parser.add_argument("-r", "--vcs-ref", metavar="TAG", help="a release of your choice; by default the newest")
    parser.add_argument(
        "-d", "--data", metavar="NAME=VALUE", type=_answer, action="append", default=[], help="another answer"
    )
    parser.add_argument("--data-file", metavar="FILE", type=Path, help="a YAML file with other answers")
    parser.add_argument("-g", "--prereleases", action="store_true", help="take candidates for releases too")
    parser.add_argument(
        "-a", "--answers-file", metavar="FILE", default=".copier-answers.yml", help="the answers to another template"
    )
    parser.add_argument("--check", action="store_true", help="run lint and tests of what was brought")
    parser.add_argument("--newer", action="store_true", help="only fail if there is a newer release")
    return parser


if __name__ == "__main__":
    sys.exit(main())
