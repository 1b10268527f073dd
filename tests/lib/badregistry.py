"""A registry in memory that a test can make misbehave.

    with BadRegistry() as server:
        image = server.add_image("x", "latest", [tar_of({"a": b"b"})])
        server.spoil("/blobs/", cut(1000), times=1)
        … pull f"{server.address}/x:latest" …
        assert server.requests_for("/blobs/")[1].headers["Range"] == "bytes=1000-"

A rule is a function of the handler, called instead of the proper answer; it answers, or returns PROPER to have it.
`handler.proper()` is (status, headers, body) of the right answer. Rules that were added later come first.

It takes uploads, too: in one piece, in chunks, resumed, mounted. `handler.body()` is what a request brings;
`handler.take(n)` reads a part of it only.
"""

import dataclasses
import gzip
import hashlib
import http.server
import json
import re
import socket
import ssl
import threading
import urllib.parse

PROPER = object()
OCI = "application/vnd.oci.image"
DOCKER = "application/vnd.docker.distribution"


def digest(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


# --- rules ------------------------------------------------------------------------------------------------

def status(code, body=b"", **headers):
    """An answer with this status; underscores in header names stand for hyphens."""
    return lambda handler: handler.answer(code, {k.replace("_", "-"): v for k, v in headers.items()}, body)


def failing(code, name, message):
    """An answer with this status and the error document of the specification."""
    body = json.dumps({"errors": [{"code": name, "message": message}]}).encode()
    return status(code, body, Content_Type="application/json")


def cut(after):
    """The proper answer, whose connection breaks after so many bytes of the body."""
    def rule(handler):
        code, headers, body = handler.proper()
        handler.head(code, {**headers, "Content-Length": len(body)})
        handler.wfile.write(body[:after])
        handler.abort()
    return rule


def stall(after, release):
    """The proper answer, which pauses after so many bytes until the event is set."""
    def rule(handler):
        code, headers, body = handler.proper()
        handler.head(code, {**headers, "Content-Length": len(body)})
        handler.wfile.write(body[:after])
        handler.wfile.flush()
        release.wait(90)
        handler.wfile.write(body[after:])
    return rule


def changed(change, length=None):
    """The proper answer with another body, and maybe with a Content-Length that lies."""
    def rule(handler):
        code, headers, body = handler.proper()
        body = change(body)
        handler.head(code, {**headers, "Content-Length": len(body) if length is None else length})
        handler.wfile.write(body)
        if length is not None:
            handler.abort()
    return rule


def redirect(to):
    """To this URL; a function is given the path."""
    def rule(handler):
        handler.answer(307, {"Location": to(handler.path) if callable(to) else to}, b"")
    return rule


def bearer(realm, token, scope=None):
    """Wants this token."""
    def rule(handler):
        if handler.headers.get("Authorization") == f"Bearer {token() if callable(token) else token}":
            return PROPER
        extra = f',scope="{scope}"' if scope else ""
        handler.answer(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="test"{extra}'}, b"")
        return None
    return rule


def swallow(after, keep=True):
    """Takes so many bytes of an upload, then the connection breaks. keep: they count, when the client goes on."""
    def rule(handler):
        part, upload = handler.take(after), handler.upload()
        if keep and upload is not None:
            upload += part
        handler.abort()
    return rule


def lose_upload(handler):
    """The upload is unknown from now on."""
    handler.server.owner.uploads.pop(handler.path.split("?")[0].split("/")[-1], None)
    return PROPER


def too_large(limit):
    """As proxies do it that limit what may come at a time."""
    def rule(handler):
        return status(413)(handler) if int(handler.headers.get("Content-Length", 0)) > limit else PROPER
    return rule


# --- the server ---------------------------------------------------------------------------------------------

@dataclasses.dataclass
class Request:
    method: str
    path: str
    headers: dict


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 70

    def handle(self):
        # A TLS handshake at a plain port ends at once, as with most servers.
        try:
            if not isinstance(self.connection, ssl.SSLSocket) and self.connection.recv(1, socket.MSG_PEEK) == b"\x16":
                self.close_connection = True
                return
            super().handle()
        except OSError:
            self.close_connection = True

    def log_message(self, *arguments):
        pass

    def head(self, code, headers):
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, str(value))
        self.end_headers()

    def take(self, size):
        """Reads so much of the body."""
        size = min(size, self.left)
        self.left -= size
        part = self.rfile.read(size)
        self.taken += part
        return part

    def body(self):
        self.take(self.left)
        return bytes(self.taken)

    def upload(self):
        """What has come of the upload that the path names, or None."""
        return self.server.owner.uploads.get(urllib.parse.urlsplit(self.path).path.split("/")[-1])

    def answer(self, code, headers, body):
        self.body()     # else it would be taken for the next request
        self.head(code, {**headers, "Content-Length": len(body)})
        if self.command != "HEAD":
            self.wfile.write(body)

    def abort(self):
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def proper(self):
        """What a good registry answers."""
        owner = self.server.owner
        path = urllib.parse.urlsplit(self.path).path
        match = re.fullmatch(r"/v2/(.+)/blobs/uploads/([^/]*)", path)
        if match:
            return self.proper_upload(*match.groups())
        match = re.fullmatch(r"/v2/(.+)/tags/list", path)
        if match:
            return self.proper_tags(match[1])
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/([^/]+)", path)
        if match and self.command == "PUT" and match[2] == "manifests":
            return self.proper_manifest(match[1], match[3])
        if not match:
            return 404, {}, b""
        repository, kind, reference = match.groups()
        if kind == "manifests":
            found = owner.manifests.get((repository, reference))
            if not found:
                return 404, {"Content-Type": "application/json"}, b'{"errors":[{"code":"MANIFEST_UNKNOWN","message":"?"}]}'
            media_type, body = found
            return 200, {"Content-Type": media_type, "Docker-Content-Digest": digest(body)}, body
        body = owner.blobs.get(reference)
        if body is None:
            return 404, {}, b'{"errors":[{"code":"BLOB_UNKNOWN","message":"?"}]}'
        headers = {"Content-Type": "application/octet-stream"}
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not asked or not owner.ranges:
            return 200, headers, body
        start = int(asked[1])
        if start >= len(body):
            return 416, {"Content-Range": f"bytes */{len(body)}"}, b""
        return 206, {**headers, "Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}, body[start:]

    def proper_tags(self, repository):
        """A page of the list of tags."""
        owner = self.server.owner
        asked = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        tags = sorted(tag for name, tag in owner.manifests if name == repository and ":" not in tag)
        if not tags:
            return 404, {}, b'{"errors":[{"code":"NAME_UNKNOWN","message":"?"}]}'
        left = [tag for tag in tags if tag > asked.get("last", "")]
        page = left[:min(int(asked.get("n", 1000)), owner.page)]
        headers = {"Content-Type": "application/json"}
        if len(page) < len(left) and owner.links:
            headers["Link"] = f'</v2/{repository}/tags/list?n={len(page)}&last={page[-1]}>; rel="next"'
        return 200, headers, json.dumps({"name": repository, "tags": page}).encode()

    def proper_manifest(self, repository, reference):
        owner, body = self.server.owner, self.body()
        missing = [item["digest"] for item in [json.loads(body).get("config"), *json.loads(body).get("layers", [])]
                   if item and item["digest"] not in owner.blobs]
        if missing:
            return 400, {}, b'{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown"}]}'
        for name in {reference, digest(body)}:
            owner.manifests[repository, name] = (self.headers["Content-Type"], body)
        return 201, {"Docker-Content-Digest": digest(body), "Location": f"/v2/{repository}/manifests/{digest(body)}"}, b""

    def proper_upload(self, repository, name):
        owner = self.server.owner
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
        if not name:
            if owner.mounts and query.get("mount") in owner.blobs:
                return 201, {"Location": f"/v2/{repository}/blobs/{query['mount']}"}, b""
            name = f"{len(owner.requests)}-{id(self)}"
            owner.uploads[name] = bytearray()
            extra = {"OCI-Chunk-Min-Length": owner.chunk_min} if owner.chunk_min else {}
            return 202, {"Location": f"{owner.upload_host}/v2/{repository}/blobs/uploads/{name}?state=a%3Db", **extra}, b""
        data = owner.uploads.get(name)
        if data is None or query.get("state") != "a=b":
            return 404, {}, b'{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN","message":"blob upload unknown to registry"}]}'
        headers = {"Location": self.path, "Range": f"0-{max(len(data) - 1, 0)}"}
        if self.command == "GET":
            return 204, headers, b""
        first = self.headers.get("Content-Range", f"{len(data)}-").split("-")[0]
        if int(first) != len(data):
            return 416, headers, b""
        data += self.body()
        if self.command == "PATCH":
            return 202, {**headers, "Range": f"0-{max(len(data) - 1, 0)}"}, b""
        if digest(data) != query.get("digest"):
            return 400, {}, b'{"errors":[{"code":"DIGEST_INVALID","message":"provided digest did not match uploaded content"}]}'
        owner.add_blob(bytes(data))
        del owner.uploads[name]
        return 201, {"Docker-Content-Digest": digest(data)}, b""

    def do_GET(self):
        self.left, self.taken = int(self.headers.get("Content-Length", 0)), bytearray()
        self.server.owner.note(Request(self.command, self.path, dict(self.headers)))
        for rule in self.server.owner.rules_for(self.command, self.path):
            if rule(self) is not PROPER:
                return
        self.answer(*self.proper())

    do_HEAD = do_POST = do_PUT = do_PATCH = do_GET


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request, client_address):
        pass        # clients that are killed in mid-transfer are what this is for


class BadRegistry:
    """On loopback. tls: (certificate file, key file). host: how the address names it. port: 0 for any."""

    def __init__(self, tls=None, host="127.0.0.1", port=0):
        self.manifests, self.blobs, self.requests, self.rules = {}, {}, [], []
        self.ranges = True      # answers Range requests
        self.page, self.links = 1000, True      # tags a page at most, and Link headers to the next one
        self.uploads = {}       # name: what has come
        self.chunk_min = 0      # wants uploads in pieces that are not smaller
        self.mounts = False     # mounts blobs of other repositories
        self.upload_host = ""   # where it wants uploads: "http://host:port"
        self.lock = threading.Lock()
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.owner = self
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.address = f"{host}:{self.server.server_address[1]}"
        self.url = f"{'https' if tls else 'http'}://{self.address}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    # what it has

    def add_blob(self, data):
        self.blobs[digest(data)] = data
        return digest(data)

    def add_manifest(self, repository, tag, manifest, media_type):
        body = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
        for reference in {tag, digest(body)} - {None}:
            self.manifests[repository, reference] = (media_type, body)
        return {"mediaType": media_type, "digest": digest(body), "size": len(body)}

    def add_image(self, repository, tag, tars, config=None, architecture="amd64", docker=False, level=6):
        """Makes an image of these uncompressed layers; returns the manifest's descriptor."""
        if docker:
            types = (f"{DOCKER}.manifest.v2+json", "application/vnd.docker.container.image.v1+json",
                     "application/vnd.docker.image.rootfs.diff.tar.gzip")
        else:
            types = f"{OCI}.manifest.v1+json", f"{OCI}.config.v1+json", f"{OCI}.layer.v1.tar+gzip"

        def describe(data, media_type):
            return {"mediaType": media_type, "digest": self.add_blob(data), "size": len(data)}
        document = {"architecture": architecture, "os": "linux", "config": config or {},
                    "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]}}
        manifest = {"schemaVersion": 2, "mediaType": types[0],
                    "config": describe(json.dumps(document).encode(), types[1]),
                    "layers": [describe(gzip.compress(tar, level, mtime=0), types[2]) for tar in tars]}
        return self.add_manifest(repository, tag, manifest, types[0])

    def add_index(self, repository, tag, entries, media_type=f"{OCI}.index.v1+json"):
        """entries: {"linux/arm64/v8": descriptor}."""
        listed = []
        for platform, descriptor in entries.items():
            words = dict(zip(("os", "architecture", "variant"), platform.split("/")))
            listed.append({**descriptor, "platform": words})
        return self.add_manifest(repository, tag, {"schemaVersion": 2, "mediaType": media_type, "manifests": listed},
                                 media_type)

    def layers_of(self, descriptor):
        for _, body in self.manifests.values():
            if digest(body) == descriptor["digest"]:
                return [layer["digest"] for layer in json.loads(body)["layers"]]
        raise KeyError(descriptor["digest"])

    # what it does

    def spoil(self, pattern, rule, times=None, method=None):
        """Answers requests whose path has PATTERN (a regular expression) by the rule, for the next so many of them."""
        left = [times]

        def limited(handler):
            with self.lock:
                if left[0] == 0:
                    return PROPER
                if left[0] is not None:
                    left[0] -= 1
            return rule(handler)
        self.rules.insert(0, (re.compile(pattern), method, limited))

    def rules_for(self, method, path):
        return [rule for pattern, of, rule in self.rules if of in (None, method) and pattern.search(path)]

    def note(self, request):
        with self.lock:
            self.requests.append(request)

    def requests_for(self, pattern, method=None):
        with self.lock:
            return [request for request in self.requests
                    if re.search(pattern, request.path) and method in (None, request.method)]
