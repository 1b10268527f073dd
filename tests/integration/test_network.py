"""Networks: the default bridge, none and host; addresses, the way out, names, and repairs."""

import contextlib
import ipaddress
import json
import os
import re
import signal
import subprocess
import threading

import pytest

from conftest import poll, run, run_berthctl

OUTSIDE_IPV4, OUTSIDE_IPV6 = "192.0.2.2", "2001:db8:77::2"


def inspect(name):
    return json.loads(run_berthctl("inspect", name).stdout)


def find(value, key):
    """The first value of the key, anywhere in what inspect says."""
    if isinstance(value, dict):
        if key in value:
            return value[key]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            found = find(item, key)
            if found is not None:
                return found
    return None


def addresses(name):
    """(IPv4, IPv6) of a running container."""
    endpoint = find(inspect(name), "Endpoints")[0]
    return endpoint["IPv4Address"].split("/")[0], endpoint["IPv6Address"].split("/")[0]


def link(name):
    """What ip knows of an interface of the host, or None."""
    shown = run("ip", "-json", "-details", "link", "show", name, check=False).stdout
    return json.loads(shown)[0] if shown.strip() else None


def host_interfaces():
    """The host ends of containers' cables."""
    return [one for one in os.listdir("/sys/class/net") if re.fullmatch("vb[0-9a-f]{8}", one)]


def ping(target, seconds=2):
    return ["ping", "-c", "1", "-W", str(seconds), target]


@pytest.fixture
def sleeper(busybox_image):
    """sleeper(NAME, *OPTIONS) starts a container that does nothing; all are removed at the end."""
    made = []

    def start(name, *options):
        made.append(name)
        run_berthctl("run", "-d", "--name", name, *options, busybox_image, "sleep", "600")
        return name
    yield start
    if made:
        run_berthctl("rm", "--force", *made)


class Outside:
    """Another machine: a network namespace behind a cable, that knows no way to containers."""

    def __init__(self):
        self.process = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        poll(lambda: os.readlink(f"/proc/{self.process.pid}/ns/net") != own, what="the namespace")

    def command(self, *words):
        return ["nsenter", "--target", str(self.process.pid), "--net", "--", *words]

    def __call__(self, *words, **options):
        return run(*self.command(*words), **options)

    def connect(self):
        run("ip", "link", "add", "out0", "type", "veth", "peer", "name", "in0", "netns", str(self.process.pid))
        run("ip", "address", "add", "192.0.2.1/24", "dev", "out0")
        run("ip", "address", "add", "2001:db8:77::1/64", "dev", "out0", "nodad")
        run("ip", "link", "set", "out0", "up")
        self("ip", "address", "add", f"{OUTSIDE_IPV4}/24", "dev", "in0")
        self("ip", "address", "add", f"{OUTSIDE_IPV6}/64", "dev", "in0", "nodad")
        self("ip", "link", "set", "in0", "up")

    def stop(self):
        run("ip", "link", "delete", "out0", check=False)
        self.process.kill()
        self.process.wait()


@pytest.fixture
def outside():
    namespace = Outside()
    try:
        namespace.connect()
        yield namespace
    finally:
        namespace.stop()


# --- the default network ---------------------------------------------------------------------------------

def test_default_network(busybox_image, name, sleeper):
    sleeper(name)
    ipv4, ipv6 = addresses(name)
    definition = json.loads(open("/var/lib/berth/networks/default.json", "rb").read())
    subnets = [ipaddress.ip_network(subnet["Subnet"]) for subnet in definition["Subnets"]]
    assert ipaddress.ip_address(ipv4) in subnets[0] and subnets[0].is_private
    assert ipaddress.ip_address(ipv6) in subnets[1] and subnets[1].subnet_of(ipaddress.ip_network("fd00::/8"))

    shown = run_berthctl("exec", name, "ip", "address", "show", "eth0").stdout.decode()
    assert f"inet {ipv4}/16" in shown and f"inet6 {ipv6}/64" in shown
    octets = ":".join(f"{int(octet):02x}" for octet in ipv4.split("."))
    assert f"link/ether 02:be:{octets}" in shown
    routes = run_berthctl("exec", name, "ip", "route").stdout.decode()
    assert f"default via {next(subnets[0].hosts())}" in routes

    for switch in ("accept_ra", "autoconf"):    # no neighbour can make itself the router
        assert run_berthctl("exec", name, "cat", f"/proc/sys/net/ipv6/conf/eth0/{switch}").stdout == b"0\n"
        assert open(f"/proc/sys/net/ipv6/conf/berth0/{switch}", encoding="ascii").read() == "0\n"

    bridge = link("berth0")
    assert "UP" in bridge["flags"] and bridge["linkinfo"]["info_kind"] == "bridge"
    ends = host_interfaces()
    assert [link(end)["master"] for end in ends] == ["berth0"] * len(ends) and ends
    assert not run("ip", "-6", "-json", "address", "show", ends[0]).stdout.decode().count("fe80"), \
        "the host has an address on a container's cable"


@pytest.mark.parametrize("version", [4, 6])
def test_first_packet(busybox_image, version):
    """The first thing that a container does may be to use the network."""
    script = (f"ip -{version} route | (while read a b c d; do [ $a = default ] && exec ping -c 1 -W 1 $c; done; exit 9)")
    run_berthctl("run", "--rm", busybox_image, "sh", "-c", script)


def test_containers_and_host_reach_each_other(busybox_image, name, sleeper):
    one, two = sleeper(name), sleeper(f"{name}-2")
    for target in addresses(two):
        run_berthctl("exec", one, *ping(target))
        run(*ping(target))
    for subnet in json.loads(open("/var/lib/berth/networks/default.json", "rb").read())["Subnets"]:
        gateway = str(next(ipaddress.ip_network(subnet["Subnet"]).hosts()))
        run_berthctl("exec", two, *ping(gateway))


@pytest.mark.parametrize("target", [OUTSIDE_IPV4, OUTSIDE_IPV6])
def test_way_out(busybox_image, outside, target):
    """What leaves is masqueraded: the other side has no route back to the container's own address."""
    run_berthctl("run", "--rm", busybox_image, *ping(target))

    program = ("import socket, sys\n"
               "family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET\n"
               "with socket.create_server((sys.argv[1], 7000), family=family) as s:\n"
               "    print('ready', flush=True)\n"
               "    connection, peer = s.accept()\n"
               "    connection.sendall(peer[0].encode())\n")
    with subprocess.Popen(outside.command("python3", "-c", program, target), stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout.readline() == b"ready\n"
            seen = run_berthctl("run", "--rm", busybox_image, "nc", "-w", "5", target, "7000").stdout.decode()
        finally:
            server.kill()
    assert seen == ("192.0.2.1" if target == OUTSIDE_IPV4 else "2001:db8:77::1")


def test_no_way_in(busybox_image, outside, name, sleeper):
    """Somebody outside who sets a route reaches nothing that was not published."""
    sleeper(name)
    ipv4, ipv6 = addresses(name)
    outside("ip", "route", "add", "10.0.0.0/8", "via", "192.0.2.1")
    outside("ip", "-6", "route", "add", "fd00::/8", "via", "2001:db8:77::1")
    for target in (ipv4, ipv6):
        assert outside(*ping(target, 1), check=False).returncode != 0
        run(*ping(target))


def test_none_and_host(busybox_image):
    links = run_berthctl("run", "--rm", "--network", "none", busybox_image, "ls", "/sys/class/net").stdout.split()
    assert links == [b"lo"]
    run_berthctl("run", "--rm", "--network", "none", busybox_image, *ping("127.0.0.1"))

    own = os.readlink("/proc/self/ns/net").encode()
    seen = run_berthctl("run", "--rm", "--network", "host", busybox_image, "readlink", "/proc/self/ns/net").stdout
    assert seen.strip() == own
    for mode in ("none", "bridge"):
        seen = run_berthctl("run", "--rm", "--network", mode, busybox_image, "readlink", "/proc/self/ns/net").stdout
        assert seen.strip() != own


def test_unknown_network(busybox_image):
    failed = run_berthctl("run", "--rm", "--network", "nowhere", busybox_image, "true", check=False)
    assert failed.returncode == 125 and b"nowhere" in failed.stderr


# --- addresses ------------------------------------------------------------------------------------------

def test_address_asked_for(busybox_image, name, sleeper):
    sleeper(name, "--ip", "10.89.44.5", "--mac-address", "02:11:22:33:44:55")
    assert addresses(name)[0] == "10.89.44.5"
    assert b"link/ether 02:11:22:33:44:55" in run_berthctl("exec", name, "ip", "link", "show", "eth0").stdout

    taken = run_berthctl("run", "--rm", "--ip", "10.89.44.5", busybox_image, "true", check=False)
    assert taken.returncode == 125
    assert f'address 10.89.44.5 is in use by "{name}"' in taken.stderr.decode()
    for wrong, why in (("10.90.0.5", "is not in network"), ("10.89.0.1", "is reserved"), ("10.89.0.300", "is not an IPv4")):
        failed = run_berthctl("run", "--rm", "--ip", wrong, busybox_image, "true", check=False)
        assert failed.returncode == 125 and why in failed.stderr.decode()

    run_berthctl("stop", "-t", "0", name)
    run_berthctl("run", "--rm", "--ip", "10.89.44.5", busybox_image, "true")     # free again
    run_berthctl("start", name)
    assert addresses(name)[0] == "10.89.44.5"


def test_addresses_survive_berthd(busybox_image, name, sleeper):
    sleeper(name)
    before = addresses(name)
    run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "berthd.service")
    poll(lambda: run_berthctl("list", check=False).returncode == 0, what="berthd")
    assert addresses(name) == before
    other = sleeper(f"{name}-2")
    assert set(addresses(other)).isdisjoint(before)
    run_berthctl("exec", other, *ping(before[0]))


@pytest.mark.seconds(300)
def test_nothing_accumulates(busybox_image, name):
    """Fifty starts and ends of all kinds; the fixture looks for what is left."""
    seen = set()
    for i in range(50):
        run_berthctl("run", "-d", "--rm", "--name", name, busybox_image, "sleep", "600")
        seen.add(addresses(name)[0])
        leader = int(find(inspect(name), "Leader"))
        if i % 10 == 3:
            os.kill(leader, signal.SIGKILL)
        elif i % 10 == 5:
            parent = next(line.split()[1] for line in open(f"/proc/{leader}/status", encoding="ascii")
                          if line.startswith("PPid:"))
            os.kill(int(parent), signal.SIGKILL)
        elif i % 10 == 7:
            run("systemctl", "kill", "--kill-whom=main", "--signal=KILL", "berthd.service")
            poll(lambda: run_berthctl("list", check=False).returncode == 0, what="berthd")
            run_berthctl("rm", "--force", name)
        else:
            run_berthctl("rm", "--force", name)
        poll(lambda: run_berthctl("inspect", name, check=False).returncode != 0, what="the container to be gone")
    assert len(seen) > 1        # an address that was given up rests
    poll(lambda: not host_interfaces(), what="the cables to be gone")


def test_restart_at_once(busybox_image, name, sleeper):
    """The same cable is asked for again while the last one is being taken down."""
    sleeper(name)
    for _ in range(5):
        run_berthctl("restart", "-t", "0", name)
        run_berthctl("exec", name, *ping(addresses(name)[0]))
    poll(lambda: len(host_interfaces()) == 1, what="the old cables to be gone")


# --- the rest of the host ---------------------------------------------------------------------------------

def tables():
    listed = json.loads(run("nft", "--json", "list", "tables").stdout)
    return {(e["table"]["family"], e["table"]["name"]) for e in listed["nftables"] if "table" in e}


def rules():
    listed = json.loads(run("nft", "--json", "list", "ruleset").stdout)
    return len([e for e in listed["nftables"] if e.get("rule", {}).get("table") == "berth"])


def test_repairs(busybox_image, name, sleeper, outside):
    """Whatever somebody removes is there again with the next start, also for those who were there before."""
    one = sleeper(name)
    before = rules()

    run("ip", "link", "delete", "berth0")
    two = sleeper(f"{name}-2")
    run_berthctl("exec", two, *ping(OUTSIDE_IPV4))
    poll(lambda: run_berthctl("exec", one, *ping(addresses(two)[0], 1), check=False).returncode == 0,
         what="the first container to be back on the bridge")

    for command in (["flush", "ruleset"], ["delete", "table", "inet", "berth"], ["flush", "table", "inet", "berth"]):
        run("nft", *command)
        run_berthctl("run", "--rm", busybox_image, *ping(OUTSIDE_IPV4))
        assert rules() == before

    run("ip", "address", "flush", "dev", "berth0", "scope", "global")
    run("ip", "link", "set", "berth0", "down")
    run_berthctl("run", "--rm", busybox_image, *ping(OUTSIDE_IPV4))


def test_only_our_table(busybox_image, outside):
    """Other tables stay as they are, and ours works beside one that accepts."""
    run_berthctl("run", "--rm", busybox_image, "true")
    assert tables() == {("inet", "berth")}
    other = ("table inet mine {\n chain forward {\n type filter hook forward priority 10; policy accept;\n counter\n }\n"
             " chain post {\n type nat hook postrouting priority srcnat; policy accept;\n }\n}\n")
    run("nft", "-f", "-", input=other.encode())
    try:
        listed = run("nft", "--stateless", "list", "table", "inet", "mine").stdout
        run_berthctl("run", "--rm", busybox_image, *ping(OUTSIDE_IPV4))
        assert run("nft", "--stateless", "list", "table", "inet", "mine").stdout == listed
        assert tables() == {("inet", "berth"), ("inet", "mine")}
    finally:
        run("nft", "delete", "table", "inet", "mine")


def test_beside_docker(busybox_image, outside):
    """Where Docker found forwarding disabled it drops what others forward, but for what DOCKER-USER accepts."""
    docker = ("table ip filter {\n chain DOCKER-USER {\n counter return\n }\n chain FORWARD {\n"
              " type filter hook forward priority filter; policy drop;\n jump DOCKER-USER\n }\n}\n")
    run_berthctl("run", "--rm", busybox_image, "true")
    run("nft", "-f", "-", input=docker.encode())
    try:
        for _ in range(2):
            run_berthctl("run", "--rm", busybox_image, *ping(OUTSIDE_IPV4))
            run("systemctl", "restart", "berthd.service")
        listed = run("nft", "list", "chain", "ip", "filter", "DOCKER-USER").stdout.decode()
        assert listed.count('iifname "berth0"') == 1 and listed.count('oifname "berth0"') == 1
    finally:
        run("nft", "delete", "table", "ip", "filter")


def test_orphans_are_removed(busybox_image, name, sleeper):
    """Cables of ours that nobody is at go when berthd starts; what only looks similar stays."""
    sleeper(name)
    mine = host_interfaces()
    run("ip", "link", "add", "vbdeadbeef", "type", "veth", "peer", "name", "orphan")
    run("ip", "link", "add", "vboxnet0", "type", "veth", "peer", "name", "other")
    try:
        run("systemctl", "restart", "berthd.service")
        poll(lambda: not link("vbdeadbeef"), what="the orphan to be removed")
        assert link("vboxnet0") and host_interfaces() == mine
        run_berthctl("exec", name, *ping(addresses(name)[0]))
    finally:
        run("ip", "link", "delete", "vboxnet0", check=False)
        run("ip", "link", "delete", "vbdeadbeef", check=False)


def test_helper_may_die(busybox_image):
    """The process that talks to the kernel for berthd is replaced by the next start."""
    run_berthctl("run", "--rm", busybox_image, "true")
    pids = [int(pid) for pid in os.listdir("/proc") if pid.isdigit() and
            open(f"/proc/{pid}/comm", encoding="utf-8").read().strip() == "berth-network"]
    assert len(pids) == 1
    os.kill(pids[0], signal.SIGKILL)
    poll(lambda: not os.path.exists(f"/proc/{pids[0]}"), what="the helper to be reaped")
    run_berthctl("run", "--rm", busybox_image, "true")


def test_many_at_once(busybox_image, name):
    """Each of many that start together has its own address and a working network."""
    def one(i):
        results[i] = run_berthctl("run", "--rm", "--name", f"{name}-{i}", busybox_image, "sh", "-c",
                                  "ip -4 -o address show eth0 && ping -c 1 -W 2 10.89.0.1 >&2", check=False)
    results = {}
    threads = [threading.Thread(target=one, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result.returncode == 0 for result in results.values()), [r.stderr for r in results.values() if r.returncode]
    shown = [re.search(rb"inet ([0-9.]+)/", result.stdout)[1] for result in results.values()]
    assert len(set(shown)) == 16


# --- names ------------------------------------------------------------------------------------------------

@contextlib.contextmanager
def host_file(path, text):
    """The file of the host has this content for a while."""
    kept = open(path, "rb").read() if os.path.exists(path) else None
    with open(path, "w", encoding="utf-8") as target:
        target.write(text)
    try:
        yield
    finally:
        if kept is None:
            os.unlink(path)
        else:
            with open(path, "wb") as target:
                target.write(kept)


def cat(image, path, *options):
    return run_berthctl("run", "--rm", *options, image, "cat", path).stdout.decode()


def test_hosts_and_hostname(busybox_image, name, sleeper):
    sleeper(name, "--hostname", "web", "--add-host", "db:192.0.2.7", "--add-host", "up:host-gateway")
    ipv4, ipv6 = addresses(name)
    hosts = run_berthctl("exec", name, "cat", "/etc/hosts").stdout.decode().splitlines()
    for line in ("127.0.0.1\tlocalhost", f"{ipv4}\tweb", f"{ipv6}\tweb", "192.0.2.7\tdb", "10.89.0.1\tup"):
        assert line in hosts
    assert run_berthctl("exec", name, "cat", "/etc/hostname").stdout == b"web\n"
    assert run_berthctl("exec", name, "hostname").stdout == b"web\n"
    run_berthctl("exec", name, *ping("web"))

    wrong = run_berthctl("run", "--rm", "--add-host", "db:nowhere", busybox_image, "true", check=False)
    assert wrong.returncode == 125 and b"db:nowhere" in wrong.stderr


def test_resolv_conf(busybox_image):
    with host_file("/etc/resolv.conf", "nameserver 127.0.0.1\nnameserver 192.0.2.53\nsearch example.org\noptions ndots:2\n"):
        assert cat(busybox_image, "/etc/resolv.conf") == "nameserver 192.0.2.53\nsearch example.org\noptions ndots:2\n"
        options = ("--dns", "192.0.2.9", "--dns-search", "a.test", "--dns-option", "edns0")
        assert cat(busybox_image, "/etc/resolv.conf", *options) == "nameserver 192.0.2.9\nsearch a.test\noptions edns0\n"
        assert "nameserver 127.0.0.1\n" in cat(busybox_image, "/etc/resolv.conf", "--network", "host")
    with host_file("/etc/resolv.conf", "nameserver 127.0.0.1\n"):
        assert "nameserver 8.8.8.8\n" in cat(busybox_image, "/etc/resolv.conf")
    os.makedirs("/run/systemd/resolve", exist_ok=True)
    with host_file("/etc/resolv.conf", "nameserver 127.0.0.53\noptions edns0 trust-ad\n"), \
            host_file("/run/systemd/resolve/resolv.conf", "nameserver 192.0.2.54\n"):
        assert cat(busybox_image, "/etc/resolv.conf") == "nameserver 192.0.2.54\n"


def test_default_network_avoids_the_hosts():
    """A range that the host uses already is not taken; the choice then stays."""
    definition = "/var/lib/berth/networks/default.json"
    kept = open(definition, "rb").read()
    run("systemctl", "stop", "berthd.service")
    try:
        os.unlink(definition)
        run("ip", "link", "add", "lan0", "type", "bridge")
        run("ip", "address", "add", "10.89.7.1/24", "dev", "lan0")
        run("systemctl", "start", "berthd.service")
        made = json.loads(open(definition, "rb").read())
        assert [s["Subnet"] for s in made["Subnets"]][0] == "10.90.0.0/16"
        run("systemctl", "restart", "berthd.service")
        assert json.loads(open(definition, "rb").read()) == made
    finally:
        run("ip", "link", "delete", "lan0", check=False)
        run("systemctl", "stop", "berthd.service")
        with open(definition, "wb") as target:
            target.write(kept)
        run("systemctl", "start", "berthd.service")


def test_corrupt_definition_is_set_aside():
    folder = "/var/lib/berth/networks"
    with open(f"{folder}/broken.json", "w", encoding="utf-8") as target:
        target.write('{"Name": "broken"')
    try:
        run("systemctl", "restart", "berthd.service")
        assert not os.path.exists(f"{folder}/broken.json") and os.path.exists(f"{folder}/broken.json.corrupt")
    finally:
        os.unlink(f"{folder}/broken.json.corrupt")
