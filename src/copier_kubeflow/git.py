"""Git, which asks nothing and changes no work tree but those of this command's own cache."""

import os
import re
import subprocess
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from .errors import FleetError, in_a_sentence

ALIASES = {"gh:": "https://github.com/", "gl:": "https://gitlab.com/"}
FETCHED = "refs/copier-kubeflow/head"
TIMEOUT_SECONDS = 600
QUIET = {
    "GIT_ALLOW_PROTOCOL": "file:http:https:ssh",  # an address may come from a repository: it must not name a command
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_SSH_COMMAND": os.environ.get("GIT_SSH_COMMAND", "ssh -o BatchMode=yes"),
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
WHERE_GIT_IS = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")  # a hook that runs this command sets them


def git(*arguments: str, folder: Path | None = None, stdin: str = "", env: dict[str, str] | None = None) -> bytes:
    """Run a Git command in a folder and return what it printed.

    Raises:
        FleetError: it failed or took too long; the message is its own.
    """
    environment = {name: value for name, value in os.environ.items() if name not in WHERE_GIT_IS}
    try:
        done = subprocess.run(
            ["git", "-c", "log.showSignature=false", *arguments],
            cwd=folder,
            env=environment | QUIET | (env or {}),
            input=stdin.encode(),
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FleetError(f"`git {arguments[0]}` did not run: {in_a_sentence(error)}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit status {done.returncode}"]
        reason = next((line for line in said if line.startswith(("fatal:", "error:"))), said[-1])
        raise FleetError(f"`git {arguments[0]}` failed: {shown(reason)}")
    return done.stdout


def git_text(*arguments: str, folder: Path) -> str:
    """Run a Git command in a folder and return what it printed, as text without the last newline."""
    return git(*arguments, folder=folder).decode(errors="replace").strip()


def expanded(address: str) -> str:
    """Return an address as Git takes it; Copier has short forms of its own."""
    for alias, server in ALIASES.items():
        if address.startswith(alias):
            return server + address.removeprefix(alias)
    return address.removeprefix("git+")


def is_local(address: str) -> bool:
    """Tell whether an address is a path of this machine."""
    return "://" not in address and not re.match(r"[\w.-]+@[\w.-]+:", address)


def shown(address: str) -> str:
    """Return an address, or a text with some, without the login in it."""
    return re.sub(r"(?<=://)[^/@\s]*@", "", address)


def cloned(address: str, clones: Path, *options: str) -> Path:
    """Return the clone of an address, made now or brought up to date.

    Raises:
        FleetError: the address carries a login, or Git cannot clone it.
    """
    if address.startswith("http") and "@" in urlsplit(address).netloc:
        raise FleetError(f"{shown(address)} came with a login; leave it out, and set GITHUB_TOKEN or GITLAB_TOKEN.")
    folder = clones / sha256(address.encode()).hexdigest()[:20]
    if folder.exists():
        git("fetch", "--quiet", "--force", "--tags", "origin", f"+HEAD:{FETCHED}", folder=folder, env=credentials())
        git("checkout", "--quiet", "--force", "--detach", FETCHED, folder=folder, env=credentials())
    else:
        clones.mkdir(parents=True, exist_ok=True)
        git("clone", "--quiet", *options, "--", address, str(folder), env=credentials())
    return folder


def credentials() -> dict[str, str]:
    """Return the environment that gives Git the tokens, each for its own server, and writes them nowhere."""
    logins = [
        (server("GITHUB_SERVER_URL", "https://github.com"), "x-access-token", os.environ.get("GITHUB_TOKEN")),
        (server("CI_SERVER_URL", "https://gitlab.com"), "oauth2", os.environ.get("GITLAB_TOKEN")),
    ]
    count = int(os.environ.get("GIT_CONFIG_COUNT", "0"))
    environment = {}
    for address, user, token in logins:
        if token:
            environment[f"GIT_CONFIG_KEY_{count}"] = f"http.{address}/.extraHeader"
            login = b64encode(f"{user}:{token}".encode()).decode()
            environment[f"GIT_CONFIG_VALUE_{count}"] = f"Authorization: Basic {login}"
            count += 1
    return environment | {"GIT_CONFIG_COUNT": str(count)}


def server(variable: str, default: str) -> str:
    """Return the address of a server that an environment variable may name, as in the server's own CI."""
    return os.environ.get(variable, default).rstrip("/")
