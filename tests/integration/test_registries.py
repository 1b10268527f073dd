"""registries.conf(5): names, mirrors, what is insecure or blocked; certs.d; searching. The worker is run by itself, on a
store of the test's own, but where the way through berthd is what matters."""

import contextlib
import pathlib
import random
import re
import shutil
import socket
import ssl
import tempfile

import pytest

from badregistry import PROPER, BadRegistry, bearer, changed, cut, redirect, status
from conftest import run
from ociimage import tar_of
from workerjob import WorkerError, WorkerJob

BIG = tar_of({"noise": random.Random(2).randbytes(3_000_000)})
CONF = pathlib.Path("/etc/berth/registries.conf")
CERTS = pathlib.Path("/etc/berth/certs.d")


@pytest.fixture
def state():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="berth-registries-", dir="/var/tmp"))
    yield folder / "state"
    shutil.rmtree(folder)


@pytest.fixture
def conf():
    """conf(TEXT) writes registries.conf."""
    CONF.parent.mkdir(exist_ok=True)
    yield lambda text: CONF.write_text(text)
    CONF.unlink(missing_ok=True)
    shutil.rmtree("/etc/berth/registries.conf.d", ignore_errors=True)


@pytest.fixture
def servers():
    """servers(n): so many registries."""
    with contextlib.ExitStack() as stack:
        yield lambda n: [stack.enter_context(BadRegistry()) for _ in range(n)]


def pull(state, reference, **request):
    return WorkerJob("pull", state, Reference=reference, **request).wait()


def fails(state, reference, kind, **request):
    with pytest.raises(WorkerError) as caught:
        pull(state, reference, **request)
    assert caught.value.kind == kind, caught.value
    return caught.value.message


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


# --- mirrors ------------------------------------------------------------------------------------------------

def test_mirror_with_a_path_is_asked_alone(servers, conf, state):
    mirror, origin = servers(2)
    mirror.add_image("hub/a/x", "latest", [BIG])
    conf(f"[Registry {origin.address}]\nMirror={mirror.address}/hub\n")
    result = pull(state, f"{origin.address}/a/x:latest")
    assert result["Images"][0]["Names"] == [f"{origin.address}/a/x:latest"]
    assert origin.requests == []
    assert all(request.path.startswith("/v2/hub/a/x/") for request in mirror.requests)


def test_mirrors_in_order_and_the_registry_last(servers, conf, state):
    first, second, origin = servers(3)
    down = f"127.0.0.1:{free_port()}"
    origin.add_image("x", "latest", [BIG])
    second.spoil("", status(503))
    conf(f"[Registry {origin.address}]\nMirror={down} {first.address}\nMirror={second.address}\n")
    pull(state, f"{origin.address}/x:latest")
    assert len(first.requests_for("/manifests/")) == 1
    assert len(second.requests) == 1        # what it can't do is not asked of it again …
    assert len(first.requests_for("/blobs/")) == 2      # … unlike what it does not have
    assert len(origin.requests_for("/blobs/")) == 2


@pytest.mark.parametrize("answer", [status(404), status(500), status(401), status(403), status(429),
                                    status(401, WWW_Authenticate='Bearer realm="http://127.0.0.1:1/token"'),
                                    cut(10), changed(lambda body: body[:-1]), changed(lambda body: b"")])
def test_whatever_a_mirror_answers_the_registry_is_there(servers, conf, state, answer):
    mirror, origin = servers(2)
    for server in (mirror, origin):
        server.add_image("x", "latest", [BIG])
    mirror.spoil("", answer)
    conf(f"[Registry {origin.address}]\nMirror={mirror.address}\n")
    pull(state, f"{origin.address}/x:latest")
    assert mirror.requests and origin.requests


def test_a_blob_goes_on_at_the_registry(servers, conf, state):
    mirror, origin = servers(2)
    for server in (mirror, origin):
        image = server.add_image("x", "latest", [BIG])
    layer, = origin.layers_of(image)
    mirror.spoil(layer, cut(1_000_000), times=1)
    conf(f"[Registry {origin.address}]\nMirror={mirror.address}\n")
    pull(state, f"{origin.address}/x:latest")
    request, = origin.requests_for(layer)
    start = int(re.fullmatch(r"bytes=(\d+)-", request.headers["Range"])[1])
    assert 0 < start <= 1_000_000
    assert len(origin.requests) == 1        # all else came from the mirror


def test_a_damaged_blob_is_fetched_elsewhere(servers, conf, state):
    mirror, origin = servers(2)
    for server in (mirror, origin):
        image = server.add_image("x", "latest", [BIG])
    layer, = origin.layers_of(image)
    mirror.blobs[layer] = mirror.blobs[layer][:-20] + bytes(20)
    conf(f"[Registry {origin.address}]\nMirror={mirror.address}\n")
    pull(state, f"{origin.address}/x:latest")
    assert "Range" not in origin.requests_for(layer)[0].headers


def test_a_mirror_can_say_what_a_tag_means_but_not_a_digest(servers, conf, state):
    mirror, origin = servers(2)
    new = origin.add_image("x", "latest", [tar_of({"a": b"new"})])
    old = mirror.add_image("x", "latest", [tar_of({"a": b"old"})])
    mirror.manifests["x", new["digest"]] = mirror.manifests["x", old["digest"]]
    conf(f"[Registry {origin.address}]\nMirror={mirror.address}\n")
    assert pull(state, f"{origin.address}/x:latest")["Images"][0]["Record"]["Digest"] == old["digest"]
    result = pull(state, f"{origin.address}/x@{new['digest']}")
    assert result["Images"][0]["Record"]["Digest"] == new["digest"]


def test_mirror_only(servers, conf, state):
    mirror, origin = servers(2)
    origin.add_image("x", "latest", [BIG])
    text = f"[Registry {origin.address}]\nMirror={mirror.address}\nMirrorOnly="
    conf(f"{text}yes\n")
    message = fails(state, f"{origin.address}/x:latest", "NoSuchImage")
    assert message == (f"cannot pull {origin.address}/x:latest: no mirror of {origin.address} gives it "
                       f"(mirror {mirror.address}: it does not have it)")
    assert origin.requests == []
    conf(f"{text}no\n")
    pull(state, f"{origin.address}/x:latest")


def test_the_error_tells_what_each_said(servers, conf, state):
    first, second, origin = servers(3)
    down = f"127.0.0.1:{free_port()}"
    second.spoil("", status(500))
    conf(f"[Registry {origin.address}]\nMirror={down} {first.address} {second.address}\n")
    assert fails(state, f"{origin.address}/x:latest", "NoSuchImage") == (
        f"cannot pull {origin.address}/x:latest: the registry says it does not exist, or needs a login "
        f"(mirror {down}: connection refused; mirror {first.address}: it does not have it; "
        f"mirror {second.address}: HTTP status 500)")


def test_all_are_tried_again(servers, conf, state):
    mirror, origin = servers(2)
    for server in (mirror, origin):
        server.add_image("x", "latest", [BIG])
    mirror.spoil("/blobs/", cut(100), times=2)
    origin.spoil("", status(503), times=2)
    conf(f"[Registry {origin.address}]\nMirror={mirror.address}\n")
    pull(state, f"{origin.address}/x:latest")


def test_credentials_go_to_whom_they_are_for(servers, conf, state):
    mirror, origin = servers(2)
    secrets = {mirror: "bWlycm9yOm1pcnJvcg==", origin: "b3JpZ2luOm9yaWdpbg=="}
    origin.add_image("x", "latest", [BIG])

    def basic(secret):
        def rule(handler):
            if handler.headers.get("Authorization") == f"Basic {secret}":
                return PROPER
            handler.answer(401, {"WWW-Authenticate": "Basic"}, b"")
            return None
        return rule
    for server in (mirror, origin):
        server.spoil("", basic(secrets[server]))
    conf(f"[Registry {origin.address}]\nMirror={mirror.address}\n")
    credentials = {"auths": {server.address: {"auth": secret} for server, secret in secrets.items()}}
    WorkerJob("pull", state, Reference=f"{origin.address}/x:latest", credentials=credentials).wait()
    for server, secret in secrets.items():
        sent = {request.headers.get("Authorization") for request in server.requests}
        assert sent == {None, f"Basic {secret}"}


def test_a_redirect_of_a_mirror_does_not_leak_its_token(servers, conf, state):
    mirror, origin, storage = servers(3)
    mirror.add_image("x", "latest", [BIG])
    storage.blobs = mirror.blobs
    mirror.spoil("/blobs/", redirect(lambda path: storage.url + path))
    mirror.spoil("/v2/", bearer(f"{mirror.url}/token", "t"))
    mirror.spoil("^/token", status(200, b'{"token": "t"}'))
    conf(f"[Registry {origin.address}]\nMirror={mirror.address}\n")
    pull(state, f"{origin.address}/x:latest")
    assert origin.requests == [] and len(storage.requests) == 2
    assert not any("Authorization" in request.headers for request in storage.requests)


# --- blocked, insecure ----------------------------------------------------------------------------------------

def test_blocked(servers, conf, state):
    server, mirror = servers(2)
    server.add_image("bad/x", "latest", [BIG])
    server.add_image("good/x", "latest", [BIG])
    conf(f"[Registry {server.address}/bad]\nBlocked=yes\n[Registry {mirror.address}]\nBlocked=yes\n"
         f"[Registry {server.address}]\nMirror={mirror.address}\n")
    message = fails(state, f"{server.address}/bad/x:latest", "AccessDenied")
    assert message == (f"cannot pull {server.address}/bad/x:latest: it is blocked by the administrator "
                       f"(Blocked= in [Registry {server.address}/bad] of registries.conf)")
    assert server.requests == []
    pull(state, f"{server.address}/good/x:latest")
    assert mirror.requests == []


def test_rejected(servers, conf, state):
    server, = servers(1)
    server.add_image("x", "latest", [BIG])
    conf(f"[Registry *]\nPolicy=reject\n[Registry {server.address}]\nPolicy=accept\n")
    assert "(Policy= in [Registry *] of registries.conf)" in fails(state, "quay.io/x:latest", "AccessDenied")
    pull(state, f"{server.address}/x:latest")


def test_a_mistake_is_an_error(servers, conf, state):
    server, = servers(1)
    server.add_image("x", "latest", [BIG])
    conf(f"# mine\n[Registry {server.address}]\nBlokced=yes\n")
    message = fails(state, f"{server.address}/x:latest", "InvalidArgument")
    assert message.endswith("/etc/berth/registries.conf:3: unknown key \"Blokced\" in [Registry]")
    assert server.requests == []


def test_drop_ins(servers, conf, state):
    server, = servers(1)
    conf("[Registry *]\nBlocked=yes\n")
    folder = pathlib.Path("/etc/berth/registries.conf.d")
    folder.mkdir()
    (folder / "10-here.conf").write_text(f"[Registry {server.address}]\nBlocked=no\n")
    server.add_image("x", "latest", [BIG])
    pull(state, f"{server.address}/x:latest")
    assert "blocked" in fails(state, "localhost:1/x:latest", "AccessDenied")


@pytest.fixture
def names():
    """registry.test and other.test mean this host."""
    hosts = pathlib.Path("/etc/hosts")
    before = hosts.read_text() if hosts.exists() else ""
    hosts.write_text(f"{before}\n127.0.0.1 registry.test other.test\n")
    yield "registry.test"
    hosts.write_text(before)


def test_insecure(names, conf, state):
    with BadRegistry(host=names) as server:
        server.add_image("a/x", "latest", [BIG])
        conf(f"[Registry {server.address}/a]\nInsecure=yes\n")
        pull(state, f"{server.address}/a/x:latest")
        conf("[Registry *.test]\nInsecure=yes\n")
        pull(state, f"{server.address}/a/x:latest")
        conf(f"[Registry {server.address}/b]\nInsecure=yes\n")
        assert "over HTTPS" in fails(state, f"{server.address}/a/x:latest", "Registry")


def test_an_insecure_mirror_says_so_itself(names, servers, conf, state):
    origin, = servers(1)
    with BadRegistry(host=names) as mirror:
        mirror.add_image("x", "latest", [BIG])
        text = f"[Registry {origin.address}]\nMirror={mirror.address}\nMirrorOnly=yes\n"
        conf(text)
        assert f"mirror {mirror.address}: " in fails(state, f"{origin.address}/x:latest", "Registry")
        assert mirror.requests == []
        conf(f"{text}[Registry {mirror.address}]\nInsecure=yes\n")
        pull(state, f"{origin.address}/x:latest")


# --- certs.d ----------------------------------------------------------------------------------------------------

class Authority:
    """A certificate authority of the test's own."""

    def __init__(self, folder, name):
        self.folder, self.certificate = folder, folder / f"{name}.crt"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", self.certificate)

    def issue(self, name, alternative=None):
        """(certificate, key) for this name."""
        request, certificate, key = (self.folder / f"{name}.{kind}" for kind in ("csr", "cert", "issued.key"))
        run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", key, "-out", request)
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternative or 'DNS:' + name}\n")
        run("openssl", "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey",
            self.certificate.with_suffix(".key"), "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certificate)
        return certificate, key


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "berth-test")


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("registry.test", "DNS:registry.test,DNS:other.test")


@pytest.fixture
def certs():
    """certs(HOST, {name: file}, folder=…) fills a certs.d."""
    made = []

    def fill(host, files, folder=CERTS):
        target = pathlib.Path(folder) / host
        target.mkdir(parents=True)
        made.append(target)
        for name, source in files.items():
            if source is None:
                (target / name).write_text("")
            else:
                shutil.copy(source, target / name)
                (target / name).chmod(0o600)
    yield fill
    for target in made:
        shutil.rmtree(target, ignore_errors=True)


def demand_certificates(server, pair, authority):
    """The server wants client certificates of this authority."""
    server.server.socket.context.load_verify_locations(authority.certificate)
    server.server.socket.context.verify_mode = ssl.CERT_REQUIRED


@pytest.mark.parametrize("folder", [CERTS, "/etc/docker/certs.d", "/etc/containers/certs.d"])
def test_private_authority(names, authority, pair, certs, state, folder):
    with BadRegistry(tls=pair, host=names) as server:
        server.add_image("x", "latest", [BIG])
        name = f"{server.address}/x:latest"
        message = fails(state, name, "Registry")
        assert f"cannot trust the certificate of registry {server.address}: " in message
        assert f"/etc/berth/certs.d/{server.address}/" in message
        certs(server.address, {"ca.crt": authority.certificate}, folder)
        pull(state, name)


def test_our_own_folder_comes_first(names, authority, pair, certs, state):
    with BadRegistry(tls=pair, host=names) as server:
        server.add_image("x", "latest", [BIG])
        certs(server.address, {"ca.crt": authority.certificate}, "/etc/docker/certs.d")
        certs(server.address, {"readme": None})
        assert "cannot trust" in fails(state, f"{server.address}/x:latest", "Registry")


def test_authority_of_one_host_is_not_that_of_others(names, authority, pair, certs, state):
    with BadRegistry(tls=pair, host=names) as server:
        server.add_image("x", "latest", [BIG])
        certs(server.address, {"ca.crt": authority.certificate})
        other = server.address.replace("registry.test", "other.test")
        assert "cannot trust" in fails(state, f"{other}/x:latest", "Registry")


def test_client_certificate(names, authority, pair, certs, state):
    client = authority.issue("client")
    with BadRegistry(tls=pair, host=names) as server:
        demand_certificates(server, pair, authority)
        server.add_image("x", "latest", [BIG])
        name = f"{server.address}/x:latest"
        certs(server.address, {"ca.crt": authority.certificate})
        fails(state, name, "Registry")
        assert server.requests == []
        shutil.rmtree(CERTS / server.address)
        certs(server.address, {"ca.crt": authority.certificate, "client.cert": client[0], "client.key": client[1]})
        pull(state, name)


@pytest.mark.parametrize("half,other", [("client.cert", "client.key"), ("client.key", "client.cert")])
def test_half_a_client_certificate(names, authority, pair, certs, state, half, other):
    with BadRegistry(tls=pair, host=names) as server:
        certs(server.address, {half: None})
        message = fails(state, f"{server.address}/x:latest", "InvalidArgument")
        assert f"{CERTS}/{server.address}/{half} has no {other} beside it" in message


def test_a_redirect_does_not_get_the_client_certificate(names, authority, pair, certs, state):
    client = authority.issue("client")
    seen = []
    with BadRegistry(tls=pair, host=names) as server, BadRegistry(tls=pair, host="other.test") as storage:
        demand_certificates(server, pair, authority)
        storage.server.socket.context.load_verify_locations(authority.certificate)
        storage.server.socket.context.verify_mode = ssl.CERT_OPTIONAL
        server.add_image("x", "latest", [BIG])
        storage.blobs = server.blobs

        def look(handler):
            seen.append(handler.connection.getpeercert())
            return PROPER
        storage.spoil("", look)
        server.spoil("/blobs/", redirect(lambda path: storage.url + path))
        certs(server.address, {"ca.crt": authority.certificate, "client.cert": client[0], "client.key": client[1]})
        certs(storage.address, {"ca.crt": authority.certificate})
        pull(state, f"{server.address}/x:latest")
        assert len(seen) == 2 and not any(seen)
