"""Reaches the Kubeflow Pipelines that runs on a cluster."""

import json
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx2
from kfp import Client
from kfp_server_api import ApiException
from urllib3.exceptions import HTTPError

from ..errors import ClusterError, PipelineError
from ..kubectl import Kubectl
from ..proxies import may_ask
from ..settings import PROJECT, Settings

ACCOUNT = f"{PROJECT}-pipelines"
"""The ServiceAccount of the steps."""
EDITOR = "default-editor"
"""The ServiceAccount that Kubeflow makes in each profile, for who works there."""
AUDIENCE = "pipelines.kubeflow.org"
"""Whom its tokens are for."""
PAGES = "service/ml-pipeline-ui:80"
"""Its web pages, which pass what is asked of the API on."""
SERVER_NAMESPACE = "kubeflow"
TIMEOUT_SECONDS = 10


@contextmanager
def connected(settings: Settings) -> Iterator[tuple[Client, str]]:
    """Give a client, and the address, of the server at `kfp_endpoint`, or of the cluster's own, while the body runs.

    Raises:
        ClusterError: the cluster's own cannot be reached.
        PipelineError: the server does not answer, or refuses.
    """
    with ExitStack() as stack:
        address = settings.kfp_endpoint.rstrip("/")
        if not address:
            address = stack.enter_context(Kubectl(settings).forwarded(PAGES, SERVER_NAMESPACE))
        try:
            yield _client(address, settings), address
        except ApiException as error:
            raise PipelineError(f"Kubeflow Pipelines refuses: {_reason(error)}") from error
        except httpx2.HTTPStatusError as error:
            answer = f"{error.response.status_code} {error.response.reason_phrase}"
            raise PipelineError(
                f"Kubeflow Pipelines at {address} refuses: {answer}. If it asks who you are, set KFP_TOKEN."
            ) from error
        except (httpx2.HTTPError, HTTPError) as error:
            raise PipelineError(f"Kubeflow Pipelines at {address} does not answer: {error}.") from error


def require_account(settings: Settings) -> None:
    """Fail unless the cluster has the ServiceAccount of the steps, where that can be seen.

    Raises:
        ClusterError: it has not, and no pod of a run could be made.
    """
    namespace = settings.pipelines_namespace
    try:
        kubectl = Kubectl(settings)
        found = kubectl.get(f"serviceaccount/{ACCOUNT}", namespace)
    except ClusterError:  # the server may be reached where the cluster cannot
        return
    if not found:
        raise ClusterError(
            f"{kubectl.context} has no ServiceAccount {ACCOUNT!r}, as which the steps run, in the namespace "
            f"{namespace!r}. PIPELINES_NAMESPACE names another; `make platform` makes the account."
        )


def _client(address: str, settings: Settings) -> Client:
    token = settings.kfp_token.get_secret_value() if settings.kfp_token else None
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    health = httpx2.get(
        f"{address}/apis/v2beta1/healthz", headers=headers, timeout=TIMEOUT_SECONDS, trust_env=may_ask(address)
    )
    health.raise_for_status()
    # A server for several users wants their namespace with each request; one for a single user refuses it.
    namespace = {"namespace": settings.pipelines_namespace} if health.json().get("multi_user") else {}
    if namespace and not token and not settings.kfp_endpoint:
        token = _editors_token(settings)
    with warnings.catch_warnings(action="ignore"):  # it says which servers it is for
        return Client(address, existing_token=token, **namespace)


def _editors_token(settings: Settings) -> str:
    """Return a token by which the cluster's own server knows who asks, for an hour.

    https://www.kubeflow.org/docs/components/pipelines/user-guides/core-functions/connect-api/
    """
    where = f"--namespace={settings.pipelines_namespace}"
    return Kubectl(settings)("create", "token", EDITOR, where, f"--audience={AUDIENCE}").strip()


def _reason(error: ApiException) -> str:
    """Return what the server says is wrong."""
    try:
        return str(json.loads(error.body)["message"])
    except (KeyError, TypeError, ValueError):
        return f"{error.status} {error.reason}"
