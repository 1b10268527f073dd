"""Limits as properties of the scope, and changes to a container that is there.

cgroup v2 has no controllers in a test host, so this looks at what systemd has been told; that limits bite is
tested in the VM.
"""

import json
import subprocess

import pytest

from conftest import run


def unit_property(name, key):
    return run("systemctl", "show", f"berth-{name}.scope", "-P", key).stdout.decode().strip()


@pytest.fixture
def container(berthctl, busybox_image, name):
    """One that sleeps; further options of run as arguments."""
    def start(*options):
        berthctl("run", "-d", "--name", name, *options, busybox_image, "sleep", "1000")
        return name

    yield start
    run("berthctl", "rm", "--force", name, check=False)


def test_options_become_properties(container):
    name = container("-m", "64m", "--memory-swap", "96m", "--memory-high", "48m", "--memory-reservation", "8m",
                     "--cpus", "1.5", "--cpu-shares", "2048", "--cpuset-cpus", "0", "--pids-limit", "77",
                     "--blkio-weight", "1000", "--property", "MemoryMin=1M", "--property", "ManagedOOMPreference=avoid",
                     "--device-read-bps", "/dev/null:1mb")
    expected = {"MemoryMax": 64 << 20, "MemorySwapMax": 32 << 20, "MemoryHigh": 48 << 20, "MemoryLow": 8 << 20,
                "MemoryMin": 1 << 20, "CPUQuotaPerSecUSec": "1.500000s", "CPUWeight": 174, "AllowedCPUs": 0,
                "TasksMax": 77, "IOWeight": 10000, "ManagedOOMPreference": "avoid",
                "IOReadBandwidthMax": "/dev/null 1048576"}
    seen = {key: unit_property(name, key) for key in expected}
    assert seen == {key: str(value) for key, value in expected.items()}


def test_the_slice_can_be_chosen(container):
    name = container("--cgroup-parent", "berth-test-work.slice")
    assert unit_property(name, "Slice") == "berth-test-work.slice"
    run("berthctl", "rm", "--force", name)
    run("systemctl", "stop", "berth-test-work.slice", "berth-test.slice", "berth.slice")


@pytest.mark.parametrize("options, message", [
    (["--property", "MemoryMaximum=1G"], "MemoryMaximum"),
    (["--property", "memorymax=1G"], "do you mean MemoryMax?"),
    (["--property", "DeviceAllow=/dev/sda"], "--device"),
    (["--property", "MemoryMax=lots"], "not a value for MemoryMax"),
    (["--memory-swappiness", "10"], "cgroup v2 has no swappiness"),
    (["--oom-kill-disable"], "always kills"),
    (["--kernel-memory", "10m"], "--kernel-memory"),
    (["-m", "1m"], "at least 6M"),
    (["--cgroup-parent", "work"], "not the name of a slice"),
])
def test_what_cannot_be_is_an_error(berthctl, busybox_image, options, message):
    result = berthctl("create", *options, busybox_image, "true", check=False)
    assert result.returncode == 125 and message in result.stderr.decode()


def test_update(container, berthctl):
    name = container("-m", "64m", "--cpus", "1")
    done = berthctl("update", name, "-m", "128m", "--cpus", "-1", "--pids-limit", "50", "--restart", "on-failure:2",
                    "-e", "NEW=1", "--label", "a=b", "--stop-timeout", "3").stdout.decode()
    assert f"{name}: changed: Properties, Labels, Restart, StopTimeoutUSec\n" in done
    assert f"{name}: changes at its next start: Environment\n" in done
    assert unit_property(name, "MemoryMax") == str(128 << 20)
    assert unit_property(name, "CPUQuotaPerSecUSec") == "infinity"
    assert unit_property(name, "TasksMax") == "50"
    shown = json.loads(berthctl("inspect", name).stdout)[0]
    assert shown["RestartPolicy"] == "on-failure:2" and shown["Labels"]["a"] == "b"
    assert shown["Spec"]["Properties"]["MemoryMax"] == str(128 << 20) and "CPUQuota" not in shown["Spec"]["Properties"]
    berthctl("restart", "-t", "0", name)
    assert "NEW=1" in berthctl("exec", name, "env").stdout.decode()
    assert unit_property(name, "TasksMax") == "50"


def test_update_survives_a_restart_of_berthd(container, berthctl):
    name = container()
    berthctl("update", name, "-m", "100m")
    run("systemctl", "restart", "berthd.service")
    assert json.loads(berthctl("inspect", name).stdout)[0]["Spec"]["Properties"]["MemoryMax"] == str(100 << 20)


def test_a_dry_run_changes_nothing(container, berthctl):
    name = container("-m", "64m")
    said = berthctl("update", "--dry-run", name, "-m", "128m").stdout.decode()
    assert said == f"{name}: would change at once: Properties\n"
    assert unit_property(name, "MemoryMax") == str(64 << 20)
    assert json.loads(berthctl("inspect", name).stdout)[0]["Spec"]["Properties"]["MemoryMax"] == str(64 << 20)


def test_update_replaces_what_set_property_did(container, berthctl):
    name = container("-m", "64m", "--pids-limit", "40")
    run("systemctl", "set-property", "--runtime", f"berth-{name}.scope", "MemoryMax=1G")
    assert unit_property(name, "MemoryMax") == str(1 << 30)
    berthctl("update", name, "--pids-limit", "41")
    assert unit_property(name, "MemoryMax") == str(64 << 20) and unit_property(name, "TasksMax") == "41"


def test_a_bad_update_changes_nothing(container, berthctl, berth):
    name = container("-m", "64m")
    for options in (["--property", "Nonsense=1"], ["--stop-signal", "NOPE"], ["-m", "1m"]):
        assert berthctl("update", name, "--pids-limit", "9", *options, check=False).returncode
    assert unit_property(name, "TasksMax") != "9"
    shown = json.loads(berthctl("inspect", name).stdout)[0]
    assert "TasksMax" not in shown["Spec"]["Properties"]


def test_what_is_decided_at_creation_stays(container):
    name = container()
    path = f"/org/berth1/container/{name.replace('-', '_2d')}"
    result = subprocess.run(["busctl", "call", "org.berth1", path, "org.berth1.Container", "Update", "a{sv}a{sv}",
                             "1", "Image", "s", "other", "0"], capture_output=True, check=False)
    assert result.returncode and b"decided when a container is created" in result.stderr


def test_update_of_a_stopped_container(berthctl, busybox_image, name):
    berthctl("create", "--name", name, busybox_image, "true")
    said = berthctl("update", name, "-m", "64m", "--restart", "always").stdout.decode()
    assert f"{name}: changed: Restart\n" in said and f"{name}: changes at its next start: Properties\n" in said
    berthctl("rm", name)
