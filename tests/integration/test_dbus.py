"""The D-Bus API as man/org.berth1.5.scd promises it, seen by a client that shares no code with berth."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time
import xml.etree.ElementTree

import dbus
import pytest

from berthbus import CONTAINER, STDIN, STDIN_EOF, Berth, Job, error_of, options, plain
from conftest import poll, run

MANUAL = pathlib.Path(__file__).resolve().parents[2] / "man/org.berth1.5.scd"


@pytest.fixture
def create(berth, name):
    """create(*command, **spec): a container without network, removed afterwards."""
    made = []

    def make(*command, suffix="", **spec):
        spec = {"Image": "busybox", "Command": list(command), "NetworkMode": "none", **spec}
        made.append(berth.create(name + suffix, **spec))
        return made[-1]
    yield make
    for container in made:
        try:
            container.remove(force=True)
        except dbus.DBusException as error:
            assert error.get_dbus_name() in ("org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.DBus.Error.UnknownMethod")


def test_output_and_exit_code(create):
    container = create("sh", "-c", "printf out; printf err >&2; exit 7")
    stream = container.attach()
    assert container.status == "created"
    container.start()
    output = stream.read_all()
    assert (output.stdout, output.stderr, output.exit, output.started) == (b"out", b"err", 7, True)
    assert container.wait() == 7
    assert container.get("ExitCode") == 7 and container.status == "exited" and container.get("Unit") == ""
    assert container.get("Started") <= container.get("Finished")


def test_starts_again_with_its_files(create):
    container = create("sh", "-c", "cat /kept; echo once >> /kept")
    for expected in (b"", b"once\n", b"once\nonce\n"):
        stream = container.attach(Stdout=True)
        container.start()
        assert stream.read_all().stdout == expected
        container.wait()


def test_input(create):
    container = create("cat", OpenStdin=True)
    stream = container.attach()
    container.start()
    stream.send(STDIN, b"one\0two")
    stream.send(STDIN_EOF)
    assert stream.read_all().stdout == b"one\0two"


def test_terminal_and_its_size(create):
    container = create("sh", "-c", "stty size; trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done",
                       Terminal=True, OpenStdin=True)
    stream = container.attach()
    container.start(Rows=30, Columns=90)
    seen = b""
    for _, _, _, payload in stream.frames():
        seen += payload
        if b"ready" in seen:
            break
    container.call("Resize", dbus.UInt32(40), dbus.UInt32(100))
    seen += stream.read_all().stdout
    assert seen.replace(b"\r", b"").split(b"\n")[:3] == [b"30 90", b"ready", b"40 100"]


@pytest.mark.parametrize("command, error", [
    (["/not/there"], "CommandNotFound"),
    (["nothing-of-this-name"], "CommandNotFound"),
    (["/etc/passwd"], "CommandNotExecutable"),
    (["/"], "CommandNotExecutable"),
])
def test_what_can_not_be_executed(create, command, error):
    container = create(*command)
    stream = container.attach()
    kind, sentence = error_of(container.start)
    assert kind == error and command[0] in sentence
    assert container.status == "created"
    assert container.get("ExitCode") == {"CommandNotFound": 127, "CommandNotExecutable": 126}[error]
    assert stream.read_all().error[0] == error


def test_exec(create):
    container = create("sleep", "1000")
    assert error_of(container.exec, "true")[0] == "NotRunning"
    container.start()
    output = container.run("sh", "-c", "cat; echo $X; pwd; exit 4", OpenStdin=False, Environment=["X=y"], WorkingDirectory="/etc")
    assert output.stdout == b"y\n/etc\n" and output.exit == 4
    assert container.run("/not/there").error[0] == "CommandNotFound"
    identity, stream = container.exec("sh", "-c", "echo done > /made", Detach=True)
    assert re.fullmatch("[0-9a-f]{64}", identity) and stream.read_all() == (b"", b"", None, None, False)
    poll(lambda: container.run("cat", "/made").stdout == b"done\n")
    assert error_of(container.exec, "/not/there", Detach=True)[0] == "CommandNotFound"


def test_exec_is_in_the_scope(create):
    container = create("sleep", "1000")
    container.start()
    _, stream = container.exec("sleep", "999")

    def both():
        found = plain(container.call("Processes"))
        return found if [process[2] for process in found] == ["sleep", "sleep"] else None
    processes = poll(both)
    assert {process[1] for process in processes} == {container.get("UIDBase")}
    assert {process[3] for process in processes} == {"sleep 1000", "sleep 999"}
    stream.close()


def test_stop_and_kill(create):
    container = create("sh", "-c", "trap 'exit 42' TERM; while :; do sleep 0.05; done")
    assert error_of(container.stop)[0] == "Already"
    container.start()
    assert error_of(container.start)[0] == "Already"
    time.sleep(0.2)
    container.stop()
    assert container.get("ExitCode") == 42
    container.start()
    container.stop(TimeoutUSec=0)
    assert container.get("ExitCode") == 137
    container.start()
    container.kill("SIGKILL")
    assert container.wait() == 137
    assert error_of(container.kill, "SIGTERM")[0] == "NotRunning"
    assert error_of(container.kill, "SIGNONSENSE")[0] == "InvalidArgument"


def test_stop_times_out(create):
    container = create("sh", "-c", "trap '' TERM; while :; do sleep 0.05; done", StopTimeoutUSec=300000)
    container.start()
    time.sleep(0.2)
    before = time.monotonic()
    container.stop()
    assert 0.25 < time.monotonic() - before < 5 and container.get("ExitCode") == 137


def test_restart(create):
    container = create("sleep", "1000", StopTimeoutUSec=100000)
    container.restart()
    first = container.get("Leader")
    container.restart()
    assert container.status == "running" and container.get("Leader") != first


def test_pause(create):
    container = create("sh", "-c", "while :; do sleep 0.02; done", StopTimeoutUSec=100000)
    assert error_of(container.call, "Pause")[0] == "NotRunning"
    container.start()
    container.call("Pause")
    assert container.status == "paused"
    unit = container.get("Unit")
    assert run("systemctl", "show", "-P", "FreezerState", unit).stdout == b"frozen\n"
    assert error_of(container.call, "Pause")[0] == "Already"
    assert error_of(container.exec, "true")[0] == "NotRunning"
    container.call("Unpause")
    assert container.status == "running"
    assert error_of(container.call, "Unpause")[0] == "Already"
    container.call("Pause")
    container.stop()
    assert container.status == "exited"


def test_wait_conditions(berth, create):
    container = create("sh", "-c", "sleep 0.3; exit 5")
    assert container.wait("not-running") == 0
    assert error_of(container.wait, "tomorrow")[0] == "InvalidArgument"
    container.start()
    assert container.wait("next-exit") == 5
    container.remove()
    container = create("sh", "-c", "sleep 0.3; exit 6", AutoRemove=True)
    container.start()
    assert container.wait("removed") == 6
    assert berth.list(All=True, Names=[container.path.rsplit("/", 1)[1]]) == []


def test_rename(berth, create, name):
    container = create("sh", "-c", "sleep 1000")
    container.start()
    unit = container.get("Unit")
    container.call("Rename", f"{name}-new")
    renamed = berth.container(f"{name}-new")
    assert renamed.path != container.path
    assert renamed.get("Unit") == unit == f"berth-{name}.scope"
    assert error_of(berth.container, name)[0] == "NoSuchContainer"
    assert error_of(renamed.call, "Rename", "-bad")[0] == "InvalidArgument"
    other = create("true", suffix="-other")
    assert error_of(other.call, "Rename", f"{name}-new")[0] == "NameTaken"
    renamed.remove(force=True)


def test_remove(berth, create, name):
    container = create("sleep", "1000")
    container.start()
    kind, sentence = error_of(container.remove)
    assert kind == "InUse" and "berthctl stop" in sentence
    container.remove(force=True)
    assert error_of(berth.container, name)[0] == "NoSuchContainer"


def test_finding(berth, create, name):
    container = create("true")
    identity = container.get("Id")
    for text in (name, identity, identity[:12], identity[:40]):
        assert berth.container(text).path == container.path
    for text in ("", "no-such", "0" * 65, "zz"):
        assert error_of(berth.container, text)[0] == "NoSuchContainer"
    # Some two of seventeen ids begin with the same digit.
    more = [create("true", suffix=f"-{i}") for i in range(16)]
    digits = [one.get("Id")[0] for one in [container, *more]]
    twice = next(digit for digit in digits if digits.count(digit) > 1)
    assert error_of(berth.container, twice)[0] == "Ambiguous"


@pytest.mark.parametrize("spec, error", [
    ({"Image": "not-here"}, "NoSuchImage"),
    ({"Image": "UPPER"}, "InvalidArgument"),
    ({"Nonsense": "x"}, "InvalidArgument"),
    ({"Id": "x"}, "InvalidArgument"),
    ({"Environment": ["no-equals-sign"]}, "InvalidArgument"),
    ({"WorkingDirectory": "relative"}, "InvalidArgument"),
    ({"CapAdd": ["FLY"]}, "InvalidArgument"),
    ({"Properties": {"ExecStart": "/bin/sh"}}, "InvalidArgument"),
    ({"Properties": {"MemoryMax": "much"}}, "InvalidArgument"),
    ({"Networks": [{"Network": "no-such"}]}, "NoSuchNetwork"),
    ({"Command": "not a list"}, "InvalidArgument"),
    ({"ResetEntrypoint": True, "Command": []}, "InvalidArgument"),
    ({"AutoRemove": True, "Restart": {"Name": "always"}}, "InvalidArgument"),
    ({"Command": ["x" * 200] * 10001}, "LimitExceeded"),
])
def test_bad_requests(berth, name, spec, error):
    before = os.listdir("/var/lib/berth/containers")
    assert error_of(berth.create, name, **{"Image": "busybox", "Command": ["true"], **spec})[0] == error
    assert os.listdir("/var/lib/berth/containers") == before


@pytest.mark.parametrize("bad", ["-x", "a/b", "ä", "a b", "x" * 129, ".x"])
def test_bad_names(berth, bad):
    assert error_of(berth.create, bad, Image="busybox", Command=["true"])[0] == "InvalidArgument"


def test_names(berth, create, name):
    create("true")
    assert error_of(berth.create, name, Image="busybox", Command=["true"])[0] == "NameTaken"
    chosen = berth.create(Image="busybox", Command=["true"])
    assert re.fullmatch("[a-z]+_[a-z]+", chosen.get("Name"))
    chosen.remove()


def test_list(berth, create, name):
    one = create("sh", "-c", "exit 3", suffix="-one", Labels={"color": "red"})
    two = create("sleep", "1000", suffix="-two", Labels={"color": "blue"})
    one.start()
    one.wait()
    two.start()

    def listed(**container_filter):
        return [properties["Name"].removeprefix(name) for _, properties in berth.list(Names=[name], **container_filter)]
    assert listed() == ["-two"]
    assert listed(All=True) == ["-one", "-two"]
    assert listed(Statuses=["exited"]) == ["-one"]
    assert listed(ExitCodes=[3]) == ["-one"]
    assert listed(ExitCodes=[4]) == []
    assert listed(All=True, Labels=["color"]) == ["-one", "-two"]
    assert listed(All=True, Labels=["color=red"]) == ["-one"]
    assert listed(All=True, Before=two.get("Id")) == ["-one"]
    assert listed(All=True, Since=f"{name}-one") == ["-two"]
    assert listed(All=True, Images=["busybox"]) == ["-one", "-two"]
    assert listed(All=True, Images=["no-such"]) == []
    assert listed(All=True, Ids=[one.get("Id")[:12]]) == ["-one"]
    assert error_of(berth.list, Color="red")[0] == "InvalidArgument"
    path, properties = berth.list(Names=[name])[0]
    assert path == two.path and properties == two.all()


def test_inspect(create):
    container = create("env", Environment=["A=b"], Labels={"x": "y"}, WorkingDirectory="/tmp", Hostname="other")
    details = container.inspect()
    assert details["Spec"]["Environment"] == ["A=b"] and details["Spec"]["Id"] == container.get("Id")
    assert details["State"]["Status"] == "created"
    assert details["Arguments"] == ["env"] and "A=b" in details["Environment"] and "HOSTNAME=other" in details["Environment"]
    stream = container.attach()
    container.start()
    assert set(stream.read_all().stdout.decode().split("\n")) >= set(details["Environment"])


@pytest.fixture
def monitor():
    """monitor(action): what busctl says of org.berth1's signals while action runs, as a list of JSON objects."""
    def watch(action):
        process = subprocess.Popen(["busctl", "--json=short", "monitor", "--match", "type='signal',sender='org.berth1'"],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        action()
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        text, _ = process.communicate(timeout=10)
        return [json.loads(line) for line in text.decode().splitlines() if line.startswith("{")]
    return watch


def test_signals(create, monitor, name):
    made = []

    def action():
        container = create("sh", "-c", "exit 3", Labels={"color": "red"})
        made.append((container.path, container.get("Id")))
        container.start()
        container.wait()
        container.remove()
    signals = monitor(action)
    path, identity = made[0]
    events = [signal["payload"]["data"] for signal in signals if signal["member"] == "Event"]
    assert [event[1] for event in events if event[0] == "container"] == ["create", "start", "die", "destroy"]
    assert {event[2] for event in events} == {identity}
    die = events[2]
    assert die[4]["exitCode"] == "3" and die[4]["name"] == name and die[4]["image"] == "busybox" and die[4]["color"] == "red"
    added = [signal["payload"]["data"][0] for signal in signals if signal["member"] == "InterfacesAdded"]
    removed = [signal["payload"]["data"][0] for signal in signals if signal["member"] == "InterfacesRemoved"]
    assert added == [path] and removed == [path]
    statuses = [signal["payload"]["data"][1]["Status"]["data"] for signal in signals
                if signal["member"] == "PropertiesChanged" and "Status" in signal["payload"]["data"][1]]
    assert statuses == ["starting", "running", "exited", "removing"] or statuses == ["starting", "running", "exited"]


def test_object_manager(berth, create):
    container = create("true")
    proxy = berth.bus.get_object("org.berth1", "/org/berth1", introspect=False)
    managed = plain(proxy.GetManagedObjects(dbus_interface="org.freedesktop.DBus.ObjectManager"))
    assert managed[container.path][CONTAINER] == container.all()
    assert any("org.berth1.Image" in interfaces for interfaces in managed.values())


def documented():
    """{interface: ({method: (in, out)}, {property: type})} out of the manual page."""
    interfaces, current = {}, None
    for line in MANUAL.read_text().splitlines():
        heading = re.match(r"# /org/berth1\S*: (org\.berth1\.\w+)", line)
        if heading:
            current = interfaces.setdefault(heading[1], ({}, {}))
        elif line.startswith("# "):
            current = None
        if current is None:
            continue
        method = re.match(r"\*(\w+)\*\((.*)\) —", line)
        if method and "*Pause*" not in line:
            current[0][method[1]] = tuple("".join(re.findall(rf"{way} _([^_]+)_", method[2])) for way in ("in", "out"))
        if "*Pause*(), *Unpause*()" in line:
            current[0].update({"Pause": ("", ""), "Unpause": ("", "")})
        if not re.match(r"\*\w+\*\(", line):
            for group in re.findall(r"((?:\*\w+\*(?:, )?)+) \(((?:[a-z{}]|\([a-z]+\))+)[,:)]", line):
                for name in re.findall(r"\*(\w+)\*", group[0]):
                    current[1][name] = group[1]
    return interfaces


def test_manual_and_introspection_agree(berth, create):
    container = create("true")
    image = next(path for path, _ in berth.images())
    job = Job(berth, str(berth.call("PullImage", "busybox", options({"Policy": "missing"}))))
    assert job.wait()["Existed"] is True
    for path, interface in (("/org/berth1", "org.berth1.Manager"), (container.path, CONTAINER), (image, "org.berth1.Image"),
                            (job.path, "org.berth1.Job")):
        proxy = berth.bus.get_object("org.berth1", path, introspect=False)
        tree = xml.etree.ElementTree.fromstring(str(proxy.Introspect(dbus_interface="org.freedesktop.DBus.Introspectable")))
        node = next(node for node in tree.findall("interface") if node.get("name") == interface)
        methods = {method.get("name"): tuple("".join(argument.get("type") for argument in method.findall("arg")
                                                     if argument.get("direction") == way) for way in ("in", "out"))
                   for method in node.findall("method")}
        properties = {entry.get("name"): entry.get("type") for entry in node.findall("property")}
        assert methods == documented()[interface][0]
        assert properties == documented()[interface][1]


def test_job_progress_and_cancel(berth, tmp_path):
    """A pipe that never ends keeps the job until it is cancelled; nothing of it stays."""
    reader, writer = os.pipe()
    job = Job(berth, str(berth.call("ImportImage", dbus.types.UnixFd(reader), "slow:latest", options({}))))
    os.close(reader)
    assert job.get("State") == "running" and job.get("Type") == "import"
    job.call("Cancel")
    assert error_of(job.wait)[0] == "Cancelled"
    assert job.get("State") == "failed"
    os.close(writer)
    assert error_of(berth.call, "GetImage", "slow:latest")[0] == "NoSuchImage"


def test_ended_jobs_make_room(berth):
    """They linger for who reads their results, but not in the way of new ones."""
    for _ in range(300):
        assert Job(berth, str(berth.call("PullImage", "busybox", options({"Policy": "missing"})))).get("State") == "done"


def test_job_ends_with_its_owner(berth):
    reader, writer = os.pipe()
    other = Berth()
    path = str(other.call("ImportImage", dbus.types.UnixFd(reader), "slow:latest", options({"CancelOnDisconnect": True})))
    os.close(reader)
    other.bus.close()
    assert error_of(Job(berth, path).wait)[0] == "Cancelled"
    os.close(writer)


def test_worker_killed(berth):
    reader, writer = os.pipe()
    job = Job(berth, str(berth.call("ImportImage", dbus.types.UnixFd(reader), "slow:latest", options({}))))
    os.close(reader)
    poll(lambda: run("pkill", "-KILL", "-x", "berth-worker", check=False).returncode == 0)
    kind, sentence = error_of(job.wait)
    assert kind == "Failed" and "killed by signal 9" in sentence
    os.close(writer)


def test_images(berth, create, name):
    container = create("true")
    digest = container.get("ImageDigest")
    berth.call("TagImage", "busybox", f"{name}:one")
    berth.call("TagImage", "busybox", f"{name}:two")
    found = dict(berth.images(References=[name]))
    assert len(found) == 1 and list(found.values())[0]["Digest"] == digest and list(found.values())[0]["Containers"] >= 1
    assert plain(berth.call("RemoveImage", f"{name}:one", options({}))) == [[f"docker.io/library/{name}:one"], []]
    kind, sentence = error_of(berth.call, "RemoveImage", digest, options({}))
    assert kind == "InUse"
    assert plain(berth.call("RemoveImage", f"{name}:two", options({})))[1] == []
    assert error_of(berth.call, "GetImage", f"{name}:two")[0] == "NoSuchImage"
    assert error_of(berth.call, "TagImage", "no-such", "x")[0] == "NoSuchImage"
    assert error_of(berth.call, "TagImage", "busybox", "UPPER")[0] == "InvalidArgument"


def test_version(berth):
    version = plain(berth.call("Version"))
    assert version["KernelVersion"] == os.uname().release and version["SystemdVersion"].startswith("25")
    assert berth.get("Version") == version["Version"] and berth.get("StateDirectory") == "/var/lib/berth"
    assert berth.get("Images") >= 1


def test_many_attached(create):
    container = create("sh", "-c", "echo hello")
    streams = [container.attach() for _ in range(20)]
    container.start()
    assert {stream.read_all().stdout for stream in streams} == {b"hello\n"}


def test_no_zombies_and_no_descriptors(berth, create):
    container = create("true")
    pid = run("systemctl", "show", "-P", "MainPID", "berthd").stdout.decode().strip()
    container.start()
    container.wait()

    def descriptors():
        return len(os.listdir(f"/proc/{pid}/fd"))
    poll(lambda: run("pgrep", "-x", "berth-shim", "-P", pid, check=False).returncode)
    before = descriptors()
    for _ in range(10):
        container.start()
        container.wait()
    poll(lambda: descriptors() <= before, what="closed descriptors")


# --- a container's files --------------------------------------------------------------------------------------


def pipe():
    """(to give away, to read from)"""
    reader, writer = os.pipe()
    return writer, os.fdopen(reader, "rb")


@pytest.mark.parametrize("running", [True, False])
def test_archives(berth, create, tmp_path, running):
    container = create("sh", "-c", "echo inside > /file; ln -s file /link; rm /etc/passwd; sleep 1000")
    container.start()
    poll(lambda: not container.run("test", "-e", "/etc/passwd").exit == 0)
    if not running:
        container.kill()
        container.wait()
    assert error_of(container.call, "StatPath", "/not/there")[0] == "NoSuchFile"
    stat = plain(container.call("StatPath", "/link"))
    assert stat["Name"] == "link" and stat["LinkTarget"] == "/file"

    tar, path = container.call("GetArchive", "/file", options({}))
    (tmp_path / "out.tar").write_bytes(os.fdopen(tar.take(), "rb").read())
    result = Job(berth, str(path)).wait()
    assert result["Name"] == "file" and result["Size"] == 7
    assert run("tar", "-xOf", tmp_path / "out.tar", "file").stdout == b"inside\n"

    (tmp_path / "new").write_text("new\n")
    run("tar", "-cf", tmp_path / "in.tar", "-C", tmp_path, "new")
    with open(tmp_path / "in.tar", "rb") as archive:
        Job(berth, str(container.call("PutArchive", "/tmp", dbus.types.UnixFd(archive), options({})))).wait()
    assert plain(container.call("StatPath", "/tmp/new"))["Size"] == 4

    changes = os.fdopen(container.call("Changes").take(), "rb").read().split(b"\0")
    assert {b"A /file", b"A /link", b"A /tmp/new", b"D /etc/passwd"} <= set(changes)

    writer, reader = pipe()
    job = Job(berth, str(container.call("Export", dbus.types.UnixFd(writer))))
    os.close(writer)
    (tmp_path / "export.tar").write_bytes(reader.read())
    assert job.wait()["Size"] > 0
    names = run("tar", "-tf", tmp_path / "export.tar").stdout.decode().split("\n")
    assert {"file", "link", "tmp/new"} <= {name.removeprefix("./") for name in names}
    assert "etc/passwd" not in {name.removeprefix("./") for name in names}


def test_commit(berth, create, name):
    container = create("sh", "-c", "echo inside > /file; sleep 1000", Environment=["A=b"], Labels={"x": "y"})
    container.start()
    poll(lambda: container.run("cat", "/file").stdout == b"inside\n")
    job = Job(berth, str(container.call("Commit", f"{name}:new", options({"Author": "me", "Changes": ["CMD cat /file"]}))))
    result = job.wait()
    assert container.status == "running"
    details = plain(berth.bus.get_object("org.berth1", result["Image"], introspect=False).Inspect(dbus_interface="org.berth1.Image"))
    assert details["Digest"] == result["Digest"] and details["Names"] == [f"docker.io/library/{name}:new"]
    assert "A=b" in details["Config"]["Environment"] and details["Config"]["Labels"]["x"] == "y"
    copy = create(suffix="-copy", Image=f"{name}:new", Command=[])
    stream = copy.attach()
    copy.start()
    assert stream.read_all().stdout == b"inside\n"
    copy.wait()
    copy.remove()
    assert plain(berth.call("RemoveImage", f"{name}:new", options({}))) == [[f"docker.io/library/{name}:new"], [result["Digest"]]]
    poll(lambda: not os.path.exists(f"/var/lib/berth/images/{result['Digest'][7:]}.json"), what="the record deleted")
    assert error_of(container.call, "Commit", "UPPER", options({}))[0] == "InvalidArgument"


def test_save_and_load(berth, name, tmp_path):
    berth.call("TagImage", "busybox", f"{name}:saved")
    writer, reader = pipe()
    job = Job(berth, str(berth.call("SaveImages", dbus.Array([f"{name}:saved"], "s"), dbus.types.UnixFd(writer), options({}))))
    os.close(writer)
    (tmp_path / "saved.tar").write_bytes(reader.read())
    assert job.wait()["Size"] > 1000000
    berth.call("RemoveImage", f"{name}:saved", options({}))
    with open(tmp_path / "saved.tar", "rb") as archive:
        job = Job(berth, str(berth.call("LoadImages", dbus.types.UnixFd(archive), options({}))))
    assert len(job.wait()["Images"]) == 1
    berth.call("RemoveImage", f"{name}:saved", options({}))


def test_a_job_holds_its_container(berth, create):
    container = create("true")
    reader, writer = os.pipe()
    job = Job(berth, str(container.call("PutArchive", "/", dbus.types.UnixFd(reader), options({}))))
    os.close(reader)
    assert error_of(container.remove)[0] == "InUse"
    job.call("Cancel")
    assert error_of(job.wait)[0] == "Cancelled"
    os.close(writer)


def test_removed_while_it_starts(berth, name):
    for _ in range(10):
        container = berth.create(name, Image="busybox", Command=["sleep", "1000"], NetworkMode="none")
        berth.bus.call_async("org.berth1", container.path, "org.berth1.Container", "Start", "a{sv}",
                             (dbus.Dictionary(signature="sv"),), None, None)
        container.remove(force=True)
        assert error_of(berth.container, name)[0] == "NoSuchContainer"


def test_two_units_for_one_name(berth, create, name):
    first = create("sleep", "1000")
    first.start()
    first.call("Rename", f"{name}-first")
    second = create("sleep", "1000")
    second.start()
    first = berth.container(f"{name}-first")
    assert first.get("Unit") == f"berth-{name}.scope"
    assert second.get("Unit") == f"berth-{name}-{second.get('Id')[:12]}.scope"
    first.remove(force=True)
    second.kill()
    second.wait()
    second.start()
    assert second.get("Unit") == f"berth-{name}.scope"
