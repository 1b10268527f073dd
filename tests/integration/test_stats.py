"""berthctl stats."""

import json
import os
import pty
import subprocess

from conftest import poll, run


def start(berthctl, image, name, *command):
    berthctl("run", "-d", "--name", name, image, *(command or ("sleep", "1000")))


def test_once(berthctl, busybox_image, name):
    start(berthctl, busybox_image, name, "sh", "-c", "while :; do :; done")
    stopped = name + "-s"
    berthctl("create", "--name", stopped, busybox_image, "true")
    try:
        shown = json.loads(berthctl("stats", "--no-stream", "--interval", "300ms", "--json", name, stopped).stdout)
        busy, idle = sorted(shown, key=lambda one: not one["Running"])
        assert busy["Name"] == name and 1 < busy["CPU"] < 110 and busy["CPUUSec"] > 0
        assert busy["NetworkReceived"] >= 0
        assert not idle["Running"] and "CPU" not in idle
        table = berthctl("stats", "--no-stream", "--interval", "100ms").stdout.decode()
        assert table.splitlines()[0].startswith("NAME") and name in table and stopped not in table
        assert stopped in berthctl("stats", "-a", "--no-stream", "--interval", "100ms").stdout.decode()
        text = berthctl("stats", "--no-stream", "--interval", "100ms", "--format", "{{.Name}}:{{.PIDs}}", name).stdout
        assert text.decode().startswith(name + ":")
        controllers = open("/sys/fs/cgroup/cgroup.controllers").read().split()
        assert ("Memory" in busy) == ("memory" in controllers)
    finally:
        berthctl("rm", "--force", name, stopped)


def test_containers_come_and_go(berthctl, busybox_image, name):
    process = subprocess.Popen(["berthctl", "stats", "--interval", "100ms", "--json"], stdout=subprocess.PIPE)
    try:
        start(berthctl, busybox_image, name)
        poll(lambda: name.encode() in process.stdout.readline(), 20, "its line")
        berthctl("rm", "--force", name)
    finally:
        process.terminate()
        process.communicate()


def test_narrow_terminal(berthctl, busybox_image, name):
    start(berthctl, busybox_image, name)
    try:
        leader, follower = pty.openpty()
        process = subprocess.Popen(["berthctl", "stats", "--no-stream", "--interval", "100ms"], stdout=follower,
                                   env=os.environ | {"COLUMNS": "40", "TERM": "xterm"})
        os.close(follower)
        seen = b""
        while True:
            try:
                piece = os.read(leader, 4096)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        os.close(leader)
        assert process.wait() == 0
        assert all(len(line.rstrip("\r")) <= 40 for line in seen.decode().split("\n")) and name[:6] in seen.decode()
    finally:
        berthctl("rm", "--force", name)


def test_errors(berthctl):
    missing = berthctl("stats", "nobody-here", check=False)
    assert missing.returncode and b"nobody-here" in missing.stderr
    assert run("berthctl", "stats", "--interval", "soon", check=False).returncode
