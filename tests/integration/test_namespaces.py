# SPDX-License-Identifier: LGPL-2.1-or-later
"""Which namespaces a container has, shares with the host, or with another container; and what of the kernel is set in them."""

import json
import os
import pathlib

import pytest

from conftest import run


@pytest.fixture
def target(berthctl, busybox_image, name):
    """A running container that others join."""
    other = f"{name}-target"
    berthctl("run", "-d", "--name", other, "--ipc", "shareable", busybox_image, "sh", "-c", "echo shared > /dev/shm/x; exec sleep 1000")
    yield other
    berthctl("rm", "-f", other)


def output(berthctl, image, *arguments, command):
    return berthctl("run", "--rm", *arguments, image, "sh", "-c", command).stdout.decode().strip()


def namespace(kind):
    return os.readlink(f"/proc/self/ns/{kind}")


def refused(berthctl, image, *arguments):
    completed = berthctl("run", "--rm", *arguments, image, "true", check=False)
    assert completed.returncode == 125, completed
    return completed.stderr.decode()


# ---- user ids ----

def test_no_root_on_the_host(berthctl, busybox_image, name):
    berthctl("run", "-d", "--name", name, busybox_image, "sleep", "1234")
    shown = json.loads(berthctl("inspect", name).stdout)[0]["Spec"]
    lines = [line.split(None, 2) for line in run("ps", "-eo", "uid,pid,args").stdout.decode().splitlines()[1:]]
    owners = {int(uid) for uid, _pid, command in lines if command == "sleep 1234"}
    assert owners == {shown["UIDBase"]} and shown["UIDBase"] >= 524288 and shown["UIDCount"] == 65536
    berthctl("restart", "-t", "0", name)
    assert json.loads(berthctl("inspect", name).stdout)[0]["Spec"]["UIDBase"] == shown["UIDBase"]
    clash = refused(berthctl, busybox_image, "--userns", f"id:{shown['UIDBase'] + 5}")
    assert name in clash or str(shown["UIDBase"]) in clash
    berthctl("rm", "-f", name)


def test_chosen_ids(berthctl, busybox_image):
    assert output(berthctl, busybox_image, "--userns", "id:900000000", command="cat /proc/self/uid_map").split() == ["0", "900000000", "65536"]
    assert output(berthctl, busybox_image, "--userns", "host", command="cat /proc/self/uid_map").split() == ["0", "0", "4294967295"]
    assert "keep-id" in refused(berthctl, busybox_image, "--userns", "keep-id"), "root's ids can't be kept"


def test_bind_mounts_keep_owners(berthctl, busybox_image, tmp_path):
    folder = pathlib.Path("/var/tmp", tmp_path.name)
    folder.mkdir()
    output(berthctl, busybox_image, "-v", f"{folder}:/m", command="echo x > /m/root; echo y > /m/user; chown 1000:1001 /m/user")
    found = {file.name: (file.stat().st_uid, file.stat().st_gid) for file in folder.iterdir()}
    run("rm", "-r", folder)
    assert found == {"root": (0, 0), "user": (1000, 1001)}


# ---- shared with the host ----

def test_of_the_host(berthctl, busybox_image):
    links = "for n in pid ipc uts cgroup net; do readlink /proc/self/ns/$n; done"
    own = output(berthctl, busybox_image, command=links).split()
    assert not {namespace(kind) for kind in ("pid", "ipc", "uts", "cgroup", "net")} & set(own)
    shared = output(berthctl, busybox_image, "--pid", "host", "--ipc", "host", "--uts", "host", "--cgroupns", "host", "--network", "host",
                    command=links).split()
    assert shared == [namespace(kind) for kind in ("pid", "ipc", "uts", "cgroup", "net")]


def test_pids_of_the_host(berthctl, busybox_image):
    seen = output(berthctl, busybox_image, "--pid", "host", command="cat /proc/1/comm; echo $$; cat /proc/1/environ 2>&1 | wc -c; "
                                                                  "echo x > /proc/sys/kernel/core_pattern || echo refused").split()
    assert seen[0] == "systemd" and int(seen[1]) > 2 and "refused" in seen


# ---- shared with a container ----

def test_of_a_container(berthctl, busybox_image, target):
    command = "cat /dev/shm/x; hostname; cat /proc/1/comm"
    joined = output(berthctl, busybox_image, "--ipc", f"container:{target}", "--pid", f"container:{target}",
                    "--network", f"container:{target}", command=command).splitlines()
    host_name = berthctl("exec", target, "hostname").stdout.decode().strip()
    assert joined == ["shared", host_name, "sleep"]
    links = "for n in user pid ipc net; do readlink /proc/self/ns/$n; done"
    theirs = berthctl("exec", target, "sh", "-c", links).stdout
    ours = output(berthctl, busybox_image, "--ipc", f"container:{target}", "--pid", f"container:{target}", "--network", f"container:{target}",
                  command=links)
    assert ours.split() == theirs.decode().split()
    assert berthctl("exec", target, "true").returncode == 0, "it outlives those who joined it"


def test_what_can_not_be_joined(berthctl, busybox_image, name, target):
    assert "no-such" in refused(berthctl, busybox_image, "--network", "container:no-such")
    berthctl("create", "--name", name, "--network", f"container:{target}", busybox_image, "true")
    berthctl("stop", "-t", "0", target)
    stopped = berthctl("start", name, check=False)
    assert stopped.returncode != 0 and target.encode() in stopped.stderr and b"run" in stopped.stderr
    berthctl("rm", name)


# ---- settings ----

def test_sysctls(berthctl, busybox_image):
    assert output(berthctl, busybox_image, "--sysctl", "net.ipv4.ip_forward=1", "--sysctl", "kernel.msgmax=4242",
                  command="cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax").split() == ["1", "4242"]
    assert "kernel.panic" in refused(berthctl, busybox_image, "--sysctl", "kernel.panic=1")
    assert "net." in refused(berthctl, busybox_image, "--network", "host", "--sysctl", "net.ipv4.ip_forward=1")


def test_limits(berthctl, busybox_image, name):
    arguments = ("--ulimit", "nofile=100:200", "--ulimit", "core=0", "--shm-size", "3m", "--oom-score-adj", "321")
    shown = output(berthctl, busybox_image, *arguments,
                   command="ulimit -n; ulimit -Hn; ulimit -c; df -k /dev/shm | tail -1; cat /proc/self/oom_score_adj").splitlines()
    assert shown[:3] == ["100", "200", "0"] and shown[3].split()[1] == "3072" and shown[4] == "321"
    berthctl("run", "-d", "--name", name, "--ulimit", "nofile=77:88", busybox_image, "sleep", "1000")
    assert berthctl("exec", name, "sh", "-c", "ulimit -n").stdout == b"77\n"
    berthctl("rm", "-f", name)
    assert "nonsense" in refused(berthctl, busybox_image, "--ulimit", "nonsense=1")


def test_clocks(berthctl, busybox_image):
    here = float(pathlib.Path("/proc/uptime").read_text().split()[0])
    there = float(output(berthctl, busybox_image, "--time-offset", "boottime=+1d", command="cat /proc/uptime").split()[0])
    assert 86400 <= there - here < 86400 + 60


def test_groups(berthctl, busybox_image):
    assert "4711" in output(berthctl, busybox_image, "--group-add", "4711", command="id -G").split()
    assert "no-such-group" in refused(berthctl, busybox_image, "--group-add", "no-such-group")


# ---- devices ----

def test_devices(berthctl, busybox_image, name):
    assert output(berthctl, busybox_image, command="ls /dev").split() == sorted(
        ["console", "core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty",
         "urandom", "zero"][1:])
    berthctl("run", "-d", "--name", name, "--device", "/dev/fuse:/dev/f", busybox_image, "sleep", "1000")
    run("systemctl", "daemon-reload")
    berthctl("exec", name, "sh", "-c", "test -c /dev/f && exec 3<>/dev/f")
    berthctl("rm", "-f", name)
    assert "/dev/no-such" in refused(berthctl, busybox_image, "--device", "/dev/no-such")
    assert "vendor.com/class" in refused(berthctl, busybox_image, "--device", "vendor.com/class=name")
