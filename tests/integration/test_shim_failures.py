"""Whoever dies, and when: the shim, the container, berthd, journald; and that nothing is lost or left by it."""

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest
from conftest import poll, run

import shim_driver as shim
from shim_driver import Driver
from shim_fixtures import exists, numbered, rootfs, sh, userns


def journal(container, seconds=10, entries=1):
    """The container's log as [(priority, bytes)], read by journalctl and put together as src/runtime/journal.h says."""
    def read():
        run("journalctl", "--sync")
        lines = run("journalctl", "-q", "-o", "json", "--all", "-u", container.launch["Unit"],
                    f"CONTAINER_ID_FULL={container.id}").stdout.splitlines()
        return [json.loads(line) for line in lines] if len(lines) >= entries else None

    result, last = [], None
    for entry in poll(read, seconds, "the log"):
        message = entry["MESSAGE"]
        message = b"" if message is None else message.encode() if isinstance(message, str) else bytes(message)
        twin = (entry["__REALTIME_TIMESTAMP"], entry["CONTAINER_LOG_PARITY"], message)
        if twin != last:
            result.append((int(entry["PRIORITY"]), message + (b"" if "CONTAINER_PARTIAL_MESSAGE" in entry else b"\n"), entry))
        last = twin
    return result


# --- whoever dies ----------------------------------------------------------------------------------------------------

def mounts_of_host():
    return pathlib.Path("/proc/1/mountinfo").read_text()


@pytest.mark.parametrize("step", ["spawned", "created", "go", "started"])
@pytest.mark.parametrize("victim", ["shim", "init", "berthd"])
def test_death_at_every_step(rootfs, userns, step, victim):
    before = mounts_of_host()
    with Driver(rootfs, userns=userns, Arguments=["sleep", "1000"]) as container:
        container.spawn()
        if step != "spawned":
            container.created()
        if step in ("go", "started"):
            container.go()
        if step == "started":
            container.expect(shim.STARTED)
        if victim == "shim":
            container.process.kill()
            container.wait_shim()
            if container.pid and step in ("spawned", "created"):
                poll(lambda: not exists(container.pid), 5, "the end of init")
        elif victim == "init":
            if step == "spawned":
                container.created()
            os.kill(container.pid, signal.SIGKILL)
            record = container.exited()
            assert record["ExitCode"] == (137 if "ErrorKind" not in record else 125)
            assert container.wait_shim() == 0
        else:
            container.control.close()
            if step in ("spawned", "created"):
                assert container.wait_shim() == 0
                assert container.record()["ErrorKind"] == "StartFailed"
            else:
                hello = container.reconnect()
                assert hello["PID"] == container.pid
                poll(lambda: container.reconnect().get("Running"), 5, "the command")
                assert container.exec("true").finish().exit == 0
    assert mounts_of_host() == before


def test_death_in_mid_setup(rootfs):
    """At arbitrary moments, not only between the protocol's steps."""
    before = mounts_of_host()
    for i in range(60):
        with Driver(rootfs, Arguments=["sleep", "1000"]) as container:
            container.spawn()
            time.sleep(i * 0.0004)
            if i % 2:
                container.process.kill()
            else:
                with contextlib.suppress(AssertionError):
                    container.created()
                    os.kill(container.pid, signal.SIGKILL)
            container.wait_shim()
    assert mounts_of_host() == before
    assert not subprocess.run(["pgrep", "-f", "berth-shim [0-9a-f]{64}"], stdout=subprocess.PIPE, check=False).stdout


def test_start_is_called_off(rootfs):
    """berthd shuts its side of the socket down and is told what came of it."""
    with Driver(rootfs, Arguments=["sleep", "1000"]) as container:
        container.spawn()
        stream = container.attach()
        container.created()
        container.control.shutdown(socket.SHUT_WR)
        assert container.exited()["ErrorKind"] == "StartFailed"
        assert stream.finish().error[0] == "StartFailed"
        assert container.wait_shim() == 0


def test_berthd_is_away_at_the_end(rootfs):
    with Driver(rootfs, Arguments=sh("sleep .5; exit 11")).start() as container:
        container.control.close()
        assert container.wait_shim() == 0
        assert container.record()["ExitCode"] == 11


def test_new_berthd_replaces_the_old(rootfs):
    with Driver(rootfs, Arguments=["sleep", "1000"]).start() as container:
        stream = container.exec("sleep", "1000")
        identity = container.expect(shim.EXEC_STARTED)["Id"]
        old = container.control
        hello = container.reconnect()
        assert hello["Running"] and hello["PID"] == container.pid and hello["Ids"] == [identity]
        assert hello["StartTime"] == int(pathlib.Path(f"/proc/{container.pid}/stat").read_text().rsplit(")")[1].split()[19])
        assert old.recv(1) == b""
        mode = (container.run / "shim.sock").stat().st_mode & 0o777
        assert mode == 0o600
        stream.sock.close()


def test_shim_ignores_sigterm(rootfs):
    with Driver(rootfs, Arguments=["sleep", "1000"]).start() as container:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            container.process.send_signal(number)
        assert container.exec("true").finish().exit == 0
        stream = container.exec("grep", "-E", "Sig(Ign|Blk)", "/proc/self/status").finish()
        assert stream.output.split() == [b"SigBlk:", b"0" * 16, b"SigIgn:", b"0" * 16]


def test_bad_launch_document(rootfs):
    with Driver(rootfs) as container:
        container.launch = {"Id": container.id}
        container.spawn()
        record = container.exited()
        assert record["ExitCode"] == 125 and "Name" in record["Error"]
        container.wait_shim()
        assert container.record()["ExitCode"] == 125


# --- the log ---------------------------------------------------------------------------------------------------------

def test_log_fields(rootfs):
    with Driver(rootfs, name="fields", Arguments=sh("echo out; echo err >&2; sleep .1; printf 'no newline'")) as container:
        container.spawn().created().go().exited()
        log = journal(container, entries=3)
    assert [(p, m) for p, m, _ in log] == [(6, b"out\n"), (3, b"err\n"), (6, b"no newline")]
    for _, _, entry in log:
        assert {k: entry.get(k) for k in ("CONTAINER_ID", "CONTAINER_ID_FULL", "CONTAINER_NAME", "CONTAINER_TAG", "IMAGE_NAME",
                                          "SYSLOG_IDENTIFIER", "OBJECT_SYSTEMD_UNIT")} == {
            "CONTAINER_ID": container.id[:12], "CONTAINER_ID_FULL": container.id, "CONTAINER_NAME": "fields",
            "CONTAINER_TAG": container.id[:12], "IMAGE_NAME": "docker.io/library/test:latest", "SYSLOG_IDENTIFIER": "fields",
            "OBJECT_SYSTEMD_UNIT": "berth-fields.scope"}


def test_log_is_exact(rootfs):
    """Lines of a megabyte, NUL bytes, what is not UTF-8, empty lines and no final newline."""
    data = b"".join([b"a" * 1_000_000, b"\n", b"\n\n", "ä€𝄞".encode() * 50_000, b"\n", b"nul\0nul\n\0\n",
                     b"\xff\xfe\x80 not text\n", b"cr\r\n", b"\x1b[31mred\n", os.urandom(100_000),
                     b"x" * 16384, b"\n", b"x" * 16385, b"\n", b"the end"])
    with Driver(rootfs, name="exact", Arguments=["cat", "/data"]) as container:
        (container.state / "upper/data").write_bytes(data)
        container.spawn().created().go().exited()
        log = journal(container, entries=100)
        assert b"".join(m for _, m, _ in log) == data
        assert all(len(m) <= 16385 for _, m, _ in log)


def test_log_after_rename(rootfs):
    with Driver(rootfs, name="before", Arguments=sh("echo 1; read x; echo 2"), OpenStdin=True).start() as container:
        stream = container.attach(stdin=True)
        poll(lambda: journal(container), 10, "the first line")
        shim.send(container.control, shim.RENAME, {"Name": "after"})
        container.exec("true").finish()
        stream.write(b"\n")
        container.exited()
        assert [entry["CONTAINER_NAME"] for _, _, entry in journal(container, entries=2)] == ["before", "after"]


def journald():
    return int(run("systemctl", "show", "-P", "MainPID", "systemd-journald").stdout)


def test_slow_journald_slows_the_container(rootfs):
    filler = "x" * 500
    with Driver(rootfs, name="slow", Arguments=sh(f"seq 1 4000 | sed s/$/{filler}/; echo > /done; sleep 100")) as container:
        pid = journald()
        os.kill(pid, signal.SIGSTOP)
        try:
            container.spawn().created().go().expect(shim.STARTED)
            time.sleep(1)
            assert not (container.state / "upper/done").exists()
        finally:
            os.kill(pid, signal.SIGCONT)
        poll(lambda: (container.state / "upper/done").exists(), 20, "the container")
        text = b"".join(m for _, m, _ in journal(container, entries=4000))
        assert text == b"".join(b"%d%s\n" % (i, filler.encode()) for i in range(1, 4001))


@pytest.mark.seconds(180)
def test_restarted_journald_loses_nothing(rootfs):
    lines = 8000
    script = f"i=0; while [ $i -lt {lines} ]; do i=$((i+1)); echo line $i; done"
    with Driver(rootfs, name="restart", Arguments=sh(script)) as container:
        container.spawn().created().go().expect(shim.STARTED)
        for _ in range(3):
            run("systemctl", "restart", "systemd-journald")
        container.exited(120)
        text = b"".join(m for _, m, _ in journal(container, 30, entries=lines))
    assert text == b"".join(b"line %d\n" % i for i in range(1, lines + 1))


def test_journald_is_gone_for_a_while(rootfs):
    """Its socket removed and made again: the shim finds the new one."""
    units = ["systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald.service"]
    with Driver(rootfs, name="gone", Arguments=sh("seq 1 3000; echo done")) as container:
        run("systemctl", "stop", *units)
        try:
            pathlib.Path("/run/systemd/journal/socket").unlink(missing_ok=True)
            container.spawn().created().go().expect(shim.STARTED)
            time.sleep(0.5)
        finally:
            run("systemctl", "start", *units)
        container.exited(60)
        text = b"".join(m for _, m, _ in journal(container, 30, entries=3001))
        assert text == numbered(3000) + b"done\n"


# --- size ------------------------------------------------------------------------------------------------------------

def test_idle_memory(rootfs):
    """A shim that has worked is small again when it is idle."""
    with Driver(rootfs, Arguments=sh("seq 1 5000; exec sleep 1000")).start() as container:
        container.exec("sh", "-c", "seq 1 100000").finish()
        time.sleep(2.5)
        text = pathlib.Path(f"/proc/{container.process.pid}/smaps_rollup").read_text()
        assert int(re.search(r"^Pss: +(\d+)", text, re.M)[1]) <= 400
