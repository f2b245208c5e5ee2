"""A generated repository reads the same rows from every source that its docs name, and says what is wrong if it cannot.

Each source is a real server on this machine; `data_servers.py` starts them.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from copier import run_copy
from uv import find_uv_bin

from tests.isolation import of_a_user
from tests.needs import require_index

from . import data_servers as servers
from .data_servers import SECRET, Source

pytestmark = pytest.mark.xdist_group("data sources")  # one worker starts the servers

CACHE = Path(__file__).parents[2] / "build"
PACKAGES = ["s3fs", "gcsfs", "adlfs", "psycopg[binary]", "pymysql[rsa]"]
"""What docs/data.md tells to add."""

WRITE_FILES = """
import sys
from wine_cultivars.data import load
from wine_cultivars.settings import Settings
rows = load(Settings.load())
rows.to_csv(f"{sys.argv[1]}/wine.csv", index=False)
rows.to_parquet(f"{sys.argv[1]}/wine.parquet")
"""
COPY_TO_BUCKET = """
import sys
from pathlib import Path
import fsspec
folder, address = sys.argv[1:]
store, bucket = fsspec.url_to_fs(address)
store.mkdir(bucket)
for name in "wine.csv", "wine.parquet":
    store.pipe(f"{bucket}/{name}", Path(folder, name).read_bytes())
"""
COPY_TO_TABLE = """
import os, sys
import sqlalchemy as sql
from ml_chassis.data import read_parquet
folder, address = sys.argv[1:]
driver = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}[address.split(":")[0]]
url = sql.make_url(address).set(drivername=driver, password=os.environ["DATABASE_PASSWORD"])
read_parquet(f"{folder}/wine.parquet").to_sql("wine", sql.create_engine(url), index=False)
"""
READ = """
import sys
import pandas as pd
from ml_chassis.data import read_parquet
from ml_chassis.errors import DataError, SettingsError
from wine_cultivars.data import load
from wine_cultivars.settings import Settings
try:
    rows = load(Settings.load())
except (DataError, SettingsError) as error:
    print("Refused:", error)
else:
    pd.testing.assert_frame_equal(rows, read_parquet(f"{sys.argv[1]}/wine.parquet"), check_exact=True)
    print("the wine rows")
"""
INGEST = """
import sys
from types import SimpleNamespace
from ml_chassis.errors import DataError
from wine_cultivars.pipelines.components import ingest
raw = SimpleNamespace(path=f"{sys.argv[1]}/raw.parquet", metadata={})
try:
    ingest.python_func(sys.argv[2], "1", "wine", raw)
except DataError as error:
    print("Refused:", error)
else:
    print("the wine rows")
"""
SAME_ROWS = "the wine rows"

Read = Callable[[Source], str]


@pytest.fixture(scope="session")
def python(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a generated project to which the packages of every source were added."""
    return install(template, tmp_path_factory.mktemp("all"), "add", *PACKAGES)


@pytest.fixture(scope="session")
def bare_python(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a generated project as it comes."""
    return install(template, tmp_path_factory.mktemp("bare"), "sync")


@pytest.fixture(scope="session")
def files(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Source:
    """Return a folder with the sample as CSV and as Parquet."""
    folder = tmp_path_factory.mktemp("files")
    execute(python, WRITE_FILES, str(folder))
    (folder / "cut.parquet").write_bytes((folder / "wine.parquet").read_bytes()[:2000])
    return Source(str(folder))


@pytest.fixture(scope="session")
def http(files: Source) -> Iterator[Source]:
    with servers.http_server(Path(files.address)) as source:
        yield source


@pytest.fixture(scope="session")
def s3(python: Path, files: Source) -> Iterator[Source]:
    with servers.s3_server() as source:
        yield filled(source, COPY_TO_BUCKET, python, files)


@pytest.fixture(scope="session")
def gcs(python: Path, files: Source) -> Iterator[Source]:
    with servers.gcs_server() as source:
        yield filled(source, COPY_TO_BUCKET, python, files)


@pytest.fixture(scope="session")
def azure(python: Path, files: Source) -> Iterator[Source]:
    with servers.azure_server(CACHE) as source:
        yield filled(source, COPY_TO_BUCKET, python, files)


@pytest.fixture(scope="session")
def postgres(python: Path, files: Source) -> Iterator[Source]:
    with servers.postgres_server() as source:
        yield filled(source, COPY_TO_TABLE, python, files).but(DATA_TABLE="wine")


@pytest.fixture(scope="session")
def mysql(python: Path, files: Source) -> Iterator[Source]:
    with servers.mysql_server() as source:
        yield filled(source, COPY_TO_TABLE, python, files).but(DATA_TABLE="wine")


@pytest.fixture
def named(request: pytest.FixtureRequest) -> Source:
    """Return the source that a test's parameter names."""
    source: Source = request.getfixturevalue(request.param)
    return source


@pytest.fixture
def read(python: Path, files: Source) -> Read:
    """Return a function that reads a source as the generated project does, and says what came of it."""
    return lambda source: execute(python, READ, files.address, source=source)


each_store = pytest.mark.parametrize("named", ["files", "http", "s3", "gcs", "azure"], indirect=True)
each_bucket = pytest.mark.parametrize("named", ["s3", "gcs", "azure"], indirect=True)
each_database = pytest.mark.parametrize("named", ["postgres", "mysql"], indirect=True)
each_scheme = pytest.mark.parametrize("scheme", ["postgresql", "mysql"])


@each_store
def test_csv_holds_the_same_rows(named: Source, read: Read) -> None:
    assert read(named.at("wine.csv")) == SAME_ROWS


@pytest.mark.parametrize("named", ["files", "http", "s3"], indirect=True)
def test_parquet_holds_the_same_rows(named: Source, read: Read) -> None:
    assert read(named.at("wine.parquet")) == SAME_ROWS


@each_database
def test_table_holds_the_same_rows(named: Source, read: Read) -> None:
    assert read(named) == SAME_ROWS


def test_s3_is_read_by_the_identity_of_a_pod(s3: Source, read: Read, tmp_path: Path) -> None:
    pod = servers.with_identity(s3, tmp_path / "token")
    assert read(pod.at("wine.csv")) == SAME_ROWS
    (tmp_path / "token").unlink()
    assert_refused(read(pod.at("wine.csv")), "cannot be read", "token")


@each_store
def test_missing_file_is_named(named: Source, read: Read) -> None:
    gone = named.at("gone.csv")
    assert_refused(read(gone), f"'{gone.address}' cannot be read", "gone.csv", "not found|no such file|filenotfound")


@each_bucket
def test_missing_bucket_is_named(named: Source, read: Read) -> None:
    gone = Source(named.address.replace("wines", "gone-bucket"), named.environment).at("wine.csv")
    assert_refused(read(gone), f"'{gone.address}' cannot be read", "NoSuchBucket|FileNotFound")


@each_database
def test_missing_table_is_named(named: Source, read: Read) -> None:
    message = read(named.but(DATA_TABLE="beer"))
    assert_refused(message, f"Table 'beer' of '{named.address}' cannot be read", "not found")


@each_database
def test_wrong_password_is_refused_and_not_repeated(named: Source, read: Read) -> None:
    message = read(named.but(DATABASE_PASSWORD="hunter2"))  # noqa: S106
    assert_refused(message, f"Table 'wine' of '{named.address}'", "password authentication failed|Access denied")
    assert "hunter2" not in message


@each_database
def test_missing_password_is_refused(named: Source, read: Read) -> None:
    message = read(named.but(DATABASE_PASSWORD=""))
    assert_refused(message, f"Table 'wine' of '{named.address}'", "no password supplied|using password: NO")


def test_wrong_suffix_is_named(read: Read) -> None:
    assert_refused(read(Source("wine.xlsx")), "DATA_URI='wine.xlsx'", ".csv or .parquet")


def test_cut_parquet_is_named(files: Source, read: Read) -> None:
    cut = files.at("cut.parquet")
    assert_refused(read(cut), f"'{cut.address}' cannot be read", "Parquet magic bytes not found")


def test_refused_http_connection_is_named(read: Read) -> None:
    address = f"http://{servers.HOST}:{servers.free_port()}/wine.csv"
    assert_refused(read(Source(address)), f"'{address}' cannot be read", "Cannot connect to host")


def test_refused_s3_connection_is_named(read: Read) -> None:
    endpoint = f"http://{servers.HOST}:{servers.free_port()}"
    login = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_MAX_ATTEMPTS": "1"}
    message = read(Source("s3://wines/wine.csv", {"AWS_ENDPOINT_URL": endpoint, **login}))
    assert_refused(message, "'s3://wines/wine.csv' cannot be read", "Could not connect", endpoint)


@each_scheme
def test_refused_database_connection_is_named(scheme: str, read: Read) -> None:
    address = f"{scheme}://wine@{servers.HOST}:{servers.free_port()}/wines"
    message = read(Source(address, {"DATA_TABLE": "wine", "DATABASE_PASSWORD": SECRET}))
    assert_refused(message, f"Table 'wine' of '{address}' cannot be read", "Connection refused")


@each_database
def test_host_is_trusted_for_its_certificate_alone(named: Source, read: Read) -> None:
    away = named.moved(servers.ALIAS)
    assert read(away) == SAME_ROWS
    assert_refused(read(away.but(DATABASE_CA_FILE="")), "certificate verify failed", "DATABASE_CA_FILE")
    assert_refused(read(named.moved(servers.STRANGER)), "cannot be read", "does not match|mismatch")


def test_password_is_sent_to_no_host_without_encryption(read: Read) -> None:
    with servers.eavesdropper() as (server, heard):
        message = read(server.moved(servers.ALIAS))
    assert_refused(message, "does not support SSL")
    assert heard
    assert SECRET.encode() not in b"".join(heard)


@pytest.mark.parametrize("home", ["", "db.test", f"{servers.HOST}:5432"])
def test_step_sends_the_password_to_its_own_host_alone(home: str, python: Path, tmp_path: Path) -> None:
    with servers.eavesdropper() as (server, heard):
        given = Source("", server.but(DATABASE_HOST=home).environment)
        message = execute(python, INGEST, str(tmp_path), server.address, source=given)
    assert_refused(message, "DATABASE_PASSWORD is for", "DATABASE_HOST")
    assert heard == []


@each_database
def test_step_reads_from_the_host_of_the_password(named: Source, python: Path, tmp_path: Path) -> None:
    host = named.address.partition("@")[2].partition("/")[0]
    given = Source("", named.but(DATABASE_HOST=host).environment)
    assert execute(python, INGEST, str(tmp_path), named.address, source=given) == SAME_ROWS


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://wine:{}@db.test/wines",
        "postgresql://wine@db.test/wines?password={}",
        "mysql://wine:a#{}@db.test/wines",
        "mysql://wine@db.test:{}/wines",
        "https://{}@db.test/wine.csv",
        "https://db.test/wine.csv?api_key={}",
    ],
)
def test_secret_in_an_address_is_refused_and_not_repeated(address: str, read: Read) -> None:
    message = read(Source(address.format(SECRET), {"DATA_TABLE": "wine"}))
    assert_refused(message, "DATA_URI", "contains a secret", "docs/settings.md")


@pytest.mark.parametrize(
    ("address", "package"),
    [
        ("s3://wines/wine.csv", "s3fs"),
        ("gs://wines/wine.csv", "gcsfs"),
        ("az://wines/wine.csv", "adlfs"),
        ("postgresql://wine@db.test/wines", "psycopg"),
        ("mysql://wine@db.test/wines", "pymysql"),
    ],
)
def test_missing_package_is_named(address: str, package: str, bare_python: Path, files: Source) -> None:
    message = execute(bare_python, READ, files.address, source=Source(address, {"DATA_TABLE": "wine"}))
    assert_refused(message, f"Reading '{address}' needs a package that is not installed: run `uv add", package)


def install(template: Path, folder: Path, verb: str, *packages: str) -> Path:
    """Generate a project and install it without development tools, by a verb of uv's."""
    require_index()
    run_copy(str(template), folder, defaults=True, quiet=True)
    command = [find_uv_bin(), verb, *packages, "--quiet", "--python", sys.executable]
    variables = of_a_user() | {"UV_NO_GROUP": "dev"}
    done = subprocess.run(command, cwd=folder, env=variables, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / ".venv/bin/python"


def filled(source: Source, script: str, python: Path, files: Source) -> Source:
    """Copy the sample's files into a source."""
    execute(python, script, files.address, source.address, source=source)
    return source


def execute(python: Path, script: str, *arguments: str, source: Source | None = None) -> str:
    """Run a script that must succeed without a word of a secret, and return what it printed."""
    variables = of_a_user()
    if source:
        variables |= {"DATA_URI": source.address} | source.environment
    command = [str(python), "-c", script, *arguments]
    done = subprocess.run(command, cwd=python.parent, env=variables, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout + done.stderr
    assert servers.AZURE_KEY not in done.stdout + done.stderr
    return done.stdout.strip()


def assert_refused(message: str, *parts: str) -> None:
    """Check that a message is one line with some parts, of which `|` separates alternatives."""
    assert message.startswith("Refused: ")
    assert len(message.splitlines()) == 1
    for part in parts:
        assert any(text.lower() in message.lower() for text in part.split("|")), f"{part!r} is not in: {message}"
