"""What each key of the platform opens, on the real object store, set up by the commands of the manifests."""

import json
import shlex
import sys
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.local.data_servers import MOTO
from tests.needs import bring, require
from tests.running import run

from .conftest import Platforms
from .manifests import objects

pytestmark = pytest.mark.xdist_group("manifests")

CLIENT = Path(__file__).parent / "s3_client.py"
LOGINS = {"mlpipeline": "-steps_key:-steps_secret", "mlflow": "-mlflow_key:-mlflow_secret"}
"""A random key may begin with a hyphen."""
STRANGERS = {"wrong key": "nobody:nothing", "wrong secret": "-steps_key:nothing", "no key": ":"}
OF_ONES_OWN = {
    *("get", "head", "head bucket", "list", "list versions", "put", "overwrite", "tag", "upload in parts"),
    *("delete several", "delete"),
}
May = dict[str, dict[str, list[str]]]
"""What each key may do in each bucket."""
ALONE = """
set -e
ip link set lo up
weed {server} > log 2>&1 &
trap "kill $!" EXIT
until weed shell < /dev/null > /dev/null 2>&1; do sleep 0.2; done
{setup}
{client}
"""
"""In a network of its own, as the store's ports are fixed."""


@pytest.fixture(scope="module")
def may(platforms: Platforms, tmp_path_factory: pytest.TempPathFactory) -> May:
    """Return what each key may do in each bucket, as a client has found out."""
    weed, folder = require("weed"), tmp_path_factory.mktemp("store")
    found = objects(platforms("kserve").waves)
    (store,) = (item for item in found if (item["kind"], item["metadata"]["name"]) == ("Deployment", "seaweedfs"))
    (job,) = (item for item in found if item["metadata"]["name"].startswith("mlflow-bucket"))
    container = store["spec"]["template"]["spec"]["containers"][0]
    # The image's own entrypoint adds how many volumes there may be.
    server = [*container["args"], f"-dir={folder}", "-ip=127.0.0.1", "-volume.max=0", "-master.volumeSizeLimitMB=1024"]
    setup = [
        container["lifecycle"]["postStart"]["exec"]["command"],
        job["spec"]["template"]["spec"]["containers"][0]["command"],
    ]
    python = bring(
        *(find_uv_bin(), "tool", "run", "--python", sys.executable, "--from", MOTO),
        *("python", "-c", "import sys; print(sys.executable)"),
    )
    logins = [f"{name}={login}" for name, login in (LOGINS | STRANGERS).items()]
    script = ALONE.format(
        server=shlex.join(server),
        setup="\n".join(map(shlex.join, setup)).replace("seaweedfs:9333", "127.0.0.1:9333").replace("/tmp/", "./"),  # noqa: S108
        client=shlex.join([python.split()[-1], str(CLIENT), *logins]),
    )
    keys = dict(zip(("accesskey", "secretkey"), LOGINS["mlpipeline"].split(":"), strict=True))
    keys |= dict(zip(("ACCESS", "SECRET"), LOGINS["mlflow"].split(":"), strict=True))
    path = f"{Path(weed).parent}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    said = run(
        "unshare",
        "--map-root-user",
        "--net",
        "bash",
        "-c",
        script,
        cwd=folder,
        env={"PATH": path, "HOME": str(folder)} | keys,
    )
    answer: May = json.loads(said.splitlines()[-1])
    return answer


@pytest.mark.parametrize("bucket", LOGINS)
def test_key_reads_and_writes_its_own_bucket_and_does_not_administer_it(bucket: str, may: May) -> None:
    assert set(may[bucket][bucket]) == OF_ONES_OWN


@pytest.mark.parametrize(("bucket", "other"), [("mlpipeline", "mlflow"), ("mlflow", "mlpipeline")])
def test_key_does_nothing_in_anothers_bucket(bucket: str, other: str, may: May) -> None:
    assert may[bucket][other] == []


@pytest.mark.parametrize("stranger", STRANGERS)
def test_stranger_does_nothing(stranger: str, may: May) -> None:
    assert may[stranger] == {bucket: [] for bucket in LOGINS}
