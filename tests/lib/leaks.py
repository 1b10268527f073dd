"""What a container may leave behind on its host, as a set of words that two moments can be compared by."""

import glob
import json
import os
import pathlib
import re
import subprocess

# Mounts that come and go with other services.
FOREIGN_MOUNTS = re.compile(r"/run/(credentials|user|systemd)/|/proc/sys/fs/binfmt_misc")


def read(path):
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


def mounts():
    for line in read("/proc/1/mountinfo").splitlines():
        point = line.split()[4]
        if not FOREIGN_MOUNTS.match(point):
            yield f"mount {point}"


def cgroups():
    """Below the slice of the containers; the slice itself may stay, and so may a shim's unit."""
    for folder in glob.glob("/sys/fs/cgroup/machine.slice/machine-berth.slice/**/", recursive=True):
        if not folder.endswith("machine-berth.slice/"):
            yield f"cgroup {folder}"


def units():
    listed = subprocess.run(["systemctl", "list-units", "--all", "--plain", "--no-legend", "berth-*.scope", "berth-*.mount"],
                            stdout=subprocess.PIPE, text=True, check=False).stdout
    for line in listed.splitlines():
        yield f"unit {line.split()[0]}"


def links():
    """A network's bridge stays as long as the network; the ends of cables go with their containers."""
    listed = json.loads(subprocess.run(["ip", "-json", "-details", "link"], stdout=subprocess.PIPE, check=True).stdout)
    for link in listed:
        if link.get("linkinfo", {}).get("info_kind") != "bridge":
            yield f"link {link['ifname']}"


def firewall():
    """The elements of sets and maps: published ports and addresses. The tables themselves stay."""
    listed = subprocess.run(["nft", "--json", "list", "ruleset"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    for entry in json.loads(listed.stdout or b"{}").get("nftables", []):
        for kind in ("map", "set"):
            for element in entry.get(kind, {}).get("elem", []):
                yield f"nft {entry[kind]['name']} {json.dumps(element)}"


def files():
    for pattern in ("/run/berth/containers/*", "/var/lib/berth/containers/*", "/var/lib/berth/*/.tmp-*", "/run/netns/*"):
        for path in glob.glob(pattern):
            yield f"file {path}"


def processes():
    """Shims, workers and zombies. A zombie of the tests themselves is theirs to reap."""
    for path in glob.glob("/proc/[0-9]*/stat"):
        found = re.match(r"(\d+) \((.*)\) (\S) (\d+)", read(path), re.DOTALL)
        if not found:
            continue
        pid, name, state, parent = found.groups()
        if read(f"/proc/{pid}/cmdline").endswith("\0hold\0"):
            continue            # the one process that berth-shims.service always has
        if name in ("berth-shim", "berth-worker") or (state == "Z" and int(parent) != os.getpid()):
            yield f"process {pid} ({name}{', zombie' if state == 'Z' else ''})"


def process_name(fdinfo):
    """Of the process that a pidfd stands for."""
    found = re.search(r"^Pid:\s*(\d+)", read(fdinfo), re.MULTILINE)
    return read(f"/proc/{found[1]}/comm").strip() if found else ""


def held_by_manager():
    """File descriptors by which berthd keeps processes or namespaces alive, or would, forever."""
    pid = subprocess.run(["systemctl", "show", "-P", "MainPID", "berthd.service"], stdout=subprocess.PIPE, text=True,
                         stderr=subprocess.DEVNULL, check=False).stdout.strip()
    if pid in ("", "0"):
        return
    counts = {}
    for fd in glob.glob(f"/proc/{pid}/fd/*"):
        try:
            kind = re.match(r"(anon_inode:\[pidfd\]|\w+:\[\d+\])", os.readlink(fd))
        except OSError:
            continue
        if kind and "pidfd" in kind[0] and process_name(fd.replace("/fd/", "/fdinfo/")) == "berth-network":
            continue    # its helper, which it keeps
        if kind and not kind[0].startswith(("socket:", "pipe:")):
            number = counts[kind[0]] = counts.get(kind[0], 0) + 1
            yield f"descriptor of berthd: {kind[0]}, no. {number}"


def snapshot():
    return {word for part in (mounts, cgroups, units, links, firewall, files, processes, held_by_manager) for word in part()}
