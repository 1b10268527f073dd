"""Images and the files of containers, from the archive into the running container and back, through berthctl and berthd."""

import gzip
import io
import json
import os
import pathlib
import signal
import stat
import subprocess
import tarfile
import threading
import time

import pytest

from conftest import poll, run
from hostiletar import TarMaker
from ociimage import OciImage

STATE = pathlib.Path("/var/lib/berth")


def store_files():
    return {str(p.relative_to(STATE)) for top in ("blobs/sha256", "layers", "images") for p in (STATE / top).glob("*")}


@pytest.fixture
def made(berthctl, tmp_path, busybox_tar):
    """made(tar…, base=True): the name of an image with these layers, on busybox; removed with the test."""
    names = []

    def make(*tars, base=True):
        image = OciImage(tmp_path / f"image{len(names)}")
        for tar in ([busybox_tar.read_bytes()] if base else []) + list(tars):
            image.add_layer(tar)
        names.append(f"made:{len(names)}-{os.getpid()}")
        image.write(names[-1])
        archive = tmp_path / f"archive{len(names)}"
        run("tar", "-C", image.folder, "-cf", archive, ".")
        berthctl("load", "-i", archive)
        return names[-1]
    yield make
    for image in names:
        berthctl("rmi", "--force", image, check=False)


@pytest.fixture
def container(berthctl, busybox_image, name):
    """A running container; removed with the test."""
    berthctl("run", "-d", "--name", name, busybox_image, "sleep", "1000")
    yield name
    berthctl("rm", "-f", name)


def inside(berthctl, name, script, **options):
    return berthctl("exec", name, "sh", "-c", script, **options).stdout.decode()


def members(data):
    return {m.name: m for m in tarfile.open(fileobj=io.BytesIO(data)).getmembers()}


# --- what an image says is what a container sees ---------------------------------------------------------

LAYER = (TarMaker().folder("keep").file("keep/a", b"a").folder("gone").file("gone/x", b"x").file("file-gone", b"x")
         .folder("opaque").file("opaque/old", b"old").folder("replaced").file("replaced/old", b"old").file("changed", b"one")
         .file("to-dir", b"x").folder("to-file").file("to-file/x", b"x").bytes())


def test_whiteouts_and_opaque_directories(berthctl, made):
    upper = (TarMaker().file(".wh.gone").file(".wh.file-gone").file("opaque/.wh..wh..opq").file("opaque/new", b"new")
             .file("keep/b", b"b").file(".wh.replaced").folder("replaced").file("replaced/new", b"new").file("changed", b"two")
             .file(".wh.to-dir").folder("to-dir").file("to-dir/y", b"y").file("to-file", b"file").file("keep/.wh.never", b"").bytes())
    again = TarMaker().folder("gone").file("gone/back", b"1").file("keep/.wh.b").bytes()
    image = made(LAYER, upper, again)
    seen = berthctl("run", "--rm", image, "sh", "-c", "for f in keep gone opaque replaced to-dir; do echo $f: $(ls /$f); done; "
                    "cat /changed /to-file; test ! -e /file-gone").stdout
    assert seen == b"keep: a\ngone: back\nopaque: new\nreplaced: new\nto-dir: y\ntwofile"


def test_modes_owners_links_and_attributes(berthctl, made):
    capability = "\x01\x00\x00\x02\x00\x04\x00\x00" + "\x00" * 12
    tar = (TarMaker().file("suid", b"x", mode=0o6755, uid=1000, gid=1001).hard("hard", "suid").link("link", "/etc/passwd")
           .folder("sticky", mode=0o1777, uid=5).file("user", b"x", xattrs={"user.note": "hello"})
           .file("caps", b"x", xattrs={"security.capability": capability}).fifo("fifo").device("null", 1, 3, mode=0o666)
           .file("n" * 255, b"long").file("nobody", uid=65534, gid=65534).bytes())
    image = made(tar)
    for mode in ("auto", "host"):
        lines = berthctl("run", "--rm", f"--userns={mode}", image, "sh", "-c",
                         "cd /; stat -c '%n %a %u %g %h %F' suid hard sticky nobody fifo null; readlink link; "
                         f"cat {'n' * 255}; echo; cmp suid hard && echo same").stdout.decode().splitlines()
        assert lines == ["suid 6755 1000 1001 2 regular file", "hard 6755 1000 1001 2 regular file",
                         "sticky 1777 5 0 2 directory", "nobody 644 65534 65534 1 regular empty file",
                         "fifo 755 0 0 1 fifo", "null 666 0 0 1 character special file",
                         "/etc/passwd", "long", "same"], mode


def test_sparse_files_stay_sparse(berthctl, made, tmp_path):
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(1 << 30)
        file.seek(1 << 29)
        file.write(b"middle")
    run("tar", "-C", tmp_path, "--sparse", "-cf", tmp_path / "s.tar", "sparse")
    image = made((tmp_path / "s.tar").read_bytes())
    size, blocks = berthctl("run", "--rm", image, "stat", "-c", "%s %b", "/sparse").stdout.split()
    assert int(size) == 1 << 30 and int(blocks) < 200


def test_many_layers(berthctl, made):
    image = made(*[TarMaker().file(f"layer{number}", str(number).encode()).bytes() for number in range(120)])
    assert berthctl("run", "--rm", image, "sh", "-c", "ls /layer* | wc -l; cat /layer77").stdout == b"120\n77"


# --- names, index and garbage -----------------------------------------------------------------------------

def test_the_store_is_an_oci_layout(made):
    image = made(TarMaker().file("x", b"1").bytes())
    full = f"docker.io/library/{image}"
    inspected = json.loads(run("skopeo", "inspect", f"oci:{STATE}:{full}").stdout)
    assert len(inspected["Layers"]) == 2
    names = [entry.get("annotations", {}).get("org.opencontainers.image.ref.name")
             for entry in json.loads((STATE / "index.json").read_text())["manifests"]]
    assert full in names


def test_removing_an_image_removes_its_files_but_not_shared_ones(berthctl, made, busybox_image):
    before = store_files()
    one = made(TarMaker().file("one", b"1").bytes())
    with_one = store_files()
    two = made(TarMaker().file("two", b"2").bytes())
    berthctl("rmi", two)
    poll(lambda: store_files() == with_one, what="the second image's files to go")
    assert berthctl("run", "--rm", one, "cat", "/one").stdout == b"1"
    berthctl("rmi", one)
    poll(lambda: store_files() == before, what="the first image's files to go")
    assert berthctl("run", "--rm", busybox_image, "echo", "still there").stdout == b"still there\n"


def test_refused_archives_leave_nothing(berthctl, tmp_path):
    before = store_files()
    (tmp_path / "bad.tar").write_bytes(TarMaker().file("../../escaped", b"x").bytes())
    (tmp_path / "cut.tar.gz").write_bytes(gzip.compress(TarMaker().file("x", os.urandom(10000)).bytes())[:-100])
    for archive, words in (("bad.tar", b"leads out"), ("cut.tar.gz", b"too early")):
        failed = berthctl("import", tmp_path / archive, "bad:1", check=False)
        assert failed.returncode and words in failed.stderr
    assert store_files() == before
    assert b"bad" not in berthctl("images", "-q").stdout


def workers():
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            if path.read_text().strip() == "berth-worker":
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def test_killing_the_worker_in_the_middle(berthctl, tmp_path):
    before = store_files()
    data = TarMaker().file("noise", os.urandom(20_000_000)).bytes()
    process = subprocess.Popen(["berthctl", "import", "-", "killed:1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    process.stdin.write(data[:15_000_000])
    process.stdin.flush()
    (pid,) = poll(workers, what="a worker")
    poll(lambda: any(".tmp-" in f for f in store_files()), what="the worker to begin")
    os.kill(pid, signal.SIGKILL)
    _out, errors = process.communicate()
    assert process.returncode and errors
    assert b"killed" not in berthctl("images", "-q").stdout
    (tmp_path / "x.tar").write_bytes(data)
    berthctl("import", tmp_path / "x.tar", "killed:1")
    berthctl("rmi", "killed:1")
    time.sleep(1.1)
    run("systemctl", "restart", "berthd")
    poll(lambda: store_files() == before, what="what the killed worker left to be swept")


# --- cp -----------------------------------------------------------------------------------------------------

@pytest.fixture(params=["running", "stopped", "running without user namespace"])
def target(request, berthctl, busybox_image, name):
    options = ["--userns=host"] if "without" in request.param else []
    berthctl("run", "-d", "--name", name, *options, busybox_image, "sh", "-c",
             "trap exit TERM; mkdir -p /data/sub; echo old > /data/file; ln -s /data /abs; ln -s ../../../../etc/passwd /data/up; "
             "chown -R 1000:1001 /data; echo done > /ready; sleep 1000 & wait")
    poll(lambda: berthctl("exec", name, "cat", "/ready", check=False).stdout == b"done\n", what="the files")
    if request.param == "stopped":
        berthctl("stop", "-t", "1", name)
    yield name
    berthctl("rm", "-f", name)


def look(berthctl, name, path):
    return members(berthctl("cp", f"{name}:{path}", "-").stdout)


def test_get(berthctl, target):
    tree = look(berthctl, target, "/data")
    assert set(tree) == {"data", "data/sub", "data/file", "data/up"}
    assert (tree["data"].uid, tree["data"].gid) == (1000, 1001) and tree["data/up"].linkname == "../../../../etc/passwd"
    assert set(look(berthctl, target, "/abs/file")) == {"file"}
    assert look(berthctl, target, "/abs")["abs"].issym()
    for path, message in (("/none", b"no /none"), ("/data/file/x", b"no /data/file/x")):
        failed = berthctl("cp", f"{target}:{path}", "-", check=False)
        assert failed.returncode and message in failed.stderr, failed.stderr


def test_put(berthctl, target, tmp_path):
    tar = TarMaker().folder("new", mode=0o750, uid=7).file("new/suid", b"1", mode=0o4711, uid=7, gid=8).link("new/l", "/etc").bytes()
    berthctl("cp", "-", f"{target}:/data", input=tar)
    tree = look(berthctl, target, "/data/new")
    assert tree["new"].mode == 0o750 and (tree["new/suid"].uid, tree["new/suid"].gid) == (1000, 1001)
    assert tree["new/suid"].mtime == 1_600_000_000 and tree["new/l"].linkname == "/etc"
    berthctl("cp", "-a", "-", f"{target}:/data", input=tar)
    tree = look(berthctl, target, "/data/new")
    assert (tree["new/suid"].uid, tree["new/suid"].gid, tree["new/suid"].mode) == (7, 8, 0o4711)
    # through a link of the container's, to where it leads in the container
    berthctl("cp", "-", f"{target}:/abs/sub", input=TarMaker().file("f", b"2").bytes())
    assert "sub/f" in look(berthctl, target, "/data/sub")
    for path, message in (("/data/file", b"not a folder"), ("/none", b"not a folder")):
        failed = berthctl("cp", "-", f"{target}:{path}", input=tar, check=False)
        assert failed.returncode and message in failed.stderr, failed.stderr


def test_put_cannot_leave_the_container(berthctl, target):
    before = pathlib.Path("/etc/passwd").read_bytes()
    evil = [TarMaker().file("../../../../../../etc/passwd", b"evil"), TarMaker().link("e", "/etc").file("e/passwd", b"evil"),
            TarMaker().link("e2", "../../../../../../../etc").file("e2/passwd", b"evil"), TarMaker().hard("h", "../../etc/shadow"),
            TarMaker().file("up", b"replaces the link, not what it points to")]
    for tar in evil:
        berthctl("cp", "-", f"{target}:/data", input=tar.bytes(), check=False)
    assert pathlib.Path("/etc/passwd").read_bytes() == before
    assert not look(berthctl, target, "/data/up")["up"].issym()


def test_a_container_that_swaps_links_gets_only_itself(berthctl, container, tmp_path):
    """A directory becomes a link to / of the host and back, all the time, while files are copied in and out."""
    inside(berthctl, container, "mkdir -p /work/real; echo container > /work/real/marker; cp -r /work/real /work/dir; "
           "while :; do mv /work/dir /work/away; ln -s ../../../../../../var/tmp/victim /work/dir; usleep 20000; rm /work/dir; mv /work/away /work/dir; usleep 80000; "
           "done >/dev/null 2>&1 &")
    victim = pathlib.Path("/var/tmp/victim")
    victim.mkdir(exist_ok=True)
    (victim / "marker").write_text("host")
    tar = TarMaker().file("planted", b"x").bytes()
    deadline, copied, failures = time.monotonic() + 8, 0, 0
    while time.monotonic() < deadline:
        berthctl("cp", "-", f"{container}:/work/dir", input=tar, check=False)
        got = berthctl("cp", f"{container}:/work/dir/marker", "-", check=False)
        copied, failures = copied + (got.returncode == 0), failures + (got.returncode != 0)
        if got.returncode == 0 and got.stdout:
            archive = tarfile.open(fileobj=io.BytesIO(got.stdout))
            assert archive.extractfile(archive.next()).read() == b"container\n"
    assert copied and failures      # it did swap
    assert sorted(p.name for p in victim.iterdir()) == ["marker"]
    (victim / "marker").unlink()
    victim.rmdir()


def test_mount_points_are_not_replaced(berthctl, busybox_image, name, tmp_path):
    (tmp_path / "bound").mkdir()
    (tmp_path / "bound/kept").write_text("kept")
    (tmp_path / "file").write_text("file")
    berthctl("run", "-d", "--name", name, "-v", f"{tmp_path}/bound:/bound", "-v", f"{tmp_path}/file:/single", busybox_image, "sleep", "1000")
    failed = berthctl("cp", "-", f"{name}:/", input=TarMaker().file("single", b"new").bytes(), check=False)
    assert failed.returncode and b"mounted there" in failed.stderr
    berthctl("cp", "-", f"{name}:/bound", input=TarMaker().file("added", b"1").bytes())
    assert (tmp_path / "bound/added").read_bytes() == b"1" and (tmp_path / "bound/kept").exists()
    assert inside(berthctl, name, "cat /single") == "file"
    berthctl("rm", "-f", name)


def test_big_files_and_early_ends(berthctl, container):
    """The reader of an archive goes away: nothing hangs, nothing is left."""
    inside(berthctl, container, "dd if=/dev/zero of=/big bs=1M count=300 2>/dev/null")
    with subprocess.Popen(["berthctl", "cp", f"{container}:/big", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(1000)
        process.stdout.close()
        assert process.wait(20) != 0
    poll(lambda: not workers(), what="the worker to end")
    assert look(berthctl, container, "/big")["big"].size == 300 << 20


# --- diff, commit, export -------------------------------------------------------------------------------------

CHANGE = ("rm /etc/group; rm -rf /home; mkdir /home; echo x > /home/new; mkdir /d; echo 1 > /d/f; ln /d/f /d/hard; ln -s f /d/l; "
          "chown 5:6 /d/f; chmod 4755 /d/f; mkfifo /d/p; echo more >> /etc/passwd; dd if=/dev/zero of=/d/sparse bs=1 count=0 seek=100M; "
          "touch /tmp/same")


def test_diff(berthctl, made, name):
    image = made(LAYER)
    berthctl("run", "--name", name, "--network=none", image, "sh", "-c",
             "rm -r /gone; rm -r /opaque; mkdir /opaque; echo > /opaque/fresh; echo new > /changed; mkdir /add; touch /add/x; chmod 700 /keep")
    lines = set(berthctl("diff", name).stdout.decode().splitlines())
    assert {"D /gone", "C /opaque", "D /opaque/old", "A /opaque/fresh", "C /changed", "A /add", "A /add/x", "C /keep"} <= lines
    assert not any(line.endswith(("/keep/a", "/replaced", "/file-gone")) for line in lines)
    berthctl("rm", name)


def test_what_berth_mounts_on_is_no_change(berthctl, busybox_image, name):
    berthctl("run", "--name", name, busybox_image, "sh", "-c", "test -s /etc/hosts && test -s /etc/hostname")
    assert berthctl("diff", name).stdout == b""
    berthctl("commit", name, "committed:4")
    layer = json.loads(berthctl("image", "show", "committed:4").stdout)[0]["Layers"][-1]
    folder = pathlib.Path("/var/lib/berth/layers", layer["DiffId"].removeprefix("sha256:"))
    assert folder.is_dir() and not [path for path in folder.glob("fs/**/*") if path.is_file()]
    berthctl("rm", name)
    berthctl("rmi", "committed:4")


@pytest.mark.parametrize("userns", ["auto", "host"])
def test_commit_and_export(berthctl, busybox_image, name, userns):
    berthctl("run", "--name", name, f"--userns={userns}", busybox_image, "sh", "-c", CHANGE)
    berthctl("commit", "-c", "ENV ADDED=1", "-c", 'CMD ["cat", "/home/new"]', "-a", "me", name, "committed:2")
    assert berthctl("run", "--rm", "committed:2").stdout == b"x\n"
    seen = berthctl("run", "--rm", "committed:2", "sh", "-c",
                    "test ! -e /etc/group; echo $? $ADDED $(ls /home); stat -c '%a %u %g %h' /d/f; readlink /d/l; stat -c '%s %F' /d/sparse /d/p; "
                    "tail -n1 /etc/passwd; stat -c %b /d/sparse").stdout.decode().splitlines()
    assert seen[:-1] == ["0 1 new", "4755 5 6 2", "f", f"{100 << 20} regular file", "0 fifo", "more"]
    assert int(seen[-1]) < 100
    exported = members(berthctl("export", name).stdout)
    assert "etc/group" not in exported and exported["home/new"].size == 2 and exported["d/f"].mode == 0o4755
    assert exported["d/hard"].islnk() or exported["d/f"].islnk()
    assert (exported["d/f"].uid, exported["d/f"].gid) == (5, 6) and exported["bin/busybox"].isreg()
    inspected = json.loads(berthctl("show", "committed:2").stdout)
    text = json.dumps(inspected)
    assert "ADDED=1" in text and '"me"' in text
    berthctl("rm", name)
    berthctl("rmi", "committed:2")


def test_commit_of_a_running_container(berthctl, container):
    inside(berthctl, container, "echo running > /state")
    berthctl("commit", container, "committed:3")
    assert berthctl("run", "--rm", "committed:3", "cat", "/state").stdout == b"running\n"
    assert inside(berthctl, container, "cat /state") == "running\n"
    assert "state" in members(berthctl("export", container).stdout)
    berthctl("rmi", "committed:3")


def test_a_name_that_no_layer_can_hold(berthctl, container):
    inside(berthctl, container, "touch /.wh.strange")
    failed = berthctl("commit", container, "committed:4", check=False)
    assert failed.returncode and b".wh." in failed.stderr
    assert b"committed:4" not in berthctl("images").stdout
