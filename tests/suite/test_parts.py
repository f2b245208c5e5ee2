"""`make test` runs both parts of the suite whatever becomes of the first, and ends with one count of all tests."""

import sys
from pathlib import Path
from runpy import run_path

import pytest

from tests.isolation import of_a_user, recording
from tests.running import ROOT, run

SCRIPT = run_path(str(ROOT / "scripts/test.py"))
FIRST = """
import pytest
def test_good(): pass
def test_bad(): assert False
@pytest.fixture
def broken(): assert False
def test_without_its_fixture(broken): pass
def test_given_up(): pytest.skip("no cluster")
"""
SECOND = "def test_good(): pass\n"


def written(folder: Path, name: str, text: str) -> list[str]:
    """Return the options of a part that consists of a file of tests alone."""
    (folder / f"test_{name}.py").write_text(text)
    return ["--numprocesses=0", "-pno:cacheprovider", f"--rootdir={folder}", str(folder / f"test_{name}.py")]


def test_failures_of_the_first_part_keep_nothing_of_the_second(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    parts = {"first": written(tmp_path, "first", FIRST), "second": written(tmp_path, "second", SECOND)}

    assert SCRIPT["main"](parts) == 1

    assert capfd.readouterr().out.splitlines()[-4:] == [
        "SKIPPED [1] no cluster",
        "FAILED test_first.py::test_bad",
        "FAILED test_first.py::test_without_its_fixture",
        "2 passed, 2 failed, 1 skipped",
    ]


def test_part_that_breaks_off_is_a_failure(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    parts = {"first": ["no/such/file.py"], "second": written(tmp_path, "second", SECOND)}

    assert SCRIPT["main"](parts) == 1

    assert capfd.readouterr().out.splitlines()[-1] == "1 passed, 1 failed, 0 skipped"


def test_parts_go_well_together(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert SCRIPT["main"]({name: written(tmp_path, name, SECOND) for name in ("first", "second")}) == 0

    assert capfd.readouterr().out.splitlines()[-1] == "2 passed, 0 failed, 0 skipped"


def test_second_part_is_what_the_first_leaves_out() -> None:
    first, second = SCRIPT["PARTS"].values()
    paths = [option for option in second if not option.startswith("-")]
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert [option.removeprefix("--ignore=") for option in first if option.startswith("--ignore=")] == paths


IMPORT = "import ml_chassis.errors"


@pytest.mark.parametrize(("ci", "status"), [(True, 2), (False, 0)])
def test_library_that_is_hardly_run_fails_ci_alone(
    ci: bool, status: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("LIBRARY_COVERAGE", "")  # which `covered` sets, and which is to be as before afterwards
    if ci:
        monkeypatch.setenv("CI", "true")

    def parts() -> int:
        settings = of_a_user() | recording() | {"PYTHONPATH": str(SCRIPT["LIBRARY"].parent)}
        run(sys.executable, "-c", IMPORT, env=settings)
        return 0

    assert SCRIPT["covered"](parts) == status
    assert "TOTAL" in capfd.readouterr().out


def test_failed_tests_fail_whatever_they_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBRARY_COVERAGE", "")
    assert SCRIPT["covered"](lambda: 1) == 1
