"""Texts of others, made fit for a terminal and for the message of a commit."""

import re
import sys
import unicodedata
from os import PathLike, fspath
from textwrap import indent
from typing import TextIO

from packaging.version import InvalidVersion, Version

TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""Unicode's marks that have a text read in another order than it is written."""
HEADING = re.compile(r"^#+ +")
RELEASE = re.compile(r"## +\[?([^\s\]]+)")


def plain(text: str) -> str:
    """Return a text without the characters that act on a terminal."""
    return "".join(letter for letter in text if letter in "\n\t" or not _acts(letter))


def shown(path: str | PathLike[str]) -> str:
    """Return a path as a person may read it, on one line."""
    name = fspath(path)
    return name if name.isprintable() else repr(name)


def say(text: str, stream: TextIO = sys.stdout) -> None:
    """Print a text at once; what else prints beside this program comes after it."""
    stream.write(f"{text}\n".encode(stream.encoding, errors="backslashreplace").decode(stream.encoding))
    stream.flush()


def news(changelog: str, since: Version | None) -> str:
    """Return what a changelog says of the releases after one, each line of it after blanks.

    There, Git finds neither comments nor trailers such as `Signed-off-by:`.
    """
    lines, wanted = [], False
    for line in plain(changelog).splitlines():
        if heading := RELEASE.match(line):
            wanted = _is_later(heading[1], since)
        if wanted:
            lines.append(HEADING.sub("", line))
    return indent("\n".join(lines).strip(), "  ")


def _is_later(name: str, since: Version | None) -> bool:
    try:
        release = Version(name)
    except InvalidVersion:  # what is not released yet
        return False
    return since is None or release > since


def _acts(letter: str) -> bool:
    return unicodedata.category(letter) == "Cc" or unicodedata.bidirectional(letter) in TURNING
