"""What a set of answers renders: the tree with sizes, and what one more answer changes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from pathlib import PurePath
from typing import Any

from rich.filesize import decimal
from rich.text import Text
from rich.tree import Tree

from .errors import FleetError
from .template import Rendering, Template


@dataclass(frozen=True)
class Change:
    """A file that two renderings do not share alike: the lines that the second one has more, and less."""

    what: str
    path: str
    added: int
    removed: int


def rendered(template: Template, version: str, answers: Mapping[str, Any]) -> Rendering:
    """Return what a version of the template writes for some answers.

    Raises:
        FleetError: an answer is to no question, or not one that the question allows.
    """
    rendering = template.render(template.commit(version), answers)
    for name in answers:
        if name not in rendering.answers:
            near = get_close_matches(name, rendering.answers, 1)
            hint = f"; is it {near[0]!r}?" if near else "."
            raise FleetError(f"{name!r} is no question of version {version}{hint}")
    return rendering


def tree(rendering: Rendering) -> Tree:
    """Return the files as a tree, each file and folder with its size."""
    sizes = {PurePath(path): len(text.encode(errors="surrogateescape")) for path, text in rendering.files.items()}
    total = sum(sizes.values())
    nodes = {PurePath(): Tree(Text(f"{len(sizes)} files, {decimal(total)}"))}
    for path in sorted(sizes, key=lambda path: [*((0, part) for part in path.parent.parts), (1, path.name)]):
        for folder in reversed(path.parents[:-1]):
            if folder not in nodes:
                held = sum(size for file, size in sizes.items() if folder in file.parents)
                nodes[folder] = nodes[folder.parent].add(Text(f"{folder.name}/  {decimal(held)}"))
        nodes[path.parent].add(Text(f"{path.name}  {decimal(sizes[path])}"))
    return nodes[PurePath()]


def changes(before: Rendering, after: Rendering) -> Iterator[Change]:
    """Yield each file that the two renderings do not share alike."""
    for path in sorted(before.files.keys() | after.files.keys()):
        old, new = before.files.get(path), after.files.get(path)
        if old != new:
            what = "added" if old is None else "removed" if new is None else "changed"
            matcher = SequenceMatcher(None, (old or "").splitlines(), (new or "").splitlines(), autojunk=False)
            edits = [edit for edit in matcher.get_opcodes() if edit[0] != "equal"]
            yield Change(what, path, sum(e[4] - e[3] for e in edits), sum(e[2] - e[1] for e in edits))
