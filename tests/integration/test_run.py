"""`berthctl run` and `start`: exit statuses, streams, signals, users, mounts, as a user of docker expects them."""

import os
import signal
import subprocess
import threading
import time

import pytest
from conftest import poll, run


@pytest.fixture
def once(berthctl, busybox_image):
    """once("echo hi", "-e", "A=1") → the completed `run --rm` of a shell script."""
    def start(script, *options, **arguments):
        return berthctl("run", "--rm", *options, busybox_image, "sh", "-c", script, **arguments)
    return start


@pytest.mark.parametrize("command, status", [
    (["true"], 0), (["false"], 1), (["sh", "-c", "exit 42"], 42), (["no-such-command"], 127), (["/no/such/file"], 127),
    (["/etc/passwd"], 126), (["/etc"], 126),
])
def test_exit_status(berthctl, busybox_image, command, status):
    result = berthctl("run", "--rm", busybox_image, *command, check=False)
    assert result.returncode == status
    assert bool(result.stderr) == (status >= 126)
    if status >= 126:
        assert command[0].encode() in result.stderr and result.stderr.count(b"\n") == 1


def test_killed(berthctl, busybox_image, name):
    process = subprocess.Popen(["berthctl", "run", "--rm", "--name", name, busybox_image, "sleep", "1000"])
    poll(lambda: name.encode() in berthctl("list", "-q").stdout, 10, "the container")
    poll(lambda: berthctl("kill", name, check=False).returncode == 0, 10, "the kill")
    assert process.wait(10) == 137


def test_output(once):
    result = once("echo out; echo err >&2; printf 'a\\0b'")
    assert (result.stdout, result.stderr) == (b"out\na\0b", b"err\n")


def test_nothing_of_the_last_output_is_lost(once):
    for size in (1, 65536, 1_000_000):
        assert once(f"head -c {size} /dev/zero | tr '\\0' x; exit 0").stdout == b"x" * size


def test_stdin(once):
    data = os.urandom(2_000_000)
    assert once("cat", "-i", input=data).stdout == data
    assert once("cat; echo end", "-i", input=b"").stdout == b"end\n"
    assert once("cat; echo end").stdout == b"end\n"             # without -i there is none
    assert once("head -c 3", "-i", input=data).stdout == data[:3]   # and nobody waits for the rest


def test_reader_leaves(berthctl, busybox_image, name):
    """`berthctl run … | head -1` ends at once, and the container in good order."""
    process = subprocess.Popen(["berthctl", "run", "--name", name, "--stop-timeout", "1", busybox_image,
                                "sh", "-c", "seq 1 50000; sleep 1000"], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"1\n"
    process.stdout.close()
    assert process.wait(20) == 141
    berthctl("wait", name)
    assert b"".join(b"%d\n" % i for i in range(1, 50001)).startswith(berthctl("logs", name).stdout)
    berthctl("rm", name)


def test_slow_reader(busybox_image):
    """Nothing is lost, however slowly it is taken."""
    process = subprocess.Popen(["berthctl", "run", "--rm", busybox_image, "seq", "1", "200000"], stdout=subprocess.PIPE)
    time.sleep(1)
    assert process.stdout.read() == b"".join(b"%d\n" % i for i in range(1, 200001))
    assert process.wait(10) == 0


def test_signals_are_passed_on(berthctl, busybox_image, name):
    script = "trap 'echo got it; exit 7' TERM; echo ready; while :; do sleep .1; done"
    process = subprocess.Popen(["berthctl", "run", "--rm", "--name", name, busybox_image, "sh", "-c", script],
                               stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGTERM)
    assert process.stdout.read() == b"got it\n"
    assert process.wait(10) == 7


def test_environment_user_directory(once):
    result = once("echo $A-$B; id -u; id -g; pwd; hostname; echo $HOME", "-e", "A=1", "-e", "B=x y", "-u", "1000:100",
                  "-w", "/new/dir", "--hostname", "box")
    assert result.stdout.split(b"\n")[:6] == [b"1-x y", b"1000", b"100", b"/new/dir", b"box", b"/"]


def test_volumes(once, tmp_path):
    (tmp_path / "file").write_text("old")
    once("cat /v/file && echo new > /v/file && touch /v/made && ! touch /ro/x",
         "-v", f"{tmp_path}:/v", "-v", f"{tmp_path}:/ro:ro")
    assert (tmp_path / "file").read_text() == "new\n"
    assert (tmp_path / "made").stat().st_uid == 0               # the container's root is the folder's owner, mapped
    once("touch /t/x && [ $(stat -f -c %T /t) = tmpfs ]", "--tmpfs", "/t:size=1m")


def test_read_only(once):
    once("! touch /x && touch /tmp/x", "--read-only", "--tmpfs", "/tmp")


def test_user_namespaces(once):
    ids = {once("cat /proc/self/uid_map").stdout.split()[1] for _ in range(2)}
    assert b"0" not in ids
    assert once("cat /proc/self/uid_map", "--userns=host").stdout.split() == [b"0", b"0", b"4294967295"]


def test_reaper(once):
    assert b"berth-init" in once("ps", "--init").stdout
    assert once("kill -9 $$", "--init", check=False).returncode == 137


def test_detach_and_start_again(berthctl, busybox_image, name):
    berthctl("run", "-d", "--name", name, busybox_image, "sh", "-c", "[ -e /seen ] && exit 5; touch /seen; exit 4")
    assert berthctl("wait", name).stdout.strip() == b"4"
    assert berthctl("start", "-a", name, check=False).returncode == 5       # its files are still there
    berthctl("rm", name)


def test_interactive_start(berthctl, busybox_image, name):
    berthctl("create", "-i", "--name", name, busybox_image, "cat")
    assert berthctl("start", "-a", "-i", name, input=b"hello").stdout == b"hello"
    berthctl("rm", name)


def test_attach(berthctl, busybox_image, name):
    berthctl("run", "-d", "-i", "--name", name, busybox_image, "sh", "-c", "read x; echo got $x; exit 3")
    result = berthctl("attach", name, input=b"line\n", check=False)
    assert (result.stdout, result.returncode) == (b"got line\n", 3)
    berthctl("rm", name)


def test_many_at_once(busybox_image):
    results = []

    def start(i):
        results.append(run("berthctl", "run", "--rm", busybox_image, "sh", "-c", f"echo {i}; exit {i}", check=False, timeout=100))
    threads = [threading.Thread(target=start, args=(i,)) for i in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((int(r.stdout), r.returncode) for r in results) == [(i, i) for i in range(12)]


def test_shim_is_killed(berthctl, busybox_image, name):
    """The container can't live without its parent: it ends, berth knows, and nothing stays."""
    berthctl("run", "-d", "--name", name, busybox_image, "sleep", "1000")
    pid = int(run("pgrep", "-f", "^berth-shim [0-9a-f]{64}").stdout.split()[0])
    os.kill(pid, signal.SIGKILL)
    poll(lambda: b"exited" in berthctl("list", "-a", "--filter", f"name={name}").stdout, 20, "the end")
    assert berthctl("start", name, timeout=30).returncode == 0              # and can be started again
    berthctl("rm", "-f", name)
