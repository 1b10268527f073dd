"""Credentials: login and logout, the files and helpers of docker and podman, tokens of every kind, and that nothing of it is
ever to be seen anywhere else."""

import base64
import contextlib
import crypt
import json
import os
import pathlib
import pty
import re
import resource
import signal
import stat
import subprocess
import threading
import time

import pytest

from badregistry import BadRegistry, PROPER, stall
from conftest import Registry, poll, run
from ociimage import OciImage, tar_of
from test_pull import authority, registry_test, trusted     # two of them are fixtures
from tokenserver import TokenServer
from workerjob import WorkerJob

USER, PASSWORD = "robin", "hunter2 ÄÖ:&%"
PAIR = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS = (PASSWORD, PAIR)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """Debian's docker-registry, which wants a password."""
    folder = tmp_path_factory.mktemp("guarded")
    hashed = crypt.crypt(PASSWORD, crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16))
    (folder / "htpasswd").write_text(f"{USER}:{hashed}\n")
    registry = Registry(folder, f"auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}\n")
    image = OciImage(folder / "oci")
    image.add_layer(tar_of({"secret": b"image"}))
    image.write("v1")
    run("skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", f"--dest-creds={USER}:{PASSWORD}",
        f"oci:{folder}/oci:v1", f"docker://{registry.address}/secret/image:v1")
    registry.image = f"{registry.address}/secret/image:v1"
    yield registry
    registry.stop()


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home without any credentials."""
    for name in ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def server():
    with BadRegistry() as bad:
        bad.add_image("x", "latest", [tar_of({"a": b"b"})])
        yield bad


@pytest.fixture
def forget(berthctl):
    """forget(name): the image goes after the test."""
    names = []
    yield names.append
    for name in names:
        berthctl("rmi", name, check=False)


@pytest.fixture
def pull(berthctl, forget):
    def pull_once(name, **options):
        berthctl("rmi", name, check=False)
        forget(name)
        return berthctl("pull", "-q", name, **options)
    return pull_once


def login(address, password=PASSWORD, user=USER, arguments=(), **options):
    return run("berthctl", "login", "-u", user, "--password-stdin", *arguments, address, input=password.encode(), **options)


def write_auth(path, **entries):
    """entries: what stands for the hosts, as {"auths": …}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"auths": entries}))
    return path


def docker_file(home):
    return home / ".docker/config.json"


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


# --- login and logout ---------------------------------------------------------------------------------------

def test_login_pull_logout(guarded, home, pull, berthctl):
    assert b"needs a login" in pull(guarded.image, check=False).stderr
    said = login(guarded.address).stdout.decode()
    assert said == f"Logged in to {guarded.address} as {USER}; kept in {docker_file(home)} " \
        "(as plain text; a credential helper keeps it safer).\n"
    assert mode(docker_file(home)) == 0o600 and mode(home / ".docker") == 0o700
    assert json.loads(docker_file(home).read_text())["auths"] == {guarded.address: {"auth": PAIR}}
    assert [path.name for path in (home / ".docker").iterdir()] == ["config.json"]
    assert berthctl("login", "--get-login", guarded.address).stdout.decode() == f"{USER}\n"
    pull(guarded.image)
    assert f"Still logged in to {guarded.address} as {USER}" in berthctl("login", guarded.address).stdout.decode()

    berthctl("logout", guarded.address)
    assert json.loads(docker_file(home).read_text()) == {"auths": {}}
    assert b"needs a login" in pull(guarded.image, check=False).stderr
    assert b"not logged in" in berthctl("login", "--get-login", guarded.address, check=False).stderr
    again = berthctl("logout", guarded.address)
    assert b"You were not logged in" in again.stderr


def test_a_wrong_password_is_not_kept(guarded, home):
    failed = login(guarded.address, "wrong", check=False)
    assert failed.returncode == 1
    assert f'refuses the user name or the password of "{USER}"' in failed.stderr.decode()
    assert "authentication required" in failed.stderr.decode()      # the registry's own words
    assert b"wrong" not in failed.stderr
    assert not (home / ".docker").exists()

    login(guarded.address)
    before = docker_file(home).read_bytes()
    login(guarded.address, "wrong", check=False)
    assert docker_file(home).read_bytes() == before


def test_what_a_login_needs(guarded, home, berthctl):
    def fails(*arguments, **options):
        failed = berthctl("login", *arguments, check=False, **options)
        assert failed.returncode == 1 and not (home / ".docker").exists()
        return failed.stderr.decode()
    assert "use --password-stdin" in fails("-p", PASSWORD, guarded.address)
    assert "use --password-stdin" in fails(f"--password={PASSWORD}", guarded.address)
    assert "no terminal" in fails(guarded.address)
    assert "needs --username" in fails("--password-stdin", guarded.address)
    assert "password is empty" in fails("-u", USER, "--password-stdin", guarded.address, input=b"\n")
    assert "is no user name" in fails("-u", "a:b", "--password-stdin", guarded.address, input=b"x")
    assert "is no registry" in fails("-u", USER, "--password-stdin", "no registry", input=b"x")
    assert "more than the 65536 bytes" in fails("-u", USER, "--password-stdin", guarded.address, input=b"x" * 70000)
    assert "connection refused" in fails("-u", USER, "--password-stdin", "127.0.0.1:1", input=b"x")


def test_another_host_gets_no_login(guarded, home, berthctl):
    write_auth(docker_file(home), **{guarded.address: {"auth": PAIR}})
    assert b"can't be passed to another host" in berthctl("-H", "nowhere.invalid", "login", guarded.address, check=False).stderr


def test_a_host_that_is_no_registry(home):
    with BadRegistry() as server:
        server.spoil("^/v2/$", lambda handler: handler.answer(404, {}, b""))
        assert b"there is no registry" in login(server.address, check=False).stderr


def test_only_root_or_the_group_may(guarded, as_user):
    failed = as_user("sh", "-c", f"echo x | berthctl login -u {USER} --password-stdin {guarded.address}", check=False)
    assert failed.returncode == 1 and b"not authorized for that (polkit action org.berth1.manage-images)" in failed.stderr


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *command):
        self.said = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)

    def wait_for(self, text):
        def there():
            with contextlib.suppress(OSError):
                self.said += os.read(self.fd, 4096)
            return text in self.said
        poll(there, 10, text)

    def type(self, data):
        os.write(self.fd, data)

    def end(self):
        with contextlib.suppress(OSError):
            while piece := os.read(self.fd, 4096):
                self.said += piece
        os.close(self.fd)
        return os.waitpid(self.pid, 0)[1]


def test_asking_on_a_terminal(guarded, home):
    terminal = Terminal("berthctl", "login", guarded.address)
    terminal.wait_for(b"User name: ")
    terminal.type(f"{USER}\n".encode())
    terminal.wait_for(b"Password: ")
    terminal.type(b"mistake\x15" + PASSWORD.encode() + "äx".encode() + b"\x7f\x7f\r")    # ctrl-u and backspaces
    assert terminal.end() == 0
    assert b"Logged in" in terminal.said and b"mistake" not in terminal.said and PASSWORD.encode() not in terminal.said
    assert json.loads(docker_file(home).read_text())["auths"][guarded.address] == {"auth": PAIR}


def test_ctrl_c_at_the_password(guarded, home):
    terminal = Terminal("sh", "-c", f"berthctl login -u {USER} {guarded.address}; stty -a; echo over")
    terminal.wait_for(b"Password: ")
    terminal.type(b"x\x03")
    terminal.end()
    assert b" echo " in terminal.said or b"over" not in terminal.said     # the terminal is as it was
    assert not (home / ".docker").exists()


def test_push(guarded, home, pull, berthctl, forget):
    """Its connections are several from the first request on, and each is asked who it is."""
    login(guarded.address)
    pull(guarded.image)
    for i in range(5):
        name = f"{guarded.address}/pushed/r{i}:v1"
        berthctl("tag", guarded.image, name)
        forget(name)
        berthctl("push", "-q", name)
        run("skopeo", "inspect", "--tls-verify=false", "--authfile", docker_file(home), f"docker://{name}")


# --- files ------------------------------------------------------------------------------------------------

def test_the_files_in_their_order(guarded, home, monkeypatch, pull, tmp_path):
    good, bad = {guarded.address: {"auth": PAIR}}, {guarded.address: {"auth": base64.b64encode(b"robin:no").decode()}}
    places = [home / ".docker/config.json", home / ".config/containers/auth.json",
              tmp_path / "run/containers/auth.json", tmp_path / "named.json"]
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "named.json"))
    for place in places:        # each is in front of the one before
        write_auth(place, **good)
        pull(guarded.image)
        write_auth(place, **bad)
        assert b"refuses" in pull(guarded.image, check=False).stderr
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    for place in places[2:]:
        place.unlink()
    for place in (tmp_path / "docker/config.json", tmp_path / "config/containers/auth.json"):
        write_auth(place, **good)
        pull(guarded.image)
        write_auth(place, **bad)


def test_spellings_and_paths(guarded, home, pull):
    for key in (guarded.address, f"https://{guarded.address}/v1/", f"http://{guarded.address}", f"{guarded.address}/secret",
                f"{guarded.address}/secret/image"):
        write_auth(docker_file(home), **{key: {"auth": PAIR}, "other.example": {"auth": "*"}})
        pull(guarded.image)
    for key in (f"{guarded.address}/other", "127.0.0.1", f"{guarded.address}0"):
        write_auth(docker_file(home), **{key: {"auth": PAIR}})
        assert b"needs a login" in pull(guarded.image, check=False).stderr


def test_where_a_login_goes(guarded, home, monkeypatch, tmp_path, berthctl):
    podman = write_auth(home / ".config/containers/auth.json", **{guarded.address: {"auth": "eDp5"}})
    login(guarded.address)
    assert json.loads(podman.read_text())["auths"][guarded.address] == {"auth": PAIR}
    assert not docker_file(home).exists()

    login(guarded.address, arguments=("--authfile", tmp_path / "new/named.json"))
    assert mode(tmp_path / "new/named.json") == 0o600
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "variable.json"))
    login(guarded.address)
    assert guarded.address in (tmp_path / "variable.json").read_text()
    berthctl("logout", guarded.address)       # everywhere
    for path in (podman, tmp_path / "variable.json"):
        assert json.loads(path.read_text())["auths"] == {}
    assert guarded.address in (tmp_path / "new/named.json").read_text()
    berthctl("logout", "--all", "--authfile", tmp_path / "new/named.json")
    assert guarded.address not in (tmp_path / "new/named.json").read_text()


def test_all_else_in_the_file_is_kept(guarded, home, berthctl):
    before = {"HttpHeaders": {"X": "y"}, "detachKeys": "ctrl-q", "auths": {"other.example": {"auth": "eDp5", "email": "e"}},
              "number": 1.5, "list": [1, None, True]}
    docker_file(home).parent.mkdir()
    docker_file(home).write_text(json.dumps(before))
    docker_file(home).chmod(0o644)
    login(guarded.address)
    assert mode(docker_file(home)) == 0o600
    after = json.loads(docker_file(home).read_text())
    assert after["auths"].pop(guarded.address) == {"auth": PAIR} and after == before
    berthctl("logout", guarded.address)
    assert json.loads(docker_file(home).read_text()) == before


def test_a_linked_file_stays_a_link(guarded, home):
    (home / ".docker").mkdir()
    (home / "elsewhere").mkdir()
    docker_file(home).symlink_to("../elsewhere/real.json")
    failed = login(guarded.address, check=False)
    assert b"a link that leads nowhere" in failed.stderr and docker_file(home).is_symlink()
    (home / "elsewhere/real.json").write_text("{}")
    login(guarded.address)
    assert docker_file(home).is_symlink()
    assert PAIR in (home / "elsewhere/real.json").read_text() and mode(home / "elsewhere/real.json") == 0o600


def test_an_owner_stays_the_owner(guarded, home, unprivileged_user):
    write_auth(docker_file(home))
    os.chown(docker_file(home), unprivileged_user.pw_uid, unprivileged_user.pw_gid)
    login(guarded.address)
    assert docker_file(home).stat().st_uid == unprivileged_user.pw_uid and PAIR in docker_file(home).read_text()


@pytest.mark.parametrize("text,words", [
    (b"garbage hunter2", "the credentials are not JSON (line 1, column 7)"),
    (b'{"auths": {"h": "hunter2"}}', 'the credentials of "h" are no object'),
    (b"[]", "not an object"),
    (b" " * (1024 * 1024 + 1), "larger than 1048576 bytes"),
    (b"[" * 100000, "not JSON"),
], ids=["garbage", "entry", "array", "huge", "deep"])
def test_a_bad_file_is_named(guarded, home, pull, text, words):
    (home / ".docker").mkdir()
    docker_file(home).write_bytes(text)
    for failed in (pull(guarded.image, check=False), login(guarded.address, check=False)):
        said = failed.stderr.decode()
        assert failed.returncode == 1 and str(docker_file(home)) in said and words in said and "hunter2" not in said
    assert docker_file(home).read_bytes() == text


def test_a_bad_entry_is_named(guarded, home, pull):
    write_auth(docker_file(home), **{guarded.address: {"auth": "no base64"}})
    said = pull(guarded.image, check=False).stderr.decode()
    assert f"{docker_file(home)}: the entry for {guarded.address} makes no sense" in said


def test_two_logins_at_a_time(guarded, home):
    """Neither loses the other's entry."""
    names = [f"h{i}.example" for i in range(8)]
    with BadRegistry() as server:
        server.spoil("^/v2/$", lambda handler: handler.answer(200, {}, b""))
        hosts = [f"127.0.0.{i}:{server.address.split(':')[1]}" for i in range(1, 2)] + [guarded.address]
        processes = [subprocess.Popen(["berthctl", "login", "-q", "-u", USER, "--password-stdin", f"{hosts[i % 2]}/{name}"],
                                      stdin=subprocess.PIPE) for i, name in enumerate(names)]
        for process in processes:
            process.communicate(PASSWORD.encode())
            assert process.returncode == 0
    assert len(json.loads(docker_file(home).read_text())["auths"]) == 8


# --- with docker, podman and skopeo -------------------------------------------------------------------------

def test_podman_and_skopeo_read_and_write_the_same_files(guarded, home, pull, tmp_path, monkeypatch, berthctl):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for program in ("podman", "skopeo"):
        run(program, "login", "--tls-verify=false", "-u", USER, "--password-stdin", guarded.address, input=PASSWORD.encode())
        pull(guarded.image)
        assert berthctl("login", "--get-login", guarded.address).stdout.decode() == f"{USER}\n"
        login(guarded.address)
        assert run(program, "login", "--get-login", guarded.address).stdout.decode() == f"{USER}\n"
        run(program, "logout", guarded.address)
        assert b"needs a login" in pull(guarded.image, check=False).stderr
        login(guarded.address)
        run("skopeo", "inspect", "--tls-verify=false", f"docker://{guarded.image}")
        berthctl("logout", guarded.address)
        assert run("skopeo", "inspect", "--tls-verify=false", f"docker://{guarded.image}", check=False).returncode != 0


@pytest.fixture
def dockerd():
    run("systemctl", "start", "docker")
    yield
    run("systemctl", "stop", "docker.socket", "docker", "containerd")


def test_docker_reads_and_writes_the_same_file(guarded, home, pull, dockerd, berthctl):
    run("docker", "login", "-u", USER, "--password-stdin", guarded.address, input=PASSWORD.encode())
    pull(guarded.image)
    run("docker", "logout", guarded.address)
    assert b"needs a login" in pull(guarded.image, check=False).stderr

    login(guarded.address)
    run("docker", "pull", "-q", guarded.image)
    run("docker", "rmi", guarded.image)
    berthctl("logout", guarded.address)
    assert run("docker", "pull", "-q", guarded.image, check=False).returncode != 0


# --- helpers ------------------------------------------------------------------------------------------------

HELPER = """#!/usr/bin/python3
import json, os, pathlib, sys, time
folder = pathlib.Path({folder!r})
store = folder / "store.json"
kept = json.loads(store.read_text()) if store.exists() else {{}}
with open(folder / "log", "a") as log:
    print(sys.argv[1], os.environ.get("HOME"), file=log)
text = sys.stdin.read().strip()
if (folder / "broken").exists():
    print("the keyring is locked")
    sys.exit(1)
if (folder / "endless").exists():
    while True:
        os.write(1, b"x" * 65536)
if sys.argv[1] == "list":
    print(json.dumps({{url: entry["Username"] for url, entry in kept.items()}}))
elif sys.argv[1] == "store":
    entry = json.loads(text)
    kept[entry["ServerURL"]] = entry
elif text not in kept:
    print("credentials not found in native keychain")
    sys.exit(1)
elif sys.argv[1] == "get":
    print(json.dumps(kept[text]))
elif sys.argv[1] == "erase":
    del kept[text]
store.write_text(json.dumps(kept))
"""


@pytest.fixture
def helper(tmp_path, monkeypatch, home):
    """docker-credential-test, and the folder that it keeps things in."""
    folder = tmp_path / "helper"
    folder.mkdir()
    program = folder / "docker-credential-test"
    program.write_text(HELPER.format(folder=str(folder)))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


def kept_by(helper):
    return json.loads((helper / "store.json").read_text())


def test_a_helper_for_all(guarded, home, helper, pull, berthctl):
    docker_file(home).parent.mkdir()
    docker_file(home).write_text('{"credsStore": "test"}')
    said = login(guarded.address).stdout.decode()
    assert "kept by docker-credential-test" in said
    assert json.loads(docker_file(home).read_text()) == {"credsStore": "test", "auths": {guarded.address: {}}}
    assert kept_by(helper) == {guarded.address: {"ServerURL": guarded.address, "Username": USER, "Secret": PASSWORD}}
    pull(guarded.image)
    assert berthctl("login", "--get-login", guarded.address).stdout.decode() == f"{USER}\n"
    berthctl("logout", guarded.address)
    assert kept_by(helper) == {} and json.loads(docker_file(home).read_text())["auths"] == {}
    assert b"needs a login" in pull(guarded.image, check=False).stderr


def test_a_helper_for_one_registry(guarded, home, helper, pull, berthctl):
    docker_file(home).parent.mkdir()
    docker_file(home).write_text(json.dumps({"credHelpers": {guarded.address: "test"}, "credsStore": "not-installed"}))
    login(guarded.address)
    pull(guarded.image)
    (helper / "store.json").write_text(json.dumps({guarded.address: kept_by(helper)[guarded.address],
                                                   "https://index.docker.io/v1/": {"Username": "hub", "Secret": "s"}}))
    docker_file(home).write_text(json.dumps({"credHelpers": {"docker.io": "test"}, "auths": {}}))
    assert berthctl("login", "--get-login").stdout == b"hub\n"     # docker.io
    docker_file(home).write_text(json.dumps({"credsStore": "test"}))
    assert b"Logged out of 2 registries" in berthctl("logout", "--all").stdout
    assert kept_by(helper) == {}


def test_a_helper_that_does_not_work(guarded, home, helper, pull):
    (helper / "broken").touch()
    write_auth(docker_file(home), **{guarded.address: {"auth": PAIR}})
    document = json.loads(docker_file(home).read_text())
    docker_file(home).write_text(json.dumps({**document, "credsStore": "test"}))
    pulled = pull(guarded.image)        # with what the file has itself
    assert b"docker-credential-test fails: the keyring is locked" in pulled.stderr
    failed = login(guarded.address, check=False)
    assert failed.returncode == 1 and b"keyring is locked" in failed.stderr
    assert json.loads(docker_file(home).read_text())["auths"] == document["auths"]

    (helper / "broken").unlink()
    (helper / "endless").touch()
    assert b"more than 1048576 bytes" in pull(guarded.image).stderr
    for name, words in (("nowhere", "it is not installed"), ("../../bin/sh", "is no name of a credential helper")):
        docker_file(home).write_text(json.dumps({**document, "credsStore": name}))
        assert words in pull(guarded.image).stderr.decode()


def test_an_identity_token_of_a_helper(server, home, helper, pull):
    tokens = TokenServer(server, {USER: PASSWORD})
    docker_file(home).parent.mkdir()
    docker_file(home).write_text('{"credsStore": "test"}')
    login(server.address)
    entry = kept_by(helper)[server.address]
    assert entry["Username"] == "<token>" and entry["Secret"] in tokens.refresh_tokens
    pull(f"{server.address}/x:latest")


# --- tokens -------------------------------------------------------------------------------------------------

def test_an_identity_token_instead_of_the_password(server, home, pull):
    tokens = TokenServer(server, {USER: PASSWORD})
    login(server.address)
    method, form, _ = tokens.asked[-1]
    assert method == "POST" and form["grant_type"] == "password" and form["access_type"] == "offline"
    assert (form["username"], form["password"], form["service"], form["client_id"]) == (USER, PASSWORD, "test", "berth")
    entry = json.loads(docker_file(home).read_text())["auths"][server.address]
    assert entry["identitytoken"] in tokens.refresh_tokens
    assert base64.b64decode(entry["auth"]).decode() == f"{USER}:"

    tokens.asked.clear()
    pull(f"{server.address}/x:latest")
    (method, form, _), = tokens.asked
    assert method == "POST" and form == {"grant_type": "refresh_token", "client_id": "berth", "service": "test",
                                         "scope": "repository:x:pull", "refresh_token": entry["identitytoken"]}
    tokens.refresh_tokens.clear()
    tokens.revoke()
    said = pull(f"{server.address}/x:latest", check=False).stderr.decode()
    assert f"does not accept the login any more" in said and f"berthctl login {server.address}" in said


def test_docker_hub(authority, registry_test, home, berthctl):
    """Its host is another than its name, and its key in the files is a third."""
    certificate, pair = authority
    with trusted(certificate), BadRegistry(tls=pair, port=443) as hub:
        tokens = TokenServer(hub, {USER: PASSWORD}, realm="https://auth.docker.io/token", refresh=False)
        said = berthctl("login", "-u", USER, "--password-stdin", input=PASSWORD.encode()).stdout
        assert f"Logged in to docker.io as {USER}".encode() in said
        assert [request.headers["Host"] for request in hub.requests] == ["registry-1.docker.io", "auth.docker.io",
                                                                        "registry-1.docker.io"]
        assert json.loads(docker_file(home).read_text()) == {"auths": {"https://index.docker.io/v1/": {"auth": PAIR}}}
        hub.add_image("library/private", "latest", [tar_of({"a": b"hub"})])
        tokens.asked.clear()
        berthctl("pull", "-q", "private")
        assert tokens.asked[0][2] == USER
        berthctl("rmi", "private")
        for name in ("docker.io", "index.docker.io", "https://index.docker.io/v1/"):
            assert berthctl("login", "--get-login", name).stdout.decode() == f"{USER}\n"
        berthctl("logout")
        assert json.loads(docker_file(home).read_text()) == {"auths": {}}


@pytest.mark.parametrize("answer", [401, 404, 405])
def test_a_token_server_without_forms(server, home, pull, answer):
    tokens = TokenServer(server, {USER: PASSWORD}, forms=answer)
    login(server.address)
    assert [method for method, _, _ in tokens.asked] == ["POST", "GET"]
    assert tokens.asked[1][1]["offline_token"] == "true" and tokens.asked[1][2] == USER
    assert "identitytoken" in json.loads(docker_file(home).read_text())["auths"][server.address]
    tokens.refresh = False
    login(server.address)
    assert json.loads(docker_file(home).read_text())["auths"][server.address] == {"auth": PAIR}
    tokens.asked.clear()
    pull(f"{server.address}/x:latest")
    (method, query, name), = tokens.asked
    assert method == "GET" and name == USER and query == {"service": "test", "account": USER, "scope": "repository:x:pull"}


def test_a_wrong_password_at_the_token_server(server, home):
    TokenServer(server, {USER: PASSWORD})
    said = login(server.address, "wrong", check=False).stderr.decode()
    assert 'it says "incorrect user name or password"' in said and not (home / ".docker").exists()


def test_a_token_that_ends_in_mid_pull(server, home, pull):
    """The registry takes no notice of the end of its token's time, but refuses one that was taken back."""
    noise = os.urandom(3_000_000)
    server.add_image("big", "latest", [tar_of({"a": noise}), tar_of({"b": noise[::-1]})])
    tokens = TokenServer(server, {USER: PASSWORD})
    write_auth(docker_file(home), **{server.address: {"auth": PAIR}})

    def take_back(handler):
        tokens.revoke()
        return PROPER
    server.spoil("/blobs/", take_back, times=2)
    pull(f"{server.address}/big:latest")
    assert len(tokens.asked) >= 3


def test_a_refresh_token_that_is_good_for_one_use(server, home, pull):
    tokens = TokenServer(server, {USER: PASSWORD}, lifetime=1)
    login(server.address)
    tokens.rotate = True

    def slow(handler):
        time.sleep(1.2)
        return PROPER
    server.spoil("/manifests/", slow)
    pull(f"{server.address}/x:latest")
    assert len(tokens.refresh_tokens) == 1 and len(tokens.asked) > 2


def test_a_token_is_renewed_before_it_runs_out(server, home, pull):
    tokens = TokenServer(server, {USER: PASSWORD}, lifetime=1)
    write_auth(docker_file(home), **{server.address: {"auth": PAIR}})

    def slow(handler):
        time.sleep(1.2)
        return PROPER
    server.spoil("/manifests/", slow)
    pull(f"{server.address}/x:latest")
    # The registry never said 401 but once.
    assert len(tokens.asked) >= 2
    refused = [request for request in server.requests if request.path.startswith("/v2/")
               and "Authorization" not in request.headers]
    assert len(refused) == 1


def test_the_realm_elsewhere(server, home, pull):
    """The token server is the registry's choice; nobody else gets the token or the password."""
    with BadRegistry() as other:
        tokens = TokenServer(other, {USER: PASSWORD}, refresh=False)
        server.spoil("^/v2/", lambda handler: PROPER if handler.headers.get("Authorization", "")[7:] in tokens.tokens else
                     handler.answer(401, {"WWW-Authenticate": f'Bearer realm="{other.url}/token",service="test"'}, b""))
        write_auth(docker_file(home), **{server.address: {"auth": PAIR}, other.address: {"auth": "eDp5"}})
        pull(f"{server.address}/x:latest")
        assert tokens.asked[0][2] == USER
        assert all("Basic" not in request.headers.get("Authorization", "") for request in server.requests)


# --- who gets what --------------------------------------------------------------------------------------------

@contextlib.contextmanager
def registries_conf(text):
    path = pathlib.Path("/etc/berth/registries.conf.d/90-test-login.conf")
    made = [folder for folder in (path.parent, path.parent.parent) if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    try:
        yield
    finally:
        path.unlink()
        for folder in made:
            folder.rmdir()


def test_each_mirror_gets_its_own(guarded, home, server, pull):
    """A mirror is shown what is there for it, and the registry what is there for the registry."""
    shown = base64.b64encode(b"mirror:m").decode()
    server.spoil("^/v2/", lambda handler: handler.answer(
        500 if handler.headers.get("Authorization") else 401, {"WWW-Authenticate": "Basic realm=m"}, b""))
    write_auth(docker_file(home), **{guarded.address: {"auth": PAIR}, f"{server.address}/hub": {"auth": shown}})
    with registries_conf(f"[Registry {guarded.address}]\nMirror={server.address}/hub\n"):
        pull(guarded.image)
    assert {request.headers.get("Authorization") for request in server.requests} == {None, f"Basic {shown}"}

    server.requests.clear()
    write_auth(docker_file(home), **{guarded.address: {"auth": PAIR}, f"{server.address}/other": {"auth": shown}})
    with registries_conf(f"[Registry {guarded.address}]\nMirror={server.address}/hub\n"):
        pull(guarded.image)
    assert {request.headers.get("Authorization") for request in server.requests} == {None}


@pytest.fixture
def system_file():
    path = pathlib.Path("/etc/berth/auth.json")
    there = path.parent.exists()
    yield path
    path.unlink(missing_ok=True)
    if not there:
        path.parent.rmdir()


def test_the_machine_s_login(guarded, home, pull, system_file, berthctl):
    login(guarded.address, arguments=("--system",))
    assert mode(system_file) == 0o600 and system_file.parent.stat().st_mode & 0o005 == 0o005
    pull(guarded.image)
    berthctl("rmi", guarded.image)
    refused = berthctl("pull", "-q", "--insecure", guarded.image, check=False)     # might be anybody's machine
    assert b"needs a login" in refused.stderr
    write_auth(docker_file(home), **{guarded.address: {"auth": base64.b64encode(b"robin:no").decode()}})
    assert b"refuses" in pull(guarded.image, check=False).stderr    # the caller's own goes before
    docker_file(home).unlink()
    system_file.write_text("garbage")
    assert b"/etc/berth/auth.json: the credentials are not JSON" in pull(guarded.image, check=False).stderr
    system_file.write_text("{}")
    assert b"needs a login" in pull(guarded.image, check=False).stderr
    login(guarded.address, arguments=("--system",))
    berthctl("logout", "--system", guarded.address)
    assert json.loads(system_file.read_text()) == {"auths": {}}


def test_descriptors_that_are_no_credentials(guarded, tmp_path):
    def fails(descriptor, kind):
        import dbus                     # not needed by the tests that run outside
        bus = dbus.SystemBus()
        manager = dbus.Interface(bus.get_object("org.berth1", "/org/berth1"), "org.berth1.Manager")
        path = manager.LoginRegistry(guarded.address, {"Credentials": dbus.types.UnixFd(descriptor)})
        job = dbus.Interface(bus.get_object("org.berth1", path), "org.berth1.Job")
        with pytest.raises(dbus.DBusException) as caught:
            job.Wait()
        assert caught.value.get_dbus_name() == f"org.berth1.Error.{kind}"
        return str(caught.value)
    reading, writing = os.pipe()
    assert "not a file in memory" in fails(reading, "InvalidArgument")
    os.close(reading)
    os.close(writing)
    with open(tmp_path / "garbage", "w+", encoding="utf-8") as file:
        file.write("garbage")
        file.flush()
        assert "not JSON" in fails(file.fileno(), "InvalidArgument")
        file.truncate(2_000_000)
        assert "larger than" in fails(file.fileno(), "LimitExceeded")
    with open("/dev/null", "rb") as null:
        fails(null.fileno(), "InvalidArgument")


def test_a_login_needs_credentials(guarded):
    failed = run("busctl", "call", "org.berth1", "/org/berth1", "org.berth1.Manager", "LoginRegistry", "sa{sv}", guarded.address,
                 "0", check=False)
    assert b"needs the option Credentials" in failed.stderr


# --- nobody else sees any of it ---------------------------------------------------------------------------------

def process_texts():
    """Command lines and environments of all processes but this one."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        if int(folder.name) != os.getpid():
            for name in ("cmdline", "environ"):
                with contextlib.suppress(OSError):
                    yield (folder / name).read_bytes()


def test_nobody_sees_the_password(guarded, home, pull, tmp_path, berthctl):
    """Neither the bus, the journal, the processes' arguments and environments, nor the store."""
    seen = set()
    since = f"@{time.time():.0f}"
    done = threading.Event()

    def look():
        while not done.is_set():
            seen.update(process_texts())
            time.sleep(0.01)
    with open(tmp_path / "bus", "wb") as record:
        monitor = subprocess.Popen(["busctl", "--system", "monitor", "--json=short"], stdout=record, stderr=subprocess.DEVNULL)
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        time.sleep(0.5)
        login(guarded.address)
        pull(guarded.image)
        berthctl("logout", guarded.address)
        time.sleep(0.5)
    finally:
        done.set()
        watcher.join()
        monitor.terminate()
        monitor.wait()
    bus = (tmp_path / "bus").read_text()
    assert "LoginRegistry" in bus and "PullImage" in bus and any(b"berth-worker" in text for text in seen)
    journal = run("journalctl", "--since", since, "--no-pager", "-o", "export").stdout.decode(errors="replace")
    found = run("grep", "-rlaF", PAIR, "/var/lib/berth", "/run/berth", "/run/log/journal", "/var/log/journal", check=False).stdout
    assert found == b""
    for secret in SECRETS:
        assert secret not in bus and secret not in journal
        assert not any(secret.encode() in text for text in seen)


def test_the_debug_log_has_no_secrets(server, home, tmp_path):
    TokenServer(server, {USER: PASSWORD})
    secret = "?X-Amz-Signature=abcdef"
    server.spoil("/blobs/", lambda handler: PROPER if "Signature" in handler.path
                 else handler.answer(307, {"Location": handler.path + secret}, b""))
    job = WorkerJob("pull", tmp_path / "state", environment={"BERTH_LOG_LEVEL": "7"}, Reference=f"{server.address}/x:latest",
                    credentials={"auths": {server.address: {"auth": PAIR}}})
    said = []
    job.process.stderr = Recorder(job.process.stderr, said)
    job.wait()
    text = "".join(said)
    assert "/blobs/sha256:" in text and "with a token" in text
    shown = [request.headers["Authorization"].split(" ")[1] for request in server.requests if "Authorization" in request.headers]
    assert len(shown) > 2
    for word in (*SECRETS, "abcdef", "Signature", "account=", *shown):
        assert word not in text


class Recorder:
    def __init__(self, stream, said):
        self.stream, self.said = stream, said

    def read(self):
        data = self.stream.read()
        self.said.append(data.decode(errors="replace"))
        return data

WITHOUT_PTRACE = ("setpriv", "--bounding-set=-sys_ptrace", "--")


def can_be_read(pid):
    """By another process of the same user, which has no right to trace any process."""
    return run(*WITHOUT_PTRACE, "readlink", f"/proc/{pid}/exe", check=False).returncode == 0


def is_protected(pid):
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    return bool(re.search(r"Max core file size\s+0\s+0 ", limits)) and not can_be_read(pid)


@pytest.fixture
def cores_allowed():
    """What the tests start may write core files of any size."""
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    with subprocess.Popen([*WITHOUT_PTRACE, "sleep", "60"]) as control:
        poll(lambda: can_be_read(control.pid), 5, "what is not protected")
        yield
        control.kill()
    resource.setrlimit(resource.RLIMIT_CORE, before)


def test_a_worker_with_credentials_can_t_be_read(server, tmp_path, cores_allowed):
    """In mid-pull nobody may read its memory, and what makes core dumps makes none of it."""
    release = threading.Event()
    server.add_image("big", "latest", [tar_of({"a": os.urandom(500_000)})])
    TokenServer(server, {USER: PASSWORD})
    server.spoil("/blobs/", lambda handler: stall(1000, release)(handler) if "Authorization" in handler.headers else PROPER,
                 times=1)
    job = WorkerJob("pull", tmp_path / "state", Reference=f"{server.address}/big:latest",
                    credentials={"auths": {server.address: {"auth": PAIR}}})
    poll(lambda: server.requests_for("/blobs/"), 10, "the pull")
    assert is_protected(job.process.pid)
    job.process.send_signal(signal.SIGQUIT)
    _, status = os.waitpid(job.process.pid, 0)
    release.set()
    job.process.returncode = status
    job.socket.close()
    assert os.WTERMSIG(status) == signal.SIGQUIT and not os.WCOREDUMP(status)


def test_berthctl_can_t_be_read_at_a_login(guarded, home, cores_allowed):
    terminal = Terminal("berthctl", "login", "-u", USER, guarded.address)
    terminal.wait_for(b"Password: ")
    assert is_protected(terminal.pid)
    terminal.type(b"\x04")
    terminal.end()
