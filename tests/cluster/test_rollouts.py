"""Releases roll out to a real node, by the project's own commands."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.images import docker, load_on_node, tag
from tests.running import run

from .environments import Environment
from .kubectl import acting_as, get, kubectl
from .overlays import NAME, PIPELINES, edit
from .sessions import repeated, shown

pytestmark = pytest.mark.xdist_group("image")  # as the tests of the image that it needs


@pytest.fixture(params=["kserve", "seldon"])
def updated(request: pytest.FixtureRequest) -> Environment:
    """Return an environment of each kind in which version 2 has taken the place of version 1."""
    found: Environment = request.getfixturevalue(request.param)
    if "stable: '2'\n    previous: '1'" not in found.release:
        found.serve_only(1)
        found.appoint(2)
        found.project.make("deploy")
    return found


@pytest.fixture
def broken_image(environment: Environment, serving_image: str, tmp_path: Path) -> Iterator[None]:
    """Have the node hold an image of the code that does not start."""
    with environment.edited("BROKEN = True\n"):
        name = tag(environment.project, "serving")
        (tmp_path / "Dockerfile").write_text(f'FROM {serving_image}\nCMD ["no-such-command"]\n')
        docker("build", "--quiet", f"--tag={name}", str(tmp_path))
        load_on_node(name)
        yield


@pytest.fixture
def single_rows(environment: Environment) -> Iterator[None]:
    """Have the server refuse the rows that were recorded with a model, which are three."""
    base = environment.manifests / "base/kustomization.yaml"
    before = base.read_text()
    edit(base, "( +)- WORKERS=1", r"\1- WORKERS=1\n\1- SERVE_MAX_ROWS=1")
    yield
    base.write_text(before)


@pytest.fixture
def delivered_elsewhere(updated: Environment) -> Iterator[str]:
    """Have the overlay not know yet that the cluster serves version 2; return what it is to say."""
    path, delivered = updated.manifests / "overlays/local/release/kustomization.yaml", updated.release
    path.write_text(delivered.replace("/2", "/1").replace("stable: '2'", "stable: '1'"))
    yield delivered
    path.write_text(delivered)


def test_deployed_version_answers_through_its_service(environment: Environment) -> None:
    assert environment.client.ask(environment.service("stable")) == ["1"]


def test_address_that_kserve_tells_leads_to_the_pods(kserve: Environment) -> None:
    kserve.serve_only(1)
    told = get(f"inferenceservice/{NAME}", kserve.namespace)["status"]["url"]
    assert kserve.client.ask(f"{told.removeprefix('http://')}:80") == ["1"]


def test_pods_run_in_a_restricted_namespace(environment: Environment) -> None:
    labels = get(f"namespace/{environment.namespace}", "")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    assert environment.pods("stable")


def test_status_names_version_and_pods(environment: Environment) -> None:
    printed = environment.project.call("status")
    assert "local should serve version 1." in printed
    assert re.match(r"stable 1 \d of \d ", " ".join(printed.splitlines()[-1].split()))


def test_status_without_a_cluster_still_says_what_is_to_serve(environment: Environment) -> None:
    printed = environment.project.fail("status", CONTEXT="kind-elsewhere")
    assert "local should serve version 1.\nError: The kubeconfig has no context 'kind-elsewhere'" in printed


def test_page_shows_what_the_commands_print(environment: Environment) -> None:
    context = environment.project.settings["CONTEXT"]
    session = shown(environment.project, kind_wine_cultivars=context, wine_cultivars_local=environment.namespace)
    assert repeated(environment.project, session) == session


def test_deployment_without_a_champion_says_how_to_get_one(environment: Environment, tmp_path: Path) -> None:
    empty = f"sqlite:///{tmp_path / 'empty.db'}"
    assert "has no champion yet; `uv run wine-cultivars run`" in environment.project.fail(
        "deploy", MLFLOW_TRACKING_URI=empty
    )


def test_deployment_to_an_unknown_context_says_how_to_choose_one(environment: Environment) -> None:
    printed = environment.project.fail("deploy", CONTEXT="kind-elsewhere")
    assert "The kubeconfig has no context 'kind-elsewhere', only " in printed
    assert "CONTEXT=name chooses another" in printed


def test_overlay_is_applied_by_hand_with_the_command_of_the_page(environment: Environment) -> None:
    page = (environment.project.folder / "docs/rollout.md").read_text()
    (command,) = re.findall(r"`(kubectl apply [^`]*/overlays/)production`", page)
    context = f"--context={environment.project.settings['CONTEXT']}"
    run(*f"{command}local".split(), context, cwd=environment.project.folder, env=environment.project.environment)


def test_dry_run_shows_the_difference_and_makes_none(environment: Environment) -> None:
    release, before = environment.release, environment.deployment("stable")["metadata"]["generation"]
    environment.appoint(2)
    written = environment.release_file.stat().st_mtime_ns

    printed = environment.project.call("deploy --dry-run")

    assert re.search(r"(?m)^\+ +value: models:/wine-cultivars/2$", printed)
    assert (environment.release, environment.release_file.stat().st_mtime_ns) == (release, written)
    assert environment.deployment("stable")["metadata"]["generation"] == before
    assert environment.asked_for("stable") == "models:/wine-cultivars/1"


def test_update_under_load_loses_no_request_and_ends_with_the_new_version_alone(environment: Environment) -> None:
    environment.appoint(2)

    with environment.client.sending(environment.service("stable")) as traffic:
        environment.project.make("deploy")

    assert traffic.failures == []
    assert set(traffic.answers) == {"1", "2"}
    assert environment.answering("stable", instead_of=1) == ["2"]


def test_release_that_another_machine_delivered_is_told_and_then_taken_over(
    updated: Environment, delivered_elsewhere: str
) -> None:
    outdated = updated.release
    printed = updated.project.call("status")
    assert (
        "was given version 2 last, and deploy/serving/overlays/local/release/kustomization.yaml holds version 1"
        in printed
    )
    assert updated.release == outdated

    updated.project.make("deploy")
    assert updated.release == delivered_elsewhere


@pytest.mark.usefixtures("delivered_elsewhere")
def test_dry_run_of_a_rollback_goes_on_from_it_too_and_changes_nothing(updated: Environment) -> None:
    release = updated.release

    printed = updated.project.call("rollback --dry-run")

    assert re.search(r"(?m)^\+ +value: models:/wine-cultivars/1$", printed)
    assert updated.release == release
    assert updated.asked_for("stable") == "models:/wine-cultivars/2"


def test_rollback_under_load_serves_the_version_of_before(updated: Environment) -> None:
    with updated.client.sending(updated.service("stable")) as traffic:
        updated.project.call("rollback")

    assert traffic.failures == []
    assert updated.answering("stable", instead_of=2) == ["1"]


@pytest.mark.usefixtures("broken_image")
def test_release_that_cannot_start_is_put_back_and_disturbs_nobody(environment: Environment) -> None:
    release = environment.release
    environment.appoint(2)

    with environment.client.sending(environment.service("stable")) as traffic:
        printed = environment.project.fail("deploy")

    assert "A pod cannot start" in printed
    assert "CrashLoopBackOff" in printed
    assert "version 1 serves again" in printed
    assert environment.release == release
    assert environment.asked_for("stable") == "models:/wine-cultivars/1"
    assert (traffic.failures, set(traffic.answers)) == ([], {"1"})


def test_code_without_an_image_is_refused_before_anything_changes(kserve: Environment) -> None:
    kserve.serve_only(1)
    before = kserve.deployment("stable")["metadata"]["generation"]

    with kserve.edited("UNBUILT = True\n"):
        printed, image = kserve.project.fail("deploy"), tag(kserve.project, "serving")

    assert f"Error: The cluster has no image {image}; `make image load-images` builds it" in printed
    assert kserve.deployment("stable")["metadata"]["generation"] == before


def test_rollback_serves_the_code_of_then(kserve: Environment) -> None:
    for version, mark in enumerate(["first", "second"], 1):
        with kserve.edited(f"MARK = {mark!r}\n"):
            kserve.build_image()
            kserve.project.call(f"deploy --version {version}")
    assert marks(kserve) == {"second"}

    kserve.project.call("rollback")

    kserve.answering("stable", instead_of=2)
    assert marks(kserve) == {"first"}


@pytest.mark.usefixtures("single_rows")
def test_release_that_answers_badly_is_put_back(environment: Environment) -> None:
    release = environment.release
    environment.appoint(2)

    printed = environment.project.fail("deploy")

    assert "The request has 3 rows; expected 1 to 1." in printed
    assert "version 1 serves again" in printed
    assert environment.release == release
    assert environment.answering("stable", instead_of=2) == ["1"]


def test_pipelines_account_rolls_out_where_an_administrator_has_before(
    environment: Environment, tmp_path: Path
) -> None:
    theirs = acting_as(PIPELINES, tmp_path)

    printed = environment.project.call("canary --version 2", KUBECONFIG=theirs)
    environment.project.call("promote-canary", KUBECONFIG=theirs)

    assert "applying the release alone" in printed
    assert environment.asked_for("stable") == "models:/wine-cultivars/2"


def marks(environment: Environment) -> set[str]:
    """Return what the code that serves says of itself."""
    script = "from wine_cultivars import serving; print(serving.MARK)"
    pods = [pod["metadata"]["name"] for pod in environment.pods("stable")]
    return {kubectl("exec", name, f"-n={environment.namespace}", "--", "python", "-c", script).strip() for name in pods}
