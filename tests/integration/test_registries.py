"""registries.conf(5): names, mirrors, what is insecure or blocked; certs.d; searching. The worker is run by itself, on a
store of the test's own, but where the way through berthd is what matters."""

import contextlib
import json
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
from ociimage import OciImage, tar_of
from workerjob import WorkerError, WorkerJob, pull

BIG = tar_of({"noise": random.Random(2).randbytes(3_000_000)})
CONF = pathlib.Path("/etc/berth/registries.conf")
CERTS = pathlib.Path("/etc/berth/certs.d")


@pytest.fixture
def servers():
    """servers(n): so many registries."""
    with contextlib.ExitStack() as stack:
        yield lambda n: [stack.enter_context(BadRegistry()) for _ in range(n)]


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


def test_mirror_only_without_mirrors(servers, conf, state):
    blocked, origin = servers(2)
    origin.add_image("x", "latest", [BIG])
    rule = f"[Registry {origin.address}]\nMirrorOnly=yes\n"
    for text in (rule, f"{rule}Mirror={blocked.address}\n[Registry {blocked.address}]\nBlocked=yes\n"):
        conf(text)
        assert "only mirrors of" in fails(state, f"{origin.address}/x:latest", "AccessDenied")
    assert blocked.requests == [] and origin.requests == []


def test_the_error_tells_what_each_said(servers, conf, state):
    first, second, origin = servers(3)
    down = f"127.0.0.1:{free_port()}"
    second.spoil("", status(500))
    conf(f"[Registry {origin.address}]\nMirror={down} {first.address} {second.address}\n")
    assert fails(state, f"{origin.address}/x:latest", "NoSuchImage") == (
        f"cannot pull {origin.address}/x:latest: the registry says it does not exist, or needs a login "
        f"(mirror {down}: connection refused; mirror {first.address}: it does not have it; "
        f"mirror {second.address}: HTTP status 500)")


def test_pushes_go_to_the_registry_itself(servers, conf, state):
    mirror, origin = servers(2)
    mirror.add_image("x", "latest", [BIG])
    conf(f"[Registry {origin.address}]\nMirror={mirror.address}\nMirrorOnly=yes\n")
    name = f"{origin.address}/x:latest"
    record = pull(state, name)["Images"][0]["Record"]
    before = len(mirror.requests)
    WorkerJob("push", state, Records=[record["Digest"].split(":")[1]], Names=[name], Reference=name).wait()
    assert ("x", "latest") in origin.manifests and len(mirror.requests) == before


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
        assert "it may want a client certificate" in fails(state, name, "Registry")
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


def test_a_client_certificate_of_no_use(names, authority, pair, certs, state):
    with BadRegistry(tls=pair, host=names) as server:
        certs(server.address, {"ca.crt": authority.certificate, "client.cert": None, "client.key": None})
        assert fails(state, f"{server.address}/x:latest", "Registry") == (
            f"cannot reach registry {server.address}: its client certificate or key in certs.d is of no use")


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


# --- names ------------------------------------------------------------------------------------------------------

@pytest.fixture
def fresh_berthd(conf):
    """fresh_berthd(TEXT): a berthd that has read this."""
    def restart(text):
        conf(text)
        run("systemctl", "restart", "berthd")
    yield restart
    CONF.unlink(missing_ok=True)
    run("systemctl", "restart", "berthd")


def test_default_registry_and_aliases(servers, fresh_berthd, berthctl):
    server, = servers(1)
    server.add_image("team/x", "latest", [tar_of({"a": b"one"})])
    server.add_image("web/front", "2", [tar_of({"a": b"two"})])
    server.add_image("web/front", "3", [tar_of({"a": b"three"})])
    fresh_berthd("")
    CONF.write_text(f"[Names]\nDefault={server.address}\nAlias=web {server.address}/web/front:2\n")
    run("systemctl", "reload", "berthd")
    for name in ("team/x", "web", "web:3"):
        berthctl("pull", "-q", name)
    names = ["team/x:latest", "web/front:2", "web/front:3"]
    listed = berthctl("images", "--format", "{{.Name}}").stdout.decode().split()
    assert set(names) <= set(listed)
    berthctl("rmi", "web", "web/front:3", "team/x")
    listed = berthctl("images", "--format", "{{.Name}}").stdout.decode().split()
    assert not set(names) & set(listed)


def test_a_broken_file_stops_nothing_but_registries(servers, fresh_berthd, berthctl):
    server, = servers(1)
    server.add_image("x", "latest", [tar_of({"a": b"one"})])
    berthctl("pull", "-q", f"{server.address}/x")
    fresh_berthd("[Names]\nDefalut=quay.io\n")
    assert f"{server.address}/x:latest" in berthctl("images").stdout.decode()
    result = berthctl("pull", f"{server.address}/x", check=False)
    assert result.returncode != 0
    assert f"{CONF}:2: unknown key \"Defalut\" in [Names]" in result.stderr.decode()
    assert "nothing can be pulled or pushed until that is mended" in run(
        "journalctl", "-u", "berthd", "-n", "20", "--no-pager").stdout.decode()
    berthctl("rmi", f"{server.address}/x")


# --- searching ----------------------------------------------------------------------------------------------------

def search(state, reference, term, **request):
    with tempfile.TemporaryFile() as output:
        WorkerJob("search", state, files=[output], Reference=reference, Term=term, **request).wait()
        output.seek(0)
        return json.load(output)


def search_fails(state, reference, term, kind, **request):
    with pytest.raises(WorkerError) as caught:
        search(state, reference, term, **request)
    assert caught.value.kind == kind, caught.value
    return caught.value.message


def hub_answer(*results):
    words = ("name", "description", "star_count", "is_official", "is_automated")
    body = json.dumps({"num_results": len(results), "results": [dict(zip(words, result)) for result in results]})
    return status(200, body.encode(), Content_Type="application/json")


HUB = hub_answer(("debian", "An \x1b[31mofficial\nimage", 5000, True, False), ("team/debian-web", "", 3, False, True),
                 ("other/debian", None, 1, False, False))


def test_search_by_term(servers, state):
    server, = servers(1)
    server.spoil("^/v1/search", HUB)
    found = search(state, server.address, "deb ian&n=7", Limit=10)
    assert [result["Name"] for result in found] == [f"{server.address}/{name}" for name in
                                                    ("debian", "team/debian-web", "other/debian")]
    assert found[0] == {"Name": f"{server.address}/debian", "Description": "An \x1b[31mofficial\nimage", "Stars": 5000,
                        "Official": True, "Automated": False}
    assert [request.path for request in server.requests] == ["/v1/search?q=deb%20ian%26n%3D7&n=10"]
    assert len(search(state, server.address, "debian", Limit=2)) == 2


@pytest.mark.parametrize("filters,names", [(["stars=3"], ["debian", "team/debian-web"]), (["is-official=true"], ["debian"]),
                                           (["is-official=false", "stars=2"], ["team/debian-web"]),
                                           (["is-automated=yes"], ["team/debian-web"])])
def test_search_filters(servers, state, filters, names):
    server, = servers(1)
    server.spoil("^/v1/search", HUB)
    found = search(state, server.address, "debian", Filters=filters)
    assert [result["Name"] for result in found] == [f"{server.address}/{name}" for name in names]


@pytest.mark.parametrize("filters,word", [(["color=red"], "unknown filter"), (["stars=many"], "makes no sense"),
                                          (["is-official=perhaps"], "makes no sense")])
def test_search_filters_that_make_no_sense(state, filters, word):
    assert word in search_fails(state, "127.0.0.1:1", "debian", "InvalidArgument", Filters=filters)


def test_search_at_docker_hub(authority, names, certs, state, servers):
    """At the host that Docker asks; its names need no registry. No mirror is asked."""
    hosts = pathlib.Path("/etc/hosts")
    hosts.write_text(hosts.read_text() + "127.0.0.1 index.docker.io\n")
    pair = authority.issue("index.docker.io")
    with BadRegistry(tls=pair, port=443) as server:
        server.spoil("^/v1/search", HUB)
        certs("docker.io", {"ca.crt": authority.certificate})
        found = search(state, "docker.io", "debian")
        assert [result["Name"] for result in found] == ["debian", "team/debian-web", "other/debian"]
        assert server.requests[0].headers["Host"] == "index.docker.io"


def test_search_in_a_catalog_of_docker_registry(registry, state, tmp_path):
    image = OciImage(tmp_path / "oci")
    image.add_layer(tar_of({"a": b"a"}))
    image.write("v1")
    for name in ("search/one", "search/two", "other/three"):
        registry.push(f"oci:{tmp_path}/oci:v1", f"{name}:v1")
    names = [result["Name"] for result in search(state, registry.address, "SEARCH/")]
    assert names == [f"{registry.address}/search/one", f"{registry.address}/search/two"]
    assert f"{registry.address}/other/three" in [result["Name"] for result in search(state, registry.address, "")]
    assert search(state, registry.address, "nothing-like-this") == []


def catalog(names, page):
    """Pages of so many names, by the Link header."""
    def rule(handler):
        last = re.search(r"last=([^&]*)", handler.path)
        rest = [name for name in names if not last or name > last[1]]
        headers = {"Link": f'</v2/_catalog?last={rest[page - 1]}&n={page}>; rel="next"'} if len(rest) > page else {}
        handler.answer(200, headers, json.dumps({"repositories": rest[:page]}).encode())
    return rule


def test_search_in_a_catalog_of_many_pages(servers, state):
    server, = servers(1)
    names = [f"a{i:04}" for i in range(250)]
    server.spoil("^/v2/_catalog", catalog(names, 10))
    assert [result["Name"] for result in search(state, server.address, "a024")] == [
        f"{server.address}/a024{i}" for i in range(10)]
    assert len(search(state, server.address, "a")) == 25
    assert len(search(state, server.address, "a", Limit=100)) == 100
    assert "at most 100" in search_fails(state, server.address, "a", "InvalidArgument", Limit=101)


def test_a_catalog_without_end(servers, state):
    server, = servers(1)

    def endless(handler):
        n = int((re.search(r"last=x(\d+)", handler.path) or [0, 0])[1])
        handler.answer(200, {"Link": f'</v2/_catalog?last=x{n + 1}>; rel="next"'},
                       json.dumps({"repositories": [f"x{n + 1}"]}).encode())
    server.spoil("^/v2/_catalog", endless)
    assert "does not end" in search_fails(state, server.address, "nothing", "LimitExceeded")
    server.spoil("^/v2/_catalog", lambda handler: handler.answer(
        200, {"Link": '</v2/_catalog?last=x>; rel="next"'}, b'{"repositories": ["x"]}'))
    assert search(state, server.address, "nothing") == []


@pytest.mark.parametrize("answer,kind,word", [
    (status(404), "Unsupported", "neither search nor list"), (status(401), "Unauthorized", "login"),
    (status(403), "Unauthorized", "login"), (status(200, b"<html>"), "Registry", "list of repositories is none")])
def test_search_where_there_is_none(servers, state, answer, kind, word):
    server, = servers(1)
    server.spoil("", answer)
    message = search_fails(state, server.address, "x", kind)
    assert message.startswith(f"cannot search {server.address}: ") and word in message


def test_search_of_what_is_blocked_or_down(conf, state):
    assert "connection refused" in search_fails(state, f"127.0.0.1:{free_port()}", "x", "Registry")
    conf("[Registry *]\nBlocked=yes\n")
    assert "blocked" in search_fails(state, "quay.io", "x", "AccessDenied")


def test_berthctl_search(servers, berthctl):
    server, = servers(1)
    server.spoil("^/v1/search", HUB)
    term = f"{server.address}/debian"
    lines = berthctl("search", term).stdout.decode().splitlines()
    assert lines[0].split() == ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]
    assert "\x1b" not in lines[1] and lines[1].split()[-2:] == ["5000", "yes"]
    assert berthctl("search", "-q", term).stdout.decode().split()[0] == f"{server.address}/debian"
    assert json.loads(berthctl("search", "--json=short", term, "--filter", "stars=3").stdout)[1]["Automated"] is True
    table = berthctl("search", "--format", "{{.Name}}|{{.StarCount}}|{{.IsOfficial}}", "--limit", "1", term).stdout.decode()
    assert table == f"{server.address}/debian|5000|[OK]\n"
    assert berthctl("search", "--no-trunc", f"{server.address}/debian").returncode == 0
    server.spoil("^/v1/search", hub_answer())
    assert berthctl("search", term).stdout == b"Nothing like that.\n"
    failed = berthctl("search", "--filter", "x=y", term, check=False)
    assert failed.returncode != 0 and b"unknown filter" in failed.stderr
