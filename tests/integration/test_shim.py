"""A container's life as its shim sees it: the driver of tests/lib plays berthd, so that each step can be looked at, and
any party killed, without the others."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import poll, run

import shim_driver as shim
from shim_driver import Driver

BASE = 524288


@pytest.fixture(scope="module")
def rootfs(busybox_tar):
    folder = shim.STATE / "rootfs"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["tar", "-xf", busybox_tar, "-C", folder], check=True)
    yield folder
    shutil.rmtree(shim.STATE)


@pytest.fixture(params=[True, False], ids=["own-ids", "host-ids"])
def userns(request):
    return request.param


def shell(rootfs, script, **launch):
    """The stream of a container that ran the script with exit status 0."""
    record, stream = shim.run(rootfs, "sh", "-c", script, **launch)
    assert (record["ExitCode"], stream.exit, stream.error) == (0, 0, None), (record, stream.error, stream.errors)
    return stream


def exists(pid):
    return os.path.exists(f"/proc/{pid}")


def journal(container, seconds=10, entries=1):
    """The container's log as [(priority, bytes)], read by journalctl and put together as src/runtime/journal.h says."""
    def read():
        run("journalctl", "--sync")
        lines = run("journalctl", "-q", "-o", "json", "--all", "-u", container.launch["Unit"],
                    f"CONTAINER_ID_FULL={container.id}").stdout.splitlines()
        return [json.loads(line) for line in lines] if len(lines) >= entries else None

    result, last = [], None
    for entry in poll(read, seconds, "the log"):
        message = entry["MESSAGE"]
        message = b"" if message is None else message.encode() if isinstance(message, str) else bytes(message)
        twin = (entry["__REALTIME_TIMESTAMP"], entry["CONTAINER_LOG_PARITY"], message)
        if twin != last:
            result.append((int(entry["PRIORITY"]), message + (b"" if "CONTAINER_PARTIAL_MESSAGE" in entry else b"\n"), entry))
        last = twin
    return result


# --- start and end ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("command, code, kind, says", [
    (["true"], 0, None, None),
    (["sh", "-c", "exit 42"], 42, None, None),
    (["sh", "-c", "kill -9 $$; sleep 9 & kill -9 $!; exit 7"], 7, None, None),  # PID 1 can't kill itself
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
        return shell(rootfs, "id -u; id -g; id -G; echo $HOME; grep CapEff /proc/self/status; echo x > /dev/stderr; echo y > /dev/stdout",
                     userns=userns, User=user)
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
    with Driver(rootfs, Arguments=["sh", "-c", "touch /mine; mkdir /etc/new; chown 7:8 /mine; chmod 4755 /mine"]) as container:
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
    with Driver(rootfs, userns=userns, Init=True,
                Arguments=["sh", "-c", "trap 'exit 9' TERM; sh -c 'sh -c \"sleep .1\" &'; echo up; while :; do sleep .1; done"]) as container:
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


# --- mounts -------------------------------------------------------------------------------------------------

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
    ({"Source": "/proc", "IdMapped": True}, "Unsupported", "--userns=host"),
    ({"Source": "/etc", "Options": "nonsense"}, "InvalidArgument", "nonsense"),
    ({"Source": "/etc", "Target": "/etc/passwd"}, "StartFailed", "/etc/passwd"),
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
    (layer / "proc").symlink_to("/sys")
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
            assert container.exec("ls", "/slave/sub", "/private/sub").finish().output.split() == [b"/private/sub:", b"/slave/sub:", b"seen"]
    finally:
        run("umount", data / "sub", check=False)
        run("umount", data)
        shutil.rmtree(data)


# --- network --------------------------------------------------------------------------------------------------

def test_interface(rootfs, userns):
    with Driver(rootfs, userns=userns, Arguments=["sh", "-c", "ip -o addr; ip route; ip -6 route; ping -c1 -w2 198.18.7.1 > /dev/null && echo pong"],
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


# --- streams ----------------------------------------------------------------------------------------------------

def test_stdin_is_exact(rootfs):
    data = os.urandom(3_000_000)
    with Driver(rootfs, Arguments=["cat"], OpenStdin=True, StdinOnce=True) as container:
        container.spawn()
        stream = container.attach(stdin=True)
        container.created().go()

        def write():
            stream.write(data)
            stream.send(shim.STDIN_EOF)
        writer = threading.Thread(target=write)
        writer.start()
        stream.finish()
        writer.join()
        assert stream.output == data and stream.exit == 0


def test_stdin_before_the_start(rootfs):
    """What a client writes before the command runs is there when it does."""
    with Driver(rootfs, Arguments=["cat"], OpenStdin=True) as container:
        container.spawn()
        stream = container.attach(stdin=True)
        stream.write(b"early")
        stream.send(shim.STDIN_EOF)
        container.created().go()
        assert stream.finish().output == b"early"


def test_stdin_once(rootfs):
    for once, ends in ((True, True), (False, False)):
        with Driver(rootfs, Arguments=["cat"], OpenStdin=True, StdinOnce=once).start() as container:
            watcher = container.attach()
            stream = container.attach(stdin=True)
            stream.write(b"hi\n")
            stream.until(b"hi\n")
            stream.sock.close()
            if ends:
                assert watcher.finish().exit == 0
            else:
                other = container.attach(stdin=True)
                other.write(b"again\n")
                other.until(b"again\n")


def test_no_stdin(rootfs):
    with Driver(rootfs, Arguments=["sh", "-c", "cat; readlink /proc/self/fd/0"]) as container:
        container.spawn()
        stream = container.attach(stdin=True)
        stream.write(b"ignored")
        container.created().go()
        assert stream.finish().output == b"/dev/null\n"


def test_all_clients_see_all(rootfs):
    with Driver(rootfs, Arguments=["sh", "-c", "read x; echo out; echo err >&2; seq 1 20000"], OpenStdin=True).start() as container:
        both, only_errors, writer = container.attach(), container.attach(stdout=False), container.attach(stdin=True)
        gone = container.attach()
        gone.sock.close()
        writer.write(b"\n")
        expected = b"out\n" + b"".join(b"%d\n" % i for i in range(1, 20001))
        for stream in (both, writer):
            assert stream.finish().output == expected and stream.errors == b"err\n" and stream.exit == 0
        assert only_errors.finish().output == b"" and only_errors.errors == b"err\n"


def test_slow_client_slows_the_container(rootfs):
    """Nothing is dropped and memory stays bounded: the process stands still until the client reads on."""
    with Driver(rootfs, Arguments=["sh", "-c", "dd if=/dev/zero bs=64k count=200 2>/dev/null | tr '\\0' x"]) as container:
        container.spawn()
        stream = container.attach()
        container.created().go().expect(shim.STARTED)
        time.sleep(1)
        rss = int(re.search(r"Rss: +(\d+)", pathlib.Path(f"/proc/{container.process.pid}/smaps_rollup").read_text())[1])
        assert rss < 4000
        assert exists(container.pid)
        assert stream.finish().output == b"x" * 64 * 1024 * 200


def test_slow_client_does_not_hold_the_end_up(rootfs):
    with Driver(rootfs, Arguments=["sh", "-c", "head -c 400000 /dev/zero | tr '\\0' x; read x; head -c 60000 /dev/zero"], OpenStdin=True) as container:
        container.spawn()
        stuck = container.attach()
        container.created().go().expect(shim.STARTED)
        time.sleep(0.5)
        os.kill(container.pid, signal.SIGKILL)
        assert container.exited(10)["ExitCode"] == 137
        stuck.finish()
        assert stuck.exit == 137 and len(stuck.output) > 64 * 1024
        assert container.wait_shim() == 0


def test_end_with_a_full_pipe(rootfs):
    """The last output is there, however fast the end follows on it."""
    for size in (1, 65536, 65537, 200_000):
        record, stream = shim.run(rootfs, "sh", "-c", f"head -c {size} /dev/zero | tr '\\0' x; exit 3")
        assert stream.output == b"x" * size and record["ExitCode"] == 3


def test_attach_after_the_end_of_a_client(rootfs):
    with Driver(rootfs, Arguments=["sh", "-c", "while read l; do echo got $l; done"], OpenStdin=True).start() as container:
        for i in range(20):
            stream = container.attach(stdin=True)
            stream.write(b"%d\n" % i)
            stream.until(b"got %d\n" % i)
            assert stream.started
            stream.sock.close()


def test_garbage_from_a_client(rootfs):
    with Driver(rootfs, Arguments=["sleep", "100"], OpenStdin=True).start() as container:
        bad = container.attach(stdin=True)
        bad.sock.send(b"what is this")
        bad.finish()
        bad = container.attach(stdin=True)
        bad.sock.send(bytes([shim.STREAM_RESIZE, 0, 0, 0, 3, 0, 0, 0] + [0] * 8 + [1, 2, 3]))
        assert container.exec("true").finish().exit == 0


# --- terminal ---------------------------------------------------------------------------------------------------

def test_terminal(rootfs, userns):
    with Driver(rootfs, userns=userns, Arguments=["sh"], Terminal=True, OpenStdin=True, Rows=33, Columns=99) as container:
        container.spawn()
        stream = container.attach(stdin=True)
        container.created().go().expect(shim.STARTED)
        stream.write(b"stty size; tty; echo $TERM; stat -c %t:%T /dev/console\n")
        stream.until(b"33 99\r\n").until(b"/dev/pts/0\r\nxterm\r\n88:0\r\n")
        stream.send(shim.STREAM_RESIZE, bytes([40, 0, 120, 0]))
        stream.write(b"stty size\n")
        stream.until(b"40 120")
        shim.send(container.control, shim.RESIZE, {"Rows": 50, "Columns": 150})
        poll(lambda: b"50 150" in container.exec("sh", "-c", "stty size < /dev/console").finish().output, 5, "the size")
        stream.write(b"sleep 100\n")
        poll(lambda: b"sleep" in container.exec("ps").finish().output, 5, "sleep")
        stream.write(b"\x03echo interrupted=$?\n")              # the terminal is the controlling one
        stream.until(b"interrupted=130")
        stream.sock.close()                                     # detach
        again = container.attach(stdin=True)
        again.write(b"echo ba''ck; exit 5\n")
        again.until(b"back").finish()
        assert again.exit == 5 and again.errors == b""
        assert container.exited()["ExitCode"] == 5


def test_terminal_without_client(rootfs):
    """Nobody listens, the process runs on."""
    with Driver(rootfs, Arguments=["sh", "-c", "seq 1 100000; exit 6"], Terminal=True) as container:
        container.spawn().created().go()
        assert container.exited()["ExitCode"] == 6


def test_terminal_is_reopened(rootfs):
    """All ends closed and opened again is not the end."""
    with Driver(rootfs, Arguments=["sh", "-c", "exec 0</dev/null 1>&0 2>&0; sleep .3; exec 1>/dev/console; echo again"], Terminal=True) as container:
        container.spawn()
        stream = container.attach()
        container.created().go()
        assert stream.finish().output == b"again\r\n"


def test_terminal_user(rootfs):
    with Driver(rootfs, Arguments=["sh", "-c", "echo x > /dev/tty; echo y > /dev/stdout"], Terminal=True, User="1000") as container:
        container.spawn()
        stream = container.attach()
        container.created().go()
        assert stream.finish().output == b"x\r\ny\r\n"


# --- exec ---------------------------------------------------------------------------------------------------------

@pytest.fixture
def sleeper(rootfs, userns):
    with Driver(rootfs, userns=userns, Arguments=["sleep", "1000"], Environment=["PATH=/bin", "A=1", "B=2"]).start() as container:
        yield container


def test_exec(sleeper):
    stream = sleeper.exec("sh", "-c", "echo $A$B$C; echo e >&2; pwd; hostname; cat /proc/self/cgroup | grep ^0; readlink /proc/self/ns/pid; "
                                      "ls /proc/self/fd | wc -l; exit 7", Environment=["B=3", "C=4"]).finish()
    lines = stream.output.decode().split("\n")
    assert lines[:4] == ["134", "/", "driver", "0::/"]
    assert lines[4] == os.readlink(f"/proc/{sleeper.pid}/ns/pid") and lines[5] == "4"
    assert (stream.errors, stream.exit, stream.started) == (b"e\n", 7, True)
    started, exited = sleeper.expect(shim.EXEC_STARTED), sleeper.expect(shim.EXEC_EXITED)
    assert started["Id"] == exited["Id"] and exited["Exit"]["ExitCode"] == 7
    assert not exists(started["PID"])


@pytest.mark.parametrize("command, spec, code, kind", [
    (["nope"], {}, 127, "CommandNotFound"),
    (["/etc/passwd"], {}, 126, "CommandNotExecutable"),
    (["true"], {"User": "nobody-here"}, 125, "InvalidArgument"),
    (["true"], {"WorkingDirectory": "/missing"}, 125, "InvalidArgument"),
])
def test_exec_fails(sleeper, command, spec, code, kind):
    assert sleeper.exec(*command, **spec).finish().error[0] == kind
    exit_record = sleeper.expect(shim.EXEC_EXITED)["Exit"]
    assert exit_record["ExitCode"] == code and exit_record["ErrorKind"] == kind
    sleeper.exec(*command, attach=False, **spec)
    assert sleeper.expect(shim.EXEC_EXITED)["Exit"]["ErrorKind"] == kind


def test_exec_privileges(sleeper):
    def bits(**spec):
        return sleeper.exec("grep", "CapEff", "/proc/self/status", **spec).finish().output.split()[1]
    ordinary = bits()
    assert ordinary == pathlib.Path(f"/proc/{sleeper.pid}/status").read_text().split("CapEff:\t")[1][:16].encode()
    assert int(bits(Privileged=True), 16) > int(ordinary, 16)
    assert int(bits(User="1000"), 16) == 0


def test_exec_stdin_and_terminal(sleeper):
    stream = sleeper.exec("cat", OpenStdin=True)
    stream.write(b"x" * 200_000)
    stream.send(shim.STDIN_EOF)
    assert stream.finish().output == b"x" * 200_000
    stream = sleeper.exec("sh", "-c", "stty size; tty; read x; echo got $x", Terminal=True, OpenStdin=True, Rows=11, Columns=22)
    stream.until(b"11 22\r\n/dev/pts/").write(b"it\n")
    assert b"got it\r\n" in stream.finish().output


def test_exec_survives_its_client(sleeper):
    stream = sleeper.exec("sh", "-c", "while :; do echo y; sleep .01; done")
    pid = sleeper.expect(shim.EXEC_STARTED)["PID"]
    stream.until(b"y\n")
    stream.sock.close()
    time.sleep(0.5)
    assert exists(pid)
    os.kill(pid, signal.SIGKILL)
    assert sleeper.expect(shim.EXEC_EXITED)["Exit"]["ExitCode"] == 137


def test_exec_leaves_somebody_behind(sleeper):
    """The exec ends with its own process; who stays behind with its output is neither waited for nor killed."""
    stream = sleeper.exec("sh", "-c", "(sleep 1; echo late; sleep .2; touch /survived) & echo early").finish(5)
    assert stream.output == b"early\n" and stream.exit == 0
    poll(lambda: sleeper.exec("test", "-e", "/survived").finish().exit == 0, 5, "the background process")


def test_many_execs_at_once(sleeper):
    streams = [sleeper.exec("sh", "-c", f"sleep .2; echo {i}; exit {i}") for i in range(30)]
    for i, stream in enumerate(streams):
        assert stream.finish().output == b"%d\n" % i and stream.exit == i


def test_execs_end_with_the_container(sleeper):
    stream = sleeper.exec("sleep", "1000")
    sleeper.expect(shim.EXEC_STARTED)
    os.kill(sleeper.pid, signal.SIGKILL)
    assert stream.finish(10).exit == 137
    assert sleeper.exited()["ExitCode"] == 137
    assert sleeper.wait_shim() == 0


def test_exec_in_a_busy_cgroup(sleeper):
    """Where the scope's own cgroup refuses processes, the exec goes beside the first process."""
    root = pathlib.Path("/sys/fs/cgroup" + sleeper.cgroup)
    (root / "inner").mkdir()
    (root / "inner/cgroup.procs").write_text(str(sleeper.pid))
    try:
        controllers = (root / "cgroup.controllers").read_text().split()
        if controllers:
            (root / "cgroup.subtree_control").write_text("+" + controllers[0])
            assert sleeper.exec("cat", "/proc/self/cgroup").finish().output.splitlines()[-1].endswith(b"/inner")
        assert sleeper.exec("true").finish().exit == 0
    finally:
        os.kill(sleeper.pid, signal.SIGKILL)
        sleeper.exited()
        poll(lambda: not (root / "inner/cgroup.procs").read_text(), 5, "the cgroup")
        (root / "inner").rmdir()


# --- whoever dies ---------------------------------------------------------------------------------------------------

def mounts_of_host():
    return pathlib.Path("/proc/1/mountinfo").read_text()


@pytest.mark.parametrize("step", ["spawned", "created", "go", "started"])
@pytest.mark.parametrize("victim", ["shim", "init", "berthd"])
def test_death_at_every_step(rootfs, userns, step, victim):
    before = mounts_of_host()
    with Driver(rootfs, userns=userns, Arguments=["sleep", "1000"]) as container:
        container.spawn()
        if step != "spawned":
            container.created()
        if step in ("go", "started"):
            container.go()
        if step == "started":
            container.expect(shim.STARTED)
        if victim == "shim":
            container.process.kill()
            container.wait_shim()
            if container.pid and step in ("spawned", "created"):
                poll(lambda: not exists(container.pid), 5, "the end of init")
        elif victim == "init":
            if step == "spawned":
                container.created()
            os.kill(container.pid, signal.SIGKILL)
            record = container.exited()
            assert record["ExitCode"] == (137 if "ErrorKind" not in record else 125)
            assert container.wait_shim() == 0
        else:
            container.control.close()
            if step in ("spawned", "created"):
                assert container.wait_shim() == 0
                assert container.record()["ErrorKind"] == "StartFailed"
            else:
                hello = container.reconnect()
                assert hello["PID"] == container.pid
                poll(lambda: container.reconnect().get("Running"), 5, "the command")
                assert container.exec("true").finish().exit == 0
    assert mounts_of_host() == before


def test_death_in_mid_setup(rootfs):
    """At arbitrary moments, not only between the protocol's steps."""
    before = mounts_of_host()
    for i in range(60):
        with Driver(rootfs, Arguments=["sleep", "1000"]) as container:
            container.spawn()
            time.sleep(i * 0.0004)
            if i % 2:
                container.process.kill()
            else:
                with contextlib.suppress(AssertionError):
                    container.created()
                    os.kill(container.pid, signal.SIGKILL)
            container.wait_shim()
    assert mounts_of_host() == before
    assert not subprocess.run(["pgrep", "-x", "berth-shim"], stdout=subprocess.PIPE, check=False).stdout


def test_start_is_called_off(rootfs):
    """berthd shuts its side of the socket down and is told what came of it."""
    with Driver(rootfs, Arguments=["sleep", "1000"]) as container:
        container.spawn()
        stream = container.attach()
        container.created()
        container.control.shutdown(socket.SHUT_WR)
        assert container.exited()["ErrorKind"] == "StartFailed"
        assert stream.finish().error[0] == "StartFailed"
        assert container.wait_shim() == 0


def test_berthd_is_away_at_the_end(rootfs):
    with Driver(rootfs, Arguments=["sh", "-c", "sleep .5; exit 11"]).start() as container:
        container.control.close()
        assert container.wait_shim() == 0
        assert container.record()["ExitCode"] == 11


def test_new_berthd_replaces_the_old(rootfs):
    with Driver(rootfs, Arguments=["sleep", "1000"]).start() as container:
        stream = container.exec("sleep", "1000")
        identity = container.expect(shim.EXEC_STARTED)["Id"]
        old = container.control
        hello = container.reconnect()
        assert hello["Running"] and hello["PID"] == container.pid and hello["Ids"] == [identity]
        assert hello["StartTime"] == int(pathlib.Path(f"/proc/{container.pid}/stat").read_text().rsplit(")")[1].split()[19])
        assert old.recv(1) == b""
        mode = (container.run / "shim.sock").stat().st_mode & 0o777
        assert mode == 0o600
        stream.sock.close()


def test_shim_ignores_sigterm(rootfs):
    with Driver(rootfs, Arguments=["sleep", "1000"]).start() as container:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            container.process.send_signal(number)
        assert container.exec("true").finish().exit == 0
        stream = container.exec("grep", "-E", "Sig(Ign|Blk)", "/proc/self/status").finish()
        assert stream.output.split() == [b"SigBlk:", b"0" * 16, b"SigIgn:", b"0" * 16]


def test_bad_launch_document(rootfs):
    with Driver(rootfs) as container:
        container.launch = {"Id": container.id}
        container.spawn()
        record = container.exited()
        assert record["ExitCode"] == 125 and "Name" in record["Error"]
        container.wait_shim()
        assert container.record()["ExitCode"] == 125


# --- the log ------------------------------------------------------------------------------------------------------

def test_log_fields(rootfs):
    with Driver(rootfs, name="fields", Arguments=["sh", "-c", "echo out; echo err >&2; sleep .1; printf 'no newline'"]) as container:
        container.spawn().created().go().exited()
        log = journal(container, entries=3)
    assert [(p, m) for p, m, _ in log] == [(6, b"out\n"), (3, b"err\n"), (6, b"no newline")]
    for _, _, entry in log:
        assert {k: entry.get(k) for k in ("CONTAINER_ID", "CONTAINER_ID_FULL", "CONTAINER_NAME", "CONTAINER_TAG", "IMAGE_NAME",
                                          "SYSLOG_IDENTIFIER", "OBJECT_SYSTEMD_UNIT")} == {
            "CONTAINER_ID": container.id[:12], "CONTAINER_ID_FULL": container.id, "CONTAINER_NAME": "fields",
            "CONTAINER_TAG": container.id[:12], "IMAGE_NAME": "docker.io/library/test:latest", "SYSLOG_IDENTIFIER": "fields",
            "OBJECT_SYSTEMD_UNIT": "berth-fields.scope"}


def test_log_is_exact(rootfs):
    """Lines of a megabyte, NUL bytes, what is not UTF-8, empty lines and no final newline."""
    data = b"".join([b"a" * 1_000_000, b"\n", b"\n\n", "ä€𝄞".encode() * 50_000, b"\n", b"nul\0nul\n\0\n", b"\xff\xfe\x80 not text\n",
                     b"cr\r\n", b"\x1b[31mred\n", os.urandom(100_000), b"x" * 16384, b"\n", b"x" * 16385, b"\n", b"the end"])
    with Driver(rootfs, name="exact", Arguments=["cat", "/data"]) as container:
        (container.state / "upper/data").write_bytes(data)
        container.spawn().created().go().exited()
        log = journal(container, entries=100)
        assert b"".join(m for _, m, _ in log) == data
        assert all(len(m) <= 16385 for _, m, _ in log)


def test_log_after_rename(rootfs):
    with Driver(rootfs, name="before", Arguments=["sh", "-c", "echo 1; read x; echo 2"], OpenStdin=True).start() as container:
        stream = container.attach(stdin=True)
        poll(lambda: journal(container), 10, "the first line")
        shim.send(container.control, shim.RENAME, {"Name": "after"})
        container.exec("true").finish()
        stream.write(b"\n")
        container.exited()
        assert [entry["CONTAINER_NAME"] for _, _, entry in journal(container, entries=2)] == ["before", "after"]


def journald():
    return int(run("systemctl", "show", "-P", "MainPID", "systemd-journald").stdout)


def test_slow_journald_slows_the_container(rootfs):
    filler = "x" * 500
    with Driver(rootfs, name="slow", Arguments=["sh", "-c", f"seq 1 4000 | sed s/$/{filler}/; echo > /done; sleep 100"]) as container:
        pid = journald()
        os.kill(pid, signal.SIGSTOP)
        try:
            container.spawn().created().go().expect(shim.STARTED)
            time.sleep(1)
            assert not (container.state / "upper/done").exists()
        finally:
            os.kill(pid, signal.SIGCONT)
        poll(lambda: (container.state / "upper/done").exists(), 20, "the container")
        text = b"".join(m for _, m, _ in journal(container, entries=4000))
        assert text == b"".join(b"%d%s\n" % (i, filler.encode()) for i in range(1, 4001))


@pytest.mark.seconds(180)
def test_restarted_journald_loses_nothing(rootfs):
    lines = 8000
    with Driver(rootfs, name="restart", Arguments=["sh", "-c", f"i=0; while [ $i -lt {lines} ]; do i=$((i+1)); echo line $i; done"]) as container:
        container.spawn().created().go().expect(shim.STARTED)
        for _ in range(3):
            run("systemctl", "restart", "systemd-journald")
        container.exited(120)
        text = b"".join(m for _, m, _ in journal(container, 30, entries=lines))
    assert text == b"".join(b"line %d\n" % i for i in range(1, lines + 1))


def test_journald_is_gone_for_a_while(rootfs):
    """Its socket removed and made again: the shim finds the new one."""
    units = ["systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald.service"]
    with Driver(rootfs, name="gone", Arguments=["sh", "-c", "seq 1 3000; echo done"]) as container:
        run("systemctl", "stop", *units)
        try:
            os.rename("/run/systemd/journal/socket", "/run/systemd/journal/socket.away") if os.path.exists("/run/systemd/journal/socket") else None
            container.spawn().created().go().expect(shim.STARTED)
            time.sleep(0.5)
        finally:
            run("systemctl", "start", *units)
        container.exited(60)
        assert b"".join(m for _, m, _ in journal(container, 30, entries=3001)) == b"".join(b"%d\n" % i for i in range(1, 3001)) + b"done\n"


# --- size -----------------------------------------------------------------------------------------------------------

def test_idle_memory(rootfs):
    """A shim that has worked is small again when it is idle."""
    with Driver(rootfs, Arguments=["sh", "-c", "seq 1 5000; exec sleep 1000"]).start() as container:
        container.exec("sh", "-c", "seq 1 100000").finish()
        time.sleep(2.5)
        text = pathlib.Path(f"/proc/{container.process.pid}/smaps_rollup").read_text()
        assert int(re.search(r"^Pss: +(\d+)", text, re.M)[1]) <= 400
