"""An option not chosen leaves no file, no dependency, no target, no comment and no sentence."""

import re
from pathlib import Path
from typing import Any

import pytest

from .combinations import COMBINATIONS, NEEDED, OPTIONS, TEXTS, defaults, outcome, parts
from .conftest import Rendered
from .texts import is_library, own_lines_with, texts

# What tells that a value was chosen. Every value of every option is here: one of a new option fails until it is added.
SIGNS: dict[tuple[str, Any], str] = {
    ("license", "Apache-2.0"): r"Apache[- ]2|Apache License",
    ("license", "MIT"): r"\bMIT\b",
    ("license", "BSD-3-Clause"): r"\bBSD\b|Redistribution and use",
    ("license", "Proprietary"): r"(?i)proprietary|all rights reserved\.$",
    ("python_version", "3.11"): r"python.*3\.11",
    ("python_version", "3.12"): r"(?i)python.*3\.12",
    ("python_version", "3.13"): r"(?i)python.*3\.13",
    ("ci", "github"): r"(^|[^\w.])\.github\b|GitHub Actions|github\.ref|(?i:dependabot)",
    ("ci", "gitlab"): r"(?i)gitlab(?!\.com/)|lockFileMaintenance",  # the template itself may be there
    ("serving", "kserve"): r"KServe|kserve\.io|InferenceService",
    ("serving", "seldon"): r"(?i)seldon",
    ("platform", "standalone"): r"20-istio|without a mesh",
    ("platform", "kubeflow"): r"(?i)knative|20-mesh|\bdex\b|user@example\.com",
    ("platform", "existing"): r"docs/cluster\.md|platform=\"existing\"",
    ("extras", "katib"): r"(?i)katib",
    ("extras", "trainer"): r"Trainer|trainer/|jobset",
    ("extras", "registry"): r"Model Registry|model-registry",
    ("extras", "notebooks"): r"notebook-controller|kind: Notebook|notebook\.yaml|open notebook",
    ("cloud", "eks"): r"(?i)\beks\b|\baws-load-balancer|ebs\.csi|s3fs>=",
    ("cloud", "gke"): r"(?i)\bgke\b|gcp-service-account|169\.254|gcsfs>=",
    ("cloud", "aks"): r"(?i)\baks\b|azure\.workload|azure-load-balancer|adlfs>=",
    ("framework", "sklearn"): r"(?i)logistic",
    ("framework", "xgboost"): r"(?i)xgb",
    ("framework", "lightgbm"): r"(?i)lightgbm|lgbm",
    ("gitops", "none"): r"ROLLOUT_TIMEOUT",
    ("gitops", "argocd"): r"(?i)argo ?cd\b|AppProject",
    ("gitops", "flux"): r"(?i)\bflux",
    ("monitoring", True): r"(?i)evidently|pushgateway|runbook|promtool|drift|PodMonitor| monitor`|/monitoring",
    ("library", "vendored"): r"vendor/(ml-chassis|\*\*)|\^vendor/|(COPY |!|\[\")vendor\b",
    ("library", "index"): r"ml-chassis(\[[\w,]+\])?==|which make update brings|of the same release|index has to have",
    ("telemetry", True): r"(?i)jaeger|victoria|otel-collector|telemetry\.md|(deploy|features)/telemetry",
    ("notebooks", True): r"(?i)jupyterlab|ipynb|make notebook\b|\bnotebooks/",
}
OWN_CLUSTER = (
    r"deploy/(cluster/|platform/[1-6]\d-)|\bmise\b|make (cluster|down)\b"
    r"|uv run \S+ (open|credentials|vendor|platform-(eject|status))\b"
)
"""What tells of a kind cluster with a platform in it."""
# These leave nothing to look for: they add nothing of their own.
SILENT: set[tuple[str, Any]] = {
    ("ci", "none"),
    ("serving", "none"),
    ("platform", "none"),
    ("cloud", "none"),
    ("monitoring", False),
    ("notebooks", False),
    ("telemetry", False),
    ("python_version", "3.11"),  # the oldest that is allowed, so every repository names it
}
VALUES = [
    (name, part) for name, values in OPTIONS.items() if name not in TEXTS for value in values for part in parts(value)
]


def test_every_value_has_its_sign() -> None:
    assert set(VALUES) == set(SIGNS) | SILENT


@pytest.mark.parametrize("sign", sorted(set(SIGNS) - SILENT, key=str), ids="{0[0]}={0[1]}".format)
def test_sign_tells_the_value(sign: tuple[str, Any], rendered: Rendered) -> None:
    name, value = sign
    given = next(given for given in OPTIONS[name] if value in parts(given))
    assert mentions(rendered(**defaults("standard") | {name: given} | NEEDED.get(sign, {})), sign) != []


def test_value_not_chosen_leaves_no_trace(combination: str, project: Path) -> None:
    chosen = outcome(COMBINATIONS[combination])
    rejected = [sign for sign in SIGNS if sign not in SILENT and sign[1] not in parts(chosen[sign[0]])]
    if chosen["platform"] == "kubeflow":
        rejected = [sign for sign in rejected if sign[0] != "extras"]  # it has them all
    assert {f"{name}={value}": found for name, value in rejected if (found := mentions(project, (name, value)))} == {}


def test_project_without_a_cluster_of_its_own_mentions_none(combination: str, project: Path) -> None:
    owned = outcome(COMBINATIONS[combination])["platform"] in ("standalone", "kubeflow")
    assert bool(own_lines_with(project, re.compile(OWN_CLUSTER))) == owned


def mentions(project: Path, sign: tuple[str, Any]) -> list[str]:
    """Return the paths and lines that tell of a value."""
    pattern = re.compile(SIGNS[sign])
    paths = [path for path in texts(project) if pattern.search(path) and not is_library(path)]
    # The answers may record a "no".
    lines = own_lines_with(project, pattern)
    return paths + [line for line in lines if not line.startswith(".copier-answers.yml:")]
