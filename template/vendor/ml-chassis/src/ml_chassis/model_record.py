"""What MLflow notes with a model, as far as those who load it need it, read without MLflow, which is slow to import.

The file: https://mlflow.org/docs/latest/ml/model/#storage-format
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec
import yaml

from ml_chassis.errors import ModelError

FILE = "MLmodel"
SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The quick one, where PyYAML was built with it."""


class Column(msgspec.Struct):
    """A column of a signature."""

    type: str
    """MLflow's, such as `double`."""
    name: str = ""
    required: bool = True
    """Whether it has a value in every row of training."""


@dataclass(frozen=True)
class Record:
    """The file `MLmodel` of a model."""

    inputs: Sequence[Column]
    """What it takes, or nothing where it has no signature."""
    outputs: Sequence[Column]
    """What it gives."""
    created: datetime
    """When it was recorded."""
    model_id: str
    """What MLflow knows it by."""
    flavors: Mapping[str, Mapping[str, Any]]
    """By what it can be loaded."""
    metadata: Mapping[str, Any]
    """What else was noted."""

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return the record of a model's files.

        Raises:
            ModelError: there is none, or it is of another form.
        """
        try:
            noted = yaml.load((folder / FILE).read_text(), SAFE_LOADER)  # noqa: S506
            signature = noted.get("signature") or {}
            return cls(
                msgspec.json.decode(signature.get("inputs") or "[]", type=list[Column]),
                msgspec.json.decode(signature.get("outputs") or "[]", type=list[Column]),
                datetime.fromisoformat(str(noted["utc_time_created"])).replace(tzinfo=UTC),
                str(noted.get("model_id")),
                noted["flavors"],
                noted.get("metadata") or {},
            )
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            yaml.YAMLError,
            msgspec.MsgspecError,
        ) as error:
            raise ModelError(f"its file {FILE} cannot be read: {error}") from error
