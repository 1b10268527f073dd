"""Volumes: what is made, kept, filled and removed when, and that nothing is left of what was cut off."""

import io
import json
import os
import pathlib
import subprocess
import tarfile
import time

import pytest

from conftest import poll, run

STORE = pathlib.Path("/var/lib/berth/volumes")


@pytest.fixture
def volumes(berthctl):
    """Whatever volumes a test makes are gone after it."""
    before = set(os.listdir(STORE)) if STORE.exists() else set()
    yield
    for name in set(names(berthctl)) - before:
        berthctl("volume", "rm", name, check=False)
    poll(lambda: set(os.listdir(STORE)) <= before, what="the volumes to go")


def names(berthctl, *filters):
    return berthctl("volume", "ls", "-q", *filters).stdout.decode().split()


def inspect(berthctl, name):
    return json.loads(berthctl("volume", "inspect", name).stdout)[0]


def build(berthctl, tmp_path, busybox_tar, add, *changes):
    """An image of busybox with further entries."""
    path = tmp_path / "image.tar"
    path.write_bytes(pathlib.Path(busybox_tar).read_bytes())
    with tarfile.open(path, "a") as tar:
        add(tar)
    words = [word for change in changes for word in ("--change", change)]
    return berthctl("import", *words, path, "volumes:test").stdout.decode().strip()


def entry(tar, name, kind=tarfile.REGTYPE, data=b"", **fields):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mtime = kind, len(data), 1000000000
    for key, value in fields.items():
        setattr(info, key, value)
    tar.addfile(info, io.BytesIO(data))


@pytest.fixture
def filled_image(berthctl, tmp_path, busybox_tar):
    def add(tar):
        entry(tar, "stuff", tarfile.DIRTYPE, mode=0o2750, uid=7, gid=8)
        entry(tar, "stuff/file", data=b"of the image\n", mode=0o4711, uid=9, gid=10,
              pax_headers={"SCHILY.xattr.user.colour": "red"})
        entry(tar, "stuff/same", tarfile.LNKTYPE, linkname="stuff/file")
        entry(tar, "stuff/out", tarfile.SYMTYPE, linkname="/etc/passwd")
        entry(tar, "link", tarfile.SYMTYPE, linkname="../../../../../../../etc")
    build(berthctl, tmp_path, busybox_tar, add, "VOLUME /stuff /fresh", "CMD [\"true\"]")
    yield "volumes:test"
    berthctl("rmi", "volumes:test", check=False)


def test_life(berthctl, busybox_image, name, volumes):
    assert berthctl("volume", "create", "--label", "a=b", "v1").stdout == b"v1\n"
    assert berthctl("volume", "create", "v1").stdout == b"v1\n"
    anonymous = berthctl("volume", "create").stdout.decode().strip()
    assert len(anonymous) == 64
    assert {"v1", anonymous} <= set(names(berthctl))
    assert names(berthctl, "--filter", "label=a=b") == ["v1"]
    shown = inspect(berthctl, "v1")
    assert shown["Driver"] == "local" and shown["Labels"] == {"a": "b"} and shown["Scope"] == "local"
    assert oct(os.stat(STORE).st_mode) == "0o40700"

    berthctl("run", "--rm", "-v", "v1:/x", busybox_image, "sh", "-c", "echo hello > /x/f; chown 3:4 /x/f")
    made = os.stat(STORE / "v1/data/f")
    assert (made.st_uid, made.st_gid) == (3, 4)
    berthctl("create", "--name", name, "-v", "v1:/x", busybox_image, "cat", "/x/f")
    assert inspect(berthctl, "v1")["UsedBy"] == [name]
    assert "v1" not in names(berthctl, "--filter", "dangling=true")
    for words in (("rm", "v1"), ("rename", "v1", "v2")):
        refused = berthctl("volume", *words, check=False)
        assert refused.returncode == 1 and name.encode() in refused.stderr
    assert berthctl("start", "-a", name).stdout == b"hello\n"
    berthctl("rm", name)

    berthctl("volume", "rename", "v1", "v2")
    assert not (STORE / "v1").exists() and inspect(berthctl, "v2")["Labels"] == {"a": "b"}
    assert berthctl("volume", "clone", "v2", "v3").stdout == b"v3\n"
    copied = os.stat(STORE / "v3/data/f")
    assert (copied.st_uid, copied.st_mtime) == (3, made.st_mtime) and copied.st_ino != made.st_ino
    asked = berthctl("volume", "prune", "--dry-run").stdout.decode()
    assert anonymous in asked and "v2" not in asked
    assert anonymous in berthctl("volume", "prune", "-f").stdout.decode()
    assert anonymous not in names(berthctl) and "v2" in names(berthctl)
    berthctl("volume", "rm", "v2", "v3")
    assert berthctl("volume", "rm", "nothing", check=False).returncode == 1
    assert berthctl("volume", "rm", "-f", "nothing").returncode == 0


@pytest.mark.parametrize("options", [["-d", "other"], ["-o", "colour=red"], ["-o", "type=tmpfs"], ["-d", "loop"],
                                     ["--size", "x"], ["-o", "type=nfs", "-o", "device=:/x"]])
def test_refused(berthctl, volumes, options):
    result = berthctl("volume", "create", *options, "refused", check=False)
    assert result.returncode != 0 and result.stderr and "refused" not in names(berthctl)


def test_different_options(berthctl, volumes):
    berthctl("volume", "create", "v1")
    result = berthctl("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "v1", check=False)
    assert b"is there already" in result.stderr


def test_anonymous(berthctl, filled_image, name, volumes):
    before = set(names(berthctl))
    berthctl("run", "--rm", "-v", "/more", filled_image)
    assert set(names(berthctl)) == before
    berthctl("create", "--name", name, filled_image)
    made = set(names(berthctl)) - before
    assert len(made) == 2 and all(len(one) == 64 for one in made)
    berthctl("rm", name)
    assert set(names(berthctl)) - before == made
    berthctl("create", "--name", name, filled_image)
    berthctl("rm", "-v", name)
    assert set(names(berthctl)) - before == made


def test_copy_up(berthctl, filled_image, volumes):
    berthctl("run", "--rm", "-v", "v1:/stuff", filled_image)
    data = STORE / "v1/data"
    root, file = os.stat(data), os.stat(data / "file")
    assert (root.st_uid, root.st_gid, root.st_mode & 0o7777) == (7, 8, 0o2750)
    assert (file.st_uid, file.st_gid, file.st_mode & 0o7777, file.st_mtime) == (9, 10, 0o4711, 1000000000)
    assert file.st_nlink == 2 and file.st_ino == os.stat(data / "same").st_ino
    assert os.getxattr(data / "file", "user.colour") == b"red"
    assert os.readlink(data / "out") == "/etc/passwd"
    (data / "file").write_text("changed")
    berthctl("run", "--rm", "-v", "v1:/stuff", filled_image)
    assert (data / "file").read_text() == "changed"

    berthctl("volume", "create", "v2")
    berthctl("run", "--rm", "--mount", "type=volume,source=v2,target=/stuff,volume-nocopy", filled_image)
    assert os.listdir(STORE / "v2/data") == []
    berthctl("run", "--rm", "-v", "v2:/stuff", filled_image)
    assert sorted(os.listdir(STORE / "v2/data")) == ["file", "out", "same"]
    assert not (STORE / "v2/data.new").exists()

    # A link of the image leads to the image's own files, never to the host's.
    berthctl("run", "--rm", "-v", "v3:/link/ssl", filled_image, check=False)
    assert not (STORE / "v3/data").exists() or os.listdir(STORE / "v3/data") == []


def test_together(berthctl, filled_image, volumes):
    """Many at once on a new volume: one copy, and all see it."""
    jobs = [subprocess.Popen(["berthctl", "run", "--rm", "-v", "v1:/stuff", filled_image, "cat", "/stuff/file"],
                             stdout=subprocess.PIPE) for _ in range(6)]
    assert [job.communicate()[0] for job in jobs] == [b"of the image\n"] * 6
    poll(lambda: os.listdir(STORE).count("v1") == 1 and not [f for f in os.listdir(STORE) if f.startswith(".tmp-")])


def test_archives(berthctl, busybox_image, tmp_path, volumes):
    berthctl("volume", "create", "v1")
    berthctl("run", "--rm", "-v", "v1:/x", busybox_image, "sh", "-c",
             "mkdir /x/d; echo a > /x/d/f; ln /x/d/f /x/g; chown 5:6 /x/g; chmod 4755 /x/g; truncate -s 100M /x/sparse")
    berthctl("volume", "export", "-o", tmp_path / "v.tar", "v1")
    assert os.stat(tmp_path / "v.tar").st_size < 1 << 20
    berthctl("volume", "create", "v2")
    berthctl("volume", "import", "v2", tmp_path / "v.tar")
    copy = os.stat(STORE / "v2/data/g")
    assert (copy.st_uid, copy.st_gid, copy.st_mode & 0o7777, copy.st_nlink) == (5, 6, 0o4755, 2)
    assert os.stat(STORE / "v2/data/sparse").st_blocks < 100

    hostile = tmp_path / "hostile.tar"
    with tarfile.open(hostile, "w") as tar:
        entry(tar, "up", tarfile.SYMTYPE, linkname="../../..")
        entry(tar, "up/escaped", data=b"x")
        entry(tar, "../../escaped", data=b"x")
    berthctl("volume", "import", "v2", hostile, check=False)
    assert not list(pathlib.Path("/var/lib").glob("**/escaped")) or \
        all(str(p).startswith(str(STORE / "v2/data")) for p in pathlib.Path("/var/lib/berth").glob("**/escaped"))


def test_tmpfs(berthctl, busybox_image, name, volumes):
    berthctl("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m", "v1")
    berthctl("run", "-d", "--name", name, "-v", "v1:/x", busybox_image, "sleep", "1000")
    berthctl("exec", name, "sh", "-c", "echo shared > /x/f")
    assert berthctl("run", "--rm", "-v", "v1:/x", busybox_image, "cat", "/x/f").stdout == b"shared\n"
    assert berthctl("exec", name, "dd", "if=/dev/zero", "of=/x/big", "bs=1M", "count=2", check=False).returncode
    run("systemctl", "kill", "-s", "KILL", "berthd")
    assert inspect(berthctl, "v1")["Mounted"]
    assert berthctl("exec", name, "cat", "/x/f").stdout == b"shared\n"
    berthctl("rm", "-f", name)
    poll(lambda: not os.path.ismount(STORE / "v1/data"), what="the tmpfs to be unmounted")


def test_bind(berthctl, busybox_image, tmp_path, volumes):
    (tmp_path / "f").write_text("there")
    berthctl("volume", "create", "-o", "type=none", "-o", "o=bind,ro", "-o", f"device={tmp_path}", "v1")
    assert berthctl("run", "--rm", "-v", "v1:/x", busybox_image, "cat", "/x/f").stdout == b"there"
    assert berthctl("run", "--rm", "-v", "v1:/x", busybox_image, "touch", "/x/g", check=False).returncode
    poll(lambda: not os.path.ismount(STORE / "v1/data"))


def test_missing_device(berthctl, busybox_image, volumes):
    berthctl("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", "device=/nowhere", "v1")
    result = berthctl("run", "--rm", "-v", "v1:/x", busybox_image, "true", check=False)
    assert result.returncode == 125 and b"/nowhere" in result.stderr


@pytest.mark.skipif(not os.path.exists("/dev/loop-control"), reason="this host has no loop devices")
def test_loop(berthctl, filled_image, volumes):
    berthctl("volume", "create", "-d", "loop", "--size", "16M", "v1")
    written = berthctl("run", "--rm", "-v", "v1:/x", filled_image, "sh", "-c",
                       "ls -A /x; echo kept > /x/f; dd if=/dev/zero of=/x/big bs=1M count=20", check=False)
    assert written.returncode != 0 and b"lost+found" not in written.stdout
    assert berthctl("run", "--rm", "-v", "v1:/x", filled_image, "cat", "/x/f").stdout == b"kept\n"
    poll(lambda: not os.path.ismount(STORE / "v1/data"))


def test_size_without_quota(berthctl, volumes):
    """The file system of the tests keeps no project quotas: that is said, with the way out."""
    result = berthctl("volume", "create", "--size", "10M", "v1", check=False)
    if result.returncode:
        assert b"loop" in result.stderr and not (STORE / "v1").exists()


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.02, 0.04, 0.08])
def test_killed_while_creating(berthctl, filled_image, name, volumes, delay):
    before = set(names(berthctl))
    client = subprocess.Popen(["berthctl", "create", "--name", name, filled_image],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(delay)           # the moments to be killed at
    run("systemctl", "kill", "-s", "KILL", "berthd")
    client.wait()
    exists = berthctl("inspect", name, check=False).returncode == 0
    made = set(names(berthctl)) - before
    assert len(made) == (2 if exists else 0)
    if exists:
        berthctl("start", "-a", name)
        berthctl("rm", "-v", name)
    assert set(names(berthctl)) == before
    poll(lambda: set(os.listdir(STORE)) <= before, what="what was half-made to go")


def test_unprivileged(as_user, volumes):
    assert as_user("berthctl", "volume", "create", "v1", check=False).returncode != 0
