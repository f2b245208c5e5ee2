import json
import os
import pickle
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from ml_chassis import model_files
from ml_chassis.digests import DIGEST, digest
from ml_chassis.errors import ModelError
from ml_chassis.project import SKLEARN_TYPES
from ml_chassis.serving.model import load
from ml_chassis.settings import Settings
from mlflow import MlflowClient
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, VotingClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from wines import PROJECT

Poison = Callable[[Path, str], None]


@pytest.mark.parametrize(
    "classifier",
    [
        CalibratedClassifierCV(GaussianNB()),
        HistGradientBoostingClassifier(max_iter=2),
        KNeighborsClassifier(),
        MLPClassifier(max_iter=300),
        RandomForestClassifier(n_estimators=2),
        VotingClassifier([("one", GaussianNB())]),
    ],
    ids=lambda classifier: type(classifier).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_classifier_answers_alike_from_its_file(
    classifier: ClassifierMixin, rows: pd.DataFrame, tmp_path: Path
) -> None:
    features = rows.drop(columns="cultivar")
    model = make_pipeline(classifier).fit(features, rows["cultivar"])
    model_files.write(model, tmp_path / "model", SKLEARN_TYPES)

    read = model_files.read(tmp_path / "model", SKLEARN_TYPES)
    assert np.array_equal(read.predict(features), model.predict(features))


def test_model_that_no_file_may_hold_is_named_before_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"holds numpy\.mean, which no model file may"):
        model_files.write(make_pipeline(FunctionTransformer(np.mean)), tmp_path / "model", SKLEARN_TYPES)

    assert list(tmp_path.iterdir()) == []


def test_digest_is_what_the_shell_says(files: Path) -> None:
    command = "find * -type f ! -path registered_model_meta | LC_ALL=C sort | xargs sha256sum | sha256sum"
    said = subprocess.run(["bash", "-c", command], cwd=files, capture_output=True, text=True, check=True)

    assert digest(files) == f"sha256:{said.stdout.split()[0]}"


def loads_by_pickle(folder: Path, marker: str) -> None:
    class Command:
        def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
            return os.mkdir, (marker,)

    (folder / "model.pkl").write_bytes(pickle.dumps(Command()))
    edit(folder, "sklearn", serialization_format="pickle", pickled_model="model.pkl")
    edit(folder, "python_function", model_path="model.pkl")


def brings_a_loader(folder: Path, marker: str) -> None:
    (folder / "code").mkdir()
    (folder / "code/loader_of_its_own.py").write_text(f"import os\nos.mkdir({marker!r})\n")
    edit(folder, "python_function", loader_module="loader_of_its_own", code="code")


def brings_code(folder: Path, marker: str) -> None:
    brings_a_loader(folder, marker)
    edit(folder, "python_function", loader_module="mlflow.sklearn")


def trusts_itself(folder: Path, marker: str) -> None:
    text = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "content": json.dumps(marker)}
    values = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "content": [text]}
    call = {"__class__": "mkdir", "__module__": "os", "__loader__": "ConstructorFromReduceNode", "content": values}
    with zipfile.ZipFile(folder / "model.skops", "w") as file:
        file.writestr("schema.json", json.dumps(call | {"protocol": 2}))
    edit(folder, "sklearn", skops_trusted_types=["os.mkdir"])


def edit(folder: Path, flavour: str, **values: object) -> None:
    record = yaml.safe_load((folder / "MLmodel").read_text())
    record["flavors"][flavour] |= values
    (folder / "MLmodel").write_text(yaml.safe_dump(record))


POISONS = {
    loads_by_pickle: "its format is 'pickle'",
    brings_a_loader: "'loader_of_its_own'",
    brings_code: "code of its own",
    trusts_itself: r"Untrusted types found in the file: \['os.mkdir'\]",
}


@pytest.mark.parametrize(("poison", "complaint"), POISONS.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_no_file_of_a_model_runs_code(
    poison: Poison, complaint: str, settings: Settings, registered: str, files: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    poison(files, str(marker))
    MlflowClient().delete_model_version_tag(PROJECT.name, "2", DIGEST)  # as whoever can change the files may, too

    with pytest.raises(ModelError, match=complaint):
        model_files.load(model_files.fetch(registered), SKLEARN_TYPES)
    with pytest.raises(ModelError, match=complaint):
        load(settings.model_copy(update={"model_uri": registered, "serve_runtime": "native"}), SKLEARN_TYPES)
    assert load(settings.model_copy(update={"model_uri": registered}), SKLEARN_TYPES).runtime == "onnx"
    assert not marker.exists()


@pytest.mark.parametrize("name", ["model.skops", "MLmodel", "a new file"])
def test_version_with_other_files_than_were_registered_is_refused(
    name: str, settings: Settings, registered: str, files: Path
) -> None:
    with (files / name).open("ab") as file:
        file.write(b"\n")

    with pytest.raises(ModelError, match="not those that were registered"):
        load(settings.model_copy(update={"model_uri": registered}), SKLEARN_TYPES)


def test_digest_of_the_release_is_believed_before_the_registry(settings: Settings) -> None:
    other = settings.model_copy(update={"model_digest": f"sha256:{64 * '0'}"})

    with pytest.raises(ModelError, match="not those that were registered"):
        load(other, SKLEARN_TYPES)


def test_version_without_a_digest_is_served_with_a_warning(
    settings: Settings, files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    load(settings.model_copy(update={"model_uri": str(files)}), SKLEARN_TYPES)

    assert "are not checked" in caplog.text
