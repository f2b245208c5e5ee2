"""The names that a package must not take are those of Python, and of what a generated repository needs or imports."""

import ast
import keyword
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator

import pytest

from tests.conftest import Render
from tests.running import ROOT

LISTED = re.findall(r'set shadowed = "(.*?)"', (ROOT / "questions" / "validators.jinja").read_text(), re.DOTALL)[
    0
].split()
SHADOWED = set(LISTED)
IMPORTABLE = re.compile(r"[a-z]([a-z0-9_]*[a-z0-9])?")

# Distributions that are imported by another name than their own, or not at all.
IMPORTED_AS = {
    "grpcio": "grpc",
    "kfp-kubernetes": "kfp",
    "kfp-pipeline-spec": "kfp",
    "mlflow-skinny": "mlflow",
    "opentelemetry-exporter-otlp-proto-http": "opentelemetry",
    "opentelemetry-instrumentation-asgi": "opentelemetry",
    "pandas-stubs": "pandas",
    "protobuf": "google",
    "python-dotenv": "dotenv",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
    "types-pyyaml": "yaml",
}


def test_keywords_are_refused() -> None:
    assert importable([*keyword.kwlist, *keyword.softkwlist]) - SHADOWED == set()


def test_standard_library_is_refused() -> None:
    assert importable(sys.stdlib_module_names) - SHADOWED == set()


@pytest.mark.parametrize(("framework", "cloud"), [("sklearn", "eks"), ("xgboost", "gke"), ("lightgbm", "aks")])
def test_dependencies_are_refused(framework: str, cloud: str, render: Render) -> None:
    project = render(framework=framework, cloud=cloud, preset="full")
    metadata = tomllib.loads((project / "pyproject.toml").read_text())
    library = tomllib.loads((project / "vendor/ml-chassis/pyproject.toml").read_text())["project"]
    groups = [
        metadata["project"]["dependencies"],
        *metadata["dependency-groups"].values(),
        library["dependencies"],
        *library["optional-dependencies"].values(),
    ]
    distributions = {re.split(r"[\[<>=~! ;]", line)[0].lower() for group in groups for line in group}
    assert distributions
    imported = {IMPORTED_AS.get(name, name.replace("-", "_")) for name in distributions}
    assert importable(imported) - SHADOWED == set()


def test_what_is_imported_is_refused(render: Render) -> None:
    files = [path.read_text() for path in render(framework="xgboost", preset="full").rglob("*.py")]
    imported = {name for text in files for name in imports(text)} - {"wine_cultivars"}
    assert {"ml_chassis", "packaging"} <= imported
    assert importable(imported) - SHADOWED == set()


def test_folders_of_a_repository_are_refused() -> None:
    assert {"docs", "src", "tests", "vendor"} - SHADOWED == set()


def test_list_is_in_order_and_names_each_once() -> None:
    assert sorted(SHADOWED) == LISTED


def importable(names: Iterable[str]) -> set[str]:
    """Return the names that a package could have at all."""
    return {name for name in names if IMPORTABLE.fullmatch(name)}


def imports(text: str) -> Iterator[str]:
    """Yield the top-level names that a module imports, wherever it does."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
