"""A Hub on loopback: the part of the Hub's HTTP interface that pushing and loading need, for real clients.

``with HubServer() as hub:`` serves on a free port; ``hub.environment(home)`` is what a client's process must have
before it imports a Hugging Face library. ``hub.requests`` counts requests by kind; ``hub.refuse`` and
``hub.cut_after`` break things.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

TOKEN = "hf_loopback"
USER = "steelworks"
LARGE = 10 * 1024 * 1024
LFS_ENDINGS = (".parquet", ".png", ".jpg", ".safetensors", ".bin", ".zip", ".tar", ".gz")
"""What the Hub's own .gitattributes sends to LFS, as far as it matters here."""
REPO = r"(?P<repo>[^/]+/[^/]+?)"
API = rf"/api/(?P<type>datasets|models)/{REPO}"
ROUTES = [
    ("whoami", "GET", r"/api/whoami-v2"),
    ("create", "POST", r"/api/repos/create"),
    ("validate-yaml", "POST", r"/api/validate-yaml"),
    ("refs", "GET", rf"{API}/refs"),
    ("info", "GET", rf"{API}(/revision/(?P<revision>.+))?"),
    ("tree", "GET", rf"{API}/tree/(?P<revision>[^/]+)(/(?P<path>.+))?"),
    ("paths-info", "POST", rf"{API}/paths-info/(?P<revision>[^/]+)"),
    ("preupload", "POST", rf"{API}/preupload/(?P<revision>[^/]+)"),
    ("commit", "POST", rf"{API}/commit/(?P<revision>[^/]+)"),
    ("lfs-batch", "POST", rf"/(?:(?P<type>datasets)/)?{REPO}\.git/info/lfs/objects/batch"),
    ("lfs-put", "PUT", r"/lfs/put/(?P<oid>[0-9a-f]{64})"),
    ("lfs-verify", "POST", r"/lfs/verify"),
    ("lfs-get", "GET", r"/lfs/get/(?P<oid>[0-9a-f]{64})"),
    ("resolve", "GET", rf"/(?:(?P<type>datasets)/)?{REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)"),
]
"""Kind, method, path (HEAD goes where GET goes). A kind's method of the handler has its name."""


def git_oid(data: bytes) -> str:
    """What git names a file with this content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def card_errors(content: str) -> list[str]:
    """What the Hub has against a card's header, of the rules in its documentation of model and data set cards."""
    parts = content.split("---\n", 2)
    if len(parts) != 3 or parts[0]:
        return ["no metadata"]
    try:
        header = yaml.safe_load(parts[1])
    except yaml.YAMLError as error:
        return [f"no YAML: {error}"]
    if not isinstance(header, dict):
        return ["the header is no mapping"]
    errors = [f'"{key}" is empty' for key, value in header.items() if value is None]
    for key in ("license", "library_name", "pipeline_tag", "base_model_relation", "license_name", "pretty_name"):
        if not isinstance(header.get(key, ""), str):
            errors.append(f'"{key}" must be a string')
    for key in ("tags", "datasets", "base_model", "language", "task_categories"):
        values = header.get(key, [])
        if not all(isinstance(value, str) for value in ([values] if isinstance(values, str) else values)):
            errors.append(f'"{key}" must be strings')
    if header.get("license", "mit") not in ("mit", "apache-2.0", "cc-by-4.0", "other", "unknown"):
        errors.append('"license" must be one of the known ones')
    if header.get("base_model_relation", "adapter") not in ("adapter", "finetune", "merge", "quantized"):
        errors.append('"base_model_relation" must be one of the known ones')
    for key in ("base_model", "datasets"):
        values = header.get(key, [])
        for value in [values] if isinstance(values, str) else values:
            if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", str(value)):
                errors.append(f'"{key}" with value "{value}" is not valid. Use a repo id')
    return errors + [error for model in header.get("model-index", []) for error in _index_errors(model)]


def _index_errors(model: dict[str, Any]) -> list[str]:
    """The same of an entry in ``model-index``."""
    errors = [] if isinstance(model.get("name"), str) and model["name"] else ['"model-index.name" is required']
    needed = [("task", "type"), ("dataset", "type"), ("dataset", "name")]
    for result in model.get("results", []):
        errors += [f'"{a}.{b}" is required' for a, b in needed if not isinstance(result.get(a, {}).get(b), str)]
        for metric in result.get("metrics") or [{}]:
            errors += [f'"metrics.{key}" is required' for key in ("type", "value") if metric.get(key) is None]
    return errors


@dataclass(frozen=True)
class File:
    """A file in a commit."""

    data: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def pointer(self) -> bytes:
        return f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n".encode()

    def entry(self, path: str) -> dict[str, Any]:
        found = {"type": "file", "path": path, "size": len(self.data)}
        if not self.lfs:
            return found | {"oid": git_oid(self.data)}
        lfs = {"oid": self.sha256, "size": len(self.data), "pointerSize": len(self.pointer)}
        return found | {"oid": git_oid(self.pointer), "lfs": lfs}


@dataclass
class Repo:
    """Commits as whole trees: an unfinished one cannot be seen."""

    private: bool = False
    commits: dict[str, dict[str, File]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)

    def __post_init__(self):
        self.commit({})

    def commit(self, tree: dict[str, File], ref: str = "main") -> str:
        name = hashlib.sha1(f"{ref} {len(self.commits)}".encode()).hexdigest()
        self.commits[name] = tree
        self.refs[ref] = name
        return name

    def tree(self, ref: str = "main") -> dict[str, File]:
        return self.commits[self.refs[ref]]


class HubServer(ThreadingHTTPServer):
    """The server; a context manager."""

    daemon_threads = True

    def __init__(self, page: int = 1000):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        # Another host, as clients follow the Hub's redirects within one host before they look at the headers.
        self.storage = f"http://localhost:{self.server_port}"
        self.page = page
        self.repos: dict[tuple[str, str], Repo] = {}
        self.lfs: dict[str, bytes] = {}
        self.requests: Counter[str] = Counter()
        self.refuse: dict[str, int] = {}
        """Kind -> how many more are answered before all are refused."""
        self.cut_after: int | None = None
        """Bytes of file contents that are still sent before a connection breaks off in the middle of a file, once."""
        self.spoil: set[str] = set()
        """Paths whose contents arrive changed."""
        self.lock = threading.Lock()

    def __enter__(self) -> HubServer:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def environment(self, home: Path, token: str | None = TOKEN) -> dict[str, str]:
        """Variables of a process whose Hub is this one and whose caches are under ``home``."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING_FACE"))}
        ours = {
            "HF_ENDPOINT": self.url,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_TELEMETRY": "1",
        }
        return kept | ours | ({"HF_TOKEN": token} if token else {})

    def add(self, repo_id: str, folder: Path, *, ref: str = "main", repo_type: str = "datasets") -> Repo:
        """A public repo with a folder's files, put there without a request."""
        repo = self.repos.setdefault((repo_type, repo_id), Repo())
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        tree = {f.relative_to(folder).as_posix(): File(f.read_bytes(), f.name.endswith(LFS_ENDINGS)) for f in files}
        self.lfs |= {file.sha256: file.data for file in tree.values() if file.lfs}
        repo.commit(tree, ref)
        return repo

    def handle_error(self, *_: object) -> None:
        """A client that goes away is no news."""


class _Answer(Exception):  # noqa: N818
    """Ends a request with an error."""

    def __init__(self, status: int, code: str = "", message: str = ""):
        self.status, self.headers = status, {"X-Error-Code": code, "X-Error-Message": message}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: HubServer

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.query = {key: values[0] for key, values in parse_qs(url.query).items()}
        # The body is taken first: what is left of it would be read as the connection's next request.
        self.body = self._read_body()
        method = "GET" if self.command == "HEAD" else self.command
        matches = ((kind, re.fullmatch(pattern, url.path)) for kind, its, pattern in ROUTES if its == method)
        kind, match = next((found for found in matches if found[1]), ("unknown", None))
        if match is None:
            return self._send(404, {"error": f"no such endpoint: {self.command} {self.path}"})
        try:
            with self.server.lock:
                self.server.requests[kind if self.command != "HEAD" else f"head-{kind}"] += 1
                left = self.server.refuse.get(kind)
                if left is not None:
                    self.server.refuse[kind] = max(left - 1, 0)
            if left == 0:
                raise _Answer(507, message="Insufficient storage")  # a status that clients do not try again
            values = {k: unquote(v) for k, v in match.groupdict().items() if v is not None}
            self._check_token()
            getattr(self, "_" + kind.replace("-", "_"))(values)
        except _Answer as answer:
            self._send(answer.status, {"error": answer.headers["X-Error-Message"]}, answer.headers)

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            if value:
                self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _check_token(self) -> None:
        given = self.headers.get("Authorization")
        self.known = given == f"Bearer {TOKEN}"
        if given and not self.known:
            raise _Answer(401, message="Invalid credentials in Authorization header")

    def _must_be_known(self) -> None:
        if not self.known:
            raise _Answer(401, message="Invalid username or password.")

    def _repo(self, values: dict[str, str]) -> Repo:
        repo = self.server.repos.get((values.get("type", "models"), values["repo"]))
        if repo is None or (repo.private and not self.known):
            raise _Answer(404 if self.known else 401, "RepoNotFound", "Repository not found")
        return repo

    def _commit_and_tree(self, values: dict[str, str]) -> tuple[str, dict[str, File]]:
        repo, revision = self._repo(values), values.get("revision", "main")
        commit = repo.refs.get(revision, revision)
        if commit not in repo.commits:
            raise _Answer(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit, repo.commits[commit]

    def _whoami(self, _: dict[str, str]) -> None:
        self._must_be_known()
        token = {"type": "access_token", "accessToken": {"displayName": "test", "role": "write"}}
        self._send(200, {"type": "user", "name": USER, "fullname": USER, "orgs": [], "auth": token})

    def _create(self, _: dict[str, str]) -> None:
        self._must_be_known()
        asked = json.loads(self.body)
        owner = asked.get("organization") or USER
        if owner != USER:
            raise _Answer(403, message=f"You don't have the rights to create a {asked.get('type')} under {owner}")
        repo_type = f"{asked.get('type', 'model')}s"
        key, url = (repo_type, f"{owner}/{asked['name']}"), self.server.url
        url += f"/{owner}/{asked['name']}" if repo_type == "models" else f"/{repo_type}/{owner}/{asked['name']}"
        if key in self.server.repos:
            return self._send(409, {"error": "You already created this repo", "url": url})
        private = bool(asked.get("private")) or asked.get("visibility") == "private"
        self.server.repos[key] = Repo(private)
        self._send(200, {"url": url, "name": key[1]})

    def _validate_yaml(self, _: dict[str, str]) -> None:
        errors = card_errors(json.loads(self.body)["content"])
        found = {"errors": [{"message": error} for error in errors], "warnings": []}
        self._send(400 if errors else 200, found)

    def _refs(self, values: dict[str, str]) -> None:
        refs: dict[str, list[dict[str, str]]] = {"branches": [], "converts": [], "tags": []}
        for name, commit in self._repo(values).refs.items():
            convert = name.startswith("refs/convert/")
            short, ref = name.removeprefix("refs/convert/"), name if convert else f"refs/heads/{name}"
            refs["converts" if convert else "branches"].append({"name": short, "ref": ref, "targetCommit": commit})
        self._send(200, refs)

    def _info(self, values: dict[str, str]) -> None:
        commit, tree = self._commit_and_tree(values)
        siblings = [{"rfilename": path} for path in tree]
        private = self._repo(values).private
        known = {"_id": commit[:24], "id": values["repo"], "sha": commit, "private": private, "tags": []}
        self._send(200, known | {"siblings": siblings, "gated": False, "disabled": False, "downloads": 0, "likes": 0})

    def _tree(self, values: dict[str, str]) -> None:
        _, tree = self._commit_and_tree(values)
        under = f"{values['path']}/" if "path" in values else ""
        recursive = self.query.get("recursive", "").lower() in ("1", "true")
        entries: dict[str, dict[str, Any]] = {}
        for path, file in sorted(tree.items()):
            if not path.startswith(under):
                continue
            parts = path[len(under) :].split("/")
            for depth in range(1, len(parts) if recursive else min(len(parts), 2)):
                folder = under + "/".join(parts[:depth])
                entries.setdefault(
                    folder, {"type": "directory", "path": folder, "oid": git_oid(folder.encode()), "size": 0}
                )
            if recursive or len(parts) == 1:
                entries[path] = file.entry(path)
        if under and not entries:
            raise _Answer(404, "EntryNotFound", f"{under} does not exist")
        start = int(self.query.get("cursor", 0))
        end, headers = start + self.server.page, {}
        if end < len(entries):
            here = urlsplit(self.path).path
            headers["Link"] = f'<{self.server.url}{here}?recursive={recursive}&cursor={end}>; rel="next"'
        self._send(200, list(entries.values())[start:end], headers)

    def _paths_info(self, values: dict[str, str]) -> None:
        _, tree = self._commit_and_tree(values)
        found = []
        is_json = "json" in self.headers.get("Content-Type", "")
        for path in json.loads(self.body)["paths"] if is_json else parse_qs(self.body.decode()).get("paths", []):
            if path in tree:
                found.append(tree[path].entry(path))
            elif any(other.startswith(f"{path}/") for other in tree):
                found.append({"type": "directory", "path": path, "oid": git_oid(path.encode()), "size": 0})
        self._send(200, found)

    def _preupload(self, values: dict[str, str]) -> None:
        self._must_be_known()
        _, tree = self._commit_and_tree(values)
        answers = []
        for file in json.loads(self.body)["files"]:
            there, path = tree.get(file["path"]), file["path"]
            lfs = path.endswith(LFS_ENDINGS) or file["size"] > LARGE
            oid = there and (there.sha256 if there.lfs else git_oid(there.data))
            mode = "lfs" if lfs else "regular"
            answers.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self._send(200, {"files": answers})

    def _lfs_batch(self, values: dict[str, str]) -> None:
        self._must_be_known()
        self._repo(values)
        objects = []
        for asked in json.loads(self.body)["objects"]:
            wanted = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.server.lfs:
                put = {"href": f"{self.server.url}/lfs/put/{asked['oid']}"}
                wanted["actions"] = {"upload": put, "verify": {"href": f"{self.server.url}/lfs/verify"}}
            objects.append(wanted)
        self._send(200, {"transfer": "basic", "objects": objects})

    def _lfs_put(self, values: dict[str, str]) -> None:
        if hashlib.sha256(self.body).hexdigest() != values["oid"]:
            raise _Answer(400, message="Content is not what its name says")
        self.server.lfs[values["oid"]] = self.body
        self._send(200)

    def _lfs_verify(self, _: dict[str, str]) -> None:
        asked = json.loads(self.body)
        self._send(200 if len(self.server.lfs.get(asked["oid"], b"")) == asked["size"] else 404)

    def _commit(self, values: dict[str, str]) -> None:
        self._must_be_known()
        repo, (_, before) = self._repo(values), self._commit_and_tree(values)
        tree = dict(before)
        for line in map(json.loads, self.body.splitlines()):
            key, value = line["key"], line["value"]
            if key == "file":
                tree[value["path"]] = File(base64.b64decode(value["content"]), False)
            elif key == "lfsFile" and value["oid"] in self.server.lfs:
                tree[value["path"]] = File(self.server.lfs[value["oid"]], True)
            elif key == "deletedFile" and value["path"] in tree:
                del tree[value["path"]]
            elif key == "deletedFolder":
                tree = {path: file for path, file in tree.items() if not path.startswith(f"{value['path']}/")}
            elif (
                key == "header"
                and value.get("parentCommit", repo.refs[values["revision"]]) != repo.refs[values["revision"]]
            ):
                raise _Answer(412, message="A commit has happened since")
            elif key != "header":
                raise _Answer(400, message=f"{key} {value.get('path')}: cannot be done")
        oid = repo.commit(tree, values["revision"])
        url = f"{self.server.url}/{values['type']}/{values['repo']}/commit/{oid}"
        self._send(200, {"success": True, "commitOid": oid, "commitUrl": url})

    def _resolve(self, values: dict[str, str]) -> None:
        commit, tree = self._commit_and_tree(values)
        file = tree.get(values["path"])
        if file is None:
            raise _Answer(404, "EntryNotFound", f"{values['path']} does not exist")
        if values["path"] in self.server.spoil:
            file = File(bytes(reversed(file.data)), False)
        headers = {"X-Repo-Commit": commit}
        if not file.lfs:
            return self._send_file(file.data, headers | {"ETag": f'"{git_oid(file.data)}"'})
        headers |= {"X-Linked-ETag": f'"{file.sha256}"', "X-Linked-Size": str(len(file.data))}
        self._send(302, b"", headers | {"Location": f"{self.server.storage}/lfs/get/{file.sha256}"})

    def _lfs_get(self, values: dict[str, str]) -> None:
        self._send_file(self.server.lfs[values["oid"]], {"ETag": f'"{values["oid"]}"'})

    def _send_file(self, data: bytes, headers: dict[str, str]) -> None:
        headers["Accept-Ranges"], size, status = "bytes", len(data), 200
        if asked := re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range") or ""):
            first = int(asked[1]) if asked[1] else max(size - int(asked[2]), 0)
            last = min(int(asked[2]), size - 1) if asked[1] and asked[2] else size - 1
            if first > last:
                return self._send(416, b"", {"Content-Range": f"bytes */{size}"})
            data, status = data[first : last + 1], 206
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        if self.server.cut_after is not None and self.command == "GET":
            with self.server.lock:
                sent = min(self.server.cut_after, len(data))
                self.server.cut_after = None if sent < len(data) else self.server.cut_after - sent
            if sent < len(data):
                self._start_and_break_off(status, headers, data, sent)
                return
        self._send(status, data, headers)

    def _start_and_break_off(self, status: int, headers: dict[str, str], data: bytes, sent: int) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data[:sent])
        self.close_connection = True
