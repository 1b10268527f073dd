"""What is asked of the registry and when, what comes that is no image, and how much of it is allowed. In part by berth-worker
alone, on a store of the test's own."""

import gzip
import hashlib
import io
import json
import pathlib
import re
import subprocess
import tarfile
import threading
import time

import pytest

from badregistry import OCI, PROPER, BadRegistry, digest, status
from conftest import poll, run
from ociimage import OciImage, tar_of
from workerjob import WorkerError, WorkerJob, pull


@pytest.fixture
def pulled(berthctl):
    """Names of images that are removed at the end."""
    names = []
    yield names
    for image in names:
        berthctl("rmi", "-f", image)


def fails(state, reference, kind, **request):
    with pytest.raises(WorkerError) as caught:
        pull(state, reference, **request)
    assert caught.value.kind == kind, caught.value
    assert not list(state.glob("**/.tmp-*"))
    return caught.value.message


# --- policies ----------------------------------------------------------------------------------------------

def test_policies(berthctl, server, pulled):
    first = server.add_image("x", "latest", [tar_of({"a": b"1"})])
    name = f"{server.address}/x"
    missing = berthctl("pull", "--policy", "never", name, check=False)
    assert missing.returncode == 1 and b"is not here" in missing.stderr and b"berthctl pull" in missing.stderr
    assert server.requests == []

    assert berthctl("pull", "-q", "--policy", "missing", name).stdout.decode().strip() == first["digest"]
    pulled.append(f"{name}:latest")
    asked = len(server.requests)
    for policy in ("missing", "never"):
        assert berthctl("pull", "-q", "--policy", policy, name).stdout.decode().strip() == first["digest"]
        by_digest = f"{name}:latest@{first['digest']}"
        assert berthctl("pull", "-q", "--policy", policy, by_digest).stdout.decode().strip() == first["digest"]
    assert len(server.requests) == asked

    for policy in ("newer", "always"):
        before = len(server.requests_for("/blobs/"))
        assert b"is up to date" in berthctl("pull", "--policy", policy, name).stdout
        assert len(server.requests_for("/blobs/")) == before
        newer = server.add_image("x", "latest", [tar_of({"a": policy.encode()})])
        assert berthctl("pull", "-q", "--policy", policy, name).stdout.decode().strip() == newer["digest"]
        pulled.append(newer["digest"])
    pulled.append(first["digest"])


@pytest.mark.parametrize("spoilt", [False, True])
def test_the_registry_is_down(berthctl, server, pulled, spoilt):
    image = server.add_image("x", "latest", [tar_of({"a": b"1"})])
    name = f"{server.address}/x"
    berthctl("pull", "-q", name)
    pulled.append(f"{name}:latest")
    if spoilt:
        server.spoil("/v2/", status(500))
    else:
        server.__exit__()
        server.__exit__ = lambda *_: None
    newer = berthctl("pull", "-q", "--policy", "newer", name)
    assert newer.stdout.decode().strip() == image["digest"]
    assert b"may not be the newest" in newer.stderr and server.address.encode() in newer.stderr
    for policy in ("always", None):
        options = ["--policy", policy] if policy else []
        failed = berthctl("pull", *options, name, check=False)
        assert failed.returncode == 1 and failed.stdout.decode().count("\n") <= 1
    other = berthctl("pull", "--policy", "newer", f"{name}:other", check=False)
    assert other.returncode == 1 and b"cannot" in other.stderr


def test_newer_does_not_hide_a_refusal(berthctl, server, pulled):
    """The registry has answered: the image is gone there."""
    server.add_image("x", "latest", [tar_of({"a": b"1"})])
    name = f"{server.address}/x"
    berthctl("pull", "-q", name)
    pulled.append(f"{name}:latest")
    server.manifests.clear()
    assert b"does not exist" in berthctl("pull", "--policy", "newer", name, check=False).stderr


def test_run_pulls_by_policy(berthctl, registry, busybox_tar, tmp_path, name, pulled):
    image = OciImage(tmp_path / "oci")
    image.add_layer(pathlib.Path(busybox_tar).read_bytes())
    image.write("v1", config={"Cmd": ["echo", "hello"]})
    reference = registry.push(f"oci:{tmp_path}/oci:v1", "policy/run:v1")
    never = berthctl("run", "--rm", "--pull=never", reference, check=False)
    assert never.returncode == 125 and f"berthctl pull {reference}".encode() in never.stderr
    assert berthctl("run", "--rm", "--pull=newer", "-q", reference).stdout == b"hello\n"
    pulled.append(reference)
    assert berthctl("run", "--rm", "--pull=never", reference).stdout == b"hello\n"
    wrong = berthctl("create", "--name", name, "--platform", "linux/s390x", reference, check=False)
    assert wrong.returncode == 125 and b"linux/s390x" in wrong.stderr


# --- all tags ------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("links", [True, False])
def test_all_tags(state, server, links):
    base = tar_of({"base": b"b"})
    for number in range(25):
        server.add_image("x", f"v{number:02}", [base, tar_of({"own": str(number % 20).encode()})])
    server.page, server.links = (4, True) if links else (1000, False)
    result = pull(state, f"{server.address}/x:latest", AllTags=True)
    names = [image["Names"][0] for image in result["Images"]]
    assert names == [f"{server.address}/x:v{number:02}" for number in range(25)]
    assert len({image["Record"]["Digest"] for image in result["Images"]}) == 20
    assert not result.get("Existed")
    assert len(server.requests_for("/tags/list")) == (7 if links else 1)
    assert pull(state, f"{server.address}/x:latest", AllTags=True)["Existed"] is True


def test_some_tags_are_of_no_use(state, server):
    server.add_image("x", "good", [tar_of({"a": b"1"})])
    server.add_manifest("x", "old", b'{"schemaVersion": 1, "fsLayers": []}', "application/json")
    server.add_index("x", "other", {"linux/s390x": server.add_image("x", None, [tar_of({"b": b""})], architecture="s390x")})
    message = fails(state, f"{server.address}/x:latest", "Unsupported", AllTags=True, Platform="linux/amd64")
    assert message.startswith(f"cannot pull {server.address}/x: 2 of 3 tags are of no use here, as \"old\": ")
    assert len(list((state / "images").iterdir())) == 1


@pytest.mark.parametrize("body, kind", [
    (b'{"tags": ["a", "../../x", "b c", 7, null, "a"]}', None), (b'{"tags": null}', "NoSuchImage"), (b"{}", "Registry"),
    (b"<html>", "Registry"), (b'{"tags": [' + b'"a",' * 3_000_000 + b'"b"]}', "LimitExceeded"),
    (json.dumps({"tags": [f"t{i}" for i in range(10_001)]}).encode(), "LimitExceeded"),
], ids=["strange", "null", "none", "text", "long", "many"])
def test_strange_lists_of_tags(state, server, body, kind):
    server.add_image("x", "a", [tar_of({"a": b"1"})])
    server.spoil("/tags/list", status(200, body, Link='</v2/x/tags/list?n=1&last=a>; rel="next"'))
    if kind:
        fails(state, f"{server.address}/x:latest", kind, AllTags=True)
    else:       # the next page has nothing new
        assert len(pull(state, f"{server.address}/x:latest", AllTags=True)["Images"]) == 1
        assert len(server.requests_for("/tags/list")) == 2


def test_berthctl_all_tags(berthctl, registry, tmp_path, pulled):
    for tag in ("one", "two"):
        image = OciImage(tmp_path / tag)
        image.add_layer(tar_of({"a": tag.encode()}))
        image.write(tag)
        pulled.append(registry.push(f"oci:{tmp_path}/{tag}:{tag}", f"policy/tags:{tag}"))
    name = pulled[0].rsplit(":", 1)[0]
    first = berthctl("pull", "--all-tags", name).stdout.decode()
    assert first.startswith(f"{name} (linux/") and "all tags" in first and f"Pulled 2 tags of {name}, 2 layers" in first
    assert f"2 tags of {name} are up to date" in berthctl("pull", "-a", name).stdout.decode()
    assert len(berthctl("pull", "-aq", name).stdout.split()) == 2
    assert b"names a tag" in berthctl("pull", "-a", pulled[0], check=False).stderr
    assert b"only the registry knows" in berthctl("pull", "-a", "--policy=never", name, check=False).stderr


# --- what is no image ------------------------------------------------------------------------------------------

def add_artifact(server, repository, tag, blobs, config=b"{}", config_type="application/vnd.oci.empty.v1+json", **fields):
    """blobs: {media type: bytes}"""
    def describe(data, media_type):
        return {"mediaType": media_type, "digest": server.add_blob(data), "size": len(data)}
    manifest = {"schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json", "config": describe(config, config_type),
                "layers": [describe(data, media_type) for media_type, data in blobs.items()], **fields}
    return server.add_manifest(repository, tag, manifest, manifest["mediaType"])


HELM = "application/vnd.cncf.helm.config.v1+json"
COSIGN = "application/vnd.dev.cosign.simplesigning.v1+json"


def test_artifacts(berthctl, server, pulled, tmp_path):
    chart = gzip.compress(b"no tar")
    add_artifact(server, "chart", "1", {"application/vnd.cncf.helm.chart.content.v1.tar+gzip": chart}, config=b'{"name": "c"}',
                 config_type=HELM)
    add_artifact(server, "oras", "1", {"text/plain": b"hello"}, artifactType="application/vnd.example+type",
                 annotations={"org.opencontainers.image.created": "2021-01-02T03:04:05Z"})
    add_artifact(server, "sig", "1", {COSIGN: b"{}"}, config=b'{"architecture": "", "os": "", "rootfs": {"type": "layers"}}',
                 config_type=f"{OCI}.config.v1+json")
    add_artifact(server, "empty", "1", {"application/vnd.oci.empty.v1+json": b"{}"}, artifactType="application/x")
    server.add_image("real", "1", [tar_of({"a": b"1"})])
    assert b"TYPE" not in berthctl("images").stdout
    types = {"chart": HELM, "oras": "application/vnd.example+type", "sig": COSIGN, "empty": "application/x"}
    for repository, artifact_type in types.items():
        name = f"{server.address}/{repository}:1"
        assert b"Pulled" in berthctl("pull", name).stdout
        pulled.append(name)
        assert b"up to date" in berthctl("pull", name).stdout
        inspected, = json.loads(berthctl("inspect", name).stdout)
        assert inspected["Kind"] == "artifact" and inspected["ArtifactType"] == artifact_type
        for verb in ("run", "create"):
            refused = berthctl(verb, name, check=False)
            assert refused.returncode == 125
            assert f'"{name}" is an artifact ({artifact_type}), not an image that runs'.encode() in refused.stderr
    berthctl("pull", "-q", f"{server.address}/real:1")
    pulled.append(f"{server.address}/real:1")
    listed = berthctl("images").stdout.decode()
    assert "TYPE" in listed and all(artifact_type in listed for artifact_type in types.values())
    ids = re.findall(rf"^{re.escape(server.address)}/\S+ +(\S+)", listed, re.M)
    assert len(set(ids)) == 5       # though two have the same config

    blobs = pathlib.Path("/var/lib/berth/blobs/sha256")
    assert (blobs / digest(chart)[7:]).read_bytes() == chart
    berthctl("tag", f"{server.address}/oras:1", "kept:1")
    berthctl("rmi", f"{server.address}/oras:1")
    pulled.remove(f"{server.address}/oras:1")
    assert (blobs / digest(b"hello")[7:]).exists()
    berthctl("rmi", "kept:1")
    poll(lambda: not (blobs / digest(b"hello")[7:]).exists(), 10, "the artifact's blob to go")
    assert (blobs / digest(b"{}")[7:]).exists()     # the config, which another one has as well


def test_saved_artifacts_load(berthctl, server, pulled, tmp_path):
    image = add_artifact(server, "oras", "1", {"text/plain": b"hello", "application/octet-stream": b"\0" * 2000},
                         artifactType="application/vnd.example")
    name = f"{server.address}/oras:1"
    berthctl("pull", "-q", name)
    berthctl("save", "-o", f"{tmp_path}/saved", name)
    berthctl("rmi", name)
    assert name in berthctl("load", "-i", f"{tmp_path}/saved").stdout.decode()
    pulled.append(name)
    inspected, = json.loads(berthctl("inspect", name).stdout)
    assert inspected["Digest"] == image["digest"] and inspected["Kind"] == "artifact"


def test_indexes_with_other_things(state, server):
    image = server.add_image("x", None, [tar_of({"a": b"right"})])
    artifact = {**add_artifact(server, "x", None, {"text/plain": b"x"}, artifactType="a/b"), "artifactType": "a/b"}
    note = {**server.add_image("x", None, [tar_of({"a": b"note"})]),
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"}}
    inner = server.add_index("x", None, {"linux/amd64": image})
    platform = {"os": "linux", "architecture": "amd64"}
    for tag, entries in {
            "mixed": [{**artifact}, {**note, "platform": {"os": "unknown", "architecture": "unknown"}},
                      {**artifact, "platform": platform}, {**image, "platform": platform}],
            "nested": [{**note, "platform": platform}, inner]}.items():
        server.add_manifest("x", tag, {"schemaVersion": 2, "manifests": entries}, f"{OCI}.index.v1+json")
        result = pull(state, f"{server.address}/x:{tag}", Platform="linux/amd64")
        assert result["Images"][0]["Record"]["Digest"] == image["digest"]
    only = {"schemaVersion": 2, "manifests": [{**artifact, "platform": platform}]}
    server.add_manifest("x", "artifact", only, f"{OCI}.index.v1+json")
    record = pull(state, f"{server.address}/x:artifact", Platform="linux/amd64")["Images"][0]["Record"]
    assert record["Kind"] == "artifact" and record["Layers"][0].get("DiffId") is None

    deep = inner
    for _ in range(4):
        deep = server.add_manifest("x", "deep", {"schemaVersion": 2, "manifests": [deep]}, f"{OCI}.index.v1+json")
    assert "nested too deep" in fails(state, f"{server.address}/x:deep", "LimitExceeded")


@pytest.mark.parametrize("media_type", ["application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                                        f"{OCI}.layer.nondistributable.v1.tar+gzip"])
def test_foreign_layers_are_refused(state, server, media_type):
    image = server.add_image("x", "latest", [tar_of({"a": b"1"})])
    manifest = json.loads(server.manifests["x", "latest"][1])
    elsewhere = f"http://{server.address}/elsewhere"
    manifest["layers"][0] |= {"mediaType": media_type, "urls": [elsewhere]}
    server.add_manifest("x", "latest", manifest, manifest["mediaType"])
    message = fails(state, f"{server.address}/x:latest", "Unsupported")
    assert "is a foreign one" in message and server.layers_of(image)[0] in message
    assert not server.requests_for("/elsewhere") and not server.requests_for("/blobs/")


def test_urls_of_layers_are_not_followed(state, server):
    server.add_image("x", "latest", [tar_of({"a": b"1"})])
    manifest = json.loads(server.manifests["x", "latest"][1])
    manifest["layers"][0]["urls"] = [f"http://{server.address}/elsewhere", "file:///etc/passwd"]
    server.add_manifest("x", "latest", manifest, manifest["mediaType"])
    pull(state, f"{server.address}/x:latest")
    assert not server.requests_for("/elsewhere")


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def skippable(data):
    return (0x184D2A50).to_bytes(4, "little") + len(data).to_bytes(4, "little") + data


def members(data, pack, size=10_000):
    return b"".join(pack(data[i:i + size]) for i in range(0, len(data), size))


@pytest.mark.parametrize("name, pack, suffix", [
    ("zstd", zstd, "+zstd"), ("zstd:chunked", lambda tar: members(tar, zstd) + skippable(b"table of contents"), "+zstd"),
    ("pzstd", lambda tar: skippable(b"1234") + zstd(tar), "+zstd"), ("plain", lambda tar: tar, ""),
    ("gzip members", lambda tar: members(tar, gzip.compress), "+gzip"), ("wrong name", zstd, "+gzip"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_compressions(state, server, name, pack, suffix):
    tar = tar_of({"a": b"text\n" * 20_000, "b": b"end"})
    packed = pack(tar)
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest(tar)]}}).encode()
    manifest = {"schemaVersion": 2, "config": {"mediaType": f"{OCI}.config.v1+json", "digest": server.add_blob(config),
                                               "size": len(config)},
                "layers": [{"mediaType": f"{OCI}.layer.v1.tar{suffix}", "digest": server.add_blob(packed), "size": len(packed)}]}
    server.add_manifest("x", "latest", manifest, f"{OCI}.manifest.v1+json")
    pull(state, f"{server.address}/x:latest")
    assert (state / "layers" / digest(tar)[7:] / "fs/b").read_bytes() == b"end"


# --- limits ------------------------------------------------------------------------------------------------------

def padded(size):
    """A tar of one small file, with so many zeros behind its end; as gzip."""
    block = gzip.compress(bytes(1 << 24), 6, mtime=0)
    return tar_of({"a": b"1"}) + bytes(size), gzip.compress(tar_of({"a": b"1"})) + block * (size >> 24)


def tar_with(path="a", size=0, count=1):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number in range(count):
            entry = tarfile.TarInfo(path + (str(number) if count > 1 else ""))
            entry.size = size
            archive.addfile(entry, io.BytesIO(bytes(size)))
    return buffer.getvalue()


LIMITS = {
    "ManifestSize": (300, {}), "ConfigSize": (80, {}), "Layers": (1, {}), "LayerSize": (50, {}),
    "UnpackedSize": (99_999, {"size": 50_000, "count": 2}), "Entries": (4, {"count": 5}), "PathLength": (59, {"path": "p" * 60}),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_limits(state, server, limit):
    value, tar = LIMITS[limit]
    server.add_image("x", "latest", [tar_with(**tar), tar_of({"b": b""})])
    message = fails(state, f"{server.address}/x:latest", "LimitExceeded", Limits={limit: value})
    assert f"(Limits.{limit}= in berthd.conf)" in message and message.startswith("cannot pull ")
    assert not list((state / "images").iterdir())
    if limit in ("Layers", "UnpackedSize", "Entries", "PathLength"):
        pull(state, f"{server.address}/x:latest", Limits={limit: value + 1})    # the limit itself is allowed
    else:
        pull(state, f"{server.address}/x:latest", Limits={limit: 10_000})


def test_limit_of_index_entries(state, server):
    image = server.add_image("x", None, [tar_of({"a": b"1"})])
    server.add_index("x", "latest", {"linux/amd64": image, "linux/arm64": image})
    message = fails(state, f"{server.address}/x:latest", "LimitExceeded", Limits={"IndexEntries": 1})
    assert "it has 2 manifests" in message and "(Limits.IndexEntries= in berthd.conf)" in message
    pull(state, f"{server.address}/x:latest", Limits={"IndexEntries": 2}, Platform="linux/amd64")


def test_limit_of_the_compression_ratio(state, server):
    tar, packed = padded(640 << 20)
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [digest(tar)]}}).encode()
    manifest = {"schemaVersion": 2, "config": {"mediaType": f"{OCI}.config.v1+json", "digest": server.add_blob(config),
                                               "size": len(config)},
                "layers": [{"mediaType": f"{OCI}.layer.v1.tar+gzip", "digest": server.add_blob(packed), "size": len(packed)}]}
    server.add_manifest("x", "latest", manifest, f"{OCI}.manifest.v1+json")
    message = fails(state, f"{server.address}/x:latest", "LimitExceeded", Limits={"CompressionRatio": 500})
    assert "more than 500 times" in message and "(Limits.CompressionRatio= in berthd.conf)" in message
    pull(state, f"{server.address}/x:latest", Limits={"CompressionRatio": 1100})


def test_limits_of_archives(state, tmp_path):
    """A load has the same."""
    for limit, (value, tar) in LIMITS.items():
        image = OciImage(tmp_path / limit)
        image.add_layer(tar_with(**tar))
        image.add_layer(tar_of({"b": b""}))
        image.write("x:1")
        archive = tmp_path / f"{limit}.tar"
        run("tar", "-C", image.folder, "-cf", archive, ".")
        with open(archive, "rb") as file, pytest.raises(WorkerError) as caught:
            WorkerJob("load", state, [file], Limits={limit: value}).wait()
        assert caught.value.kind == "LimitExceeded" and f"(Limits.{limit}= in berthd.conf)" in caught.value.message


@pytest.fixture
def berthd_conf():
    """Writes /etc/berth/berthd.conf, and restarts berthd; as it was, at the end."""
    path = pathlib.Path("/etc/berth/berthd.conf")
    before = path.read_bytes() if path.exists() else None

    def write(text):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        run("systemctl", "restart", "berthd")
    yield write
    if before is None:
        path.unlink()
    else:
        path.write_bytes(before)
    run("systemctl", "restart", "berthd")


def test_limits_are_configured(berthctl, server, berthd_conf, pulled):
    server.add_image("x", "latest", [tar_with(f"{time.time()}-", count=5)])
    name = f"{server.address}/x"
    berthd_conf("[Limits]\nEntries=4\n")
    failed = berthctl("pull", name, check=False)
    assert failed.returncode == 1 and b"(Limits.Entries= in berthd.conf)" in failed.stderr
    berthd_conf("[Limits]\nEntries=5\n")
    berthctl("pull", name)
    pulled.append(f"{name}:latest")


@pytest.mark.seconds(300)
@pytest.mark.parametrize("count", [127, 128, 500])
def test_as_many_layers_as_the_kernel_takes(berthctl, server, busybox_tar, count):
    layers = [pathlib.Path(busybox_tar).read_bytes()] + [tar_of({f"layer-{i}": str(i).encode()}) for i in range(1, count)]
    server.add_image("x", str(count), layers)
    name = f"{server.address}/x:{count}"
    berthctl("pull", "-q", name, timeout=200)
    listed = berthctl("run", "--rm", name, "sh", "-c", "ls / | grep -c layer-; cat /layer-1 /layer-" + str(count - 1))
    assert listed.stdout.decode() == f"{count - 1}\n1{count - 1}"
    berthctl("rmi", name)
    poll(lambda: run("pgrep", "-x", "berth-worker", check=False).returncode == 1, 60, "the removal of all layers")


def test_more_layers_than_the_kernel_takes(state, server):
    server.add_image("x", "latest", [tar_of({"a": b""})] * 501)
    assert "(Limits.Layers= in berthd.conf)" in fails(state, f"{server.address}/x:latest", "LimitExceeded")


# --- how many at a time ---------------------------------------------------------------------------------------------

class Counter:
    """Of requests for layers that are being answered."""

    def __init__(self, seconds):
        self.now, self.most, self.seconds, self.lock = 0, 0, seconds, threading.Lock()

    def __call__(self, handler):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            time.sleep(self.seconds)
            code, headers, body = handler.proper()
            handler.head(code, {**headers, "Content-Length": len(body)})
            handler.wfile.write(body)
        finally:
            with self.lock:
                self.now -= 1


@pytest.mark.parametrize("downloads", [1, 3])
def test_transfers_of_all_pulls_together(state, server, downloads):
    counter = Counter(0.15)
    layers = []
    for number in range(4):
        image = server.add_image(f"x{number}", "latest", [tar_of({"a": f"{number}/{i}".encode()}) for i in range(5)])
        layers += server.layers_of(image)
    for layer in layers:
        server.spoil(f"/blobs/{layer}", counter)
    jobs = [WorkerJob("pull", state, Reference=f"{server.address}/x{number}:latest", Downloads=downloads) for number in range(4)]
    for job in jobs:
        job.wait()
    assert counter.most == downloads


def test_nobody_is_starved(state, server):
    """A pull with many layers lets another one in between."""
    many = server.add_image("many", "latest", [tar_of({"a": str(i).encode()}) for i in range(60)])
    few = server.add_image("few", "latest", [tar_of({"b": b"1"})])
    for layer in server.layers_of(many) + server.layers_of(few):
        server.spoil(f"/blobs/{layer}", Counter(0.1))
    first = WorkerJob("pull", state, Reference=f"{server.address}/many:latest", Downloads=2)
    first.until(lambda message: message.get("Progress", {}).get("Status") == "downloading")
    WorkerJob("pull", state, Reference=f"{server.address}/few:latest", Downloads=2).wait()
    assert len(server.requests_for("/many/blobs/")) < 40
    first.wait()


def test_a_killed_pull_frees_its_slots(state, server):
    release = threading.Event()

    def hold(_handler):
        release.wait(60)
        return PROPER
    image = server.add_image("x", "latest", [tar_of({"a": b"1"})])
    server.add_image("y", "latest", [tar_of({"b": b"1"})])
    server.spoil(f"/blobs/{server.layers_of(image)[0]}", hold)
    first = WorkerJob("pull", state, Reference=f"{server.address}/x:latest", Downloads=1)
    poll(lambda: server.requests_for(server.layers_of(image)[0]), 10, "the request for the layer")
    second = WorkerJob("pull", state, Reference=f"{server.address}/y:latest", Downloads=1)
    time.sleep(0.5)
    assert second.process.poll() is None
    first.kill()
    second.wait(10)
    release.set()


def test_three_at_a_time_share_everything(state, tmp_path):
    """Two pulls, from two registries, and a load of the same layers: each layer is fetched once and unpacked once."""
    tars = [tar_of({"a": str(i).encode() * 300_000}) for i in range(4)]
    with BadRegistry() as one, BadRegistry() as two:
        expected = one.add_image("x", "latest", tars)
        assert two.add_image("y", "latest", tars) == expected
        image = OciImage(tmp_path / "oci")
        for tar in tars:
            image.add_layer(tar)
        image.write("x:1")
        run("tar", "-C", image.folder, "-cf", tmp_path / "archive", ".")
        with open(tmp_path / "archive", "rb") as file:
            jobs = [WorkerJob("pull", state, Reference=f"{one.address}/x:latest"),
                    WorkerJob("pull", state, Reference=f"{two.address}/y:latest"), WorkerJob("load", state, [file])]
            results = [job.wait() for job in jobs]
        fetched = [request.path for server in (one, two) for layer in server.layers_of(expected)
                   for request in server.requests_for(layer)]
        assert len(fetched) <= 4 and len(set(fetched)) == len(fetched)
    assert results[0]["Images"][0]["Record"]["Digest"] == results[1]["Images"][0]["Record"]["Digest"] == expected["digest"]
    assert len(list((state / "layers").iterdir())) == 4 and not list(state.glob("**/.tmp-*"))
    for path in (state / "blobs/sha256").iterdir():
        if not path.name.startswith("."):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
