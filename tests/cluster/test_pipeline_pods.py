"""The compiled pipeline's steps run in a pod as Kubeflow Pipelines runs them, under the strictest rules for pods."""

import json

import pytest
import yaml

from tests.local.images import build, load_on_node
from tests.local.projects import Project

from .environments import Environment
from .kubectl import RESTRICTED, Object, as_list, kubectl

pytestmark = pytest.mark.xdist_group("image")  # as the tests of the image that it needs

STEPS = ["ingest", "validate", "split", "train"]
ARGUMENTS = {
    "data_uri": "sklearn:wine",
    "data_version": "1",
    "data_table": "",
    "data_target": "cultivar",
    "test_share": 0.25,
    "random_seed": 7,
    "split_key": "",
    "split_time": "",
}
DEPLOYMENT = {
    "pipelinechannel--deploy_to": "local",
    "pipelinechannel--promote-Output": True,
    "pipelinechannel--register-Output": 2,
}
"""The arguments of the step that deploys, as the driver hands them to it under its condition."""
ACCOUNT = "wine-cultivars-pipelines"
WRITABLE = {"tmp": "/tmp", "artifacts": "/minio"}  # noqa: S108  the pod's own
"""The only folders that steps may write to, of which KFP mounts the second for artifacts."""


@pytest.fixture
def restricted(namespace: str) -> str:
    """Return a namespace for restricted pods, with the steps' ServiceAccount."""
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    kubectl("create", "serviceaccount", ACCOUNT, "-n", namespace)
    return namespace


@pytest.fixture(scope="module")
def project(kserve: Environment, pipeline_image: str) -> Project:
    """Return a project with an environment, whose own image of the steps, built of the same layers, the node has."""
    load_on_node(build(kserve.project, "pipeline"))
    return kserve.project


@pytest.fixture(scope="module")
def spec(project: Project) -> Object:
    """Return the compiled pipeline."""
    project.make("compile")
    compiled: Object = next(yaml.safe_load_all((project.folder / "build/training.yaml").read_text()))
    return compiled


def test_steps_run_with_no_rights_and_nothing_to_write_to(spec: Object, restricted: str) -> None:
    *before, last = (container(spec, step, ARGUMENTS) for step in STEPS)
    start(restricted, "steps", {"initContainers": before, "containers": [last]})

    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/steps", "-n", restricted, "--timeout=120s")


def test_deploy_step_rolls_out_by_its_accounts_rights(spec: Object, restricted: str, kserve: Environment) -> None:
    kserve.serve_only(1)
    step = container(spec, "deploy", DEPLOYMENT)
    step["env"] = [
        *step["env"],
        {"name": "MLFLOW_TRACKING_URI", "value": kserve.project.settings["MLFLOW_TRACKING_URI"]},
    ]
    account = f"--serviceaccount={restricted}:{ACCOUNT}"
    kubectl("create", "rolebinding", restricted, "--role=rollout", account, "-n", kserve.namespace)

    start(restricted, "deploy", {"containers": [step]})
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/deploy", "-n", restricted, "--timeout=180s")

    assert "applying the release alone" in kubectl("logs", "deploy", "-n", restricted)
    assert kserve.asked_for("stable") == "models:/wine-cultivars/2"
    assert "was given version 2 last" in kserve.project.make("status")


def start(namespace: str, name: str, containers: Object) -> None:
    """Start a pod as KFP makes one for a step."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "serviceAccountName": ACCOUNT,
            "volumes": [{"name": name, "emptyDir": {}} for name in WRITABLE],
            **containers,
        },
    }
    kubectl("create", "-f", "-", given=as_list([pod]))


def container(spec: Object, step: str, arguments: Object) -> Object:
    """Return the container of a step, with its command of the compiled pipeline and the inputs of a run."""
    graphs = [component["dag"]["tasks"] for component in spec["components"].values() if "dag" in component]
    (task,) = (tasks[step] for tasks in graphs if step in tasks)
    given = spec["deploymentSpec"]["executors"][f"exec-{step}"]["container"]
    inputs, share = json.dumps(executor_input(spec, step, task, arguments)), given["resources"]
    return {
        "name": step,
        "image": given["image"],
        "imagePullPolicy": "Never",
        "command": given["command"],
        "args": [text.replace("{{$}}", inputs) for text in given["args"]],
        "env": given["env"],
        "resources": {
            "requests": {"cpu": share["resourceCpuRequest"], "memory": share["resourceMemoryRequest"]},
            "limits": {"cpu": share["resourceCpuLimit"], "memory": share["resourceMemoryLimit"]},
        },
        "securityContext": RESTRICTED | {"readOnlyRootFilesystem": True},
        "volumeMounts": [{"name": name, "mountPath": path} for name, path in WRITABLE.items()],
    }


def executor_input(spec: Object, step: str, task: Object, arguments: Object) -> Object:
    """Return what KFP's driver works out for a step: its parameters, and where its artifacts are and go."""
    inputs, outputs = task.get("inputs", {}), spec["components"][f"comp-{step}"].get("outputDefinitions", {})
    parameters = {
        name: arguments[source["componentInputParameter"]] for name, source in inputs.get("parameters", {}).items()
    }
    sources = {name: source["taskOutputArtifact"] for name, source in inputs.get("artifacts", {}).items()}
    read = {name: artifact(source["producerTask"], source["outputArtifactKey"]) for name, source in sources.items()}
    written = {name: artifact(step, name) for name in outputs.get("artifacts", {})}
    return {
        "inputs": {"parameterValues": parameters, "artifacts": read},
        "outputs": {"artifacts": written, "outputFile": f"/minio/{step}.json"},
    }


def artifact(step: str, name: str) -> Object:
    """Return an artifact, which KFP's launcher would download to and upload from a folder below `/minio`."""
    kind = {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}
    return {"artifacts": [{"name": name, "type": kind, "uri": f"minio://mlpipeline/{step}/{name}", "metadata": {}}]}
