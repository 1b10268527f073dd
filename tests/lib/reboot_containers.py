#!/usr/bin/python3
"""For test_daemon_restart.py: containers before a reboot of the host, and what became of them after it."""

import subprocess
import sys
import time

from berthbus import Berth, busybox, error_of

# Says in its log how it was stopped, and that berthd and the bus were still there.
TRAP = "trap 'echo stopped in order; exit 11' USR1; echo ready; while :; do sleep 0.05; done"

CONTAINERS = {
    # name: (policy, stopped by a person before?, removed at exit, runs after the reboot?)
    "none": ("no", False, False, False),
    "always": ("always", False, False, True),
    "always-stopped": ("always", True, False, True),
    "unless-stopped": ("unless-stopped", False, False, True),
    "unless-stopped-stopped": ("unless-stopped", True, False, False),
    "temporary": ("no", False, True, None),
}


def before(berth):
    busybox(berth)
    for name, (policy, stopped, remove, _) in CONTAINERS.items():
        container = berth.create(name, Image="busybox", Command=["sh", "-c", TRAP], NetworkMode="none", StopSignal="USR1",
                                 Restart={"Name": policy}, AutoRemove=remove)
        container.start()
        if stopped:
            time.sleep(0.3)
            container.stop()
    berth.create("never-started", Image="busybox", Command=["true"], NetworkMode="none", Restart={"Name": "always"})


def wait_for(condition, what):
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"waited in vain for {what}")
        time.sleep(0.05)


def after(berth, orderly):
    for name, (_, _, _, runs) in CONTAINERS.items():
        if runs is None:
            assert error_of(berth.container, name)[0] == "NoSuchContainer", name
            continue
        container = berth.container(name)
        if runs:
            wait_for(lambda: container.status == "running", f"{name} to run")
        else:
            assert container.status == "exited", (name, container.status)
    assert berth.container("never-started").status == "created"
    code = berth.container("none").get("ExitCode")
    assert code == (11 if orderly else 255), code
    if orderly:
        log = subprocess.run(["journalctl", "-b", "-1", "--no-pager", "-o", "cat", "-u", "berth-always.scope"], stdout=subprocess.PIPE,
                             check=True).stdout
        assert b"stopped in order" in log, log


if __name__ == "__main__":
    {"before": before, "after-reboot": lambda b: after(b, True), "after-power_cycle": lambda b: after(b, False)}[sys.argv[1]](Berth())
