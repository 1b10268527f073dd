"""`berthctl exec`: processes in a running container."""

import os
import subprocess
import threading

import pytest
from conftest import poll, run


@pytest.fixture
def container(berthctl, busybox_image, name):
    berthctl("run", "-d", "--name", name, "-e", "A=1", "--hostname", "box", busybox_image, "sleep", "1000")
    yield name
    berthctl("rm", "--force", name)


@pytest.fixture
def execute(berthctl, container):
    def start(*command, options=(), **arguments):
        return berthctl("exec", *options, container, *command, **arguments)
    return start


def test_basics(execute):
    result = execute("sh", "-c", "echo $A-$B; echo err >&2; hostname; pwd; exit 7", options=("-e", "B=2"), check=False)
    assert result.stdout == b"1-2\nbox\n/\n" and result.stderr == b"err\n" and result.returncode == 7


@pytest.mark.parametrize("command, options, status", [
    (["nope"], (), 127), (["/etc/passwd"], (), 126), (["true"], ("-u", "nobody-here"), 125), (["true"], ("-w", "/missing"), 125),
])
def test_failures(execute, command, options, status):
    result = execute(*command, options=options, check=False)
    assert result.returncode == status and result.stderr.count(b"\n") == 1


def test_in_the_scope(execute, container):
    """It is a process of the container's unit, and of its pid namespace."""
    assert execute("cat", "/proc/self/cgroup").stdout.splitlines()[-1] == b"0::/"
    assert execute("sh", "-c", "cat /proc/1/cmdline | tr '\\0' ' '").stdout == b"sleep 1000 "
    process = subprocess.Popen(["berthctl", "exec", container, "sleep", "999"])
    try:
        status = ("systemctl", "status", f"berth-{container}.scope")
        poll(lambda: b"sleep 999" in run(*status, check=False).stdout, 10, "the process")
    finally:
        execute("killall", "sleep", check=False)
        process.wait(10)


def test_stdin(execute):
    data = os.urandom(1_000_000)
    assert execute("cat", options=("-i",), input=data).stdout == data
    assert execute("cat").stdout == b""


def test_user_and_directory(execute):
    assert execute("sh", "-c", "id -u; pwd", options=("-u", "1000", "-w", "/tmp")).stdout == b"1000\n/tmp\n"


def test_detached(execute):
    execute("sh", "-c", "sleep .3; touch /done", options=("-d",))
    poll(lambda: execute("test", "-e", "/done", check=False).returncode == 0, 10, "the process")


def test_client_is_killed(execute, container):
    """The process lives on."""
    process = subprocess.Popen(["berthctl", "exec", container, "sh", "-c", "echo up; sleep 1; echo into the void; touch /done"],
                               stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"up\n"
    process.kill()
    process.wait()
    poll(lambda: execute("test", "-e", "/done", check=False).returncode == 0, 10, "the process")


def test_not_running(berthctl, container):
    berthctl("stop", "-t", "0", container)
    result = berthctl("exec", container, "true", check=False)
    assert result.returncode not in (0, 127) and b"not running" in result.stderr


def test_end_of_the_container(berthctl, container):
    process = subprocess.Popen(["berthctl", "exec", container, "sh", "-c", "echo up; sleep 1000"], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"up\n"
    berthctl("kill", container)
    assert process.wait(10) == 137


def test_many_at_once(container):
    results = []

    def start(i):
        results.append(run("berthctl", "exec", container, "sh", "-c", f"echo {i}; exit {i}", check=False, timeout=100))
    threads = [threading.Thread(target=start, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((int(r.stdout), r.returncode) for r in results) == [(i, i) for i in range(20)]


def test_berthd_restarts_under_an_exec(execute, container):
    process = subprocess.Popen(["berthctl", "exec", "-i", container, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    process.stdin.write(b"one\n")
    process.stdin.flush()
    assert process.stdout.readline() == b"one\n"
    run("systemctl", "restart", "berthd")
    process.stdin.write(b"two\n")
    process.stdin.close()
    assert process.stdout.read() == b"two\n"
    assert process.wait(10) == 0
    assert execute("true").returncode == 0
