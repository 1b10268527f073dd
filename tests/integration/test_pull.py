"""Pulling, as the worker does it: berth-worker is run by itself, on a store of the test's own, against Debian's
docker-registry and against one that misbehaves in every way that we know of (tests/lib/badregistry.py)."""

import contextlib
import gzip
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from badregistry import (BadRegistry, bearer, changed, cut, digest, failing, redirect, stall, status)
from conftest import poll, run
from ociimage import OciImage, tar_of
from workerjob import WorkerError, WorkerJob, pull

NOISE = random.Random(1).randbytes(3_000_000)       # does not compress, so the blob is as large
BIG = tar_of({"noise": NOISE})


def fails(state, reference, kind, **request):
    """The message of a pull that must fail, and that leaves nothing half-made."""
    with pytest.raises(WorkerError) as caught:
        pull(state, reference, **request)
    assert caught.value.kind == kind, caught.value
    assert leftovers(state) == []
    return caught.value.message


def leftovers(state):
    """Temporary files. What can be resumed may stay."""
    return [str(path) for path in state.glob("**/.tmp-*")]


def partials(state):
    return {path.name.removeprefix(".partial-"): path for path in (state / "blobs/sha256").glob(".partial-*")}


def layer_folder(state, result, index=0):
    diff_id = result["Images"][0]["Record"]["Layers"][index]["DiffId"]
    return state / "layers" / diff_id.split(":")[1] / "fs"


def check_store(state):
    """Every blob has the digest that it is named by."""
    blobs = [path for path in (state / "blobs/sha256").iterdir() if not path.name.startswith(".")]
    for path in blobs:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    return {f"sha256:{path.name}" for path in blobs}


# --- what works -------------------------------------------------------------------------------------------

def test_by_tag_and_digest_from_docker_registry(registry, state, tmp_path):
    image = OciImage(tmp_path / "oci")
    image.add_layer(tar_of({"etc": None, "etc/motd": b"hello", "old": b"x"}))
    image.add_layer(tar_of({"etc/.wh.motd": b"", "new": b"y"}), compression="zstd")
    wanted = image.write("v1", config={"Cmd": ["cat", "/etc/motd"]})
    name = registry.push(f"oci:{tmp_path}/oci:v1", "pull/oci:v1")

    result = pull(state, name)
    assert len(result["Images"]) == 1 and not result.get("Existed")
    record = result["Images"][0]["Record"]
    assert record["Digest"] == wanted
    assert record["Config"]["Command"] == ["cat", "/etc/motd"]
    assert result["Images"][0]["Names"] == [name]
    assert (layer_folder(state, result) / "etc/motd").read_bytes() == b"hello"
    assert (layer_folder(state, result, 1) / "new").read_bytes() == b"y"
    assert {layer["digest"] for layer in image.layers} < check_store(state)
    assert (state / "images" / f"{wanted.split(':')[1]}.json").exists()

    repository = name.rsplit(":", 1)[0]
    by_digest = pull(state, f"{repository}@{wanted}")
    assert by_digest["Existed"] is True
    assert by_digest["Images"][0]["Names"] == [f"{repository}@{wanted}"]
    with_tag = pull(state, f"{name}@{wanted}")
    assert with_tag["Images"][0]["Names"] == [f"{repository}@{wanted}"]
    assert leftovers(state) == [] and partials(state) == {}


def test_docker_schema_2(registry, state, tmp_path):
    image = OciImage(tmp_path / "oci")
    image.add_layer(tar_of({"a": b"a"}))
    image.write("v1")
    target = f"{registry.address}/pull/docker:v1"
    run("skopeo", "--insecure-policy", "copy", "--quiet", "--format=v2s2", "--dest-tls-verify=false",
        f"oci:{tmp_path}/oci:v1", f"docker://{target}")
    record = pull(state, target)["Images"][0]["Record"]
    assert record["MediaType"] == "application/vnd.docker.distribution.manifest.v2+json"


def test_index_is_resolved_for_the_platform(server, state):
    ours = server.add_image("x", None, [tar_of({"arch": b"amd64"})])
    theirs = server.add_image("x", None, [tar_of({"arch": b"arm64"})], architecture="arm64")
    attestation = server.add_image("x", None, [tar_of({"arch": b"?"})], architecture="unknown")
    index = server.add_index("x", "latest", {"unknown/unknown": attestation, "linux/arm64/v8": theirs, "linux/amd64": ours})
    name = f"{server.address}/x"

    for platform, text in (("linux/amd64", b"amd64"), ("linux/arm64", b"arm64")):
        result = pull(state, f"{name}:latest", Platform=platform)
        assert (layer_folder(state, result) / "arch").read_bytes() == text
    by_digest = pull(state, f"{name}@{index['digest']}", Platform="linux/amd64")
    assert by_digest["Images"][0]["Names"] == [f"{name}@{index['digest']}"]
    assert by_digest["Images"][0]["Record"]["Digest"] == ours["digest"]

    message = fails(state, f"{name}:latest", "NoSuchImage", Platform="linux/s390x")
    assert "linux/arm64" in message     # names what there is


def test_platform_of_a_single_manifest(server, state):
    server.add_image("x", "latest", [tar_of({"a": b""})], architecture="riscv64")
    assert "linux/riscv64" in fails(state, f"{server.address}/x:latest", "NoSuchImage", Platform="linux/amd64")
    pull(state, f"{server.address}/x:latest", Platform="linux/riscv64")


def test_nothing_is_fetched_twice(server, state):
    base = tar_of({"base": b"b"})
    server.add_image("x", "one", [base, tar_of({"one": b"1"}), base])    # a layer may be there twice
    server.add_image("x", "two", [base, tar_of({"two": b"2"})])
    pull(state, f"{server.address}/x:one")
    assert len(server.requests_for("/blobs/")) == 3     # config, two layers
    job = WorkerJob("pull", state, Reference=f"{server.address}/x:two")
    assert not job.wait().get("Existed")
    assert len(server.requests_for("/blobs/")) == 5
    assert "exists" in [progress[1] for progress in job.progress]

    again = WorkerJob("pull", state, Reference=f"{server.address}/x:two")
    assert again.wait()["Existed"] is True
    assert len(server.requests_for("/blobs/")) == 5
    assert {progress[1] for progress in again.progress} == {"exists"}


def test_what_is_missing_is_brought_back(server, state):
    image = server.add_image("x", "latest", [BIG])
    layer, = server.layers_of(image)
    result = pull(state, f"{server.address}/x:latest")
    (state / "blobs/sha256" / layer.split(":")[1]).unlink()
    assert not pull(state, f"{server.address}/x:latest").get("Existed")
    assert layer in check_store(state)
    shutil.rmtree(layer_folder(state, result).parent)
    before = len(server.requests_for("/blobs/"))
    pull(state, f"{server.address}/x:latest")
    assert (layer_folder(state, result) / "noise").read_bytes() == NOISE
    assert len(server.requests_for("/blobs/")) == before     # out of the blob that is here


def test_progress(server, state):
    image = server.add_image("x", "latest", [BIG, tar_of({"a": b"a"})])
    big, small = server.layers_of(image)
    job = WorkerJob("pull", state, Reference=f"{server.address}/x:latest")
    job.wait()
    for layer in (big, small):
        words = [word for id, word, _, _ in job.progress if id == layer]
        order = [word for i, word in enumerate(words) if i == 0 or words[i - 1] != word]
        assert [word for word in order if word != "unpacking"] == ["waiting", "downloading", "done"]
        assert order.index("downloading") < len(order) - 1
        assert all(current <= total == len(server.blobs[layer]) for id, _, current, total in job.progress if id == layer)


# --- HTTPS ------------------------------------------------------------------------------------------------

def make_authority(folder):
    """A certificate authority, and a certificate of it for registry.test and Docker's hosts: (authority, (certificate, key))."""
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=berth test",
        "-keyout", folder / "ca.key", "-out", folder / "ca.crt")
    run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=registry.test",
        "-keyout", folder / "key", "-out", folder / "request")
    (folder / "names").write_text("subjectAltName=DNS:registry.test,DNS:registry-1.docker.io,DNS:auth.docker.io\n")
    run("openssl", "x509", "-req", "-in", folder / "request", "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key",
        "-CAcreateserial", "-days", "2", "-extfile", folder / "names", "-out", folder / "crt")
    return folder / "ca.crt", (folder / "crt", folder / "key")


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def registry_test():
    """The name registry.test means this host."""
    hosts = pathlib.Path("/etc/hosts")
    before = hosts.read_text() if hosts.exists() else ""
    hosts.write_text(f"{before}\n127.0.0.1 registry.test other.test registry-1.docker.io auth.docker.io\n")
    yield "registry.test"
    hosts.write_text(before)


@contextlib.contextmanager
def trusted(certificate):
    """The system trusts this authority: what update-ca-certificates makes, without its ten seconds."""
    bundle = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
    before = bundle.read_bytes()
    bundle.write_bytes(before + pathlib.Path(certificate).read_bytes())
    try:
        yield
    finally:
        bundle.write_bytes(before)


def test_https(authority, registry_test, state):
    certificate, pair = authority
    with BadRegistry(tls=pair, host=registry_test) as server:
        server.add_image("x", "latest", [BIG])
        name = f"{server.address}/x:latest"
        message = fails(state, name, "Registry")
        assert f"cannot trust the certificate of registry {server.address}: " in message
        assert server.requests == []
        pull(state, name, InsecureRegistries=[server.address])
        shutil.rmtree(state)
        with trusted(certificate):
            pull(state, name)
            assert (state / "images").is_dir()
            wrong = name.replace("registry.test", "other.test")     # not a name in the certificate
            assert "cannot trust" in fails(state, wrong, "Registry")


def test_docker_hub(authority, registry_test, state):
    """A short name is asked of the host that Docker asks, with the token server that Docker Hub names."""
    certificate, pair = authority
    with trusted(certificate), BadRegistry(tls=pair, port=443) as server:
        server.add_image("library/busybox", "latest", [tar_of({"bin": None})])
        server.spoil("/v2/", bearer("https://auth.docker.io/token", "t", "repository:library/busybox:pull"))
        server.spoil("^/token", status(200, b'{"token": "t"}'))
        result = pull(state, "busybox")
        assert result["Images"][0]["Names"] == ["docker.io/library/busybox:latest"]
        hosts = [request.headers["Host"] for request in server.requests]
        assert hosts == ["registry-1.docker.io", "auth.docker.io"] + 3 * ["registry-1.docker.io"]


def test_plain_http_only_where_it_is_allowed(registry_test, state):
    with BadRegistry(host=registry_test) as server:
        server.add_image("x", "latest", [tar_of({"a": b""})])
        name = f"{server.address}/x:latest"
        assert f"cannot reach registry {server.address} over HTTPS" in fails(state, name, "Registry")
        assert server.requests == []
        for allowed in (server.address, "registry.test"):
            pull(state, name, InsecureRegistries=[allowed])
        pull(state, name.replace("registry.test", "localhost"))


def test_https_never_leads_to_http(authority, registry_test, state):
    certificate, pair = authority
    with trusted(certificate), BadRegistry(tls=pair, host=registry_test) as server, \
            BadRegistry(host="other.test") as plain:
        server.add_image("x", "latest", [tar_of({"a": b""})])
        plain.blobs = server.blobs
        server.spoil("/blobs/", redirect(lambda path: plain.url + path))
        assert "HTTPS" in fails(state, f"{server.address}/x:latest", "Registry")
        server.rules.clear()
        server.spoil("/v2/", bearer(f"{plain.url}/token", "t"))
        assert "HTTPS" in fails(state, f"{server.address}/x:latest", "Registry")
        assert plain.requests == []


# --- who can't be reached -----------------------------------------------------------------------------------

def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def test_registry_down(state):
    port = free_port()
    started = time.monotonic()
    message = fails(state, f"127.0.0.1:{port}/x:latest", "Registry")
    assert message == f"cannot reach registry 127.0.0.1:{port}: connection refused"
    assert time.monotonic() - started < 5       # a person waits


def test_no_such_host(state):
    assert fails(state, "nowhere.invalid/x:latest", "Registry") == "cannot reach registry nowhere.invalid: no such host"


def test_not_a_registry(state):
    """Someone is there who speaks something else."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        def talk():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    connection.sendall(b"220 mail.example ESMTP\r\n")
                    time.sleep(0.1)
                    connection.close()
        threading.Thread(target=talk, daemon=True).start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        message = fails(state, f"{address}/x:latest", "Registry")
        assert message.startswith(f"cannot reach registry {address}: ")
        listener.shutdown(socket.SHUT_RDWR)


def test_proxy(registry_test, state):
    """By the environment, as curl does; a proxy that makes no tunnels is no way over HTTPS."""
    with BadRegistry() as proxy:
        proxy.add_image("x", "latest", [tar_of({"a": b""})])
        environment = {"http_proxy": proxy.url, "https_proxy": proxy.url, "no_proxy": ""}
        assert "proxy" in fails(state, "registry.test:9/x:latest", "Registry", environment=environment)
        pull(state, "registry.test:9/x:latest", environment=environment, InsecureRegistries=["registry.test"])
        assert proxy.requests[-1].path.startswith("http://registry.test:9/v2/x/blobs/")


# --- who says no --------------------------------------------------------------------------------------------

MISSING = "the registry says it does not exist, or needs a login"


def test_not_found(registry, server, state):
    for name in (f"{registry.address}/no/such:latest", f"{server.address}/debain:latest"):
        assert fails(state, name, "NoSuchImage") == f"cannot pull {name}: {MISSING}"


@pytest.mark.parametrize("rule, kind, reason", [
    (status(401), "Unauthorized", MISSING),
    (status(401, WWW_Authenticate='Basic realm="x"'), "Unauthorized", MISSING),
    (status(401, WWW_Authenticate='Bearer realm="'), "Unauthorized", MISSING),
    (status(401, WWW_Authenticate="Negotiate"), "Unauthorized", MISSING),
    (failing(403, "DENIED", "not\nfor you"), "Unauthorized", 'the registry forbids it: "not for you"'),
    (status(418, b"<html>"), "Registry", "the registry answers with HTTP status 418"),
    (status(429, Retry_After="86400"), "Registry", "the registry allows no more requests for now"),
    (status(406), "Unsupported", "the registry has it in no format that berth knows"),
    (status(200, b"x" * (4 * 1024 * 1024 + 1)), "LimitExceeded", "its manifest is larger than 4194304 bytes (Limits.ManifestSize= in berthd.conf)"),
    (status(200, b""), "Registry", "the registry sent an empty manifest"),
    (status(302), "Registry", "the registry answers with HTTP status 302"),
    (status(404, b"x" * 50_000_000), "NoSuchImage", MISSING),
])
def test_refusals(server, state, rule, kind, reason):
    server.spoil("/manifests/", rule)
    name = f"{server.address}/x:latest"
    started = time.monotonic()
    assert fails(state, name, kind) == f"cannot pull {name}: {reason}"
    assert time.monotonic() - started < 5


def test_schema_1_and_nonsense(server, state):
    for body, media_type in ((b'{"schemaVersion": 1, "name": "x", "fsLayers": []}',
                              "application/vnd.docker.distribution.manifest.v1+prettyjws"),
                             (b"<html>welcome</html>", "text/html"),
                             (b'{"schemaVersion": 2, "layers": 5}', "application/vnd.oci.image.manifest.v1+json"),
                             (b"[" * 100_000, "application/vnd.oci.image.manifest.v1+json")):
        server.add_manifest("x", "latest", body, media_type)
        with pytest.raises(WorkerError) as caught:
            pull(state, f"{server.address}/x:latest")
        assert caught.value.kind in ("Unsupported", "Corrupt"), caught.value
        assert caught.value.message.startswith(f"cannot pull {server.address}/x:latest: ")


def test_malformed_references(state):
    for text in ("UPPER", "a:b:c", "x@sha256:abc", ""):
        fails(state, text, "InvalidArgument")


def test_long_headers(server, state):
    server.spoil("/manifests/", status(200, b"x", A="a" * 60000, B="b" * 60000))
    assert "headers are too long" in fails(state, f"{server.address}/x:latest", "Registry")


# --- tokens -------------------------------------------------------------------------------------------------

class TokenServer(BadRegistry):
    """Gives the tokens t1, t2, …; the registry takes the latest only."""

    def __init__(self):
        super().__init__()
        self.given = 0
        self.spoil("^/token", self.give)

    def give(self, handler):
        self.given += 1
        handler.answer(200, {"Content-Type": "application/json"},
                       json.dumps({"access_token" if self.given % 2 else "token": f"t{self.given}"}).encode())


@pytest.fixture
def token_server():
    with TokenServer() as tokens:
        yield tokens


def test_bearer_token(server, token_server, state):
    server.add_image("a/b", "latest", [BIG])
    server.spoil("/v2/", bearer(f"{token_server.url}/token", lambda: f"t{token_server.given}", "repository:a/b:pull"))
    pull(state, f"{server.address}/a/b:latest")
    asked, = token_server.requests
    assert asked.path == "/token?service=test&scope=repository:a/b:pull"
    assert "Authorization" not in asked.headers


def test_token_that_runs_out_in_mid_pull(server, token_server, state):
    server.add_image("x", "latest", [BIG, tar_of({"a": b"a"}), tar_of({"b": b"b"})])
    valid = ["t1"]
    server.spoil("/v2/", bearer(f"{token_server.url}/token", lambda: valid[0]))

    def run_out(handler):
        valid[0] = "t2"
        return cut(1_000_000)(handler)
    layer = server.layers_of(server.add_image("x", "latest", [BIG, tar_of({"a": b"a"}), tar_of({"b": b"b"})]))[0]
    server.spoil(f"/blobs/{layer}", run_out, times=1)
    pull(state, f"{server.address}/x:latest")
    assert token_server.given == 2
    check_store(state)


@pytest.mark.parametrize("rule, kind, reason", [
    (status(200, b"<html>"), "Registry", "gives no usable token"),
    (status(200, b'{"token": "a\\r\\nX-Evil: 1"}'), "Registry", "gives no usable token"),
    (status(200, b"x" * 2_000_000), "Registry", "too long"),
    (status(401), "Unauthorized", MISSING),
    (status(404), "Registry", "answers with HTTP status 404"),
])
def test_token_garbage(server, token_server, state, rule, kind, reason):
    server.add_image("x", "latest", [tar_of({"a": b""})])
    server.spoil("/v2/", bearer(f"{token_server.url}/token", "t1"))
    token_server.spoil("/token", rule)
    assert reason in fails(state, f"{server.address}/x:latest", kind)


def test_token_that_is_never_good_enough(server, token_server, state):
    server.spoil("/v2/", bearer(f"{token_server.url}/token", "other"))
    assert MISSING in fails(state, f"{server.address}/x:latest", "Unauthorized")
    assert token_server.given == 2      # and no more


# --- redirects ----------------------------------------------------------------------------------------------

def test_redirect_does_not_leak_the_token(server, token_server, state):
    with BadRegistry() as storage:
        server.add_image("x", "latest", [BIG])
        storage.blobs = server.blobs
        server.spoil("/blobs/", redirect(lambda path: storage.url + path))
        server.spoil("/v2/", bearer(f"{token_server.url}/token", lambda: f"t{token_server.given}"))
        pull(state, f"{server.address}/x:latest")
        assert len(storage.requests) == 2       # config and layer
        assert all("Authorization" not in request.headers for request in storage.requests)
        assert all("Authorization" in request.headers for request in server.requests_for("/blobs/"))


def test_redirect_within_the_registry_keeps_the_token(server, token_server, state):
    server.add_image("x", "latest", [BIG])
    server.spoil("/blobs/", bearer(f"{token_server.url}/token", lambda: f"t{token_server.given}"))
    server.spoil("/blobs/", redirect(lambda path: path + "?again=1"), times=2)
    pull(state, f"{server.address}/x:latest")


def test_redirect_loop(server, state):
    server.spoil("/manifests/", redirect(lambda path: path))
    assert "redirects more than 10 times" in fails(state, f"{server.address}/x:latest", "Registry")
    assert len(server.requests) == 11


@pytest.mark.parametrize("to", ["file:///etc/passwd", "gopher://127.0.0.1/", "//", "http://"])
def test_redirect_to_something_else(server, state, to):
    server.spoil("/manifests/", redirect(to))
    fails(state, f"{server.address}/x:latest", "Registry")


def test_redirect_to_a_host_that_is_down(server, state):
    port = free_port()
    server.spoil("/manifests/", redirect(f"http://127.0.0.1:{port}/"))
    assert f"it redirects to 127.0.0.1:{port}: connection refused" in fails(state, f"{server.address}/x:latest", "Registry")


# --- what breaks on the way -----------------------------------------------------------------------------------

def test_temporary_failures(server, state):
    server.add_image("x", "latest", [BIG])
    server.spoil("/manifests/", status(500), times=2)
    server.spoil("/blobs/", status(503, Retry_After="1"), times=1)
    server.spoil("/blobs/", status(429, Retry_After="1"), times=1)
    started = time.monotonic()
    pull(state, f"{server.address}/x:latest")
    assert time.monotonic() - started >= 2


def test_permanent_failure(server, state):
    server.add_image("x", "latest", [BIG])
    server.spoil("/manifests/", failing(500, "UNKNOWN", "disk on fire"))
    message = fails(state, f"{server.address}/x:latest", "Registry")
    assert message.endswith('the registry answers with HTTP status 500: "disk on fire"')
    assert len(server.requests) == 5


@pytest.mark.parametrize("ranges", [True, False])
def test_cut_in_the_middle_resumes(server, state, ranges):
    server.ranges = ranges
    image = server.add_image("x", "latest", [BIG])
    layer, = server.layers_of(image)
    server.spoil(f"/blobs/{layer}", cut(700_000), times=2)
    result = pull(state, f"{server.address}/x:latest")
    assert (layer_folder(state, result) / "noise").read_bytes() == NOISE
    asked = [request.headers.get("Range") for request in server.requests_for(f"/blobs/{layer}")]
    assert asked == ([None, "bytes=700000-", "bytes=1400000-"] if ranges else [None, "bytes=700000-", "bytes=700000-"])


def test_cut_for_ever(server, state):
    image = server.add_image("x", "latest", [BIG])
    layer, = server.layers_of(image)
    server.spoil(f"/blobs/{layer}", cut(100_000))
    message = fails(state, f"{server.address}/x:latest", "Registry")
    assert "connection to the registry broke" in message
    assert not (state / "images").exists() or not list((state / "images").iterdir())
    assert not [path for path in (state / "layers").iterdir()]

    # What came is the beginning of the next pull.
    kept = partials(state)[layer.split(":")[1]].stat().st_size
    assert kept == 500_000
    server.rules.clear()
    server.requests.clear()
    pull(state, f"{server.address}/x:latest")
    assert server.requests_for(f"/blobs/{layer}")[0].headers["Range"] == "bytes=500000-"
    assert partials(state) == {}


def test_cut_without_an_answer(server, state):
    server.add_image("x", "latest", [BIG])
    server.spoil("/manifests/", lambda handler: handler.abort(), times=1)
    pull(state, f"{server.address}/x:latest")


def test_partial_that_was_damaged(server, state):
    """What a killed worker left is verified, and thrown away when it is wrong."""
    image = server.add_image("x", "latest", [BIG])
    layer, = server.layers_of(image)
    (state / "blobs/sha256").mkdir(parents=True)
    (state / "blobs/sha256" / f".partial-{layer.split(':')[1]}").write_bytes(os.urandom(1_000_000))
    result = pull(state, f"{server.address}/x:latest")
    assert (layer_folder(state, result) / "noise").read_bytes() == NOISE
    asked = [request.headers.get("Range") for request in server.requests_for(f"/blobs/{layer}")]
    assert asked[-1] is None
    check_store(state)


def test_partial_that_is_complete(server, state):
    image = server.add_image("x", "latest", [BIG])
    layer, = server.layers_of(image)
    (state / "blobs/sha256").mkdir(parents=True)
    (state / "blobs/sha256" / f".partial-{layer.split(':')[1]}").write_bytes(server.blobs[layer])
    pull(state, f"{server.address}/x:latest")
    assert server.requests_for(f"/blobs/{layer}") == []
    assert partials(state) == {}


@pytest.mark.parametrize("rule, reason", [
    (changed(lambda body: b"\0" + body[1:]), ""),
    (changed(lambda body: body[:-1] + bytes([body[-1] ^ 1])), ""),
    (changed(lambda body: body[:-5]), "the registry has"),
    (changed(lambda body: body + b"more"), "the registry has"),
    (changed(lambda body: body, length=10), "the registry has"),
    (changed(lambda body: body, length=10**15), "the registry has"),
])
def test_wrong_layer(server, state, rule, reason):
    image = server.add_image("x", "latest", [BIG])
    layer, = server.layers_of(image)
    server.spoil(f"/blobs/{layer}", rule)
    message = fails(state, f"{server.address}/x:latest", "Corrupt")
    assert message.startswith(f"cannot pull {server.address}/x:latest: ") and reason in message
    assert partials(state) == {} and layer not in check_store(state)
    assert not list((state / "layers").iterdir())


def test_wrong_range(server, state):
    image = server.add_image("x", "latest", [BIG])
    layer, = server.layers_of(image)
    body = server.blobs[layer]
    server.spoil(f"/blobs/{layer}", status(206, body[2_000_000:], Content_Range=f"bytes 2000000-{len(body) - 1}/{len(body)}"))
    server.spoil(f"/blobs/{layer}", cut(1_000_000), times=1)
    assert "another part" in fails(state, f"{server.address}/x:latest", "Registry")


def test_wrong_config(server, state):
    server.add_image("x", "latest", [tar_of({"a": b""})])
    server.spoil("/blobs/", changed(lambda body: body.replace(b"linux", b"minix")))
    assert "its config is damaged" in fails(state, f"{server.address}/x:latest", "Corrupt")


def test_wrong_manifest(server, state):
    image = server.add_image("x", "latest", [tar_of({"a": b""})])
    server.spoil("/manifests/", changed(lambda body: body + b" "))
    assert "manifest is damaged" in fails(state, f"{server.address}/x:latest", "Corrupt")
    name = f"{server.address}/x@{image['digest']}"
    assert "sent another manifest" in fails(state, name, "Corrupt")


def test_wrong_diff_id(server, state):
    """The blob is what the manifest says, but does not unpack to what the config says."""
    image = server.add_image("x", "latest", [BIG])
    layer, = server.layers_of(image)
    manifest = json.loads(server.manifests["x", "latest"][1])
    other = gzip.compress(tar_of({"evil": b"e"}))
    manifest["layers"][0] |= {"digest": server.add_blob(other), "size": len(other)}
    server.add_manifest("x", "latest", manifest, manifest["mediaType"])
    fails(state, f"{server.address}/x:latest", "Corrupt")
    assert not list((state / "layers").iterdir()) and not list((state / "images").iterdir())
    assert layer not in check_store(state)


# --- killed, cancelled, two at a time, a full disk ----------------------------------------------------------------

def partial_size(state, layer):
    path = state / "blobs/sha256" / f".partial-{layer.split(':')[1]}"
    return path.stat().st_size if path.exists() else 0


def wait_for_partial(state, layer, size):
    """Up to a quarter of a MiB of what came is not written yet."""
    poll(lambda: partial_size(state, layer) > size - 256 * 1024, 20, f"{size} bytes of {layer}")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_stopped_in_mid_pull(server, state, number):
    image = server.add_image("x", "latest", [BIG])
    layer, = server.layers_of(image)
    release = threading.Event()
    server.spoil(f"/blobs/{layer}", stall(1_500_000, release), times=1)
    job = WorkerJob("pull", state, Reference=f"{server.address}/x:latest")
    wait_for_partial(state, layer, 1_500_000)

    job.process.send_signal(number)
    started = time.monotonic()
    if number == signal.SIGTERM:
        with pytest.raises(WorkerError) as caught:
            job.wait()
        assert caught.value.kind == "Cancelled" and caught.value.message == "cancelled"
        assert leftovers(state) == []
        assert time.monotonic() - started < 3
    else:
        job.kill()
    release.set()
    kept = partial_size(state, layer)
    assert kept == 1_500_000 if number == signal.SIGTERM else kept > 1_200_000

    result = pull(state, f"{server.address}/x:latest")
    assert (layer_folder(state, result) / "noise").read_bytes() == NOISE
    assert server.requests_for(f"/blobs/{layer}")[-1].headers["Range"] == f"bytes={kept}-"
    assert partials(state) == {}
    check_store(state)


def test_two_pulls_share_a_layer(server, state):
    image = server.add_image("x", "one", [BIG, tar_of({"one": b"1"})])
    server.add_image("y", "two", [tar_of({"two": b"2"}), BIG])
    layer = server.layers_of(image)[0]
    release = threading.Event()
    server.spoil(f"/blobs/{layer}", stall(1_000_000, release), times=1)
    first = WorkerJob("pull", state, Reference=f"{server.address}/x:one")
    wait_for_partial(state, layer, 1_000_000)
    second = WorkerJob("pull", state, Reference=f"{server.address}/y:two")
    poll(lambda: len(server.requests_for("/y/blobs/")) == 2, 10, "the second pull's config and own layer")
    time.sleep(0.3)
    release.set()
    first.wait()
    second.wait()
    assert len(server.requests_for(f"/blobs/{layer}")) == 1
    assert (layer, "exists") in {progress[:2] for progress in second.progress}
    check_store(state)


def test_second_pull_takes_over_from_a_killed_one(server, state):
    image = server.add_image("x", "latest", [BIG])
    layer, = server.layers_of(image)
    release = threading.Event()
    server.spoil(f"/blobs/{layer}", stall(1_000_000, release), times=1)
    first = WorkerJob("pull", state, Reference=f"{server.address}/x:latest")
    wait_for_partial(state, layer, 1_000_000)
    second = WorkerJob("pull", state, Reference=f"{server.address}/x:latest")
    time.sleep(0.5)
    kept = partial_size(state, layer)
    first.kill()
    second.wait()
    release.set()
    assert server.requests_for(f"/blobs/{layer}")[-1].headers["Range"] == f"bytes={kept}-"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 16 MiB."""
    point = tmp_path / "disk"
    point.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=16m", "berth-test", point)
    yield point
    run("umount", point)


def test_disk_full_while_downloading(server, small_disk):
    state = small_disk / "state"
    server.add_image("x", "latest", [tar_of({"noise": random.Random(2).randbytes(30_000_000)})])
    message = fails(state, f"{server.address}/x:latest", "NoSpace")
    assert "no space left on device" in message.lower()
    assert partials(state) == {} and check_store(state) <= {digest(b"")}
    # Then the disk has room again, for something small.
    server.add_image("x", "small", [tar_of({"a": b"a"})])
    pull(state, f"{server.address}/x:small")


def test_disk_full_while_unpacking(server, small_disk):
    state = small_disk / "state"
    server.add_image("x", "latest", [tar_of({"zeros": b"x" * 40_000_000}), tar_of({"a": b"a"})])
    fails(state, f"{server.address}/x:latest", "NoSpace")
    assert not list((state / "images").iterdir()) and partials(state) == {}
    used = subprocess.run(["du", "-sk", state], stdout=subprocess.PIPE, check=True).stdout.split()[0]
    assert int(used) < 2000


# --- the daemon -----------------------------------------------------------------------------------------------

def test_berthctl_pull(berthctl, registry, tmp_path):
    image = OciImage(tmp_path / "oci")
    image.add_layer(tar_of({"etc": None, "etc/motd": b"hello"}))
    wanted = image.write("v1")
    name = registry.push(f"oci:{tmp_path}/oci:v1", "pull/daemon:v1")
    result = berthctl("pull", name)
    try:
        assert wanted[:19].encode() in result.stdout or name.encode() in result.stdout
        assert name.rsplit(":", 1)[0].encode() in berthctl("images").stdout
        assert wanted in berthctl("pull", "-q", name).stdout.decode()
    finally:
        berthctl("rmi", name)


def test_berthctl_pull_failure(berthctl):
    port = free_port()
    result = berthctl("pull", f"127.0.0.1:{port}/x", check=False)
    assert result.returncode != 0
    assert f"cannot reach registry 127.0.0.1:{port}: connection refused" in result.stderr.decode()
