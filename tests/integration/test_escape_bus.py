"""Every method of every interface that the bus shows, called by a user without rights."""

import json

from conftest import run
from test_polkit import container     # a fixture

# What anyone may ask: it changes nothing and shows what `berthctl list` shows. See the actions in org.berth1(5).
OPEN = {
    "org.berth1.Manager": {"GetContainer", "ListContainers", "ListImages", "GetImage", "Version", "GetVolume", "ListVolumes"},
    "org.berth1.Container": {"Wait"},
    "org.berth1.Image": {"Inspect"},
}

CALLS = """
import dbus, json, sys, xml.etree.ElementTree as tree
bus = dbus.SystemBus()
VALUES = {"s": "x", "o": dbus.ObjectPath("/org/berth1"), "u": dbus.UInt32(1), "i": dbus.Int32(1), "t": dbus.UInt64(1),
          "x": dbus.Int64(1), "b": False, "q": dbus.UInt16(1), "y": dbus.Byte(1), "d": 1.0}

def value(signature):
    if signature in VALUES:
        return VALUES[signature]
    if signature == "h":
        return dbus.types.UnixFd(0)
    if signature == "v":
        return dbus.String("x", variant_level=1)
    if signature.startswith("a{"):
        return dbus.Dictionary({}, signature[2:-1])
    if signature.startswith("a"):
        return dbus.Array([], signature[1:])
    return dbus.Struct([value(one) for one in dbus.Signature(signature[1:-1])])

for path in sys.argv[1:]:
    here = bus.get_object("org.berth1", path, introspect=False)
    xml = here.Introspect(dbus_interface="org.freedesktop.DBus.Introspectable")
    for interface in tree.fromstring(xml).iter("interface"):
        if not interface.get("name").startswith("org.berth1"):
            continue
        for method in interface.iter("method"):
            words = [value(one.get("type")) for one in method.iter("arg") if one.get("direction", "in") == "in"]
            signature = "".join(one.get("type") for one in method.iter("arg") if one.get("direction", "in") == "in")
            try:
                bus.call_blocking("org.berth1", path, interface.get("name"), method.get("name"), signature, words, timeout=3)
                answer = "done"
            except dbus.DBusException as error:
                answer = error.get_dbus_name()
            print(json.dumps([path, interface.get("name"), method.get("name"), answer]))
        for one in interface.iter("property"):
            if "write" in one.get("access"):
                print(json.dumps([path, interface.get("name"), one.get("name"), "writable property"]))
"""


def test_every_method_is_guarded(container, berth, as_user):
    before = container.status, len(berth.list(All=True)), len(berth.images())
    nodes = run("busctl", "tree", "--list", "org.berth1").stdout.decode().split()
    image = [node for node in nodes if "/image/" in node][:1]
    lines = as_user("python3", "-c", CALLS, "/org/berth1", container.path, *image).stdout.decode().splitlines()
    answers = [json.loads(line) for line in lines]
    assert len(answers) > 40
    for _path, interface, method, answer in answers:
        refused = answer in ("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", "org.freedesktop.DBus.Error.AccessDenied")
        assert refused or method in OPEN.get(interface, ()), (interface, method, answer)
    assert (container.status, len(berth.list(All=True)), len(berth.images())) == before
