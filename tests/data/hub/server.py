"""A server on this machine that answers like the Hugging Face hub, so that the real client libraries can be tested.

    with Hub() as hub:
        hub.add("owner/name", {"labels.csv": b"image,label\\n"}, commit="a" * 40)
        subprocess.run(command, env={**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path)})

The fixture ``hub`` of `tests.data.hub.conftest` gives one to tests in this process, with an empty hub cache. Dataset
repositories only: information, file lists, files whole and by range, branches, renamed and gated repositories, and
large files behind a redirect to another host. `Hub.requests` says what was asked and how many bytes were sent.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_" + "letmein" * 5
LARGE = 5_000
"""Files of more bytes lie behind a redirect, as with LFS."""


@dataclass
class Repo:
    """A dataset repository: one commit, its files, and who may read it."""

    files: Mapping[str, bytes]
    commit: str
    gated: bool = False
    branches: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One request and what it cost."""

    method: str
    path: str
    status: int
    range: str | None
    sent: int
    authorized: bool


class Hub:
    """The server; runs between entering and leaving.

    Attributes:
        requests: What was asked, in order.
        ranges: Whether range requests are honoured.
        fault: A status such as 503 that every request to a repository is answered with, if any.
        interruptions: How many of the next answers with a part of a file break off.
        renamed: Old name → new name of repositories.
    """

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.renamed: dict[str, str] = {}
        self.requests: list[Request] = []
        self.ranges = True
        self.fault: int | None = None
        self.interruptions = 0
        self.lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.cdn = f"http://localhost:{self._server.server_port}/cdn"

    def add(self, name: str, files: Mapping[str, bytes], *, commit: str, gated: bool = False) -> Repo:
        """A repository with one commit, which is the branch ``main`` too."""
        self.repos[name] = Repo(files, commit, gated, {"main": commit})
        return self.repos[name]

    def sent(self, path: str = "") -> int:
        """Bytes sent of files, in all or of one path's contents."""
        return sum(request.sent for request in self.requests if path in request.path and request.method == "GET")

    def __enter__(self) -> "Hub":
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


_API = re.compile(
    r"/api/datasets/(?P<repo>[^/]+/[^/]+)(?:/(?P<what>revision|tree|paths-info)/(?P<rev>[^/]+)(?:/(?P<path>.+))?)?"
)
_FILE = re.compile(r"/datasets/(?P<repo>[^/]+/[^/]+)/resolve/(?P<rev>[^/]+)/(?P<path>.+)")


_MESSAGES = {401: "Invalid credentials in Authorization header"}


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            _answer(hub, self)

        do_HEAD = do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def _answer(hub: Hub, ask: BaseHTTPRequestHandler) -> None:
    raw = ask.rfile.read(int(ask.headers.get("Content-Length") or 0))
    path = urlsplit(ask.path).path
    try:
        status, headers, body = _route(hub, ask, path, raw)
    except _Refused as refused:
        status, headers, body = refused.status, refused.headers, b"{}"
    sent = b"" if ask.command == "HEAD" else body
    with hub.lock:
        given = ask.headers.get("Authorization") is not None
        hub.requests.append(Request(ask.command, unquote(path), status, ask.headers.get("Range"), len(sent), given))
    ask.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        ask.send_header(name, value)
    ask.end_headers()
    with hub.lock:
        breaks = status == 206 and hub.interruptions > 0
        hub.interruptions -= breaks
    ask.wfile.write(sent[: len(sent) // 2] if breaks else sent)
    if breaks:
        ask.close_connection = True


Answer = tuple[int, dict[str, str], bytes]


class _Refused(Exception):  # noqa: N818
    def __init__(self, status: int, code: str = "", headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.headers = {"X-Error-Code": code, "X-Error-Message": code, **(headers or {})} if code else headers or {}


def _route(hub: Hub, ask: BaseHTTPRequestHandler, path: str, raw: bytes) -> Answer:
    if path.startswith("/cdn/"):
        _, _, digest, etag = path.split("/")
        content = next(data for repo in hub.repos.values() for data in repo.files.values() if _sha(data) == digest)
        return _content(hub, ask, content, {"ETag": f'"{etag}"'})
    for pattern, serve in ((_FILE, _file), (_API, _api)):
        match = pattern.fullmatch(path)
        if match is not None:
            name = unquote(match["repo"])
            if name in hub.renamed:
                raise _Refused(307, headers={"Location": ask.path.replace(name, hub.renamed[name], 1)})
            if hub.fault:
                raise _Refused(hub.fault, headers={"X-Error-Message": _MESSAGES.get(hub.fault, "")})
            return serve(hub, ask, _repo(hub, ask, name), name, match, raw)
    raise _Refused(404)


def _repo(hub: Hub, ask: BaseHTTPRequestHandler, name: str) -> Repo:
    token = ask.headers.get("Authorization")
    if name not in hub.repos:
        raise _Refused(404 if token else 401, "RepoNotFound")
    repo = hub.repos[name]
    if repo.gated and token != f"Bearer {TOKEN}" and "/resolve/" in ask.path:
        raise _Refused(403 if token else 401, "GatedRepo")
    return repo


def _commit(repo: Repo, revision: str) -> str:
    commit = repo.branches.get(unquote(revision), unquote(revision))
    if commit != repo.commit:
        raise _Refused(404, "RevisionNotFound")
    return commit


def _file(hub: Hub, ask: BaseHTTPRequestHandler, repo: Repo, name: str, match: re.Match[str], raw: bytes) -> Answer:
    commit = _commit(repo, match["rev"])
    headers = {"X-Repo-Commit": commit}
    content = repo.files.get(unquote(match["path"]))
    if content is None:
        raise _Refused(404, "EntryNotFound", headers)
    digest = _sha(content)
    if len(content) > LARGE:
        location = f"{hub.cdn}/{digest}/{digest}"
        linked = {"X-Linked-Size": str(len(content)), "X-Linked-Etag": f'"{digest}"', "Location": location}
        return 302, {**headers, **linked}, b""
    return _content(hub, ask, content, {**headers, "ETag": f'"{digest[:40]}"'})


def _content(hub: Hub, ask: BaseHTTPRequestHandler, content: bytes, headers: dict[str, str]) -> Answer:
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", ask.headers.get("Range") or "")
    headers = {**headers, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    if asked is None or not hub.ranges:
        return 200, headers, content
    start, end = int(asked[1]), int(asked[2] or len(content) - 1)
    if start >= len(content):
        return 416, {"Content-Range": f"bytes */{len(content)}"}, b""
    part = content[start : end + 1]
    span = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
    return 206, {**headers, "Content-Range": span}, part


def _api(hub: Hub, ask: BaseHTTPRequestHandler, repo: Repo, name: str, match: re.Match[str], raw: bytes) -> Answer:
    commit = _commit(repo, match["rev"] or "main")
    if match["what"] == "tree":
        under = unquote(match["path"] or "")
        listed = [path for path in sorted(repo.files) if not under or path.startswith(f"{under}/")]
        value: Any = [_entry(repo, path) for path in listed]
        if "recursive" not in parse_qs(urlsplit(ask.path).query) or "alse" in ask.path.partition("recursive=")[2][:5]:
            depth = len(under.split("/")) if under else 0
            folders = sorted({"/".join(path.split("/")[: depth + 1]) for path in listed if path.count("/") > depth})
            value = [_folder(path) for path in folders] + [_entry(repo, p) for p in listed if p.count("/") == depth]
    elif match["what"] == "paths-info":
        value = []
        for path in _asked_paths(ask, raw):
            if path in repo.files:
                value.append(_entry(repo, path))
            elif any(file.startswith(f"{path}/") for file in repo.files):
                value.append(_folder(path))
    else:
        siblings = [{"rfilename": path} for path in sorted(repo.files)]
        value = {"id": name, "sha": commit, "private": False, "gated": "auto" if repo.gated else False}
        value |= {"siblings": siblings, "tags": [], "downloads": 0, "likes": 0, "disabled": False}
    return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _asked_paths(ask: BaseHTTPRequestHandler, raw: bytes) -> list[str]:
    if "json" in (ask.headers.get("Content-Type") or ""):
        paths = json.loads(raw)["paths"]
        return [paths] if isinstance(paths, str) else list(paths)
    return parse_qs(raw.decode())["paths"]


def _entry(repo: Repo, path: str) -> dict[str, Any]:
    content = repo.files[path]
    entry: dict[str, Any] = {"type": "file", "oid": _sha(content)[:40], "size": len(content), "path": path}
    if len(content) > LARGE:
        entry["lfs"] = {"oid": _sha(content), "size": len(content), "pointerSize": 130}
    return entry


def _folder(path: str) -> dict[str, Any]:
    return {"type": "directory", "oid": _sha(path.encode())[:40], "size": 0, "path": path}


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
