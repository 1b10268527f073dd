"""org.berth1 for tests, through dbus-python: an independent client, so that nothing of berth tests itself.

    berth = Berth()
    image = berth.import_image(path, "busybox:latest")
    container = berth.create("name", Image="busybox", Command=["true"])
    stream = container.attach()
    container.start()
    stream.read_all()      # Output(stdout=b"", stderr=b"", exit=0, error=None)
"""

import collections
import pathlib
import socket
import struct
import subprocess
import tempfile

import dbus

MANAGER = "org.berth1.Manager"
CONTAINER = "org.berth1.Container"
IMAGE = "org.berth1.Image"
JOB = "org.berth1.Job"
PROPERTIES = "org.freedesktop.DBus.Properties"

STDIN, STDOUT, STDERR, STDIN_EOF, RESIZE, STARTED, EXIT, ERROR = range(8)
HEADER = struct.Struct("=BBHIQ")

Output = collections.namedtuple("Output", "stdout stderr exit error started")


def variant(value):
    """Lists get the signature that their items need; everything else finds its own."""
    if isinstance(value, list):
        if all(isinstance(item, dict) for item in value) and value:
            return dbus.Array([options(item) for item in value], signature="a{sv}")
        if all(isinstance(item, int) for item in value) and value:
            return dbus.Array(value, signature="i")
        return dbus.Array(value, signature="s")
    if isinstance(value, dict):
        if all(isinstance(item, str) for item in value.values()) and value and "Name" not in value:
            return dbus.Dictionary(value, signature="ss")
        return options(value)
    if isinstance(value, bool):
        return dbus.Boolean(value)
    if isinstance(value, int):
        return dbus.UInt64(value) if value > 0x7fffffff else dbus.Int32(value)
    return value


def options(mapping):
    return dbus.Dictionary({key: variant(value) for key, value in mapping.items()}, signature="sv")


def plain(value):
    """Without dbus-python's own types."""
    if isinstance(value, dbus.Boolean):
        return bool(value)
    if isinstance(value, (dbus.Int32, dbus.UInt32, dbus.Int64, dbus.UInt64, dbus.Byte)):
        return int(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


class Stream:
    """The client's end of a stream socket."""

    def __init__(self, descriptor):
        self.socket = socket.socket(fileno=descriptor.take())
        self.pending = b""

    def send(self, kind, payload=b""):
        self.socket.send(HEADER.pack(kind, 0, 0, len(payload), 0) + payload)

    def frames(self, timeout=30):
        self.socket.settimeout(timeout)
        while packet := self.socket.recv(65536):
            while packet:
                kind, flags, _, length, when = HEADER.unpack_from(packet)
                yield kind, flags, when, packet[HEADER.size:HEADER.size + length]
                packet = packet[HEADER.size + length:]

    def read_all(self, timeout=30):
        out, err, status, error, started = [], [], None, None, False
        for kind, _, _, payload in self.frames(timeout):
            if kind == STDOUT:
                out.append(payload)
            elif kind == STDERR:
                err.append(payload)
            elif kind == STARTED:
                started = True
            elif kind == EXIT:
                status = struct.unpack("=i", payload)[0]
            elif kind == ERROR:
                error = tuple(part.decode() for part in payload.split(b"\0", 1))
        return Output(b"".join(out), b"".join(err), status, error, started)

    def close(self):
        self.socket.close()


class Object:
    interface = None

    def __init__(self, berth, path):
        self.berth, self.path = berth, path

    def call(self, method, *arguments, timeout=60, **settings):
        proxy = self.berth.bus.get_object("org.berth1", self.path, introspect=False)
        return proxy.get_dbus_method(method, self.interface)(*arguments, timeout=timeout, **settings)

    def get(self, name):
        proxy = self.berth.bus.get_object("org.berth1", self.path, introspect=False)
        return plain(proxy.Get(self.interface, name, dbus_interface=PROPERTIES))

    def all(self):
        proxy = self.berth.bus.get_object("org.berth1", self.path, introspect=False)
        return plain(proxy.GetAll(self.interface, dbus_interface=PROPERTIES))


class Job(Object):
    interface = JOB

    def wait(self, timeout=120):
        return plain(self.call("Wait", timeout=timeout))


class Container(Object):
    interface = CONTAINER

    def start(self, **settings):
        self.call("Start", options(settings))

    def stop(self, **settings):
        self.call("Stop", options(settings))

    def restart(self, **settings):
        self.call("Restart", options(settings))

    def kill(self, signal="SIGKILL"):
        self.call("Kill", signal)

    def remove(self, force=False):
        self.call("Remove", options({"Force": force}))

    def wait(self, condition="", timeout=60):
        return int(self.call("Wait", condition, timeout=timeout))

    def attach(self, **settings):
        return Stream(self.call("Attach", options(settings)))

    def exec(self, *command, **settings):
        identity, stream = self.call("Exec", options({"Command": list(command), **settings}))
        return str(identity), Stream(stream)

    def run(self, *command, **settings):
        """exec, and all that came of it."""
        return self.exec(*command, **settings)[1].read_all()

    def logs(self, **settings):
        return Stream(self.call("Logs", options(settings)))

    def inspect(self):
        return plain(self.call("Inspect"))

    @property
    def status(self):
        return self.get("Status")


class Berth(Object):
    interface = MANAGER

    def __init__(self, private=True):
        super().__init__(self, "/org/berth1")
        self.bus = dbus.SystemBus(private=private)

    def create(self, name="", **spec):
        return Container(self, str(self.call("CreateContainer", name, options(spec))))

    def container(self, name):
        return Container(self, str(self.call("GetContainer", name)))

    def list(self, **container_filter):
        return [(str(path), plain(properties)) for path, properties in self.call("ListContainers", options(container_filter))]

    def import_image(self, path, name, **settings):
        with open(path, "rb") as tar:
            job = Job(self, str(self.call("ImportImage", dbus.types.UnixFd(tar), name, options(settings))))
        return job.wait()

    def images(self, **image_filter):
        return [(str(path), plain(properties)) for path, properties in self.call("ListImages", options(image_filter))]


def busybox(berth):
    """Makes sure that there is an image "busybox"."""
    if berth.images(References=["busybox:latest"]):
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([pathlib.Path(__file__).parent / "busybox-rootfs", f"{folder}/rootfs.tar"], check=True)
        berth.import_image(f"{folder}/rootfs.tar", "busybox:latest")


def error_of(call, *arguments, **settings):
    """The name of the D-Bus error that the call must end with, without its prefix, and its sentence."""
    try:
        call(*arguments, **settings)
    except dbus.DBusException as error:
        return error.get_dbus_name().removeprefix("org.berth1.Error."), error.get_dbus_message()
    raise AssertionError("the call succeeded")
