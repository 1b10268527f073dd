"""Images made to lead the host astray: links, devices, pipes and nonsense where berth itself looks.

Each is started with its own ids and with the host's. Either it runs, and then inside its own root, or it is refused at once.
"""

import io
import os
import pathlib
import stat
import tarfile

import pytest
from conftest import run

MODES = ((), ("--userns", "host"))
SECRET = "escape-canary-user:x:0:0::/:/bin/sh\n"
CANARY = pathlib.Path("/root/escape-canary-file")


@pytest.fixture
def canary():
    CANARY.write_text(SECRET)
    watched = ("/etc/passwd", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev/null")
    before = {path: (os.stat(path).st_mode, os.stat(path).st_mtime_ns if path != "/dev/null" else 0) for path in watched
              if os.path.exists(path)}
    root = set(os.listdir("/"))
    yield
    assert CANARY.read_text() == SECRET
    CANARY.unlink()
    assert {path: (os.stat(path).st_mode, os.stat(path).st_mtime_ns if path != "/dev/null" else 0) for path in before} == before
    assert set(os.listdir("/")) == root


def entry(name, kind, target="", device=(0, 0), mode=0o755):
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode = kind, target, mode
    made.devmajor, made.devminor = device
    return made


def link(name, target):
    return entry(name, tarfile.SYMTYPE, target)


@pytest.fixture
def make_image(busybox_tar, tmp_path, name):
    """make_image(*entries, **{"etc/passwd": b"…"}): busybox with these in the place of its own."""
    def make(*entries, files=None):
        files = files or {}
        replaced = {one.name for one in entries} | set(files)
        target = tmp_path / "rootfs.tar"
        with tarfile.open(busybox_tar) as old, tarfile.open(target, "w") as new:
            for one in old:
                plain = one.name.removeprefix("./")
                if not any(plain == path or plain.startswith(path + "/") for path in replaced):
                    new.addfile(one, old.extractfile(one) if one.isfile() else None)
            for one in entries:
                new.addfile(one)
            for path, content in files.items():
                one = tarfile.TarInfo(path)
                one.size, one.mode = len(content), 0o644
                new.addfile(one, io.BytesIO(content))
        run("berthctl", "import", target, f"{name}:latest")
        return f"{name}:latest"
    yield make
    run("berthctl", "rmi", "--force", f"{name}:latest", check=False)


def start(image, *command, options=()):
    """At most 15 s: nothing of an image's may hold the start up."""
    return run("berthctl", "run", "--rm", "--network", "none", *options, image, *command, check=False, timeout=15)


@pytest.mark.parametrize("folder", ["proc", "sys", "dev"])
@pytest.mark.parametrize("target", ["/tmp", "../../../../..", "/proc/self/root/tmp", "/etc/passwd"])
def test_system_folders_that_are_links(make_image, canary, folder, target):
    """What is masked is found by these names: nothing else may be there."""
    image = make_image(link(folder, target))
    for options in (*MODES, ("-t",)):
        result = start(image, "cat", "/proc/sys/kernel/core_pattern", options=options)
        assert result.returncode == 125, result
        if "-t" not in options:
            assert f"/{folder}".encode() in result.stderr and result.stderr.count(b"\n") == 1, result


ACCOUNTS = {
    "absolute link": link("etc/passwd", str(CANARY)),
    "relative link": link("etc/passwd", f"../../../../../..{CANARY}"),
    "magic link": link("etc/passwd", f"/proc/1/root{CANARY}"),
    "magic link to a descriptor": link("etc/passwd", "/proc/self/fd/3"),
    "loop": link("etc/passwd", "passwd"),
    "pipe": entry("etc/passwd", tarfile.FIFOTYPE),
    "folder": entry("etc/passwd", tarfile.DIRTYPE),
    "watchdog": entry("etc/passwd", tarfile.CHRTYPE, device=(10, 130)),
    "disk": entry("etc/passwd", tarfile.BLKTYPE, device=(8, 0)),
    "zero": entry("etc/passwd", tarfile.CHRTYPE, device=(1, 5)),
    "link to a device": link("etc/passwd", "/dev/zero"),
    "group is a pipe": entry("etc/group", tarfile.FIFOTYPE),
    "etc is a link": link("etc", "../../../../../etc"),
}


@pytest.mark.parametrize("what", ACCOUNTS)
def test_accounts(make_image, canary, what):
    image = make_image(ACCOUNTS[what])
    for options in MODES:
        result = start(image, "id", options=(*options, "-u", "escape-canary-user"))
        assert result.returncode == 125 and result.stdout == b"" and result.stderr.count(b"\n") == 1, result


@pytest.mark.parametrize("content, user, status", [
    (b"u:x:7:7::/:/bin/sh\na\0b:x:0:0::/:/bin/sh\n", "u", 0),
    (b"u" * 100000 + b":x:0:0::/:/bin/sh\nu:x:7:7::/:/bin/sh\n", "u", 0),
    (b"u:x:4294967296:0::/:/bin/sh\n", "u", 125),
    (b"u:x:-1:0::/:/bin/sh\n", "u", 125),
    (b"u:x:4294967295:0::/:/bin/sh\n", "u", 125),
    (b":::::::\n" * 1000 + b"u:x:7:7::/:/bin/sh", "u", 0),
    (b"u:x:7:7::" + b"/h" * 5000 + b":\n", "u", 0),
    (b"x" * (40 << 20), "u", 125),
], ids=lambda value: str(len(value)) if isinstance(value, bytes) else str(value))
def test_account_files(make_image, canary, content, user, status):
    result = start(make_image(files={"etc/passwd": content}), "id", "-u", options=("-u", user))
    assert result.returncode == status and (status or result.stdout == b"7\n"), (result.returncode, result.stderr[:300])


def test_files_that_berth_puts_there(make_image, canary):
    """/etc/hosts and its like are mounted: on what a link leads to inside, never outside."""
    image = make_image(link("etc/hosts", f"../../../../../..{CANARY}"), link("etc/resolv.conf", "/proc/1/root/etc/resolv.conf"),
                       link("etc/hostname", "/tmp/made/by/berth"))
    for options in MODES:
        result = run("berthctl", "run", "--rm", *options, image, "sh", "-c", f"cat {CANARY} /tmp/made/by/berth", check=False, timeout=15)
        assert b"escape-canary-user" not in result.stdout
    image = make_image(entry("etc/hosts", tarfile.FIFOTYPE), entry("etc/resolv.conf", tarfile.DIRTYPE), link("etc/hostname", "hostname"))
    for options in MODES:
        result = run("berthctl", "run", "--rm", *options, image, "true", check=False, timeout=15)
        assert result.returncode in (0, 125)


@pytest.mark.parametrize("target", ["/", "../../../../../..", "/proc/self/fd/3", "/proc/self/fd/8", "/proc/1/root", "/proc/self/cwd",
                                    "loop", "/etc/passwd", "/dev/null"])
def test_working_directory_that_is_a_link(make_image, canary, target):
    image = make_image(link("loop", target))
    for options in MODES:
        result = start(image, "sh", "-c", f"cat ./{CANARY} ../../../../..{CANARY}; pwd -P", options=(*options, "-w", "/loop"))
        assert result.returncode == 125 or result.stdout == b"/\n", result


def test_mount_targets_that_are_links(make_image, canary, tmp_path):
    """A bind goes where the link leads inside; /proc stays what it is."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "core_pattern").write_text("forged")
    image = make_image(link("out", "../../../../../../root"), link("abs", "/tmp"), link("proclink", "/proc"), link("sysk", "/proc/sys/kernel"))
    for options in MODES:
        for target in ("/out", "/abs", "/out/../out/x"):
            result = start(image, "sh", "-c", f"test ! -e {CANARY} && grep -c . /proc/mounts >/dev/null",
                           options=(*options, "-v", f"{source}:{target}"))
            assert result.returncode == 0, (target, result)
        for target in ("/proclink", "/sysk", "/proc/sys/kernel", "/proc/self/attr", "/proc", "/proclink/self"):
            result = start(image, "true", options=(*options, "-v", f"{source}:{target}"))
            assert result.returncode == 125, (target, result)
    assert stat.S_ISDIR(os.stat("/root").st_mode) and (source / "core_pattern").read_text() == "forged"


def test_null_that_is_a_link(make_image, canary, tmp_path):
    """CVE-2025-31133: what covers a masked file is not what a volume over /dev calls null."""
    source = tmp_path / "dev"
    source.mkdir()
    (source / "null").symlink_to(CANARY)
    (source / "pts").mkdir()
    image = make_image()
    for options in MODES:
        result = start(image, "sh", "-c", "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null", options=(*options, "-v", f"{source}:/dev"))
        assert b"escape-canary-user" not in result.stdout and SECRET.encode() not in result.stderr, result


@pytest.mark.parametrize("command", ["/dev/null", "/dev/zero", "/etc", "/pipe", "/node", "/loop", "/proc/self/mem", "/proc/self/fd/3"])
def test_commands_that_are_none(make_image, canary, command):
    image = make_image(entry("pipe", tarfile.FIFOTYPE), link("loop", "loop"), entry("node", tarfile.BLKTYPE, device=(8, 0)))
    for options in MODES:
        result = start(image, command, options=options)
        assert result.returncode in (125, 126, 127) and result.stderr.count(b"\n") == 1, result


def test_smuggled_devices(make_image, canary):
    """Nodes of a layer are there, but what is behind them is not for the container."""
    image = make_image(*[entry(f"node-{kind}{major}-{minor}", tarfile.BLKTYPE if kind == "b" else tarfile.CHRTYPE, device=(major, minor), mode=0o666)
                         for kind, major, minor in (("b", 8, 0), ("b", 7, 0), ("b", 254, 0), ("c", 1, 1), ("c", 1, 11), ("c", 10, 130))])
    for options in MODES:
        result = start(image, "sh", "-c", "for n in /node-*; do head -c 1 $n 2>&1; done", options=options)
        lines = result.stdout.decode().splitlines()
        assert len(lines) == 6 and all("ermission denied" in line or "not permitted" in line for line in lines), result


def test_text_that_controls_a_terminal(make_image, name):
    """Nothing of an image's gets to the terminal as it is."""
    image = make_image()
    evil = "x\033]0;title\007\033[2Jy\u009bz"
    result = start(image, f"/{evil}", options=())
    assert result.returncode == 127 and b"\033" not in result.stderr and b"\007" not in result.stderr, result
    run("berthctl", "create", "--name", name, "--label", f"l={evil}", image, f"/{evil}", check=False)
    try:
        for verb in (("list", "--all"), ("inspect", name), ("images",), ("history", image)):
            shown = run("berthctl", *verb, check=False).stdout
            assert b"\033" not in shown and b"\007" not in shown, (verb, shown)
    finally:
        run("berthctl", "rm", "--force", name, check=False)
