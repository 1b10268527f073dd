"""What a container may do: system calls, capabilities, masked paths, and the options that change them."""

import json
import pathlib
import subprocess

import pytest
from conftest import run

DEFAULT_CAPABILITIES = 0xA80425FB

# Tries calls by number, so that no library stands between; prints each one's errno.
PROBE = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct { const char *name; long number, a, b; } calls[] = {
    { "getpid", SYS_getpid }, { "unshare", SYS_unshare, CLONE_NEWUSER }, { "mount", SYS_mount }, { "bpf", SYS_bpf, -1 },
    { "keyctl", SYS_keyctl, -1 }, { "io_uring_setup", 425, -1 }, { "userfaultfd", SYS_userfaultfd, -1 },
    { "vsock", SYS_socket, 40, 1 }, { "unix", SYS_socket, 1, 1 }, { "clone3", 435 }, { "future", 900 },
    { "clone-user", SYS_clone, CLONE_NEWUSER }, { "personality", SYS_personality, 0x40000 }, { "mkdir", SYS_mkdir },
    { "open_by_handle_at", SYS_open_by_handle_at, -1 },
};

static int show_status(void) {
    char buffer[8192];
    FILE *f = fopen("/proc/self/status", "r");
    size_t n = f ? fread(buffer, 1, sizeof(buffer), f) : 0;
    return fwrite(buffer, 1, n, stdout) == n ? 0 : 1;
}

int main(int argc, char *argv[]) {
    if (argc > 1) return show_status();
    for (unsigned i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        errno = 0;
        long r = syscall(calls[i].number, calls[i].a, calls[i].b, 0, 0, 0);
        if (r == 0 && strncmp(calls[i].name, "clone", 5) == 0) _exit(0);
        printf("%s %d\n", calls[i].name, r < 0 ? errno : 0);
    }
    return 0;
}
"""
EPERM, ENOSYS = 1, 38


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe")
    (folder / "probe.c").write_text(PROBE)
    run("gcc", "-static", "-O", "-o", folder / "probe", folder / "probe.c")
    return folder / "probe"


@pytest.fixture
def once(berthctl, busybox_image):
    """Runs a command in a container of its own."""
    def start(*command, options=(), **arguments):
        return berthctl("run", "--rm", *options, busybox_image, *command, **arguments)
    return start


@pytest.fixture
def refused(once):
    """The one line that a run ends with when it is not even begun."""
    def start(*options):
        result = once("true", options=options, check=False)
        assert result.returncode == 125 and result.stderr.count(b"\n") == 1, result.stderr
        return result.stderr.decode()
    return start


def results(output):
    return {name: int(number) for name, number in (line.split() for line in output.decode().splitlines())}


def status(output):
    """The lines of /proc/PID/status as numbers, those in hexadecimal as such."""
    lines = dict(line.split(":", 1) for line in output.decode().splitlines() if ":" in line)
    return {key: int(value, 16) for key, value in lines.items() if key.startswith(("Cap", "NoNew", "Secc"))}


def with_probe(probe):
    return ("-v", f"{probe}:/probe:ro")


def test_filter_by_default(once, probe):
    """Our own profile, whatever a capability or a user namespace would allow."""
    answers = results(once("/probe", options=with_probe(probe)).stdout)
    assert answers["getpid"] == answers["unix"] == 0
    for name in ("unshare", "mount", "bpf", "keyctl", "io_uring_setup", "userfaultfd", "vsock", "clone-user", "personality",
                 "open_by_handle_at"):
        assert answers[name] == EPERM, name
    assert answers["clone3"] == answers["future"] == ENOSYS


@pytest.mark.parametrize("options", [("--privileged",), ("--security-opt", "seccomp=unconfined")])
def test_filter_off(once, probe, options):
    answers = results(once("/probe", options=(*with_probe(probe), *options)).stdout)
    assert answers["unshare"] == 0 and answers["bpf"] != EPERM or answers["keyctl"] != EPERM
    assert status(once("cat", "/proc/self/status", options=options).stdout)["Seccomp"] == 0


def test_filter_by_capability(once, probe):
    answers = results(once("/probe", options=(*with_probe(probe), "--cap-add", "sys_admin")).stdout)
    assert answers["unshare"] == 0 and answers["keyctl"] == EPERM


def write_profile(path, **rule):
    path.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}, indent=8))
    return ("--security-opt", f"seccomp={path}")


def test_own_profile(berthctl, busybox_image, once, probe, name, tmp_path):
    options = write_profile(tmp_path / "p.json", names=["mkdir", "keyctl"], action="SCMP_ACT_ERRNO", errnoRet=99)
    answers = results(once("/probe", options=(*with_probe(probe), *options)).stdout)
    assert answers["mkdir"] == answers["keyctl"] == 99 and answers["unshare"] == 0
    # It is part of the container: the file may go, and commands that come later are confined alike.
    berthctl("create", "--name", name, *with_probe(probe), *options, busybox_image, "sleep", "1000")
    (tmp_path / "p.json").unlink()
    berthctl("start", name)
    assert results(berthctl("exec", name, "/probe").stdout)["mkdir"] == 99
    assert results(berthctl("exec", "--privileged", name, "/probe").stdout)["mkdir"] != 99
    assert "errnoRet" in json.loads(berthctl("inspect", name).stdout)[0]["Spec"]["SeccompProfile"]
    berthctl("rm", "--force", name)


@pytest.mark.parametrize("no_new_privileges", ["true", "false"])
def test_profile_without_what_a_start_needs(once, probe, tmp_path, no_new_privileges):
    """The filter is the last thing before the command: it may forbid what was done before."""
    names = ["setresuid", "setresgid", "setgroups", "capset", "prctl", "chdir", "mount", "fork", "setns"]
    options = write_profile(tmp_path / "p.json", names=names, action="SCMP_ACT_KILL_PROCESS")
    more = ("--security-opt", f"no-new-privileges:{no_new_privileges}", "-u", "12:34", "-w", "/bin")
    found = status(once("/probe", "status", options=(*with_probe(probe), *options, *more)).stdout)
    assert found["Seccomp"] == 2 and found["CapPrm"] == found["CapEff"] == 0
    assert found["NoNewPrivs"] == (no_new_privileges == "true")


def test_profile_that_kills(once, tmp_path):
    options = write_profile(tmp_path / "p.json", names=["mkdir", "mkdirat"], action="SCMP_ACT_KILL_PROCESS")
    assert once("mkdir", "/x", options=options, check=False).returncode == 128 + 31


def test_bad_profiles(refused, tmp_path):
    bad = tmp_path / "p.json"
    assert "cannot read the seccomp profile" in refused("--security-opt", f"seccomp={bad}")
    bad.write_text("{ nonsense")
    assert "line 1" in refused("--security-opt", f"seccomp={bad}")
    options = write_profile(bad, names=["mkdir"], action="SCMP_ACT_NOPE")
    assert 'syscalls[0].action "SCMP_ACT_NOPE" is no action' in refused(*options)
    options = write_profile(bad, names=["mkdir"], action="SCMP_ACT_NOTIFY")
    assert "needs a program that answers" in refused(*options)
    bad.write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "comment": "x" * 70000}))
    assert "it may have 65536" in refused("--security-opt", f"seccomp={bad}")


def test_creation_tells_of_a_bad_profile(berthctl, busybox_image, name, tmp_path):
    options = write_profile(tmp_path / "p.json", names=["mkdir"], action="SCMP_ACT_NOPE")
    result = berthctl("create", "--name", name, *options, busybox_image, "true", check=False)
    assert result.returncode != 0 and b"is no action" in result.stderr
    assert name.encode() not in berthctl("list", "--all", "-q").stdout


def test_capabilities(berthctl, busybox_image, name):
    """Of the command, of its reaper, and of commands that come later; as root and as somebody else."""
    berthctl("run", "-d", "--init", "--name", name, busybox_image, "sleep", "1000")
    for command in (("cat", "/proc/1/status"), ("cat", "/proc/self/status")):
        found = status(berthctl("exec", name, *command).stdout)
        assert found["CapPrm"] == found["CapEff"] == found["CapBnd"] == DEFAULT_CAPABILITIES
        assert found["CapInh"] == found["CapAmb"] == 0 and found["Seccomp"] == 2
    found = status(berthctl("exec", "-u", "12", name, "cat", "/proc/self/status").stdout)
    assert found["CapPrm"] == found["CapEff"] == found["CapAmb"] == 0 and found["CapBnd"] == DEFAULT_CAPABILITIES
    found = status(berthctl("exec", "--privileged", name, "cat", "/proc/self/status").stdout)
    assert found["CapEff"] > DEFAULT_CAPABILITIES and found["Seccomp"] == 0
    berthctl("rm", "--force", name)


@pytest.mark.parametrize("options, expected", [
    (("--cap-drop", "all", "--cap-add", "CAP_chown"), 1),
    (("--cap-add", "ALL", "--cap-drop", "Sys_Admin"), ~(1 << 21)),
    (("--cap-drop", "mknod"), DEFAULT_CAPABILITIES & ~(1 << 27)),
])
def test_capability_options(once, options, expected):
    found = status(once("cat", "/proc/self/status", options=options).stdout)
    possible = (2 << int(pathlib.Path("/proc/sys/kernel/cap_last_cap").read_text())) - 1
    assert found["CapBnd"] == found["CapEff"] == expected & possible


def test_unknown_names(refused):
    assert "did you mean SYS_ADMIN?" in refused("--cap-add", "SYS_ADMI")
    assert "there are no-new-privileges, seccomp=, apparmor=" in refused("--security-opt", "foo=1")
    assert "has no value" in refused("--security-opt", "seccomp=")
    assert "neither an absolute path nor ALL" in refused("--security-opt", "unmask=proc")
    assert "mask=etc" in refused("--security-opt", "mask=etc")
    assert "only \"unconfined\"" in refused("--security-opt", "systempaths=x")


def test_security_modules(once, refused):
    """What this kernel does not have is refused, unless it was to be off anyway."""
    try:
        has_apparmor = open("/sys/module/apparmor/parameters/enabled").read().startswith("Y")
    except FileNotFoundError:
        has_apparmor = False
    message = refused("--security-opt", "apparmor=berth-test")
    assert ("is not loaded" if has_apparmor else "has no AppArmor") in message
    assert "a label is made of" in refused("--security-opt", "label=nonsense")
    once("true", options=("--security-opt", "apparmor=unconfined", "--security-opt", "label=disable"))


PATHS = "for p in /proc/kcore /proc/keys /proc/timer_list /proc/interrupts; do wc -c < $p; done; " \
        "ls /sys/firmware /proc/acpi 2>/dev/null | grep -v :; echo x > /proc/sys/kernel/domainname && echo written"


def test_masked_paths(once):
    lines = once("sh", "-c", PATHS, check=False).stdout.split()
    assert set(lines) == {b"0"}, "all of them are empty, none can be written"
    # What covers them is the null device, not something that an image brought.
    assert once("stat", "-c", "%t:%T", "/proc/interrupts").stdout == b"1:3\n"


def test_unmask_and_mask(once):
    count = ("sh", "-c", "wc -c < /proc/interrupts; wc -c < /proc/timer_list")
    assert once(*count, options=("--security-opt", "unmask=/proc/inter*")).stdout.split()[0] != b"0"
    assert b"0" == once(*count, options=("--security-opt", "unmask=/proc/interrupts")).stdout.split()[1]
    for option in ("unmask=ALL", "systempaths=unconfined"):
        mounts = once("cat", "/proc/self/mountinfo", options=("--security-opt", option)).stdout
        assert b" /proc/sys " not in mounts and b" /proc/kcore " not in mounts
    options = ("--security-opt", "mask=/bin:/etc/hostname")
    result = once("/probe", options=options, check=False)
    assert result.returncode == 127
    assert once("wc", "-c", "/etc/hostname", options=("--security-opt", "mask=/etc/hostname")).stdout.split()[0] == b"0"


def test_compiled_once(once):
    """A filter is a file that later starts of any container use again."""
    def look():
        return sorted((path.name, path.stat().st_ino) for path in pathlib.Path("/run/berth/seccomp").glob("default-*"))
    once("true")
    before = look()
    once("true")
    assert before and look() == before
    folder = run("stat", "-c", "%a", "/run/berth/seccomp").stdout
    assert folder == b"700\n"


def test_no_library_in_the_shim():
    """What compiles profiles is linked into workers only."""
    for program, expected in (("berth-worker", True), ("berth-shim", False), ("berthd", False)):
        needed = subprocess.run(["readelf", "-d", f"/usr/lib/berth/{program}"], capture_output=True, check=True).stdout
        assert (b"libseccomp" in needed) == expected
