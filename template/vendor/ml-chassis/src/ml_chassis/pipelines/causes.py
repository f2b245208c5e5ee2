"""Finds out why a run's pods do not start, and why it failed. Kubeflow Pipelines itself says neither."""

import json
import re
from dataclasses import dataclass
from itertools import dropwhile, takewhile

from ml_chassis.errors import ClusterError
from ml_chassis.kubectl import Kubectl, Object, stuck, unschedulable
from ml_chassis.settings import Settings

LOG_LINES = 500
"""Of the end of a log: more than a traceback has."""
AROUND = re.compile(r'[IWEF]\d{4} \d\d:|time="|Error: exit status \d+$')
"""How the lines begin that KFP's launcher and Argo's executor log around a step's own."""
GAVE_UP = re.compile(r"F\d{4} \d\d:\S+ +\d+ \S+\] ((?!.*exit status \d+$).+)")
"""The last words of a driver or launcher, but for those that only say that the step failed."""
TRACEBACK = "Traceback (most recent call last)"
OWN_ERROR = re.compile(r"^[\w.]+\.errors\.\w+: ")
"""What Python puts before a sentence of this project's errors, which need no name."""
EXIT_CODE = re.compile(r"(\w+: )?Error \(exit code \d+\)")
"""What Argo says of a container that failed by itself: its log says more."""
WORKFLOWS = "workflows.argoproj.io"
NODE_ID = "workflows.argoproj.io/node-id"


@dataclass(frozen=True)
class Found:
    """What a cluster has of a run, by the names of Argo's nodes."""

    kubectl: Kubectl
    namespace: str
    workflows: list[Object]
    pods: dict[str, Object]

    @property
    def nodes(self) -> list[Object]:
        """Return those of Argo's nodes that are for a pod, of which there may be none."""
        nodes = [node for found in self.workflows for node in found.get("status", {}).get("nodes", {}).values()]
        return [node for node in nodes if node["type"] == "Pod"]

    @property
    def nothing(self) -> str:
        """Return a sentence for where there is nothing."""
        return (
            f"{self.kubectl.context} has nothing of the run in the namespace {self.namespace!r}. Do CONTEXT and "
            "PIPELINES_NAMESPACE name where the server runs it?"
        )


def found_of(run_id: str, settings: Settings) -> Found:
    """Return what the cluster has of a run, if anything.

    Raises:
        ClusterError: it cannot be reached.
    """
    kubectl, namespace = Kubectl(settings), settings.pipelines_namespace
    # In this order, or a pod could come between: one that a node lacks would seem not to be made.
    kinds, of_run = f"{WORKFLOWS},pods", f"--selector=pipeline/runid={run_id}"
    items = json.loads(kubectl("get", kinds, f"--namespace={namespace}", of_run, "--output=json"))["items"]
    pods = [item for item in items if item["kind"] == "Pod"]
    by_node = {pod["metadata"].get("annotations", {}).get(NODE_ID, pod["metadata"]["name"]): pod for pod in pods}
    return Found(kubectl, namespace, [item for item in items if item["kind"] == "Workflow"], by_node)


def stuck_in(run_id: str, settings: Settings) -> dict[str, str]:
    """Return why pods of a run cannot start, or be made, by the names of Argo's nodes."""
    try:
        found = found_of(run_id, settings)
    except ClusterError:  # the run goes on all the same, and its page tells more
        return {}
    if not found.workflows:
        return {"": f"  A pod waits; its page may say for what. {found.nothing}"}
    held_up = {node: f"  {why}" for node, pod in found.pods.items() if (why := stuck(pod) or unschedulable(pod))}
    unmade = [node for node in found.nodes if node["phase"] == "Pending" and node["id"] not in found.pods]
    return held_up | {
        node["id"]: f"  {node['id']} cannot be made: {node['message']}" for node in unmade if node.get("message")
    }


def was_stopped(run_id: str, settings: Settings) -> bool:
    """Return whether somebody ended a run, which Kubeflow Pipelines does by leaving Argo no time for it."""
    try:
        workflows = found_of(run_id, settings).workflows
    except ClusterError:
        return False
    return any(workflow["spec"].get("activeDeadlineSeconds") == 0 for workflow in workflows)


def cause_of(run_id: str, settings: Settings) -> str:
    """Return why a run failed: what Argo says of the last pod that did, or its log, with the command for all of it."""
    try:
        found = found_of(run_id, settings)
        failed = [node for node in found.nodes if node["phase"] in ("Failed", "Error")]
        if not failed:
            return "its page may say why." + ("" if found.workflows else f" {found.nothing}")
        last = max(failed, key=lambda node: str(node["finishedAt"]))
        message = last.get("message", "")
        if last["id"] not in found.pods:
            return message or "its page may say why."
        name = found.pods[last["id"]]["metadata"]["name"]
        log = ("logs", f"pod/{name}", f"--namespace={found.namespace}", "--container=main")
        text = found.kubectl(*log, f"--tail={LOG_LINES}")
    except ClusterError as error:
        return f"its page has the log. {error}"
    said = said_in(text) if not message or EXIT_CODE.fullmatch(message) else message
    return f"{said}\nThe whole log: kubectl {' '.join(log)} --context={found.kubectl.context}"


def said_in(log: str) -> str:
    """Return what the log of a pod gives as its cause: its last exception, or the last words of what runs steps."""
    lines = log.splitlines()
    own = [line for line in lines if not AROUND.match(line)]
    tracebacks = [number for number, line in enumerate(own) if line.startswith(TRACEBACK)]
    if tracebacks:
        raised = dropwhile(lambda line: line.startswith(" "), own[tracebacks[-1] + 1 :])
        return OWN_ERROR.sub("", "\n".join(takewhile(bool, raised)))
    complaints = [found[1] for line in lines if (found := GAVE_UP.match(line))]
    return (complaints or own or lines or ["it logged nothing."])[-1]
