"""What each account may do on a real API server, and what bounds the project's namespaces, whoever acts."""

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from copier import run_copy

from .kubectl import RESTRICTED, Object, allowed, as_list, get, kubectl, tried
from .overlays import NAME, PIPELINES, build, edit, move, of_kind, with_release

pytestmark = pytest.mark.xdist_group("cluster")

SERVED = {"standard": "inferenceservices.serving.kserve.io", "seldon": "seldondeployments.machinelearning.seldon.io"}
RELEASED = ("InferenceService", "SeldonDeployment", "HTTPRoute", "ConfigMap")
DEPLOY_STEP = "../../features/deploy-step"
"""What gives the pipelines' account its rights in an environment."""
PIPELINE_RIGHTS = {
    "get pods",
    "get configmaps/kfp-launcher",
    "get secrets/mlpipeline-minio-artifact",
    "create workflowtaskresults.argoproj.io",
    "patch workflowtaskresults.argoproj.io",
}
SEEN = {"list pods", "get pods:log", "list events"}
RUN = {"delete pods", "create jobs.batch"}
TAKEN_BY_NOBODY = {
    "get secrets",
    "list secrets",
    "create secrets",
    "create pods:exec",
    "create pods",
    "patch deployments.apps",
    "delete configmaps",
    "patch rolebindings.rbac.authorization.k8s.io",
    "patch roles.rbac.authorization.k8s.io",
    "bind roles.rbac.authorization.k8s.io",
    "patch resourcequotas",
    "delete limitranges",
    "delete networkpolicies.networking.k8s.io",
    "patch namespaces",
    "impersonate serviceaccounts",
    "create serviceaccounts:token",
}


@dataclass(frozen=True)
class Bounded:
    """An environment that an administrator has applied."""

    mode: str
    namespace: str
    manifests: Path

    @property
    def rollout(self) -> set[str]:
        """What changes a release."""
        served = {f"{verb} {SERVED[self.mode]}" for verb in ("get", "create", "patch", "delete")}
        routes = {"patch httproutes.gateway.networking.k8s.io"} if self.mode == "standard" else set()
        watched = {"list events", "list pods", "create pods:portforward"}
        return served | routes | watched | {"create configmaps", "patch configmaps"}


@pytest.fixture(scope="module", params=SERVED)
def bounded(
    request: pytest.FixtureRequest, cluster: None, projects: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bounded]:
    """Return an environment of each kind."""
    namespace = f"test-access-{uuid.uuid4().hex[:8]}"
    manifests = with_release(projects[request.param], tmp_path_factory.mktemp("access"), "stable")
    move(manifests, "staging", namespace)
    edit(manifests / "overlays/staging/kustomization.yaml", "components:\n", f"components:\n  - {DEPLOY_STEP}\n")
    kubectl("apply", "--server-side", "-f", "-", given=build(manifests, "staging"))
    yield Bounded(request.param, namespace, manifests)
    kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.fixture(scope="module")
def join(cluster: None, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], str]]:
    """Return a function that takes a project by its name to a cluster with a platform, and returns its namespace."""
    namespaces = []

    def join(name: str) -> str:
        project, namespace = tmp_path_factory.mktemp("existing"), f"test-access-{uuid.uuid4().hex[:8]}"
        answers = {"repository_name": name, "platform": "existing", "namespace": namespace}
        run_copy(str(template), project, data=answers, defaults=True, quiet=True)
        wave = kubectl("kustomize", str(project / "deploy/platform/70-project"))
        kubectl("apply", "--server-side", "-f", "-", given=wave)
        namespaces.extend([namespace, f"{namespace}-local"])
        return namespace

    yield join
    kubectl("delete", "namespace", *namespaces, "--wait=false")


@pytest.fixture(scope="module")
def pipelines(join: Callable[[str], str]) -> tuple[str, str]:
    """Return the namespace of the pipelines and their account, on a cluster that has its platform already."""
    namespace = join(NAME)
    return namespace, f"system:serviceaccount:{namespace}:{NAME}-pipelines"


def test_pipelines_may_change_the_release_alone(bounded: Bounded) -> None:
    everything = bounded.rollout | SEEN | RUN | TAKEN_BY_NOBODY
    assert allowed(bounded.namespace, everything, f"--as={PIPELINES}") == bounded.rollout


def test_pipelines_change_nothing_where_no_overlay_lets_them(bounded: Bounded) -> None:
    built = build(bounded.manifests, "production")
    bindings = of_kind(built, "RoleBinding")
    assert bindings
    assert f"{NAME}-pipelines" not in {subject["name"] for found in bindings for subject in found["subjects"]}


def test_viewer_may_see(bounded: Bounded) -> None:
    everything = bounded.rollout | SEEN | RUN | TAKEN_BY_NOBODY
    seen = {"list pods", f"get {SERVED[bounded.mode]}"} | SEEN
    assert allowed(bounded.namespace, everything, "--as=somebody", f"--as-group={NAME}-viewers") == seen


def test_editor_may_see_roll_out_and_run(bounded: Bounded) -> None:
    everything = bounded.rollout | SEEN | RUN | TAKEN_BY_NOBODY
    editor = ("--as=somebody", f"--as-group={NAME}-editors")
    assert allowed(bounded.namespace, everything, *editor) == bounded.rollout | SEEN | RUN


def test_model_server_may_do_nothing(bounded: Bounded) -> None:
    everything = bounded.rollout | SEEN | RUN | TAKEN_BY_NOBODY
    server = f"--as=system:serviceaccount:{bounded.namespace}:{NAME}"
    assert allowed(bounded.namespace, everything, server) == set()


def test_pipelines_may_do_what_their_steps_need(pipelines: tuple[str, str]) -> None:
    namespace, account = pipelines
    others = {"get configmaps", "list pods", "create pods", "get pods:log", f"get {SERVED['standard']}"}
    everything = PIPELINE_RIGHTS | others | TAKEN_BY_NOBODY
    assert allowed(namespace, everything, f"--as={account}") == PIPELINE_RIGHTS


def test_pipelines_of_two_projects_share_nothing(pipelines: tuple[str, str], join: Callable[[str], str]) -> None:
    second = join("churn-risk")
    other = f"system:serviceaccount:{second}:churn-risk-pipelines"
    for namespace, account in ((pipelines[0], other), (second, pipelines[1])):
        for each in (namespace, f"{namespace}-local"):
            assert allowed(each, PIPELINE_RIGHTS | SEEN | RUN | TAKEN_BY_NOBODY, f"--as={account}") == set()
    assert allowed(second, PIPELINE_RIGHTS, f"--as={other}") == PIPELINE_RIGHTS


def test_pipelines_apply_a_release(bounded: Bounded) -> None:
    objects = of_kind(build(bounded.manifests, "staging"), *RELEASED)
    assert len(objects) == (4 if bounded.mode == "standard" else 3)
    kubectl("apply", "--server-side", "-f", "-", f"--as={PIPELINES}", given=as_list(objects))


@pytest.mark.parametrize(
    "kind", ["Namespace", "ResourceQuota", "NetworkPolicy", "Role", "RoleBinding", "ServiceAccount"]
)
def test_pipelines_may_not_apply_what_bounds_them(kind: str, bounded: Bounded) -> None:
    objects = of_kind(build(bounded.manifests, "staging"), kind)
    done = tried("apply", "--server-side", "-f", "-", f"--as={PIPELINES}", given=as_list(objects))
    assert done.stderr.count("forbidden") == len(objects) > 0


def test_quota_refuses_a_pod_too_large(bounded: Bounded) -> None:
    done = created(pod(bounded.namespace, resources={"requests": {"memory": "17Gi"}, "limits": {"memory": "17Gi"}}))
    assert "exceeded quota: limits" in done


def test_container_that_names_no_limits_gets_some(bounded: Bounded) -> None:
    made = json.loads(created(pod(bounded.namespace)))
    assert made["spec"]["containers"][0]["resources"] == {
        "limits": {"memory": "512Mi"},
        "requests": {"cpu": "50m", "memory": "128Mi"},
    }


@pytest.mark.parametrize("change", [{"privileged": True, "allowPrivilegeEscalation": True}, {"runAsUser": 0}], ids=str)
def test_pod_with_more_rights_is_refused(change: Object, bounded: Bounded, pipelines: tuple[str, str]) -> None:
    for namespace in (bounded.namespace, pipelines[0]):
        assert 'violates PodSecurity "restricted' in created(pod(namespace, securityContext=RESTRICTED | change))


def test_service_may_not_open_the_namespace_to_the_outside(bounded: Bounded) -> None:
    ports = [{"port": 80}]
    metadata = {"name": "outside", "namespace": bounded.namespace}
    done = created({"kind": "Service", "metadata": metadata, "spec": {"type": "LoadBalancer", "ports": ports}})
    assert "exceeded quota: limits" in done


def test_every_namespace_denies_what_no_policy_allows(
    bounded: Bounded, pipelines: tuple[str, str], projects: dict[str, Path]
) -> None:
    deploy = projects[bounded.mode] / "deploy"
    built = build(deploy / "serving", "production")
    built += "---\n" + "---\n".join(kubectl("kustomize", str(deploy / name)) for name in ("monitoring", "telemetry"))
    policies = of_kind(built, "NetworkPolicy")
    denied = {found["metadata"]["namespace"] for found in policies if denies_all(found)}
    assert denied == {found["metadata"]["namespace"] for found in policies} != set()
    for namespace in (bounded.namespace, pipelines[0], f"{pipelines[0]}-local"):
        assert denies_all(get("networkpolicy/default-deny", namespace))


def denies_all(policy: Object) -> bool:
    """Return whether a policy takes all pods of its namespace and lets nothing pass."""
    return bool(policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})


def pod(namespace: str, **container: object) -> Object:
    """Return a pod that a restricted namespace takes unless `container` says otherwise."""
    fields = {"name": "main", "image": "none", "securityContext": RESTRICTED} | container
    metadata = {"generateName": "pod-", "namespace": namespace}
    return {"kind": "Pod", "metadata": metadata, "spec": {"containers": [fields]}}


def created(found: Object) -> str:
    """Return what an administrator is told who tries to create an object."""
    done = tried("create", "--dry-run=server", "-o=json", "-f", "-", given=json.dumps({"apiVersion": "v1"} | found))
    return done.stdout or done.stderr
