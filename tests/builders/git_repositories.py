"""Real git repositories for tests, and a server for them: git's http-backend behind a small HTTP server."""

import base64
import http.server
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

TEST_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
}


def git(repository: Path, *arguments: str) -> str:
    environment = {**os.environ, **TEST_ENVIRONMENT}
    result = subprocess.run(
        ["git", "-C", str(repository), *arguments], env=environment, capture_output=True, check=True, timeout=60
    )
    return result.stdout.decode("utf-8", "replace").strip()


def new_repository(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    for setting in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):  # as on the large hosting services
        git(folder, "config", setting, "true")
    commit(folder, files)
    return folder


def commit(repository: Path, files: Mapping[str, bytes | str]) -> str:
    """Commit files, and return the commit's id."""
    for name, content in files.items():
        file = repository / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--allow-empty", "-m", "more")
    return git(repository, "rev-parse", "HEAD")


@dataclass
class GitServer:
    """Serves the repositories below `root` at `address`.

    `password` is the required password, if any; `redirect` is where all requests are redirected to, if set. `seen`
    records the requests: method, path and credentials. With `tls` it speaks HTTPS.
    """

    root: Path
    address: str = ""
    password: str | None = None
    redirect: str | None = None
    tls: ssl.SSLContext | None = None
    sent: int = 0
    seen: list[tuple[str, str, str]] = field(default_factory=list)
    on_request: list[Any] = field(default_factory=list)


@contextmanager
def git_server(root: Path, **properties: Any) -> Iterator[GitServer]:
    served = GitServer(root, **properties)

    class Handler(_Handler):
        server_state = served

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.address = f"http://127.0.0.1:{server.server_port}"
        if served.tls is not None:
            served.address = f"https://127.0.0.1:{server.server_port}"
            server.socket = served.tls.wrap_socket(server.socket, server_side=True)
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield served
        finally:
            server.shutdown()
            serving.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    server_state: GitServer

    def do_GET(self) -> None:
        state = self.server_state
        _, _, encoded = self.headers.get("Authorization", "").partition(" ")
        credentials = base64.b64decode(encoded).decode()
        state.seen.append((self.command, self.path, credentials))
        for callback in state.on_request:
            callback()
        if state.redirect is not None:
            self._respond(302, {"Location": state.redirect + self.path})
        elif state.password is not None and credentials.partition(":")[2] != state.password:
            self._respond(401, {"WWW-Authenticate": 'Basic realm="git"'})
        else:
            self._serve()

    do_POST = do_GET

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        environment = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.server_state.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": parts.path,
            "QUERY_STRING": parts.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            **TEST_ENVIRONMENT,
        }
        result = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True, timeout=60)
        head, _, response = result.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        self.server_state.sent += len(response)
        self._respond(int(headers.pop("Status", "200").split()[0]), headers, response)

    def _respond(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None: ...
