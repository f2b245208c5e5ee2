"""A model's files: what they may hold, and how they are written and loaded.

Whoever can write to the registry must not be able to run code where a model is loaded. So a file's own word counts for
nothing: models are read as skops, with types that a project lists, and what else the files name is not looked at. A
project whose models are of another kind brings what loads them, and answers for what that runs.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ml_chassis.digests import digest
from ml_chassis.errors import ModelError
from ml_chassis.model_record import Record

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FLAVOUR, LOADER, FORMAT, FILE = "sklearn", "mlflow.sklearn", "skops", "model.skops"
"""What MLflow writes of the one kind of model that is loaded."""


class Predictor(Protocol):
    """A fitted model of whatever library."""

    feature_names_in_: Any
    """The names of the columns that it takes, in their order, for batch runs and the gate."""

    def predict(self, rows: Any) -> Any:
        """Return the answers for a DataFrame [rows, columns] with these columns, as an array of shape [rows]."""


Loader = Callable[[Path], Predictor]
"""Returns the model of a folder, which holds what MLflow has of a version: `MLmodel`, and the loader's own files."""


class ModelFiles(NamedTuple):
    """What MLflow notes with a model, and the folder of its files."""

    uri: str
    record: Record
    folder: Path


def write(model: "Pipeline", path: str | Path, types: Sequence[str]) -> None:
    """Write a fitted model to a skops file.

    Args:
        model: the fitted model.
        path: the file, which is replaced.
        types: what the file may hold: see `Project.model_types`.

    Raises:
        ModelError: it holds what a model file may not.
    """
    import skops.io  # slow to import, as it brings scikit-learn, which no graph needs

    content = skops.io.dumps(model)
    if strange := set(skops.io.get_untrusted_types(data=content)) - set(types):
        raise ModelError(
            f"The model holds {', '.join(sorted(strange))}, which no model file may. If they are harmless whatever "
            "values a file gives them, add them to `model_types` in project.py."
        )
    Path(path).write_bytes(content)


def read(path: str | Path, types: Sequence[str]) -> "Pipeline":
    """Return the model of a file that `write` has written.

    Args:
        path: the file.
        types: what it may hold: see `Project.model_types`.

    Raises:
        ModelError: it is no such file.
    """
    import skops.io

    try:
        model: Pipeline = skops.io.load(path, trusted=types)
    except Exception as error:  # what the types of a file raise is unforeseeable
        raise ModelError(f"{str(error).splitlines()[0] if str(error) else type(error).__name__}") from error
    return model


def fetch(uri: str, expected: str = "") -> ModelFiles:
    """Fetch a model's files by MLflow's address, or find them in a folder.

    Args:
        uri: where they are.
        expected: the digest that they must have. Without it, they may be any.

    Raises:
        ModelError: they cannot be read, or are others than expected.
    """
    folder = Path(uri) if Path(uri).is_dir() else _download(uri)
    if expected and (found := digest(folder)) != expected:
        raise ModelError(
            f"The model {uri!r} cannot be loaded: its files are not those that were registered, as their digest is "
            f"{found} instead of {expected}. Use another version, and find out who changed these files."
        )
    try:
        return ModelFiles(uri, Record.read(folder), folder)
    except ModelError as error:
        raise _unloadable(uri, error) from error


def load(files: ModelFiles, types: Sequence[str], loader: Loader | None = None) -> Predictor:
    """Load a fitted model from its files.

    Args:
        files: what `fetch` returned.
        types: what its file may hold.
        loader: what loads it, if it is no skops file of MLflow's flavour for scikit-learn.

    Raises:
        ModelError: it cannot be read, or is of a kind that is not loaded.
    """
    try:
        if loader:
            return loader(files.folder)
        _check_kind(files.record)
        model: Predictor = read(files.folder / FILE, types)
    except (OSError, ModelError) as error:
        raise _unloadable(files.uri, error) from error
    return model


def _download(uri: str) -> Path:
    from mlflow.artifacts import download_artifacts  # slow to import, and what is on disk needs none of it
    from mlflow.exceptions import MlflowException

    try:
        return Path(download_artifacts(uri))
    except (MlflowException, OSError) as error:
        cause = str(error).rstrip(".")
        raise ModelError(f"The model {uri!r} cannot be loaded: {cause}. Check that it is there.") from error


def _unloadable(uri: str, error: Exception) -> ModelError:
    return ModelError(f"The model {uri!r} cannot be loaded: {str(error).rstrip('.')}.")


def _check_kind(record: Record) -> None:
    """Refuse what would run code of the model's own, were MLflow to load it."""
    flavour, function = record.flavors.get(FLAVOUR, {}), record.flavors.get("python_function", {})
    if function.get("loader_module") != LOADER:
        raise ModelError(f"it names the loader {function.get('loader_module')!r}; expected {LOADER!r}")
    if flavour.get("serialization_format") != FORMAT:
        raise ModelError(f"its format is {flavour.get('serialization_format')!r}; expected {FORMAT!r}")
    if flavour.get("code") or function.get("code"):
        raise ModelError("it brings code of its own, which is never run here; expected none")
