"""An environment of a generated project on the cluster: its overlay, in a namespace of the tests' own."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.local import images
from tests.local.projects import Project
from tests.running import run

from .client import Client
from .kubectl import Object, as_list, get, kubectl, listed
from .overlays import NAME, build, edit, move, of_kind

VARIANTS = {
    "kserve": {"stable": f"{NAME}-predictor", "candidate": f"{NAME}-canary-predictor"},
    "seldon": {"stable": f"{NAME}-stable-0-{NAME}", "candidate": f"{NAME}-candidate-0-{NAME}"},
}
"""What the operators call the Deployments of a variant."""
SERVICES = {
    "kserve": {"stable": f"{NAME}-predictor:80", "candidate": f"{NAME}-canary-predictor:80"},
    "seldon": {"stable": f"{NAME}-stable:8080", "candidate": f"{NAME}-candidate:8080"},
}
BODY = """
import json
from wine_cultivars.data import load
from wine_cultivars.settings import Settings
rows = load(Settings.load()).drop(columns="cultivar").head(1).to_numpy()
print(json.dumps({"inputs": [{"name": "rows", "shape": rows.shape, "datatype": "FP64", "data": rows.tolist()}]}))
"""


@dataclass(frozen=True)
class Environment:
    """The overlay `local` of a project, and what it has on the cluster."""

    project: Project
    serving: str
    namespace: str
    rows: str
    """The body of a request."""

    @property
    def client(self) -> Client:
        """The pod that asks."""
        return Client(self.namespace, NAME, self.rows)

    @property
    def manifests(self) -> Path:
        """The folder of the serving manifests."""
        return self.project.folder / "deploy/serving"

    @property
    def release(self) -> str:
        """The file that says which version should serve."""
        return self.release_file.read_text()

    @property
    def release_file(self) -> Path:
        """Where that is."""
        return self.manifests / "overlays/local/release/kustomization.yaml"

    def prepare(self, store: str) -> None:
        """Have the overlay use the tests' own namespace, which is made as it says, and MLflow."""
        move(self.manifests, "local", self.namespace)
        edit(self.manifests / "base/kustomization.yaml", r"http://mlflow\.\S+", store)
        namespace = of_kind(build(self.manifests, "local"), "Namespace")
        kubectl("apply", "--server-side", "-f", "-", given=as_list(namespace))

    @contextmanager
    def edited(self, code: str) -> Iterator[None]:
        """Have a module of the model server end in some more code while the body runs."""
        module = self.project.folder / "src/wine_cultivars/serving.py"
        before = module.read_text()
        module.write_text(before + code)
        try:
            yield
        finally:
            module.write_text(before)

    def build_image(self) -> str:
        """Build the model server's image of the project as it is now, load it on the node, and return its name."""
        image = images.build(self.project, "serving")
        images.load_on_node(image)
        return image

    @property
    def champion(self) -> str:
        """The champion's version, which MLflow's server tells in no time; a command of the project takes seconds."""
        alias = f"registered-models/alias?name={NAME}&alias=champion"
        address = f"{self.project.settings['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/{alias}"
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310  our own server
            return str(json.load(answer)["model_version"]["version"])

    def appoint(self, version: int) -> None:
        """Make a version the champion if it is not."""
        if self.champion != str(version):
            run(
                "uv",
                "run",
                NAME,
                "promote",
                "--force",
                str(version),
                cwd=self.project.folder,
                env=self.project.environment,
            )

    def serve_only(self, version: int) -> None:
        """Have one version serve alone, whatever was before, be it by this project or by a pipeline."""
        self.appoint(version)
        if "candidate:" in self.release:
            self.project.call("abort-canary")
        served = self.deployment("stable") and self.asked_for("stable") == f"models:/{NAME}/{version}"
        if f"stable: '{version}'" not in self.release or not served:
            self.project.make("deploy")

    def service(self, variant: str) -> str:
        """Return the Service of a variant and its port."""
        return SERVICES[self.serving][variant]

    def deployment(self, variant: str) -> Object:
        """Return the Deployment of a variant, or nothing."""
        return get(f"deployment/{VARIANTS[self.serving][variant]}", self.namespace)

    def asked_for(self, variant: str) -> str:
        """Return the model that the operator is asked for."""
        if self.serving == "kserve":
            name = VARIANTS["kserve"][variant].removesuffix("-predictor")
            container = get(f"inferenceservice/{name}", self.namespace)["spec"]["predictor"]["containers"][0]
        else:
            predictors = get(f"seldondeployment/{NAME}", self.namespace)["spec"]["predictors"]
            (found,) = (predictor for predictor in predictors if predictor["name"] == variant)
            container = found["componentSpecs"][0]["spec"]["containers"][0]
        model: str = container["env"][0]["value"]
        return model

    def scale(self, **bounds: int) -> None:
        """Have the stable variant run other numbers of pods, at least or at most, than its manifests say."""
        if self.serving == "seldon":  # whose stand-in leaves an autoscaler alone until a release changes it
            autoscaler, patch = f"hpa/{VARIANTS['seldon']['stable']}", json.dumps({"spec": bounds})
            kubectl("patch", autoscaler, "-n", self.namespace, "--type=merge", f"--patch={patch}")
        else:  # as a rollout applies them, which may then change them again
            (service,) = of_kind(build(self.manifests, "local"), "InferenceService")
            service["spec"]["predictor"] |= bounds
            kubectl("apply", "--server-side", "--field-manager=wine_cultivars", "-f", "-", given=json.dumps(service))

    def wait(self, variant: str, condition: str, kind: str = "deployment") -> None:
        """Wait until an object of a variant is as `kubectl wait --for` describes."""
        resource = f"{kind}/{VARIANTS[self.serving][variant]}"
        kubectl("wait", f"--for={condition}", resource, "-n", self.namespace, "--timeout=180s")

    def answering(self, variant: str, instead_of: int) -> list[str]:
        """Return the versions that answer for a variant once the pods of another one have ended.

        Rollouts end when those are told to end. Until the network has heard of it, which takes a moment, it still
        leads some requests to them, and they answer.
        """
        labels = f"app.kubernetes.io/name={NAME},model-variant={variant},model-version={instead_of}"
        kubectl("wait", "--for=delete", "pod", f"--selector={labels}", "-n", self.namespace, "--timeout=60s")
        return self.client.ask(self.service(variant))

    def pods(self, variant: str) -> list[Object]:
        """Return the pods of a variant, but those that are about to end."""
        found = listed("pod", self.namespace, f"app.kubernetes.io/name={NAME},model-variant={variant}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def rows(project: Project) -> str:
    """Return the body of a request."""
    return run("uv", "run", "python", "-c", BODY, cwd=project.folder, env=project.environment)
