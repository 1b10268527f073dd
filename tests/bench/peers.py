"""The container managers that are measured, each as command lines of its own."""

import contextlib
import os
import pathlib
import signal
import subprocess
import time

IMAGE = "bench-busybox:latest"


class Failure(Exception):
    """Something did not work; in words, for the report."""


def call(*command, timeout=300, check=True):
    """Runs a command to its end and returns its output."""
    try:
        result = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=timeout, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failure(f"{command[0]}: {error}") from error
    if check and result.returncode:
        said = (result.stderr or result.stdout).decode(errors="replace").strip()
        raise Failure(f"{' '.join(map(str, command))[:120]}: exit status {result.returncode}: {said[-300:]}")
    return result.stdout.decode(errors="replace")


def timed(*command, timeout=600):
    """Seconds from spawning the command to its end, with as little of Python's own in between as possible."""
    argv = [str(word) for word in command]
    nothing, said = os.open("/dev/null", os.O_RDWR), os.memfd_create("stderr")
    actions = [(os.POSIX_SPAWN_DUP2, nothing, 0), (os.POSIX_SPAWN_DUP2, nothing, 1), (os.POSIX_SPAWN_DUP2, said, 2)]
    try:
        signal.alarm(timeout)
        started = time.perf_counter()
        pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=actions)
        try:
            _, status = os.waitpid(pid, 0)
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise
        took = time.perf_counter() - started
        if status:
            text = os.pread(said, 4096, 0).decode(errors="replace").strip()
            raise Failure(f"{' '.join(argv)[:120]}: exit status {os.waitstatus_to_exitcode(status)}: {text[-300:]}")
        return took
    except OSError as error:
        raise Failure(f"{argv[0]}: {error.strerror}") from error
    finally:
        signal.alarm(0)
        os.close(nothing)
        os.close(said)


def processes():
    """(pid, comm, cgroup) of every process."""
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                cgroups = (folder / "cgroup").read_text().splitlines()
                cgroup = next((line[3:] for line in cgroups if line.startswith("0::")), "")
                yield int(folder.name), (folder / "comm").read_text().strip(), cgroup


def pss(pids):
    """Bytes: each page shared out among the processes that have it."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


class Peer:
    """A manager with a command line in the manner of Docker's."""

    name = ""
    program = ""
    global_options = ()
    run_options = ()
    log_options = ("--log-driver", "journald")
    units = ()          # what to restart

    def command(self, *words):
        return [self.program, *self.global_options, *words]

    def prepare(self, rootfs_tar):
        """Starts it, and gives it IMAGE."""
        for unit in self.units:
            call("systemctl", "start", unit)
        call(*self.command("import", rootfs_tar, IMAGE))
        call(*self.run(False, "true"))      # warm

    def run(self, network, *command, name=None, detach=False, remove=True, logs=False):
        options = [*self.run_options, *(self.log_options if logs else ())]
        if not network:
            options += ["--network", "none"]
        if name:
            options += ["--name", name]
        if detach:
            options += ["-d"]
        if remove:
            options += ["--rm"]
        return self.command("run", *options, IMAGE, *command)

    def create(self, name):
        return self.command("create", *self.run_options, "--name", name, IMAGE, "sleep", "3600")

    def start(self, name):
        return self.command("start", name)

    def stop(self, name):
        return self.command("stop", "-t", "0", name)

    def remove(self, *names):
        return self.command("rm", "-f", *names)

    def exec(self, name, *command):
        return self.command("exec", name, *command)

    def list(self, everything=False):
        return self.command("ps", *(["-a"] if everything else []))

    def running(self):
        return call(*self.command("ps", "-q")).split()

    def wait(self, name):
        return self.command("wait", name)

    def pull(self, reference):
        return self.command("pull", reference)

    def load(self, archive):
        return self.command("load", "-i", archive)

    def push(self, reference, target):
        """The command to push; what it takes to name the image is done."""
        call(*self.command("tag", reference, target))
        return self.command("push", target)

    def remove_image(self, reference):
        """Returns when its layers are gone, or the next pull would be none."""
        call(*self.command("rmi", reference))

    def logged_lines(self, name):
        """(lines in the manager's own view, lines in the journal)"""
        call("journalctl", "--sync")
        return count_lines(*self.command("logs", name)), count_lines("journalctl", "-q", "-o", "cat", f"CONTAINER_NAME={name}")

    def is_overhead(self, comm, cgroup):
        """This process is the manager's, and not a container's."""
        raise NotImplementedError

    def memory(self):
        """{"manager": bytes, "per-container": bytes} of all its processes."""
        manager = [pid for pid, comm, cgroup in processes() if self.is_overhead(comm, cgroup) == "manager"]
        beside = [pid for pid, comm, cgroup in processes() if self.is_overhead(comm, cgroup) == "beside"]
        return {"manager": pss(manager), "beside": pss(beside)}


def count_lines(*command):
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        return sum(block.count(b"\n") for block in iter(lambda: process.stdout.read(1 << 20), b""))


class Berth(Peer):
    name = "berth"
    program = "berthctl"
    log_options = ()
    units = ("berthd.service",)

    def remove(self, *names):
        return self.command("rm", "--force", *names)

    def remove_image(self, reference):
        super().remove_image(reference)
        layers, deadline = pathlib.Path("/var/lib/berth/layers"), time.monotonic() + 120
        while len([layer for layer in layers.iterdir() if not layer.name.startswith(".")]) > 1:     # IMAGE's
            if time.monotonic() > deadline:
                raise Failure("the layers of a removed image stay")
            time.sleep(0.1)

    def is_overhead(self, comm, cgroup):
        if "/berthd.service" in cgroup:
            return "manager"
        return "beside" if "/berth-shims.service" in cgroup else None


class Docker(Peer):
    name = "docker"
    program = "/usr/bin/docker"
    units = ("docker.service",)

    def is_overhead(self, comm, cgroup):
        if comm in ("dockerd", "containerd"):
            return "manager"
        return "beside" if comm.startswith(("containerd-shim", "docker-proxy")) else None


class Podman(Peer):
    name = "podman"
    program = "podman"
    global_options = ("--runtime", "runc")
    run_options = ("--pids-limit", "0", "--ulimit", "host", "--pull", "never")

    def create(self, name):
        return self.command("create", *self.run_options, "--name", name, IMAGE, "sleep", "3600")

    def remove(self, *names):
        return self.command("rm", "-f", "-t", "0", *names)

    def pull(self, reference):
        return self.command("pull", "--tls-verify=false", reference)

    def push(self, reference, target):
        return self.command("push", "--tls-verify=false", reference, target)

    def is_overhead(self, comm, cgroup):
        return "beside" if comm == "conmon" else None


class Nspawn(Peer):
    """Only runs: it has no images, and no way to run something else in a container."""

    name = "nspawn"
    program = "systemd-nspawn"
    bridge = "bench-br0"

    def __init__(self, folder):
        self.root = folder / "root"

    def prepare(self, rootfs_tar):
        (self.root / "usr").mkdir(parents=True, exist_ok=True)     # or it would not be an OS tree to nspawn
        call("tar", "-xf", rootfs_tar, "-C", self.root)
        make_bridge(self.bridge)
        call(*self.run(False, "true"))

    def run(self, network, *command, name=None, **_ignored):
        where = [f"--network-bridge={self.bridge}"] if network else ["--private-network"]
        return [self.program, "--quiet", "--as-pid2", "--console=pipe", f"--directory={self.root}", *where, "--",
                *command]


class Floor(Nspawn):
    """What the kernel and systemd take for the same work: floor.c."""

    name = "floor"

    def __init__(self, folder):
        super().__init__(folder)
        self.program = folder / "floor"
        self.scratch = folder / "scratch"

    def prepare(self, rootfs_tar):
        source = pathlib.Path(__file__).resolve().parent / "floor.c"
        self.scratch.mkdir(parents=True, exist_ok=True)
        flags = call("pkg-config", "--cflags", "--libs", "libsystemd", "libnl-3.0").split()
        call("cc", "-O2", "-o", self.program, source, *flags)
        super().prepare(rootfs_tar)

    def run(self, network, *command, name=None, **_ignored):
        return [self.program, self.root, self.scratch, *([self.bridge] if network else [])]


def make_bridge(name):
    if not pathlib.Path(f"/sys/class/net/{name}").exists():
        call("ip", "link", "add", name, "type", "bridge")
        call("ip", "link", "set", name, "up")
