"""Pushing: what comes out at the other end, in Debian's docker-registry and as skopeo and docker see it; and what a registry
that misbehaves (tests/lib/badregistry.py) can do to an upload."""

import crypt
import json
import pathlib
import random
import re
import shutil
import signal
import subprocess
import threading
import time

import pytest

from badregistry import (BadRegistry, PROPER, bearer, digest, failing, lose_upload, redirect, status, swallow,
                         too_large)
from conftest import Registry, poll, run
from ociimage import OciImage, tar_of
from workerjob import WorkerError, WorkerJob

NOISE = random.Random(2).randbytes(3_000_000)       # does not compress, so the blob is as large
BIG = tar_of({"noise": NOISE})
TEXT = tar_of({"text": b"all the same " * 100_000})
UPLOADS = "/blobs/uploads/"


def hex_of(result):
    return result["Images"][0]["Record"]["Digest"].split(":")[1]


def pull(state, reference):
    return hex_of(WorkerJob("pull", state, Reference=reference).wait())


def load(state, archive):
    with open(archive, "rb") as file:
        return hex_of(WorkerJob("load", state, files=[file]).wait())


def push_job(state, record, name, **request):
    return WorkerJob("push", state, Records=[record], Names=[name], Reference=name, **request)


def push(state, record, name, **request):
    result = push_job(state, record, name, **request).wait()
    assert leftovers(state) == []
    return result


def fails(state, record, name, kind, **request):
    with pytest.raises(WorkerError) as caught:
        push(state, record, name, **request)
    assert caught.value.kind == kind, caught.value
    assert leftovers(state) == []
    return caught.value.message


def leftovers(state):
    return [str(path) for path in state.glob("**/.tmp-*")]


def raw(name):
    return run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}").stdout


def record_of(state, hex_digits):
    return json.loads((state / "images" / f"{hex_digits}.json").read_text())


def docker_archive(folder, tars, tag="a:latest"):
    """What `docker save` writes: uncompressed layers."""
    image = OciImage(folder / "oci")
    for tar in tars:
        image.add_layer(tar)
    image.write("v1", config={"Cmd": ["true"]})
    run("skopeo", "--insecure-policy", "copy", "--quiet", f"oci:{folder}/oci:v1", f"docker-archive:{folder}/archive.tar:{tag}")
    return folder / "archive.tar"


@pytest.fixture
def pulled(server, state):
    """A big image in the store, out of a registry that then forgets its blobs: (record, name to push to)."""
    server.add_image("x", "latest", [BIG])
    record = pull(state, f"{server.address}/x:latest")
    server.blobs.clear()
    server.requests.clear()
    return record, f"{server.address}/y:latest"


# --- byte-exact ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("form", ["oci", "v2s2"])
def test_what_was_pulled_goes_as_it_came(registry, state, tmp_path, form):
    image = OciImage(tmp_path / "oci")
    image.add_layer(TEXT)
    image.add_layer(tar_of({"a": b"a"}))
    if form == "oci":       # Docker's manifests know only gzip
        image.add_layer(tar_of({"b": b"b"}), compression="zstd")
        image.add_layer(tar_of({"c": b"c"}), compression=None)
    image.write("v1")
    source, target = f"{registry.address}/push/{form}:from", f"{registry.address}/push/{form}-to:v1"
    run("skopeo", "--insecure-policy", "copy", "--quiet", f"--format={form}", "--dest-tls-verify=false",
        "--preserve-digests" if form == "oci" else "--all", f"oci:{tmp_path}/oci:v1", f"docker://{source}")
    result = push(state, pull(state, source), target)
    assert raw(target) == raw(source)
    assert result["Digest"] == digest(raw(source))
    # Everything is there: skopeo reads each layer and compares.
    run("skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false", f"docker://{target}", f"dir:{tmp_path}/dir")


def test_by_digest(server, pulled, state):
    record, name = pulled
    repository = name.rsplit(":", 1)[0]
    push(state, record, f"{repository}@sha256:{record}")
    assert server.requests[-1].path == f"/v2/y/manifests/sha256:{record}"
    wrong = f"{repository}@sha256:{'0' * 64}"
    assert "can't have another digest" in fails(state, record, wrong, "InvalidArgument")
    push(state, record, f"{name}@sha256:{record}")
    assert server.requests[-1].path == "/v2/y/manifests/latest"


def test_nothing_is_sent_twice(server, pulled, state):
    record, name = pulled
    job = push_job(state, record, name)
    assert job.wait()["Size"] > len(NOISE)
    layer, = server.layers_of({"digest": f"sha256:{record}"})
    words = [word for id, word, _, _ in job.progress if id == layer]
    assert words[0] == "waiting" and words[-1] == "done" and "pushing" in words
    assert all(current <= total == len(server.blobs[layer]) for id, _, current, total in job.progress if id == layer)
    assert len(server.requests_for(UPLOADS, "POST")) == len(server.requests_for(UPLOADS, "PUT")) == 2

    server.requests.clear()
    again = push_job(state, record, name)
    assert again.wait().get("Size", 0) == 0
    assert [(request.method, request.path.split("/")[3]) for request in server.requests] == [
        ("HEAD", "blobs"), ("HEAD", "blobs"), ("PUT", "manifests")]
    assert {word for _, word, _, _ in again.progress} == {"waiting", "exists"}


def test_same_layer_twice(server, state):
    server.add_image("x", "latest", [BIG, tar_of({"a": b""}), BIG])
    record = pull(state, f"{server.address}/x:latest")
    server.blobs.clear()
    push(state, record, f"{server.address}/y:latest")
    assert len(server.requests_for(UPLOADS, "PUT")) == 3


# --- compressing --------------------------------------------------------------------------------------------

@pytest.mark.parametrize("compression", ["", "gzip", "zstd"])
def test_docker_archive_is_compressed_once(registry, state, tmp_path, compression):
    record = load(state, docker_archive(tmp_path, [TEXT, BIG]))
    before = set((state / "blobs/sha256").iterdir())
    target = f"{registry.address}/push/archive-{compression or 'default'}:v1"
    job = push_job(state, record, target, Compression=compression)
    result = job.wait()
    assert "compressing" in {word for _, word, _, _ in job.progress}
    manifest = json.loads(raw(target))
    assert result["Digest"] == digest(raw(target)) != f"sha256:{record}"
    assert [layer["mediaType"].split("+")[-1] for layer in manifest["layers"]] == 2 * [compression or "gzip"]
    assert manifest["layers"][0]["size"] < len(TEXT) / 10
    # They are kept, and the record knows of them.
    made = {f"sha256:{path.name}" for path in set((state / "blobs/sha256").iterdir()) - before}
    assert made == {layer["digest"] for layer in manifest["layers"]}
    assert {layer["Digest"] for layer in record_of(state, record)["Compressed"]} == made
    assert result["Images"][-1]["Names"] == [target]

    again = push_job(state, record, target, Compression=compression)
    assert again.wait()["Digest"] == result["Digest"]
    assert {word for _, word, _, _ in again.progress} == {"waiting", "exists"}
    assert len(record_of(state, record)["Compressed"]) == 2

    # Another tool finds in them what was there: `dir:` keeps them as they are, and skopeo compares their digests.
    run("skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false", f"docker://{target}", f"dir:{tmp_path}/dir")
    assert pull(tmp_path / "other", target) == result["Digest"].split(":")[1]


def test_uncompressed_layers_of_others_stay_unless_asked(server, state, tmp_path):
    image = OciImage(tmp_path / "oci")
    image.add_layer(TEXT, compression=None)
    wanted = image.write("v1")
    run("tar", "cf", tmp_path / "oci.tar", "-C", tmp_path / "oci", ".")
    record = load(state, tmp_path / "oci.tar")
    assert push(state, record, f"{server.address}/x:plain")["Digest"] == wanted
    result = push(state, record, f"{server.address}/x:small", Compression="zstd")
    assert result["Digest"] != wanted
    manifest = json.loads(server.manifests["x", "small"][1])
    assert manifest["layers"][0]["mediaType"].endswith("tar+zstd")


@pytest.mark.parametrize("compression, levels", [("gzip", (1, 9)), ("zstd", (1, 19))])
def test_levels(server, state, tmp_path, compression, levels):
    tar = tar_of({"words": b" ".join(b"%d" % (i * i) for i in range(200_000))})
    archive = docker_archive(tmp_path, [tar])
    sizes = []
    for level in levels:
        record = load(state, archive)
        push(state, record, f"{server.address}/x:{level}", Compression=compression, CompressionLevel=level)
        sizes.append(json.loads(server.manifests["x", str(level)][1])["layers"][0]["size"])
        shutil.rmtree(state)
    assert sizes[1] < sizes[0]
    record = load(state, archive)
    assert "level" in fails(state, record, f"{server.address}/x:99", "InvalidArgument", Compression=compression, CompressionLevel=99)
    assert "compression" in fails(state, record, f"{server.address}/x:99", "InvalidArgument", Compression="lzma")


def test_zstd_makes_an_oci_manifest(server, state):
    """Docker's schema 2 has no media type for zstd that others would know."""
    tar = tar_of({"a": b"a" * 100_000})
    config = server.add_blob(json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {
        "type": "layers", "diff_ids": [digest(tar)]}}).encode())
    docker = "application/vnd.docker"
    manifest = {"schemaVersion": 2, "mediaType": f"{docker}.distribution.manifest.v2+json",
                "config": {"mediaType": f"{docker}.container.image.v1+json", "digest": config, "size": len(server.blobs[config])},
                "layers": [{"mediaType": f"{docker}.image.rootfs.diff.tar", "digest": server.add_blob(tar), "size": len(tar)}]}
    server.add_manifest("x", "latest", manifest, manifest["mediaType"])
    record = pull(state, f"{server.address}/x:latest")
    for compression, types in (("gzip", [f"{docker}.distribution.manifest.v2+json", f"{docker}.image.rootfs.diff.tar.gzip"]),
                               ("zstd", ["application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.layer.v1.tar+zstd"])):
        push(state, record, f"{server.address}/x:{compression}", Compression=compression)
        media_type, body = server.manifests["x", compression]
        assert [media_type, json.loads(body)["layers"][0]["mediaType"]] == types
        assert json.loads(body)["mediaType"] == media_type
    assert json.loads(body)["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"


def test_a_compressed_layer_that_is_gone_is_made_again(server, state, tmp_path):
    record = load(state, docker_archive(tmp_path, [TEXT]))
    first = push(state, record, f"{server.address}/x:1")["Digest"]
    layer, = record_of(state, record)["Compressed"]
    (state / "blobs/sha256" / layer["Digest"].split(":")[1]).unlink()
    assert push(state, record, f"{server.address}/x:2")["Digest"] == first


# --- other repositories -------------------------------------------------------------------------------------

def test_mount(registry, state, tmp_path):
    image = OciImage(tmp_path / "oci")
    image.add_layer(BIG)
    image.write("v1")
    source = registry.push(f"oci:{tmp_path}/oci:v1", "mount/from:v1")
    record = pull(state, source)
    layer = record_of(state, record)["Layers"][0]["Digest"]     # skopeo may know the same in another form
    job = push_job(state, record, f"{registry.address}/mount/to:v1", Mounts={layer: "mount/from"})
    assert job.wait()["Size"] < 1000      # the config
    assert [word for id, word, _, _ in job.progress if id == layer][-1] == "mounted"
    assert raw(f"{registry.address}/mount/to:v1") == raw(source)


@pytest.mark.parametrize("rule", [None, status(401), failing(403, "DENIED", "no"), status(404), status(405)])
def test_a_mount_that_is_refused(server, pulled, state, rule):
    record, name = pulled
    if rule:
        server.spoil(r"\?mount=", rule)
    layer = record_of(state, record)["Layers"][0]["Digest"]
    push(state, record, name, Mounts={layer: "x"})
    assert len(server.requests_for(r"\?mount=.*&from=x$", "POST")) == 1
    assert ("y", "latest") in server.manifests


# --- uploads that go wrong ------------------------------------------------------------------------------------

def big_uploads(server):
    """Requests that brought a piece of the big layer."""
    return [request for method in ("PUT", "PATCH") for request in server.requests_for(UPLOADS, method)
            if int(request.headers.get("Content-Length", 0)) > 1000]


def test_goes_on_where_it_broke_off(server, pulled, state):
    record, name = pulled
    server.spoil(UPLOADS, lambda handler: swallow(2_000_000)(handler) if int(handler.headers["Content-Length"]) > 1000 else PROPER,
                 times=2, method="PUT")
    push(state, record, name)
    first, second = big_uploads(server)[:2]
    assert "Content-Range" not in first.headers
    size = int(first.headers["Content-Length"])
    assert second.headers["Content-Range"] == f"2000000-{size - 1}"
    assert int(second.headers["Content-Length"]) == size - 2_000_000


def test_begins_again_when_nothing_is_left(server, pulled, state):
    record, name = pulled
    server.spoil(UPLOADS, lambda handler: swallow(2_000_000, keep=False)(handler) if int(handler.headers["Content-Length"]) > 1000
                 else PROPER, times=2, method="PUT")
    push(state, record, name)
    assert len({request.headers["Content-Length"] for request in big_uploads(server)}) == 1


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_lost_upload(server, pulled, state, method):
    record, name = pulled
    if method == "GET":
        server.spoil(UPLOADS, swallow(1000, keep=True), times=1, method="PUT")
    server.spoil(UPLOADS, lose_upload, times=1, method=method)
    push(state, record, name)
    assert len(server.requests_for(UPLOADS, "POST")) == 3


@pytest.mark.parametrize("rule", [status(500), status(503, Retry_After="1"), status(429, Retry_After="1"), status(408)])
@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT"])
def test_trouble_that_passes(server, pulled, state, method, rule):
    record, name = pulled
    server.spoil("/blobs/", rule, times=1, method=method)
    server.spoil("/manifests/", rule, times=1, method=method)
    push(state, record, name)
    assert digest(server.manifests["y", "latest"][1]) == f"sha256:{record}"


def test_chunks_when_the_registry_wants_them(server, pulled, state):
    record, name = pulled
    server.chunk_min = 17_000_000
    push(state, record, name)
    patches = server.requests_for(UPLOADS, "PATCH")
    assert len(patches) == 2        # the config's, too: each is one piece, since they are smaller
    assert all(request.headers["Content-Range"].startswith("0-") for request in patches)
    assert all("Content-Length" not in request.headers or request.headers["Content-Length"] == "0"
               for request in server.requests_for(UPLOADS, "PUT"))


def test_chunks_when_it_is_too_much_at_a_time(server, pulled, state):
    record, name = pulled
    server.spoil(UPLOADS, too_large(1_000_000))
    push(state, record, name)
    patches = server.requests_for(UPLOADS, "PATCH")
    ranges = [request.headers["Content-Range"] for request in patches if int(request.headers["Content-Length"]) <= 1_000_000]
    assert ranges[0].startswith("0-") and len(ranges) >= 3
    for before, after in zip(ranges, ranges[1:]):
        assert int(after.split("-")[0]) == int(before.split("-")[1]) + 1


def test_a_chunk_breaks_off(server, pulled, state):
    record, name = pulled
    server.chunk_min = 1
    server.spoil(UPLOADS, swallow(1_500_000), times=1, method="PATCH")
    push(state, record, name)


def test_out_of_step(server, pulled, state):
    """The registry has more of it than we know: the answer got lost."""
    record, name = pulled
    server.chunk_min = 1

    def answer_is_lost(handler):
        handler.proper()
        handler.abort()
    server.spoil(UPLOADS, answer_is_lost, times=1, method="PATCH")
    push(state, record, name)


@pytest.mark.parametrize("limit", [0, 1000])
def test_too_large_at_any_size(server, pulled, state, limit):
    record, name = pulled
    server.spoil(UPLOADS, too_large(limit))
    assert "413" in fails(state, record, name, "Registry")


def test_it_never_works(server, pulled, state):
    """All that was sent is forgotten each time: that is no progress."""
    record, name = pulled
    server.spoil(UPLOADS, lambda handler: swallow(2_000_000, keep=False)(handler) if int(handler.headers["Content-Length"]) > 1000
                 else PROPER, method="PUT")
    message = fails(state, record, name, "Registry")
    assert message.startswith(f"cannot push {name}: the connection to the registry broke")
    assert len(big_uploads(server)) == 5


@pytest.mark.parametrize("rule, words", [
    (status(202), "does not say where"),
    (status(202, Location="ftp://elsewhere/x"), "HTTP"),
    (status(202, Location="http://127.0.0.1:1/x"), "127.0.0.1:1"),
    (status(405), "read-only"),
    (failing(403, "DENIED", "it is ours"), 'forbids it: "it is ours"'),
    (failing(400, "NAME_INVALID", "what a name"), 'HTTP status 400: "what a name"'),
])
def test_no_way_in(server, pulled, state, rule, words):
    record, name = pulled
    server.spoil(UPLOADS, rule, method="POST")
    with pytest.raises(WorkerError) as caught:
        push(state, record, name)
    assert words in caught.value.message
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("value", ["0-99999999", "nonsense", "5-7", "-1"])
def test_senseless_range(server, pulled, state, value):
    record, name = pulled
    server.spoil(UPLOADS, swallow(1000), times=2, method="PUT")
    server.spoil(UPLOADS, status(204, Range=value), method="GET")
    fails(state, record, name, "Registry")


@pytest.mark.parametrize("what", ["blobs", "manifests"])
def test_the_registry_gets_other_bytes(server, pulled, state, what):
    record, name = pulled
    server.spoil(f"/{what}/", status(201, Docker_Content_Digest=digest(b"other")), method="PUT")
    assert f"as {digest(b'other')}" in fails(state, record, name, "Corrupt")


def test_damaged_on_the_way(server, pulled, state):
    record, name = pulled

    def damage(handler):
        handler.take(1000)
        handler.taken[10] ^= 1
        return PROPER
    server.spoil(UPLOADS, damage, method="PUT")
    message = fails(state, record, name, "Registry")
    assert "did not match" in message


def test_uploads_at_another_host(server, pulled, state):
    """Where the registry sends the upload to gets no password of ours."""
    record, name = pulled
    with BadRegistry() as other:
        other.blobs, other.uploads = server.blobs, server.uploads
        server.upload_host = other.url
        server.spoil("/v2/", bearer(f"{server.url}/token", "secret"))
        server.spoil("^/token", status(200, b'{"token": "secret"}'))
        push(state, record, name)
        assert len(other.requests_for(UPLOADS, "PUT")) == 2
        assert not any("Authorization" in request.headers for request in other.requests)
        assert any("Authorization" in request.headers for request in server.requests)


def test_redirect_to_another_host(server, pulled, state):
    record, name = pulled
    with BadRegistry() as other:
        other.blobs, other.uploads = server.blobs, server.uploads
        server.spoil(UPLOADS, redirect(lambda path: other.url + path), method="PUT")
        server.spoil("/v2/", bearer(f"{server.url}/token", "secret"))
        server.spoil("^/token", status(200, b'{"token": "secret"}'))
        push(state, record, name)
        assert len(other.requests_for(UPLOADS, "PUT")) == 2
        assert not any("Authorization" in request.headers for request in other.requests)


def test_a_token_that_runs_out(server, pulled, state):
    record, name = pulled
    tokens = iter(range(100))
    current = [""]

    def issue(handler):
        current[0] = f"t{next(tokens)}"
        return status(200, json.dumps({"token": current[0]}).encode())(handler)

    def expire(_handler):
        current[0] = "none"
        return PROPER
    server.spoil("/v2/", bearer(f"{server.url}/token", lambda: current[0]))
    server.spoil("^/token", issue)
    server.spoil(UPLOADS, expire, times=2, method="PUT")
    push(state, record, name)
    scopes = [request.path for request in server.requests_for("^/token")]
    assert len(scopes) >= 2 and all("scope=repository:y:pull,push" in path for path in scopes)


# --- being stopped ----------------------------------------------------------------------------------------------

def test_cancel(server, pulled, state):
    record, name = pulled
    release = threading.Event()

    def hang(handler):
        handler.take(100_000)
        release.wait(60)
        handler.abort()
    server.spoil(UPLOADS, hang, method="PUT")
    job = push_job(state, record, name)
    job.until(lambda message: message.get("Progress", {}).get("Status") == "pushing")
    started = time.monotonic()
    job.process.send_signal(signal.SIGTERM)
    with pytest.raises(WorkerError) as caught:
        job.wait()
    release.set()
    assert caught.value.kind == "Cancelled" and time.monotonic() - started < 5
    assert leftovers(state) == []


def test_cancel_while_compressing(server, state, tmp_path):
    tar = tar_of({f"{i}": random.Random(i).randbytes(4_000_000) for i in range(10)})
    record = load(state, docker_archive(tmp_path, [tar]))
    job = push_job(state, record, f"{server.address}/x:1", Compression="zstd", CompressionLevel=19)
    job.until(lambda message: message.get("Progress", {}).get("Status") == "compressing")
    job.process.send_signal(signal.SIGTERM)
    with pytest.raises(WorkerError) as caught:
        job.wait()
    assert caught.value.kind == "Cancelled"
    assert leftovers(state) == []


@pytest.mark.seconds(300)
def test_killed_at_any_moment(registry, state, tmp_path):
    """Whenever it is killed, the next push makes it whole, and the store is sound."""
    tars = [tar_of({"noise": random.Random(i).randbytes(2_000_000), "text": b"x" * 3_000_000}) for i in range(3)]
    record = load(state, docker_archive(tmp_path, tars))
    name = f"{registry.address}/push/killed"
    started = time.monotonic()
    whole = push(state, record, f"{name}:0")["Digest"]
    took = time.monotonic() - started
    chance = random.Random(7)
    for number in range(1, 21):
        shutil.rmtree(state)
        record = load(state, tmp_path / "archive.tar")
        job = push_job(state, record, f"{name}-{number}:1")
        time.sleep(chance.uniform(0, took))
        job.kill()
        assert push_job(state, record, f"{name}-{number}:1").wait()["Digest"] == whole
        assert digest(raw(f"{name}-{number}:1")) == whole
        for path in (state / "blobs/sha256").iterdir():
            assert path.name.startswith(".") or digest(path.read_bytes()) == f"sha256:{path.name}"
    time.sleep(1.1)         # what is younger could be somebody's
    WorkerJob("sweep", state).wait()
    assert leftovers(state) == []


# --- as users do it -----------------------------------------------------------------------------------------------

@pytest.fixture
def image(berthctl, busybox_tar, registry, name):
    """An image of the test's own, named for the registry."""
    full = f"{registry.address}/mine/{name}:v1"
    berthctl("import", "--change", f"LABEL test={name}", busybox_tar, full)
    yield full
    berthctl("rmi", "--force", full, check=False)


def test_berthctl(berthctl, image, tmp_path):
    said = berthctl("push", "--digestfile", tmp_path / "digest", image).stdout.decode()
    wanted = digest(raw(image))
    assert re.search(rf"Pushed {re.escape(image)}, .* in .* s \({wanted[:19]}…\)", said)
    assert (tmp_path / "digest").read_text() == wanted
    assert berthctl("push", "-q", image).stdout.decode() == f"{wanted}\n"
    again = berthctl("image", "push", image).stdout.decode()
    assert "there already" in again and ": exists" in again
    other = image.replace(":v1", "-other:v2")
    berthctl("push", image, f"docker://{other}")
    assert raw(other) == raw(image)
    shown = json.loads(berthctl("image", "inspect", image).stdout)[0]
    assert shown["Names"] == [image]       # pushing gives no names
    assert shown["Digest"] == wanted


def test_all_tags(berthctl, image):
    repository = image.rsplit(":", 1)[0]
    berthctl("tag", image, f"{repository}:v2")
    try:
        assert f"Pushed all tags of {repository}" in berthctl("push", "--all-tags", repository).stdout.decode()
        assert raw(f"{repository}:v1") == raw(f"{repository}:v2")
    finally:
        berthctl("rmi", f"{repository}:v2")
    refused = berthctl("push", "-a", repository, "elsewhere", check=False)
    assert refused.returncode == 1 and b"--all-tags goes with neither" in refused.stderr
    missing = berthctl("push", "-a", f"{repository}-none", check=False)
    assert missing.returncode == 1 and b"no image has a tag in" in missing.stderr


def test_layers_of_other_repositories_are_mounted(berthctl, image):
    """berthd knows of the name under which the layer is there."""
    berthctl("push", image)
    other = image.replace("/mine/", "/theirs/")
    said = berthctl("push", image, other).stdout.decode()
    assert ": mounted" in said
    assert raw(other) == raw(image)


def test_imported_committed_and_loaded(berthctl, image, name, tmp_path):
    berthctl("run", "--name", name, image, "sh", "-c", "echo new > /new")
    committed = image.replace(":v1", ":committed")
    archive = tmp_path / "archive.tar"
    berthctl("commit", name, committed)
    berthctl("rm", name)
    berthctl("push", committed)
    assert len(json.loads(raw(committed))["layers"]) == 2
    run("skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false", f"docker://{committed}",
        f"docker-archive:{archive}:{image.replace(':v1', ':loaded')}")
    berthctl("load", "-i", archive)
    berthctl("push", image.replace(":v1", ":loaded"))
    for tag in ("committed", "loaded"):
        pushed = image.replace(":v1", f":{tag}")
        assert json.loads(raw(pushed))["config"]["digest"] == json.loads(raw(committed))["config"]["digest"]
        berthctl("rmi", "-f", pushed)
        assert berthctl("run", "--rm", pushed, "cat", "/new").stdout == b"new\n"
        berthctl("rmi", "-f", pushed)


def test_what_push_makes_goes_with_the_image(berthctl, image, tmp_path, registry, name):
    blobs = pathlib.Path("/var/lib/berth/blobs/sha256")
    archive = docker_archive(tmp_path, [tar_of({"text": f"{name} ".encode() * 100_000})], f"{name}:a")
    berthctl("load", "-i", archive)
    digest_here = berthctl("push", "-q", f"{name}:a", f"{registry.address}/made/{name}:1").stdout.decode().strip()
    layer = json.loads(raw(f"{registry.address}/made/{name}:1"))["layers"][0]["digest"].split(":")[1]
    assert (blobs / layer).exists() and digest_here
    berthctl("rmi", f"{name}:a")
    poll(lambda: not (blobs / layer).exists(), what="the compressed layer to go")


def test_wrong_words(berthctl, image):
    def refused(*words):
        result = berthctl("push", *words, check=False)
        assert result.returncode == 1, result
        return result.stderr.decode()
    id_ = berthctl("images", "-q", image).stdout.decode().strip()
    assert f"berthctl push {id_} NAME" in refused(id_)
    assert "no image is called" in refused("not-here")
    assert "compression" in refused("--compression=lzma", image)
    assert "127.0.0.1:1: connection refused" in refused(image, "127.0.0.1:1/x")
    assert "needs an argument" in refused()


def test_event(berthctl, image):
    with subprocess.Popen(["berthctl", "events", "--json=short", "--filter", "type=image"], stdout=subprocess.PIPE) as events:
        time.sleep(0.5)
        berthctl("push", image)
        line = json.loads(events.stdout.readline())
        events.kill()
    assert "push" in line.values() and image in json.dumps(line)


def test_nobody_else_may(as_user, image):
    result = as_user("berthctl", "push", image, check=False)
    assert result.returncode == 1 and result.stdout == b""
    for method, words in (("PushImage", ("sa{sv}", image, "0")), ("CreateIndex", ("sasa{sv}", "x", "1", image, "0"))):
        called = as_user("busctl", "call", "org.berth1", "/org/berth1", "org.berth1.Manager", method, *words, check=False)
        assert called.returncode == 1 and b"not authorized for that (polkit action org.berth1.manage-images)" in called.stderr


def test_ctrl_c(berthctl, image, server):
    release = threading.Event()

    def hang(handler):
        release.wait(60)
        handler.abort()
    server.spoil(UPLOADS, hang, method="PUT")
    with subprocess.Popen(["berthctl", "push", image, f"{server.address}/x:1"], stderr=subprocess.PIPE, stdout=subprocess.PIPE) as job:
        poll(lambda: server.requests_for(UPLOADS, "PUT"), what="the upload")
        job.send_signal(signal.SIGINT)
        _, said = job.communicate(timeout=20)
        release.set()
    assert job.returncode == 130 and b"was cancelled" in said


# --- other registries ---------------------------------------------------------------------------------------------

def test_with_a_password(berthctl, image, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    hashed = crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))
    (tmp_path / "htpasswd").write_text(f"robin:{hashed}\n")
    guarded = Registry(tmp_path, f"auth: {{htpasswd: {{realm: test, path: {tmp_path}/htpasswd}}}}\n")
    try:
        target = f"{guarded.address}/x:1"
        refused = berthctl("push", image, target, check=False)
        assert refused.returncode == 1 and b"needs a login" in refused.stderr
        berthctl("login", "--username", "robin", "--password-stdin", guarded.address, input=b"secret\n")
        berthctl("push", image, target)
        there = run("skopeo", "inspect", "--raw", "--tls-verify=false", "--creds=robin:secret", f"docker://{target}").stdout
        assert digest(there) == berthctl("push", "-q", image, target).stdout.decode().strip()
    finally:
        guarded.stop()


def test_read_only(berthctl, image, tmp_path):
    closed = Registry(tmp_path, "  maintenance: {readonly: {enabled: true}}\n")
    try:
        refused = berthctl("push", image, f"{closed.address}/x:1", check=False)
        assert refused.returncode == 1 and b"read-only" in refused.stderr
    finally:
        closed.stop()


@pytest.mark.outside
@pytest.mark.seconds(300)
def test_docker_and_skopeo_agree(new_host):
    """All that was pushed is to docker and skopeo what it is to us: the same digests everywhere."""
    host = new_host()
    script = """
        set -e
        cat > /tmp/registry.yml <<X
version: 0.1
log: {level: error}
http: {addr: 127.0.0.1:5000}
storage: {filesystem: {rootdirectory: /var/tmp/registry}}
X
        docker-registry serve /tmp/registry.yml >/dev/null 2>&1 &
        tests/lib/busybox-rootfs /tmp/busybox.tar
        berthctl import --change 'CMD ["true"]' /tmp/busybox.tar busybox:imported
        berthctl run --name made busybox:imported sh -c 'echo new >/new'
        berthctl commit made busybox:committed
        systemctl start docker
        docker import /tmp/busybox.tar busybox:docker >&2
        docker save busybox:docker | berthctl load
        for tag in imported committed docker; do
            for compression in gzip zstd; do
                name=127.0.0.1:5000/agree/$tag:$compression
                ours=$(berthctl push -q --compression $compression busybox:$tag $name)
                theirs=$(skopeo inspect --raw --tls-verify=false docker://$name | sha256sum)
                [ "$ours" = "sha256:${theirs%% *}" ]
                skopeo copy --insecure-policy -q --src-tls-verify=false docker://$name dir:/tmp/dir-$tag-$compression
                # docker of Debian 12 knows zstd only in layers that its own builder made.
                [ $tag-$compression = docker-zstd ] && continue
                docker pull -q $name >&2
                [ "$(docker inspect --format '{{index .RepoDigests 0}}' $name)" = "127.0.0.1:5000/agree/$tag@$ours" ]
                docker run --rm --network none $name /bin/true
                berthctl rmi -f $name >/dev/null 2>&1 || true
            done
        done
        echo agreed
    """
    said = host.call("--", "bash", "-c", script, timeout=250)
    assert said.stdout.decode().endswith("agreed\n")
