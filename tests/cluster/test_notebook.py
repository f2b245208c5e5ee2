"""JupyterLab on the cluster: a restricted namespace takes its pod, and nobody gets in without its token."""

import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest
import yaml
from jinja2 import Template
from uv import find_uv_bin

from tests.local.data_servers import free_port, running, wait_until_up
from tests.needs import require_index
from tests.running import ROOT

from .kubectl import Object, kubectl

pytestmark = pytest.mark.xdist_group("cluster")

JUPYTERLAB = "jupyterlab==4.3.*"


@pytest.fixture
def pod() -> Object:
    """Return the specification of the notebook's pod."""
    manifest = ROOT / "template/deploy/platform/70-project/lab/notebook.yaml.jinja"
    notebook, _ = yaml.safe_load_all(Template(manifest.read_text()).render(repository_name="wine-cultivars"))
    spec: Object = notebook["spec"]["template"]["spec"]
    return spec


def test_notebook_may_run_in_a_restricted_namespace(pod: Object, namespace: str) -> None:
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    given = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "notebook"}, "spec": pod}
    kubectl("create", "--dry-run=server", "--validate=strict", "-n", namespace, "-f", "-", given=yaml.safe_dump(given))


def test_notebook_asks_for_its_token(pod: Object, tmp_path: Path) -> None:
    (container,) = pod["containers"]
    (token,) = (variable["name"] for variable in container["env"] if "secretKeyRef" in variable.get("valueFrom", {}))
    port = free_port()
    command = [option.replace("8888", port) for option in container["command"]]
    settings = ["env", f"{token}=right", f"JUPYTER_CONFIG_DIR={tmp_path}"]
    require_index()
    tool = [find_uv_bin(), "tool", "run", "--python", sys.executable, "--with", JUPYTERLAB, "--from", "jupyter-core"]
    with running([*settings, *tool, *command, "--allow-root"], "is running at", cwd=tmp_path) as server:
        wait_until_up(f"http://127.0.0.1:{port}/api", server)  # it says so before it listens
        assert [answer(port, token) for token in ("", "wrong", "right")] == [403, 403, 200]


def answer(port: str, token: str) -> int:
    """Return the status by which the notebook lets its files be listed, or not."""
    connection = HTTPConnection("127.0.0.1", int(port))
    connection.request("GET", "/api/contents", headers={"Authorization": f"token {token}"} if token else {})
    return connection.getresponse().status
