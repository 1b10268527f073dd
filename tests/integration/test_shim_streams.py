"""The streams of a container and of its execs, and who is attached to them, with the driver of tests/lib as berthd."""

import os
import pathlib
import re
import signal
import threading
import time

import pytest
from conftest import poll

import shim_driver as shim
from shim_driver import Driver
from shim_fixtures import exists, numbered, rootfs, sh, userns

# --- streams ---------------------------------------------------------------------------------------------------------

def test_stdin_is_exact(rootfs):
    data = os.urandom(3_000_000)
    with Driver(rootfs, Arguments=["cat"], OpenStdin=True, StdinOnce=True) as container:
        container.spawn()
        stream = container.attach(stdin=True)
        container.created().go()

        def write():
            stream.write(data)
            stream.send(shim.STDIN_EOF)
        writer = threading.Thread(target=write)
        writer.start()
        stream.finish()
        writer.join()
        assert stream.output == data and stream.exit == 0


def test_stdin_before_the_start(rootfs):
    """What a client writes before the command runs is there when it does."""
    with Driver(rootfs, Arguments=["cat"], OpenStdin=True) as container:
        container.spawn()
        stream = container.attach(stdin=True)
        stream.write(b"early")
        stream.send(shim.STDIN_EOF)
        container.created().go()
        assert stream.finish().output == b"early"


def test_stdin_once(rootfs):
    for once, ends in ((True, True), (False, False)):
        with Driver(rootfs, Arguments=["cat"], OpenStdin=True, StdinOnce=once).start() as container:
            watcher = container.attach()
            stream = container.attach(stdin=True)
            stream.write(b"hi\n")
            stream.until(b"hi\n")
            stream.sock.close()
            if ends:
                assert watcher.finish().exit == 0
            else:
                other = container.attach(stdin=True)
                other.write(b"again\n")
                other.until(b"again\n")


def test_no_stdin(rootfs):
    with Driver(rootfs, Arguments=sh("cat; readlink /proc/self/fd/0")) as container:
        container.spawn()
        stream = container.attach(stdin=True)
        stream.write(b"ignored")
        container.created().go()
        assert stream.finish().output == b"/dev/null\n"


def test_all_clients_see_all(rootfs):
    with Driver(rootfs, Arguments=sh("read x; echo out; echo err >&2; seq 1 20000"), OpenStdin=True).start() as container:
        both, only_errors, writer = container.attach(), container.attach(stdout=False), container.attach(stdin=True)
        gone = container.attach()
        gone.sock.close()
        writer.write(b"\n")
        expected = b"out\n" + numbered(20000)
        for stream in (both, writer):
            assert stream.finish().output == expected and stream.errors == b"err\n" and stream.exit == 0
        assert only_errors.finish().output == b"" and only_errors.errors == b"err\n"


def test_slow_client_slows_the_container(rootfs):
    """Nothing is dropped and memory stays bounded: the process stands still until the client reads on."""
    with Driver(rootfs, Arguments=sh("dd if=/dev/zero bs=64k count=200 2>/dev/null | tr '\\0' x")) as container:
        container.spawn()
        stream = container.attach()
        container.created().go().expect(shim.STARTED)
        time.sleep(1)
        rss = int(re.search(r"Rss: +(\d+)", pathlib.Path(f"/proc/{container.process.pid}/smaps_rollup").read_text())[1])
        assert rss < 4000
        assert exists(container.pid)
        assert stream.finish().output == b"x" * 64 * 1024 * 200


def test_slow_client_does_not_hold_the_end_up(rootfs):
    script = "head -c 400000 /dev/zero | tr '\\0' x; read x; head -c 60000 /dev/zero"
    with Driver(rootfs, Arguments=sh(script), OpenStdin=True) as container:
        container.spawn()
        stuck = container.attach()
        container.created().go().expect(shim.STARTED)
        time.sleep(0.5)
        os.kill(container.pid, signal.SIGKILL)
        assert container.exited(10)["ExitCode"] == 137
        stuck.finish()
        assert stuck.exit == 137 and len(stuck.output) > 64 * 1024
        assert container.wait_shim() == 0


def test_end_with_a_full_pipe(rootfs):
    """The last output is there, however fast the end follows on it."""
    for size in (1, 65536, 65537, 200_000):
        record, stream = shim.run(rootfs, "sh", "-c", f"head -c {size} /dev/zero | tr '\\0' x; exit 3")
        assert stream.output == b"x" * size and record["ExitCode"] == 3


def test_attach_after_the_end_of_a_client(rootfs):
    with Driver(rootfs, Arguments=sh("while read l; do echo got $l; done"), OpenStdin=True).start() as container:
        for i in range(20):
            stream = container.attach(stdin=True)
            stream.write(b"%d\n" % i)
            stream.until(b"got %d\n" % i)
            assert stream.started
            stream.sock.close()


def test_garbage_from_a_client(rootfs):
    with Driver(rootfs, Arguments=["sleep", "100"], OpenStdin=True).start() as container:
        bad = container.attach(stdin=True)
        bad.sock.send(b"what is this")
        bad.finish()
        bad = container.attach(stdin=True)
        bad.sock.send(bytes([shim.STREAM_RESIZE, 0, 0, 0, 3, 0, 0, 0] + [0] * 8 + [1, 2, 3]))
        assert container.exec("true").finish().exit == 0


# --- terminal --------------------------------------------------------------------------------------------------------

def test_terminal(rootfs, userns):
    with Driver(rootfs, userns=userns, Arguments=["sh"], Terminal=True, OpenStdin=True, Rows=33, Columns=99) as container:
        container.spawn()
        stream = container.attach(stdin=True)
        container.created().go().expect(shim.STARTED)
        stream.write(b"stty size; tty; echo $TERM; stat -c %t:%T /dev/console\n")
        stream.until(b"33 99\r\n").until(b"/dev/pts/0\r\nxterm\r\n88:0\r\n")
        stream.send(shim.STREAM_RESIZE, bytes([40, 0, 120, 0]))
        stream.write(b"stty size\n")
        stream.until(b"40 120")
        shim.send(container.control, shim.RESIZE, {"Rows": 50, "Columns": 150})
        poll(lambda: b"50 150" in container.exec("sh", "-c", "stty size < /dev/console").finish().output, 5, "the size")
        stream.write(b"sleep 100\n")
        poll(lambda: b"sleep" in container.exec("ps").finish().output, 5, "sleep")
        stream.write(b"\x03echo interrupted=$?\n")              # the terminal is the controlling one
        stream.until(b"interrupted=130")
        stream.sock.close()                                     # detach
        again = container.attach(stdin=True)
        again.write(b"echo ba''ck; exit 5\n")
        again.until(b"back").finish()
        assert again.exit == 5 and again.errors == b""
        assert container.exited()["ExitCode"] == 5


def test_terminal_without_client(rootfs):
    """Nobody listens, the process runs on."""
    with Driver(rootfs, Arguments=sh("seq 1 100000; exit 6"), Terminal=True) as container:
        container.spawn().created().go()
        assert container.exited()["ExitCode"] == 6


def test_terminal_is_reopened(rootfs):
    """All ends closed and opened again is not the end."""
    script = "exec 0</dev/null 1>&0 2>&0; sleep .3; exec 1>/dev/console; echo again"
    with Driver(rootfs, Arguments=sh(script), Terminal=True) as container:
        container.spawn()
        stream = container.attach()
        container.created().go()
        assert stream.finish().output == b"again\r\n"


def test_terminal_user(rootfs):
    with Driver(rootfs, Arguments=sh("echo x > /dev/tty; echo y > /dev/stdout"), Terminal=True, User="1000") as container:
        container.spawn()
        stream = container.attach()
        container.created().go()
        assert stream.finish().output == b"x\r\ny\r\n"


# --- exec ------------------------------------------------------------------------------------------------------------

@pytest.fixture
def sleeper(rootfs, userns):
    with Driver(rootfs, userns=userns, Arguments=["sleep", "1000"], Environment=["PATH=/bin", "A=1", "B=2"]).start() as container:
        yield container


def test_exec(sleeper):
    stream = sleeper.exec("sh", "-c", "echo $A$B$C; echo e >&2; pwd; hostname; cat /proc/self/cgroup | grep ^0; "
                                      "readlink /proc/self/ns/pid; ls /proc/self/fd | wc -l; exit 7",
                          Environment=["B=3", "C=4"]).finish()
    lines = stream.output.decode().split("\n")
    assert lines[:4] == ["134", "/", "driver", "0::/"]
    assert lines[4] == os.readlink(f"/proc/{sleeper.pid}/ns/pid") and lines[5] == "4"
    assert (stream.errors, stream.exit, stream.started) == (b"e\n", 7, True)
    started, exited = sleeper.expect(shim.EXEC_STARTED), sleeper.expect(shim.EXEC_EXITED)
    assert started["Id"] == exited["Id"] and exited["Exit"]["ExitCode"] == 7
    assert not exists(started["PID"])


@pytest.mark.parametrize("command, spec, code, kind", [
    (["nope"], {}, 127, "CommandNotFound"),
    (["/etc/passwd"], {}, 126, "CommandNotExecutable"),
    (["true"], {"User": "nobody-here"}, 125, "InvalidArgument"),
    (["true"], {"WorkingDirectory": "/missing"}, 125, "InvalidArgument"),
])
def test_exec_fails(sleeper, command, spec, code, kind):
    assert sleeper.exec(*command, **spec).finish().error[0] == kind
    exit_record = sleeper.expect(shim.EXEC_EXITED)["Exit"]
    assert exit_record["ExitCode"] == code and exit_record["ErrorKind"] == kind
    sleeper.exec(*command, attach=False, **spec)
    assert sleeper.expect(shim.EXEC_EXITED)["Exit"]["ErrorKind"] == kind


def test_exec_privileges(sleeper):
    def bits(**spec):
        return sleeper.exec("grep", "CapEff", "/proc/self/status", **spec).finish().output.split()[1]
    ordinary = bits()
    assert ordinary == pathlib.Path(f"/proc/{sleeper.pid}/status").read_text().split("CapEff:\t")[1][:16].encode()
    assert int(bits(Privileged=True), 16) > int(ordinary, 16)
    assert int(bits(User="1000"), 16) == 0


def test_exec_stdin_and_terminal(sleeper):
    stream = sleeper.exec("cat", OpenStdin=True)
    stream.write(b"x" * 200_000)
    stream.send(shim.STDIN_EOF)
    assert stream.finish().output == b"x" * 200_000
    stream = sleeper.exec("sh", "-c", "stty size; tty; read x; echo got $x", Terminal=True, OpenStdin=True, Rows=11, Columns=22)
    stream.until(b"11 22\r\n/dev/pts/").write(b"it\n")
    assert b"got it\r\n" in stream.finish().output


def test_exec_survives_its_client(sleeper):
    stream = sleeper.exec("sh", "-c", "while :; do echo y; sleep .01; done")
    pid = sleeper.expect(shim.EXEC_STARTED)["PID"]
    stream.until(b"y\n")
    stream.sock.close()
    time.sleep(0.5)
    assert exists(pid)
    os.kill(pid, signal.SIGKILL)
    assert sleeper.expect(shim.EXEC_EXITED)["Exit"]["ExitCode"] == 137


def test_exec_leaves_somebody_behind(sleeper):
    """The exec ends with its own process; who stays behind with its output is neither waited for nor killed."""
    stream = sleeper.exec("sh", "-c", "(sleep 1; echo late; sleep .2; touch /survived) & echo early").finish(5)
    assert stream.output == b"early\n" and stream.exit == 0
    poll(lambda: sleeper.exec("test", "-e", "/survived").finish().exit == 0, 5, "the background process")


def test_many_execs_at_once(sleeper):
    streams = [sleeper.exec("sh", "-c", f"sleep .2; echo {i}; exit {i}") for i in range(30)]
    for i, stream in enumerate(streams):
        assert stream.finish().output == b"%d\n" % i and stream.exit == i


def test_execs_end_with_the_container(sleeper):
    stream = sleeper.exec("sleep", "1000")
    sleeper.expect(shim.EXEC_STARTED)
    os.kill(sleeper.pid, signal.SIGKILL)
    assert stream.finish(10).exit == 137
    assert sleeper.exited()["ExitCode"] == 137
    assert sleeper.wait_shim() == 0


def test_exec_in_a_busy_cgroup(sleeper):
    """Where the scope's own cgroup refuses processes, the exec goes beside the first process."""
    root = pathlib.Path("/sys/fs/cgroup" + sleeper.cgroup)
    (root / "inner").mkdir()
    (root / "inner/cgroup.procs").write_text(str(sleeper.pid))
    try:
        controllers = (root / "cgroup.controllers").read_text().split()
        if controllers:
            (root / "cgroup.subtree_control").write_text("+" + controllers[0])
            assert sleeper.exec("cat", "/proc/self/cgroup").finish().output.splitlines()[-1].endswith(b"/inner")
        assert sleeper.exec("true").finish().exit == 0
    finally:
        os.kill(sleeper.pid, signal.SIGKILL)
        sleeper.exited()
        poll(lambda: not (root / "inner/cgroup.procs").read_text(), 5, "the cgroup")
        (root / "inner").rmdir()
