"""tests/host itself: what other tests rely on."""

import os
import pathlib
import signal
import subprocess
import time

import pytest

from conftest import TESTS, poll, run

pytestmark = pytest.mark.outside
HOST = TESTS / "host"


@pytest.fixture
def base(tmp_path_factory, monkeypatch):
    """A scratch folder of the test's own, which must be empty again at the end."""
    folder = pathlib.Path("/var/tmp") / f"berth-test-host-{os.getpid()}"
    folder.mkdir()
    monkeypatch.setenv("BERTH_TEST_DIR", str(folder))
    before = traces()
    yield folder
    run(HOST, "--stop", "--all")
    poll(lambda: traces() <= before, what=f"no traces, but there are {traces() - before}")
    left = [entry.name for entry in folder.iterdir() if entry.name != ".lock"]
    run("rm", "-rf", folder)
    assert not left


def traces():
    """What a host could leave on the machine. Other people's hosts come and go, so only ours count."""
    mine = f"berth-test-host-{os.getpid()}"
    found = {line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if mine in line}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if mine.encode() in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() and int(pid) != os.getpid():
                found.add(f"process {pid}")
        except OSError:
            continue
    for folder in pathlib.Path("/sys/fs/cgroup").rglob("berth-test-traced*"):
        found.add(str(folder))
    return found


def host(*arguments, **options):
    return run(HOST, *arguments, timeout=150, **options)


def start(*arguments):
    return subprocess.Popen([HOST, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def booted(base, name):
    return lambda: (base / name / "ready").exists()


def test_output_status_and_input_pass_through(base):
    result = host("--no-install", "--", "sh", "-c", "cat; echo err >&2; exit 42", input=b"in\0put", check=False)
    assert (result.stdout, result.stderr, result.returncode) == (b"in\0put", b"err\n", 42)


def test_it_is_a_machine_of_its_own(base):
    script = """
        set -e
        test "$(cat /proc/1/comm)" = systemd
        systemctl is-system-running
        busctl call org.freedesktop.machine1 /org/freedesktop/machine1 org.freedesktop.machine1.Manager GetMachine s .host
        pkcheck --action-id org.freedesktop.systemd1.manage-units --process $$
        systemd-run --quiet --scope -p Delegate=yes grep -q 0::/system.slice/run- /proc/self/cgroup
        echo kept | systemd-cat -t tested; journalctl --sync; journalctl -t tested -o cat | grep kept
        test "$(hostname)" = traced
        test "$(ip -brief link | wc -l)" = 1
        test -z "$(ip route)"
        stat -f -c %T /var/lib/berth | grep -v overlay"""
    result = host("--no-install", "--name", "traced", "--", "bash", "-c", script, check=False)
    assert result.returncode == 0, result.stderr.decode()
    assert b"running" in result.stdout and b"kept" in result.stdout


def test_a_container_may_mount_its_own_proc(base):
    host("--no-install", "--", "unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc", "true")


def test_two_at_a_time(base):
    both = [start("--no-install", "--", "sh", "-c", "hostname; cat /etc/machine-id; sleep 1") for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert said[0] != said[1]


def test_a_kept_host_is_entered_again_until_it_is_stopped(base):
    host("--no-install", "--keep", "--name", "traced", "--", "touch", "/run/marker")
    host("--name", "traced", "--", "test", "-e", "/run/marker")
    assert b"traced running" in host("--list").stdout
    assert host("--name", "traced", "--keep", "--no-install", check=False).returncode == 125
    host("--stop", "--name", "traced")
    assert host("--list").stdout == b""


def test_a_terminal_is_given_when_asked_for(base):
    result = host("--no-install", "--tty", "--", "sh", "-c", "tty && echo > /dev/tty")
    assert result.stdout.startswith(b"/dev/pts/")


@pytest.mark.parametrize("way", ["--reboot", "--power-cycle"])
def test_a_reboot_keeps_the_disk_and_nothing_else(base, way):
    ids = "cat /proc/sys/kernel/random/boot_id"
    first = host("--no-install", "--keep", "--name", "traced", "--", "sh", "-c",
                 f"echo kept | tee /etc/marker /var/lib/berth/marker > /run/marker; {ids}").stdout
    host("--name", "traced", way)
    second = host("--name", "traced", "--", "sh", "-c", f"cat /etc/marker /var/lib/berth/marker; test ! -e /run/marker; {ids}")
    kept, boot_id = second.stdout.rsplit(b"\n", 2)[:2]
    assert kept == b"kept\nkept" and boot_id + b"\n" != first


def test_a_host_that_is_off_boots_again(base):
    host("--no-install", "--keep", "--name", "traced")
    host("--name", "traced", "--poweroff")
    assert b"traced off" in host("--list").stdout
    assert host("--name", "traced", "true", check=False).returncode == 125
    host("--name", "traced", "--boot")
    host("--name", "traced", "true")


def test_linked_hosts_reach_each_other_also_after_a_reboot(base):
    for name in ("traced-a", "traced-b"):
        host("--no-install", "--keep", "--name", name)
    host("--link", "traced-a", "traced-b")
    host("--name", "traced-a", "--reboot")
    for here, there in (("traced-a", "traced-b"), ("traced-b", "traced-a")):
        host("--name", here, "--", "ping", "-c", "1", "-W", "5", there)


@pytest.mark.parametrize("number, status", [(signal.SIGTERM, 143), (signal.SIGINT, None), (signal.SIGKILL, -9)])
def test_a_killed_tests_host_takes_its_host_along(base, number, status):
    process = start("--no-install", "--name", "traced", "--", "sleep", "1000")
    poll(booted(base, "traced"), 60, "the host")
    time.sleep(0.2)
    if number == signal.SIGINT:     # as the terminal does: to the command, too
        subprocess.run(["pkill", "-INT", "-P", str(process.pid)], check=False)
    process.send_signal(number)
    process.communicate(timeout=30)
    assert status is None or process.returncode == status
    poll(lambda: not (base / "traced").exists(), 20, "the end of the host")


def test_a_kill_while_booting_leaves_nothing(base):
    process = start("--no-install", "--name", "traced", "--", "true")
    poll((base / "traced/pid").exists, 60, "PID 1")
    process.kill()
    process.communicate()
    poll(lambda: not (base / "traced").exists(), 20, "the end of the host")


def test_what_a_killed_supervisor_leaves_is_swept_by_the_next(base):
    host("--no-install", "--keep", "--name", "traced")
    os.kill(int((base / "traced/supervisor").read_text()), signal.SIGKILL)
    poll(lambda: b"traced dead" in host("--list").stdout, what="the host to be dead")
    host("--no-install", "--name", "traced-next", "true")
    assert not (base / "traced").exists()


def test_a_failed_boot_shows_why(base):
    process = start("--no-install", "--name", "traced", "--", "true")
    poll((base / "traced/pid").exists, 60, "PID 1")
    os.kill(int((base / "traced/pid").read_text().split()[0]), signal.SIGKILL)
    output, errors = process.communicate(timeout=30)
    assert process.returncode == 125
    assert output == b"" and b"does not boot; its console says" in errors


def test_an_unfit_scratch_folder_is_named(base, monkeypatch):
    monkeypatch.setenv("BERTH_TEST_DIR", "/dev/shm/berth-test")
    result = host("--no-install", "true", check=False)
    pathlib.Path("/dev/shm/berth-test").rmdir()
    assert result.returncode == 125 and b"BERTH_TEST_DIR" in result.stderr
