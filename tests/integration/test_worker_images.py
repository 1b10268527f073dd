"""Images in and out, as the worker does it: berth-worker by itself, on a store of the test's own, with archives that are
good and archives that are not."""

import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tarfile
import tempfile
import time
import zlib

import pytest

from conftest import poll, run
from hostiletar import TarMaker
from ociimage import OciImage, tar_of
from workerjob import WorkerError, WorkerJob


@pytest.fixture
def folder():
    """On a real file system: overlays and device nodes work in it."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="berth-images-", dir="/var/tmp"))
    yield path
    run("rm", "-rf", path)


@pytest.fixture
def state(folder):
    return folder / "state"


@pytest.fixture
def small_state(folder):
    """A store on a file system of 16 MB."""
    mounted = folder / "mounted"
    mounted.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=16m", "none", mounted)
    yield mounted / "state"
    run("umount", mounted)


def opened(data, folder):
    """DATA as a file to read from: bytes, or a path."""
    if isinstance(data, bytes):
        path = folder / f"input-{hashlib.sha256(data).hexdigest()[:12]}"
        path.write_bytes(data)
        data = path
    return open(data, "rb")


def job(verb, state, *files, **request):
    return WorkerJob(verb, state, files, **request)


def load(state, archive, folder, **request):
    with opened(archive, folder) as file:
        return job("load", state, file, **request).wait()["Images"]


def fails(kind, state, verb, data, folder, **request):
    """The message of a job that must fail, and must leave nothing behind."""
    before = contents(state)
    with opened(data, folder) as file, pytest.raises(WorkerError) as caught:
        job(verb, state, file, **request).wait()
    assert caught.value.kind == kind, caught.value
    assert contents(state) == before
    return caught.value.message


def contents(state):
    """All files of the store but the folders that are always there."""
    return {str(path.relative_to(state)) for top in ("blobs/sha256", "layers", "images") for path in (state / top).glob("*")} \
        if state.exists() else set()


def archive_of(folder):
    """A folder as a plain tar."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, arcname=path.relative_to(folder), recursive=False)
    return buffer.getvalue()


def image_of(folder, *layers, name="x:1", **options):
    image = OciImage(folder / f"oci-{len(list(folder.iterdir()))}")
    for layer in layers:
        image.add_layer(layer, **options)
    image.write(name)
    return image


def layer_path(state, image, number=-1):
    return state / "layers" / image["Record"]["Layers"][number]["DiffId"][7:] / "fs"


TEXT = b"some text\n" * 2000


# --- archives of every kind ---------------------------------------------------------------------------------

@pytest.mark.parametrize("kind, compression", [("docker-archive", "none"), ("docker-archive", "gzip"), ("oci-archive", "none"),
                                               ("oci-archive", "gzip"), ("oci-archive", "zstd")])
def test_archives_that_skopeo_makes(state, folder, kind, compression):
    image = image_of(folder, tar_of({"etc/motd": TEXT}), tar_of({"etc/more": b"2"}), compression=compression)
    archive = folder / "archive"
    run("skopeo", "--insecure-policy", "copy", "-q", f"oci:{image.folder}:x:1", f"{kind}:{archive}:name/x:1")
    (loaded,) = load(state, archive, folder)
    assert loaded["Names"] == ["docker.io/name/x:1"]
    assert [layer["DiffId"] for layer in loaded["Record"]["Layers"]] == image.diff_ids
    assert (layer_path(state, loaded, 0) / "etc/motd").read_bytes() == TEXT
    assert (layer_path(state, loaded, 1) / "etc/more").read_bytes() == b"2"
    if (kind, compression) in (("oci-archive", "gzip"), ("oci-archive", "zstd")):       # skopeo changed nothing, nor did we
        assert loaded["Record"]["Digest"] == json.loads((image.folder / "index.json").read_text())["manifests"][0]["digest"]
    (again,) = load(state, archive, folder)
    assert again["Record"]["Digest"] == loaded["Record"]["Digest"]


@pytest.mark.parametrize("packer", [["cat"], ["gzip", "-c"], ["zstd", "-qc"]], ids=["plain", "gzip", "zstd"])
def test_archive_through_a_pipe(state, folder, packer):
    archive = archive_of(image_of(folder, tar_of({"a": TEXT})).folder)
    with subprocess.Popen(packer, stdin=opened(archive, folder), stdout=subprocess.PIPE) as process:
        (loaded,) = job("load", state, process.stdout, Names=["docker.io/library/given:2"]).wait()["Images"]
    assert loaded["Names"] == ["docker.io/library/given:2"]
    assert (layer_path(state, loaded) / "a").read_bytes() == TEXT


def test_several_images_share_their_layers(state, folder):
    base, one, two = tar_of({"base": b"b"}), tar_of({"one": b"1"}), tar_of({"two": b"2"})
    images = [image_of(folder, base, one), image_of(folder, base, two)]
    archive = folder / "both"
    run("skopeo", "--insecure-policy", "copy", "-q", f"oci:{images[0].folder}:x:1", f"docker-archive:{archive}.1:a/x:1")
    run("skopeo", "--insecure-policy", "copy", "-q", f"oci:{images[1].folder}:x:1", f"docker-archive:{archive}.2:a/y:1")
    loaded = load(state, f"{archive}.1", folder) + load(state, f"{archive}.2", folder)
    with open(archive, "wb") as file:
        job("save", state, file, Records=[i["Record"]["Digest"][7:] for i in loaded], Names=[i["Names"][0] for i in loaded]).wait()
    second = folder / "second"
    again = load(second, archive, folder)
    assert [i["Record"]["Digest"] for i in again] == [i["Record"]["Digest"] for i in loaded]
    assert [i["Names"] for i in again] == [["docker.io/a/x:1"], ["docker.io/a/y:1"]]
    assert len(list((second / "layers").iterdir())) == 3
    assert contents(second) == contents(state)
    # Docker's archive had no manifests; now they come from elsewhere, and are pushed as they are.
    assert {**load(folder / "third", archive, folder)[0]["Record"], "MadeHere": True} == loaded[0]["Record"]


def test_saved_archives_suit_skopeo(state, folder):
    (loaded,) = load(state, archive_of(image_of(folder, tar_of({"a": TEXT})).folder), folder)
    saved = folder / "saved"
    with open(saved, "wb") as file:
        job("save", state, file, Records=[loaded["Record"]["Digest"][7:]], Names=["docker.io/library/x:1"]).wait()
    for source in (f"docker-archive:{saved}:x:1", f"oci-archive:{saved}:1"):
        inspected = json.loads(run("skopeo", "inspect", "--raw", source).stdout)
        assert len(inspected["layers"]) == 1
    run("skopeo", "--insecure-policy", "copy", "-q", f"oci-archive:{saved}:1", f"oci:{folder}/copy:1")
    assert (folder / "copy/blobs/sha256" / loaded["Record"]["Digest"][7:]).exists()


def test_import_with_changes(state, folder):
    changes = ["ENV A=b PATH=/x:$PATH", 'CMD ["sh"]', "EXPOSE 80", "LABEL k=v", "USER 1:2", "VOLUME /v", "WORKDIR /w",
               "STOPSIGNAL SIGINT", "HEALTHCHECK NONE", "ONBUILD RUN x"]
    for number, packed in enumerate((tar_of({"a": b"1"}), gzip.compress(tar_of({"a": b"2"})))):
        with opened(packed, folder) as file:
            (image,) = job("import", state, file, Changes=changes, Comment="c", Names=["docker.io/library/i:1"]).wait()["Images"]
        config = image["Record"]["Config"]
        assert config["Command"] == ["sh"] and config["Environment"] == ["A=b", "PATH=/x:"]
        assert (config["User"], config["WorkingDirectory"], config["StopSignal"]) == ("1:2", "/w", "SIGINT")
        assert config["ExposedPorts"] == ["80/tcp"] and config["Volumes"] == ["/v"] and config["Labels"] == {"k": "v"}
        assert (layer_path(state, image) / "a").read_bytes() == str(number + 1).encode()
        if number:
            assert (state / "blobs/sha256" / hashlib.sha256(packed).hexdigest()).read_bytes() == packed
    assert "RUN" in fails("InvalidArgument", state, "import", tar_of({"b": b""}), folder, Changes=["RUN x"])


def test_attestations_are_passed_over(state, folder):
    image = image_of(folder, tar_of({"a": b"1"}))
    index = json.loads((image.folder / "index.json").read_text())
    real = index["manifests"][0]
    note = image.add_blob(b'{"schemaVersion":2,"x":1}', real["mediaType"])
    inner = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
             "manifests": [{**note, "platform": {"os": "unknown", "architecture": "unknown"},
                            "annotations": {"vnd.docker.reference.type": "attestation-manifest"}},
                           {**real, "platform": {"os": "linux", "architecture": "amd64"}},
                           {**note, "platform": {"os": "linux", "architecture": "s390x"}}]}
    described = image.add_blob(json.dumps(inner).encode(), inner["mediaType"])
    described["annotations"] = {"org.opencontainers.image.ref.name": "docker.io/a/b:c"}
    (image.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
    (loaded,) = load(state, archive_of(image.folder), folder, Platform="linux/amd64")
    assert loaded["Record"]["Digest"] == real["digest"] and loaded["Names"] == ["docker.io/a/b:c"]
    assert "s390x" in fails("NoSuchImage", folder / "other", "load", archive_of(image.folder), folder, Platform="linux/riscv64")


# --- what a layer may hold ------------------------------------------------------------------------------------

def test_everything_a_layer_may_hold(state, folder):
    sparse = folder / "sparse"
    with open(sparse, "wb") as file:
        file.truncate(1 << 30)
        file.seek(1 << 29)
        file.write(b"middle")
    run("tar", "-C", folder, "--sparse", "--format=pax", "-cf", folder / "sparse.tar", "sparse")
    capability = "\x01\x00\x00\x02\x00\x04\x00\x00" + "\x00" * 12
    tar = (TarMaker()
           .folder("d", mode=0o1777, uid=7, gid=8)
           .file("d/setuid", b"x", mode=0o6755, uid=1000, gid=1001)
           .hard("d/hard", "d/setuid").link("abs", "/etc/passwd").link("dangling", "no/where")
           .device("null", 1, 3, mode=0o666).device("disk", 8, 0, tarfile.BLKTYPE, mode=0o660).fifo("fifo")
           .file("caps", b"x", xattrs={"user.note": "hello", "security.capability": capability, "trusted.overlay.opaque": "y",
                                       "user.overlay.opaque": "y", "security.selinux": "no"})
           .file("n" * 255, b"long").file("/".join(["sub" * 20] * 30) + "/leaf", b"far")
           .file("gr\u00fc\u00df dich", b"utf-8").file("nobody", b"", uid=4294967294, gid=4294967294)
           .bytes())
    (loaded,) = load(state, archive_of(image_of(folder, tar, (folder / "sparse.tar").read_bytes()).folder), folder)
    root = layer_path(state, loaded, 0)
    info = (root / "d/setuid").stat()
    assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, info.st_nlink) == (0o6755, 1000, 1001, 2)
    assert (root / "d/hard").stat().st_ino == info.st_ino and info.st_mtime == 1_600_000_000
    info = (root / "d").stat()
    assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid, info.st_mtime) == (0o1777, 7, 8, 1_600_000_000)
    assert os.readlink(root / "abs") == "/etc/passwd" and os.readlink(root / "dangling") == "no/where"
    assert (root / "null").stat().st_rdev == os.makedev(1, 3) and stat.S_ISCHR((root / "null").stat().st_mode)
    assert stat.S_ISBLK((root / "disk").stat().st_mode) and stat.S_ISFIFO((root / "fifo").stat().st_mode)
    assert sorted(os.listxattr(root / "caps")) == ["security.capability", "user.note"]
    assert os.getxattr(root / "caps", "security.capability") == capability.encode("latin-1")
    assert (root / ("n" * 255)).read_bytes() == b"long" and (root / "/".join(["sub" * 20] * 30) / "leaf").read_bytes() == b"far"
    assert (root / "gr\u00fc\u00df dich").read_bytes() == b"utf-8"
    info = (layer_path(state, loaded, 1) / "sparse").stat()
    assert info.st_size == 1 << 30 and info.st_blocks < 200


def test_names_that_are_no_utf8(state, folder):
    tar = TarMaker(tarfile.GNU_FORMAT).file(b"caf\xe9".decode("utf-8", "surrogateescape"), b"1").bytes()
    (loaded,) = load(state, archive_of(image_of(folder, tar).folder), folder)
    assert os.listdir(os.fsencode(layer_path(state, loaded))) == [b"caf\xe9"]


def test_a_folder_of_100000_entries(state, folder):
    tar = TarMaker(tarfile.USTAR_FORMAT).folder("d")
    for number in range(100_000):
        tar.file(f"d/{number:06}")
    started = time.monotonic()
    (loaded,) = load(state, archive_of(image_of(folder, tar.bytes()).folder), folder)
    assert len(os.listdir(layer_path(state, loaded) / "d")) == 100_000
    assert time.monotonic() - started < 60


# --- what must not be believed ----------------------------------------------------------------------------------

HOSTILE = {
    "parent": (lambda t: t.file("../../escaped", b"x"), "Corrupt"),
    "parent in the middle": (lambda t: t.file("a/../../escaped", b"x"), "Corrupt"),
    "absolute parent": (lambda t: t.file("/../escaped", b"x"), "Corrupt"),
    "hard link out": (lambda t: t.hard("mine", "../../../../etc/passwd"), "Corrupt"),
    "hard link to nothing": (lambda t: t.hard("mine", "missing"), "Corrupt"),
    "file below a file": (lambda t: t.file("a", b"x").file("a/b", b"y"), "Corrupt"),
    "link loop": (lambda t: t.link("a", "b").link("b", "a").file("a/x", b"y"), "Corrupt"),
    "10000 components": (lambda t: t.folder("d/" * 10_000), "LimitExceeded"),
    "whiteout of nothing": (lambda t: t.file(".wh.", b""), "Corrupt"),
    "whiteout of the parent": (lambda t: t.file("d/.wh...", b""), "Corrupt"),
    "owner too large": (lambda t: t.file("a", b"", uid=1 << 33), "Corrupt"),
    "many attributes": (lambda t: t.file("a", b"", xattrs={f"user.{i}": "x" * 60_000 for i in range(10)}), "LimitExceeded"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_layers_are_refused(state, folder, case):
    make, kind = HOSTILE[case]
    tar = make(TarMaker()).bytes()
    fails(kind, state, "load", archive_of(image_of(folder, tar).folder), folder)
    fails(kind, state, "import", tar, folder)
    assert not list(folder.rglob("*escaped*"))


def test_links_are_followed_only_inside(state, folder):
    tar = (TarMaker().link("out", "/").file("out/a", b"1").link("up", "../../../../../..").file("up/b", b"2")
           .link("passwd", "/etc/passwd").file("passwd", b"3").folder("sub").link("sub/rel", "..").file("sub/rel/c", b"4").bytes())
    (loaded,) = load(state, archive_of(image_of(folder, tar).folder), folder)
    root = layer_path(state, loaded)
    assert [(root / name).read_bytes() for name in ("a", "b", "passwd", "c")] == [b"1", b"2", b"3", b"4"]
    assert not os.path.islink(root / "passwd") and pathlib.Path("/etc/passwd").read_bytes() != b"3"


def damaged(image, change):
    """The archive with its first layer's blob changed, under the name that it had."""
    path = image.blobs / image.layers[0]["digest"][7:]
    path.write_bytes(change(path.read_bytes()))
    return archive_of(image.folder)


DAMAGE = {
    "cut": lambda data: data[:-20],
    "one bit": lambda data: data[:100] + bytes([data[100] ^ 1]) + data[101:],
    "more": lambda data: data + b"x",
    "empty": lambda data: b"",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_wrong_blobs_are_refused(state, folder, damage):
    image = image_of(folder, tar_of({"a": TEXT}))
    fails("Corrupt", state, "load", damaged(image, DAMAGE[damage]), folder)


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_layers_that_do_not_unpack_to_their_diff_id(state, folder, compression):
    image = OciImage(folder / "oci")
    image.add_layer(tar_of({"a": TEXT}), compression=compression)
    image.diff_ids[0] = "sha256:" + "0" * 64
    image.write("x:1")
    assert "wrong" in fails("Corrupt", state, "load", archive_of(image.folder), folder)


def test_truncated_gzip_with_a_right_digest(state, folder):
    """The blob is what the manifest says, but no whole gzip stream."""
    tar = tar_of({"a": os.urandom(100_000)})
    image = OciImage(folder / "oci")
    image.add_layer(tar)
    cut = (image.blobs / image.layers[0]["digest"][7:]).read_bytes()[:-4000]
    image.layers[0] = image.add_blob(cut, image.layers[0]["mediaType"])
    image.write("x:1")
    fails("Corrupt", state, "load", archive_of(image.folder), folder)
    fails("Corrupt", state, "import", cut, folder)


def test_a_gzip_bomb(state, folder):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = tarfile.TarInfo("zeros")
    head.size = 2 << 30
    packed = packer.compress(head.tobuf())
    zeros = bytes(1 << 24)
    for _ in range((2 << 30) >> 24):
        packed += packer.compress(zeros)
    packed += packer.compress(bytes(1024)) + packer.flush()
    assert len(packed) < 3_000_000
    assert "bomb" in fails("LimitExceeded", state, "import", packed, folder)


@pytest.mark.parametrize("archive, kind", [
    (b"", "InvalidArgument"), (b"no tar at all" * 100, "Corrupt"), (tar_of({"a": b"b"}), "InvalidArgument"),
    (tar_of({"manifest.json": b"{"}), "Corrupt"), (tar_of({"manifest.json": b"[{}]"}), "Corrupt"),
    (tar_of({"manifest.json": b'[{"Config":"../../etc/passwd","Layers":[]}]'}), "Corrupt"),
    (tar_of({"oci-layout": b"{}" + b" " * 600, "index.json": b'{"schemaVersion":2,"manifests":[]}'}), "InvalidArgument"),
    (b"BZh91AY&SY" + b"x" * 100, "Unsupported"),
], ids=["empty", "text", "no image", "half JSON", "no config", "path out", "no manifest", "bzip2"])
def test_archives_that_are_none(state, folder, archive, kind):
    fails(kind, state, "load", archive, folder)


# --- when things go wrong ------------------------------------------------------------------------------------------

def big_archive(folder, size=40_000_000):
    return archive_of(image_of(folder, tar_of({"noise": os.urandom(size)}), tar_of({"small": b"1"}), compression="none").folder)


def test_disk_full_leaves_nothing(small_state, folder):
    small_state.mkdir()
    message = fails("NoSpace", small_state, "load", big_archive(folder), folder)
    assert "No space left" in message
    fails("NoSpace", small_state, "import", tar_of({"noise": os.urandom(40_000_000)}), folder)
    (loaded,) = load(small_state, archive_of(image_of(folder, tar_of({"a": b"fits"})).folder), folder)
    assert (layer_path(small_state, loaded) / "a").read_bytes() == b"fits"


def slow_load(state, folder):
    """A load whose archive stops in the middle: the worker has begun, and waits."""
    archive = big_archive(folder)
    reading, writing = os.pipe()
    source = os.fdopen(reading, "rb")
    work = job("load", state, source)
    source.close()
    os.set_blocking(writing, False)
    sent = 0
    while sent < len(archive) // 2:
        try:
            sent += os.write(writing, archive[sent:sent + 65536])
        except BlockingIOError:
            time.sleep(0.001)
    return work, writing, archive


def test_cancel_leaves_nothing(state, folder):
    work, writing, archive = slow_load(state, folder)
    work.process.terminate()
    with pytest.raises(WorkerError) as caught:
        work.wait()
    os.close(writing)
    assert caught.value.kind == "Cancelled"
    assert contents(state) == set()
    assert len(load(state, archive, folder)) == 1


def test_killed_in_the_middle(state, folder):
    work, writing, archive = slow_load(state, folder)
    assert any(".tmp-" in name for name in contents(state))
    work.kill()
    os.close(writing)
    assert len(load(state, archive, folder)) == 1
    time.sleep(1.1)         # what is younger than a second may still be somebody's
    job("sweep", state).wait()
    assert not any(".tmp-" in name for name in contents(state))


def test_the_sweep_leaves_running_jobs_alone(state, folder):
    work, writing, archive = slow_load(state, folder)
    time.sleep(1.1)
    job("sweep", state).wait()
    os.set_blocking(writing, True)
    os.write(writing, b"")
    os.close(writing)       # the archive ends too early
    with pytest.raises(WorkerError) as caught:
        work.wait()
    assert caught.value.kind == "Corrupt"
    assert contents(state) == set()


def test_prune_keeps_what_a_record_needs(state, folder):
    shared = tar_of({"shared": b"1"})
    (one,) = load(state, archive_of(image_of(folder, shared, tar_of({"one": b"1"})).folder), folder)
    before = contents(state)
    (two,) = load(state, archive_of(image_of(folder, shared, tar_of({"two": b"2"})).folder), folder)
    everything = {"Blobs": os.listdir(state / "blobs/sha256"), "Layers": os.listdir(state / "layers")}
    result = job("prune", state, Records=[two["Record"]["Digest"][7:]], **everything).wait()
    assert contents(state) == before and result["Size"] > 0
    job("prune", state, Records=["../../etc/passwd", one["Record"]["Digest"][7:]], **everything).wait()
    assert contents(state) == set()


def test_remove_only_inside_the_store(state, folder):
    tree = state / "containers/c1/upper"
    deep = tree
    deep.mkdir(parents=True)
    for _ in range(300):
        deep = deep / ("d" * 100)
        os.makedirs(deep) if len(str(deep)) < 3900 else None
    victim = folder / "victim"
    victim.mkdir()
    os.symlink(victim, tree / "link")
    for bad in (str(victim), f"{state}/../victim", f"{state}/containers", str(state), f"{state}/x/../containers/c1"):
        with pytest.raises(WorkerError) as caught:
            job("remove", state, Paths=[bad]).wait()
        assert caught.value.kind == "InvalidArgument", bad
    job("remove", state, Paths=[f"{state}/containers/c1", f"{state}/containers/none"]).wait()
    assert not (state / "containers/c1").exists() and victim.exists()


def test_progress_is_not_a_flood(state, folder):
    work_archive = big_archive(folder)
    with opened(work_archive, folder) as file:
        work = job("load", state, file)
        work.wait()
    words = {}
    for name, status, _current, _total in work.progress:
        words.setdefault(name, []).append(status)
    assert all(seen[-1] == "done" for seen in words.values()) and len(words) == 2
    assert len(work.progress) < 200
