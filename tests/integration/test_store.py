"""Order in the store: prune, the policy, df, verify and its repairs, and that it is what other tools expect.

Damage is done to the store of the host that the tests share; each test leaves it whole, which
`berthctl verify` says at the end of each."""

import json
import os
import pathlib
import random
import re
import signal
import subprocess
import time

import pytest
from conftest import poll, run, run_berthctl
from ociimage import OciImage, tar_of

STORE = pathlib.Path("/var/lib/berth")
BLOBS, LAYERS, RECORDS = STORE / "blobs/sha256", STORE / "layers", STORE / "images"
DAY = 86400


def report(*options):
    result = run_berthctl("verify", "--json=short", *options, check=False)
    assert result.returncode in (0, 1), result.stderr
    found = json.loads(result.stdout)
    assert (result.returncode == 0) == all(p["Repaired"] for p in found["Problems"])
    return found


def problems(*options):
    return [(p["Kind"], p["Object"], p["Name"].removeprefix("sha256:")) for p in report(*options)["Problems"]]


def inspect(name):
    return json.loads(run_berthctl("image", "inspect", name).stdout)[0]


def restart(*commands):
    """berthd with a fresh look at what lies on the disk."""
    run("systemctl", "stop", "berthd")
    for command in commands:
        command()
    run("systemctl", "reset-failed", "berthd")
    run("systemctl", "start", "berthd")


@pytest.fixture
def clean_store():
    """No image but those of the test; all is well before and after."""
    run_berthctl("prune", "--all", "--force")
    run_berthctl("verify", "--repair", check=False)
    assert report()["Problems"] == []
    yield
    run_berthctl("prune", "--all", "--force")
    left = report()["Problems"]
    assert left == [], left
    assert list(BLOBS.glob("[0-9a-f]*")) == [] and list(RECORDS.glob("[0-9a-f]*")) == []


@pytest.fixture
def pulled(registry, tmp_path, clean_store, name):
    """An image of two layers that a registry has: its name, and what its record says."""
    source = OciImage(tmp_path / "image")
    source.add_layer(tar_of({"etc": None, "etc/motd": b"hello " * 3000, "etc/other": os.urandom(100)}))
    source.add_layer(tar_of({"etc/.wh.other": b"", "srv": None, "srv/data": os.urandom(200000)}), "zstd")
    source.write("v1", config={"Cmd": ["cat", "/etc/motd"]})
    reference = registry.push(f"oci:{source.folder}:v1", f"{name}:latest")
    run_berthctl("pull", "--insecure", reference)
    return reference, inspect(reference)


@pytest.fixture
def insecure(registry):
    """verify pulls by itself: registries.conf says that this one has no TLS."""
    folder = pathlib.Path("/etc/berth/registries.conf.d")
    folder.mkdir(parents=True, exist_ok=True)
    drop_in = folder / "50-test-store.conf"
    drop_in.write_text(f"[Registry {registry.address}]\nInsecure=yes\n")
    yield
    drop_in.unlink()


def hex_of(layer, key):
    return layer[key].split(":")[1]


# --- prune -----------------------------------------------------------------------------------------------

def import_image(tar, reference, *options):
    return run_berthctl("import", *options, tar, reference).stdout.decode().strip()


def test_prune_takes_only_what_has_no_name(busybox_tar, clean_store):
    old = import_image(busybox_tar, "keep:1", "-c", "LABEL n=1")
    new = import_image(busybox_tar, "keep:1", "-c", "LABEL n=2")
    said = run_berthctl("image", "prune", "--force").stdout.decode()
    assert f"Deleted {old}" in said and new not in said and "Total reclaimed space" in said
    assert inspect("keep:1")["Digest"] == new
    assert not (RECORDS / f"{old[7:]}.json").exists() and (RECORDS / f"{new[7:]}.json").exists()


def test_prune_all_spares_what_containers_have(busybox_tar, clean_store, name):
    used = import_image(busybox_tar, "used:1", "-c", "LABEL n=1", "-c", "CMD true")
    unused = import_image(busybox_tar, "unused:1", "-c", "LABEL n=2")
    run_berthctl("create", "--name", name, "used:1")
    said = run_berthctl("image", "prune", "--all", "--force").stdout.decode()
    assert f"Deleted {unused}" in said and "Untagged unused:1" in said and used not in said
    assert run_berthctl("images", "-q").stdout.split() == [inspect("used:1")["Id"][7:19].encode()]
    run_berthctl("rm", name)


def test_prune_filters(busybox_tar, clean_store):
    web = import_image(busybox_tar, "web:1", "-c", "LABEL tier=web")
    db = import_image(busybox_tar, "db:1", "-c", "LABEL tier=db")

    def would(*filters):
        words = [word for f in filters for word in ("--filter", f)]
        said = run_berthctl("image", "prune", "--all", "--dry-run", *words).stdout.decode()
        return {d for d in (web, db) if d in said}
    assert would() == {web, db}
    assert would("label=tier") == {web, db}
    assert would("label=tier=web") == {web}
    assert would("label!=tier=web") == {db}
    assert would("label!=tier") == set()
    assert would("until=24h") == set()
    assert would("until=0s") == {web, db}
    failed = run_berthctl("image", "prune", "--filter", "colour=red", check=False)
    assert failed.returncode == 1 and b"colour=red" in failed.stderr
    assert len(run_berthctl("images", "-q").stdout.split()) == 2


def test_prune_asks(busybox_tar, clean_store):
    import_image(busybox_tar, "asked:1")
    refused = run_berthctl("image", "prune", "--all", check=False)
    assert refused.returncode == 1 and b"--force" in refused.stderr
    # A terminal of its own: script(1) makes one.
    no = run("script", "-qec", "berthctl image prune --all", "/dev/null", input=b"n\n", check=False)
    assert b"[y/N]" in no.stdout and no.returncode != 0
    assert run_berthctl("images", "-q").stdout
    yes = run("script", "-qec", "berthctl image prune --all", "/dev/null", input=b"y\n")
    assert b"Deleted sha256:" in yes.stdout
    assert not run_berthctl("images", "-q").stdout


def test_prune_containers(busybox_image, berthctl, name):
    running, stopped, other = f"{name}-r", f"{name}-s", f"{name}-o"
    berthctl("run", "-d", "--name", running, busybox_image, "sleep", "60")
    berthctl("run", "--name", stopped, "--label", "job=1", busybox_image, "dd", "if=/dev/zero", "of=/x", "bs=1M", "count=5")
    berthctl("create", "--name", other, busybox_image, "true")
    said = berthctl("container", "prune", "--force", "--filter", "label=job").stdout.decode()
    assert f"Removed {stopped}" in said and other not in said and running not in said
    assert 5.0 <= float(re.search(r"space: ([\d.]+) MiB", said)[1]) < 5.2
    said = berthctl("container", "prune", "--dry-run").stdout.decode()
    assert other in said and running not in said
    berthctl("container", "prune", "--force")
    assert berthctl("ps", "-aq").stdout.decode().split() == [running]
    berthctl("rm", "--force", running)


def test_system_prune_takes_images_of_the_containers_that_go(busybox_tar, clean_store, name):
    import_image(busybox_tar, "both:1", "-c", "CMD true")
    run_berthctl("create", "--name", name, "both:1")
    said = run_berthctl("system", "prune", "--all", "--force").stdout.decode()
    assert f"Removed {name}" in said and "Untagged both:1" in said


def test_prune_needs_the_right(busybox_image, as_user):
    for words in (["image", "prune", "--force"], ["container", "prune", "--force"], ["verify"], ["df"]):
        refused = as_user("berthctl", *words, check=False)
        assert refused.returncode == 1, words
        assert b"not authorized" in refused.stderr, refused.stderr


def test_prune_waits_for_jobs_that_add(registry, tmp_path, clean_store, name):
    """Half-pulled layers look like those that nobody needs."""
    source = OciImage(tmp_path / "image")
    for _ in range(4):
        source.add_layer(tar_of({"data": os.urandom(8_000_000)}))
    source.write("v1")
    reference = registry.push(f"oci:{source.folder}:v1", f"{name}:latest")
    pull = subprocess.Popen(["berthctl", "pull", "-q", "--insecure", reference], stdout=subprocess.PIPE)
    for _ in range(20):
        run_berthctl("image", "prune", "--force")
        if pull.poll() is not None:
            break
    assert pull.wait(60) == 0
    assert report()["Problems"] == []
    assert len(inspect(reference)["Layers"]) == 4


def test_images_come_while_a_large_one_is_deleted(busybox_tar, tmp_path, clean_store, name):
    """What has lost its name is in nobody's way, however long the deleting takes."""
    files = 40_000
    (tmp_path / "many.tar").write_bytes(tar_of({f"d/{i}": b"" for i in range(files)}))
    import_image(tmp_path / "many.tar", f"{name}:many")
    run_berthctl("rmi", f"{name}:many")
    deadline = time.monotonic() + 20
    while not any(len(os.listdir(folder)) < files for folder in LAYERS.glob(".tmp-*/fs/d")):
        assert time.monotonic() < deadline, "the deleting was not seen"
    deleter = int(run("pgrep", "-x", "berth-worker").stdout)
    os.kill(deleter, signal.SIGSTOP)
    try:
        import_image(busybox_tar, f"{name}:small")
        assert list(LAYERS.glob(".tmp-*/fs/d"))
    finally:
        os.kill(deleter, signal.SIGCONT)


def test_an_index_keeps_its_images(busybox_tar, clean_store, name):
    for architecture in ("amd64", "arm64"):
        import_image(busybox_tar, f"{architecture}:1", "--platform", f"linux/{architecture}", "-c", "CMD true")
    index = run_berthctl("manifest", "create", "multi:1", "amd64:1", "arm64:1").stdout.decode().strip()
    run_berthctl("rmi", "--force", "amd64:1", "arm64:1")
    run_berthctl("image", "prune", "--force")
    assert len(run_berthctl("images", "-q").stdout.split()) == 3 and report()["Problems"] == []
    (RECORDS / f"{index[7:]}.json").unlink()
    assert problems("--repair") == [("missing", "image", index[7:])] and report()["Problems"] == []
    restart()
    assert inspect("multi:1")["Digest"] == index
    run_berthctl("create", "--name", name, "multi:1")
    run_berthctl("image", "prune", "--all", "--force")      # one of its images is in use
    assert names() == ["multi:1"] and len(run_berthctl("images", "-q").stdout.split()) == 3
    run_berthctl("rm", name)
    run_berthctl("image", "prune", "--all", "--force")
    assert not run_berthctl("images", "-q").stdout


def test_an_artifact_is_kept_and_pruned(registry, tmp_path, clean_store, name, insecure):
    source = OciImage(tmp_path / "artifact")
    layer = source.add_blob(b"a chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
    config = source.add_blob(b"{}", "application/vnd.cncf.helm.config.v1+json")
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": [layer]}
    described = source.add_blob(json.dumps(manifest).encode(), manifest["mediaType"])
    described["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
    (source.folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (source.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
    reference = registry.push(f"oci:{source.folder}:v1", f"{name}:latest")
    run_berthctl("pull", "-q", reference)
    run_berthctl("image", "prune", "--force")
    assert report()["Problems"] == []
    flip(BLOBS / layer["digest"][7:], 3)
    assert ("damaged", "blob", layer["digest"][7:]) in problems("--repair")
    assert (BLOBS / layer["digest"][7:]).read_bytes() == b"a chart"
    (RECORDS / f"{described['digest'][7:]}.json").unlink()
    assert problems("--repair") == [("missing", "image", described["digest"][7:])]
    assert report()["Problems"] == []


def test_a_pull_waits_for_a_repair(registry, tmp_path, clean_store, name):
    tar = tmp_path / "big.tar"
    tar.write_bytes(tar_of({"data": os.urandom(60_000_000)}))
    import_image(tar, "big:1")
    source = OciImage(tmp_path / "image")
    source.add_layer(tar_of({"data": os.urandom(1000)}))
    source.write("v1")
    reference = registry.push(f"oci:{source.folder}:v1", f"{name}:latest")
    repair = subprocess.Popen(["berthctl", "verify", "--repair"], stdout=subprocess.PIPE)
    run_berthctl("pull", "-q", "--insecure", reference)
    assert b"all is well" in repair.communicate(timeout=60)[0]
    assert report()["Problems"] == []


# --- the policy --------------------------------------------------------------------------------------------

@pytest.fixture
def berthd_conf():
    """berthd_conf("KeepAge=1d") puts it into [Images], and berthd reads it again."""
    path = pathlib.Path("/etc/berth/berthd.conf")
    path.parent.mkdir(exist_ok=True)
    before = path.read_text() if path.exists() else None

    def write(*lines):
        path.write_text("[Images]\n" + "".join(f"{line}\n" for line in lines))
        run("systemctl", "reload", "berthd")
    yield write
    if before is None:
        path.unlink(missing_ok=True)
    else:
        path.write_text(before)
    run("systemctl", "reload", "berthd")


def used_before(digest, days):
    then = time.time() - days * DAY
    os.utime(RECORDS / f"{digest[7:]}.json", (then, then))


def names():
    listed = json.loads(run_berthctl("images", "--json=short").stdout)
    return sorted(n.split("/")[-1] for image in listed for n in image.get("Names", []))


def test_policy_by_age(busybox_tar, clean_store, berthd_conf, name):
    for number, days in ((1, 100), (2, 80), (3, 1), (4, 100)):
        used_before(import_image(busybox_tar, f"aged:{number}", "-c", f"LABEL n={number}", "-c", "CMD true"), days)
    run_berthctl("create", "--name", name, "aged:4")        # which is a use, too
    run_berthctl("image", "prune", "--policy", "--force")   # no policy yet
    assert names() == ["aged:1", "aged:2", "aged:3", "aged:4"]
    berthd_conf("KeepAge=90d")
    run("systemctl", "start", "berth-prune.service")
    assert names() == ["aged:2", "aged:3", "aged:4"]
    berthd_conf("KeepAge=2d")
    said = run_berthctl("image", "prune", "--policy", "--dry-run").stdout.decode()
    assert "aged:2" in said and "aged:3" not in said
    used_before(inspect("aged:4")["Digest"], 100)
    run_berthctl("image", "prune", "--policy", "--force")
    assert names() == ["aged:3", "aged:4"]                  # one is young, the other has a container
    run_berthctl("rm", name)


def test_policy_by_size(tmp_path, clean_store, berthd_conf):
    for number in (1, 2, 3):
        tar = tmp_path / f"{number}.tar"
        tar.write_bytes(tar_of({"data": os.urandom(3_000_000)}))
        used_before(import_image(tar, f"big:{number}"), 10 - number)
    berthd_conf("KeepSize=14M")         # each takes 6 MB: the tar, and what was in it
    run_berthctl("image", "prune", "--policy", "--force")
    assert names() == ["big:2", "big:3"]
    berthd_conf("KeepSize=0")
    run_berthctl("image", "prune", "--policy", "--force")
    assert names() == []


@pytest.fixture
def small_disk(clean_store):
    """The state directory on a file system of 64 MB."""
    def mount():
        run("mount", "-t", "tmpfs", "-o", "size=64M,mode=0700", "tmpfs", STORE)

    def umount():
        run("umount", STORE)
    restart(mount)
    yield
    restart(umount)


def test_policy_by_watermarks(small_disk, tmp_path, berthd_conf):
    for number in range(6):             # of 4 + 4 MB each
        tar = tmp_path / f"{number}.tar"
        tar.write_bytes(tar_of({"data": os.urandom(4_000_000)}))
        used_before(import_image(tar, f"mark:{number}"), 10 - number)
    berthd_conf("HighWatermark=90", "LowWatermark=40")
    run_berthctl("image", "prune", "--policy", "--force")
    assert len(names()) == 6            # 48 of 67 MB: not above the high one
    berthd_conf("HighWatermark=60", "LowWatermark=40")
    run_berthctl("image", "prune", "--policy", "--force")
    assert names() == ["mark:3", "mark:4", "mark:5"]
    berthd_conf("HighWatermark=20", "LowWatermark=60")      # contradicts itself: no policy
    run_berthctl("image", "prune", "--policy", "--force")
    assert len(names()) == 3


def test_verify_on_a_full_disk(small_disk, tmp_path):
    """A copy does not fit: nothing is known of the layer, and nothing is left of the copy."""
    tar = tmp_path / "big.tar"
    tar.write_bytes(tar_of({"data": os.urandom(25_000_000)}))
    import_image(tar, "full:1")
    found = report()["Problems"]
    assert [(p["Kind"], p["Object"]) for p in found] == [("unchecked", "layer")] and "space" in found[0]["Detail"]
    assert not list(LAYERS.glob(".tmp-*"))
    run_berthctl("image", "prune", "--all", "--force")


def test_a_pull_and_a_container_are_uses(pulled, name):
    reference, image = pulled
    record = RECORDS / f"{hex_of(image, 'Digest')}.json"
    used_before(image["Digest"], 50)
    run_berthctl("pull", "-q", "--insecure", reference)
    assert time.time() - record.stat().st_mtime < 60
    used_before(image["Digest"], 50)
    run_berthctl("create", "--name", name, reference)
    assert time.time() - record.stat().st_mtime < 60
    run_berthctl("rm", name)


def test_the_timer_is_shipped():
    shown = run("systemctl", "show", "berth-prune.timer", "-p", "LoadState,UnitFileState").stdout.decode()
    assert "LoadState=loaded" in shown
    run("systemd-analyze", "verify", "--man=no", "/usr/lib/systemd/system/berth-prune.timer", "/usr/lib/systemd/system/berth-prune.service")


def test_reload_with_a_broken_file(berthd_conf, berthctl):
    berthd_conf("KeepAge=soon")
    assert berthctl("info").returncode == 0
    said = run("journalctl", "-u", "berthd", "-n", "20", "--no-pager").stdout.decode()
    assert "berthd.conf:2" in said and "KeepAge" in said
    assert run("systemctl", "is-active", "berthd").stdout.strip() == b"active"


# --- df ------------------------------------------------------------------------------------------------------

def test_df(busybox_tar, clean_store, name):
    import_image(busybox_tar, "df:1", "-c", "LABEL n=1")
    import_image(busybox_tar, "df:2", "-c", "LABEL n=2")
    run_berthctl("run", "--name", name, "df:1", "dd", "if=/dev/zero", "of=/x", "bs=1M", "count=2")
    rows = {row["Type"]: row for row in json.loads(run_berthctl("df", "--json").stdout)}
    assert set(rows) == {"Images", "Containers", "Local Volumes", "Build Cache"}
    assert (rows["Images"]["Total"], rows["Images"]["Active"]) == (2, 1)
    assert (rows["Containers"]["Total"], rows["Containers"]["Active"]) == (1, 0)
    assert 2 << 20 <= rows["Containers"]["Size"] < (2 << 20) + 50_000
    assert rows["Containers"]["Reclaimable"] == rows["Containers"]["Size"]
    everything = json.loads(run_berthctl("df", "-v", "--json").stdout)
    one, two = everything["Images"]
    assert one["SharedSize"] == two["SharedSize"] > 1_000_000 > one["UniqueSize"] > 0
    assert one["Size"] == one["SharedSize"] + one["UniqueSize"]
    assert rows["Images"]["Size"] == one["SharedSize"] + one["UniqueSize"] + two["UniqueSize"]
    said = run_berthctl("system", "df").stdout.decode().splitlines()
    assert said[0].split() == ["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]
    assert run_berthctl("df", "--format", "{{.Type}}").stdout.decode().splitlines()[0] == "Images"
    assert name in run_berthctl("df", "-v").stdout.decode()
    run_berthctl("rm", name)


# --- verify ---------------------------------------------------------------------------------------------------

def test_all_is_well(pulled):
    said = run_berthctl("verify").stdout.decode()
    assert re.fullmatch(r"1 image, 4 blobs, 2 layers, [\d.]+ KiB: all is well\.\n", said), said


def flip(path, offset=50):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))


def keep_times(path, change):
    before = path.lstat()
    change()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("which", ["manifest", "config", "layer"])
def test_a_flipped_bit_of_a_blob(pulled, insecure, which):
    reference, image = pulled
    damaged = {"manifest": image["Digest"], "config": image["Id"], "layer": image["Layers"][0]["Digest"]}[which][7:]
    flip(BLOBS / damaged)
    assert ("damaged", "blob", damaged) in problems()
    said = run_berthctl("verify", "--repair").stdout.decode()
    assert damaged in said and "all repaired" in said
    assert report()["Problems"] == []
    assert inspect(reference)["Names"] == image["Names"]
    assert not (BLOBS / f"{damaged}.corrupt").exists()


def test_a_blob_is_missing(pulled, insecure):
    reference, image = pulled
    blob = hex_of(image["Layers"][1], "Digest")
    (BLOBS / blob).unlink()
    assert problems() == [("missing", "blob", blob)]
    assert problems("--repair") == [("missing", "blob", blob)]
    assert report()["Problems"] == []


def test_a_blob_that_is_no_file(pulled, insecure):
    blob = hex_of(pulled[1]["Layers"][0], "Digest")
    (BLOBS / blob).unlink()
    (BLOBS / blob).symlink_to("/etc/shadow")
    assert ("damaged", "blob", blob) in problems()
    report("--repair")
    assert report()["Problems"] == [] and (BLOBS / blob).is_file() and not (BLOBS / blob).is_symlink()


def test_what_cannot_be_had_again_is_said_and_kept(busybox_tar, clean_store, name):
    digest = import_image(busybox_tar, "127.0.0.1:1/gone:1", "-c", "CMD true")
    blob = hex_of(inspect(digest)["Layers"][0], "Digest")
    original = (BLOBS / blob).read_bytes()
    flip(BLOBS / blob)
    result = run_berthctl("verify", "--repair", check=False)
    assert result.returncode == 1 and b"1 of them can't be repaired" in result.stdout
    assert b"127.0.0.1:1" in result.stderr
    assert len((BLOBS / f"{blob}.corrupt").read_bytes()) == len(original)
    run_berthctl("run", "--rm", "127.0.0.1:1/gone:1", "true")       # its files are all there
    (BLOBS / blob).write_bytes(original)
    (BLOBS / blob).chmod(0o600)
    assert ("orphan", "file", f"blobs/sha256/{blob}.corrupt") in problems("--repair")


LAYER_DAMAGE = {
    "content": lambda fs: keep_times(fs / "etc/motd", lambda: flip(fs / "etc/motd")),
    "file gone": lambda fs: (fs / "etc/motd").unlink(),
    "file more": lambda fs: (fs / "etc/evil").write_text("x"),
    "mode": lambda fs: (fs / "etc/motd").chmod(0o4755),
    "mode of a directory": lambda fs: (fs / "etc").chmod(0o777),
    "owner": lambda fs: os.chown(fs / "etc/motd", 1000, 1000),
    "time": lambda fs: os.utime(fs / "etc/motd", (1, 1)),
    "attribute": lambda fs: os.setxattr(fs / "etc/motd", "user.x", b"y"),
    "another kind": lambda fs: ((fs / "etc/motd").unlink(), (fs / "etc/motd").symlink_to("/etc/shadow")),
    "hides the layers below": lambda fs: os.setxattr(fs / "etc", "user.overlay.opaque", b"y"),
    "description": lambda fs: (fs.parent / "layer.json").write_text("{}"),
    "all of it": lambda fs: run("rm", "-r", fs.parent),
    "its files": lambda fs: run("rm", "-r", fs),
}


@pytest.mark.parametrize("damage", LAYER_DAMAGE)
def test_a_damaged_layer(pulled, damage):
    reference, image = pulled
    layer = hex_of(image["Layers"][0], "DiffId")
    LAYER_DAMAGE[damage](LAYERS / layer / "fs")
    kind = "missing" if damage == "all of it" else "damaged"
    assert problems() == [(kind, "layer", layer)]
    assert problems("--repair") == [(kind, "layer", layer)]
    assert report()["Problems"] == []
    assert (LAYERS / layer / "fs/etc/motd").read_bytes() == b"hello " * 3000
    poll(lambda: not list(LAYERS.glob(".old-*")), what="the damaged layer to be deleted")


def test_a_lost_whiteout(pulled):
    layer = hex_of(pulled[1]["Layers"][1], "DiffId")
    (LAYERS / layer / "fs/etc/other").unlink()
    found = report("--repair")["Problems"]
    assert [p["Detail"] for p in found] == ['"etc/other" is missing']
    assert not (LAYERS / layer / "fs/etc/other").is_file() and os.path.lexists(LAYERS / layer / "fs/etc/other")


def test_repair_while_a_container_runs(busybox_tar, clean_store, name):
    """It goes on with the files that it has; the next one gets the good ones."""
    import_image(busybox_tar, "runs:1")
    layer = hex_of(inspect("runs:1")["Layers"][0], "DiffId")
    run_berthctl("run", "-d", "--name", name, "runs:1", "sleep", "100")
    (LAYERS / layer / "fs/etc").mkdir(exist_ok=True)
    (LAYERS / layer / "fs/etc/evil").write_text("x")
    found = report("--repair")["Problems"]
    assert [(p["Kind"], p["Object"], p["Repaired"]) for p in found] == [("damaged", "layer", True)]
    assert "until they are restarted" in found[0]["Detail"]
    assert len(list(LAYERS.glob(f".old-{layer}-*"))) == 1
    restart()                                                       # sweeps, but not this
    assert run_berthctl("exec", name, "sh", "-c", "ls /bin | wc -l").stdout.strip() != b"0"
    assert len(list(LAYERS.glob(f".old-{layer}-*"))) == 1
    run_berthctl("run", "--rm", "runs:1", "sh", "-c", "! test -e /etc/evil")
    run_berthctl("rm", "--force", name)
    assert report("--repair")["Problems"] == []
    poll(lambda: not list(LAYERS.glob(".old-*")), what="the old layer to be deleted")


def test_modes(pulled):
    blob = hex_of(pulled[1], "Id")
    (BLOBS / blob).chmod(0o666)
    LAYERS.chmod(0o755)
    found = problems()
    assert set(found) == {("permissions", "file", f"blobs/sha256/{blob}"), ("permissions", "file", "layers")}
    report("--repair")
    assert (BLOBS / blob).stat().st_mode & 0o7777 == 0o600 and LAYERS.stat().st_mode & 0o7777 == 0o700


def test_records(pulled):
    reference, image = pulled
    record = RECORDS / f"{hex_of(image, 'Digest')}.json"
    for damage, kind in ((record.unlink, "missing"), (lambda: record.write_text("{"), "damaged"),
                         (lambda: record.write_text(record.read_text().replace("amd64", "arm64")), "damaged")):
        damage()
        assert problems() == [(kind, "image", hex_of(image, "Digest"))]
        assert problems("--repair") == [(kind, "image", hex_of(image, "Digest"))]
        assert report()["Problems"] == []
        assert inspect(reference) == image


def test_a_record_that_is_gone_when_berthd_starts(pulled):
    """The name waits for it."""
    reference, image = pulled
    restart((RECORDS / f"{hex_of(image, 'Digest')}.json").unlink)
    assert not run_berthctl("images", "-q").stdout
    run_berthctl("image", "prune", "--all", "--force", check=False)
    assert (BLOBS / hex_of(image, "Digest")).exists()
    assert problems("--repair") == [("missing", "image", hex_of(image, "Digest"))]
    assert inspect(reference) == image


def test_a_lost_name_can_be_given_up(busybox_tar, clean_store):
    digest = import_image(busybox_tar, "lost:1")
    restart((RECORDS / f"{digest[7:]}.json").unlink)
    for blob in BLOBS.glob("[0-9a-f]*"):
        blob.unlink()
    assert report("--repair")["Problems"]
    assert run_berthctl("rmi", "lost:1").stdout == b"Untagged lost:1\n"
    report("--repair")
    assert report()["Problems"] == []


def test_strays_and_orphans(pulled):
    stray, orphan = "0" * 64, "1" * 64
    (BLOBS / "notes.txt").write_text("x")
    (LAYERS / "old").mkdir()
    (RECORDS / "README").write_text("x")
    (BLOBS / stray).write_text("x")
    (BLOBS / stray).chmod(0o600)
    (LAYERS / orphan / "fs").mkdir(parents=True)
    (LAYERS / orphan).chmod(0o700)
    expected = {("orphan", "file", "blobs/sha256/notes.txt"), ("orphan", "file", "layers/old"),
                ("orphan", "file", "images/README"), ("orphan", "blob", stray), ("orphan", "layer", orphan)}
    assert set(problems()) == expected
    assert (BLOBS / stray).exists()
    assert set(problems("--repair")) == expected
    assert report()["Problems"] == []


@pytest.mark.parametrize("damage", ["truncated", "gone", "garbage"])
def test_the_index(pulled, damage):
    reference, image = pulled
    index = STORE / "index.json"
    {"truncated": lambda: os.truncate(index, 30), "gone": index.unlink,
     "garbage": lambda: index.write_text('{"manifests": [{"digest": "x"}]}')}[damage]()
    found = problems()
    assert ("damaged", "file", "index.json") in found
    assert ("damaged", "file", "index.json") in problems("--repair")
    assert report()["Problems"] == []
    assert inspect(reference) == image
    assert [m["digest"] for m in json.loads(index.read_text())["manifests"]] == [image["Digest"]]


def test_verify_and_pulls_at_a_time(registry, tmp_path, clean_store, name):
    """A look does not hold up a pull, and takes nothing of it for an orphan."""
    source = OciImage(tmp_path / "image")
    for _ in range(3):
        source.add_layer(tar_of({"data": os.urandom(5_000_000)}))
    source.write("v1")
    reference = registry.push(f"oci:{source.folder}:v1", f"{name}:latest")
    pull = subprocess.Popen(["berthctl", "pull", "-q", "--insecure", reference], stdout=subprocess.PIPE)
    while pull.poll() is None:
        assert report()["Problems"] == []
    assert pull.returncode == 0
    assert report()["Problems"] == []


@pytest.mark.seconds(300)
def test_killed_at_any_moment(registry, tmp_path, clean_store, insecure, name):
    """SIGKILL for berthd and its worker, while they prune and repair: then a look finds no more than a repair mends."""
    source = OciImage(tmp_path / "image")
    for number in range(3):
        source.add_layer(tar_of({f"d{number}/{i}": os.urandom(20_000) for i in range(100)}))
    source.write("v1")
    reference = registry.push(f"oci:{source.folder}:v1", f"{name}:latest")
    chance = random.Random(5)
    for turn in range(16):
        run_berthctl("pull", "-q", "--insecure", reference)
        image = inspect(reference)
        layer = chance.choice(image["Layers"])
        if turn % 2:
            command = ["berthctl", "image", "prune", "--all", "--force"]
        else:
            next((LAYERS / hex_of(layer, "DiffId") / "fs").glob("d*/7")).unlink()
            (BLOBS / hex_of(layer, "Digest")).unlink()
            command = ["berthctl", "verify", "--repair"]
        client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, 0.25))
        run("systemctl", "kill", "--signal=KILL", "berthd")
        client.wait(60)
        poll(lambda: run("berthctl", "info", check=False).returncode == 0, what="berthd to be back")
        report("--repair")
        assert report()["Problems"] == [], f"turn {turn}"
        if inspect_or_none(reference):
            run_berthctl("run", "--rm", reference, "true", check=False)
            for layer in image["Layers"]:
                assert len(list((LAYERS / hex_of(layer, "DiffId") / "fs").glob("d*/*"))) == 100


def inspect_or_none(name):
    result = run_berthctl("image", "inspect", name, check=False)
    return json.loads(result.stdout)[0] if result.returncode == 0 else None


def test_cancelled(pulled):
    """Ctrl-C ends it, and leaves nothing half-made."""
    client = subprocess.Popen(["berthctl", "verify"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    client.send_signal(signal.SIGINT)
    client.communicate(timeout=20)
    assert client.returncode in (0, 1, 130, -signal.SIGINT)
    assert not list(LAYERS.glob(".tmp-*"))


# --- the layout, its version, its lock ----------------------------------------------------------------------------

def test_other_tools_read_the_store(pulled, tmp_path):
    reference, image = pulled
    name = image["Names"][0]
    seen = json.loads(run("skopeo", "inspect", f"oci:{STORE}:{name}").stdout)
    assert seen["Digest"] == image["Digest"]
    assert seen["Layers"] == [layer["Digest"] for layer in image["Layers"]]
    run("skopeo", "--insecure-policy", "copy", "--quiet", f"oci:{STORE}:{name}", f"dir:{tmp_path}/copy")
    for layer in image["Layers"]:
        assert (tmp_path / "copy" / hex_of(layer, "Digest")).read_bytes() == (BLOBS / hex_of(layer, "Digest")).read_bytes()


def test_umoci_reads_the_store(busybox_tar, clean_store, tmp_path):
    import_image(busybox_tar, "forumoci:1", "-c", "CMD true")
    name = inspect("forumoci:1")["Names"][0]
    # umoci takes tags without "/" and ":" only, so it looks at a copy of the index.
    layout = tmp_path / "layout"
    layout.mkdir()
    (layout / "blobs").symlink_to(STORE / "blobs")
    (layout / "oci-layout").write_bytes((STORE / "oci-layout").read_bytes())
    (layout / "index.json").write_text((STORE / "index.json").read_text().replace(name, "forumoci"))
    assert run("umoci", "ls", "--layout", layout).stdout.decode().split() == ["forumoci"]
    shown = json.loads(run("umoci", "stat", "--json", "--image", f"{layout}:forumoci").stdout)
    assert shown["history"]
    run("umoci", "unpack", "--image", f"{layout}:forumoci", tmp_path / "bundle")
    assert (tmp_path / "bundle/rootfs/bin/busybox").exists()


def test_a_second_berthd_is_refused(pulled):
    second = run("/usr/lib/berth/berthd", check=False, timeout=20)
    assert second.returncode == 1
    assert b"belongs to another berthd" in second.stderr
    assert inspect(pulled[0])


def test_the_version_of_the_store(pulled):
    reference, image = pulled
    version = STORE / "store.json"
    assert json.loads(version.read_text()) == {"Version": 1}
    restart(version.unlink)                         # as the first berth left it
    assert inspect(reference) == image
    assert json.loads(version.read_text()) == {"Version": 1}
    before = version.read_text()
    run("systemctl", "stop", "berthd")
    try:
        version.write_text('{"Version": 99}')
        refused = run("/usr/lib/berth/berthd", check=False, timeout=20)
        assert refused.returncode == 1
        assert b"newer berth (version 99" in refused.stderr and b"move the directory away" in refused.stderr
        assert version.read_text() == '{"Version": 99}'
    finally:
        version.write_text(before)
        run("systemctl", "reset-failed", "berthd")
        run("systemctl", "start", "berthd")
    assert inspect(reference) == image
