"""The log loses nothing: what a container prints is in `berthctl logs` and in the journal, byte for byte."""

import json
import os
import re
import signal
import subprocess
import time

import pytest
from conftest import poll, run


@pytest.fixture
def log(berthctl, busybox_image, name):
    """log(script, …) runs a container, which stays until the test is over, to its end."""
    def start(script, *options, wait=True, image_options=()):
        berthctl("run", "-d", "--name", name, *options, busybox_image, "sh", "-c", script, timeout=300)
        if wait:
            berthctl("wait", name, timeout=300)
    yield start
    berthctl("rm", "--force", name, check=False)


def numbered(n):
    return b"".join(b"%d\n" % i for i in range(1, n + 1))


@pytest.mark.seconds(600)
def test_a_million_lines(log, berthctl, name):
    """As fast as it can, with journald as it comes."""
    log("seq 1 1000000")
    begin = time.monotonic()
    result = berthctl("logs", name, timeout=300)
    print(f"berthctl logs: {time.monotonic() - begin:.1f} s")
    assert result.stdout == numbered(1_000_000)
    result = run("journalctl", "-q", "-o", "json", "--output-fields=MESSAGE,CONTAINER_LOG_PARITY", "-u", f"berth-{name}.scope",
                 timeout=300)
    lines, twin = [], None
    for line in result.stdout.splitlines():
        entry = json.loads(line)
        if "CONTAINER_LOG_PARITY" not in entry:         # systemd's own words about the unit
            continue
        this = (entry["CONTAINER_LOG_PARITY"], entry["MESSAGE"], entry["__REALTIME_TIMESTAMP"])
        if this != twin:                                # journald may write one twice when it rotates
            lines.append(entry["MESSAGE"])
        twin = this
    assert lines == [str(i) for i in range(1, 1_000_001)]


def test_bytes(log, berthctl, name, tmp_path):
    data = b"".join([b"a" * 1_000_000, b"\n", b"\n\n", "ä€𝄞".encode() * 20_000, b"\n", b"nul\0nul\n\0\n",
                     b"\xff\xfe\x80 not text\n", b"cr\r\n", b"\x1b[31mred\n", os.urandom(100_000),
                     b"x" * 16384, b"\n", b"x" * 16385, b"\n", b"the end"])
    (tmp_path / "data").write_bytes(data)
    log("cat /data/data", "-v", f"{tmp_path}:/data")
    assert berthctl("logs", name).stdout == data


def test_streams(log, berthctl, name):
    log("echo one; echo two >&2; printf 'three' >&2")
    result = berthctl("logs", name)
    assert (result.stdout, result.stderr) == (b"one\n", b"two\nthree")


def test_tail(log, berthctl, name):
    log("seq 1 500; head -c 50000 /dev/zero | tr '\\0' x; echo; printf end")
    long_line = b"x" * 50000 + b"\n"
    assert berthctl("logs", "--tail", "0", name).stdout == b""
    assert berthctl("logs", "--tail", "1", name).stdout == b"end"
    assert berthctl("logs", "--tail", "2", name).stdout == long_line + b"end"
    assert berthctl("logs", "--tail", "4", name).stdout == b"499\n500\n" + long_line + b"end"
    assert berthctl("logs", "--tail", "100000", name).stdout == numbered(500) + long_line + b"end"
    assert berthctl("logs", "--tail", "all", name).stdout == numbered(500) + long_line + b"end"


def test_since_and_until(log, berthctl, name):
    log("echo before; sleep 2; echo after")
    times = [line.split()[0].decode() for line in berthctl("logs", "--timestamps", name).stdout.splitlines()]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d)", times[0]) and times[0] < times[1]
    assert berthctl("logs", "--since", times[1], name).stdout == b"after\n"
    assert berthctl("logs", "--until", times[0], name).stdout == b"before\n"
    assert berthctl("logs", "--since", "1h", name).stdout == b"before\nafter\n"
    assert berthctl("logs", "--since", times[1], "--tail", "5", name).stdout == b"after\n"
    assert berthctl("logs", "--until", times[0], "--tail", "1", name).stdout == b"before\n"


def test_follow(log, berthctl, name):
    """What comes later is seen soon, and the end of the container ends it, with all of the last output."""
    log("echo one; read x; echo two; seq 1 5000; printf last", "-i", wait=False)
    follower = subprocess.Popen(["berthctl", "logs", "-f", name], stdout=subprocess.PIPE)
    assert follower.stdout.readline() == b"one\n"
    begin = time.monotonic()
    berthctl("attach", name, input=b"\n")
    assert follower.stdout.readline() == b"two\n"
    assert time.monotonic() - begin < 5
    assert follower.stdout.read() == numbered(5000) + b"last"
    assert follower.wait(10) == 0


def test_follow_and_tail(log, berthctl, name):
    log("seq 1 100; read x; echo more", "-i", wait=False)
    poll(lambda: berthctl("logs", name).stdout == numbered(100), 10, "the lines")
    follower = subprocess.Popen(["berthctl", "logs", "-f", "--tail", "2", name], stdout=subprocess.PIPE)
    assert [follower.stdout.readline() for _ in range(2)] == [b"99\n", b"100\n"]
    berthctl("attach", name, input=b"\n")
    assert follower.stdout.read() == b"more\n"
    assert follower.wait(10) == 0


def test_follower_leaves(log, name):
    """Nothing of it stays behind (which the fixture of all tests looks at)."""
    log("echo one; sleep 1000", "--stop-timeout", "0", wait=False)
    follower = subprocess.Popen(["berthctl", "logs", "-f", name], stdout=subprocess.PIPE)
    assert follower.stdout.readline() == b"one\n"
    follower.send_signal(signal.SIGTERM)
    follower.wait(10)


def test_rotation(log, berthctl, name):
    log("seq 1 100; read x; seq 101 200", "-i", wait=False)
    poll(lambda: len(berthctl("logs", name).stdout.splitlines()) == 100, 10, "the lines")
    run("journalctl", "--rotate")
    berthctl("attach", name, input=b"\n")
    berthctl("wait", name)
    assert berthctl("logs", name).stdout == numbered(200)
    assert berthctl("logs", "--tail", "150", name).stdout.splitlines()[0] == b"51"


def test_over_restarts(log, berthctl, name):
    log("echo again")
    berthctl("start", name)
    berthctl("wait", name)
    assert berthctl("logs", name).stdout == b"again\nagain\n"


def test_after_rename(log, berthctl, name):
    log("echo one; read x; echo two", "-i", wait=False)
    new = f"{name}-new"
    berthctl("rename", name, new)
    try:
        berthctl("attach", new, input=b"\n")
        berthctl("wait", new)
        assert berthctl("logs", new).stdout == b"one\ntwo\n"
        assert run("journalctl", "-q", "-o", "cat", f"CONTAINER_NAME={new}").stdout == b"two\n"
    finally:
        berthctl("rename", new, name)


def test_another_users_entry(log, berthctl, name, as_user):
    """Anyone may write to the journal, but not into a container's log."""
    log("echo mine")
    identity = berthctl("inspect", "--format", "{{.Id}}", name, check=False).stdout.decode().strip()
    if not re.fullmatch("[0-9a-f]{64}", identity):
        identity = json.loads(berthctl("inspect", name).stdout)[0]["Id"]
    as_user("logger", "--journald", check=True, input=f"MESSAGE=forged\nCONTAINER_ID_FULL={identity}\nPRIORITY=6\n".encode())
    run("journalctl", "--sync")
    assert b"forged" in run("journalctl", "-q", "-o", "cat", f"CONTAINER_ID_FULL={identity}").stdout
    assert berthctl("logs", name).stdout == b"mine\n"


@pytest.mark.seconds(180)
def test_journald_is_restarted(log, berthctl, name):
    log("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo $i; done", wait=False)
    for _ in range(3):
        run("systemctl", "restart", "systemd-journald")
    berthctl("wait", name, timeout=120)
    assert berthctl("logs", name).stdout == numbered(20000)
