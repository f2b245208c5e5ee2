"""Finds out why a run's pods do not start, and why it failed. Kubeflow Pipelines itself says neither."""

import json
import re
from itertools import dropwhile, takewhile

from ..errors import ClusterError
from ..kubectl import Kubectl, Object, stuck
from ..settings import Settings

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


def stuck_in(run_id: str, settings: Settings) -> dict[str, str]:
    """Return why pods of a run cannot start, or be made, by the names of Argo's nodes."""
    try:
        kubectl = Kubectl(settings)
        nodes = _nodes(kubectl, run_id, settings)  # first: the pods of these may be there by now
        pods = _pods(kubectl, run_id, settings)
    except ClusterError:  # the run goes on all the same, and its page tells more
        return {}
    found = {node: f"  {why}" for node, pod in pods.items() if (why := stuck(pod) or _unschedulable(pod))}
    unmade = [node for node in nodes if node["phase"] == "Pending" and node["id"] not in pods and node.get("message")]
    return found | {node["id"]: f"  {node['id']} cannot be made: {node['message']}" for node in unmade}


def was_stopped(run_id: str, settings: Settings) -> bool:
    """Return whether somebody ended a run, which Kubeflow Pipelines does by leaving Argo no time for it."""
    try:
        workflows = _listed(WORKFLOWS, Kubectl(settings), run_id, settings)
    except ClusterError:
        return False
    return any(workflow["spec"].get("activeDeadlineSeconds") == 0 for workflow in workflows)


def cause_of(run_id: str, settings: Settings) -> str:
    """Return why a run failed: what Argo says of the last pod that did, or its log, with the command for all of it."""
    try:
        kubectl = Kubectl(settings)
        pods, nodes = _pods(kubectl, run_id, settings), _nodes(kubectl, run_id, settings)
        failed = [node for node in nodes if node["phase"] in ("Failed", "Error")]
        if not failed:
            return "its page may say why."
        last = max(failed, key=lambda node: str(node["finishedAt"]))
        message = last.get("message", "")
        if last["id"] not in pods:
            return message or "its page may say why."
        log = ("logs", f"pod/{pods[last['id']]['metadata']['name']}", _where(settings), "--container=main")
        text = kubectl(*log, f"--tail={LOG_LINES}")
    except ClusterError as error:
        return f"its page has the log. {error}"
    said = said_in(text) if not message or EXIT_CODE.fullmatch(message) else message
    return f"{said}\nThe whole log: kubectl {' '.join(log)} --context={kubectl.context}"


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


def _unschedulable(pod: Object) -> str:
    """Return why no node takes a pod, which another node may change, or nothing."""
    for condition in pod["status"].get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return f"{pod['metadata']['name']} cannot be scheduled: {condition.get('message', condition.get('reason'))}"
    return ""


def _pods(kubectl: Kubectl, run_id: str, settings: Settings) -> dict[str, Object]:
    """Return the pods of a run, by the names of Argo's nodes that they are of."""
    items = _listed("pods", kubectl, run_id, settings)
    return {pod["metadata"].get("annotations", {}).get(NODE_ID, pod["metadata"]["name"]): pod for pod in items}


def _nodes(kubectl: Kubectl, run_id: str, settings: Settings) -> list[Object]:
    """Return those of Argo's nodes of a run that are for a pod, of which there may be none."""
    workflows = _listed(WORKFLOWS, kubectl, run_id, settings)
    nodes = [node for workflow in workflows for node in workflow.get("status", {}).get("nodes", {}).values()]
    return [node for node in nodes if node["type"] == "Pod"]


def _listed(kind: str, kubectl: Kubectl, run_id: str, settings: Settings) -> list[Object]:
    text = kubectl("get", kind, _where(settings), f"--selector=pipeline/runid={run_id}", "--output=json")
    items: list[Object] = json.loads(text)["items"]
    return items


def _where(settings: Settings) -> str:
    return f"--namespace={settings.pipelines_namespace}"
