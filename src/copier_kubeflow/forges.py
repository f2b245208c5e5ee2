"""GitHub and GitLab: the repositories of an organisation or group, and the state of their CI.

The tokens come from the environment, and go to the API's own server only.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import httpx2

from .errors import FleetError, in_a_sentence
from .git import server
from .repositories import Repository, parsed
from .template import ANSWERS, NAME, is_template

REQUESTS_AT_ONCE = 8
TIMEOUT_SECONDS = 30
STATES = {"success": "passed", "failure": "failed"}

Project = dict[str, Any]


@dataclass(frozen=True)
class Forge:
    """A service that hosts repositories: its API, and the variable that holds a token with some rights."""

    name: str
    api: str
    variable: str
    rights: str
    client: httpx2.Client

    def get(self, address: str, accept: str = "application/json", **query: str) -> httpx2.Response:
        """Ask the API, and return an answer that is found, not found, or forbidden.

        Raises:
            FleetError: it gave no answer, or one that ends the matter for every repository.
        """
        if not address.startswith(f"{self.api}/"):
            raise FleetError(f"{self.name} pointed to {address}, which is not below {self.api}; its token stays here.")
        try:
            response = self.client.get(address, params=query or None, headers={"Accept": accept})
        except httpx2.HTTPError as error:
            raise FleetError(f"{self.name} did not answer at {self.api}: {in_a_sentence(error)}") from None
        if response.status_code == 401:
            raise FleetError(f"{self.name} refused the token in {self.variable}; make one that may {self.rights}.")
        if _is_limited(response):
            more = "" if os.environ.get(self.variable) else f", or set {self.variable}, which raises the limit"
            raise FleetError(f"{self.name} answers no more requests for now; try again {_when(response)}{more}.")
        if response.status_code not in (200, 403, 404):
            raise FleetError(f"{self.name} answered {response.status_code} at {address}; try again later.")
        return response

    def found(self, address: str, missing: Any, **query: str) -> Any:
        """Return what the API tells, or `missing` if it tells this token nothing."""
        response = self.get(address, **query)
        return response.json() if response.status_code == 200 else missing

    def pages(self, path: str, what: str, **query: str) -> Iterator[Project]:
        """Yield the items of every page of a list, which is there, as opposed to what it lists."""
        response = self.get(self.api + path, per_page="100", **query)
        while True:
            if response.status_code != 200:
                raise FleetError(f"{self.name} shows no {what}; is it right, and may {self.variable} {self.rights}?")
            yield from response.json()
            if "next" not in response.links:
                return
            response = self.get(response.links["next"]["url"])


def github_repositories(organisation: str) -> list[Repository]:
    """Return the repositories of an organisation that this template generated."""
    api = server("GITHUB_API_URL", "https://api.github.com")
    client = _client("Authorization", "Bearer ", "GITHUB_TOKEN")
    forge = Forge("GitHub", api, "GITHUB_TOKEN", "read contents and actions", client)

    def repository(project: Project) -> Repository | None:
        address = f"{api}/repos/{project['full_name']}"
        if not _is_ours(forge.get(f"{address}/contents/{ANSWERS}", "application/vnd.github.raw+json")):
            return None
        query = {"branch": project["default_branch"], "event": "push", "per_page": "1"}
        runs = forge.found(f"{address}/actions/runs", {"workflow_runs": []}, **query)["workflow_runs"]
        state = runs[0]["conclusion"] or runs[0]["status"] if runs else ""
        return Repository(project["full_name"], project["clone_url"], STATES.get(state, state))

    pages = forge.pages(f"/orgs/{quote(organisation, safe='')}/repos", f"organisation {organisation!r}")
    return _generated(pages, repository, client)


def gitlab_repositories(group: str) -> list[Repository]:
    """Return the repositories of a group, and of the groups in it, that this template generated."""
    api = server("CI_API_V4_URL", "https://gitlab.com/api/v4")
    client = _client("PRIVATE-TOKEN", "", "GITLAB_TOKEN")
    forge = Forge("GitLab", api, "GITLAB_TOKEN", "read the API and repositories", client)

    def repository(project: Project) -> Repository | None:
        address = f"{api}/projects/{project['id']}"
        if not _is_ours(forge.get(f"{address}/repository/files/{ANSWERS}/raw", ref="HEAD")):
            return None
        pipelines = forge.found(f"{address}/pipelines", [], ref=project["default_branch"], per_page="1")
        state = pipelines[0]["status"] if pipelines else ""
        return Repository(project["path_with_namespace"], project["http_url_to_repo"], STATES.get(state, state))

    path = f"/groups/{quote(group, safe='')}/projects"
    return _generated(forge.pages(path, f"group {group!r}", include_subgroups="true"), repository, client)


def _client(header: str, scheme: str, variable: str) -> httpx2.Client:
    token = os.environ.get(variable)
    return httpx2.Client(headers={header: f"{scheme}{token}"} if token else {}, timeout=TIMEOUT_SECONDS)


def _generated(
    pages: Iterator[Project], repository: Callable[[Project], Repository | None], client: httpx2.Client
) -> list[Repository]:
    """Return those of a list that this template generated; nobody updates what is archived."""
    with client, ThreadPoolExecutor(REQUESTS_AT_ONCE) as threads:
        living = [project for project in pages if not project["archived"]]
        return [found for found in threads.map(repository, living) if found]


def _is_ours(answers: httpx2.Response) -> bool:
    """Tell whether an answers file is there and names this template, or cannot be read, which the survey will say."""
    if answers.status_code != 200:
        return False
    try:
        return is_template(str(parsed(answers.text).get("_src_path", NAME)))
    except FleetError:
        return True


def _is_limited(response: httpx2.Response) -> bool:
    """Tell whether an answer refuses for the number of requests; GitHub may do so by 403."""
    spent = response.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in response.headers
    return response.status_code == 429 or (response.status_code == 403 and (spent or "rate limit" in response.text))


def _when(response: httpx2.Response) -> str:
    wait = response.headers.get("retry-after", "")
    if wait.isdigit():
        return f"in {wait} s"
    reset = response.headers.get("x-ratelimit-reset", response.headers.get("ratelimit-reset", ""))
    return f"after {datetime.fromtimestamp(int(reset), UTC):%H:%M} UTC" if reset.isdigit() else "in a minute"
