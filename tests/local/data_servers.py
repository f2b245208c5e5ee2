"""Real servers that hold the sample's rows: object stores and databases, on this machine alone."""

import fcntl
import os
import pwd
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import SystemRandom
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

from uv import find_uv_bin

from tests.needs import bring, give_up, require

HOST = "127.0.0.1"
ALIAS = "127.1"
"""The same address, in a form that clients do not take for this machine's own."""
STRANGER = "127.2"
"""Another address of this machine in such a form, which the certificates of servers do not name."""
SECRET = "correct-horse-battery"  # noqa: S105  (each server here takes it as the password or the key)
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="  # Azurite's own

MOTO = "moto[server]==5.2.5"
GCS_EMULATOR = "gcp-storage-emulator==2026.7.19"
AZURITE = "azurite@3.37.0"

MYSQL_USER = f"""
CREATE DATABASE wines;
CREATE USER wine@'{HOST}' IDENTIFIED BY '{SECRET}';
GRANT ALL ON wines.* TO wine@'{HOST}';
"""

CERTIFICATE = "certificate.pem"
# https://www.postgresql.org/docs/current/protocol-message-formats.html
ENCRYPTION_REQUESTS = [code.to_bytes(4) for code in (80877103, 80877104)]
NO_ENCRYPTION = b"N"
PASSWORD_REQUEST = b"R" + (8).to_bytes(4) + (3).to_bytes(4)

PORTS = range(10_000, 30_000)  # below those that systems give to outgoing connections, and below NodePorts
SECONDS_TO_START = 240  # the first start downloads the server


@dataclass(frozen=True)
class Source:
    """Where rows are, as a user would say it: an address and environment variables."""

    address: str
    environment: dict[str, str] = field(default_factory=dict)

    def at(self, path: str) -> "Source":
        """Return the same source with another address, below this one."""
        return Source(f"{self.address}/{path}", self.environment)

    def moved(self, host: str) -> "Source":
        """Return the same source at another address of its host."""
        return Source(self.address.replace(HOST, host), self.environment)

    def but(self, **environment: str) -> "Source":
        """Return the same source with other environment variables."""
        return Source(self.address, self.environment | environment)


@contextmanager
def http_server(folder: Path) -> Iterator[Source]:
    """Serve the files of a folder."""
    server = ThreadingHTTPServer((HOST, 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Source(f"http://{HOST}:{server.server_port}")
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def s3_server() -> Iterator[Source]:
    """Run moto, an S3 in memory."""
    port = free_port()
    command = [find_uv_bin(), "tool", "run", "--python", sys.executable, "--from", MOTO, "moto_server"]
    with brought([*command, "--host", HOST, "--port", port], "Running on"):
        yield Source(
            "s3://wines",
            {
                "AWS_ENDPOINT_URL": f"http://{HOST}:{port}",
                "AWS_ACCESS_KEY_ID": "key",
                "AWS_SECRET_ACCESS_KEY": SECRET,
            },
        )


def with_identity(source: Source, token: Path) -> Source:
    """Return an S3 as pods on EKS find it: a token of the cluster to sign in with, and no key."""
    token.write_text("a token that the cluster signed")
    role = {"AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/wine-cultivars-pipelines"}
    return Source(
        source.address,
        role
        | {
            "AWS_ENDPOINT_URL": source.environment["AWS_ENDPOINT_URL"],
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
            "AWS_REGION": "us-east-1",
        },
    )


@contextmanager
def gcs_server() -> Iterator[Source]:
    """Run a Google Cloud Storage in memory."""
    port = free_port()
    command = [find_uv_bin(), "tool", "run", "--python", sys.executable, "--from", GCS_EMULATOR, "gcp-storage-emulator"]
    with brought([*command, "start", "--in-memory", "--host", HOST, "--port", port], "All services started"):
        yield Source("gs://wines", {"STORAGE_EMULATOR_HOST": f"http://{HOST}:{port}"})


@contextmanager
def azure_server(cache: Path) -> Iterator[Source]:
    """Run Azurite, an Azure Blob Storage in memory, from an installation that outlives the session."""
    port, node, npm = free_port(), require("node"), require("npm")
    script = cache / AZURITE / "node_modules/azurite/dist/src/blob/main.js"
    cache.mkdir(exist_ok=True)
    with (cache / f"{AZURITE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # pytest's workers share the installation
        if not script.exists():
            unfinished = cache / f"{AZURITE}.unfinished"
            bring(npm, "install", "--silent", "--ignore-scripts", "--prefix", str(unfinished), AZURITE)
            unfinished.rename(cache / AZURITE)
    options = ["--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    with brought([node, str(script), "--blobHost", HOST, "--blobPort", port, *options], "successfully listens"):
        account = f"AccountName=devstoreaccount1;AccountKey={AZURE_KEY}"
        endpoint = f"BlobEndpoint=http://{HOST}:{port}/devstoreaccount1"
        connection = f"DefaultEndpointsProtocol=http;{account};{endpoint}"
        yield Source("az://wines", {"AZURE_STORAGE_CONNECTION_STRING": connection})


@contextmanager
def postgres_server() -> Iterator[Source]:
    """Run PostgreSQL with TLS, and a superuser `wine` who needs the password."""
    port, initdb, postgres = free_port(), require("initdb"), require("postgres")
    with _unprivileged() as (folder, options):
        password = folder / "password"
        password.write_text(SECRET)
        login = ["--username=wine", "--auth=scram-sha-256", f"--pwfile={password}"]
        command = [initdb, f"--pgdata={folder}/data", *login, "--locale=C", "--encoding=UTF8", "--no-sync"]
        bring(*command, **options)
        command = [postgres, "-D", f"{folder}/data", "-h", f"{HOST},127.0.0.2", "-p", port, "-k", str(folder)]
        encryption = {"ssl": "on"} | _certified(folder, options, "ssl_cert_file", "ssl_key_file")
        command += [option for name, value in encryption.items() for option in ("-c", f"{name}={value}")]
        with brought(command, "ready to accept connections", **options):
            yield Source(f"postgresql://wine@{HOST}:{port}/postgres", _login(folder))


@contextmanager
def mysql_server() -> Iterator[Source]:
    """Run MariaDB with TLS, and a user `wine` who needs the password."""
    port, install, mariadbd = free_port(), require("mariadb-install-db"), require("mariadbd")
    with _unprivileged() as (folder, options):
        (folder / "init.sql").write_text(MYSQL_USER)
        command = [install, "--no-defaults", f"--datadir={folder}/data", "--skip-test-db"]
        command += ["--auth-root-authentication-method=normal"]
        bring(*command, **options)
        files = {"datadir": "data", "socket": "socket", "pid-file": "pid", "init-file": "init.sql"}
        command = [mariadbd, "--no-defaults", f"--bind-address={HOST},127.0.0.2", f"--port={port}"]
        command += [f"--{name}={folder / file}" for name, file in files.items()]
        command += [f"--{name}={file}" for name, file in _certified(folder, options, "ssl-cert", "ssl-key").items()]
        with brought(command, "ready for connections", **options):
            yield Source(f"mysql://wine@{HOST}:{port}/wines", _login(folder))


def _certified(folder: Path, options: dict[str, Any], certificate: str, key: str) -> dict[str, str]:
    """Make a certificate that vouches for itself, and return its two files by the options that name them."""
    names = f"subjectAltName=IP:{HOST},DNS:{ALIAS}"
    command = [require("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj=/CN=wines", "-addext", names]
    command += ["-out", CERTIFICATE, "-keyout", "key.pem"]
    bring(*command, **options)
    return {certificate: f"{folder}/{CERTIFICATE}", key: f"{folder}/key.pem"}


def _login(folder: Path) -> dict[str, str]:
    return {"DATABASE_PASSWORD": SECRET, "DATABASE_CA_FILE": f"{folder}/{CERTIFICATE}"}


@contextmanager
def eavesdropper() -> Iterator[tuple[Source, list[bytes]]]:
    """Pretend to be a PostgreSQL that wants the password in clear text, and give it with all that clients say."""
    heard: list[bytes] = []

    class Session(BaseRequestHandler):
        def handle(self) -> None:
            while said := self.request.recv(1024):
                heard.append(said)
                self.request.sendall(NO_ENCRYPTION if said[4:8] in ENCRYPTION_REQUESTS else PASSWORD_REQUEST)

    with ThreadingTCPServer((HOST, 0), Session) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings = {"DATA_TABLE": "wine", "DATABASE_PASSWORD": SECRET}
        yield Source(f"postgresql://wine@{HOST}:{server.server_address[1]}/wines", settings), heard
        server.shutdown()


@contextmanager
def brought(command: list[str], ready: str, **options: Any) -> Iterator[None]:
    """Run a server that tests need, or give up where this machine's does not start."""
    with ExitStack() as stack:
        try:
            stack.enter_context(running(command, ready, **options))
        except AssertionError as error:
            give_up(str(error))
        yield


def free_port() -> str:
    """Return a port of 127.0.0.1 that nothing listens on, and that no connection is given for its own end."""
    while True:
        port = SystemRandom().choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((HOST, port))
            return str(port)


@contextmanager
def running(command: list[str], ready: str, **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a server until the block ends, from the moment that its log says it is ready."""
    with tempfile.TemporaryFile("w+") as log:
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        server = subprocess.Popen(command, env=environment, start_new_session=True, **streams, **options)
        try:
            _wait(server, log, ready)
            yield server
        finally:
            _stop(server)


def wait_until_up(url: str, process: "subprocess.Popen[Any]") -> None:
    """Return once `url` answers."""
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        assert process.poll() is None, f"{process.args!r} ended"
        assert time.monotonic() < deadline, f"{url} did not answer in {SECONDS_TO_START} s"
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310  our own server
                return
        except OSError:
            time.sleep(0.1)


def _wait(server: "subprocess.Popen[bytes]", log: Any, ready: str) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while ready not in (said := _read(log)):
        assert server.poll() is None, f"{server.args!r} ended with {server.returncode}:\n{said}"
        assert time.monotonic() < deadline, f"{server.args!r} is not ready:\n{said}"
        time.sleep(0.05)


def _read(log: Any) -> str:
    return os.pread(log.fileno(), 1_000_000, 0).decode(errors="replace")  # leaves the position, which the server shares


def _stop(server: "subprocess.Popen[bytes]") -> None:
    """End a server in its own way, then whatever is left of it."""
    server.terminate()
    with suppress(subprocess.TimeoutExpired):
        server.wait(10)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


@contextmanager
def _unprivileged() -> Iterator[tuple[Path, dict[str, Any]]]:
    """Give a folder, and the options of a process that owns it: databases refuse to run as root.

    Wherever TMPDIR is, this folder's path is short enough for that of a socket, and open to `nobody`.
    """
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        options: dict[str, Any] = {"cwd": name}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(name, nobody.pw_uid, nobody.pw_gid)
            options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        yield Path(name), options
