"""What a cluster gives the pod of a step beside its share of a node: no more rights than it needs, and its settings."""

from collections.abc import Sequence

from kfp import dsl, kubernetes

from ml_chassis.kubectl import IN_CLUSTER
from ml_chassis.project import Cloud, Project
from ml_chassis.resources import Resources

GPU = "nvidia.com/gpu"
"""What GPUs are counted as, and the taint that keeps others away from nodes that have them."""
GPU_NODES: dict[Cloud, dict[str, str]] = {
    "none": {"nvidia.com/gpu.present": "true"},
    "eks": {"nvidia.com/gpu.present": "true"},
    # https://cloud.google.com/kubernetes-engine/docs/how-to/gpus
    "gke": {"cloud.google.com/gke-accelerator": "nvidia-l4"},
    # https://learn.microsoft.com/azure/aks/use-labels
    "aks": {"kubernetes.azure.com/accelerator": "nvidia"},
}
"""The labels of the nodes that have GPUs."""
MLFLOW = "http://mlflow.mlflow.svc.cluster.local:5000"


def equip(project: Project, task: dsl.PipelineTask, wanted: Resources) -> None:
    """Give a task the GPUs that it asks for, a pod without privileges, and its settings."""
    if wanted.gpus:
        task.set_accelerator_type(GPU).set_accelerator_limit(wanted.gpus)
        kubernetes.add_toleration(task, key=GPU, operator="Exists", effect="NoSchedule")
        for label, value in (wanted.gpu_nodes or GPU_NODES[project.cloud]).items():
            kubernetes.add_node_selector(task, label, value)
    kubernetes.set_security_context(task, run_as_non_root=True)
    if project.cloud == "aks":
        kubernetes.add_pod_label(task, "azure.workload.identity/use", "true")
    for setting, value in _environment(project).items():
        task.set_env_variable(setting, value)
    for secret, keys in _secrets(project).items():  # one that is not there is left out
        kubernetes.use_secret_as_env(task, secret, dict(zip(keys, keys, strict=True)), optional=True)
    if project.monitoring:
        kubernetes.use_field_path_as_env(task, "POD_NAMESPACE", "metadata.namespace")


def _environment(project: Project) -> dict[str, str]:
    """Return the settings of every step: where the cluster's own services are, or others that the project names."""
    found = {"MLFLOW_TRACKING_URI": MLFLOW}
    if project.deploys_in_pipeline:
        found["CONTEXT"] = IN_CLUSTER
    if project.monitoring:
        found["PUSHGATEWAY_URL"] = f"http://pushgateway.{project.namespaces}-monitoring.svc.cluster.local:9091"
    return found | dict(project.steps_environment)


def _secrets(project: Project) -> dict[str, Sequence[str]]:
    login = {f"{project.name}-mlflow-login": ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")}
    return login | dict(project.steps_secrets)
