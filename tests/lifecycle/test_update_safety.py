"""An update runs nothing of a release, meets any name, and leaves a way on and a way back whatever ends it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
from uv import find_uv_bin

from tests.hostile import write_git
from tests.isolation import of_a_user
from tests.running import ROOT, run

from .repositories import Done
from .small import ANSWERS, CHANGED, LINES, OURS, SECONDS, Follower, Template, begun

Begin = Callable[[], Follower]
Signer = Callable[[str], str]

TOUCH = "#!/bin/sh\ntouch ran\n"
CONFLICT = {"README.md": CHANGED}
NAMES = ["my models", "modèles", "p%smodels", "[a]*?", 'a"b\\c', "new\nline", " #!"]


@pytest.fixture
def template(tmp_path: Path) -> Template:
    """Return a template with the release 1.0.0."""
    made = Template(tmp_path / "template")
    made.folder.mkdir()
    (made.folder / "copier.yml").write_text("_subdirectory: template\nname: {type: str, default: wine}\n")
    made.release(
        "1.0.0",
        {
            ANSWERS: "{{ _copier_answers | to_nice_yaml -}}\n",
            "Makefile": "lint test:\n\t@true\n",
            "README.md": LINES,
            "extra.txt": LINES,
        },
    )
    return made


@pytest.fixture
def begin(template: Template, tmp_path: Path) -> Iterator[Begin]:
    """Return a function that makes a repository of the newest release, whose updates leave nothing temporary."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    yield lambda: begun(template, ROOT / "template/vendor/ml-chassis", tmp_path / "repository", temporary)
    assert list(temporary.iterdir()) == []


@pytest.fixture
def follower(begin: Begin) -> Follower:
    """Return a repository of the release 1.0.0."""
    return begin()


@pytest.fixture
def signer(template: Template, tmp_path: Path) -> Signer:
    """Return a function that has somebody sign the template's next tags, and returns the line of a list of signers."""

    def sign(name: str) -> str:
        key = tmp_path / name
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key))
        template.git("config", "gpg.format", "ssh")
        template.git("config", "user.signingKey", str(key))
        return f"releases@example.com {key.with_suffix('.pub').read_text()}"

    return sign


# Nothing of a release runs


@pytest.mark.parametrize("name", ["{{ '.gi' ~ 't' }}", "{{ '.GI' ~ 't' }}", "sub/{{ '.gi' ~ 't' }}", "{{ 'git~1' }}"])
def test_release_cannot_take_over_git(name: str, template: Template, follower: Follower) -> None:
    template.release("2.0.0", {name: "gitdir: ./evil\n", "evil/config": '[core]\n\tfsmonitor = "touch ran; false"\n'})

    done = follower.follow()

    assert "by which it would take over Git" in done.stderr
    assert follower.branches == ["main"]


def test_git_of_a_release_runs_nothing_while_it_is_rendered(
    template: Template, follower: Follower, tmp_path: Path
) -> None:
    write_git(template.folder / "template", f"touch {tmp_path}/ran; false", tmp_path / "other")
    template.release("2.0.0", {})

    done = follower.follow()

    assert "by which it would take over Git" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_lint_and_tests_of_a_release_run_only_where_asked(template: Template, follower: Follower) -> None:
    template.release("2.0.0", {"Makefile": "lint test:\n\t@touch ran\n"})

    done = follower.follow()

    assert done.returncode == 0, done.stderr
    assert not follower.ran
    follower.run_ways_back(done.stdout)
    assert follower.follow("--check").returncode == 0
    assert follower.ran


@pytest.mark.parametrize("answer", ["y", "n"])
def test_terminal_is_asked_for_lint_and_tests(answer: str, template: Template, follower: Follower) -> None:
    template.release("2.0.0", {"Makefile": "lint test:\n\t@touch ran\n"})
    (program, *arguments), environment = follower.command()

    terminal = pexpect.spawn(program, arguments, cwd=follower.folder, env=environment, timeout=SECONDS)
    terminal.expect_exact("[y/N] ")
    terminal.sendline(answer)
    terminal.expect(pexpect.EOF)

    assert follower.ran == (answer == "y")


def test_lint_and_tests_that_fail_are_told(template: Template, follower: Follower) -> None:
    template.release("2.0.0", {"Makefile": "lint test:\n\t@false\n"})

    done = follower.follow("--check")

    assert done.returncode == 1
    follower.run_ways_back(done.stderr)
    assert follower.branches == ["main"]


def test_hooks_of_a_release_do_not_run(template: Template, follower: Follower) -> None:
    follower.git("config", "core.hooksPath", ".hooks")
    hooks = ("post-checkout", "post-commit", "prepare-commit-msg", "post-index-change", "reference-transaction")
    template.release("2.0.0", {f".hooks/{hook}": TOUCH for hook in hooks})

    done = follower.follow()

    assert done.returncode == 0, done.stderr
    assert not follower.ran


def test_git_that_could_not_be_kept_safe_is_refused(template: Template, follower: Follower, tmp_path: Path) -> None:
    template.release("2.0.0", CONFLICT)
    old = tmp_path / "old/git"
    old.parent.mkdir()
    old.write_text(f"#!/bin/sh\nunset GIT_CONFIG_COUNT\nexec '{shutil.which('git')}' \"$@\"\n")
    old.chmod(0o755)

    done = follower.follow(PATH=f"{old.parent}{os.pathsep}{os.environ['PATH']}")

    assert done.stderr.startswith("Error: Git is too old to take settings from the environment")
    assert follower.branches == ["main"]


def test_lock_is_part_of_the_commit(template: Template, begin: Begin) -> None:
    follower = locked(template, begin)
    template.release("2.0.0", {"pyproject.toml": project("2.0")})

    done = follower.follow(UV=find_uv_bin())

    assert done.returncode == 0, done.stderr
    assert 'version = "2.0"' in follower.git("show", "HEAD:uv.lock")
    assert follower.git("status", "--porcelain") == ""
    assert "uv lock" not in done.stdout


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("pyproject.toml", "pyproject.toml leaves a part of itself to code"),
        ("vendor/lib/pyproject.toml", "vendor/lib/pyproject.toml leaves a part of itself to code"),
    ],
)
def test_build_of_a_release_does_not_run(path: str, reason: str, template: Template, begin: Begin) -> None:
    follower = locked(template, begin)
    before = (template.folder / "template" / path).read_text()
    backend = '[build-system]\nrequires = []\nbuild-backend = "evil"\nbackend-path = ["."]\n'
    hostile = before.replace('version = "1.0"', 'dynamic = ["version"]') + backend
    evil = str(Path(path).with_name("evil.py"))
    template.release("2.0.0", {path: hostile, evil: f"open({str(follower.folder / 'ran')!r}, 'w')\n"})

    done = follower.follow(UV=find_uv_bin())

    assert f"uv.lock is still that of before, as uv might run code of the release for it: {reason}" in done.stdout
    assert "uv lock && git add uv.lock" in done.stdout
    assert not follower.ran


@pytest.mark.parametrize(
    "files",
    [
        {".python-version": "./python\n", "python": TOUCH},
        {".venv/bin/python": TOUCH, ".venv/bin/python3": TOUCH, ".venv/pyvenv.cfg": "version_info = 3.11.0\n"},
    ],
    ids=["version", "environment"],
)
def test_python_of_a_release_does_not_run(files: dict[str, str], template: Template, begin: Begin) -> None:
    follower = locked(template, begin)
    template.release("2.0.0", files | {"pyproject.toml": project("2.0")})

    done = follower.follow(UV=find_uv_bin())

    assert 'version = "2.0"' in follower.git("show", "HEAD:uv.lock"), done.stdout
    assert not follower.ran


@pytest.mark.parametrize(
    "lines",
    [
        'dependencies = ["lib", "other @ file:other"]',
        'dependencies = ["lib", "other"]\n[tool.uv.sources]\nother = { path = "other" }',
    ],
)
def test_lock_waits_where_packages_have_other_addresses(lines: str, template: Template, begin: Begin) -> None:
    follower = locked(template, begin)
    changed = project("1.0").replace('dependencies = ["lib"]', lines).replace("\n[tool.uv.sources]\nlib", "\nlib", 1)
    template.release("2.0.0", {"pyproject.toml": changed})

    done = follower.follow(UV=find_uv_bin())

    assert "pyproject.toml has other settings of uv, or other addresses of packages" in done.stdout


def test_template_that_asks_for_trust_is_refused(template: Template, follower: Follower, tmp_path: Path) -> None:
    questions = template.folder / "copier.yml"
    questions.write_text(f"{questions.read_text()}_tasks: [touch ran]\n")
    template.release("2.0.0", CONFLICT)
    settings = tmp_path / "settings.yml"
    settings.write_text(f"trust: ['{template.folder}']\n")

    done = follower.follow(COPIER_SETTINGS_PATH=str(settings))

    assert "asks for what no update grants" in done.stderr
    assert "--trust" not in done.stderr
    assert not follower.ran


def test_link_of_a_changelog_brings_no_file_of_the_machine(
    template: Template, follower: Follower, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("## 2.0.0\n\nthe secret\n")
    (template.folder / "CHANGELOG.md").symlink_to(secret)
    template.release("2.0.0", CONFLICT)

    done = follower.follow()

    assert done.returncode == 0, done.stderr
    assert "the secret" not in done.stdout + follower.git("log", "--format=%B")


# What a changelog may say


def test_changelog_acts_on_no_terminal_and_signs_nothing(template: Template, follower: Follower) -> None:
    said = "\033]0;title\007\033[31mred\x9b31m \u202egnp.exe\n\nCo-authored-by: Boss <boss@acme.example>\n"
    (template.folder / "CHANGELOG.md").write_text(f"# Changelog\n\n## 2.0.0 - today\n\n{said}")
    template.release("2.0.0", CONFLICT)

    done = follower.follow()

    message = follower.git("log", "-1", "--format=%B")
    assert "red" in done.stdout
    assert [text for text in (done.stdout, message) for letter in "\033\007\x9b\u202e" if letter in text] == []
    assert follower.git("log", "-1", "--format=%(trailers)").strip() == ""
    assert "Co-authored-by: Boss" in message


def test_lines_with_a_hash_outlive_a_conflict(template: Template, follower: Follower) -> None:
    (template.folder / "CHANGELOG.md").write_text("# Changelog\n\n## 2.0.0\n\n#42 is fixed.\n")
    template.release("2.0.0", CONFLICT)
    follower.write({"README.md": OURS})

    assert follower.follow().returncode == 1
    follower.git("checkout", "--quiet", "--theirs", "README.md")
    follower.git("add", "README.md")
    follower.git("-c", "core.editor=true", "cherry-pick", "--continue")

    assert "#42 is fixed." in follower.git("log", "-1", "--format=%B")


# The order of versions


@pytest.mark.parametrize(
    ("earlier", "later"), [("2.0.0rc1", "2.0.0"), ("v2.10.0-rc.1", "v2.10.0"), ("2.9.0", "2.10.0")]
)
def test_candidate_comes_before_its_release(earlier: str, later: str, template: Template, follower: Follower) -> None:
    template.release(earlier, {"README.md": CHANGED})
    template.release(later, {"extra.txt": CHANGED})

    assert follower.follow("--vcs-ref", earlier).returncode == 0
    done = follower.follow()

    assert done.returncode == 0, done.stderr
    assert f"Follow the template from {earlier} to {later}" in done.stdout
    follower.git("branch", "-D", f"update-{earlier}")
    back = follower.follow("--vcs-ref", earlier)
    assert f"Error: the template's release {earlier} is older than {later}" in back.stderr


# Any name


@pytest.mark.parametrize("name", NAMES)
def test_files_may_have_any_name(name: str, template: Template, follower: Follower) -> None:
    names = [f"{kind} {name}" for kind in ("edited", "deleted", "changed", "dropped")]
    template.release("1.1.0", dict.fromkeys(names, LINES))
    assert follower.follow().returncode == 0
    edited, deleted, changed, dropped = names
    follower.write({edited: OURS, deleted: None, dropped: OURS})
    template.release("1.2.0", dict.fromkeys((edited, deleted, changed), CHANGED) | {dropped: None})

    done = follower.follow()

    assert follower.conflicts_by_name() == {edited: "UU", dropped: "UD"}
    shown = [each if each.isprintable() else repr(each) for each in (edited, dropped)]
    assert [each for each in shown if each not in done.stderr] == []
    assert (follower.folder / changed).read_text() == CHANGED
    assert not (follower.folder / deleted).exists()
    follower.run_ways_back(done.stderr)
    assert (follower.folder / edited).read_text() == OURS


@pytest.mark.parametrize("name", NAMES)
def test_folder_of_a_larger_repository_may_have_any_name(name: str, template: Template, begin: Begin) -> None:
    template.release("1.1.0", {"CHANGELOG.md": LINES, "src/wine/schema.yaml": LINES})
    follower = begin().inside(f"{name}/churn {name}")
    follower.write({"CHANGELOG.md": OURS, "src/wine/schema.yaml": OURS, "extra.txt": None})
    team = {"CHANGELOG.md": CHANGED, "src/wine/schema.yaml": CHANGED}
    template.release("2.0.0", team | {"README.md": CHANGED, "extra.txt": CHANGED, "new.txt": LINES})

    done = follower.follow()

    assert done.returncode == 0, done.stderr
    assert (follower.folder / "CHANGELOG.md").read_text() == OURS
    assert (follower.folder / "src/wine/schema.yaml").read_text() == OURS
    assert (follower.folder / "README.md").read_text() == CHANGED
    assert (follower.folder / "new.txt").exists()
    assert not (follower.folder / "extra.txt").exists()
    assert follower.git("status", "--porcelain") == ""


def test_folder_that_another_repository_ignores_is_refused(template: Template, follower: Follower) -> None:
    template.release("2.0.0", CONFLICT)
    inner = follower.inside("models")
    follower.git("rm", "--quiet", "--cached", "-r", "models")
    follower.write({".gitignore": "models\n"})

    done = inner.follow()

    assert done.stderr.startswith("Error: .copier-answers.yml is not in Git")


def test_worktree_is_updated(template: Template, follower: Follower, tmp_path: Path) -> None:
    template.release("2.0.0", CONFLICT)
    folder = tmp_path / "wörk\ntree 100%s"
    follower.git("worktree", "add", "--quiet", "-b", "other", str(folder))

    done = follower.at(folder).follow()

    assert done.returncode == 0, done.stderr
    assert (folder / "README.md").read_text() == CHANGED
    assert follower.git("branch", "--show-current") == "main\n"


def test_git_of_an_alias_does_not_lead_elsewhere(template: Template, follower: Follower, tmp_path: Path) -> None:
    template.release("2.0.0", CONFLICT)

    done = follower.follow(GIT_DIR=str(tmp_path), GIT_WORK_TREE=str(tmp_path), GIT_INDEX_FILE="nowhere")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("taken", ["new.txt", "new.txt/ours", "README.md"])
def test_file_that_git_ignores_outlives_an_update(taken: str, template: Template, follower: Follower) -> None:
    follower.write({"README.md": None, ".gitignore": "new.txt\nREADME.md\n"})
    place = follower.folder / taken
    place.parent.mkdir(exist_ok=True)
    place.write_text("two weeks of work\n")
    template.release("2.0.0", {"README.md": CHANGED, "new.txt": "the template's\n"})

    done = follower.follow()

    assert f"move it away, then try again: {taken}\n" in done.stderr
    assert place.read_text() == "two weeks of work\n"
    assert follower.branches == ["main"]


# Whatever ends it


def test_ctrl_c_while_a_version_is_rendered_changes_nothing(template: Template, follower: Follower) -> None:
    endless = "{% for x in range(99999) %}{% for y in range(99999) %}{% endfor %}{% endfor %}"
    template.release("2.0.0", {"README.md.jinja": endless, "README.md": None})

    done = follower.interrupted(lambda printed: "that is to come" in printed)

    assert done.returncode == 130
    assert done.stderr == "Error: interrupted. Nothing has changed here.\n"
    assert follower.branches == ["main"]
    assert follower.git("status", "--porcelain") == ""


def test_ctrl_c_while_files_are_written_waits_for_the_rest(
    template: Template, follower: Follower, tmp_path: Path
) -> None:
    started = tmp_path / "started"
    follower.git("config", "filter.slow.smudge", f"touch '{started}'; sleep 2; cat")
    (follower.folder / ".git/info/attributes").write_text("*.txt filter=slow\n")
    template.release("2.0.0", {"extra.txt": CHANGED})

    done = follower.interrupted(lambda _: started.exists())

    assert done.returncode == 130
    assert done.stderr.startswith("Error: interrupted. To go on:\n  git show\n")
    assert follower.git("log", "-1", "--format=%s") == "Follow the template from 1.0.0 to 2.0.0\n"
    assert follower.git("status", "--porcelain") == ""
    follower.run_ways_back(done.stderr)
    assert follower.branches == ["main"]


def test_ctrl_c_while_uv_locks_leaves_ways_on_and_back(template: Template, begin: Begin, tmp_path: Path) -> None:
    follower, slow = locked(template, begin), tmp_path / "uv"
    slow.write_text(f"#!/bin/sh\necho half > uv.lock\ntouch '{tmp_path}/started'\nsleep {60}\n")
    slow.chmod(0o755)
    template.release("2.0.0", {"README.md": CHANGED})

    done = follower.interrupted(lambda _: (tmp_path / "started").exists(), UV=str(slow))

    assert done.returncode == 130
    assert "uv lock && git add uv.lock\n  git commit --amend --no-edit\n" in done.stderr
    assert follower.git("status", "--porcelain") == ""
    follower.run_ways_back(done.stderr)
    assert (follower.folder / "README.md").read_text() == LINES
    assert follower.branches == ["main"]


def test_commit_that_cannot_be_signed_leaves_ways_on_and_back(template: Template, follower: Follower) -> None:
    template.release("2.0.0", CONFLICT)
    for name, value in (("commit.gpgSign", "true"), ("gpg.program", "false")):
        follower.git("config", name, value)

    done = follower.follow()

    assert "gpg failed to sign the data" in done.stderr
    assert "git cherry-pick --continue" in done.stderr
    follower.run_ways_back(done.stderr)
    assert follower.git("status", "--porcelain") == ""
    assert follower.branches == ["main"]


def test_ways_lead_back_to_no_branch_too(template: Template, follower: Follower) -> None:
    template.release("2.0.0", CONFLICT)
    follower.write({"README.md": OURS})
    follower.git("checkout", "--quiet", "--detach")
    before = follower.git("rev-parse", "HEAD")

    done = follower.follow()

    follower.run_ways_back(done.stderr)
    assert follower.git("rev-parse", "HEAD") == before
    assert follower.git("branch", "--show-current") == ""


def test_ways_on_bring_the_lock_into_a_commit_with_conflicts(template: Template, begin: Begin) -> None:
    follower = locked(template, begin)
    template.release("2.0.0", {"README.md": CHANGED, "pyproject.toml": project("2.0")})
    follower.write({"README.md": OURS})

    done = follower.follow(UV=find_uv_bin())
    follower.git("checkout", "--quiet", "--theirs", "README.md")
    on = done.stderr.partition("To go on:\n")[2].partition("To go back")[0].replace("FILE...", "README.md")
    follower.run(on.replace("uv lock", f"{find_uv_bin()} lock"), GIT_EDITOR="true", GIT_PAGER="cat")

    assert 'version = "2.0"' in follower.git("show", "HEAD:uv.lock")
    assert follower.git("status", "--porcelain") == ""


# In the words of who knows


def test_cause_that_ssh_tells_is_shown(follower: Follower, tmp_path: Path) -> None:
    answers = (follower.folder / ".copier-answers.yml").read_text()
    source = next(line for line in answers.splitlines() if line.startswith("_src_path"))
    address = "_src_path: git@git.acme.example:acme/template.git"
    follower.write({".copier-answers.yml": answers.replace(source, address)})
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\necho 'git@git.acme.example: Permission denied (publickey).' >&2\nexit 255\n")
    ssh.chmod(0o755)
    settings = {"GIT_SSH": str(ssh), "COPIER_CACHE_DIR": str(tmp_path / "mirrors")}

    for done in (follower.follow(**settings), follower.follow("--newer", **settings)):
        assert done.returncode == 1
        assert "Permission denied (publickey)." in done.stderr
        assert "Could not read from remote repository" in done.stderr


# Signed releases


def test_release_that_a_signer_signed_is_brought(template: Template, follower: Follower, signer: Signer) -> None:
    follower.write({".allowed-signers": signer("team")})
    template.release("2.0.0", CONFLICT, "--sign", "--message", "2.0.0")

    done = follower.follow()

    assert done.returncode == 0, done.stderr
    assert (follower.folder / "README.md").read_text() == CHANGED


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "its tag is not signed"),
        (("--annotate", "--message", "2.0.0"), "no signature found"),
        (("--sign", "--message", "2.0.0"), "No principal matched"),
    ],
)
def test_release_that_no_signer_signed_is_refused(
    options: tuple[str, ...], reason: str, template: Template, follower: Follower, signer: Signer
) -> None:
    follower.write({".allowed-signers": signer("team")})
    signer("somebody else")
    template.release("2.0.0", CONFLICT, *options)

    refused(follower.follow(), "2.0.0", reason, follower)


def test_tag_of_another_release_is_no_signature(template: Template, follower: Follower, signer: Signer) -> None:
    follower.write({".allowed-signers": signer("team")})
    template.release("1.1.0", CONFLICT, "--sign", "--message", "1.1.0")
    template.git("update-ref", "refs/tags/2.0.0", "refs/tags/1.1.0")
    template.git("tag", "--delete", "1.1.0")
    name = template.git("describe", "HEAD").splitlines()[-1]  # what the tag says that it is

    refused(follower.follow("--vcs-ref", "2.0.0"), name, "it has no tag", follower)


def test_commit_without_a_tag_has_no_signature(template: Template, follower: Follower, signer: Signer) -> None:
    follower.write({".allowed-signers": signer("team")})
    template.release("1.1.0", CONFLICT, "--sign", "--message", "1.1.0")
    template.release("latest", {"extra.txt": CHANGED})
    template.git("tag", "--delete", "latest")
    name = template.git("describe").strip()

    refused(follower.follow("--vcs-ref", "HEAD"), name, "it has no tag", follower)


def test_signature_that_was_tampered_with_is_refused(template: Template, follower: Follower, signer: Signer) -> None:
    follower.write({".allowed-signers": signer("team")})
    template.release("2.0.0", CONFLICT, "--sign", "--message", "2.0.0")
    forged = template.git("cat-file", "tag", "2.0.0").replace("tagger Template", "tagger Somebody")
    template.retag("2.0.0", forged)

    refused(follower.follow(), "2.0.0", "git verify-tag: ", follower)


def test_key_ring_of_the_machine_is_no_list_of_signers(
    template: Template, follower: Follower, signer: Signer, tmp_path: Path
) -> None:
    follower.write({".allowed-signers": signer("team")})
    template.release("2.0.0", CONFLICT, "--annotate", "--message", "2.0.0")
    signature = "-----BEGIN PGP SIGNATURE-----\n\nabcd\n-----END PGP SIGNATURE-----\n"
    template.retag("2.0.0", template.git("cat-file", "tag", "2.0.0") + signature)
    gpg = tmp_path / "gpg"
    good = "\n[GNUPG:] GOODSIG 0123456789ABCDEF Somebody\n[GNUPG:] TRUST_FULLY 0 pgp"
    gpg.write_text(f"#!/bin/sh\ncat > /dev/null\necho '{good}'\n")
    gpg.chmod(0o755)
    trusting = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "gpg.program", "GIT_CONFIG_VALUE_0": str(gpg)}
    run("git", "verify-tag", "2.0.0", cwd=template.folder, env=of_a_user() | trusting)

    refused(follower.follow(**trusting), "2.0.0", "git verify-tag: ", follower)


def refused(done: Done, release: str, reason: str, follower: Follower) -> None:
    """Expect that an update was refused for want of a signature, and changed nothing."""
    assert done.returncode == 1
    assert f"Error: {release} of the template is not signed by anybody in .allowed-signers: " in done.stderr
    assert reason in done.stderr
    assert follower.branches == ["main"]
    assert (follower.folder / "README.md").read_text() == LINES


def locked(template: Template, begin: Begin) -> Follower:
    """Return a repository with a library of its own, and a lock."""
    library = project("1.0").replace("wine", "lib").partition("dependencies")[0]
    template.release("1.1.0", {"pyproject.toml": project("1.0"), "vendor/lib/pyproject.toml": library})
    follower = begin()
    follower.run(f"{find_uv_bin()} lock --quiet")
    follower.commit()
    return follower


def project(version: str) -> str:
    """Return a pyproject.toml."""
    about = f'name = "wine"\nversion = "{version}"\nrequires-python = ">=3.11"\ndependencies = ["lib"]\n'
    return f'[project]\n{about}[tool.uv.sources]\nlib = {{ path = "vendor/lib" }}\n'
