"""Settings that the library reads. A project's own class inherits them and adds its fields."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ml_chassis import addresses
from ml_chassis.errors import SettingsError
from ml_chassis.redaction import hide

Positive = Annotated[int, Field(gt=0)]
Port = Annotated[int, Field(ge=1, le=65535)]
Address = Annotated[str, AfterValidator(addresses.without_secrets)]


class ServerSettings(BaseSettings):
    """What the model server reads. The environment wins over `.env`, which wins over these defaults."""

    model_config = SettingsConfigDict(env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True)

    model_name: str
    model_uri: Address | None = None
    """What to serve: a directory or `models:/name/7`. By default the champion."""
    model_digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")] = ""
    """What the model's files must be. By default what the registry has of the version."""
    mlflow_tracking_uri: Address = ""
    """An MLflow server. By default a SQLite file in `local_dir`."""
    local_dir: Annotated[Path, Field(validate_default=True)] = Path(".local")
    """Where runs on this machine keep their files. Git ignores it."""

    serve_host: str = "127.0.0.1"
    serve_port: Port = 8080
    workers: Annotated[int, Field(ge=1)] = 1
    """Processes of the model server. On a cluster, add replicas instead."""
    serve_max_bytes: Positive = 8 * 1024 * 1024
    """The largest body of a request."""
    serve_max_rows: Positive = 10_000
    """The most rows of a request."""
    serve_max_waiting: Positive = 256
    """Requests that may wait for a prediction in one process; more are refused."""
    serve_timeout_seconds: Positive = 10
    """The longest that a body may take to come, a prediction to be made, and the last requests to end."""
    serve_drain_seconds: Annotated[int, Field(ge=0)] = 5
    """How long the server says "not ready" before it stops, so that balancers turn to others."""

    @field_validator("local_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.resolve()

    @model_validator(mode="after")
    def _hide_secrets(self) -> Self:
        for _, value in self:
            if isinstance(value, SecretStr):
                hide(value.get_secret_value())
        return self

    @property
    def mlflow_database(self) -> Path:
        """The SQLite file of MLflow, where there is no server."""
        return self.local_dir / "mlflow.db"

    @property
    def tracking_uri(self) -> str:
        """Where MLflow keeps runs and models."""
        return self.mlflow_tracking_uri or f"sqlite:///{self.mlflow_database}"

    @property
    def served_model_uri(self) -> str:
        """What the model server loads."""
        return self.model_uri or f"models:/{self.model_name}@champion"

    @classmethod
    def load(cls) -> Self:
        """Return the settings of the environment and `.env`.

        Raises:
            SettingsError: a value is of the wrong kind or out of range.
        """
        try:
            return cls()  # type: ignore[call-arg]  # a project's class has a default for the model's name
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]).upper()
            if first["type"] == "value_error":  # of an address: it may hold a secret
                raise SettingsError(f"{name} {first['ctx']['error']}.") from None
            complaint = f"{name}={first['input']!r} cannot be used: {first['msg']}."
            raise SettingsError(f"{complaint} Correct it in the environment or in .env.") from None
