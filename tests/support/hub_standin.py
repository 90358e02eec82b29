"""A stand-in for the Hugging Face hub on this machine: the requests that pushing and pulling make.

Repositories live in memory. Small files come inside the commit, Parquet and safetensors through the
large-file protocol, as on the hub.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TOKEN = "hf_stand_in_token_not_a_secret"
OWNER = "tester"


@dataclass
class Repo:
    private: bool
    # Newest last; the content of every file at that commit.
    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.commit({})

    def commit(self, changes: dict[str, bytes], deleted: tuple[str, ...] = ()) -> str:
        files = {**(self.commits[-1][1] if self.commits else {}), **changes}
        for name in deleted:
            del files[name]
        text = repr((len(self.commits), sorted(files)))
        self.commits.append((hashlib.sha1(text.encode()).hexdigest(), files))
        return self.commits[-1][0]

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        if revision == "main":
            return self.commits[-1]
        return next((one for one in self.commits if one[0] == revision), None)


class HubStandIn(ThreadingHTTPServer):
    """The server; ``with`` starts and stops it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos: dict[tuple[str, str], Repo] = {}
        self.large: dict[str, bytes] = {}
        self.requests: list[str] = []
        # Requests whose path holds this are answered with this status.
        self.fails_on, self.fails_with = "", 500

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def files(self, kind: str, name: str) -> dict[str, bytes]:
        return self.repos[kind, name].commits[-1][1]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.shutdown()
        self.server_close()


_ROUTES = [
    ("POST", r"/api/validate-yaml", "validate_yaml"),
    ("POST", r"/api/repos/create", "create"),
    ("GET", r"/api/(model|dataset)s/([^/]+/[^/]+)(?:/revision/([^/]+))?", "about"),
    ("POST", r"/api/(model|dataset)s/([^/]+/[^/]+)/preupload/([^/]+)", "preupload"),
    ("POST", r"/(?:datasets/)?[^/]+/[^/]+\.git/info/lfs/objects/batch", "batch"),
    ("PUT", r"/large/([0-9a-f]{64})", "put"),
    ("POST", r"/api/(model|dataset)s/([^/]+/[^/]+)/commit/([^/]+)", "commit"),
    ("GET|HEAD", r"/(datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", "resolve"),
]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubStandIn

    def log_message(self, *args) -> None:
        pass

    def _route(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        path = unquote(urlsplit(self.path).path)
        self.server.requests.append(f"{self.command} {path}")
        if self.server.fails_on and self.server.fails_on in path:
            return self._send(self.server.fails_with, {"error": "out of order"})
        for methods, pattern, name in _ROUTES:
            match = re.fullmatch(pattern, path)
            if match and self.command in methods.split("|"):
                return getattr(self, f"_{name}")(*match.groups())
        return self._send(404, {"error": f"no such request: {self.command} {path}"})

    do_GET = do_HEAD = do_POST = do_PUT = _route  # noqa: N815  # http.server calls them so

    @property
    def _known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _send(self, status: int, values=None, *, code: str = "", **headers: str) -> None:
        content = values if isinstance(values, bytes) else json.dumps(values or {}).encode()
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
            self.send_header("X-Error-Message", code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _repo(self, kind: str, name: str) -> Repo | None:
        """A repository that whoever asks may see; otherwise it is answered that there is none."""
        repo = self.server.repos.get((kind, name))
        if repo is None or (repo.private and not self._known):
            self._send(401 if not self._known else 404, code="RepoNotFound")
            return None
        return repo

    def _validate_yaml(self) -> None:
        text = json.loads(self.body)["content"]
        errors = [] if text.startswith("---\n") else [{"message": "no metadata"}]
        self._send(200 if not errors else 400, {"errors": errors, "warnings": []})

    def _create(self) -> None:
        asked = json.loads(self.body)
        kind, name = asked.get("type") or "model", f"{asked['organization']}/{asked['name']}"
        if not self._known:
            headers = {"X-Error-Message": "Invalid credentials in Authorization header"}
            return self._send(401, {"error": "Invalid credentials"}, **headers)
        if asked["organization"] != OWNER:
            return self._send(403, {"error": "no write access"})
        if (kind, name) in self.server.repos:
            return self._send(409, {"error": "You already created this repo"})
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.server.repos[kind, name] = Repo(private)
        return self._send(200, {"url": f"{self.server.url}/{kind}s/{name}"})

    def _about(self, kind: str, name: str, revision: str | None) -> None:
        repo = self._repo(kind, name)
        if repo is None:
            return None
        found = repo.at(revision or "main")
        if found is None:
            return self._send(404, code="RevisionNotFound")
        about = {"id": name, "sha": found[0], "private": repo.private, "tags": []}
        siblings = [{"rfilename": file} for file in found[1]]
        return self._send(200, {**about, "siblings": siblings})

    def _preupload(self, kind: str, name: str, revision: str) -> None:
        if self._repo(kind, name) is None:
            return
        files = [
            {
                "path": file["path"],
                "uploadMode": "lfs"
                if file["path"].endswith(("parquet", "safetensors"))
                else "regular",
                "shouldIgnore": False,
            }
            for file in json.loads(self.body)["files"]
        ]
        self._send(200, {"files": files})

    def _batch(self) -> None:
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.server.url}/large/{one['oid']}"}}}
            for one in json.loads(self.body)["objects"]
        ]
        self._send(200, {"transfer": "basic", "objects": objects})

    def _put(self, oid: str) -> None:
        assert hashlib.sha256(self.body).hexdigest() == oid
        self.server.large[oid] = self.body
        self._send(200)

    def _commit(self, kind: str, name: str, revision: str) -> None:
        repo = self._repo(kind, name)
        if repo is None:
            return None
        changes, deleted = {}, []
        for line in self.body.splitlines():
            value = json.loads(line)
            if value["key"] == "file":
                changes[value["value"]["path"]] = base64.b64decode(value["value"]["content"])
            elif value["key"] == "lfsFile":
                changes[value["value"]["path"]] = self.server.large[value["value"]["oid"]]
            elif value["key"] == "deletedFile":
                deleted.append(value["value"]["path"])
        if not set(deleted) <= repo.commits[-1][1].keys():
            return self._send(404, code="EntryNotFound")
        oid = repo.commit(changes, tuple(deleted))
        url = f"{self.server.url}/{name}/commit/{oid}"
        return self._send(200, {"commitUrl": url, "commitOid": oid})

    def _resolve(self, prefix: str | None, name: str, revision: str, file: str) -> None:
        repo = self._repo("dataset" if prefix else "model", name)
        if repo is None:
            return None
        found = repo.at(revision)
        if found is None:
            return self._send(404, code="RevisionNotFound")
        commit, files = found
        if file not in files:
            return self._send(404, code="EntryNotFound", X_Repo_Commit=commit)
        etag = f'"{hashlib.sha1(files[file]).hexdigest()}"'
        return self._send(200, files[file], X_Repo_Commit=commit, ETag=etag)
