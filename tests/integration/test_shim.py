"""A container's life as its shim sees it: the driver of tests/lib plays berthd, so that each step can be looked at, and
any party killed, without the others. Here: what is in the container once it runs, and why one does not start."""

import os
import pathlib
import re
import shutil
import signal
import time

import pytest
from conftest import run

import shim_driver as shim
from shim_driver import Driver
from shim_fixtures import BASE, rootfs, sh, shell, userns

# --- start and end ---------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("command, code, kind, says", [
    (["true"], 0, None, None),
    (sh("exit 42"), 42, None, None),
    (sh("kill -9 $$; sleep 9 & kill -9 $!; exit 7"), 7, None, None),  # PID 1 can't kill itself
    (["no-such-command"], 127, "CommandNotFound", "no-such-command"),
    (["/no/such/file"], 127, "CommandNotFound", "/no/such/file"),
    (["/etc/passwd"], 126, "CommandNotExecutable", "/etc/passwd"),
    (["/etc"], 126, "CommandNotExecutable", "directory"),
    (["/broken"], 126, "CommandNotExecutable", "neither a program"),
    (["/script"], 127, "CommandNotFound", "interpreter"),
    ([], 125, "InvalidArgument", "command"),
])
def test_exit_status(rootfs, userns, command, code, kind, says):
    (rootfs / "broken").write_bytes(b"\x7fELF, but not really")
    (rootfs / "script").write_text("#!/no/such/interpreter\n")
    for name in ("broken", "script"):
        (rootfs / name).chmod(0o755)
    record, stream = shim.run(rootfs, *command, userns=userns)
    assert record["ExitCode"] == code
    assert record.get("ErrorKind") == kind
    if kind:
        assert stream.error[0] == kind and says in stream.error[1] and says in record["Error"]
        assert not stream.started
    else:
        assert stream.exit == code and stream.started


def test_death_by_signal(rootfs):
    with Driver(rootfs, Arguments=["sleep", "100"]).start() as container:
        stream = container.attach()
        os.kill(container.pid, signal.SIGKILL)
        assert container.exited()["ExitCode"] == 137
        assert stream.finish().exit == 137
        assert container.wait_shim() == 0
        assert container.record()["ExitCode"] == 137


def test_namespaces_and_mounts(rootfs, userns):
    output = shell(rootfs, "hostname; cat /proc/self/uid_map; ls /proc | grep -c '^[0-9]'; ls /proc/self/fd | wc -l; umask; "
                           "cat /proc/self/oom_score_adj; cat /proc/self/cgroup | grep ^0; ls -d /sys/class/net/*; "
                           "ls /proc/acpi /sys/firmware; wc -c < /proc/timer_list; echo 1 > /proc/sys/kernel/sysrq; "
                           "touch /sys/x; touch /sys/fs/cgroup/x; touch /dev/shm/y /x; grep -c ' / / ' /proc/self/mountinfo; "
                           "cat /proc/self/mountinfo", userns=userns, name="box").output.decode()
    lines = output.splitlines()
    assert lines[0] == "box"
    assert lines[1].split() == (["0", str(BASE), "65536"] if userns else ["0", "0", "4294967295"])
    assert int(lines[2]) <= 4                                   # the shell, ls and grep
    assert lines[3] == "4"                                      # 0, 1, 2 and ls's own
    assert lines[4:7] == ["0022", "0", "0::/"]
    assert lines[7] == "/sys/class/net/lo"
    assert "0" in lines
    assert "/var/tmp" not in output and "/run" not in output    # nothing of the host's is mounted


@pytest.mark.parametrize("capabilities, bits", [([], 0), (["CAP_CHOWN", "CAP_KILL"], 0x21)])
def test_capabilities(rootfs, userns, capabilities, bits):
    status = shell(rootfs, "grep -E '^(Cap|NoNew)' /proc/self/status", userns=userns, Capabilities=capabilities,
                   NoNewPrivileges=True).output.decode()
    values = dict(line.split() for line in status.splitlines())
    assert {k: int(v, 16) for k, v in values.items()} == {
        "CapInh:": 0, "CapPrm:": bits, "CapEff:": bits, "CapBnd:": bits, "CapAmb:": 0, "NoNewPrivs:": 1}


def test_user(rootfs, userns):
    def who(user):
        return shell(rootfs, "id -u; id -g; id -G; echo $HOME; grep CapEff /proc/self/status; "
                             "echo x > /dev/stderr; echo y > /dev/stdout", userns=userns, User=user)
    (rootfs / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/srv:/bin/sh\n")
    (rootfs / "etc/group").write_text("root:x:0:\napp:x:1000:\nvideo:x:44:app\n")
    stream = who("app")
    assert stream.output.decode().split() == ["1000", "1000", "1000", "44", "/srv", "CapEff:", "0" * 16, "y"]
    assert stream.errors == b"x\n"
    assert who("1000:44").output.decode().split()[:4] == ["1000", "44", "44", "/srv"]
    assert who("4711").output.decode().split()[:4] == ["4711", "0", "0", "/"]
    record, _ = shim.run(rootfs, "true", User="nobody-here", userns=userns)
    assert record["ErrorKind"] == "InvalidArgument" and "nobody-here" in record["Error"]


def test_hostile_account_files(rootfs, tmp_path):
    """A FIFO in the place of /etc/passwd must not hold the start up."""
    layer = shim.STATE / "hostile"
    (layer / "etc").mkdir(parents=True)
    os.mkfifo(layer / "etc/passwd")
    record, _ = shim.run(rootfs, "true", lower=[layer, rootfs])
    assert "passwd" in record["Error"]


def test_working_directory(rootfs, userns):
    assert shell(rootfs, "pwd", userns=userns, WorkingDirectory="/made/on demand").output == b"/made/on demand\n"
    record, _ = shim.run(rootfs, "true", WorkingDirectory="/etc/passwd", userns=userns)
    assert "/etc/passwd" in record["Error"]


def test_owner_on_disk(rootfs):
    """What the container's root writes is root's on disk: layers and upper directories hold the container's own ids."""
    with Driver(rootfs, Arguments=sh("touch /mine; mkdir /etc/new; chown 7:8 /mine; chmod 4755 /mine")) as container:
        container.spawn().created().go()
        assert container.exited()["ExitCode"] == 0
        mine = (container.state / "upper/mine").stat()
        assert (mine.st_uid, mine.st_gid, mine.st_mode & 0o7777) == (7, 8, 0o4755)
        assert (container.state / "upper/etc/new").stat().st_uid == 0
        container.wait_shim()
        container.launch["Arguments"] = ["stat", "-c", "%u:%g %a", "/mine"]     # once more, on the same upper
        container.spawn()
        stream = container.attach()
        container.created().go()
        assert stream.finish().output == b"7:8 4755\n"


@pytest.mark.parametrize("count", [130, 499])
def test_many_layers(rootfs, count):
    layers = []
    for i in range(count):
        layers.append(shim.STATE / "layers" / f"layer-with-a-name-of-some-length-{i}")
        layers[-1].mkdir(parents=True)
        (layers[-1] / f"file{i}").touch()
    output = shell(rootfs, "ls / | grep -c file", lower=[*layers, rootfs]).output
    assert int(output) == count
    shutil.rmtree(shim.STATE / "layers")


def test_too_many_layers(rootfs):
    record, _ = shim.run(rootfs, "true", lower=[rootfs] * 501)
    assert record["ErrorKind"] == "LimitExceeded"


def test_init(rootfs, userns):
    """--init: reaps orphans, passes signals on, exits with the command's status."""
    script = "trap 'exit 9' TERM; sh -c 'sh -c \"sleep .1\" &'; echo up; while :; do sleep .1; done"
    with Driver(rootfs, userns=userns, Init=True, Arguments=sh(script)) as container:
        container.spawn()
        stream = container.attach()
        container.created().go().expect(shim.STARTED)
        stream.until(b"up")
        time.sleep(0.5)
        children = pathlib.Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()
        assert len(children) == 1                               # no orphan, no zombie
        os.kill(container.pid, signal.SIGTERM)
        assert stream.finish().exit == 9


def test_program_is_out_of_reach(rootfs, userns):
    """The host's berth-shim, which a container's processes can see in /proc, is not theirs to write."""
    stream = shell(rootfs, "(echo x > /proc/1/exe) 2>&1; cat /proc/1/environ | tr -d '\\0'", userns=userns, Init=True)
    assert stream.output.strip() in (b"sh: can't create /proc/1/exe: Permission denied",
                                     b"sh: can't create /proc/1/exe: Read-only file system")


# --- mounts ----------------------------------------------------------------------------------------------------------

def test_binds(rootfs, tmp_path, userns):
    data = shim.STATE / "data"
    data.mkdir()
    (data / "file").write_text("old")
    mapped = {"IdMapped": userns}
    shell(rootfs, "cat /mnt/file; echo new > /mnt/file; touch /mnt/made; [ ! -w /ro/file ] && ! touch /ro/x; "
                  "[ $(cat /single) = new ]; mount | grep ' /t ' | grep -q noexec; touch /t/x", userns=userns, Mounts=[
        {"Type": "bind", "Source": str(data), "Target": "/mnt", **mapped},
        {"Type": "bind", "Source": str(data), "Target": "/ro", "ReadOnly": True, **mapped},
        {"Type": "bind", "Source": str(data / "file"), "Target": "/deep/er/../../single", **mapped},
        {"Type": "tmpfs", "Target": "/t", "Options": "size=1m,mode=0700"},
        {"Type": "bind", "Source": str(shim.STATE / "created/on/demand"), "Target": "/c", "CreateSource": True, **mapped},
    ])
    assert (data / "file").read_text() == "new\n"
    assert (data / "made").stat().st_uid == 0
    assert (shim.STATE / "created/on/demand").is_dir()
    shutil.rmtree(data)


def test_bind_without_mapping(rootfs):
    data = shim.STATE / "data"
    data.mkdir(mode=0o755)
    stream = shell(rootfs, "stat -c %u /mnt; ! touch /mnt/x", Mounts=[{"Type": "bind", "Source": str(data), "Target": "/mnt"}])
    assert stream.output == b"65534\n"
    shutil.rmtree(data)


@pytest.mark.parametrize("mount, kind, says", [
    ({"Source": "/no/such/source"}, "InvalidArgument", "/no/such/source"),
    ({"Source": "/etc", "IdMapped": True}, "Unsupported", "--userns=host"),   # an overlay
    ({"Source": "/etc", "Options": "nonsense"}, "InvalidArgument", "nonsense"),
    ({"Source": "/etc", "Target": "/etc/passwd"}, "InvalidArgument", "/etc/passwd"),
])
def test_bad_bind(rootfs, mount, kind, says):
    record, stream = shim.run(rootfs, "true", Mounts=[{"Type": "bind", "Target": "/mnt", **mount}])
    assert record["ErrorKind"] == kind == stream.error[0]
    assert says in record["Error"]


def test_mount_points_stay_inside(rootfs, userns):
    """An image's symlinks lead nowhere but into the container, and dangling ones get their target."""
    layer = shim.STATE / "links"
    layer.mkdir()
    outside = shim.STATE / "outside"
    outside.mkdir()
    (layer / "absolute").symlink_to(outside)
    (layer / "up").symlink_to("../../../../../../../.." + str(outside))
    (layer / "dangling").symlink_to("run/not/yet/there")
    record, stream = shim.run(rootfs, "cat", f"{outside}/host/passwd", f"{outside}/host2/passwd", "/run/not/yet/there",
                              userns=userns, lower=[layer, rootfs], Mounts=[
                                  {"Type": "bind", "Source": "/etc", "Target": "/absolute/host"},
                                  {"Type": "bind", "Source": "/etc", "Target": "/up/host2"},
                                  {"Type": "bind", "Source": "/etc/passwd", "Target": "/dangling"}])
    assert record["ExitCode"] == 0, (record, stream.errors)
    assert stream.output == pathlib.Path("/etc/passwd").read_bytes() * 3
    assert not list(outside.iterdir())
    shutil.rmtree(layer)
    shutil.rmtree(outside)


def test_read_only_root(rootfs, userns):
    shell(rootfs, "! touch /x && touch /t/x /dev/shm/x && cd /work", userns=userns, ReadOnly=True, WorkingDirectory="/work",
          Mounts=[{"Type": "tmpfs", "Target": "/t"}])


def test_host_network(rootfs, userns):
    output = shell(rootfs, "ls /sys/class/net; ip link | wc -l; ! touch /sys/x", userns=userns, Network="host").output.decode()
    assert "lo" in output


def test_propagation(rootfs):
    """rslave: what the host mounts below the source later appears inside."""
    data = shim.STATE / "shared"
    data.mkdir()
    run("mount", "--bind", data, data)
    run("mount", "--make-shared", data)
    try:
        (data / "sub").mkdir()
        with Driver(rootfs, Arguments=["sleep", "100"], Mounts=[
                {"Type": "bind", "Source": str(data), "Target": "/slave", "Options": "rslave"},
                {"Type": "bind", "Source": str(data), "Target": "/private"}]).start() as container:
            run("mount", "-t", "tmpfs", "tmpfs", data / "sub")
            (data / "sub/seen").touch()
            listed = container.exec("ls", "/slave/sub", "/private/sub").finish().output.split()
            assert listed == [b"/private/sub:", b"/slave/sub:", b"seen"]
    finally:
        run("umount", data / "sub", check=False)
        run("umount", data)
        shutil.rmtree(data)


# --- network ---------------------------------------------------------------------------------------------------------

def test_interface(rootfs, userns):
    script = "ip -o addr; ip route; ip -6 route; ping -c1 -w2 198.18.7.1 > /dev/null && echo pong"
    with Driver(rootfs, userns=userns, Arguments=sh(script),
                Interfaces=[{"Name": "eth0", "Addresses": ["198.18.7.2/24", "fd00:77::2/64"],
                             "IPv4Gateway": "198.18.7.1", "IPv6Gateway": "fd00:77::1"}]) as container:
        container.spawn()
        stream = container.attach()
        container.created()
        run("ip", "link", "add", "shimtest0", "type", "veth", "peer", "name", "eth0", "netns", str(container.pid))
        run("ip", "addr", "add", "198.18.7.1/24", "dev", "shimtest0")
        run("ip", "link", "set", "shimtest0", "up")
        container.go()
        output = stream.finish().output.decode()
        assert container.exited()["ExitCode"] == 0
    assert "198.18.7.2/24 brd 198.18.7.255" in output and "fd00:77::2/64" in output
    assert "default via 198.18.7.1 dev eth0" in output and "default via fd00:77::1 dev eth0" in output
    assert "pong" in output and "127.0.0.1/8" in output
    assert not re.search("fd00:.*tentative", output)


@pytest.mark.parametrize("interface, says", [
    ({"Name": "missing0", "Addresses": ["198.18.7.2/24"]}, "missing0"),
    ({"Name": "lo", "Addresses": ["198.18.7.2/24"], "IPv4Gateway": "203.0.113.1"}, "203.0.113.1"),
    ({"Name": "lo", "Addresses": ["nonsense"]}, "lo"),
])
def test_bad_interface(rootfs, interface, says):
    record, _ = shim.run(rootfs, "true", Interfaces=[interface])
    assert record["ErrorKind"] == "StartFailed" and says in record["Error"]


def test_sysctls(rootfs):
    output = shell(rootfs, "cat /proc/sys/net/ipv4/ip_forward; ! echo 0 > /proc/sys/net/ipv4/ip_forward",
                   Sysctls={"net.ipv4.ip_forward": "1"}).output
    assert output == b"1\n"
    assert shell(rootfs, "cat /proc/sys/net/ipv4/conf/lo/forwarding; ! echo 0 > /proc/sys/net/ipv4/ip_forward",
                 Sysctls={"net/ipv4/conf/lo/forwarding": "1"}).output == b"1\n"
    record, _ = shim.run(rootfs, "true", Sysctls={"../../etc/passwd": "1"})
    assert record["ErrorKind"] == "InvalidArgument"
