import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
from ml_chassis.cli import app_for, run_app
from ml_chassis.errors import ProjectError
from ml_chassis.evaluation import Verdict
from ml_chassis.registry import Registry
from ml_chassis.settings import Settings
from projects import like
from wines import PROJECT

OF_ALL = {
    *("run", "batch", "compile", "schema", "models", "promote", "demote"),
    *("serve", "predict", "ui", "settings", "identity", "library", "eject"),
}
MONITORING = {"monitor", "drift", "feedback"}
PLATFORM = {
    *("submit", "follow", "stop", "schedule", "unschedule"),
    *("doctor", "platform", "platform-plan", "platform-remove"),
}
OWN_CLUSTER = {*PLATFORM, "vendor", "copy-images", "platform-eject", "platform-status", "credentials", "open"}
ROLLOUT = {"deploy", "canary", "ab-test", "shadow", "promote-canary", "abort-canary", "rollback", "status"}


class Ended(NamedTuple):
    """How a command ended: its exit code, and what it printed."""

    code: int | str | None
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command as the shell would, by default one of `wines`."""

    def run(*arguments: str, app: typer.Typer | None = None) -> Ended:
        monkeypatch.setattr("sys.argv", ["wines", *arguments])
        capsys.readouterr()  # what was printed before
        with pytest.raises(SystemExit) as exit_:
            run_app(app or app_for(PROJECT))
        return Ended(exit_.value.code, *capsys.readouterr())

    return run


@pytest.mark.parametrize(
    ("facts", "others"),
    [
        ({}, set()),
        ({"monitoring": True}, MONITORING),
        ({"platform": "existing"}, PLATFORM),
        ({"platform": "standalone"}, OWN_CLUSTER),
        ({"platform": "kubeflow"}, OWN_CLUSTER),
        ({"serving": "standard"}, ROLLOUT),
        ({"serving": "standard", "controller": "Argo CD"}, ROLLOUT),
        ({"serving": "knative"}, ROLLOUT - {"shadow"}),
        ({"serving": "seldon"}, ROLLOUT),
        ({"platform": "existing", "serving": "standard"}, PLATFORM | ROLLOUT),
        ({"platform": "standalone", "serving": "standard"}, OWN_CLUSTER | ROLLOUT | {"load-balancer"}),
        ({"platform": "kubeflow", "serving": "knative"}, (OWN_CLUSTER | ROLLOUT | {"load-balancer"}) - {"shadow"}),
        ({"platform": "standalone", "serving": "seldon"}, OWN_CLUSTER | ROLLOUT),
    ],
    ids=lambda value: "-".join(map(str, value.values())) or "none" if isinstance(value, dict) else "",
)
def test_commands_are_those_of_what_the_project_chose(facts: dict[str, Any], others: set[str]) -> None:
    project = like(PROJECT, **{"monitoring": False} | facts)

    assert set(typer.main.get_group(app_for(project)).commands) == OF_ALL | others


@pytest.mark.parametrize(
    ("serving", "told"),
    [
        ("standard", "to either variant who asks for it by x-model-variant"),
        ("knative", "give each variant an address of its own"),
        ("seldon", "each answer's x-model-version tells which one it was"),
    ],
)
def test_help_says_how_an_ab_test_tells_the_variants_apart(serving: str, told: str, run: Run) -> None:
    said = run("ab-test", "--help", app=app_for(like(PROJECT, serving=serving)))

    assert told in " ".join(said.out.split())


def test_help_lists_every_command(run: Run) -> None:
    said = run("--help")

    assert said.code == 0
    assert [command for command in OF_ALL | MONITORING if f" {command} " not in said.out] == []


def test_models_are_listed(run: Run) -> None:
    said = run("models")

    assert said.code == 0
    assert said.out.splitlines()[1].split()[:3] == ["1", "champion", "0.9000"]


def test_empty_registry_says_how_to_fill_it(run: Run, empty_registry: Registry) -> None:
    assert run("models") == (0, "ml-chassis has no version yet; `uv run ml-chassis run` registers one.\n", "")


@pytest.mark.parametrize(
    ("facts", "served"),
    [
        ({}, "Restart the server to serve it."),
        (
            {"platform": "standalone", "serving": "standard"},
            "Restart the server to serve it; if it is in the cluster's MLflow, "
            "`uv run ml-chassis deploy` rolls it out.",
        ),
        (
            {"platform": "existing", "serving": "standard"},
            "`uv run ml-chassis deploy` rolls it out; a server on this machine takes it when it starts again.",
        ),
    ],
    ids=["by itself", "own cluster", "another's cluster"],
)
def test_promote_and_demote_move_the_champion_and_say_what_has_it_served(
    run: Run, registry: Registry, log_again: Callable[[], str], facts: dict[str, str], served: str
) -> None:
    registry.register(log_again(), Verdict({}, True, "better"))
    app = app_for(like(PROJECT, **facts))

    assert run("promote", "2", app=app) == (0, f"Version 2 of ml-chassis is the champion. {served}\n", "")
    assert registry.champion() == 2
    assert run("demote", app=app) == (0, f"Version 1 of ml-chassis is the champion again. {served}\n", "")
    assert registry.champion() == 1


def test_version_that_the_gate_refused_is_promoted_by_force(
    run: Run, registry: Registry, log_again: Callable[[], str]
) -> None:
    registry.register(log_again(), Verdict({}, False, "worse"))

    assert (run("promote", "2").code, registry.champion()) == (1, 1)
    assert (run("promote", "2", "--force").code, registry.champion()) == (0, 2)


def test_person_is_told_that_a_version_is_the_champion_already(run: Run) -> None:
    said = run("promote", "1")

    assert said.code == 1
    assert "is the champion already; nothing to do." in said.err


def test_refusal_is_one_sentence(run: Run) -> None:
    assert run("promote", "99") == (1, "", "Error: 'ml-chassis' has no version 99; it has 1.\n")


def test_verbose_raises_the_error_itself(run: Run) -> None:
    with pytest.raises(ProjectError):
        run("--verbose", "demote")


def test_other_error_is_named_without_secrets_and_leads_to_its_traceback(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2")
    app = app_for(PROJECT)

    @app.command()
    def own() -> None:
        raise OSError("no login by hunter2.")

    assert run("own", app=app) == (1, "", "Error: OSError: no login by ***. See the traceback with --verbose.\n")


def test_bad_setting_is_exit_code_two(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_SHARE", "2")

    assert run("models").code == 2


def test_batch_without_a_champion_says_how_to_get_one(run: Run, empty_registry: Registry) -> None:
    said = run("batch")

    assert said.code == 1
    assert "uv run ml-chassis run" in said.err


def test_predict_without_a_server_says_how_to_start_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVE_PORT", "1")
    said = run("predict")

    assert said.code == 1
    assert "the command `serve`" in said.err


def test_schema_is_written_from_the_data(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "vintages"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "data.py").write_text("from ml_chassis.data import read_rows as load\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    said = run("schema", app=app_for(like(PROJECT, package="vintages")))

    assert (said.code, said.out) == (0, f"Wrote {package / 'schema.yaml'}. Review it, then `uv run ml-chassis run`.\n")
    assert "alcohol" in (package / "schema.yaml").read_text()


def test_identity_is_that_of_the_projects_code(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "src/cellar").mkdir(parents=True)
    (tmp_path / "src/cellar/__init__.py").touch()
    (tmp_path / "pyproject.toml").touch()
    git = ["git", "-C", str(tmp_path), "-c", "user.name=Anna", "-c", "user.email=anna@example.com"]
    for command in (["init", "--quiet"], ["add", "src", "pyproject.toml"], ["commit", "--quiet", "-m", "Begin"]):
        subprocess.run([*git, *command], check=True)
    last = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    project = like(PROJECT, package="cellar")

    assert run("identity", app=app_for(project)) == (0, f"{project.version}-{last[:10]}\n", "")
    assert run("identity", "--commit", app=app_for(project)) == (0, last, "")
