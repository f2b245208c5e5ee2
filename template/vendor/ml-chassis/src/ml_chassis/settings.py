"""Settings that the library reads. A project's own class inherits them and adds its fields."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    FilePath,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from ml_chassis import addresses
from ml_chassis.errors import SettingsError
from ml_chassis.redaction import hide

if TYPE_CHECKING:
    from ml_chassis.project import Project

Natural = Annotated[int, Field(ge=0)]
"""The type of settings that are integers from 0."""
Positive = Annotated[int, Field(gt=0)]
"""The type of settings that are integers from 1."""
Port = Annotated[int, Field(ge=1, le=65535)]
"""The type of settings that are ports, from 1 to 65535."""
Share = Annotated[float, Field(gt=0, lt=1)]
"""The type of settings that are parts of a whole, in (0, 1)."""
Address = Annotated[str, AfterValidator(addresses.without_secrets)]
"""The type of settings that are addresses or paths. One that may hold a secret, such as a password, is refused."""


class Settings(BaseSettings):
    """Every knob that the library has. The environment wins over `.env`, which wins over these defaults.

    A setting is read from the variable of its name in capitals, such as `DATA_URI`. An empty one counts as not set.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, use_attribute_docstrings=True
    )
    project: ClassVar["Project"]
    """Whose settings they are; `Project` sets it."""

    data_uri: Address
    """The sample, a CSV or Parquet file (path, https, s3, gs, az), or a PostgreSQL or MySQL database."""
    data_table: str | None = None
    """The table to read where DATA_URI is a database."""
    data_target: str
    """The column to predict."""
    database_password: SecretStr | None = None
    """The password of the database's user."""
    database_host: Annotated[str, AfterValidator(addresses.host)] | None = None
    """The host, or host:port, that the password may be sent to. By default that of DATA_URI."""
    database_ca_file: FilePath | None = None
    """The authorities that may vouch for the database. By default those that the machine trusts."""

    test_share: Share = 0.25
    """The share of rows held out to judge the model."""
    random_seed: Natural = 7
    """What everything random is fixed by."""
    split_key: str = ""
    """The column whose equal values stay on one side, such as a customer's id. By default, equal rows do."""
    split_time: str = ""
    """The column of times by which the latest rows are held out."""

    gate_metric: str
    """The held-out metric, in 0..1, that decides on promotion."""
    gate_margin: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """By how much a candidate must beat the champion."""

    model_name: str
    """The model's name in the registry."""
    model_uri: Address | None = None
    """What to serve: a directory or `models:/name/7`. By default the champion."""
    model_digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")] = ""
    """What the model's files must be. By default what the registry has of the version."""
    mlflow_tracking_uri: Address = ""
    """An MLflow server. By default a SQLite file in LOCAL_DIR."""
    mlflow_experiment_name: str
    """The experiment that training runs are recorded in."""

    serve_host: str = "127.0.0.1"
    """The address that the model server listens at."""
    serve_port: Port = 8080
    """The port that it listens on."""
    serve_grpc_port: Port | None = None
    """The port of the same protocol over gRPC, which needs the extra `grpc` of ml-chassis; none is open by default."""
    workers: Annotated[int, Field(ge=1)] = 1
    """Processes of the model server. On a cluster, add replicas instead."""
    serve_runtime: Literal["auto", "onnx", "native"] = "auto"
    """What answers: `onnx`, the model's graph; `native`, its own library; `auto`, the graph where there is one."""
    serve_max_bytes: Positive = 8 * 1024 * 1024
    """The largest body of a request."""
    serve_max_rows: Positive = 10_000
    """The most rows of a request."""
    serve_max_waiting: Positive = 256
    """Requests that may wait for a prediction in one process; more are refused."""
    serve_timeout_seconds: Positive = 10
    """The longest that a body may take to come, a prediction to be made, and the last requests to end."""
    serve_drain_seconds: Natural = 5
    """How long the server says "not ready" before it stops, so that balancers turn to others."""

    capture_uri: Address = ""
    """Where a sample of the requests is kept: a folder, or s3://bucket/folder. By default none is."""
    capture_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """The share of the requests that is kept."""
    capture_redact: str = ""
    """Columns whose values are not kept, with commas between."""
    pushgateway_url: Address = ""
    """The Prometheus Pushgateway that runs and reports send their figures to. By default they send none."""
    pod_namespace: str = "local"
    """The namespace that the figures are labelled with. On a cluster, the pod's own."""

    context: str
    """The context of the kubeconfig that commands act on."""
    platform_folder: Path = Path("deploy/platform")
    """The repository's own waves, which come before the library's; `vendor` writes deploy/vendored/platform."""
    platform_timeout_seconds: Positive = 900
    """How long each wave of the platform may take to work, or to be deleted."""
    rollout_timeout_seconds: Positive = 600
    """How long a cluster may take to serve a release before the one before is put back, and to delete what goes."""
    pipelines_namespace: str
    """Where a cluster runs the steps."""
    deploy_to: str = ""
    """The environment in which a run on a cluster serves a new champion, such as `local`. By default none."""
    kfp_endpoint: Address = ""
    """The address of a Kubeflow Pipelines. By default that of the context, in the namespace `kubeflow`."""
    kfp_token: SecretStr | None = None
    """The token by which that server knows you, if it asks."""
    pipeline_image: str = ""
    """The image that the steps run in on a cluster. By default that of this code."""

    local_dir: Annotated[Path, Field(validate_default=True)] = Path(".local")
    """Where runs on this machine keep their files. Git ignores it."""

    @model_validator(mode="before")
    @classmethod
    def _of_the_project(cls, given: Any) -> Any:
        """Add what the project decides, unless its class has a default or a value is given."""
        if not isinstance(given, dict):
            return given
        decided = cls.defaults_of_project().items()
        return {name: value for name, value in decided if cls.model_fields[name].is_required()} | given

    @field_validator("local_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.resolve()

    @field_validator("split_time")
    @classmethod
    def _key_or_time(cls, column: str, info: ValidationInfo) -> str:
        if column and info.data.get("split_key"):
            raise ValueError("cannot be used beside SPLIT_KEY: rows are held out by one of them")
        return column

    @model_validator(mode="after")
    def _hide_secrets(self) -> Self:
        for _, value in self:
            if isinstance(value, SecretStr):
                hide(value.get_secret_value())
        return self

    @property
    def columns_beside_features(self) -> list[str]:
        """The columns that a model is not asked with: DATA_TARGET, SPLIT_KEY and SPLIT_TIME, as far as they are set."""
        return [name for name in (self.data_target, self.split_key, self.split_time) if name]

    @property
    def redacted_columns(self) -> list[str]:
        """The names of the columns whose values are not kept."""
        return [name.strip() for name in self.capture_redact.split(",") if name.strip()]

    @property
    def image_of_steps(self) -> str:
        """The image that the steps run in on a cluster."""
        return self.pipeline_image or f"{self.project.images}-pipeline:{self.project.identity}"

    @property
    def mlflow_database(self) -> Path:
        """The SQLite file of MLflow, where there is no server."""
        return self.local_dir / "mlflow.db"

    @property
    def tracking_uri(self) -> str:
        """Where MLflow keeps runs and models: the address of a server, or of the SQLite file."""
        return self.mlflow_tracking_uri or f"sqlite:///{self.mlflow_database}"

    @property
    def served_model_uri(self) -> str:
        """What the model server loads, as MLflow's address, such as `models:/wine-cultivars@champion`."""
        return self.model_uri or f"models:/{self.model_name}@champion"

    @property
    def password_host(self) -> str:
        """The only host, or host:port, that the database's password is sent to, or an empty text."""
        if self.database_host is not None:
            return self.database_host
        return addresses.parse(self.data_uri).authority if addresses.is_address(self.data_uri) else ""

    def reading(self, uri: str, table: str | None) -> Self:
        """Return the settings for another address, to which the password of `data_uri` does not belong.

        Args:
            uri: the address or path, in the place of `data_uri`.
            table: the table, where that is a database.
        """
        return self.model_copy(update={"data_uri": uri, "data_table": table, "database_host": self.password_host})

    @classmethod
    def defaults_of_project(cls) -> dict[str, str]:
        """Return the defaults that the project decides, by the names of the settings."""
        project = cls.project
        return {
            "model_name": project.name,
            "mlflow_experiment_name": project.name,
            "context": f"kind-{project.name}" if project.owns_cluster else "",
            "pipelines_namespace": project.pipelines_namespace,
        }

    @classmethod
    def load(cls) -> Self:
        """Return the settings of the environment and `.env`.

        Raises:
            SettingsError: a value is of the wrong kind or out of range.
        """
        try:
            return cls()  # type: ignore[call-arg]  # a project's class, and the project, have the other defaults
        except ValidationError as error:
            first = error.errors()[0]
            name = str(first["loc"][0]).upper()
            if first["type"] == "value_error":  # of an address: it may hold a secret
                raise SettingsError(f"{name} {first['ctx']['error']}.") from None
            complaint = f"{name}={first['input']!r} cannot be used: {first['msg']}."
            raise SettingsError(f"{complaint} Correct it in the environment or in .env.") from None
