"""The files of CI services are valid, safe, and call targets that exist."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.needs import require
from tests.running import ROOT

from .combinations import COMBINATIONS, NEEDED, OPTIONS, Answers
from .conftest import Rendered
from .texts import texts

# Every combination with a file of its own for CI; the texts in a workflow depend on no other option.
PROPOSING = {"gitops": "flux", **NEEDED["gitops", "flux"]}
VARIANTS: list[Answers] = [*({"python_version": version} for version in OPTIONS["python_version"]), PROPOSING]
GITHUB = [{"ci": "github"} | answers for answers in VARIANTS]
GITLAB = [{"ci": "gitlab"} | answers for answers in VARIANTS]


@pytest.fixture(
    params=[*GITHUB, None], ids=lambda answers: answers.get("python_version", "proposing") if answers else "this one"
)
def on_github(request: pytest.FixtureRequest, rendered: Rendered) -> Path:
    """Return a repository for GitHub with each Python in turn, one whose CI proposes releases, and this one."""
    return rendered(**request.param) if request.param else ROOT


@pytest.fixture(params=GITLAB, ids=lambda answers: answers.get("python_version", "proposing"))
def on_gitlab(request: pytest.FixtureRequest, rendered: Rendered) -> Path:
    """Return a repository for GitLab with each Python in turn, and one whose CI proposes releases."""
    return rendered(**request.param)


def test_workflows_are_valid(on_github: Path) -> None:
    check(tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", *workflows(on_github))


def test_dependabot_file_is_valid(on_github: Path) -> None:
    dependabot = on_github / ".github" / "dependabot.yml"
    check(tool("check-jsonschema"), "--builtin-schema", "vendor.dependabot", dependabot)


def test_gitlab_file_is_valid(on_gitlab: Path) -> None:
    # GitLab knows tags such as !reference, which plain YAML does not.
    schema = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    check(tool("check-jsonschema"), *schema, on_gitlab / ".gitlab-ci.yml")


@pytest.mark.parametrize("platform", ["standalone", "none"])
@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_renovate_file_is_valid(ci: str, platform: str, rendered: Rendered) -> None:
    file = rendered(ci=ci, platform=platform) / "renovate.json"
    check(tool("check-jsonschema"), "--builtin-schema", "vendor.renovate", file)


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_renovate_leaves_new_major_versions_of_the_template_to_people(ci: str, rendered: Rendered) -> None:
    rules = json.loads((rendered(ci=ci, platform="none") / "renovate.json").read_text())["packageRules"]
    (rule,) = [rule for rule in rules if rule.get("matchManagers") == ["copier"]]
    assert rule["matchUpdateTypes"] == ["major"]
    assert rule["dependencyDashboardApproval"] is True


def test_renovate_and_dependabot_share_the_work(rendered: Rendered) -> None:
    project = rendered(ci="github")
    dependabot = yaml.safe_load((project / ".github/dependabot.yml").read_text())["updates"]
    renovate = json.loads((project / "renovate.json").read_text())["enabledManagers"]
    assert {update["package-ecosystem"] for update in dependabot} == {"docker", "github-actions", "uv"}
    assert set(renovate) == {"copier", "kubernetes", "mise"}


def test_renovate_can_read_every_image_of_the_cluster(rendered: Rendered) -> None:
    project = rendered(preset="full", ci="github", extras=("notebooks",))
    (pattern,) = json.loads((project / "renovate.json").read_text())["kubernetes"]["managerFilePatterns"]
    lines = [
        line
        for path, text in texts(project).items()
        if re.search(pattern.strip("/"), path)
        for line in re.findall(r"(?m)^.*image:.*:.*$", text)
    ]
    assert len(lines) > 5
    assert [
        line for line in lines if not re.match(r"\s*(- )?image: [\w./-]+:[\w.-]+(@sha256:[0-9a-f]+)?( #|$)", line)
    ] == []


def test_zizmor_finds_nothing_in_the_workflows(on_github: Path) -> None:
    check(tool("zizmor"), "--offline", "--no-progress", on_github / ".github")


def test_actionlint_finds_nothing_in_the_workflows(on_github: Path) -> None:
    check(require("actionlint"), *workflows(on_github))


def test_each_commit_of_main_gets_its_result_and_a_merge_queue_too(on_github: Path) -> None:
    ci = yaml.safe_load((on_github / ".github/workflows/ci.yml").read_text())
    assert "merge_group" in ci[True]  # YAML 1.1 takes `on` for a yes
    assert ci["concurrency"]["group"].endswith("github.event_name == 'pull_request' && github.ref || github.run_id }}")


def test_each_commit_of_main_gets_its_result_on_gitlab(on_gitlab: Path) -> None:
    jobs = yaml.safe_load((on_gitlab / ".gitlab-ci.yml").read_text())
    for name in ("check", "images", "manifests"):
        assert {rule["if"]: not rule["interruptible"] for rule in jobs[name]["rules"]} == {
            "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH": True,
            '$CI_PIPELINE_SOURCE == "merge_request_event"': False,
        }


@pytest.mark.parametrize(("ci", "key"), [("github", "env"), ("gitlab", "variables")])
def test_ci_writes_no_other_lock(ci: str, key: str, rendered: Rendered) -> None:
    project = rendered(ci=ci)
    (file,) = [*project.glob(".github/workflows/ci.yml"), *project.glob(".gitlab-ci.yml")]
    assert yaml.safe_load(file.read_text())[key]["UV_LOCKED"] == "1"


def test_actions_are_pinned_by_commit(on_github: Path) -> None:
    used = actions(on_github)
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", action)] == []


def test_actions_of_this_repository_have_the_versions_of_the_generated_ones(rendered: Rendered) -> None:
    # Dependabot bumps ours; theirs must follow.
    theirs = actions(rendered(**GITHUB[-1]))
    shared = {action.partition("@")[0] for action in theirs}
    assert {action for action in actions(ROOT) if action.partition("@")[0] in shared} == theirs


def test_issue_forms_are_valid() -> None:
    forms = sorted((ROOT / ".github/ISSUE_TEMPLATE").iterdir())
    check(tool("check-jsonschema"), "--builtin-schema", "vendor.github-issue-forms", *forms)


def test_this_repository_tries_the_oldest_copier() -> None:
    oldest = yaml.safe_load((ROOT / "copier.yml").read_text())["_min_copier_version"]
    ci = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    assert f"=={oldest}" in ci["jobs"]["copier"]["strategy"]["matrix"]["version"]


def test_image_of_gitlab_jobs_is_pinned_by_tag(on_gitlab: Path) -> None:
    jobs = yaml.safe_load((on_gitlab / ".gitlab-ci.yml").read_text()).values()
    images = [job["image"] for job in jobs if "image" in job]
    assert images
    assert [image for image in images if not re.search(r":[\w.-]*\d[\w.-]*$", image)] == []


@pytest.mark.parametrize("ci", ["github", "gitlab"])
@pytest.mark.parametrize("version", OPTIONS["python_version"])
def test_ci_runs_the_python_that_was_chosen(ci: str, version: str, rendered: Rendered) -> None:
    project = rendered(ci=ci, python_version=version)
    written = "\n".join(text for path, text in texts(project).items() if path.startswith((".github/", ".gitlab-ci")))
    assert set(re.findall(r"python(?:-version: \"|:)(3\.\d+)", written)) == {version}


def test_both_services_call_the_same_targets(rendered: Rendered) -> None:
    github = [target for path in workflows(rendered(ci="github")) for target in called(path.read_text())]
    assert github == called((rendered(ci="gitlab") / ".gitlab-ci.yml").read_text())


@pytest.mark.parametrize("ci", ["github", "gitlab"])
@pytest.mark.parametrize("target", ["lint", "types", "test", "compile", "image", "manifests"])
def test_ci_calls_the_target(ci: str, target: str, rendered: Rendered) -> None:
    written = [text for path, text in texts(rendered(ci=ci)).items() if path.startswith((".github/", ".gitlab-ci"))]
    assert target in called("\n".join(written))


def test_no_shell_line_holds_what_github_fills_in(on_github: Path) -> None:
    jobs = [job for path in workflows(on_github) for job in yaml.safe_load(path.read_text())["jobs"].values()]
    commands = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    assert commands
    assert [command for command in commands if "${{" in command] == []


@pytest.mark.parametrize("answers", [{"gitops": "none"}, {"serving": "none"}], ids=["no controller", "no server"])
@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_ci_proposes_no_release_where_no_controller_serves(ci: str, answers: Answers, rendered: Rendered) -> None:
    written = texts(rendered(**{"ci": ci} | PROPOSING | answers))
    assert [path for path, text in written.items() if path.startswith((".git",)) and "deploy --env" in text] == []


def test_code_owner_is_the_author(combination: str, project: Path) -> None:
    owners = [text for path, text in texts(project).items() if path.endswith("CODEOWNERS")]
    chosen = COMBINATIONS[combination].get("author_email", "ml-team@example.com")
    assert all(text == f"* {chosen}\n" for text in owners)


def workflows(project: Path) -> list[Path]:
    """Return the GitHub workflows, of which there must be one."""
    found = sorted((project / ".github" / "workflows").glob("*.y*ml"))
    assert found
    return found


def actions(project: Path) -> set[str]:
    """Return the actions that the workflows use, with their versions."""
    return {action for path in workflows(project) for action in re.findall(r"uses: *(.*)", path.read_text())}


def called(text: str) -> list[str]:
    """Return the targets and the project's own commands that are called, in order."""
    return re.findall(r"^\s*(?:- )?(?:run: )?(?:make|uv run [\w-]+) ([a-z-]+)", text, re.MULTILINE)


def tool(name: str) -> Path:
    """Return a program of this repository's environment."""
    return Path(sys.executable).with_name(name)


def check(*command: str | Path) -> None:
    """Run a command that must find nothing."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
