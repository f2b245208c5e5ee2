"""Reaches the Kubeflow Pipelines that runs on a cluster."""

import json
import re
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx2
from kfp import Client
from kfp_server_api import ApiException
from urllib3.exceptions import HTTPError

from ml_chassis.errors import ClusterError, PipelineError
from ml_chassis.kubectl import Kubectl
from ml_chassis.proxies import may_ask
from ml_chassis.settings import Settings

EDITOR = "default-editor"
"""The ServiceAccount that Kubeflow makes in each profile, for who works there."""
AUDIENCE = "pipelines.kubeflow.org"
"""Whom its tokens are for."""
PAGES = "service/ml-pipeline-ui:80"
"""Its web pages, which pass what is asked of the API on."""
SERVER_NAMESPACE = "kubeflow"
TIMEOUT_SECONDS = 10
REFUSAL = re.compile(r"\((BadRequest|Forbidden|NotFound|Unauthorized)\)")
"""What a cluster's API calls a refusal, in kubectl's words."""
NOT_FOUND, TOO_MANY_REQUESTS, SERVER_ERROR = 404, 429, 500


def account(settings: Settings) -> str:
    """Return the name of the ServiceAccount of the steps."""
    return f"{settings.project.name}-pipelines"


class UnavailableError(PipelineError):
    """The server does not answer, or cannot for now: waiting may help."""


class MissingError(PipelineError):
    """The server does not have what it was asked for, or no longer."""


@contextmanager
def connected(settings: Settings) -> Iterator[tuple[Client, str]]:
    """Give a client, and the address, of the server at `kfp_endpoint`, or of the cluster's own, while the body runs.

    Raises:
        ClusterError: the cluster refuses to lead to its own.
        UnavailableError: the server does not answer, or not now.
        PipelineError: the server refuses.
    """
    with ExitStack() as stack:
        address = settings.kfp_endpoint.rstrip("/")
        if not address:
            with _refusals_alone():
                address = stack.enter_context(Kubectl(settings).forwarded(PAGES, SERVER_NAMESPACE))
        server = f"Kubeflow Pipelines at {address}"
        try:
            yield _client(address, settings), address
        except ApiException as error:
            raise _failure(server, error.status, str(error.reason), error.body) from error
        except httpx2.HTTPStatusError as error:
            answer = error.response
            raise _failure(server, answer.status_code, answer.reason_phrase, answer.text) from error
        except json.JSONDecodeError as error:
            raise PipelineError(f"{server} answers as another program would. Is KFP_ENDPOINT right?") from error
        except (httpx2.HTTPError, HTTPError) as error:
            raise UnavailableError(f"{server} does not answer: {error}.") from error


def require_account(settings: Settings) -> None:
    """Fail unless the cluster has the ServiceAccount of the steps, where that can be seen.

    Raises:
        ClusterError: it has not, and no pod of a run could be made.
    """
    name, namespace = account(settings), settings.pipelines_namespace
    try:
        kubectl = Kubectl(settings)
        found = kubectl.get(f"serviceaccount/{name}", namespace)
    except ClusterError:  # the server may be reached where the cluster cannot
        return
    if not found:
        raise ClusterError(
            f"{kubectl.context} has no ServiceAccount {name!r}, as which the steps run, in the namespace "
            f"{namespace!r}. PIPELINES_NAMESPACE names another; `{settings.project.command('platform')}` makes the "
            "account."
        )


def _client(address: str, settings: Settings) -> Client:
    token = settings.kfp_token.get_secret_value() if settings.kfp_token else None
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    health = httpx2.get(
        f"{address}/apis/v2beta1/healthz", headers=headers, timeout=TIMEOUT_SECONDS, trust_env=may_ask(address)
    )
    health.raise_for_status()
    # A server for several users wants their namespace with each request; one for a single user refuses it.
    wanted = settings.pipelines_namespace
    namespace = {"namespace": wanted} if health.json().get("multi_user") else {}
    if not namespace and not settings.kfp_endpoint and wanted != SERVER_NAMESPACE:
        raise ClusterError(
            f"This Kubeflow Pipelines is for a single user and runs every step in the namespace {SERVER_NAMESPACE!r}, "
            f"not in {wanted!r}; set PIPELINES_NAMESPACE={SERVER_NAMESPACE}."
        )
    if namespace and not token and not settings.kfp_endpoint:
        with _refusals_alone():
            token = _editors_token(settings)
    with warnings.catch_warnings(action="ignore"):  # it says which servers it is for
        return Client(address, existing_token=token, **namespace)


def _editors_token(settings: Settings) -> str:
    """Return a token by which the cluster's own server knows who asks, for an hour.

    https://www.kubeflow.org/docs/components/pipelines/user-guides/core-functions/connect-api/
    """
    where = f"--namespace={settings.pipelines_namespace}"
    return Kubectl(settings)("create", "token", EDITOR, where, f"--audience={AUDIENCE}").strip()


@contextmanager
def _refusals_alone() -> Iterator[None]:
    """Let the cluster's refusals pass; what else kubectl fails by may be over soon."""
    try:
        yield
    except ClusterError as error:
        if REFUSAL.search(str(error)):
            raise
        raise UnavailableError(str(error)) from error


def _failure(server: str, status: int, phrase: str, body: str | None) -> PipelineError:
    """Return the error for what a server said, by the status of its answer."""
    said = (_words(body or "") or f"{status} {phrase}").rstrip(".") + "."
    if status == TOO_MANY_REQUESTS or status >= SERVER_ERROR:
        return UnavailableError(f"{server} cannot answer now: {said}")
    if status == NOT_FOUND:
        return MissingError(f"{server} refuses: {said}")
    return PipelineError(f"{server} refuses: {said} If it asks who you are, set KFP_TOKEN.")


def _words(body: str) -> str:
    """Return what an answer says is wrong: the server's message, or the line of a mesh before it, or nothing."""
    try:
        return str(json.loads(body)["message"])
    except (KeyError, TypeError, ValueError):
        return "" if body.startswith("<") or "\n" in body.strip() else body.strip()
