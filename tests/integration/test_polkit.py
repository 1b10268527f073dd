"""Who may do what: every method asks polkit before it changes anything."""

import os
import pathlib
import re
import subprocess

import dbus
import pytest

from berthbus import Job, error_of, options
from conftest import poll, run

MANUAL = pathlib.Path(__file__).resolve().parents[2] / "man/org.berth1.5.scd"
RULES = pathlib.Path("/etc/polkit-1/rules.d/01-berth-test.rules")
VALUES = {"s": '"x"', "as": 'dbus.Array([], "s")', "a{sv}": 'dbus.Dictionary({}, "sv")', "u": "dbus.UInt32(1)",
          "h": "dbus.types.UnixFd(0)"}
CALL = """
import dbus, sys
path, interface, method, arguments = sys.argv[1:]
try:
    dbus.SystemBus().get_object("org.berth1", path, introspect=False).get_dbus_method(method, interface)(*eval(arguments))
except dbus.DBusException as error:
    sys.exit(error.get_dbus_name() + ": " + error.get_dbus_message())
"""


def methods():
    """(interface, method, in signature, action) of all that the manual names."""
    interface = None
    for line in MANUAL.read_text().splitlines():
        heading = re.match(r"# /org/berth1\S*: (org\.berth1\.\w+)", line)
        interface = heading[1] if heading else None if line.startswith("# ") else interface
        found = re.match(r"(\*\w+\*\(.*\)) — (?:the action|([\w-]+))", line)
        if not interface or not found:
            continue
        for name, arguments in re.findall(r"\*(\w+)\*\((.*?)\)(?:,|$)", found[1]) if "*Pause*" in line else \
                re.findall(r"\*(\w+)\*\((.*)\)", found[1]):
            yield interface, name, re.findall(r"in _([^_]+)_", arguments), found[2]


@pytest.fixture
def container(berth, name):
    made = berth.create(name, Image="busybox", Command=["sleep", "1000"], NetworkMode="none", StopTimeoutUSec=100000)
    made.start()
    yield made
    made.remove(force=True)


@pytest.fixture
def volume(berth, name):
    """The path of a volume."""
    path = str(berth.call("CreateVolume", name, options({})))
    yield path
    run("berthctl", "volume", "rm", name)


@pytest.fixture
def rule():
    """rule(JavaScript): a polkit rule for the time of the test."""
    def install(text):
        RULES.write_text(text)
        run("systemctl", "restart", "polkit.service")
    yield install
    RULES.unlink(missing_ok=True)
    run("systemctl", "restart", "polkit.service")


@pytest.fixture
def call(as_user, berth):
    """call(path, interface, method, signature, *words): as a user without rights; the completed process."""
    def busctl(path, interface, method, types="", *words, interactive="no"):
        return as_user("busctl", "call", f"--allow-interactive-authorization={interactive}", "org.berth1", path, interface, method,
                       types, *words, check=False)
    return busctl


def test_the_manual_is_read():
    found = list(methods())
    assert len(found) >= 36 and ("org.berth1.Container", "Unpause", [], "manage-containers") in found
    assert {action for *_, action in found} == {"none", "inspect", "manage-containers", "enter-container", "manage-images", "manage-secrets",
                                                "manage-volumes", None}


@pytest.mark.parametrize("interface, method, types, action", [m for m in methods() if m[3] not in ("none", None)],
                         ids=lambda value: value if isinstance(value, str) else "")
def test_refused(container, volume, berth, call, as_user, interface, method, types, action):
    path = {"Manager": "/org/berth1", "Container": container.path, "Volume": volume}[interface.rsplit(".", 1)[1]]
    before = container.all(), berth.list(All=True), berth.images()
    arguments = "".join(VALUES[one] + ", " for one in types)
    refused = as_user("python3", "-c", CALL, path, interface, method, f"({arguments})", check=False)
    assert refused.stderr.startswith(b"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired: "), refused
    if "h" not in types:
        # With leave to ask for a password, but nobody there to give it.
        words = [word for one in types for word in (["x"] if one == "s" else ["1"] if one == "u" else ["0"])]
        refused = call(path, interface, method, "".join(types), *words, interactive="yes")
        assert refused.returncode != 0 and b"not authorized" in refused.stderr, refused
    assert (container.all(), berth.list(All=True), berth.images()) == before


def test_open_to_everyone(container, call, name):
    for path, interface, method, types, words in (
            ("/org/berth1", "org.berth1.Manager", "GetContainer", "s", [name]),
            ("/org/berth1", "org.berth1.Manager", "ListContainers", "a{sv}", ["0"]),
            ("/org/berth1", "org.berth1.Manager", "ListImages", "a{sv}", ["0"]),
            ("/org/berth1", "org.berth1.Manager", "GetImage", "s", ["busybox"]),
            ("/org/berth1", "org.berth1.Manager", "Version", "", []),
            (container.path, "org.freedesktop.DBus.Properties", "GetAll", "s", ["org.berth1.Container"])):
        assert call(path, interface, method, types, *words).returncode == 0, method


def test_a_rule_may_allow(container, call, rule, name):
    rule(f"""polkit.addRule(function (action, subject) {{
        if (action.id == "org.berth1.manage-containers" && subject.user == "nobodyuser" && action.lookup("container") == "{name}") {{
            return polkit.Result.YES;
        }}
    }});""")
    assert call(container.path, "org.berth1.Container", "Pause").returncode == 0
    assert container.status == "paused"
    assert call(container.path, "org.berth1.Container", "Unpause").returncode == 0
    # Only this action, and only this container.
    assert call(container.path, "org.berth1.Container", "Attach", "a{sv}", "0").returncode != 0
    assert call("/org/berth1", "org.berth1.Manager", "CreateContainer", "sa{sv}", "x", "0").returncode != 0


def test_the_example_rule(container, as_user, rule, call):
    rule(pathlib.Path("/usr/share/doc/berth/50-berth-group.rules").read_text())
    assert call(container.path, "org.berth1.Container", "Pause").returncode != 0
    run("usermod", "--append", "--groups", "berth", "nobodyuser")
    try:
        assert call(container.path, "org.berth1.Container", "Pause").returncode == 0
    finally:
        run("gpasswd", "--delete", "nobodyuser", "berth")


def test_a_job_is_its_owners(berth, call):
    reader, writer = os.pipe()
    job = Job(berth, str(berth.call("ImportImage", dbus.types.UnixFd(reader), "slow:latest", options({}))))
    os.close(reader)
    assert call(job.path, "org.berth1.Job", "Cancel").returncode != 0
    assert job.get("State") == "running"
    job.call("Cancel")
    assert error_of(job.wait)[0] == "Cancelled"
    os.close(writer)


def test_without_polkit(container, call):
    run("systemctl", "mask", "--runtime", "polkit.service")
    run("systemctl", "stop", "polkit.service")
    try:
        assert call(container.path, "org.berth1.Container", "Pause").returncode != 0
        container.call("Pause")     # root needs none
    finally:
        run("systemctl", "unmask", "--runtime", "polkit.service")


def test_gone_while_polkit_thinks(berth, call, name):
    """The object vanishes between the two dispatches of one call."""
    made = berth.create(name, Image="busybox", Command=["true"], NetworkMode="none")
    path = made.path
    made.remove()
    refused = call(path, "org.berth1.Container", "Start", "a{sv}", "0")
    assert refused.returncode != 0 and b"Unknown object" in refused.stderr


def test_the_name_is_roots(as_user):
    refused = as_user("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus",
                      "org.freedesktop.DBus.RequestName", "string:org.berth1", "uint32:0", check=False)
    assert b"AccessDenied" in refused.stderr


def test_a_waiting_call_stops_nothing(container, call):
    """An unprivileged Wait is open to everyone and just waits."""
    waiting = subprocess.Popen(["setpriv", "--reuid=65534", "--clear-groups", "--", "busctl", "call", "org.berth1", container.path,
                                "org.berth1.Container", "Wait", "s", ""], stdout=subprocess.PIPE)
    poll(lambda: waiting.poll() is None)
    container.kill()
    assert waiting.communicate(timeout=10)[0] == b"i 137\n"
