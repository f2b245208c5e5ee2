"""The compiled pipeline's steps run in a pod as Kubeflow Pipelines runs them, under the strictest rules for pods."""

import json
from collections.abc import Iterator

import pytest
import yaml

from tests.local.images import build, load_on_node
from tests.local.projects import Project

from .environments import Environment
from .kubectl import RESTRICTED, Object, as_list, get, kubectl
from .overlays import NAME

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
PROMOTION = {"register": 2, "evaluate": True, "deploy_to": "local"}
"""What the step that promotes is given, by the steps and the parameter that give it."""
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
    project.call("compile")
    compiled: Object = next(yaml.safe_load_all((project.folder / "build/training.yaml").read_text()))
    return compiled


@pytest.fixture
def steps(spec: Object, restricted: str, kserve: Environment) -> list[Object]:
    """Return the containers of the steps that promote and deploy version 2, whose account may roll out."""
    account = f"--serviceaccount={restricted}:{ACCOUNT}"
    kubectl("create", "rolebinding", restricted, "--role=rollout", account, "-n", kserve.namespace)
    store = {"name": "MLFLOW_TRACKING_URI", "value": kserve.project.settings["MLFLOW_TRACKING_URI"]}
    found = [container(spec, "promote", PROMOTION), container(spec, "deploy", DEPLOYMENT)]
    return [step | {"env": [*step["env"], store]} for step in found]


@pytest.fixture
def more_pods(project: Project, kserve: Environment) -> Iterator[None]:
    """Deploy manifests with more pods than those in the image of the steps."""
    kserve.serve_only(1)
    service = kserve.manifests / "predictor/inferenceservice.yaml"
    before = service.read_text()
    service.write_text(before.replace("maxReplicas: 2", "maxReplicas: 3"))
    project.make("deploy")
    yield
    service.write_text(before)
    project.make("deploy")


def test_steps_run_with_no_rights_and_nothing_to_write_to(spec: Object, restricted: str) -> None:
    *before, last = (container(spec, step, ARGUMENTS) for step in STEPS)
    start(restricted, "steps", {"initContainers": before, "containers": [last]})

    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/steps", "-n", restricted, "--timeout=120s")


def test_champion_is_rolled_out_by_the_rights_of_the_steps_account(
    steps: list[Object], restricted: str, kserve: Environment
) -> None:
    kserve.serve_only(1)
    kserve.appoint(2)  # as a try before has: the gate refused this version
    promotion, deployment = steps

    start(restricted, "deploy", {"initContainers": [promotion], "containers": [deployment]})
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/deploy", "-n", restricted, "--timeout=180s")

    said = {name: kubectl("logs", "deploy", f"--container={name}", "-n", restricted) for name in ("promote", "deploy")}
    assert "Version 2 of wine-cultivars is the champion" in said["promote"]
    assert "applying the release alone" in said["deploy"]
    assert kserve.asked_for("stable") == "models:/wine-cultivars/2"
    assert "was given version 2 last" in kserve.project.call("status")


@pytest.mark.usefixtures("more_pods")
def test_manifests_that_are_not_the_environments_are_refused_before_the_promotion_and_at_the_deployment(
    steps: list[Object], restricted: str, kserve: Environment
) -> None:
    start(restricted, "refused", {"containers": steps})
    kubectl("wait", "--for=jsonpath={.status.phase}=Failed", "pod/refused", "-n", restricted, "--timeout=180s")

    for step in steps:
        log = kubectl("logs", "refused", f"--container={step['name']}", "-n", restricted)
        assert "has other manifests than the image of this step" in log
        assert "-    maxReplicas: 3" in log
    assert kserve.champion == "1"
    assert get(f"inferenceservice/{NAME}", kserve.namespace)["spec"]["predictor"]["maxReplicas"] == 3


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
    parameters = {name: arguments[giver(source)] for name, source in inputs.get("parameters", {}).items()}
    sources = {name: source["taskOutputArtifact"] for name, source in inputs.get("artifacts", {}).items()}
    read = {name: artifact(source["producerTask"], source["outputArtifactKey"]) for name, source in sources.items()}
    written = {name: artifact(step, name) for name in outputs.get("artifacts", {})}
    return {
        "inputs": {"parameterValues": parameters, "artifacts": read},
        "outputs": {"artifacts": written, "outputFile": f"/minio/{step}.json"},
    }


def giver(source: Object) -> str:
    """Return the parameter of the pipeline, or the step, that gives a parameter of a step its value."""
    name: str = source.get("componentInputParameter") or source["taskOutputParameter"]["producerTask"]
    return name


def artifact(step: str, name: str) -> Object:
    """Return an artifact, which KFP's launcher would download to and upload from a folder below `/minio`."""
    kind = {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}
    return {"artifacts": [{"name": name, "type": kind, "uri": f"minio://mlpipeline/{step}/{name}", "metadata": {}}]}
