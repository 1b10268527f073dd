"""Mounts: every type and option of them, into containers that start and into those that run."""

import json
import os
import pathlib
import subprocess

import pytest

from conftest import poll, run

STATE = pathlib.Path("/var/lib/berth")


@pytest.fixture
def once(berthctl, busybox_image):
    """once(SCRIPT, *OPTIONS): a shell in a container of its own."""
    def run_once(script, *options, **more):
        return berthctl("run", "--rm", "--network", "none", *options, busybox_image, "sh", "-c", script, **more)
    return run_once


@pytest.fixture
def refused(once):
    """refused(SAYS, *OPTIONS): berthd or the start says no, and why."""
    def check(says, *options):
        result = once("true", *options, check=False)
        assert result.returncode == 125, result
        assert says in result.stderr.decode(), result.stderr
    return check


@pytest.fixture
def running(berthctl, busybox_image, name):
    """A container that only waits."""
    def start(*options):
        berthctl("run", "-d", "--network", "none", "--name", name, *options, busybox_image, "sleep", "1000")
        return name
    yield start
    berthctl("rm", "-f", name, check=False)


@pytest.fixture
def volume():
    """The files of a volume, without what volumes are besides."""
    made = []

    def make(volume_name):
        folder = STATE / "volumes" / volume_name
        made.append(volume_name)
        if run("berthctl", "volume", "create", volume_name, check=False).returncode:
            (folder / "data").mkdir(parents=True)
        return folder / "data"
    yield make
    for volume_name in made:
        if run("berthctl", "volume", "rm", volume_name, check=False).returncode:
            run("rm", "-rf", STATE / "volumes" / volume_name)


# --- whose files they are ---------------------------------------------------------------------------------

def test_owners_in_binds(once, tmp_path):
    (tmp_path / "users").write_text("x")
    os.chown(tmp_path / "users", 1000, 1001)
    out = once("touch /m/root && su -s /bin/sh nobody -c true; stat -c %u:%g /m/root /m/users; chown 5:6 /m/users",
               "-v", f"{tmp_path}:/m")
    assert out.stdout.split() == [b"0:0", b"1000:1001"]
    assert (tmp_path / "root").stat().st_uid == 0                 # the container's root is not the host's, its files are
    assert ((tmp_path / "users").stat().st_uid, (tmp_path / "users").stat().st_gid) == (5, 6)


@pytest.mark.parametrize("options, seen, written", [
    (["idmap=none"], b"65534", None),
    (["idmap=1000:0:1"], b"0", 1000),
    (["idmap=0:7:1;1000:0:1"], b"0", 1000),
])
def test_id_maps(once, tmp_path, options, seen, written):
    (tmp_path / "file").write_text("x")
    os.chown(tmp_path / "file", 1000, 1000)
    os.chown(tmp_path, 1000, 1000)
    tmp_path.chmod(0o755)
    out = once("stat -c %u /m/file; touch /m/new", "-v", f"{tmp_path}:/m:{','.join(options)}", check=written is not None)
    assert out.stdout.split() == [seen]
    if written is None:
        assert not (tmp_path / "new").exists()
    else:
        assert (tmp_path / "new").stat().st_uid == written


def test_host_user_namespace(once, tmp_path):
    once("touch /m/x; mkdir /m/sub", "--userns=host", "-v", f"{tmp_path}:/m")
    assert (tmp_path / "x").stat().st_uid == 0
    assert once("stat -c %u /m/x", "--userns=host", "-v", f"{tmp_path}:/m:idmap=0:12:1").stdout == b"12\n"


def test_bad_id_maps(refused, tmp_path):
    refused("FILE:CONTAINER:COUNT", "-v", f"{tmp_path}:/m:idmap=nobody")
    refused("ids 0 to 65535", "-v", f"{tmp_path}:/m:idmap=0:65535:2")


def test_chown(once, tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "file").write_text("x")
    (tmp_path / "link").symlink_to("/etc/passwd")
    once("touch /m/deep/er/mine", "-u", "1234:5", "-v", f"{tmp_path}:/m:U")
    for path in (tmp_path, tmp_path / "deep" / "er" / "file", tmp_path / "deep" / "er" / "mine"):
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 5)
    assert (tmp_path / "link").lstat().st_uid == 1234
    assert os.stat("/etc/passwd").st_uid == 0


# --- binds -----------------------------------------------------------------------------------------------

@pytest.fixture
def tree(tmp_path):
    """A folder with a file system mounted below it."""
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    run("mount", "-t", "tmpfs", "berth-test", tmp_path / "tree" / "sub")
    (tmp_path / "tree" / "sub" / "below").write_text("x")
    yield tmp_path / "tree"
    run("umount", "-R", tmp_path / "tree" / "sub", check=False)


@pytest.mark.parametrize("options, below, writable", [
    ("", True, True),
    (",readonly", True, False),
    (",readonly,bind-recursive=readonly", True, False),
    (",readonly,bind-recursive=writable", True, True),
    (",bind-recursive=disabled", False, True),
    (",bind-nonrecursive", False, True),
])
def test_recursion(once, tree, options, below, writable):
    out = once("[ -e /m/sub/below ] && echo below; touch /m/sub/new 2>/dev/null && echo writable; "
               "touch /m/new 2>/dev/null && echo top; true",
               "--userns=host", "--mount", f"type=bind,source={tree},target=/m{options}").stdout.split()
    assert (b"below" in out) == below
    assert (b"writable" in out) == writable
    assert (b"top" in out) == ("readonly" not in options.split(",")[:2])


def test_missing_sources(once, refused, tmp_path):
    refused("does not exist", "--mount", f"type=bind,source={tmp_path}/none,target=/m")
    once("touch /m/x", "--mount", f"type=bind,source={tmp_path}/made/here,target=/m,bind-create-src")
    assert (tmp_path / "made" / "here" / "x").exists()


def test_propagation(running, berthctl, tmp_path):
    run("mount", "--bind", tmp_path, tmp_path)
    run("mount", "--make-shared", tmp_path)
    try:
        (tmp_path / "later").mkdir()
        running("-v", f"{tmp_path}:/slave:rslave", "-v", f"{tmp_path}:/private")
        run("mount", "-t", "tmpfs", "berth-test", tmp_path / "later")
        (tmp_path / "later" / "seen").write_text("x")
        name = json.loads(berthctl("list", "--json=short").stdout)[0]["Name"]
        assert berthctl("exec", name, "ls", "/slave/later").stdout == b"seen\n"
        assert berthctl("exec", name, "ls", "/private/later").stdout == b""
    finally:
        run("umount", tmp_path / "later", check=False)
        run("umount", tmp_path)


def test_mount_attributes(once, tmp_path):
    (tmp_path / "script").write_text("#!/bin/sh\necho ran\n")
    (tmp_path / "script").chmod(0o755)
    assert once("/m/script", "-v", f"{tmp_path}:/m").stdout == b"ran\n"
    assert b"ermission" in once("/m/script", "-v", f"{tmp_path}:/m:noexec", check=False).stderr


def test_kernel_file_systems(once):
    """They can't be id-mapped, and need not be."""
    assert once("cat /host/1/comm && ! touch /host/sys/kernel/hostname", "-v", "/proc:/host:ro").stdout


def test_targets(once, refused, tmp_path):
    (tmp_path / "file").write_text("x")
    refused("/proc", "-v", f"{tmp_path}:/proc")
    refused("/proc", "-v", f"{tmp_path}/file:/proc/sysrq-trigger")
    refused("two mounts", "-v", f"{tmp_path}:/m", "--tmpfs", "/m")
    refused("directory", "-v", f"{tmp_path}/file:/etc")
    assert once("cat /proc/uptime", "-v", f"{tmp_path}/file:/proc/uptime").stdout == b"x"
    assert once("cat /a/b/c/file /a/b/file", "-v", f"{tmp_path}:/a/b", "-v", f"{tmp_path}:/a/b/c").stdout == b"xx"


def test_links_in_the_image(berthctl, busybox_image, name, tmp_path):
    """A link of an image leads into the image, and never into /proc."""
    berthctl("run", "--name", name, "--network", "none", busybox_image, "sh", "-c",
             "ln -s /proc /bad && ln -s /../../../../etc /up && ln -s bad /worse && rm -rf /tmp && ln -s /proc/self/cwd /tmp")
    image = f"links-{name}"
    berthctl("commit", name, image)
    berthctl("rm", name)
    for target in ("/bad/sys", "/worse/1", "/tmp"):
        result = berthctl("run", "--rm", "--network", "none", "-v", f"{tmp_path}:{target}", image, "true", check=False)
        assert result.returncode != 0, target
    assert berthctl("run", "--rm", "--network", "none", "-v", f"{tmp_path}:/up/here", image, "ls", "-d", "/etc/here").stdout
    assert not pathlib.Path("/etc/here").exists()
    berthctl("rmi", image)


# --- tmpfs, devpts ---------------------------------------------------------------------------------------

def test_tmpfs(once, refused):
    out = once("stat -c %a /t; df -k /t | tail -1; ! dd if=/dev/zero of=/t/x bs=1k count=2000 2>/dev/null; "
               "grep ' /t ' /proc/mounts", "--mount", "type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770").stdout
    assert out.startswith(b"1770\n") and b" 1024 " in out and b"noexec" in out and b"nosuid" in out
    assert b"uid" in once("grep ' /t ' /proc/mounts; stat -c %u:%g /t", "--tmpfs", "/t:exec,uid=7,gid=8,nr_inodes=10").stdout
    refused("there are size", "--tmpfs", "/t:sizes=1m")
    refused("size", "--tmpfs", "/t:size=large")
    refused("has no option \"rslave\"", "--tmpfs", "/t:rslave")


def test_devpts(once):
    assert once("grep ' /p ' /proc/mounts; ls /p", "--mount", "type=devpts,target=/p,max=5").stdout.startswith(b"devpts /p devpts")


def test_read_only(once, refused, tmp_path):
    once("! touch /x && touch /tmp/x /run/x /var/tmp/x && stat -c %a /tmp", "--read-only", "--read-only-tmpfs")
    once("! touch /tmp/x", "--read-only")
    once("! touch /tmp/x", "--read-only", "--read-only-tmpfs", "-v", f"{tmp_path}:/tmp:ro")
    refused("--read-only", "--read-only-tmpfs")


# --- volumes and images ----------------------------------------------------------------------------------

def test_subpaths(once, refused, volume, name):
    data = volume(f"v-{name}")
    (data / "in" / "side").mkdir(parents=True)
    (data / "in" / "side" / "file").write_text("here")
    (data / "out").symlink_to("/etc")
    (data / "up").symlink_to("../../../../../../etc")
    (data / "fine").symlink_to("in/side")
    mount = f"type=volume,source=v-{name},target=/m,volume-subpath="
    assert once("cat /m/file", "--mount", mount + "in/side").stdout == b"here"
    assert once("cat /m/file", "--mount", mount + "fine").stdout == b"here"
    for link in ("out", "up"):                                     # they end in the volume, which has no such thing
        refused("does not exist", "--mount", mount + link)
    refused("without \"..\"", "--mount", mount + "in/../..")
    refused("relative", "--mount", mount + "/etc")


def test_subpath_race(berthctl, busybox_image, volume, name):
    """A folder of the volume that is a link every other moment: what is mounted is never the host's."""
    data = volume(f"v-{name}")
    (data / "real").mkdir()
    (data / "real" / "mine").write_text("x")
    (data / "link").symlink_to("/etc")
    swapper = subprocess.Popen(["sh", "-c", "while :; do mv -T link x && mv -T real link && mv -T x real; "
                                            "mv -T link x; mv -T real link; mv -T x real; done"], cwd=data)
    try:
        for _ in range(8):
            out = berthctl("run", "--rm", "--network", "none", "--mount",
                           f"type=volume,source=v-{name},target=/m,volume-subpath=link", busybox_image, "ls", "/m", check=False)
            assert b"passwd" not in out.stdout and b"hostname" not in out.stdout
    finally:
        swapper.kill()
        swapper.wait()


def test_volumes_from(once, refused, running, tmp_path, volume, name):
    data = volume(f"v-{name}")
    (data / "file").write_text("volume")
    (tmp_path / "file").write_text("bind")
    source = running("-v", f"{tmp_path}:/b", "-v", f"v-{name}:/v", "--tmpfs", "/t")
    assert once("cat /b/file /v/file; touch /b/new", "--volumes-from", source).stdout == b"bindvolume"
    once("! touch /b/no && ! touch /v/no", "--volumes-from", f"{source}:ro")
    assert once("ls /b", "--volumes-from", source, "--tmpfs", "/b").stdout == b""
    refused("no container", "--volumes-from", "nobody-there")
    refused("none of ro and rw", "--volumes-from", f"{source}:what")


def test_images(berthctl, once, refused, busybox_image, name):
    berthctl("run", "--name", name, "--network", "none", busybox_image, "sh", "-c", "mkdir /two; echo second > /two/file")
    image = f"layers-{name}"
    berthctl("commit", name, image)
    berthctl("rm", name)
    out = once("cat /m/two/file; stat -c %u /m/bin; ! touch /m/x && ! touch /m/two/x", "--mount",
               f"type=image,source={image},target=/m")
    assert out.stdout == b"second\n0\n"
    assert once("cat /m/file", "--mount", f"type=image,source={image},target=/m,image-subpath=two").stdout == b"second\n"
    assert once("/m/busybox echo one", "--mount", f"type=image,source={busybox_image},target=/m,subpath=bin").stdout == b"one\n"
    assert once("cat /m/two/file", "--userns=host", "--mount", f"type=image,source={image},target=/m").stdout == b"second\n"
    refused("nothing-here", "--mount", "type=image,source=nothing-here,target=/m")
    refused("has no", "--mount", f"type=image,source={image},target=/m,subpath=not/there")

    berthctl("create", "--name", name, "--mount", f"type=image,source={image},target=/m", busybox_image, "true")
    result = berthctl("rmi", image, check=False)                   # it is in use
    assert result.returncode != 0 and name.encode() in result.stderr
    berthctl("rm", name)
    berthctl("rmi", image)


def test_storage_size(refused):
    refused("quota", "--storage-opt", "size=10m")


# --- while it runs ---------------------------------------------------------------------------------------

def test_add_and_remove(running, berthctl, tmp_path):
    (tmp_path / "file").write_text("live")
    name = running()
    berthctl("mount", "add", name, f"{tmp_path}:/m:ro", f"type=tmpfs,target=/t,tmpfs-size=1m")
    assert berthctl("exec", name, "cat", "/m/file").stdout == b"live"
    berthctl("exec", name, "sh", "-c", "! touch /m/x && touch /t/x && stat -c %u /m/file | grep -x 0")
    listed = json.loads(berthctl("mount", "ls", "--json=short", name).stdout)
    assert [m["Target"] for m in listed] == ["/m", "/t"] and not listed[0]["Temporary"]
    table = berthctl("mount", "ls", name).stdout.decode()
    assert "TARGET" in table and "tmpfs" in table and str(tmp_path) in table
    assert berthctl("mount", "ls", "-q", name).stdout == b"/m\n/t\n"

    for wrong, says in ((f"{tmp_path}:/m", b"already"), (f"{tmp_path}/none:/n:what", b"there are"),
                        (f"{tmp_path}:/proc/x", b"/proc"), (f"type=bind,source={tmp_path}/none,target=/n", b"does not exist")):
        result = berthctl("mount", "add", name, wrong, check=False)
        assert result.returncode == 1 and says in result.stderr, (wrong, result)

    berthctl("restart", "-t", "0", name)                           # it is in the specification
    assert berthctl("exec", name, "cat", "/m/file").stdout == b"live"
    berthctl("mount", "remove", name, "/m", "/t")
    assert berthctl("exec", name, "ls", "/m").stdout == b""
    assert berthctl("mount", "ls", "-q", name).stdout == b""
    result = berthctl("mount", "remove", name, "/m", check=False)
    assert result.returncode == 1 and b"nothing was mounted" in result.stderr


def test_temporary(running, berthctl, tmp_path):
    (tmp_path / "file").write_text("x")
    name = running("-v", f"{tmp_path}:/stays")
    berthctl("mount", "add", "--temporary", name, f"{tmp_path}:/m")
    assert b"temporary" in berthctl("mount", "ls", name).stdout
    berthctl("mount", "remove", "--temporary", name, "/stays")
    assert berthctl("exec", name, "ls", "/stays").stdout == b""
    run("systemctl", "restart", "berthd")
    assert b"/m" in berthctl("mount", "ls", name).stdout            # a next berthd knows it
    berthctl("restart", "-t", "0", name)
    assert berthctl("mount", "ls", "-q", name).stdout == b"/stays\n"
    assert berthctl("exec", name, "ls", "/stays").stdout == b"file\n"
    assert berthctl("exec", name, "ls", "/m").stdout == b""


def test_remove_after_a_new_berthd(running, berthctl, tmp_path):
    name = running("-v", f"{tmp_path}:/m", "--tmpfs", "/t")
    run("systemctl", "restart", "berthd")
    berthctl("mount", "remove", name, "/m", "/t")
    mounts = berthctl("exec", name, "cat", "/proc/mounts").stdout
    assert b" /m " not in mounts and b" /t " not in mounts


def test_image_into_a_running_one(running, berthctl, busybox_image, name):
    running()
    berthctl("exec", name, "sh", "-c", "mkdir /two; echo second > /two/file")
    image = f"layers-{name}"
    berthctl("commit", name, image)
    berthctl("mount", "add", name, f"type=image,source={image},target=/i", f"type=image,source={busybox_image},target=/b",
             f"type=image,source={image},target=/s,subpath=two", "type=devpts,target=/p")
    assert berthctl("exec", name, "cat", "/i/two/file", "/s/file").stdout == b"second\nsecond\n"
    assert berthctl("exec", name, "/b/bin/busybox", "echo", "yes").stdout == b"yes\n"
    berthctl("exec", name, "sh", "-c", "! touch /i/x && ! touch /b/x && [ -e /p/ptmx ]")
    assert berthctl("rmi", image, check=False).returncode != 0
    berthctl("rm", "-f", name)
    berthctl("rmi", image)


def test_stopped(berthctl, busybox_image, name, tmp_path):
    berthctl("create", "--name", name, "--network", "none", busybox_image, "ls", "/m")
    (tmp_path / "file").write_text("x")
    berthctl("mount", "add", name, f"{tmp_path}:/m")
    result = berthctl("mount", "add", "--temporary", name, f"{tmp_path}:/n", check=False)
    assert result.returncode == 1 and b"not running" in result.stderr
    assert berthctl("start", "-a", name).stdout == b"file\n"
    berthctl("mount", "rm", name, "/m")
    assert berthctl("mount", "ls", "-q", name).stdout == b""
    berthctl("rm", name)


def test_masks_are_not_taken_away(running, berthctl, tmp_path):
    """The container makes the path to a mount lead to a mask of /proc."""
    name = running("-v", f"{tmp_path}:/a/sys")
    berthctl("exec", name, "sh", "-c", "mv /a /b && ln -s /proc /a")
    berthctl("mount", "remove", name, "/a/sys")                     # it is gone for the next start, and nothing else is
    assert b" /proc/sys " in berthctl("exec", name, "cat", "/proc/mounts").stdout
    assert b" /b/sys " in berthctl("exec", name, "cat", "/proc/mounts").stdout


def test_live_target_race(running, berthctl, tmp_path):
    """The target's parent is a link into /proc every other moment."""
    name = running()
    berthctl("exec", "-d", name, "sh", "-c", "mkdir /real; while :; do ln -sfn /proc/1 /x; rm /x; mkdir /x; rmdir /x; done")
    for _ in range(6):
        berthctl("mount", "add", "--temporary", name, f"{tmp_path}:/x/attr", check=False)
        mounts = berthctl("exec", name, "cat", "/proc/mounts").stdout
        assert b" /proc/1/" not in mounts
        berthctl("mount", "remove", "--temporary", name, "/x/attr", check=False)


def test_helpers_leave_nothing(running, berthctl, tmp_path):
    name = running()
    shims = set(run("pgrep", "berth-shim").stdout.split())
    for _ in range(3):
        berthctl("mount", "add", name, f"{tmp_path}:/m")
        berthctl("mount", "remove", name, "/m")
    poll(lambda: set(run("pgrep", "berth-shim").stdout.split()) <= shims, what="the helpers' end")


def test_over_dbus(running, berthctl, tmp_path, as_user):
    name = running()
    path = f"/org/berth1/container/{name.replace('-', '_2d')}"
    result = as_user("busctl", "call", "org.berth1", path, "org.berth1.Container", "RemoveMount", "sa{sv}", "/m", "0",
                     check=False)
    assert result.returncode != 0                                   # polkit says no
    result = run("busctl", "call", "org.berth1", path, "org.berth1.Container", "AddMount", "a{sv}a{sv}", "2",
                 "Target", "s", "/m", "Anonymous", "b", "true", "0", check=False)
    assert b"Anonymous" in result.stderr                            # berthd's own business
