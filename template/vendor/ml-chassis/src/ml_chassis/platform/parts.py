"""The parts of the platform: what runs each, how it opens on this machine, and who may log in."""

from collections.abc import Iterator
from typing import NamedTuple

from ml_chassis.errors import ClusterError
from ml_chassis.kubectl import HOST
from ml_chassis.project import Project


class Login(NamedTuple):
    """Where the name and the password of a user are kept, in the namespace of the part."""

    secret: str
    user_key: str
    password_key: str


class Part(NamedTuple):
    """A part of the platform."""

    name: str
    namespace: str
    workload: str
    """Its first container's image tells the version."""
    service: str = ""
    """What to open, or nothing."""
    local_port: int = 0
    logins: tuple[Login, ...] = ()
    path: str = ""
    """Of its page, where that is not the first one."""

    @property
    def url(self) -> str:
        """Where it is while it is open, or nothing."""
        return f"http://{HOST}:{self.local_port}{self.path}" if self.service else ""


def parts(project: Project) -> list[Part]:
    """Return the parts of a project's platform, in the order in which they come up."""
    return [*_below(project), *_watching(project), *_kubeflow(project), *_stores(project), *_serving(project)]


def _below(project: Project) -> Iterator[Part]:
    gateway = "deployment/istio-ingressgateway", "service/istio-ingressgateway:80"
    yield Part("cert-manager", "cert-manager", "deployment/cert-manager")
    if project.platform == "kubeflow" or project.serving == "standard":
        yield Part("istio", "istio-system", "deployment/istiod")
    if project.platform == "kubeflow":
        yield Part("kubeflow", "istio-system", *gateway, 8080)
        yield Part("login", "auth", "deployment/dex", logins=(Login("dex-passwords", "user", "password"),))
    if project.serving == "standard":
        yield Part("gateway", "istio-system", *gateway, 8000)


def _watching(project: Project) -> Iterator[Part]:
    if project.monitoring:
        login = Login("grafana-admin", "user", "password")
        yield Part("grafana", "monitoring", "deployment/grafana", "service/grafana:3000", 3000, (login,))
        yield Part("prometheus", "monitoring", "statefulset/prometheus-k8s", "service/prometheus-k8s:9090", 9091)
        alerts = "statefulset/alertmanager-main", "service/alertmanager-main:9093"
        yield Part("alertmanager", "monitoring", *alerts, 9093)


def _kubeflow(project: Project) -> Iterator[Part]:
    if project.platform == "kubeflow":
        yield Part("dashboard", "kubeflow", "deployment/centraldashboard")
        yield Part("pipelines", "kubeflow", "deployment/ml-pipeline")
    else:
        yield Part("pipelines", "kubeflow", "deployment/ml-pipeline-ui", "service/ml-pipeline-ui:80", 8090)
    if "katib" in project.extras:
        yield Part("katib", "kubeflow", "deployment/katib-ui", "service/katib-ui:80", 8091, path="/katib/")
    if "trainer" in project.extras:
        yield Part("trainer", "kubeflow-system", "deployment/kubeflow-trainer-controller-manager")
    if "registry" in project.extras:
        registry = "deployment/model-registry-deployment", "service/model-registry-service:8080"
        yield Part("registry", "kubeflow", *registry, 8092, path="/api/model_registry/v1alpha3/registered_models")
    if "notebooks" in project.extras:
        yield Part("notebook-controller", "notebook-controller-system", "deployment/notebook-controller-deployment")
        login = Login("notebook", "user", "token")
        yield Part("notebook", project.lab, "statefulset/notebook", "service/notebook:80", 8888, (login,))


def _stores(project: Project) -> Iterator[Part]:
    login = Login("mlpipeline-minio-artifact", "accesskey", "secretkey")
    yield Part("store", "kubeflow", "deployment/seaweedfs", "service/seaweedfs:8333", 8333, (login,))
    logins = (
        Login("mlflow", "user", "password"),
        Login(f"{project.name}-mlflow-login", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"),
    )
    yield Part("mlflow", "mlflow", "deployment/mlflow", "service/mlflow:5000", 5001, logins)
    yield Part("postgres", "mlflow", "statefulset/postgres")


def _serving(project: Project) -> Iterator[Part]:
    if project.serving == "knative":
        yield Part("knative", "knative-serving", "deployment/controller")
    if project.serving in ("standard", "knative"):
        yield Part("kserve", "kubeflow", "deployment/kserve-controller-manager")
    elif project.serving == "seldon":
        yield Part("seldon", "seldon-system", "deployment/seldon-controller-manager")


def opened(project: Project, name: str) -> list[Part]:
    """Return the part of that name, or without one all that can be opened.

    Raises:
        ClusterError: there is no such part.
    """
    found = [part for part in parts(project) if part.service]
    if not name:
        return found
    if chosen := [part for part in found if part.name == name]:
        return chosen
    raise ClusterError(f"There is no {name!r} to open; there are {', '.join(part.name for part in found)}.")
