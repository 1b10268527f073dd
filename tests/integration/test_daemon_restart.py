"""berthd may end at any moment, and so may a shim; containers do not notice, and nothing is lost or left behind."""

import json
import os
import pathlib
import random
import re
import signal
import subprocess
import time

import dbus
import pytest

from berthbus import STDIN, STDIN_EOF, error_of
from conftest import poll, run

STATE = pathlib.Path("/var/lib/berth/containers")
EPOLL_WAIT = ("232", "281", "441", "22")     # epoll_wait, epoll_pwait and epoll_pwait2, on x86-64 and on newer architectures


@pytest.fixture
def create(berth, name):
    made = []

    def make(*command, suffix="", **spec):
        made.append(berth.create(name + suffix, **{"Image": "busybox", "Command": list(command), "NetworkMode": "none",
                                                   "StopTimeoutUSec": 1000000, **spec}))
        return made[-1]
    yield make
    for container in made:
        try:
            container.remove(force=True)
        except dbus.DBusException as error:
            assert "Unknown" in error.get_dbus_name()


def main_pid():
    return int(run("systemctl", "show", "-P", "MainPID", "berthd.service").stdout)


def restart():
    run("systemctl", "restart", "berthd.service")


def kill():
    """kill -9, and the next one that systemd starts by itself."""
    old = main_pid()
    os.kill(old, signal.SIGKILL)
    poll(lambda: main_pid() not in (0, old) and run("systemctl", "is-active", "berthd", check=False).stdout == b"active\n")


def stop():
    run("systemctl", "stop", "berthd.service")


def start():
    run("systemctl", "start", "berthd.service")


@pytest.fixture(autouse=True)
def unlimited_starts():
    run("systemctl", "reset-failed", "berthd.service", check=False)


def shim_of(container):
    leader = container.get("Leader")
    stat = pathlib.Path(f"/proc/{leader}/stat").read_text()
    return int(stat.rsplit(")", 1)[1].split()[1])


@pytest.mark.parametrize("again", [restart, kill])
def test_containers_go_on(create, again):
    container = create("sh", "-c", "while read line; do echo got $line; done; exit 5", OpenStdin=True)
    stream = container.attach()
    container.start()
    before = container.all()
    identity, executed = container.exec("cat", OpenStdin=True)
    stream.send(STDIN, b"one\n")
    again()
    assert container.all() == before
    stream.send(STDIN, b"two\n")
    executed.send(STDIN, b"still there\n")
    executed.send(STDIN_EOF)
    output = executed.read_all()
    assert output.stdout == b"still there\n" and output.exit == 0
    late = container.attach(Stdout=True)
    assert container.run("echo", "more").stdout == b"more\n"
    stream.send(STDIN, b"three\n")
    stream.send(STDIN_EOF)
    output = stream.read_all()
    assert output.stdout == b"got one\ngot two\ngot three\n" and output.exit == 5
    assert late.read_all().exit == 5
    assert container.wait() == 5


@pytest.mark.parametrize("again", [restart, kill])
def test_stop_after_a_restart(create, again):
    container = create("sh", "-c", "trap 'exit 6' TERM; while :; do sleep 0.05; done")
    container.start()
    time.sleep(0.2)
    again()
    container.stop()
    assert container.get("ExitCode") == 6


def test_ended_meanwhile(create):
    container = create("sh", "-c", "sleep 0.5; exit 7")
    removed = create("sh", "-c", "sleep 0.5", suffix="-rm", AutoRemove=True)
    container.start()
    removed.start()
    stop()
    time.sleep(1.5)
    start()
    assert container.status == "exited" and container.get("ExitCode") == 7
    assert error_of(container.berth.container, removed.path.rsplit("/", 1)[1])[0] == "NoSuchContainer"


def test_paused_stays_paused(create):
    container = create("sleep", "1000")
    container.start()
    container.call("Pause")
    restart()
    assert container.status == "paused"
    container.call("Unpause")
    assert container.run("true").exit == 0


def test_restart_policy_goes_on(create):
    container = create("sh", "-c", "sleep 0.5; exit 1", Restart={"Name": "always"})
    container.start()
    stop()
    time.sleep(1.2)
    start()
    poll(lambda: container.get("RestartCount") >= 1)
    kill()
    count = container.get("RestartCount")
    poll(lambda: container.get("RestartCount") > count, 20)


def test_shim_killed(create):
    container = create("sleep", "1000")
    stream = container.attach()
    container.start()
    leader = container.get("Leader")
    os.kill(shim_of(container), signal.SIGKILL)
    assert container.wait() == 137
    assert "shim" in container.get("Error") and container.status == "exited"
    poll(lambda: not os.path.exists(f"/proc/{leader}"))
    stream.close()
    container.start()
    assert container.status == "running"


def test_shim_killed_while_berthd_is_away(create):
    container = create("sleep", "1000")
    container.start()
    leader, shim = container.get("Leader"), shim_of(container)
    stop()
    os.kill(shim, signal.SIGKILL)
    start()
    assert container.status == "exited" and container.get("ExitCode") == 137 and "shim" in container.get("Error")
    poll(lambda: not os.path.exists(f"/proc/{leader}"))
    container.start()


def test_killed_in_the_middle_of_starts(create):
    """At random moments, many times: the state is always one that can be started from."""
    container = create("sh", "-c", "sleep 1000")
    for _ in range(12):
        try:
            container.berth.bus.call_async("org.berth1", container.path, "org.berth1.Container", "Start", "a{sv}",
                                           (dbus.Dictionary(signature="sv"),), None, None)
            container.berth.bus.flush()
        except dbus.DBusException:
            pass
        time.sleep(random.uniform(0, 0.12))
        kill()
        poll(lambda: container.status in ("created", "exited", "running"), what=f"a final state, not {container.status}")
        if container.status == "running":
            assert container.run("true").exit == 0
            container.kill()
            container.wait()
        run("systemctl", "reset-failed", "berthd.service", check=False)
    container.start()
    assert container.run("true").exit == 0


def test_killed_in_the_middle_of_creating_and_removing(berth, name):
    for i in range(8):
        for call in ("create", "remove"):
            try:
                if call == "create":
                    berth.bus.call_async("org.berth1", "/org/berth1", "org.berth1.Manager", "CreateContainer", "sa{sv}",
                                         (name, dbus.Dictionary({"Image": "busybox", "Command": dbus.Array(["true"], "s")}, "sv")),
                                         None, None)
                else:
                    berth.bus.call_async("org.berth1", berth.container(name).path, "org.berth1.Container", "Remove", "a{sv}",
                                         (dbus.Dictionary(signature="sv"),), None, None)
                berth.bus.flush()
            except dbus.DBusException:
                pass
            time.sleep(random.uniform(0, 0.04))
            kill()
            run("systemctl", "reset-failed", "berthd.service", check=False)
            assert len([entry for entry in berth.list(All=True) if entry[1]["Name"] == name]) <= 1
    for _, properties in berth.list(All=True, Names=[name]):
        berth.container(properties["Name"]).remove()
    poll(lambda: not [entry for entry in os.listdir(STATE) if entry.startswith(".tmp-")], what="swept directories")


class Killer:
    """Kills berthd at its Nth call of a certain system call."""

    def __init__(self, call, n):
        self.step = f"{call} no. {n}"
        self.pid = main_pid()
        self.strace = subprocess.Popen(["strace", "-qq", "-p", str(self.pid), "-e", f"trace={call}",
                                        "-e", f"inject={call}:signal=KILL:when={n}"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        poll(lambda: re.search(r"TracerPid:\s*[1-9]", pathlib.Path(f"/proc/{self.pid}/status").read_text()))

    def has_struck(self):
        return not os.path.exists(f"/proc/{self.pid}")

    def is_over(self, identity, status):
        """berthd was killed, or has come to this state of the container and waits for something new. It is not asked: to
        answer, it would have to make one of the calls that it is killed at."""
        try:
            if json.loads(STATE.joinpath(identity, "state.json").read_text())["Status"] != status:
                return self.has_struck()
            call = pathlib.Path(f"/proc/{self.pid}/syscall").read_text().split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        return call in EPOLL_WAIT

    def end(self):
        """Whether berthd was killed; then the next one is up."""
        killed = self.has_struck()
        self.strace.terminate()
        self.strace.wait()
        if killed:
            poll(lambda: main_pid() not in (0, self.pid) and
                 run("systemctl", "is-active", "berthd", check=False).stdout == b"active\n")
            run("systemctl", "reset-failed", "berthd.service", check=False)
        return killed


def at_each_step(attempt):
    """attempt(killer) begins what is to be disturbed, and says whether berthd was killed; at every call that changes
    something, one after the other, until it comes through. Returns how often it was killed."""
    steps = 0
    for call in ("mkdirat", "renameat", "renameat2", "unlinkat", "write", "sendmsg", "clone3", "close"):
        n = 1
        while attempt(Killer(call, n)):
            n += 1
            steps += 1
    return steps


@pytest.mark.seconds(400)
def test_killed_at_each_step_of_a_start(create):
    container = create("sleep", "1000")
    identity = container.get("Id")

    def attempt(killer):
        container.berth.bus.call_async("org.berth1", container.path, "org.berth1.Container", "Start", "a{sv}",
                                       (dbus.Dictionary(signature="sv"),), None, None)
        container.berth.bus.flush()
        poll(lambda: killer.is_over(identity, "running"), what=killer.step)
        killed = killer.end()
        poll(lambda: container.status in ("created", "exited", "running"), what=f"{killer.step}: a final state, not {container.status}")
        if container.status == "running":
            assert container.run("true").exit == 0, killer.step
            container.kill()
            container.wait()
        return killed
    assert at_each_step(attempt) > 30


@pytest.mark.seconds(400)
def test_killed_at_each_step_of_an_end(create):
    """The exit code is the right one, wherever berthd was when it learned of it."""
    container = create("sh", "-c", "read line; exit 42", OpenStdin=True)
    identity = container.get("Id")

    def attempt(killer):
        stream.send(STDIN, b"end\n")
        assert stream.read_all().exit == 42
        poll(lambda: killer.is_over(identity, "exited"), what=killer.step)
        killed = killer.end()
        poll(lambda: container.status == "exited", what=f"{killer.step}: the end")
        assert container.get("ExitCode") == 42, killer.step
        begin()
        return killed

    def begin():
        nonlocal stream
        stream = container.attach()
        container.start()
    stream = None
    begin()
    assert at_each_step(attempt) > 10


@pytest.mark.seconds(400)
@pytest.mark.parametrize("operation", ["create", "remove"])
def test_killed_at_each_step_of(berth, name, operation):
    def exists():
        return bool([entry for entry in berth.list(All=True) if entry[1]["Name"] == name])

    def prepare():
        if operation == "remove" and not exists():
            berth.create(name, Image="busybox", Command=["true"], NetworkMode="none")
        if operation == "create" and exists():
            berth.container(name).remove()

    def attempt(killer):
        try:
            if operation == "create":
                berth.create(name, Image="busybox", Command=["true"], NetworkMode="none")
            else:
                berth.container(name).remove()
        except dbus.DBusException:
            pass
        time.sleep(0.05)
        killed = killer.end()
        assert len([entry for entry in os.listdir(STATE) if len(entry) == 64]) == len(berth.list(All=True)), killer.step
        if not killed:
            assert exists() == (operation == "create")
        prepare()
        return killed
    prepare()
    assert at_each_step(attempt) > 5
    if exists():
        berth.container(name).remove()
    restart()
    poll(lambda: not [entry for entry in os.listdir(STATE) if entry.startswith(".tmp-")], what="swept directories")


@pytest.mark.seconds(120)
def test_the_shims_unit_loses_its_process(create):
    """Containers and their shims stay; others can be started at any time; and the unit comes back."""
    container = create("sleep", "1000")
    container.start()
    shim = shim_of(container)
    holder = int(run("systemctl", "show", "-P", "MainPID", "berth-shims.service").stdout)
    os.kill(holder, signal.SIGKILL)
    other = create("sleep", "1000", suffix="-other")
    other.start()
    poll(lambda: run("systemctl", "show", "-P", "ActiveState", "-P", "SubState", "berth-shims.service").stdout == b"active\nrunning\n", 40)
    assert shim_of(container) == shim and container.run("true").exit == 0 and other.run("true").exit == 0
    other.restart(TimeoutUSec=0)
    assert other.run("true").exit == 0


def test_corrupt_files_are_set_aside(create, name):
    good = create("true", suffix="-good")
    bad = create("true", suffix="-bad")
    odd = create("sh", "-c", "exit 3", suffix="-odd")
    identity, other = bad.get("Id"), odd.get("Id")
    stop()
    (STATE / identity / "spec.json").write_text('{"Id": "tru')
    (STATE / other / "state.json").write_text("\0\0\0")
    start()
    assert good.status == "created"
    assert error_of(good.berth.container, f"{name}-bad")[0] == "NoSuchContainer"
    assert (STATE / identity / "spec.json.corrupt").read_text() == '{"Id": "tru'
    assert odd.status == "exited" and odd.get("ExitCode") == 255 and (STATE / other / "state.json.corrupt").exists()
    log = run("journalctl", "--no-pager", "-u", "berthd", "-n", "20").stdout.decode()
    assert identity in log and "corrupt" in log
    run("rm", "-r", STATE / identity)


def test_a_second_berthd_gives_up(berth):
    second = run("/usr/lib/berth/berthd", check=False, timeout=20)
    assert second.returncode != 0 and second.stderr
    assert berth.get("Version")


def test_activated_by_the_bus(berth):
    stop()
    assert berth.get("Version")


def test_a_stop_that_came_while_berthd_was_away(create, name):
    container = create("sh", "-c", "trap 'exit 6' TERM; while :; do sleep 0.05; done")
    container.start()
    time.sleep(0.2)
    stop()
    run("systemctl", "stop", f"berth-{name}.scope")
    poll(lambda: container.status == "exited")
    assert container.get("ExitCode") == 6


def test_environment_of_a_start_without_shims_unit(create):
    """Somebody has killed everything of the unit; a start brings it back."""
    container = create("true")
    run("systemctl", "kill", "--signal=KILL", "berth-shims.service")
    time.sleep(0.5)
    container.start()
    assert container.wait() == 0


@pytest.mark.seconds(300)
def test_many_containers(berth, name):
    """500 of them: the API is back within a moment, and listing is quick."""
    names = [f"{name}-{i}" for i in range(500)]
    for one in names:
        berth.create(one, Image="busybox", Command=["true"], NetworkMode="none")
    stop()
    started = time.monotonic()
    start()
    berth.get("Version")
    back = time.monotonic() - started
    started = time.monotonic()
    listed = berth.list(All=True, Names=[name])
    listing = time.monotonic() - started
    print(json.dumps({"back": back, "list": listing}))
    assert len(listed) == 500 and back < 2 and listing < 2
    for one in names:
        berth.container(one).remove()


# --- reboots, on hosts of their own --------------------------------------------------------------------------

SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "lib/reboot_containers.py"


@pytest.mark.outside
@pytest.mark.seconds(240)
@pytest.mark.parametrize("way", ["reboot", "power_cycle"])
def test_reboot(new_host, way):
    host = new_host()
    host.run("python3", SCRIPT, "before", timeout=100)
    getattr(host, way)()
    host.run("python3", SCRIPT, f"after-{way}", timeout=100)
