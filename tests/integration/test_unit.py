"""A running container as systemd, journald and machined see it."""

import json
import os
import time

import pytest

from conftest import poll, run


@pytest.fixture
def running(berth, name):
    """running(*command, **spec): a started container."""
    made = []

    def make(*command, **spec):
        made.append(berth.create(name, **{"Image": "busybox", "Command": list(command), "NetworkMode": "none",
                                          "StopTimeoutUSec": 2000000, **spec}))
        made[-1].start()
        return made[-1]
    yield make
    for container in made:
        container.remove(force=True)


def show(unit, *properties):
    shown = run("systemctl", "show", *(f"--property={name}" for name in properties), unit).stdout.decode()
    return dict(line.split("=", 1) for line in shown.splitlines())


TRAPPING = "trap 'echo terminated; exit 9' TERM; trap 'echo interrupted; exit 8' INT; echo ready; while :; do sleep 0.05; done"


def ready(container):
    poll(lambda: any(payload.startswith(b"ready") for kind, _, _, payload in container.logs().frames() if kind == 1))


def test_scope(running, name):
    container = running("sleep", "1000", StopSignal="SIGINT")
    unit = f"berth-{name}.scope"
    assert container.get("Unit") == unit
    seen = show(unit, "ActiveState", "Slice", "Delegate", "Controller", "KillSignal", "TimeoutStopUSec", "CollectMode",
                "SendSIGHUP", "DevicePolicy", "ControlGroup", "Description", "After")
    assert seen["ActiveState"] == "active" and seen["Slice"] == "machine-berth.slice"
    assert seen["Delegate"] == "yes" and seen["Controller"] == "org.berth1" and seen["KillSignal"] == "2"
    assert seen["CollectMode"] == "inactive-or-failed" and seen["SendSIGHUP"] == "no" and seen["DevicePolicy"] == "strict"
    assert seen["ControlGroup"] == container.get("ControlGroup") == f"/machine.slice/machine-berth.slice/{unit}"
    assert name in seen["Description"] and "busybox" in seen["Description"]
    assert {"berthd.service", "berth-shims.service", "dbus.service", "network.target"} <= set(seen["After"].split())
    status = run("systemctl", "status", "--no-pager", unit).stdout.decode()
    assert "sleep 1000" in status


def test_stop_through_systemd(running, name):
    container = running("sh", "-c", TRAPPING, StopSignal="SIGINT", Restart={"Name": "always"})
    ready(container)
    run("systemctl", "stop", f"berth-{name}.scope")
    poll(lambda: container.status == "exited")
    # Its own signal, not systemd's SIGTERM; and a person's stop, which the restart policy respects.
    assert container.get("ExitCode") == 8
    time.sleep(0.4)
    assert container.status == "exited"


def test_stop_through_systemd_times_out(running, name):
    container = running("sh", "-c", "trap '' TERM; while :; do sleep 0.05; done", StopTimeoutUSec=500000)
    before = time.monotonic()
    run("systemctl", "stop", f"berth-{name}.scope")
    assert time.monotonic() - before < 8
    poll(lambda: container.status == "exited")
    assert container.get("ExitCode") == 137


def test_kill_through_systemd(running, name):
    container = running("sh", "-c", TRAPPING)
    ready(container)
    run("systemctl", "kill", "--signal=TERM", f"berth-{name}.scope")
    poll(lambda: container.status == "exited")
    assert container.get("ExitCode") == 9


def test_freeze_through_systemd(running, name):
    container = running("sleep", "1000")
    run("systemctl", "freeze", f"berth-{name}.scope")
    run("systemctl", "thaw", f"berth-{name}.scope")
    assert container.run("true").exit == 0


def test_set_property(running, name):
    running("sleep", "1000", Properties={"CPUWeight": "50", "TasksMax": "77", "MemoryMax": "64M", "CPUQuota": "50%",
                                         "AllowedCPUs": "0"})
    seen = show(f"berth-{name}.scope", "CPUWeight", "TasksMax", "MemoryMax", "CPUQuotaPerSecUSec", "AllowedCPUs")
    assert seen == {"CPUWeight": "50", "TasksMax": "77", "MemoryMax": str(64 << 20), "CPUQuotaPerSecUSec": "500ms",
                    "AllowedCPUs": "0"}
    run("systemctl", "set-property", "--runtime", f"berth-{name}.scope", "CPUWeight=60")
    assert show(f"berth-{name}.scope", "CPUWeight") == {"CPUWeight": "60"}


def test_daemon_reload_keeps_it(running, name):
    container = running("sleep", "1000")
    run("systemctl", "daemon-reload")
    assert container.run("sh", "-c", "echo x > /dev/null && head -c1 /dev/zero | wc -c").stdout == b"1\n"


def test_journal(running, name, berth):
    container = running("sh", "-c", "echo to-stdout; echo to-stderr >&2; sleep 1000")

    def entries():
        text = run("journalctl", "--no-pager", "-o", "json", "-u", f"berth-{name}.scope", "CONTAINER_NAME=" + name).stdout
        found = [json.loads(line) for line in text.decode().splitlines()]
        return found if len(found) >= 2 else None
    found = {entry["MESSAGE"]: entry for entry in poll(entries)}
    entry = found["to-stdout"]
    assert entry["CONTAINER_ID_FULL"] == container.get("Id") and entry["CONTAINER_ID"] == container.get("Id")[:12]
    assert entry["IMAGE_NAME"] == "busybox" and entry["PRIORITY"] == "6" and found["to-stderr"]["PRIORITY"] == "3"


def test_machined(running, name):
    running("sleep", "1000")
    listed = poll(lambda: name in run("machinectl", "list", "--no-legend").stdout.decode(), what="machinectl list")
    assert listed
    status = run("machinectl", "status", "--no-pager", name).stdout.decode()
    assert f"berth-{name}.scope" in status


def test_short_ones_start_over_and_over(running, name):
    """The scope of the last run may still be there when the next begins."""
    container = running("true")
    container.wait()
    for _ in range(15):
        container.start()
        container.wait()
        assert container.get("ExitCode") == 0
    poll(lambda: run("systemctl", "is-active", f"berth-{name}.scope", check=False).stdout != b"active\n")


def test_a_foreign_scope_is_in_the_way(berth, running, name):
    run("systemd-run", "--scope", f"--unit=berth-{name}.scope", "sh", "-c", "sleep 1 & ")
    container = running("true")
    assert container.wait() == 0


def test_shims_unit(running):
    container = running("sleep", "1000")
    cgroup = show("berth-shims.service", "ControlGroup")["ControlGroup"]
    members = open(f"/sys/fs/cgroup{cgroup}/cgroup.procs").read().split()
    names = [open(f"/proc/{pid}/comm").read().strip() for pid in members]
    assert names.count("berth-shim") >= 2
    assert show("berth-shims.service", "RefuseManualStop", "LogRateLimitIntervalUSec", "LogRateLimitBurst") == {
        "RefuseManualStop": "yes", "LogRateLimitIntervalUSec": "1s", "LogRateLimitBurst": "1000000000"}
    assert run("systemctl", "stop", "berth-shims.service", check=False).returncode != 0
    assert container.status == "running"


def test_devices(running):
    """What the unit does not list can't be opened, also by its root."""
    container = running("sleep", "1000", UserNamespace="host")
    assert container.run("sh", "-c", "mknod /tmp/kmsg c 1 11 && head -c1 /tmp/kmsg").exit != 0
    assert container.run("sh", "-c", "head -c1 /dev/zero >/dev/null && echo >/dev/null").exit == 0


def test_user_namespace(running):
    container = running("sleep", "1000")
    base = container.get("UIDBase")
    assert 524288 <= base < 1879048192 and base % 65536 == 0
    assert os.stat(f"/proc/{container.get('Leader')}").st_uid == base
    assert container.run("id", "-u").stdout == b"0\n"
