"""What tests/host and its supervisor share: where test hosts live on disk and in the cgroup tree.

A host NAME is the folder BASE/NAME:

    lock        held (flock) by its supervisor for as long as the host exists; when nobody holds it,
                what is left of the host is garbage, and the next `tests/host` sweeps it
    pid         "PID BOOT" of its systemd while that runs, and how many boots it has had
    ready       the number of the boot that was waited for
    ended       the number of the last boot that ended
    cgroup      the folder of its cgroup, written before that is made
    links       the other ends of its network links
    supervisor  the pid of its supervisor         console, log  what PID 1 and the supervisor wrote
    upper work root state lowers install.tar      see host-init
"""

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import time

BASE = pathlib.Path(os.environ.get("BERTH_TEST_DIR") or "/var/tmp/berth-hosts").absolute()
LIB = pathlib.Path(__file__).resolve().parent
CHECKOUT = LIB.parent.parent

# File systems that an overlay's upper layer can't be on, or not with all that containers need.
UNFIT = {"overlayfs", "tmpfs", "ramfs", "nfs", "fuseblk", "fuse", "v9fs", "9p", "virtiofs", "cifs", "smb2", "squashfs"}
DISKS = {"ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "zfs", "bcachefs"}


class HostError(Exception):
    """Something that the user must know, in words for the user."""


def become_root(program, *arguments):
    """Starts the program over, with sudo; what the caller set for the tests goes along."""
    try:
        os.execvp("sudo", ["sudo", "--preserve-env=BERTH_TEST_DIR,BERTH_BUILD,TERM", "--", program, *arguments])
    except OSError as error:
        raise SystemExit(f"{os.path.basename(program)}: this needs root, and sudo can't be run: {error.strerror}") from None


def host_dir(name):
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name):
        raise HostError(f'"{name}" is not a name for a host: use up to 40 of a-z, 0-9 and "-"')
    return BASE / name


def read(path, default=""):
    try:
        return path.read_text()
    except OSError:
        return default


def write(path, text):
    """Readers see the old or the new text, never half of it."""
    new = path.with_name(f".{path.name}.new")
    new.write_text(text)
    new.rename(path)


def prepare_base():
    BASE.mkdir(mode=0o700, parents=True, exist_ok=True)
    kind = subprocess.run(["stat", "-f", "-c", "%T", BASE], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    if kind in UNFIT:
        raise HostError(f"{BASE} is on {kind}, which can't hold the layers of containers:"
                        " set BERTH_TEST_DIR to a folder on ext4, xfs or btrfs")


@contextlib.contextmanager
def base_lock():
    """Held while a host's folder is made or swept, so that a half-made one is not taken for garbage."""
    fd = os.open(BASE / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def try_lock(folder, create=False):
    """The file descriptor of the host's lock, None if somebody holds it; a missing lock is an OSError."""
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return fd
    except BlockingIOError:
        os.close(fd)
        return None


def is_alive(folder):
    try:
        fd = try_lock(folder)
    except OSError:
        return False
    if fd is not None:
        os.close(fd)
    return fd is None


def pid_and_boot(folder):
    """Of the host's systemd as the machine numbers it; None when none runs."""
    fields = read(folder / "pid").split()
    return (int(fields[0]), int(fields[1])) if len(fields) == 2 else None


def mounts():
    """(fstype, mount point, root within the file system) of every mount here."""
    for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines():
        left, right = line.split(" - ")
        fields = left.split()
        point = fields[4].encode().decode("unicode_escape")
        yield right.split()[0], pathlib.Path(point), fields[3]


def lower_mounts():
    """File systems that a machine may keep apart from its root (/usr, /var, /home, …)."""
    roots = [str(point) for fstype, point, _ in mounts() if fstype in DISKS]
    kept = []
    for point in dict.fromkeys(roots):
        apart = ("/", "/boot", "/mnt", "/media", "/run", "/tmp", "/dev", "/var/tmp", "/var/lib", "/var/log")
        if point == "/" or point.startswith(tuple(f"{p}/" for p in apart[1:])) or point in apart:
            continue
        if os.path.isdir(point) and ":" not in point and "," not in point and not str(BASE).startswith(point + "/upper"):
            kept.append(point)
    return kept


def cgroup_mount():
    for fstype, point, root in mounts():
        if fstype == "cgroup2" and root == "/":
            return point
    raise HostError("no cgroup v2 tree is mounted on this machine")


def own_cgroup():
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        if line.startswith("0::/"):
            return cgroup_mount() / line[4:]
    raise HostError("this process is in no cgroup v2")


def remove_cgroup(cgroup):
    """Kills what is in the cgroup and removes it; gives up after a few seconds, and says whether it went."""
    deadline = time.monotonic() + 5
    while cgroup.exists():
        with contextlib.suppress(OSError):
            (cgroup / "cgroup.kill").write_text("1")
        for folder, _, _ in os.walk(cgroup, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        if time.monotonic() > deadline:
            return False
        if cgroup.exists():
            time.sleep(0.01)
    return True


def remove_folder(folder):
    """The lock goes last: as long as it is there and held, nobody sweeps."""
    for entry in folder.iterdir():
        if entry.name == "lock":
            continue
        if entry.is_dir() and not entry.is_symlink():
            subprocess.run(["rm", "-rf", "--one-file-system", "--", entry], check=False)
        else:
            entry.unlink()
    (folder / "lock").unlink(missing_ok=True)
    folder.rmdir()


def remove_remains(folder):
    """All that a host whose processes are gone, or must go, has outside its namespaces."""
    recorded = read(folder / "cgroup").strip()
    if recorded and "berth-test" in recorded:
        remove_cgroup(pathlib.Path(recorded))
    remove_folder(folder)


def sweep():
    """Removes what hosts left behind whose supervisor was killed. The caller holds base_lock."""
    for folder in BASE.iterdir():
        if not folder.is_dir():
            continue
        try:
            fd = try_lock(folder, create=True)
        except FileNotFoundError:
            continue
        if fd is None:
            continue
        try:
            remove_remains(folder)
        except OSError:
            pass    # being removed by its supervisor at this moment, or a later sweep tries again
        finally:
            os.close(fd)


def install_archive(build, folder):
    """Installs a meson build below the host's folder and packs it, so that host and machine never mix."""
    if not (build / "meson-private").is_dir():
        raise HostError(f"{build} is not a build folder: `meson setup {build} && meson compile -C {build}` first")
    stage = folder / "stage"
    owner = build.stat()
    # Python's own escape from "import meson from the checkout" is not needed; meson is a program here.
    result = subprocess.run(["meson", "install", "-C", build, "--destdir", stage, "--no-rebuild", "--quiet"],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if result.returncode:
        raise HostError(f"cannot install {build} (is it compiled?):\n{result.stdout.strip()}")
    with contextlib.suppress(OSError):      # root must not lock a user out of the user's own build
        os.chown(build / "meson-logs" / "install-log.txt", owner.st_uid, owner.st_gid)
    archive = folder / "install.tar"
    stage.mkdir(exist_ok=True)
    subprocess.run(["tar", "-c", "-f", archive, "-C", stage, "--owner=0", "--group=0", "."], check=True)
    shutil.rmtree(stage)
    return archive
