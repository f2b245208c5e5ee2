"""A server that answers as the documented APIs of GitHub and GitLab do, and serves repositories by plain HTTP."""

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from secrets import token_hex
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.running import run

TOKEN = token_hex()
GITHUB_LOGIN = b64encode(f"x-access-token:{TOKEN}".encode()).decode()
GITLAB_LOGIN = b64encode(f"oauth2:{TOKEN}".encode()).decode()
Answer = tuple[int, dict[str, str], object]


@dataclass
class Project:
    """A repository on the server, the state of its CI, and whether it is archived."""

    folder: Path
    state: str = ""
    archived: bool = False


@dataclass
class Forge:
    """What the server has, how many items its pages hold at most, and what it saw."""

    bare: Path
    projects: dict[str, Project] = field(default_factory=dict)
    page_size: int = 100
    refusal: Answer | None = None
    next_page_at: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    port: int = 0

    @property
    def address(self) -> str:
        """Return where GitHub is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def gitlab(self) -> str:
        """Return where GitLab is; by another name, so that a token for the one is not one for the other."""
        return f"http://localhost:{self.port}"

    def add(self, name: str, folder: Path, state: str = "", archived: bool = False) -> None:
        """Put a copy of a repository on the server."""
        copy = self.bare / f"{name}.git"
        run("git", "clone", "--quiet", "--bare", str(folder), str(copy))
        run("git", "update-server-info", cwd=copy)
        self.projects[name] = Project(folder, state, archived)

    def environment(self, token: str = "") -> dict[str, str]:
        """Return the variables by which the command finds this server."""
        addresses = {
            "GITHUB_API_URL": f"{self.address}/api/v3",
            "GITHUB_SERVER_URL": self.address,
            "CI_API_V4_URL": f"{self.gitlab}/api/v4",
            "CI_SERVER_URL": self.gitlab,
        }
        return addresses | ({"GITHUB_TOKEN": token, "GITLAB_TOKEN": token} if token else {})

    def answer(self, path: str, query: dict[str, str]) -> Answer:
        """Return the status, headers and body for a path of either API."""
        if self.refusal:
            return self.refusal
        version, *parts = [unquote(part) for part in path.removeprefix("/api/").split("/")]
        match parts:
            case ["orgs", "acme", "repos"] | ["organizations", "1", "repos"] if version == "v3":
                return self._page(f"{self.address}/api/v3/organizations/1/repos", query, self._github)
            case ["groups", "acme/ml", "projects"] if version == "v4" and query.get("include_subgroups") == "true":
                return self._page(f"{self.gitlab}/api/v4/groups/acme%2Fml/projects", query, self._gitlab)
            case ["repos", owner, name, "contents", file]:
                return self._file(f"{owner}/{name}", file)
            case ["projects", number, "repository", "files", file, "raw"] if query.get("ref") == "HEAD":
                return self._file(list(self.projects)[int(number)], file)
            case ["repos", owner, name, "actions", "runs"] if query["branch"] == "main":
                state = self.projects[f"{owner}/{name}"].state
                done = {"status": "completed", "conclusion": state}
                waiting = {"status": state, "conclusion": None}
                runs = [done if state in ("success", "failure") else waiting] if state else []
                return 200, {}, {"total_count": len(runs), "workflow_runs": runs}
            case ["projects", number, "pipelines"] if query["ref"] == "main":
                state = list(self.projects.values())[int(number)].state
                return 200, {}, [{"id": 1, "status": state}] if state else []
        return 404, {}, {"message": "Not Found"}

    def _page(self, address: str, query: dict[str, str], describe: Any) -> Answer:
        size, number = min(int(query["per_page"]), self.page_size), int(query.get("page", "1"))
        every = [describe(index, name, project) for index, (name, project) in enumerate(self.projects.items())]
        items, more = every[(number - 1) * size : number * size], number * size < len(every)
        headers = {"X-Next-Page": str(number + 1) if more else ""}
        if more:
            following = self.next_page_at or f"{address}?{urlencode(query | {'page': number + 1})}"
            headers["Link"] = f'<{following}>; rel="next", <{address}?page=9>; rel="last"'
        return 200, headers, items

    def _github(self, _: int, name: str, project: Project) -> dict[str, object]:
        address = f"{self.address}/{name}.git"
        return {"full_name": name, "clone_url": address, "default_branch": "main", "archived": project.archived}

    def _gitlab(self, index: int, name: str, project: Project) -> dict[str, object]:
        common = {"id": index, "default_branch": "main", "archived": project.archived}
        return common | {"path_with_namespace": name, "http_url_to_repo": f"{self.gitlab}/{name}.git"}

    def _file(self, name: str, file: str) -> Answer:
        path = self.projects[name].folder / file
        return (200, {}, path.read_text()) if path.is_file() else (404, {}, {"message": "Not Found"})


@contextmanager
def serving(bare: Path) -> Iterator[Forge]:
    """Serve while the body runs."""
    forge = Forge(bare)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            login = self.headers.get("Authorization", "") or self.headers.get("PRIVATE-TOKEN", "")
            forge.requests.append((url.path, login))
            if url.path.startswith("/api/"):
                right = (f"Bearer {TOKEN}", "") if url.path.startswith("/api/v3/") else (TOKEN, "")
                query = {name: values[0] for name, values in parse_qs(url.query).items()}
                refused: Answer = (401, {}, {"message": "Bad credentials"})
                self.reply(*(forge.answer(url.path, query) if login in right else refused))
            elif login != f"Basic {GITLAB_LOGIN if 'localhost' in self.headers['Host'] else GITHUB_LOGIN}":
                self.reply(401, {"WWW-Authenticate": "Basic"}, b"")
            else:
                file = forge.bare / url.path.lstrip("/")
                self.reply(*((200, {}, file.read_bytes()) if file.is_file() else (404, {}, b"")))

        def reply(self, status: int, headers: dict[str, str], body: object) -> None:
            text = body if isinstance(body, str | bytes) else json.dumps(body)
            content = text.encode() if isinstance(text, str) else text
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    forge.port = server.server_port
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield forge
    server.shutdown()
    thread.join()
    server.server_close()
