"""berthctl in scripts: what it prints where, how it ends, and what passes through it."""

import hashlib
import json
import os
import re
import signal
import subprocess
import time

import pytest

from conftest import poll, run


def start(*arguments, **options):
    """berthctl in the background, pipes on all sides."""
    return subprocess.Popen(["berthctl", *arguments], stdin=options.pop("stdin", subprocess.DEVNULL),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def fails(*arguments, status=1, message=b""):
    failed = run("berthctl", *arguments, check=False)
    assert failed.returncode == status, failed
    assert message in failed.stderr, failed.stderr
    assert failed.stderr.count(b"\n") == 1 and failed.stderr.startswith(b"berthctl: ")
    return failed


@pytest.fixture
def container(busybox_image, name):
    """The name of a container that runs."""
    run("berthctl", "run", "-d", "--name", name, "--label", "color=blue", busybox_image, "sleep", "1000")
    yield name
    run("berthctl", "rm", "-f", name)


# --- help and mistakes --------------------------------------------------------------------------------

def test_help(berthctl):
    overview = berthctl("help").stdout.decode()
    assert overview == berthctl("--help").stdout.decode()
    verbs = re.findall(r"^  ([a-z]+(?: [a-z]+)?)", overview, re.M)
    assert {"run", "list", "status", "pull", "cp", "logs"} <= set(verbs)
    for verb in verbs:
        text = berthctl("help", *verb.split()).stdout.decode()
        assert text.startswith(f"berthctl {verb}")
        assert berthctl(*verb.split(), "--help").stdout.decode() == text
    nouns = {verb.split()[0] for verb in verbs if " " in verb}
    assert {"image", "container", "manifest"} <= nouns
    for noun in nouns:
        text = berthctl("help", noun).stdout.decode()
        assert text.startswith(f"berthctl {noun} VERB") and berthctl(noun, "--help").stdout.decode() == text
    assert all(len(line) <= 100 for line in overview.splitlines())
    assert berthctl("--version").stdout.startswith(b"berth ")


@pytest.mark.parametrize("arguments, message", [
    (["strat", "web"], b'unknown verb "strat"; did you mean "start"?'),
    (["xylophone"], b'unknown verb "xylophone" (berthctl help lists them)'),
    (["help", "lits"], b'unknown verb "lits"; did you mean "list"?'),
    (["stop", "--tiem=3", "web"], b'did you mean "--time"?'),
    (["stop"], b"stop needs an argument: berthctl stop CONTAINER"),
    (["rename", "a", "b", "c"], b'"c" is one argument too many'),
    (["list", "--filter", "nonsense"], b'"nonsense" has not the form NAME=VALUE'),
    (["list", "--format", "{{.Name"], b'template: "}}" is missing'),
    (["cp", "here", "there"], b"one side must be in a container"),
])
def test_mistakes(arguments, message):
    fails(*arguments, message=message)


def test_mistakes_of_run(busybox_image, name):
    """As docker: 125 for all that is berth's."""
    fails("run", status=125, message=b"run needs an argument")
    fails("run", "--bad", "image", status=125, message=b'unknown option "--bad"')
    fails("run", "--name", "no/slash", "image", status=125, message=b"can't be a name")
    fails("run", "-v", "with/slash:/x", busybox_image, status=125, message=b"write ./with/slash")
    fails("run", "--rm", "--restart=always", busybox_image, status=125, message=b"--restart")
    fails("run", "--pull=never", "nosuch", status=125, message=b"nosuch")
    fails("create", "--pull=never", "nosuch", status=125, message=b"nosuch")
    assert run("berthctl", "list", "-q", "--filter", f"name={name}").stdout == b""


def test_unknown_names(container):
    fails("start", container + "x", message=f'did you mean "{container}"?'.encode())
    fails("show", "nosuchthing", message=b"nosuchthing")
    fails("exec", "nosuchthing", "true", status=125, message=b"nosuchthing")
    assert run("berthctl", "status", "nosuchthing", check=False).returncode == 4


def test_several_names(container):
    failed = run("berthctl", "kill", "nosuch1", container, "nosuch2", check=False)
    assert failed.returncode == 1
    assert failed.stdout == f"{container}\n".encode() and failed.stderr.count(b"\n") == 2


def test_bus_is_away():
    """Without a bus, and without berthd on it: one line that says what to do."""
    failed = run("env", "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nonexistent", "berthctl", "list", check=False)
    assert failed.returncode == 1 and b"cannot reach the system bus" in failed.stderr
    assert failed.stderr.count(b"\n") == 1


def test_without_rights(as_user, container):
    assert as_user("berthctl", "list", "-q").stdout.decode().split() == [container]
    refused = as_user("berthctl", "stop", container, check=False)
    assert refused.returncode == 1 and refused.stderr.startswith(b"berthctl: cannot stop")
    assert run("berthctl", "inspect", "-f", "{{.State.Status}}", container).stdout == b"running\n"


def test_another_host(container, tmp_path):
    """-H speaks to the bus there through ssh, which is a stand-in here. Descriptors can't go that way."""
    ssh = tmp_path / "ssh"
    ssh.write_text("#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nhost=$2; shift 2\n"
                   f"echo $host >> {tmp_path}/hosts; exec \"$@\"\n")
    ssh.chmod(0o755)
    path = f"PATH={tmp_path}:{os.environ['PATH']}"
    assert run("env", path, "berthctl", "-H", "user@far", "ps", "-q").stdout.decode().split() == [container]
    assert (tmp_path / "hosts").read_text() == "user@far\n"
    assert b"State: running" in run("env", path, "berthctl", "-H", "far", "status", "-n0", container).stdout
    assert run("env", path, "berthctl", "-H", "far", "kill", container).returncode == 0
    for words in (["load", "-i", "/etc/passwd"], ["logs", container], ["exec", container, "true"], ["run", "--rm", "busybox", "true"]):
        failed = run("env", path, "berthctl", "-H", "far", *words, check=False)
        assert failed.returncode in (1, 125) and b"can't be passed to another host" in failed.stderr


# --- exit codes ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("command, status", [
    (["true"], 0),
    (["false"], 1),
    (["sh", "-c", "exit 42"], 42),
    (["sh", "-c", "sh -c 'kill -9 $$'; exit $?"], 137),
    (["nosuchcommand"], 127),
    (["/etc/passwd"], 126),
    (["/etc"], 126),
])
def test_exit_status(berthctl, busybox_image, container, command, status):
    assert berthctl("run", "--rm", busybox_image, *command, check=False).returncode == status
    assert berthctl("exec", container, *command, check=False).returncode == status


def test_killed_container(berthctl, busybox_image, name):
    runner = start("run", "--name", name, busybox_image, "sleep", "1000")
    poll(lambda: berthctl("ps", "-q", "--filter", f"name={name}", "--filter", "status=running").stdout, 10, "the start")
    berthctl("kill", name)
    assert runner.wait(timeout=10) == 137
    assert berthctl("wait", name).stdout == b"137\n"
    berthctl("rm", name)


def test_start_attached(berthctl, busybox_image, name):
    berthctl("create", "-i", "--name", name, busybox_image, "sh", "-c", "cat; exit 6")
    out = berthctl("start", "-ai", name, input=b"through\n", check=False)
    assert out.returncode == 6 and out.stdout == b"through\n"
    berthctl("rm", name)
    berthctl("create", "--name", name, busybox_image, "sh", "-c", "echo again; exit 7")
    for _ in range(2):
        out = berthctl("start", "-a", name, check=False)
        assert out.returncode == 7 and out.stdout == b"again\n"
    berthctl("rm", name)


def test_failed_start_leaves_nothing_with_rm(berthctl, busybox_image, name):
    berthctl("run", "--rm", "--name", name, busybox_image, "nosuch", check=False)
    assert berthctl("list", "-q", "--filter", f"name={name}").stdout == b""


# --- bytes --------------------------------------------------------------------------------------------

def test_bytes_are_exact(busybox_image):
    data = os.urandom(10 << 20)
    out = run("berthctl", "run", "--rm", "-i", busybox_image, "cat", input=data)
    assert out.stdout == data and out.stderr == b""


def test_exec_bytes_are_exact(container):
    data = bytes(range(256)) * 40000 + b"\x10\x11"       # detach keys are bytes like others here
    out = run("berthctl", "exec", "-i", container, "sha256sum", input=data)
    assert out.stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert run("berthctl", "exec", "-i", container, "cat", input=data).stdout == data


def test_streams_stay_apart(busybox_image):
    out = run("berthctl", "run", "--rm", busybox_image, "sh", "-c", "echo out; echo err >&2; printf last")
    assert out.stdout == b"out\nlast" and out.stderr == b"err\n"


def test_only_one_stream(busybox_image):
    out = run("berthctl", "run", "--rm", "-a", "stderr", busybox_image, "sh", "-c", "echo out; echo err >&2")
    assert out.stdout == b"" and out.stderr == b"err\n"


def test_input_ends(busybox_image):
    assert run("berthctl", "run", "--rm", "-i", busybox_image, "wc", "-c", input=b"12345").stdout == b"5\n"
    assert run("berthctl", "run", "--rm", "-i", busybox_image, "wc", "-c").stdout == b"0\n"
    assert run("berthctl", "run", "--rm", busybox_image, "wc", "-c", input=b"12345").stdout == b"0\n"


def test_slow_reader(busybox_image, name):
    """Backpressure: nothing is lost though nobody reads for a while, and signals still get through."""
    runner = start("run", "--rm", "--name", name, busybox_image, "sh", "-c",
                   "head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end")
    time.sleep(1)
    out, _ = runner.communicate(timeout=60)
    assert len(out) == 3000005 and out.endswith(b"x\nend\n")


def test_closed_output_stops_the_container(busybox_image, name):
    runner = start("run", "--rm", "--name", name, "--stop-timeout=1", busybox_image, "sh", "-c",
                   "trap 'exit 0' TERM; while :; do echo line; sleep 0.02; done")
    assert runner.stdout.read(5) == b"line\n"
    runner.stdout.close()
    assert runner.wait(timeout=10) == 128 + signal.SIGPIPE
    poll(lambda: run("berthctl", "list", "-q", "--filter", f"name={name}").stdout == b"", 10, "the end")


def test_survives_a_restart_of_berthd(busybox_image, name):
    runner = start("run", "--rm", "-i", "--name", name, busybox_image, "sh", "-c",
                   "echo before; read line; echo $line; exit 5", stdin=subprocess.PIPE)
    assert runner.stdout.readline() == b"before\n"
    run("systemctl", "restart", "berthd")
    out, err = runner.communicate(b"after\n", timeout=20)
    assert out == b"after\n" and runner.returncode == 5, err


# --- signals ------------------------------------------------------------------------------------------

TRAP = "trap 'echo got; exit 9' %s; echo ready; while :; do sleep 0.05; done"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGQUIT])
def test_signals_are_passed_on(busybox_image, number):
    runner = start("run", "--rm", busybox_image, "sh", "-c", TRAP % number.name[3:])
    assert runner.stdout.readline() == b"ready\n"
    runner.send_signal(number)
    out, _ = runner.communicate(timeout=10)
    assert out == b"got\n" and runner.returncode == 9


def test_signals_can_be_kept(busybox_image, name):
    runner = start("run", "--rm", "--sig-proxy=false", "--name", name, busybox_image, "sh", "-c", TRAP % "TERM")
    assert runner.stdout.readline() == b"ready\n"
    runner.terminate()
    assert runner.wait(timeout=10) == 143
    assert run("berthctl", "inspect", "-f", "{{.State.Running}}", name).stdout == b"true\n"
    run("berthctl", "rm", "-f", name)


def test_impatience(busybox_image, name):
    """Who presses ctrl-c again and again gets the shell back, whatever the container makes of it."""
    runner = start("run", "--name", name, busybox_image, "sh", "-c", "trap '' INT; echo ready; sleep 1000")
    assert runner.stdout.readline() == b"ready\n"
    for _ in range(6):
        if runner.poll() is None:
            runner.send_signal(signal.SIGINT)
        time.sleep(0.1)
    assert runner.wait(timeout=10) == 130
    run("berthctl", "rm", "-f", name)


# --- options of run -----------------------------------------------------------------------------------

def test_environment(berthctl, busybox_image, tmp_path):
    (tmp_path / "env").write_text("# comment\nFROM_FILE=1\nBOTH=file\nTAKEN\n")
    out = run("env", "TAKEN=here", "ALSO=there", "berthctl", "run", "--rm", "--env-file", tmp_path / "env", "-e", "BOTH=line",
              "-e", "ALSO", "-e", "NOTSET", busybox_image, "env").stdout.decode().splitlines()
    assert {"FROM_FILE=1", "BOTH=line", "TAKEN=here", "ALSO=there"} <= set(out)
    assert not any(line.startswith("NOTSET") for line in out)


def test_what_the_container_is(berthctl, busybox_image, tmp_path):
    (tmp_path / "file").write_text("from the host\n")
    tmp_path.chmod(0o755)
    out = berthctl("run", "--rm", "-h", "box", "-w", "/tmp/new", "-u", "12:34", "-v", f"{tmp_path}:/data:ro",
                   "--tmpfs", "/scratch", busybox_image, "sh", "-c",
                   "hostname; pwd; id -u; id -g; cat /data/file; touch /data/x 2>/dev/null || echo read-only; "
                   "grep -c ' /scratch tmpfs' /proc/mounts").stdout.decode().splitlines()
    assert out == ["box", "/tmp/new", "12", "34", "from the host", "read-only", "1"]


def test_id_file(berthctl, busybox_image, name, tmp_path):
    path = tmp_path / "id"
    assert berthctl("run", "-d", "--name", name, "--cidfile", path, busybox_image, "sleep", "1000").stdout.decode() == f"{name}\n"
    identifier = path.read_text()
    assert re.fullmatch("[0-9a-f]{64}", identifier)
    assert berthctl("inspect", "-f", "{{.Name}}", identifier[:12]).stdout.decode() == f"{name}\n"
    fails("create", "--cidfile", path, busybox_image, status=125, message=b"exists already")
    berthctl("rm", "-f", name)
    fails("create", "--pull=never", "--cidfile", tmp_path / "none", "nosuch", status=125)
    assert not (tmp_path / "none").exists()


def test_options_end_at_the_image(berthctl, busybox_image):
    assert berthctl("run", "--rm", busybox_image, "echo", "-n", "--rm", "-t").stdout == b"--rm -t"


# --- listings -----------------------------------------------------------------------------------------

def test_list(berthctl, busybox_image, container, name):
    ended = f"{name}-ended"
    berthctl("run", "--name", ended, busybox_image, "sh", "-c", "exit 3", check=False)
    text = berthctl("list").stdout.decode()
    assert text.splitlines()[0].split() == "NAME IMAGE STATE SINCE ADDRESS PORTS CPU MEMORY".split()
    assert re.search(rf"^{container} .* running ", text, re.M) and re.search(rf"^{ended} .* exited 3 ", text, re.M)
    assert berthctl("list", "-q").stdout.decode().split() == [container, ended]
    assert berthctl("ps", "-q").stdout.decode().split() == [container]
    assert berthctl("list", "-q", "--filter", "status=exited").stdout.decode().split() == [ended]
    assert berthctl("ps", "-aq", "--filter", "exited=3").stdout.decode().split() == [ended]
    assert berthctl("ps", "-q", "--filter", "label=color=blue").stdout.decode().split() == [container]
    assert berthctl("ps", "-lq").stdout.decode().split() == [ended]
    assert "NAME" not in berthctl("list", "--no-legend").stdout.decode()
    objects = json.loads(berthctl("list", "--json=short").stdout)
    assert [o["Name"] for o in objects] == [container, ended]
    assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z", objects[0]["Created"]) and objects[1]["ExitCode"] == 3
    assert berthctl("ps", "-a", "--format", "{{.Names}} {{.State}}").stdout.decode().splitlines() == \
        [f"{container} running", f"{ended} exited"]
    assert berthctl("ps", "--format", "table {{.Name}}\\t{{.Image}}").stdout.decode().splitlines()[0].split() == ["NAME", "IMAGE"]
    berthctl("rm", ended)


def test_empty_list(berthctl):
    assert berthctl("list").stdout == b"No containers yet: berthctl run -it IMAGE makes one.\n"
    assert berthctl("list", "--no-legend").stdout == b"" and json.loads(berthctl("list", "--json=pretty").stdout) == []


def test_status(berthctl, container):
    out = berthctl("exec", container, "sh", "-c", "echo hello > /proc/1/fd/1", check=False)
    assert out.returncode == 0
    poll(lambda: b"hello" in berthctl("logs", container).stdout, 10, "the log")
    text = berthctl("status", container).stdout.decode()
    for part in (f"● {container}: ", "State: running since", f"berth-{container}.scope", "sleep 1000", "hello"):
        assert part in text
    berthctl("kill", container)
    berthctl("wait", container)
    ended = berthctl("status", container, check=False)
    assert ended.returncode == 3 and b"exited 137" in ended.stdout


def test_show(berthctl, busybox_image, container):
    shown = json.loads(berthctl("show", container).stdout)[0]
    assert shown["Name"] == container and shown["Spec"]["Command"] == ["sleep", "1000"]
    assert berthctl("inspect", "-f", '{{index .Config.Labels "color"}} {{json .Spec.Command}}', container).stdout == \
        b'blue ["sleep","1000"]\n'
    assert json.loads(berthctl("image", "inspect", busybox_image).stdout)[0]["Id"].startswith("sha256:")
    fails("inspect", "-f", "{{.Nmae}}", container, message=b'did you mean "Name"?')


def test_images(berthctl, busybox_image):
    berthctl("tag", busybox_image, "other:tag")
    lines = berthctl("images").stdout.decode().splitlines()
    names = [line.split()[0] for line in lines[1:-1]]
    assert lines[0].split()[:2] == ["NAME", "ID"] and re.fullmatch(r"\d+ images?\.", lines[-1])
    assert {busybox_image, "other:tag"} <= set(names) and names[-1] in ("<none>", sorted(names)[-1])
    assert b"other tag" in berthctl("image", "ls", "--format", "{{.Repository}} {{.Tag}}").stdout
    assert berthctl("rmi", "other:tag").stdout == b"Untagged other:tag\n"
    fails("rmi", "other:tag", message=b"other:tag")


def test_logs(berthctl, busybox_image, name):
    berthctl("run", "--name", name, busybox_image, "sh", "-c", "echo one; echo two >&2; sleep 0.1; printf 'no newline'")
    out = berthctl("logs", name)
    assert out.stdout == b"one\nno newline" and out.stderr == b"two\n"
    assert berthctl("logs", "--tail=1", name).stdout == b"no newline"
    assert re.match(rb"\d{4}-\d\d-\d\dT[\d:.]+Z one\n", berthctl("logs", "-t", name).stdout)
    assert berthctl("logs", "--since=1h", name).stdout == out.stdout
    assert berthctl("logs", "--until=1h", name).stdout == b""
    berthctl("rm", name)


def test_follow_logs(berthctl, busybox_image, name):
    berthctl("run", "-d", "--name", name, busybox_image, "sh", "-c", "echo first; sleep 1; echo second")
    follower = start("logs", "-f", name)
    assert follower.stdout.readline() == b"first\n"
    out, _ = follower.communicate(timeout=15)
    assert out == b"second\n" and follower.returncode == 0
    berthctl("rm", name)


def test_events(berthctl, busybox_image, name):
    watcher = start("events", "--format", "{{.Type}} {{.Action}} {{.Attributes.name}}", "--filter", f"container={name}")
    time.sleep(0.5)
    berthctl("run", "--rm", "--name", name, busybox_image, "true")
    seen = []
    while not seen or "destroy" not in seen[-1]:
        seen.append(watcher.stdout.readline().decode().strip())
    watcher.kill()
    watcher.communicate()
    actions = [line.split()[1] for line in seen]
    assert [a for a in actions if a in ("create", "start", "die", "destroy")] == ["create", "start", "die", "destroy"]


# --- cp -----------------------------------------------------------------------------------------------

@pytest.fixture
def tree(tmp_path):
    """A folder with a file, a link, a hard link and a folder in it."""
    top = tmp_path / "tree"
    (top / "sub").mkdir(parents=True)
    (top / "one").write_bytes(os.urandom(100000))
    (top / "sub/two").write_text("two\n")
    (top / "link").symlink_to("one")
    os.link(top / "one", top / "hard")
    os.chmod(top / "sub/two", 0o640)
    return top


def test_copy_both_ways(berthctl, container, tree, tmp_path):
    berthctl("cp", tree, f"{container}:/tmp")
    berthctl("cp", f"{tree}/.", f"{container}:/tmp/content")
    berthctl("cp", f"{container}:/tmp/tree", tmp_path / "back")
    berthctl("cp", f"{container}:/tmp/content/.", tmp_path / "back2")
    for copy in (tmp_path / "back", tmp_path / "back2"):
        assert run("diff", "-r", "--no-dereference", tree, copy).stdout == b""
        assert os.readlink(copy / "link") == "one" and os.stat(copy / "sub/two").st_mode & 0o777 == 0o640
    berthctl("cp", f"{container}:/tmp/tree/one", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == (tree / "one").read_bytes()
    berthctl("cp", "-L", f"{container}:/tmp/tree/link", tmp_path / "followed")
    assert (tmp_path / "followed").read_bytes() == (tree / "one").read_bytes()


def test_copy_archives(berthctl, container, tree):
    archive = run("tar", "-c", "-C", tree.parent, "tree").stdout
    berthctl("cp", "-", f"{container}:/tmp", input=archive)
    back = berthctl("cp", f"{container}:/tmp/tree", "-").stdout
    names = run("tar", "-t", input=back).stdout.decode().split()
    assert {"tree/", "tree/one", "tree/sub/two"} <= set(names)


def test_copy_out_of_a_stopped_container(berthctl, busybox_image, name, tmp_path):
    berthctl("run", "--name", name, busybox_image, "sh", "-c", "echo made > /made")
    berthctl("cp", f"{name}:/made", tmp_path)
    assert (tmp_path / "made").read_text() == "made\n"
    berthctl("rm", name)


@pytest.mark.parametrize("source, target, message", [
    ("{c}:/nosuch", "{t}/x", b"there is no /nosuch"),
    ("{t}/nosuch", "{c}:/tmp", b"there is no"),
    ("{t}", "{c}:/etc/passwd", b"can't be copied over the file"),
    ("{c}:/etc", "{t}/file", b"can't be copied over the file"),
    ("{c}:/etc/passwd", "{t}/none/", b"does not exist"),
    ("{c}:/etc/passwd/", "{t}", b"is not a folder"),
])
def test_bad_copies(container, tmp_path, source, target, message):
    (tmp_path / "file").write_text("file\n")
    words = [word.format(c=container, t=tmp_path) for word in (source, target)]
    fails("cp", *words, message=message)
    assert (tmp_path / "file").read_text() == "file\n"


def test_hostile_files_stay_in_the_target(berthctl, container, tmp_path):
    """Links that a container made must not lead a copy out of its target."""
    outside = tmp_path / "outside"
    outside.mkdir()
    berthctl("exec", container, "sh", "-c", f"mkdir -p /evil/d; ln -s {outside} /evil/d/x")
    berthctl("cp", f"{container}:/evil", tmp_path / "target")
    # The second time the archive has a folder where the first one left a link.
    berthctl("exec", container, "sh", "-c", "rm /evil/d/x; mkdir /evil/d/x; echo bad > /evil/d/x/bad")
    fails("cp", f"{container}:/evil/.", tmp_path / "target")
    assert list(outside.iterdir()) == []
    berthctl("exec", container, "sh", "-c", "touch /suid; chmod 6755 /suid")
    berthctl("cp", f"{container}:/suid", tmp_path)
    assert os.stat(tmp_path / "suid").st_mode & 0o6000 == 0


def test_other_verbs(berthctl, container, tmp_path):
    assert b"sleep 1000" in berthctl("top", container).stdout
    berthctl("exec", container, "sh", "-c", "echo x > /new")
    assert b"A /new\n" in berthctl("diff", container).stdout
    assert {"Kind": "added", "Path": "/new"} in json.loads(berthctl("diff", "--json=short", container).stdout)
    berthctl("export", "-o", tmp_path / "export.tar", container)
    assert b"new\n" in run("tar", "-tf", tmp_path / "export.tar").stdout
    digest = berthctl("commit", "-m", "a comment", container, "committed:1").stdout.decode().strip()
    assert digest.startswith("sha256:")
    assert b"a comment" in berthctl("history", "committed:1").stdout
    assert berthctl("run", "--rm", "committed:1", "cat", "/new").stdout == b"x\n"
    berthctl("save", "-o", tmp_path / "saved.tar", "committed:1")
    berthctl("rmi", "committed:1")
    assert berthctl("load", "-i", tmp_path / "saved.tar").stdout == b"Loaded committed:1\n"
    berthctl("rmi", "committed:1")
    berthctl("pause", container)
    assert b"paused" in berthctl("list").stdout
    berthctl("unpause", container)
    berthctl("rename", container, f"{container}-2")
    berthctl("rename", f"{container}-2", container)
    assert re.match(rb" +berthctl: ", berthctl("version").stdout) and b"Containers: 1" in berthctl("info").stdout
