# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plays berthd for one shim: writes the launch document, spawns berth-shim with a control socket, and speaks the
protocols of src/runtime/shim-protocol.h and src/spec/stream.h. For tests that must stand between two steps of a start,
or that kill one of the parties."""

import array
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import time

SHIM = os.environ.get("BERTH_SHIM", "/usr/lib/berth/berth-shim")
RUN = pathlib.Path("/run/shim-driver")
STATE = pathlib.Path("/var/tmp/shim-driver")  # overlays need a real file system

CREATED, GO, STARTED, EXITED, ATTACH, EXEC, EXEC_STARTED, EXEC_EXITED, RESIZE, RENAME, HELLO = range(1, 12)
STDIN, STDOUT, STDERR, STDIN_EOF, STREAM_RESIZE, STREAM_STARTED, EXIT, ERROR = range(8)
PARTIAL = 1

CAPABILITIES = ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID",
                "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_AUDIT_WRITE",
                "CAP_SETFCAP"]
MASKED = ["/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
          "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
          "/sys/devices/virtual/powercap"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def send(sock, kind, message=None, fd=None):
    text = json.dumps(message or {}).encode()
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
    sock.sendmsg([struct.pack("II", kind, len(text)) + text], ancillary)


def receive(sock):
    """(kind, message), or None at the end."""
    try:
        data = sock.recv(256 * 1024)
    except ConnectionResetError:        # something of ours was not read; what was sent to us comes nevertheless
        data = sock.recv(256 * 1024)
    if not data:
        return None
    kind, size = struct.unpack_from("II", data)
    return kind, json.loads(data[8:8 + size])


class Stream:
    """A client's end of a stream socket."""

    def __init__(self, sock):
        self.sock = sock
        self.output, self.errors = b"", b""
        self.started, self.exit, self.error = False, None, None
        self.frames = []

    def send(self, kind, payload=b""):
        self.sock.send(struct.pack("BBHIQ", kind, 0, 0, len(payload), 0) + payload)

    def write(self, data):
        for i in range(0, len(data), 32768):
            self.send(STDIN, data[i:i + 32768])

    def step(self):
        """Handles one packet; false at the end."""
        try:
            packet = self.sock.recv(65536)
        except ConnectionResetError:    # something of ours was not read; what was sent to us comes nevertheless
            return True
        if not packet:
            return False
        while packet:
            kind, flags, _, length, when = struct.unpack_from("BBHIQ", packet)
            payload, packet = packet[16:16 + length], packet[16 + length:]
            self.frames.append((kind, flags, when, payload))
            if kind == STDOUT:
                self.output += payload
            elif kind == STDERR:
                self.errors += payload
            elif kind == STREAM_STARTED:
                self.started = True
            elif kind == EXIT:
                self.exit = struct.unpack("i", payload)[0]
            elif kind == ERROR:
                name, _, text = payload.partition(b"\0")
                self.error = (name.decode(), text.decode())
        return True

    def until(self, text, seconds=20):
        """Reads until the output has text in it."""
        self.sock.settimeout(seconds)
        while text not in self.output:
            if not self.step():
                raise EOFError(f"no {text!r} in {self.output!r}")
        return self

    def finish(self, seconds=60):
        self.sock.settimeout(seconds)
        while self.step():
            pass
        return self


class Driver:
    def __init__(self, rootfs, name="driver", userns=True, lower=None, keep_logs=True, **launch):
        self.id = os.urandom(32).hex()
        self.run = RUN / self.id
        self.state = STATE / self.id
        self.base = 524288 if userns else 0
        self.run.mkdir(parents=True)
        for part in ("upper", "work"):
            (self.state / part).mkdir(parents=True)
        self.launch = {
            "Id": self.id, "Name": name, "Image": "docker.io/library/test:latest", "Unit": f"berth-{name}.scope",
            "Lower": [str(p) for p in (lower or [rootfs])], "Upper": str(self.state / "upper"),
            "Work": str(self.state / "work"), "VolatileUpper": True, "Arguments": ["true"],
            "Environment": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "WorkingDirectory": "/", "Hostname": name, "UIDBase": self.base, "UIDCount": 65536 if userns else 0,
            "Capabilities": CAPABILITIES, "MaskedPaths": MASKED, "ReadOnlyPaths": READ_ONLY, "StopSignal": 15,
        }
        self.launch.update(launch)
        self.process = self.control = None
        self.pid = None
        self.cgroup = None

    def spawn(self, prefix=()):
        (self.run / "launch.json").write_text(json.dumps(self.launch))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control = ours

        def place():
            os.dup2(theirs.fileno(), 3)

        self.process = subprocess.Popen([*prefix, SHIM, self.id], cwd=self.run, close_fds=False, preexec_fn=place)
        theirs.close()
        return self

    def expect(self, kind, seconds=20):
        self.control.settimeout(seconds)
        message = receive(self.control)
        assert message, f"the shim went away instead of sending {kind}"
        assert message[0] == kind, f"expected {kind}, got {message}"
        return message[1]

    def first(self):
        self.control.settimeout(20)
        message = receive(self.control)
        self.pid = message[1].get("PID")
        return message

    def created(self):
        self.pid = self.expect(CREATED)["PID"]
        return self

    def make_cgroup(self):
        own = next(line[3:].strip() for line in open("/proc/self/cgroup") if line.startswith("0::"))
        self.cgroup = f"{own.rstrip('/')}/shim-driver-{self.id[:12]}"
        path = pathlib.Path("/sys/fs/cgroup" + self.cgroup)
        path.mkdir(exist_ok=True)
        with contextlib.suppress(ProcessLookupError):   # it has failed already, and will say why
            (path / "cgroup.procs").write_text(str(self.pid))
        return self

    def go(self):
        self.make_cgroup()
        with contextlib.suppress(BrokenPipeError):      # as above
            send(self.control, GO, {"ControlGroup": self.cgroup})
        return self

    def start(self):
        self.spawn().created().go()
        self.expect(STARTED)
        return self

    def attach(self, stdin=False, stdout=True, stderr=True):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        send(self.control, ATTACH, {"Stdin": stdin, "Stdout": stdout, "Stderr": stderr}, theirs.fileno())
        theirs.close()
        return Stream(ours)

    def exec(self, *command, attach=True, **spec):
        spec = {"Id": os.urandom(32).hex(), "Command": list(command), **spec}
        if not attach:
            send(self.control, EXEC, {"Exec": {**spec, "Detach": True}})
            return spec["Id"]
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        send(self.control, EXEC, {"Exec": spec}, theirs.fileno())
        theirs.close()
        return Stream(ours)

    def reconnect(self):
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.connect(str(self.run / "shim.sock"))
        return self.expect(HELLO)

    def exited(self, seconds=60):
        """The exit record, after whatever else the shim has to say."""
        self.control.settimeout(seconds)
        while message := receive(self.control):
            if message[0] == EXITED:
                return message[1]["Exit"]
        raise EOFError("the shim went away without EXITED")

    def record(self):
        return json.loads((self.run / "exit.json").read_text())

    def wait_shim(self, seconds=20):
        return self.process.wait(seconds)

    def stop(self):
        """Ends everything, however far it came."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        if self.control:
            self.control.close()
        if self.process:
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.cgroup:
            for _ in range(100):
                try:
                    os.rmdir("/sys/fs/cgroup" + self.cgroup)
                    break
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.01)
        shutil.rmtree(self.run, ignore_errors=True)
        shutil.rmtree(self.state, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def run(rootfs, *command, attach=True, **launch):
    """A whole life: (exit record, the attached client's stream)."""
    with Driver(rootfs, Arguments=list(command), **launch) as driver:
        driver.spawn()
        stream = driver.attach() if attach else None
        message = driver.first()
        if message[0] == EXITED:
            return message[1]["Exit"], stream.finish() if stream else None
        driver.go()
        if stream:
            stream.finish()
        record = driver.exited()
        driver.wait_shim()
        return record, stream
