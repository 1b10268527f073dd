"""-t: a terminal in the container, joined to one here."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
from conftest import poll, run


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *command, rows=24, columns=80):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.slave = slave
        self.output = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def write(self, data):
        os.write(self.master, data)

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            with contextlib.suppress(OSError):
                self.output += os.read(self.master, 65536)
                return True
        return False

    def until(self, pattern, seconds=20):
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern, self.output)):
            assert time.monotonic() < deadline, f"no {pattern!r} in {self.output!r}"
            self.read(0.1)
        self.output = self.output[found.end():]
        return found

    def wait(self, seconds=20):
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"still running; {self.output!r}"
            self.read(0.1)
        while self.read(0.05):
            pass
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal():
    made = []

    def make(*command, **options):
        made.append(Terminal(*command, **options))
        return made[-1]
    yield make
    for t in made:
        t.close()


def test_run(terminal, busybox_image):
    t = terminal("berthctl", "run", "-it", "--rm", busybox_image, "sh", rows=33, columns=99)
    t.until(rb"# ")
    t.write(b"stty size; tty; echo TERM=$TERM\n")
    t.until(rb"33 99\r\n/dev/pts/0\r\nTERM=\w+")
    t.resize(40, 120)
    time.sleep(0.5)
    t.write(b"stty size\n")
    t.until(rb"40 120\r\n")
    t.write(b"sleep 100\n")
    time.sleep(0.5)
    t.write(b"\x03")                                            # goes to the process, not to berthctl
    t.write(b"echo status=$?\n")
    t.until(rb"status=130")
    t.write(b"exit 6\n")
    assert t.wait() == 6
    assert termios.tcgetattr(t.slave) == t.before               # and this terminal is as it was


def test_end_of_input_is_typed(terminal, busybox_image):
    t = terminal("berthctl", "run", "-it", "--rm", busybox_image, "sh")
    t.until(rb"# ")
    t.write(b"\x04")
    assert t.wait() == 0


def test_detach_and_attach(terminal, berthctl, busybox_image, name):
    t = terminal("berthctl", "run", "-it", "--name", name, busybox_image, "sh")
    t.until(rb"# ")
    t.write(b"x=kept\n")
    t.until(rb"# ")
    t.write(b"\x10\x11")                                        # ctrl-p ctrl-q
    t.wait()
    assert termios.tcgetattr(t.slave) == t.before
    assert name.encode() in berthctl("list", "-q").stdout
    t = terminal("berthctl", "attach", name)
    t.write(b"echo $x\n")
    t.until(rb"kept\r\n")
    t.write(b"exit 3\n")
    assert t.wait() == 3
    berthctl("rm", name)


def test_exec(terminal, berthctl, busybox_image, name):
    berthctl("run", "-d", "--name", name, busybox_image, "sleep", "1000")
    t = terminal("berthctl", "exec", "-it", name, "sh", rows=11, columns=22)
    t.until(rb"# ")
    t.write(b"stty size; exit 9\n")
    t.until(rb"11 22\r\n")
    assert t.wait() == 9
    berthctl("rm", "-f", name)


def test_terminal_survives_berthd(terminal, busybox_image, name):
    """The terminal does not notice berthd leaving."""
    t = terminal("berthctl", "run", "-it", "--rm", "--name", name, busybox_image, "sh")
    t.until(rb"# ")
    run("systemctl", "kill", "--signal=KILL", "berthd")
    t.write(b"echo still $((1+1))\n")
    t.until(rb"still 2\r\n")
    poll(lambda: run("berthctl", "list", "-q", check=False).stdout, 10, "berthd")
    t.write(b"exit 4\n")
    assert t.wait() == 4


def test_client_is_killed(terminal, berthctl, busybox_image, name):
    t = terminal("berthctl", "run", "-it", "--name", name, busybox_image, "sh")
    t.until(rb"# ")
    t.process.send_signal(signal.SIGKILL)
    t.process.wait()
    assert name.encode() in berthctl("list", "-q").stdout
    berthctl("rm", "-f", name)


def test_log_of_a_terminal(terminal, berthctl, busybox_image, name):
    t = terminal("berthctl", "run", "-it", "--name", name, busybox_image, "sh", "-c", "echo one; printf two")
    t.until(rb"one\r\ntwo")
    assert t.wait() == 0
    assert berthctl("logs", name).stdout == b"one\r\ntwo"
    berthctl("rm", name)
