"""Break-outs: what an attacker tries from inside a container, each of which must fail (tests/lib/escape.c).

The list is tried with a user namespace and without, where capabilities, masks, the filter of system calls and the device rules
must hold by themselves; as a container's command and as a process of exec.
"""

import hashlib
import json
import os
import pathlib
import re
import subprocess
import tarfile

import pytest
from conftest import TESTS, poll, run

HOST = ("--userns", "host")
CANARY = pathlib.Path("/root/escape-canary")


@pytest.fixture(scope="module")
def escape_tar(busybox_tar, tmp_path_factory):
    """busybox with the attacker's program, and the libraries that berth-shim would need to run inside."""
    folder = tmp_path_factory.mktemp("escape")
    run("gcc", "-std=gnu17", "-O1", "-static", "-o", folder / "escape", TESTS / "lib/escape.c")
    shim = shim_program()
    libraries = re.findall(r"(/\S+) \(0x", run("ldd", shim).stdout.decode())
    target = folder / "rootfs.tar"
    target.write_bytes(busybox_tar.read_bytes())
    with tarfile.open(target, "a") as archive:
        archive.add(folder / "escape", "bin/escape")
        for library in libraries:
            archive.add(os.path.realpath(library), library.lstrip("/"))
        for link, content in (("w/self", "/proc/self/exe"),):
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname = tarfile.SYMTYPE, content
            archive.addfile(entry)
        script = folder / "script"
        script.write_text("#!/proc/self/exe\n")
        script.chmod(0o755)
        archive.add(script, "bin/script")
    return target


@pytest.fixture(scope="module")
def image(escape_tar):
    run("berthctl", "import", escape_tar, "escape:latest")
    yield "escape:latest"
    run("berthctl", "rmi", "--force", "escape:latest", check=False)


@pytest.fixture(autouse=True)
def canary():
    """A file of the host's that no container must see, and what none must change."""
    CANARY.write_text("the host's own\n")
    watched = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/tty", "/etc/passwd", "/etc/hosts", shim_program())
    before = {path: (os.stat(path).st_mode, os.stat(path).st_uid, os.stat(path).st_gid) for path in watched}
    core_pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text()
    digest = hashlib.sha256(shim_program().read_bytes()).digest()
    yield CANARY
    CANARY.unlink()
    assert {path: (os.stat(path).st_mode, os.stat(path).st_uid, os.stat(path).st_gid) for path in watched} == before
    assert pathlib.Path("/proc/sys/kernel/core_pattern").read_text() == core_pattern
    assert hashlib.sha256(shim_program().read_bytes()).digest() == digest


def shim_program():
    return next(path for path in map(pathlib.Path, ("/usr/lib/berth/berth-shim", "/usr/libexec/berth-shim", "/usr/lib/berth-shim"))
                if path.exists())


@pytest.fixture
def start(berthctl, name):
    """start(image, *command, options=…): a container in the background, with the test's name."""
    def detached(image, *command, options=()):
        berthctl("run", "-d", "--network", "none", "--name", name, *options, image, *command)
        return name
    yield detached
    berthctl("rm", "--force", name, check=False)


def logs(name):
    return run("berthctl", "logs", name).stdout.decode(errors="replace")


# --- the list ----------------------------------------------------------------------------------------------

def check_attempts(output):
    lines = output.decode().splitlines()
    assert len(lines) > 70 and re.fullmatch(r"\d+ attempts", lines[-1]), lines
    through = [line for line in lines if "LET THROUGH" in line or "can be written" in line or "is open" in line]
    assert not through, "\n".join(through)


@pytest.mark.parametrize("options", [(), HOST, ("--init",), ("--network", "host"), (*HOST, "-u", "1000")], ids=" ".join)
def test_attempts(berthctl, image, options):
    network = () if "--network" in options else ("--network", "none")
    check_attempts(berthctl("run", "--rm", *network, *options, image, "escape", "attempts").stdout)


@pytest.mark.parametrize("options", [(), HOST], ids=["own ids", "host ids"])
def test_attempts_of_an_exec(berthctl, image, start, options):
    container = start(image, "sleep", "1000", options=options)
    check_attempts(berthctl("exec", container, "escape", "attempts").stdout)
    # Without a user namespace these are nodes of the container's own: the canary fixture looks at the host's.
    berthctl("exec", container, "chmod", "600", "/dev/null", "/dev/zero", "/dev/tty", check=False)
    berthctl("exec", container, "chown", "1000:1000", "/dev/full", "/dev/random", check=False)


# --- processes that come in from outside ---------------------------------------------------------------------

NOT_CLOSED = pytest.mark.xfail(strict=False, reason="with the host's ids, CAP_SYS_PTRACE reaches a process of exec before it has "
                                                   "joined the mount namespace: it is born into the pid namespace first")


@pytest.mark.parametrize("options", [
    (), HOST, ("--cap-add", "SYS_PTRACE"), pytest.param((*HOST, "--cap-add", "SYS_PTRACE"), marks=NOT_CLOSED)], ids=" ".join)
def test_newcomers(berthctl, image, start, options):
    """The first process looks into whatever exec brings, which is the host's program until it is replaced."""
    container = start(image, "escape", "newcomers", options=options)
    poll(lambda: "watching" in logs(container))
    running = [subprocess.Popen(["sh", "-c", f"for i in $(seq 15); do berthctl exec {container} true; done"]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0] * 3
    seen = logs(container)
    assert "seen 40" in seen and "GOT" not in seen, "\n".join(line for line in seen.splitlines() if "GOT" in line)


@pytest.mark.parametrize("options", [(), HOST], ids=["own ids", "host ids"])
def test_the_program_is_not_overwritten(berthctl, image, start, options):
    """CVE-2019-5736: the command of an exec is the host's program itself, and is opened while it runs."""
    container = start(image, "escape", "newcomers", options=options)
    poll(lambda: "watching" in logs(container))
    for _ in range(3):
        for command in (("/proc/self/exe", "hold"), ("/w/self", "hold"), ("/bin/script",)):
            subprocess.run(["timeout", "1", "berthctl", "exec", container, *command], check=False, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
    assert "GOT the program" not in logs(container)
    berthctl("exec", container, "sh", "-c", "! echo x 2>/dev/null > /proc/1/root/proc/self/exe || true")


# --- working directories ---------------------------------------------------------------------------------------

def test_working_directories(berthctl, image, start):
    """CVE-2024-21626: a descriptor that was left open as the working directory."""
    look = "cat ../../../../../../root/escape-canary ../../../../../../../etc/berth-host 2>/dev/null; readlink /proc/self/cwd"
    container = start(image, "sh", "-c", "for n in 3 4 5 6 7 8 9; do ln -s /proc/self/fd/$n /tmp/$n; done; sleep 1000")
    for n in (3, 4, 5, 6, 7, 8, 9):
        for path in (f"/proc/self/fd/{n}", f"/tmp/{n}", f"/proc/self/fd/{n}/../../.."):
            for command in (("exec", "-w", path, container), ("run", "--rm", "--network", "none", *HOST, "-w", path, image)):
                if command[0] == "run" and n > 5:
                    continue
                result = berthctl(*command, "sh", "-c", look, check=False)
                assert b"host's own" not in result.stdout and b"unreachable" not in result.stdout, (command, result)
                assert result.returncode == 125 or result.stdout.startswith(b"/"), (command, result)


# --- links that change while they are followed -------------------------------------------------------------------

def test_copies_stay_inside(berthctl, image, start, tmp_path):
    """CVE-2018-15664: a folder that becomes a link to / while it is copied from or to."""
    outside = pathlib.Path("/root/escape-outside")
    (tmp_path / "root").mkdir()
    (tmp_path / "root/escape-outside").write_text("of the attacker")
    container = start(image, "sh", "-c", "mkdir -p /w/a/root && echo inside > /w/a/root/escape-canary && ln -s / /w/b && "
                      "mkdir -p /root && exec escape swap /w/a /w/b", options=HOST)
    poll(lambda: "swapping" in logs(container))
    for _ in range(25):
        berthctl("cp", f"{tmp_path}/root", f"{container}:/w/a/", check=False)
        assert not outside.exists()
        got = berthctl("cp", f"{container}:/w/a/root/escape-canary", "-", check=False).stdout
        assert b"host's own" not in got
    target = tmp_path / "target"
    for _ in range(10):
        target.mkdir(exist_ok=True)
        berthctl("cp", f"{container}:/w/.", target, check=False)
        found = [path for path in target.rglob("escape-canary") if not path.is_symlink() and "host's own" in path.read_text()
                 and path.resolve().is_relative_to(target)]
        assert not found
        run("rm", "-rf", target)
    assert CANARY.read_text() == "the host's own\n" and not outside.exists()


# --- what the host reads of a container -----------------------------------------------------------------------------

def test_deep_folders(berthctl, image, start, tmp_path):
    """Deeper than a path may be long, and than a process may have files open: it can be looked at and removed."""
    container = start(image, "sh", "-c", "mkdir /tmp/t && cd /tmp/t && escape deep 5000 && echo made && sleep 1000")
    poll(lambda: "made" in logs(container), 30)
    assert berthctl("diff", container, check=False, timeout=100).returncode in (0, 1)
    assert berthctl("export", "-o", tmp_path / "x.tar", container, check=False, timeout=100).returncode in (0, 1)
    berthctl("rm", "--force", container)
    poll(lambda: not [path for path in os.listdir("/var/lib/berth/containers") if path.startswith(".tmp-")], 60, "the removal")


def test_log_lines_forge_nothing(berthctl, image, start):
    script = r"printf 'one\nMESSAGE=forged\nCONTAINER_NAME=other\n_PID=1\n\000\001\033[31m two\rthree\n'; head -c 100000 /dev/zero"
    container = start(image, "sh", "-c", script)
    berthctl("wait", container)
    poll(lambda: run("journalctl", "--sync", check=False) and b"three" in run("berthctl", "logs", container).stdout)
    entries = [json.loads(line) for line in
               run("journalctl", "-o", "json", "--all", f"CONTAINER_NAME={container}").stdout.splitlines()]
    assert len(entries) >= 5
    for entry in entries:
        assert entry["CONTAINER_NAME"] == container and entry["_COMM"] == "berth-shim", entry
    assert not run("journalctl", "-o", "cat", "CONTAINER_NAME=other", check=False).stdout


def test_first_process_that_is_not_what_it_was(berthctl, image, start):
    """Its name and arguments are its own to choose; what lists them stays whole, and on one line each."""
    name = r"$(printf 'x\033[2J\nroot')"
    container = start(image, "sh", "-c", f'cp /bin/busybox "/tmp/{name}"; ln -s "/tmp/{name}" /tmp/sleep; '
                      f'exec /tmp/sleep 1000 "$(head -c 100000 /dev/zero | tr "\\000" a)"')
    for verb in (("top", container), ("list",), ("inspect", container)):
        shown = berthctl(*verb, check=False, timeout=20).stdout
        assert b"\033" not in shown, (verb, shown[:200])


# --- what there is of the host's to reach ---------------------------------------------------------------------------

def test_sockets_of_the_host(berthctl, image, start):
    """Abstract sockets belong to a network namespace: berth has none, and its others are for root."""
    container = start(image, "sleep", "1000", options=HOST)
    assert container
    inodes = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if not pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("berth"):
                continue
            for fd in os.listdir(f"/proc/{pid}/fd"):
                inodes.update(re.findall(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{fd}")))
        except FileNotFoundError:
            continue
    listening = [line.split() for line in pathlib.Path("/proc/net/unix").read_text().splitlines() if " 00010000 " in line]
    ours = [words for words in listening if words[6] in inodes]
    assert ours and not [words for words in ours if len(words) < 8 or words[7].startswith("@")]
    for folder in ("/run/berth/containers", "/var/lib/berth"):
        assert os.stat(folder).st_mode & 0o077 == 0


def test_containers_do_not_share_ids(berthctl, image, start, name):
    """Nor can one send signals to the other's processes, or look at them."""
    container = start(image, "sleep", "1000")
    other = f"{name}-other"
    berthctl("run", "-d", "--network", "none", "--name", other, image, "sleep", "1000")
    try:
        uids = set()
        for one in (container, other):
            leader = json.loads(berthctl("inspect", one).stdout)
            leader = leader[0] if isinstance(leader, list) else leader
            pid = re.search(r'"(?:Pid|Leader|PID)": *(\d+)', json.dumps(leader))[1]
            uids.add(os.stat(f"/proc/{pid}").st_uid)
        assert len(uids) == 2 and 0 not in uids and min(abs(a - b) for a in uids for b in uids - {a}) >= 65536
    finally:
        berthctl("rm", "--force", other)


# To what it is already, so that a hole in the fence harms nobody.
CORE_PATTERN = f"core_pattern={pathlib.Path('/proc/sys/kernel/core_pattern').read_text().strip()}"


@pytest.mark.parametrize("sysctl", [f"kernel.{CORE_PATTERN}", f"net/../kernel/{CORE_PATTERN}", "net.ipv4.../.../kernel=1", "vm.swappiness=1",
                                    "kernel/../vm/swappiness=1"])
def test_sysctls_of_the_host(berthctl, image, sysctl):
    result = berthctl("run", "--rm", "--network", "none", *HOST, "--sysctl", sysctl, image, "true", check=False)
    assert result.returncode not in (0, 127), result
