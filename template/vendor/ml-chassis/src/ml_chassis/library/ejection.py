"""Makes a module of the library a project's own: a copy in the project, which everybody gets in place of the library's.

The copy has the same name, so nobody's imports change: `ml_chassis/__init__.py` has Python look into the package of the
copies first. It is a package of its own, beside the project's, as the library is to find it whoever is imported first.
"""

import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches, unified_diff
from importlib.metadata import version
from pathlib import Path

import ml_chassis
from ml_chassis import EJECTED
from ml_chassis.errors import LibraryError
from ml_chassis.library.vendored import original_digest

LIBRARY = Path(str(ml_chassis.__file__)).parent
PACKAGE = f"src/{EJECTED}"
DOCSTRING = '"""Modules of the library that are this project\'s own; they take the place of those in `ml_chassis`."""\n'
HEADER = '# mypy: disable-error-code="import-untyped,import-not-found", disallow-untyped-decorators=False\n'
"""The library checks its types with these allowances, where all of its extras are installed."""
TABLE = """
# Modules of the library that are this project's own, with what they are copies of. `eject` writes it.
[tool.ml-chassis.ejected]
"""
MODULES = re.compile(r'^module-name = (?:"(?P<one>\w+)"|\[(?P<several>.*)\])$', re.MULTILINE)
"""What uv builds the distribution of."""


@dataclass(frozen=True)
class Ejection:
    """What is to be written: the copy, and what `pyproject.toml` says then."""

    copy: Path
    text: str
    pyproject: str

    def difference(self, root: Path) -> str:
        """Return what would change in `pyproject.toml`."""
        before = (root / "pyproject.toml").read_text().splitlines()
        return "\n".join([*unified_diff(before, self.pyproject.splitlines(), n=0, lineterm="")][2:])

    def carry_out(self, root: Path) -> None:
        """Write it, in the folder of a repository."""
        self.copy.parent.mkdir(parents=True, exist_ok=True)
        (root / PACKAGE / "__init__.py").write_text(DOCSTRING)
        self.copy.write_text(self.text)
        (root / "pyproject.toml").write_text(self.pyproject)


def ejection(root: Path, module: str) -> Ejection:
    """Return what makes a module the own one of the repository in a folder.

    Raises:
        LibraryError: there is no such module, it cannot go, or it is the project's own already.
    """
    original, copy = LIBRARY / _path(module), root / PACKAGE / _path(module)
    if copy.exists():
        raise LibraryError(f"{module} is this project's own already: {copy}. To copy it again, delete that file first.")
    if module not in (known := _modules()):
        raise LibraryError(f"The library has no module {module!r}; {_near(module, known)}")
    if module == "project":
        raise LibraryError(f"{module!r} has the types that all others name; inherit `Project` instead.")
    if module.startswith("updates."):
        raise LibraryError(
            f"{module} follows the template, whatever the project is; what it should do else is asked there."
        )
    text = original.read_text()
    if re.search(r"(?<!\.)\b__file__\b", text):
        raise LibraryError(f"{module} reads files that lie beside it, which a copy would not find.")
    entry = f'"{module}" = {{ version = "{version("ml-chassis")}", sha256 = "{original_digest(original)}" }}'
    return Ejection(copy, HEADER + text, _recorded((root / "pyproject.toml").read_text(), entry))


def ejected(root: Path) -> dict[str, dict[str, str]]:
    """Return the modules that a repository has made its own, each with the version and digest that it was copied of."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    found: dict[str, dict[str, str]] = project["tool"].get("ml-chassis", {}).get("ejected", {})
    return found


def is_outdated(module: str, record: dict[str, str]) -> bool:
    """Return whether the library's own module is another one by now than that which was copied, or gone."""
    original = LIBRARY / _path(module)
    return not original.is_file() or original_digest(original) != record["sha256"]


def _path(module: str) -> str:
    return f"{module.replace('.', '/')}.py"


def _modules() -> list[str]:
    """Return the names of all modules but those that are packages. What is in no package is data."""
    paths = [path for path in LIBRARY.rglob("*.py") if path.name != "__init__.py" and _is_module(path)]
    return sorted(".".join(path.relative_to(LIBRARY).with_suffix("").parts) for path in paths)


def _is_module(path: Path) -> bool:
    return (path.parent / "__init__.py").is_file()


def _near(module: str, known: list[str]) -> str:
    inside = [name for name in known if name.startswith(f"{module}.")]
    found = inside or get_close_matches(module, known, n=3) or known
    return f"{'it has' if inside else 'is it one of these?'} {', '.join(found)}"


def _recorded(pyproject: str, entry: str) -> str:
    """Return `pyproject.toml` with an entry more, by name, and the package of the copies among what is built."""
    if not (built := MODULES.search(pyproject)):
        raise LibraryError(
            f"pyproject.toml does not say what uv builds; add a `module-name` to it. {EJECTED} is added."
        )
    if EJECTED not in built[0]:
        names = built["several"] or f'"{built["one"]}"'
        line = f'module-name = [{names}, "{EJECTED}"]'
        pyproject = f"{pyproject[: built.start()]}{line}{pyproject[built.end() :]}"
    if TABLE not in pyproject:
        return f"{pyproject.rstrip()}\n{TABLE}{entry}\n"
    before, _, after = pyproject.partition(TABLE)
    entries, _, others = after.partition("\n\n")
    lines = "\n".join(sorted([*entries.splitlines(), entry]))
    return f"{before}{TABLE}{lines}\n" + (f"\n{others}" if others else "")
