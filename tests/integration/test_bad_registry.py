"""What a registry, or somebody between it and us, can do wrong on the way of an image: at every stage, in every way that came to
mind. berth-worker by itself, on a store of the test's own; what it leaves behind is looked at closely."""

import contextlib
import gzip
import hashlib
import json
import os
import pathlib
import random
import shutil
import signal
import tempfile
import time

import pytest

from badregistry import OCI, PROPER, BadRegistry, bearer, changed, digest, failing, redirect, status
from conftest import poll, run
from hostiletar import TarMaker
from ociimage import tar_of
from workerjob import WorkerError, WorkerJob, pull

NOISE = random.Random(7).randbytes(600_000)     # does not compress
BIG = tar_of({"noise": NOISE})


def check_whole(state):
    """What has its final name is right: blobs have their digests, layers are complete, records have all they name."""
    blobs, layers = state / "blobs/sha256", state / "layers"
    for path in blobs.iterdir():
        if not path.name.startswith("."):
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    for path in layers.iterdir():
        if not path.name.startswith("."):
            assert (path / "layer.json").exists() and (path / "fs").is_dir()
    for path in (state / "images").iterdir():
        record = json.loads(path.read_text())
        for layer in record["Layers"]:
            assert (blobs / layer["Digest"][7:]).exists() and (layers / layer["DiffId"][7:] / "layer.json").exists()
        assert (blobs / record["Digest"][7:]).exists() and (blobs / record["Id"][7:]).exists()


def fails(state, reference, *kinds, **request):
    """The message of a pull that must fail, and that leaves nothing that is wrong."""
    with pytest.raises(WorkerError) as caught:
        pull(state, reference, **request)
    assert caught.value.kind in kinds, caught.value
    assert not list(state.glob("**/.tmp-*"))
    check_whole(state)
    return caught.value.message


def no_image(state):
    return not list((state / "images").iterdir())


# --- cut off -------------------------------------------------------------------------------------------------

class Staged:
    """An image behind an index, whose registry wants a token: all the stages that there are."""

    def __init__(self, server):
        self.server = server
        server.spoil("/v2/", bearer(f"{server.url}/token", "t"))
        server.spoil("^/token", status(200, b'{"token": "t"}'))
        self.image = server.add_image("x", None, [BIG, tar_of({"small": b"s"})])
        self.index = server.add_index("x", "latest", {"linux/amd64": self.image})
        manifest = json.loads(server.manifests["x", self.image["digest"]][1])
        self.name = f"{server.address}/x:latest"
        self.stages = {
            "challenge": "/manifests/latest", "token": "^/token", "index": "/manifests/latest",
            "manifest": f"/manifests/{self.image['digest']}", "config": manifest["config"]["digest"],
            "layer": manifest["layers"][0]["digest"], "small layer": manifest["layers"][1]["digest"],
        }

    def spoil(self, stage, rule, times=None):
        """The challenge is the first answer for the index, so the rule for the index lets that one pass."""
        def behind_the_challenge(handler):
            return rule(handler) if handler.headers.get("Authorization") else PROPER
        self.server.spoil(self.stages[stage], behind_the_challenge if stage == "index" else rule, times)


STAGES = ["challenge", "token", "index", "manifest", "config", "layer", "small layer"]


@pytest.fixture
def staged(server):
    return Staged(server)


def cut_answer(after):
    """What is proper, or the token, broken off after so many bytes (a number, or a part of the whole)."""
    def rule(handler):
        code, headers, body = handler.proper()
        if handler.path.startswith("/token"):
            code, headers, body = 200, {}, b'{"token": "t"}'
        handler.head(code, {**headers, "Content-Length": len(body)})
        handler.wfile.write(body[:int(after * len(body)) if isinstance(after, float) else after])
        handler.abort()
    return rule


def abort(handler):
    handler.abort()


CUTS = {"at once": abort, "after the head": cut_answer(0), "after a byte": cut_answer(1), "in the middle": cut_answer(0.5),
        "before the end": cut_answer(-1)}


def pull_all(state, spoilers):
    """Pulls at a time, since each waits most of the time: each from a registry of its own that SPOILERS[i](staged) has spoilt.
    Returns for each what came (a WorkerError, or None), and the Staged and the store of it."""
    with contextlib.ExitStack() as stack:
        state.mkdir()
        outcomes, jobs = [], []
        for number, spoil in enumerate(spoilers):
            staged = Staged(stack.enter_context(BadRegistry()))
            spoil(staged)
            jobs.append((WorkerJob("pull", state / str(number), Reference=staged.name), staged, state / str(number)))
        for job, staged, store in jobs:
            try:
                job.wait(100)
                outcomes.append((None, staged, store))
            except WorkerError as error:
                outcomes.append((error, staged, store))
            assert not list(store.glob("**/.tmp-*"))
            check_whole(store)
    return outcomes


def all_fail(state, spoilers, *kinds):
    for error, _, store in pull_all(state, spoilers):
        assert error and error.kind in kinds and error.message.startswith("cannot "), error
        assert no_image(store)


@pytest.mark.parametrize("stage", STAGES)
def test_cut_off_once(state, stage):
    """The next attempt gets through."""
    ways = [lambda staged, rule=rule: staged.spoil(stage, rule, times=1) for rule in CUTS.values()]
    for error, staged, store in pull_all(state, ways):
        assert error is None, error
        assert [path.stem for path in (store / "images").iterdir()] == [staged.image["digest"][7:]]
        assert (store / "layers" / digest(BIG)[7:] / "fs/noise").read_bytes() == NOISE


@pytest.mark.parametrize("way", ["at once", "in the middle"])
def test_cut_off_always(state, way):
    all_fail(state, [lambda staged, stage=stage: staged.spoil(stage, CUTS[way]) for stage in STAGES], "Registry")


def test_a_failure_does_no_harm_to_the_next_pull(state, staged):
    staged.spoil("layer", CUTS["in the middle"])
    fails(state, staged.name, "Registry")
    staged.server.rules.clear()
    pull(state, staged.name)
    check_whole(state)


def test_cut_off_between_requests(state, staged):
    """A server that says it keeps the connection, and closes it."""
    def close(handler):
        handler.answer(*handler.proper())
        handler.abort()
    staged.server.spoil("/(manifests|blobs)/", lambda handler: close(handler) if handler.headers.get("Authorization") else PROPER)
    pull(state, staged.name)
    check_whole(state)


# --- lengths and codings that lie ---------------------------------------------------------------------------------

def with_length(length):
    """The proper body with another Content-Length: a number to add, or a text."""
    def rule(handler):
        code, headers, body = handler.proper()
        handler.head(code, {**headers, "Content-Length": len(body) + length if isinstance(length, int) else length})
        handler.wfile.write(body)
        handler.abort()
    return rule


@pytest.mark.parametrize("stage", ["index", "manifest", "config", "layer"])
def test_wrong_content_length(state, stage):
    lengths = [7, -7, "9223372036854775807", "-1", "abc"]
    all_fail(state, [lambda staged, length=length: staged.spoil(stage, with_length(length)) for length in lengths],
             "Registry", "Corrupt", "LimitExceeded")


def test_lengths_that_no_number_holds(state):
    """The answer is then read to its end, and its digest tells that it is right."""
    lengths = ["18446744073709551616", "99999999999999999999999"]
    for error, _, _ in pull_all(state, [lambda staged, length=length, stage=stage: staged.spoil(stage, with_length(length))
                                        for length in lengths for stage in ("manifest", "layer")]):
        assert error is None, error


def raw(head, body):
    """This answer, byte by byte."""
    def rule(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body)
        handler.abort()
    return rule


@pytest.mark.parametrize("stage", ["manifest", "layer"])
def test_chunks_that_are_none(state, stage):
    bodies = [b"zz\r\nabc\r\n0\r\n\r\n", b"-5\r\nabc\r\n0\r\n\r\n", b"ffffffffffffffffff\r\nabc", b"3\r\nabcdef\r\n", b"",
              b"5\r\nab", b"0\r\n\r\n"]
    all_fail(state, [lambda staged, body=body: staged.spoil(stage, raw(b"Transfer-Encoding: chunked", body)) for body in bodies],
             "Registry", "Corrupt")


def in_chunks(handler):
    code, headers, body = handler.proper()
    handler.head(code, {**headers, "Transfer-Encoding": "chunked"})
    for i in range(0, len(body), 1000):
        part = body[i:i + 1000]
        handler.wfile.write(b"%x;ext=1\r\n%s\r\n" % (len(part), part))
    handler.wfile.write(b"0\r\nTrailer: x\r\n\r\n")


def test_chunks_that_are_right(state, staged):
    """Not every registry says how long a thing is."""
    staged.server.spoil("/(manifests|blobs)/", lambda handler: in_chunks(handler) if handler.headers.get("Authorization") else PROPER)
    pull(state, staged.name)
    check_whole(state)


def coded(header):
    return lambda handler: raw(header.encode(), gzip.compress(handler.proper()[2]))(handler)


def test_codings_that_nobody_asked_for(state):
    """Digests are of what is sent."""
    all_fail(state, [lambda staged, stage=stage, header=header: staged.spoil(stage, coded(header))
                     for stage in ("manifest", "config", "layer") for header in ("Content-Encoding: gzip", "Content-Encoding: br")],
             "Registry", "Corrupt")


def test_coded_transfers(state):
    """Which are between the two ends of the connection, and nobody else's business."""
    for error, _, _ in pull_all(state, [lambda staged, stage=stage: staged.spoil(stage, coded("Transfer-Encoding: gzip"))
                                        for stage in ("manifest", "layer")]):
        assert error is None, error


def test_a_transfer_that_is_a_bomb(state, staged):
    zeros = gzip.compress(bytes(1 << 24)) * 64      # 1 GiB of them
    staged.spoil("manifest", raw(b"Transfer-Encoding: gzip", zeros))
    assert fails(state, staged.name, "LimitExceeded", "Registry")
    staged.server.rules.pop(0)
    staged.spoil("layer", raw(b"Transfer-Encoding: gzip", zeros))
    assert fails(state, staged.name, "Corrupt", "Registry")


@pytest.mark.seconds(200)
def test_a_server_that_drips(state, staged):
    """Less than a modem's speed for a minute is as good as nothing; the next connection may be better."""
    def drip(handler):
        code, headers, body = handler.proper()
        handler.head(code, {**headers, "Content-Length": len(body)})
        for byte in body:
            handler.wfile.write(bytes([byte]))
            time.sleep(0.2)
    staged.spoil("layer", drip, times=1)
    started = time.monotonic()
    job = WorkerJob("pull", state, Reference=staged.name)
    other_state = state.with_name("other")
    pull(other_state, staged.name)      # who is slow holds up nobody else
    assert time.monotonic() - started < 30
    job.wait(150)
    assert 50 < time.monotonic() - started < 120
    asked = [request.headers.get("Range") for request in staged.server.requests_for(staged.stages["layer"])]
    assert len(asked) == 3 and asked[-1].startswith("bytes=")      # the other pull's is among them
    check_whole(state)


def test_a_server_that_drips_is_given_up_at_once(state, staged):
    def drip(handler):
        code, headers, body = handler.proper()
        handler.head(code, {**headers, "Content-Length": len(body)})
        for byte in body:
            handler.wfile.write(bytes([byte]))
            time.sleep(0.1)
    staged.spoil("manifest", drip)
    job = WorkerJob("pull", state, Reference=staged.name)
    poll(lambda: staged.server.requests_for(staged.stages["manifest"]), 10, "the request")
    started = time.monotonic()
    job.process.send_signal(signal.SIGTERM)
    with pytest.raises(WorkerError) as caught:
        job.wait()
    assert caught.value.kind == "Cancelled" and time.monotonic() - started < 2


# --- redirects and tokens ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("stage", ["index", "config", "layer"])
def test_redirects_in_a_circle(state, staged, other, stage):
    """From one host to the other, and back."""
    staged.spoil(stage, redirect(lambda path: other.url + path))
    other.spoil("/v2/", redirect(lambda path: staged.server.url + path))
    assert "redirects more than 10 times" in fails(state, staged.name, "Registry")
    assert len(staged.server.requests_for(staged.stages[stage])) < 15
    assert all("Authorization" not in request.headers for request in other.requests)


CREDENTIALS = "dXNlcjpzZWNyZXQ="       # user:secret


def with_credentials(server):
    return {"auths": {server.address: {"auth": CREDENTIALS}}}


def basic(handler):
    if handler.headers.get("Authorization") == f"Basic {CREDENTIALS}":
        return PROPER
    handler.answer(401, {"WWW-Authenticate": 'Basic realm="x"'}, b"")
    return None


@pytest.mark.parametrize("stage", ["manifests", "blobs"])
def test_redirects_do_not_leak_a_password(state, server, other, stage):
    server.add_image("x", "latest", [BIG])
    other.manifests, other.blobs = server.manifests, server.blobs
    server.spoil(f"/{stage}/", redirect(lambda path: other.url + path))
    server.spoil("/v2/", basic)
    pull(state, f"{server.address}/x:latest", credentials=with_credentials(server))
    assert other.requests and all("Authorization" not in request.headers for request in other.requests)
    assert all(CREDENTIALS not in request.path and "secret" not in request.path for request in other.requests)


def test_a_password_is_not_for_who_is_redirected_to(state, server, other):
    """The other host asks for one, too, and gets none."""
    server.add_image("x", "latest", [BIG])
    other.blobs = server.blobs
    other.spoil("/blobs/", basic)
    server.spoil("/blobs/", redirect(lambda path: other.url + path))
    server.spoil("/v2/", basic)
    fails(state, f"{server.address}/x:latest", "Registry", "Unauthorized", credentials=with_credentials(server))
    assert all("Authorization" not in request.headers for request in other.requests)


@pytest.mark.parametrize("rule", [
    status(200, b""), status(200, b"null"), status(200, b"[]"), status(200, b'{"token": 7}'), status(200, b'{"token": ""}'),
    status(200, b'{"token": "' + b"x" * 100_000 + b'"}'), status(200, b"[" * 1000), status(200, b'{"token": "\xff"}'),
    status(500), status(302, Location="file:///etc/passwd"), failing(403, "DENIED", "no"), abort,
], ids=["empty", "null", "list", "number", "none", "long", "deep", "latin 1", "500", "redirect", "403", "cut"])
def test_a_token_server_that_answers_garbage(state, staged, rule):
    staged.server.rules.clear()
    staged.server.spoil("/v2/", bearer(f"{staged.server.url}/token", "t"))
    staged.server.spoil("^/token", rule)
    message = fails(state, staged.name, "Registry", "Unauthorized")
    assert message.startswith("cannot ") and len(message) < 400


def test_a_token_server_that_redirects(state, server, other):
    """It gets the password, so it might pass it on; we don't."""
    server.add_image("x", "latest", [BIG])
    server.spoil("/v2/", bearer(f"{server.url}/token", "t"))
    server.spoil("^/token", redirect(f"{other.url}/token"))
    other.spoil("^/token", status(200, b'{"token": "t"}'))
    fails(state, f"{server.address}/x:latest", "Registry", credentials=with_credentials(server))
    assert all("Authorization" not in request.headers for request in other.requests)


# --- documents that contradict ---------------------------------------------------------------------------------------

def rewrite(server, repository, tag, change, media_type=None):
    """The image's manifest, changed in place by the function."""
    old_type, body = server.manifests[repository, tag]
    document = json.loads(body)
    change(document)
    return server.add_manifest(repository, tag, document, media_type or old_type)


def rewrite_config(server, repository, tag, change):
    def in_manifest(manifest):
        config = json.loads(server.blobs[manifest["config"]["digest"]])
        change(config)
        body = json.dumps(config).encode()
        manifest["config"] |= {"digest": server.add_blob(body), "size": len(body)}
    return rewrite(server, repository, tag, in_manifest)


A, B, C = tar_of({"a": b"1"}), tar_of({"b": b"2"}), tar_of({"c": b"3"})

CONFIGS = {
    "fewer": lambda config: config["rootfs"]["diff_ids"].pop(), "more": lambda config: config["rootfs"]["diff_ids"].append(digest(C)),
    "other": lambda config: config["rootfs"]["diff_ids"].__setitem__(1, digest(C)), "swapped": lambda c: c["rootfs"]["diff_ids"].reverse(),
    "none": lambda config: config.pop("rootfs"), "no digest": lambda config: config["rootfs"]["diff_ids"].__setitem__(0, "../../x"),
    "twice": lambda config: config["rootfs"]["diff_ids"].__setitem__(1, config["rootfs"]["diff_ids"][0]),
    "number": lambda config: config["rootfs"]["diff_ids"].__setitem__(0, 7), "type": lambda c: c["rootfs"].update(type="x"),
}


@pytest.mark.parametrize("case", CONFIGS)
def test_configs_that_do_not_fit(state, server, case):
    server.add_image("x", "latest", [A, B])
    rewrite_config(server, "x", "latest", CONFIGS[case])
    message = fails(state, f"{server.address}/x:latest", "Corrupt")
    assert message.startswith(f"cannot pull {server.address}/x:latest: ") and no_image(state)
    server.add_image("x", "latest", [A, B])
    pull(state, f"{server.address}/x:latest")       # nothing wrong stays under a right name
    check_whole(state)


def test_the_same_layer_under_two_identities(state, server):
    server.add_image("x", "latest", [A, B])
    rewrite(server, "x", "latest", lambda manifest: manifest["layers"].__setitem__(1, manifest["layers"][0]))
    fails(state, f"{server.address}/x:latest", "Corrupt")
    assert no_image(state)


def test_the_same_layer_with_two_sizes(state, server):
    server.add_image("x", "latest", [A, A])
    rewrite(server, "x", "latest", lambda manifest: manifest["layers"][1].update(size=manifest["layers"][1]["size"] + 1))
    fails(state, f"{server.address}/x:latest", "Corrupt")
    assert no_image(state)


def deep(levels):
    return b'{"schemaVersion": 2, "x": ' + b"[" * levels + b"]" * levels + b"}"


def layer_field(key, value):
    return lambda manifest: manifest["layers"][0].__setitem__(key, value)


MANIFESTS = {
    "sha512": (layer_field("digest", "sha512:" + "a" * 128), "Unsupported", "sha512"),
    "md5": (layer_field("digest", "md5:" + "a" * 32), "Corrupt", "not a digest"),
    "path": (layer_field("digest", "sha256:../../../etc/passwd"), "Corrupt", "not a digest"),
    "capitals": (layer_field("digest", "sha256:" + "A" * 64), "Corrupt", "not a digest"),
    "negative": (layer_field("size", -1), "Corrupt", "not negative"),
    "2^63": (layer_field("size", 1 << 63), "Corrupt", ""),
    "2^64 + 1": (layer_field("size", (1 << 64) + 1), "Corrupt", ""),
    "2^63 - 1": (layer_field("size", (1 << 63) - 1), "LimitExceeded", "LayerSize="),
    "fraction": (layer_field("size", 1.5), "Corrupt", "size"), "text": (layer_field("size", "7"), "Corrupt", "size"),
    "no size": (lambda manifest: manifest["layers"][0].pop("size"), "Corrupt", ""),
    "no digest": (lambda manifest: manifest["layers"][0].pop("digest"), "Corrupt", "not a digest"),
    "no config": (lambda manifest: manifest.pop("config"), "Corrupt", "no config"),
    "config without size": (lambda manifest: manifest["config"].update(size=0), "Corrupt", ""),
    "huge config": (lambda manifest: manifest["config"].update(size=1 << 40), "LimitExceeded", "ConfigSize="),
    "both kinds": (lambda manifest: manifest.update(manifests=[]), "Corrupt", "at once"),
    "version 3": (lambda manifest: manifest.update(schemaVersion=3), "Corrupt", "schemaVersion"),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_manifests_that_lie(state, server, case):
    change, kind, words = MANIFESTS[case]
    server.add_image("x", "latest", [BIG])
    rewrite(server, "x", "latest", change)
    assert words in fails(state, f"{server.address}/x:latest", kind)
    assert no_image(state)


@pytest.mark.parametrize("announced", [f"{OCI}.index.v1+json", "application/vnd.docker.distribution.manifest.v2+json",
                                       "application/vnd.docker.distribution.manifest.list.v2+json"])
def test_media_types_that_lie(state, server, announced):
    server.add_image("x", "latest", [A])
    rewrite(server, "x", "latest", lambda manifest: None, announced)
    assert "announced as" in fails(state, f"{server.address}/x:latest", "Corrupt")
    rewrite(server, "x", "latest", lambda manifest: manifest.pop("mediaType"), f"{OCI}.index.v1+json")
    assert "not what its media type says" in fails(state, f"{server.address}/x:latest", "Corrupt")


def test_documents_that_are_deep(state, server):
    server.add_manifest("x", "latest", deep(1000), f"{OCI}.manifest.v1+json")
    fails(state, f"{server.address}/x:latest", "Corrupt")
    server.add_manifest("x", "latest", deep(2_000_000), f"{OCI}.manifest.v1+json")
    fails(state, f"{server.address}/x:latest", "Corrupt")
    server.add_image("x", "latest", [A])

    def deep_config(manifest):
        body = deep(100_000)
        manifest["config"] |= {"digest": server.add_blob(body), "size": len(body)}
    rewrite(server, "x", "latest", deep_config)
    fails(state, f"{server.address}/x:latest", "Corrupt")


def test_an_index_that_leads_in_circles(state, server):
    """A digest can't name what contains it; but a registry can answer with anything."""
    image = server.add_image("x", None, [A])
    index = server.add_index("x", "latest", {"linux/amd64": image})
    server.spoil(f"/manifests/{image['digest']}", changed(lambda body: server.manifests["x", "latest"][1]))
    fails(state, f"{server.address}/x:latest", "Corrupt")
    assert len(server.requests) < 10 and index


# --- strange layers ------------------------------------------------------------------------------------------------

def fs_of(state, tar):
    return state / "layers" / digest(tar)[7:] / "fs"


def test_whiteouts_of_what_is_not_there(state, server):
    tar = (TarMaker().file("etc/.wh.nothing").file("no/such/folder/.wh.x").folder("empty").file("empty/.wh..wh..opq")
           .file(".wh..wh.plnk").file(".wh..wh..opq").file("new", b"n").bytes())
    server.add_image("x", "latest", [tar])
    pull(state, f"{server.address}/x:latest")
    fs = fs_of(state, tar)
    assert (fs / "new").read_bytes() == b"n" and not list(fs.rglob(".wh.*"))
    assert os.getxattr(fs / "empty", "user.overlay.opaque") == b"y"


TWICE = {
    "file": (TarMaker().file("x", b"1").file("x", b"2"), lambda fs: (fs / "x").read_bytes() == b"2"),
    "file over folder": (TarMaker().folder("x").file("x/y", b"1").file("x", b"2"), lambda fs: (fs / "x").read_bytes() == b"2"),
    "folder over file": (TarMaker().file("x", b"1").folder("x").file("x/y", b"2"), lambda fs: (fs / "x/y").read_bytes() == b"2"),
    "folder over folder": (TarMaker().folder("x").file("x/y", b"1").folder("x", mode=0o700),
                           lambda fs: (fs / "x/y").exists() and (fs / "x").stat().st_mode & 0o777 == 0o700),
    "link over folder": (TarMaker().folder("x").file("x/y", b"1").link("x", "/etc"), lambda fs: os.readlink(fs / "x") == "/etc"),
    "folder over link": (TarMaker().link("x", "/etc").folder("x").file("x/y", b"2"),
                         lambda fs: (fs / "x/y").read_bytes() == b"2" and not (fs / "x").is_symlink()),
    "link to a file that was replaced": (TarMaker().file("x", b"1").hard("h", "x").file("x", b"2"),
                                         lambda fs: (fs / "h").read_bytes() == b"1" and (fs / "x").read_bytes() == b"2"),
    "link over its target's name": (TarMaker().file("x", b"1").file("h", b"0").hard("h", "x").file("x", b"2").hard("h", "x"),
                                    lambda fs: (fs / "h").stat().st_ino == (fs / "x").stat().st_ino),
    "whiteout behind the file": (TarMaker().file("x", b"1").file(".wh.x"), lambda fs: (fs / "x").read_bytes() == b"1"),
    "file behind the whiteout": (TarMaker().file(".wh.x").file("x", b"1"), lambda fs: (fs / "x").read_bytes() == b"1"),
}


@pytest.mark.parametrize("case", TWICE)
def test_the_same_name_twice(state, server, case):
    maker, check = TWICE[case]
    tar = maker.bytes()
    server.add_image("x", "latest", [tar])
    pull(state, f"{server.address}/x:latest")
    assert check(fs_of(state, tar))


# --- a disk that is full --------------------------------------------------------------------------------------------

@pytest.mark.seconds(300)
def test_disk_full_at_every_stage(server, tmp_path):
    """From a disk that holds nothing to one that holds all, in small steps: it fits, or it is said that it does not."""
    point = tmp_path / "disk"
    point.mkdir()
    server.add_image("x", "latest", [BIG, tar_of({f"d/{i}": str(i).encode() * 1000 for i in range(50)}), A, B])
    fitted, full = 0, 0
    for kib in [16, 32, 48, *range(64, 2000, 96)]:
        run("mount", "-t", "tmpfs", "-o", f"size={kib}k", "berth-test", point)
        try:
            state = point / "state"
            state.mkdir()
            try:
                pull(state, f"{server.address}/x:latest")
                fitted += 1
            except WorkerError as error:
                assert error.kind == "NoSpace", error
                full += 1
                if (state / "images").exists():
                    check_whole(state)
                    assert no_image(state)
                assert not list(state.glob("**/.tmp-*")) and not list(state.glob("**/.partial-*"))
                run("mount", "-o", "remount,size=20m", point)
                pull(state, f"{server.address}/x:latest")
            check_whole(state)
        finally:
            run("umount", point)
    assert fitted > 2 and full > 10


# --- killed at any moment --------------------------------------------------------------------------------------------

def tree(folder):
    """All that is in a layer, so that two can be compared."""
    found = {}
    for path in sorted(folder.rglob("*")):
        info = path.lstat()
        found[str(path.relative_to(folder))] = (info.st_mode, info.st_uid, info.st_size if path.is_file() else 0,
                                                path.read_bytes() if path.is_file() and not path.is_symlink() else b"")
    return found


@pytest.mark.seconds(400)
def test_killed_at_50_moments(state, server):
    tars = [tar_of({f"{n}/{i}": random.Random(n * 100 + i).randbytes(30_000) for i in range(40)}) for n in range(4)]
    server.add_image("x", "latest", tars, level=1)
    name = f"{server.address}/x:latest"
    reference = state.with_name("reference")
    started = time.monotonic()
    pull(reference, name)
    duration = time.monotonic() - started
    expected = {path.name: tree(path / "fs") for path in (reference / "layers").iterdir()}
    chance = random.Random(int(time.time()))
    completed = 0
    for number in range(50):
        job = WorkerJob("pull", state, Reference=name)
        time.sleep(chance.uniform(0, duration))
        job.kill()
        if (state / "images").exists():
            check_whole(state)
            completed += not no_image(state)
            for path in (state / "layers").iterdir():
                assert path.name.startswith(".tmp-") or tree(path / "fs") == expected[path.name], f"after kill {number}"
        if number % 5 == 4:         # so that there is always something left to do
            time.sleep(1.1)         # what is younger than a second may still be somebody's
            WorkerJob("sweep", state).wait()
            assert not list(state.glob("**/.tmp-*"))
            if not no_image(state):
                shutil.rmtree(state)
    assert completed < 50
    pull(state, name)
    check_whole(state)
    assert {path.name: tree(path / "fs") for path in (state / "layers").iterdir() if path.name[0] != "."} == expected
    assert not list(state.glob("**/.partial-*"))
    with tempfile.TemporaryFile() as file:
        WorkerJob("verify", state, [file]).wait()
        file.seek(0)
        # The layout and its index are written by berthd, which has no part in this.
        assert [problem for problem in json.load(file)["Problems"] if problem["Object"] != "file"] == []


STALLING_REGISTRY = pathlib.Path(__file__).parent.parent / "lib/stalling_registry.py"


@pytest.mark.outside
@pytest.mark.seconds(200)
@pytest.mark.parametrize("how", ["reboot", "power_cycle"])
def test_goes_on_after_a_reboot(new_host, how):
    """What had come before the host went down is not fetched again."""
    host = new_host()
    log = pathlib.Path("/var/tmp/asked")

    def serve(stalls):
        host.run("systemd-run", "--quiet", "--unit=registry", "python3", STALLING_REGISTRY, "5999", str(stalls), log)
        script = f"until [ -e {log}.layer ]; do sleep 0.1; done; cat {log}.layer; rm {log}.layer"
        return host.run("bash", "-c", script, timeout=30).stdout.decode()

    layer = serve(1)
    partial = f"/var/lib/berth/blobs/sha256/.partial-{layer[7:]}"
    host.run("systemd-run", "--quiet", "berthctl", "pull", "-q", "127.0.0.1:5999/x")
    host.run("bash", "-c", f"until [ $(stat -c %s {partial} 2>/dev/null || echo 0) -gt 1200000 ]; do sleep 0.1; done; sync", timeout=60)
    getattr(host, how)()
    kept = int(host.run("stat", "-c", "%s", partial).stdout)
    assert serve(0) == layer
    host.run("berthctl", "pull", "-q", "127.0.0.1:5999/x", timeout=60)
    assert host.run("cat", log).stdout.decode().split() == ["-", f"bytes={kept}-"]
    assert kept > 1_200_000
