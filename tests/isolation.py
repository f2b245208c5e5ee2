"""Keeps this machine's settings from the tests, and what they write from the machine.

Programs and packages are found as on the machine; all else that a program reads from its environment or its home is
the tests' own. What is kept is listed here by name: whatever is not, no test depends on.
"""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.running import ROOT

MACHINE = dict(os.environ)
"""The environment as it comes, for a command that the machine's user names."""
TOLD = (
    *("CI", "GIT_CONFIG_COUNT", "GIT_CONFIG_KEY_*", "GIT_CONFIG_VALUE_*"),
    *("CLUSTER_TAKEN", "KFP_ENDPOINT", "KUBECONFIG", "LOAD_IMAGE", "OPERATORS", "OPERATORS_BUILD"),
    *("LIBRARY_COVERAGE", "PIPELINES_NAMESPACE", "UPDATE_FILE_LISTS"),
)
"""What is said to the tests alone, and to no project: where clusters are, and Git's way to remote bases."""
PROGRAMS = ("ASDF_*", "JAVA_HOME", "LOGNAME", "MISE_*", "PATH", "PYENV_*", "TMPDIR", "USER")
INDEXES = (
    *("ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "all_proxy", "https_proxy", "http_proxy", "no_proxy"),
    *("CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_DIR", "SSL_CERT_FILE"),
    *("DOCKER_CERT_PATH", "DOCKER_HOST", "DOCKER_TLS_VERIFY"),
    *("GOAUTH", "GOCACHE", "GOENV", "GOFLAGS", "GOMODCACHE", "GONOSUMDB", "GOPATH", "GOPRIVATE", "GOPROXY", "GOSUMDB"),
    *("NPM_CONFIG_*", "npm_config_*"),
    *("PIP_CACHE_DIR", "PIP_CERT", "PIP_CONFIG_FILE", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_INDEX_URL"),
    *("PIP_TRUSTED_HOST", "UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"),
    *("UV_HTTP_TIMEOUT", "UV_INDEX*", "UV_INSECURE_HOST", "UV_KEYRING_PROVIDER", "UV_NATIVE_TLS"),
    *("UV_PYTHON_INSTALL_*", "UV_SYSTEM_CERTS"),
)
"""Where packages, modules and images come from, and how to reach it."""
LENT = (
    *(".asdf", ".config/mise", ".local/share/mise", ".local/share/uv", ".pyenv"),
    *(".config/go", ".config/pip", ".config/uv", ".docker/cli-plugins", ".netrc", ".npmrc", ".pip"),
)
"""The same, in the home folder: where shims find their programs, and the settings of indexes."""
LOOPBACK = "127.0.0.1,localhost,::1"
GITCONFIG = f"[safe]\n\tdirectory = {ROOT}\n\tdirectory = {ROOT / '.git'}\n"
"""Of a checkout that another user owns, as in a container, Git reads nothing else."""


@contextmanager
def isolated(home: Path) -> Iterator[None]:
    """Have this process, and what it starts, know nothing of the machine that `environment` does not keep."""
    own = environment(os.environ, home)
    umask = os.umask(0o022)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background, shells have it ignored
    with pytest.MonkeyPatch.context() as patch:
        for name in set(os.environ) - set(own):
            patch.delenv(name)
        for name, value in own.items():
            patch.setenv(name, value)
        yield
    os.umask(umask)


def environment(machine: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the environment of the tests, whose home is an empty folder that gets its links here.

    Args:
        machine: the environment as it comes.
        home: the folder.
    """
    theirs = Path(machine.get("HOME", "/nowhere"))
    lend(theirs, machine, home)
    (home / ".gitconfig").write_text(GITCONFIG)
    cache = Path(machine.get("XDG_CACHE_HOME") or theirs / ".cache")
    caches = {
        "GOCACHE": cache / "go-build",
        "GOPATH": theirs / "go",
        "PIP_CACHE_DIR": cache / "pip",
        "UV_CACHE_DIR": cache / "uv",
        "npm_config_cache": theirs / ".npm",
    }
    kept = {name: value for name, value in machine.items() if matches(name, *TOLD, *PROGRAMS, *INDEXES)}
    kept = {name: str(path) for name, path in caches.items()} | docker_host(machine) | kept
    if any(matches(name.upper(), "*_PROXY") for name in kept):
        beside = {name: f"{kept[name]},{LOOPBACK}" for name in ("NO_PROXY", "no_proxy") if kept.get(name)}
        kept |= beside or {"NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK}
    return kept | {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
    }


def of_a_user() -> dict[str, str]:
    """Return the environment without what is said to the tests alone."""
    return {name: value for name, value in os.environ.items() if not matches(name, *TOLD)}


def recording() -> dict[str, str]:
    """Return the variable that has a Python record which lines of the library it runs, where that is asked for.

    It slows imports by a third, so only what acts on a cluster, updates, and the library's own tests are asked.
    """
    rules = os.environ.get("LIBRARY_COVERAGE")
    return {"COVERAGE_PROCESS_START": rules} if rules else {}


def lend(theirs: Path, machine: Mapping[str, str], home: Path) -> None:
    """Link what the home folder of this machine's user has of `LENT` into another one."""
    moved = {".config": machine.get("XDG_CONFIG_HOME"), ".local/share": machine.get("XDG_DATA_HOME")}
    for name in LENT:
        found = theirs / name
        for folder, elsewhere in moved.items():
            if elsewhere and name.startswith(f"{folder}/"):
                found = Path(elsewhere) / name.removeprefix(f"{folder}/")
        if found.exists():
            link = home / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(found.resolve())


def docker_host(machine: Mapping[str, str]) -> dict[str, str]:
    """Return the setting that leads to the Docker engine that this machine's configuration chose."""
    command = ["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    try:
        found = subprocess.run(command, env=machine, capture_output=True, text=True, check=True, timeout=30).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"DOCKER_HOST": found.strip()} if found.strip() else {}


def matches(name: str, *patterns: str) -> bool:
    """Return whether a name is one of these."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
