"""Runs Prometheus on this machine, with the project's rules, on the local model server."""

import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from ml_chassis.errors import MonitoringError
from ml_chassis.settings import Settings

RULES = Path("deploy/monitoring/rules")
"""The repository's folder of PrometheusRules."""
IMAGE = "prom/prometheus:v3.12.0"
NAMESPACE = "local"
"""The label that tells these series from a cluster's."""


def configure(settings: Settings) -> Path:
    """Write what Prometheus needs to `.local/prometheus`, and return that folder."""
    folder = settings.local_dir / "prometheus"
    folder.mkdir(parents=True, exist_ok=True)
    for manifest in RULES.glob("*.yaml"):
        (folder / f"rules-{manifest.name}").write_text(yaml.safe_dump(rules_of(manifest)))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(_configuration(settings)))
    return folder


def rules_of(manifest: Path) -> Any:
    """Return what a PrometheusRule says, as Prometheus and `promtool` read it from a file: its `groups`.

    Args:
        manifest: the Kubernetes object as YAML.

    Raises:
        OSError: there is no such file.
    """
    return yaml.safe_load(manifest.read_text())["spec"]


def run(settings: Settings, port: int) -> None:
    """Run Prometheus until Ctrl-C.

    Raises:
        MonitoringError: neither Prometheus nor Docker is on this machine, or it fails.
    """
    folder = configure(settings)
    options = [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    if program := shutil.which("prometheus"):
        command = [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data", *options]
    elif docker := shutil.which("docker"):
        mount = f"{folder}:/etc/prometheus:ro"
        command = [docker, "run", "--rm", "--network=host", f"--volume={mount}", IMAGE, *options]
        command.append("--config.file=/etc/prometheus/prometheus.yml")
    else:
        raise MonitoringError(
            "Neither `prometheus` nor `docker` is on this machine; install one, such as with `apt install prometheus` "
            "or `brew install prometheus`."
        )
    with suppress(KeyboardInterrupt):
        code = subprocess.run(command, check=False).returncode
        if code:
            raise MonitoringError(f"Prometheus ended with exit code {code}; its last lines above say why.")


def _configuration(settings: Settings) -> dict[str, Any]:
    def job(name: str, address: str) -> dict[str, Any]:
        static = {"targets": [address], "labels": {"namespace": NAMESPACE}}
        return {"job_name": name, "honor_labels": True, "static_configs": [static]}

    jobs = [job(f"{NAMESPACE}/{settings.project.name}", f"{settings.serve_host}:{settings.serve_port}")]
    if settings.pushgateway_url:
        jobs.append(job("pushgateway", urlsplit(settings.pushgateway_url).netloc or settings.pushgateway_url))
    return {
        "global": {"scrape_interval": "5s", "evaluation_interval": "5s"},
        "rule_files": ["rules-*.yaml"],
        "scrape_configs": jobs,
    }
