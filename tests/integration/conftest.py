"""What the integration tests share.

They run as root inside a test host (tests/host), where berth is installed, and may do there whatever
they like, but clean up: after each test this file looks for what it left (tests/lib/leaks.py).
Tests marked `outside` run on the machine instead, and make hosts of their own with `new_host`.
`tests/check integration` runs both kinds; see tests/README.md.
"""

import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

import pytest

TESTS = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TESTS / "lib"))

import leaks
from badregistry import BadRegistry

TEST_SECONDS = 120
LEAK_SECONDS = 5
INSIDE = leaks.read("/run/systemd/container").strip() == "berth-test"


def pytest_configure(config):
    config.addinivalue_line("markers", "outside: runs on the machine and makes test hosts of its own")
    config.addinivalue_line("markers", "leaves_containers: what is left at the end is removed without complaint")
    config.addinivalue_line("markers", f"seconds(n): may take so long, instead of {TEST_SECONDS}")


def pytest_collection_modifyitems(config, items):
    """Each kind of test only where it can run: tests/check comes by twice."""
    wrong = [item for item in items if bool(item.get_closest_marker("outside")) == INSIDE]
    if wrong:
        config.hook.pytest_deselected(items=wrong)
        items[:] = [item for item in items if item not in wrong]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.when == "call":
        item.failed = report.failed


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item, nextitem):
    """A time limit for set-up, test and clean-up together; what hangs gets a traceback of where."""
    marker = item.get_closest_marker("seconds")
    seconds = marker.args[0] if marker else TEST_SECONDS

    def too_long(_number, _frame):
        raise TimeoutError(f"the test took longer than {seconds} s")

    previous = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)


# --- running things -----------------------------------------------------------------------------------

def run(*command, check=True, timeout=60, **options):
    """Runs a command; its output is bytes. With check=True a failure shows all that it said."""
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    result = subprocess.run([str(word) for word in command], timeout=timeout, check=False, **options)
    if check and result.returncode:
        pytest.fail(f"{' '.join(map(str, command))}: exit status {result.returncode}\n"
                    f"{(result.stdout or b'').decode(errors='replace')}{(result.stderr or b'').decode(errors='replace')}")
    return result


def poll(condition, seconds=10, what="it"):
    """Calls CONDITION until it gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain for {what}")
        time.sleep(0.02)


def run_berthctl(*arguments, **options):
    return run("berthctl", *arguments, **options)


def container_names():
    try:
        return set(run("berthctl", "list", "-q", check=False).stdout.decode().split())
    except FileNotFoundError:
        return set()


@pytest.fixture
def berthctl():
    """berthctl("run", "--rm", …, check=True, input=b"…", timeout=60) → CompletedProcess with bytes."""
    return run_berthctl


@pytest.fixture
def berth():
    """org.berth1 by an independent D-Bus client (tests/lib/berthbus.py), with a busybox image there."""
    import berthbus  # its library is not needed for the tests that run outside

    connected = berthbus.Berth()
    berthbus.busybox(connected)
    yield connected
    connected.bus.close()


@pytest.fixture
def name():
    """A container name of the test's own."""
    return f"t-{uuid.uuid4().hex[:8]}"


# --- what a test leaves ---------------------------------------------------------------------------------

def remove_containers(names):
    for left in sorted(names):
        run("berthctl", "rm", "--force", left, check=False, timeout=30)


@pytest.fixture(autouse=True)
def no_leaks(request):
    """A container that a test leaves, and whatever a removed one leaves on the host, is a failure."""
    if not INSIDE:
        yield
        return
    shared = {"busybox_image", "registry"} & set(request.fixturenames)
    for fixture in shared:      # made once and kept, so made before the first look
        request.getfixturevalue(fixture)
    containers, before = container_names(), leaks.snapshot()
    yield
    left = container_names() - containers
    remove_containers(left)
    deadline = time.monotonic() + LEAK_SECONDS
    while (leaked := leaks.snapshot() - before) and time.monotonic() < deadline:
        time.sleep(0.05)
    if getattr(request.node, "failed", False):
        return                  # one failure is enough to read about
    if left and not request.node.get_closest_marker("leaves_containers"):
        pytest.fail(f"the test left containers: {', '.join(sorted(left))}", pytrace=False)
    if leaked:
        pytest.fail("left behind on the host: " + "\n  ".join(sorted(leaked)), pytrace=False)


# --- images and registries ------------------------------------------------------------------------------

@pytest.fixture(scope="session")
def busybox_tar(tmp_path_factory):
    """The tar of a root file system with a shell."""
    path = tmp_path_factory.mktemp("busybox") / "rootfs.tar"
    run(TESTS / "lib/busybox-rootfs", path)
    return path


@pytest.fixture(scope="session")
def busybox_image(busybox_tar):
    """The name of a local image with a shell."""
    run_berthctl("import", busybox_tar, "busybox:latest")
    return "busybox:latest"


class Registry:
    """Debian's docker-registry on a port of its own, on loopback, without TLS."""

    def __init__(self, folder, more=""):
        """more: further lines of its configuration."""
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.storage = folder / "storage"
        self.log = folder / "log"
        config = folder / "config.yml"
        config.write_text(f"version: 0.1\nlog: {{level: info}}\nhttp: {{addr: {self.address}}}\n"
                          f"storage:\n  filesystem: {{rootdirectory: {self.storage}}}\n  delete: {{enabled: true}}\n{more}")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["docker-registry", "serve", config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        try:
            poll(self.answers, 20, f"the registry; it said:\n{self.log.read_text()}")
        except BaseException:
            self.stop()
            raise

    def answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def push(self, source, name):
        """SOURCE as skopeo spells it (oci:FOLDER:TAG, docker-archive:FILE); returns the full name to pull."""
        target = f"{self.address}/{name}"
        run("skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", source, f"docker://{target}")
        return target

    def stop(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def registry(tmp_path_factory):
    served = Registry(tmp_path_factory.mktemp("registry"))
    yield served
    served.stop()


# --- other users ------------------------------------------------------------------------------------------

@pytest.fixture(scope="session")
def unprivileged_user():
    try:
        return pwd.getpwnam("nobodyuser")
    except KeyError:
        run("useradd", "--create-home", "nobodyuser")
        return pwd.getpwnam("nobodyuser")


@pytest.fixture
def as_user(unprivileged_user):
    """as_user("berthctl", "list", check=False): the same as run, for a user without any rights."""
    user = unprivileged_user

    def run_as_user(*command, **options):
        return run("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--",
                   "env", f"HOME={user.pw_dir}", f"USER={user.pw_name}", *command, cwd="/", **options)
    return run_as_user


# --- for tests that drive a worker themselves ------------------------------------------------------------

@pytest.fixture
def state():
    """A store of the test's own, on a real file system."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="berth-state-", dir="/var/tmp"))
    yield folder / "state"
    shutil.rmtree(folder)


@pytest.fixture
def server():
    """A registry that can be made to misbehave."""
    with BadRegistry() as bad:
        yield bad


@pytest.fixture
def other():
    """Another one."""
    with BadRegistry() as bad:
        yield bad


@pytest.fixture
def conf():
    """conf(TEXT) writes registries.conf, conf(TEXT, NAME) a drop-in."""
    main = pathlib.Path("/etc/berth/registries.conf")
    drop_ins = main.with_name("registries.conf.d")
    main.parent.mkdir(exist_ok=True)

    def write(text, drop_in=None):
        path = drop_ins / drop_in if drop_in else main
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    yield write
    main.unlink(missing_ok=True)
    shutil.rmtree(drop_ins, ignore_errors=True)


# --- test hosts, for tests marked outside -----------------------------------------------------------------

class Host:
    """A kept test host. Raises what went wrong, with all that tests/host said."""

    def __init__(self, name, *options):
        self.name = name
        self.call("--keep", *options)

    def call(self, *arguments, **options):
        return run(TESTS / "host", "--name", self.name, *arguments, **{"timeout": 150, **options})

    def run(self, *command, **options):
        return self.call("--", *command, **options)

    def reboot(self):
        self.call("--reboot")

    def power_cycle(self):
        self.call("--power-cycle")

    def stop(self):
        self.call("--stop")


@pytest.fixture
def new_host():
    """new_host("--no-install") boots a host that ends with the test; without options berth is installed."""
    made = []

    def make(*options):
        made.append(Host(f"pytest-{os.getpid()}-{len(made)}", *options))
        return made[-1]
    yield make
    for host in made:
        if run(TESTS / "host", "--list").stdout.decode().find(f"{host.name} ") >= 0:
            host.stop()


@pytest.fixture
def link_hosts():
    """link_hosts(a, b) joins two hosts with a cable; returns {name: IPv4 address}."""
    def join(one, two):
        lines = run(TESTS / "host", "--link", one.name, two.name).stdout.decode().splitlines()
        return {line.split()[0]: line.split()[1] for line in lines}
    return join
