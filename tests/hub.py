"""A Hugging Face Hub in miniature, on this machine: the requests of loading and publishing.

Repositories are lists of commits in memory. Large files lie with another server (another port) to
which the hub redirects, as the real one does; it refuses whoever shows it a token.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LARGE = (".safetensors", ".png", ".jpg", ".gif")


@dataclass
class Hub:
    """What it holds, how it misbehaves, what was asked.

    Attributes:
        commits: (kind, id) -> commits, oldest first; each is path -> content.
        tags: (id, revision) -> place in the list of commits, besides ``main``, the last one.
        token: the only one that may write; private repositories are read with it, too.
        breaks: path of a large file -> after how many bytes to hang up, once per entry.
        requests: "METHOD path" of everything that was asked; ``ranges``: of large files.
    """

    commits: dict[tuple[str, str], list[dict[str, bytes]]] = field(default_factory=dict)
    tags: dict[tuple[str, str], int] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    gated: set[str] = field(default_factory=set)
    token: str = "hf_good"
    breaks: dict[str, list[int]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    uploads: dict[str, bytes] = field(default_factory=dict)
    url: str = ""
    store_url: str = ""

    def add(self, repo: str, files: dict[str, bytes], kind: str = "model") -> str:
        """A new commit; returns its hash."""
        self.commits.setdefault((kind, repo), []).append(files)
        return self.sha(kind, repo, len(self.commits[kind, repo]) - 1)

    def files(self, repo: str, kind: str = "model") -> dict[str, bytes]:
        return self.commits[kind, repo][-1]

    def sha(self, kind: str, repo: str, place: int) -> str:
        return hashlib.sha1(f"{kind} {repo} {place}".encode()).hexdigest()

    def place_of(self, kind: str, repo: str, revision: str) -> int | None:
        count = len(self.commits[kind, repo])
        if revision == "main":
            return count - 1
        if (repo, revision) in self.tags:
            return self.tags[repo, revision]
        return next((i for i in range(count) if self.sha(kind, repo, i) == revision), None)


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *args: object) -> None:
        pass

    def _say(self, status: int, body: bytes | dict = b"", **headers: str) -> None:
        if isinstance(body, dict):
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    @property
    def _allowed(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.hub.token}"

    def _refuse(self, status: int, code: str) -> None:
        self._say(status, {"error": code}, X_Error_Code=code, X_Error_Message=code)


class _HubAnswers(_Answers):
    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.requests.append(f"{self.command} {path}")
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self._info(found[1], found[2] or "main")
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self._resolve(*found.groups())
        elif found := re.fullmatch(r"/api/(model|space)s/([^/]+/[^/]+)/tree/main", path):
            files = self.hub.files(found[2], found[1]).items()
            rows = [
                {"type": "file", "path": name, "size": len(content), "oid": "0" * 40}
                for name, content in files
            ]
            self._say(200, json.dumps(rows).encode(), Content_Type="application/json")
        else:
            self._refuse(404, "EntryNotFound")

    do_HEAD = do_GET

    def _known(self, repo: str) -> bool:
        known = ("model", repo) in self.hub.commits
        if not known or (repo in self.hub.private and not self._allowed):
            self._refuse(401, "RepoNotFound")
            return False
        if repo in self.hub.gated and not self._allowed:
            self._refuse(403, "GatedRepo")
            return False
        return True

    def _info(self, repo: str, revision: str) -> None:
        if not self._known(repo):
            return
        place = self.hub.place_of("model", repo, revision.replace("%2F", "/"))
        if place is None:
            self._refuse(404, "RevisionNotFound")
            return
        siblings = []
        for name, content in self.hub.commits["model", repo][place].items():
            one = {"rfilename": name, "size": len(content), "blobId": "0" * 40}
            if name.endswith(LARGE):
                digest = hashlib.sha256(content).hexdigest()
                one["lfs"] = {"size": len(content), "sha256": digest, "pointerSize": 134}
            siblings.append(one)
        sha = self.hub.sha("model", repo, place)
        self._say(200, {"id": repo, "modelId": repo, "sha": sha, "siblings": siblings, "tags": []})

    def _resolve(self, repo: str, revision: str, name: str) -> None:
        if not self._known(repo):
            return
        place = self.hub.place_of("model", repo, revision)
        content = None if place is None else self.hub.commits["model", repo][place].get(name)
        if content is None:
            self._refuse(404, "EntryNotFound")
        elif name.endswith(LARGE):
            self._say(302, Location=f"{self.hub.store_url}/{repo}/{place}/{name}")
        else:
            self._say(200, content, ETag=f'"{hashlib.md5(content).hexdigest()}"')

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        self.hub.requests.append(f"POST {path}")
        body = self._body()
        if path == "/api/validate-yaml":
            self._say(200, {"errors": [], "warnings": []})
        elif not self._allowed:
            self._refuse(403 if self.headers.get("Authorization") else 401, "Forbidden")
        elif path == "/api/repos/create":
            wanted = json.loads(body)
            owner = wanted.get("organization") or "user"
            repo, kind = f"{owner}/{wanted['name']}", wanted.get("type", "model")
            address = f"{self.hub.url}/{'spaces/' if kind == 'space' else ''}{repo}"
            if (kind, repo) in self.hub.commits:
                self._say(409, {"error": "exists", "url": address})
                return
            self.hub.commits[kind, repo] = [{}]
            if wanted.get("private") or wanted.get("visibility") == "private":
                self.hub.private.add(repo)
            self._say(200, {"url": address})
        elif found := re.fullmatch(r"/api/(model|space)s/(.+)/preupload/[^/]+", path):
            files = [
                {
                    "path": one["path"],
                    "uploadMode": "lfs" if one["path"].endswith(LARGE) else "regular",
                    "shouldIgnore": False,
                }
                for one in json.loads(body)["files"]
            ]
            self._say(200, {"files": files})
        elif path.endswith(".git/info/lfs/objects/batch"):
            objects = [
                {**one, "actions": {"upload": {"href": f"{self.hub.store_url}/put/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            self._say(200, {"transfer": "basic", "objects": objects})
        elif found := re.fullmatch(r"/api/(model|space)s/(.+)/commit/[^/]+", path):
            self._commit(found[1], found[2], body)
        else:
            self._refuse(404, "NotFound")

    def _commit(self, kind: str, repo: str, body: bytes) -> None:
        files = dict(self.hub.files(repo, kind))
        for line in body.splitlines():
            operation = json.loads(line)
            value = operation["value"]
            if operation["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif operation["key"] == "lfsFile":
                files[value["path"]] = self.hub.uploads[value["oid"]]
            elif operation["key"] == "deletedFile":
                files.pop(value["path"])
        sha = self.hub.add(repo, files, kind)
        self._say(200, {"commitUrl": f"{self.hub.url}/{repo}/commit/{sha}", "commitOid": sha})


class _StoreAnswers(_Answers):
    def do_GET(self) -> None:
        found = re.fullmatch(r"/([^/]+/[^/]+)/(\d+)/(.+)", self.path)
        self.hub.requests.append(f"STORE {found[3]}")
        if self.headers.get("Authorization"):
            self._refuse(400, "OnlyOneAuthMechanismAllowed")
            return
        content = self.hub.commits["model", found[1]][int(found[2])][found[3]]
        tag, start = f'"{hashlib.md5(content).hexdigest()}"', 0
        if wanted := self.headers.get("Range"):
            self.hub.ranges.append(wanted)
            if self.headers.get("If-Range") == tag:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
        headers = {"ETag": tag}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if self.hub.breaks.get(found[3]):
            self.send_response(206 if start else 200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start : start + self.hub.breaks[found[3]].pop(0)])
            self.close_connection = True
            return
        self._say(206 if start else 200, content[start:], **headers)

    def do_PUT(self) -> None:
        self.hub.uploads[self.path.rpartition("/")[2]] = self._body()
        self._say(200)


@contextmanager
def serve(hub: Hub) -> Iterator[Hub]:
    """Answer on two free local ports while the context is open."""
    servers = []
    for answers in (_HubAnswers, _StoreAnswers):
        handler = type(answers.__name__, (answers,), {"hub": hub})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.handle_error = lambda request, address: None  # clients may hang up; that is tested
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        servers.append(server)
    hub.url, hub.store_url = (f"http://127.0.0.1:{one.server_address[1]}" for one in servers)
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
