"""Releases of the template to update between: older commits of this repository, the one under test, and two to come."""

from pathlib import Path

from tests.needs import give_up
from tests.running import ROOT, commit_all, run, set_version

STAND_INS = {
    "0.1.0": "01f9312",
    "0.2.0": "5fc304d",
}
"""Commits that play earlier releases, of which there is none yet: the laptop alone, and all but the library.

Copier itself updates from the last of them only. From the other it fails, as it reads today's `_exclude` with the
answers of then, which lack `lab` and more.
"""
WITH_LIBRARY = {"0.3.0": "76b5f73"}
"""A commit that plays a release of the last two minor ones: the library has to work in what they wrote."""
UNDER_TEST = "999.0.0"
MINOR = "999.1.0"
MAJOR = "1000.0.0"

EXAMPLE = ("# Copy this file to .env and change", "# Copy it to .env and change")
"""What the library writes, and `make lint` compares with the file."""
CHANGED = {
    ".env.example": EXAMPLE,
    ".github/workflows/ci.yml": ("- run: make types", "- run: make types test"),
    "CHANGELOG.md": ("- First model.", "- The very first model."),
    "Dockerfile": ("pip install --no-cache-dir uv==0.13.9", "pip install --no-cache-dir uv==0.13.10"),
    "Makefile": ("# What is done often:", "# What one does often:"),
    "README.md": ("One pipeline reads and checks the data", "A pipeline reads and checks the data"),
    "deploy/serving/base/networkpolicy.yaml": ("# What is not named here", "# Whatever is not named here"),
    "docs/data.md": ("4. `make run`.", "4. Then `make run`."),
    "notebooks/explore.ipynb": ("# Explore the data", "# Explore the project's data"),
    "pyproject.toml": ('    "scikit-learn>=1.7",', '    "scikit-learn>=1.7.1",'),
    "renovate.json": ('"config:best-practices"', '"config:recommended"'),
    "src/wine_cultivars/schema.yaml": ("# What the data must look like.", "# What all data must look like."),
    "src/wine_cultivars/training.py": ("seed: fixes everything random", "seed: settles everything random"),
    "vendor/ml-chassis/src/ml_chassis/explained.py": EXAMPLE,
    "vendor/ml-chassis/src/ml_chassis/registry.py": ("The model registry:", "The registry of models:"),
}
"""What the minor release changes, by the path in a repository: part of a line, and what becomes of it."""
TEAMS_OWN = {"CHANGELOG.md", "src/wine_cultivars/schema.yaml"}
MOVED = {"docs/model.md": "docs/models.md", "src/wine_cultivars/features.py": "src/wine_cultivars/columns.py"}
REMOVED = "tests/test_training.py"
"""What the major release does to files."""

QUESTION = """
cost_center:
  type: str
  help: Who pays.
  default: ""

# COMPUTED
"""
EXCLUDED = '  - "{% if cost_center is defined and not cost_center %}costs.md{% endif %}"\n'
TELEMETRY = "    them until an environment turns it on.\n  default: "


def all_releases(template: Path, folder: Path) -> Path:
    """Return a clone of the template in which every release is a tag."""
    clone = folder / "copier-kubeflow"
    run("git", "clone", "--quiet", str(template), str(clone))
    run("git", "fetch", "--quiet", str(ROOT), "HEAD", cwd=clone)
    for release, commit in (STAND_INS | WITH_LIBRARY).items():
        try:
            run("git", "tag", release, commit, cwd=clone)
        except AssertionError:
            give_up(f"commit {commit} is missing: this checkout lacks its history; git fetch --unshallow brings it")
    write_minor(clone)
    set_version(clone, MINOR)
    commit_all(clone, "Release")
    run("git", "tag", MINOR, cwd=clone)
    write_major(clone)
    set_version(clone, MAJOR)
    commit_all(clone, "Release")
    run("git", "tag", MAJOR, cwd=clone)
    return clone


def write_minor(clone: Path) -> None:
    """Change lines, add and remove some, ask another question and change the default of one that is always asked."""
    for path, (before, after) in CHANGED.items():
        change(source(clone, path), before, after)
    change(source(clone, "Makefile"), "##@ Quality\n", "##@ Quality: before each commit\n# A line of its own.\n")
    change(source(clone, ".gitignore"), ".mypy_cache/\n", "")
    change(source(clone, "README.md"), "{{ description }}.\n", "{{ description }}.\n{{ cost_center }}\n")
    (clone / "template/docs/costs.md.jinja").write_text("# Costs\n\n{{ cost_center }} pays.\n")
    questions = clone / "copier.yml"
    change(questions, "\n# COMPUTED\n", QUESTION)
    change(questions, "_exclude:\n", f"_exclude:\n{EXCLUDED}")
    change(questions, '  default: "3.12"\n', '  default: "3.13"\n')
    change(clone / "CHANGELOG.md", "## Unreleased\n", f"## {MINOR}\n\n- Who pays is asked.\n\n## {UNDER_TEST}\n")


def write_major(clone: Path) -> None:
    """Move files, remove one, and change the default of what a preset answers."""
    for before, after in MOVED.items():
        old = source(clone, before)
        old.rename(old.with_name(f"{Path(after).name}.jinja"))
    source(clone, REMOVED).unlink()
    change(clone / "copier.yml", f"{TELEMETRY}\"{{{{ preset == 'full'", f'{TELEMETRY}"{{{{ false')
    change(clone / "CHANGELOG.md", f"## {MINOR}\n", f"## {MAJOR}\n\n- Files have moved.\n\n## {MINOR}\n")


def source(clone: Path, path: str) -> Path:
    """Return the file of the template that becomes a file of a repository."""
    plain = clone / "template" / path.replace("wine_cultivars", "{{package_name}}")
    return plain if plain.exists() else plain.with_name(f"{plain.name}.jinja")


def change(file: Path, before: str, after: str) -> None:
    """Replace a text that the file must hold."""
    text = file.read_text()
    assert before in text, f"{file} has no {before!r}"
    file.write_text(text.replace(before, after, 1))
