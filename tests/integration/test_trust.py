"""Policy= and Key= of registries.conf(5), and `image sign`. Signatures that pulls are to accept are made by openssl, in the
layout that cosign documents, so that nothing here only agrees with itself."""

import base64
import json
import os
import pathlib
import pty
import shutil
import subprocess
import tempfile
import time

import pytest

from badregistry import OCI, BadRegistry, digest, failing, status
from conftest import run, run_berthctl
from ociimage import OciImage, tar_of
from workerjob import WorkerError, WorkerJob, pull

CONF = pathlib.Path("/etc/berth/registries.conf")
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
ANNOTATION = "dev.cosignproject.cosign/signature"
ALGORITHMS = {
    "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ed25519": ["-algorithm", "ED25519"],
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "rsa1024": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"],
}
TARS = [tar_of({"etc/motd": b"hello"}), tar_of({"usr/bin/x": b"#!/bin/sh\n"})]


# --- keys and signatures, by openssl ------------------------------------------------------------------------

class Key:
    def __init__(self, folder, algorithm):
        self.algorithm = algorithm
        self.private = folder / f"{algorithm}-{time.monotonic_ns()}.key"
        self.public = self.private.with_suffix(".pub")
        run("openssl", "genpkey", *ALGORITHMS[algorithm], "-out", self.private)
        run("openssl", "pkey", "-in", self.private, "-pubout", "-out", self.public)

    def sign(self, payload):
        """In base 64."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(payload)
            file.flush()
            how = ["pkeyutl", "-sign", "-rawin", "-inkey", self.private, "-in", file.name] \
                if self.algorithm == "ed25519" else ["dgst", "-sha256", "-sign", self.private, file.name]
            return base64.b64encode(run("openssl", *how).stdout).decode()


@pytest.fixture(scope="module")
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="berth-trust-", dir="/var/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def keys(folder):
    """keys["p256"] …; made once. keys("p256") makes another."""
    class Keys(dict):
        def __missing__(self, algorithm):
            self[algorithm] = Key(folder, algorithm)
            return self[algorithm]

        def __call__(self, algorithm):
            return Key(folder, algorithm)
    return Keys()


def payload_for(repository, image, kind="cosign container image signature"):
    return json.dumps({"critical": {"identity": {"docker-reference": repository},
                                    "image": {"docker-manifest-digest": image}, "type": kind},
                       "optional": {"creator": "a test"}}).encode()


def signature_tag(image):
    return image.replace(":", "-") + ".sig"


def attach(server, repository, image, signed):
    """Puts [(payload, signature), …] where cosign keeps the signatures of the digest."""
    layers = [{"mediaType": SIMPLE_SIGNING, "size": len(payload), "digest": server.add_blob(payload),
               "annotations": {ANNOTATION: signature}} for payload, signature in signed]
    config = b"{}"
    manifest = {"schemaVersion": 2, "mediaType": f"{OCI}.manifest.v1+json", "layers": layers,
                "config": {"mediaType": f"{OCI}.config.v1+json", "size": len(config), "digest": server.add_blob(config)}}
    server.add_manifest(repository, signature_tag(image), manifest, f"{OCI}.manifest.v1+json")


def sign(server, repository, image, *signers):
    payload = payload_for(f"{server.address}/{repository}", image)
    attach(server, repository, image, [(payload, key.sign(payload)) for key in signers])


# --- pulling -------------------------------------------------------------------------------------------------

def want_signature(server, *keys, prefix=""):
    return f"[Registry {server.address}{prefix}]\nPolicy=signature\n" + "".join(f"Key={key.public}\n" for key in keys)


def refused(server, state, repository="x", reference=None, kind="AccessDenied"):
    """The pull fails, and nothing of the image was asked for but its manifests, nor is here. Returns the message."""
    reference = reference or f"{server.address}/{repository}:latest"
    signatures = {layer["digest"] for (_, tag), (_, body) in server.manifests.items()
                  if tag.endswith(".sig") and body[:1] == b"{" for layer in json.loads(body).get("layers", [])}
    with pytest.raises(WorkerError) as caught:
        pull(state, reference)
    assert caught.value.kind == kind, caught.value
    asked = {request.path.split("/")[-1] for request in server.requests_for("/blobs/")}
    assert asked <= signatures, "something of the image was fetched"
    assert not [path for path in state.rglob("*") if path.is_file() and path.name not in (".lock", "oci-layout")]
    return caught.value.message


@pytest.mark.parametrize("algorithm", ["p256", "ed25519", "rsa"])
def test_signature_of_openssl(server, conf, state, keys, algorithm):
    image = server.add_image("team/x", "latest", TARS)
    sign(server, "team/x", image["digest"], keys[algorithm])
    conf(want_signature(server, keys[algorithm]))
    result = pull(state, f"{server.address}/team/x:latest")
    assert result["Images"][0]["Record"]["Digest"] == image["digest"]


def test_signature_of_the_index(server, conf, state, keys):
    image = server.add_image("x", None, TARS)
    index = server.add_index("x", "latest", {"linux/amd64": image})
    sign(server, "x", index["digest"], keys["p256"])
    conf(want_signature(server, keys["p256"]))
    pull(state, f"{server.address}/x:latest", Platform="linux/amd64")


def test_signature_of_the_manifest_in_an_index(server, conf, state, keys):
    image = server.add_image("x", None, TARS)
    server.add_index("x", "latest", {"linux/amd64": image})
    sign(server, "x", image["digest"], keys["p256"])
    conf(want_signature(server, keys["p256"]))
    pull(state, f"{server.address}/x:latest", Platform="linux/amd64")


def test_signature_of_another_platform_is_none(server, conf, state, keys):
    image = server.add_image("x", None, TARS)
    other = server.add_image("x", None, TARS[:1], architecture="arm64")
    server.add_index("x", "latest", {"linux/amd64": image, "linux/arm64": other})
    sign(server, "x", other["digest"], keys["p256"])
    conf(want_signature(server, keys["p256"]))
    assert "it is not signed" in refused(server, state)


def test_one_of_several_signatures_and_keys_is_enough(server, conf, state, keys):
    image = server.add_image("x", "latest", TARS)
    strangers = [keys("p256") for _ in range(3)]
    sign(server, "x", image["digest"], *strangers, keys["ed25519"])
    conf(want_signature(server, keys["rsa"], keys["ed25519"]))
    pull(state, f"{server.address}/x:latest")


def test_by_digest(server, conf, state, keys):
    image = server.add_image("x", "latest", TARS)
    conf(want_signature(server, keys["p256"]))
    reference = f"{server.address}/x@{image['digest']}"
    assert "it is not signed" in refused(server, state, reference=reference)
    sign(server, "x", image["digest"], keys["p256"])
    pull(state, reference)


def test_no_signature(server, conf, state, keys):
    server.add_image("x", "latest", TARS)
    conf(want_signature(server, keys["p256"]))
    assert refused(server, state) == (f"cannot pull {server.address}/x:latest: it is not signed, as [Registry "
                                      f"{server.address}] of registries.conf wants it")


def test_unknown_key(server, conf, state, keys):
    image = server.add_image("x", "latest", TARS)
    sign(server, "x", image["digest"], keys("p256"), keys("rsa"))
    conf(want_signature(server, keys["p256"], keys["rsa"]))
    message = refused(server, state)
    assert f"not signed by any key that [Registry {server.address}] of registries.conf names" in message
    assert "2 signatures tried" in message


# Each makes, of a good payload and signature, what is attached.
FORGERIES = {
    "payload-for-another-image": (lambda p, s, key, server: (lambda other: (other, key.sign(other)))(
        payload_for(f"{server.address}/x", "sha256:" + "0" * 64)), "another image"),
    "payload-for-another-repository": (lambda p, s, key, server: (lambda other: (other, key.sign(other)))(
        payload_for(f"{server.address}/y", json.loads(p)["critical"]["image"]["docker-manifest-digest"])),
        "another repository"),
    "payload-of-another-type": (lambda p, s, key, server: (lambda other: (other, key.sign(other)))(
        payload_for(f"{server.address}/x", json.loads(p)["critical"]["image"]["docker-manifest-digest"],
                    "atomic container signature")), "not a \"cosign container image signature\""),
    "payload-twice-the-member": (lambda p, s, key, server: (lambda other: (other, key.sign(other)))(
        p.replace(b'"type":', b'"type": "x", "type":')), "not valid JSON"),
    "payload-no-json": (lambda p, s, key, server: (b"yes", key.sign(b"yes")), "not valid JSON"),
    "payload-empty": (lambda p, s, key, server: (b"", key.sign(b"")), "signature tried"),
    "payload-changed": (lambda p, s, key, server: (p.replace(b"a test", b"a pest"), s), "none of the 1 keys"),
    "signature-changed": (lambda p, s, key, server: (p, base64.b64encode(
        base64.b64decode(s)[:-1] + bytes([base64.b64decode(s)[-1] ^ 1])).decode()), "none of the 1 keys"),
    "signature-cut": (lambda p, s, key, server: (p, s[:40]), "none of the 1 keys"),
    "signature-empty": (lambda p, s, key, server: (p, ""), "none of the 1 keys"),
    "signature-garbage": (lambda p, s, key, server: (p, "%%%%"), "none of the 1 keys"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_forged(server, conf, state, keys, forgery):
    image = server.add_image("x", "latest", TARS)
    payload = payload_for(f"{server.address}/x", image["digest"])
    make, why = FORGERIES[forgery]
    attach(server, "x", image["digest"], [make(payload, keys["p256"].sign(payload), keys["p256"], server)])
    conf(want_signature(server, keys["p256"]))
    message = refused(server, state)
    assert "not signed by any key" in message and why in message


def test_tampered_manifest(server, conf, state, keys):
    """The tag leads to something else than what was signed."""
    image = server.add_image("x", "latest", TARS)
    sign(server, "x", image["digest"], keys["p256"])
    server.add_image("x", "latest", [*TARS, tar_of({"evil": b""})])
    conf(want_signature(server, keys["p256"]))
    assert "it is not signed" in refused(server, state)


def test_tampered_manifest_behind_a_digest(server, conf, state, keys):
    image = server.add_image("x", "latest", TARS)
    sign(server, "x", image["digest"], keys["p256"])
    media_type, body = server.manifests["x", image["digest"]]
    server.manifests["x", image["digest"]] = media_type, body.replace(b"gzip", b"zstd")
    conf(want_signature(server, keys["p256"]))
    refused(server, state, reference=f"{server.address}/x@{image['digest']}", kind="Corrupt")


def test_tampered_layer(server, conf, state, keys):
    """What is signed fixes the layers by their digests."""
    image = server.add_image("x", "latest", TARS)
    sign(server, "x", image["digest"], keys["p256"])
    victim = server.layers_of(image)[1]
    good = server.blobs[victim]
    server.blobs[victim] = good[:20] + bytes([good[20] ^ 1]) + good[21:]
    conf(want_signature(server, keys["p256"]))
    with pytest.raises(WorkerError) as caught:
        pull(state, f"{server.address}/x:latest")
    assert caught.value.kind == "Corrupt"
    assert not list((state / "images").glob("*"))


def test_tampered_payload_blob(server, conf, state, keys):
    """The signature is good, but the registry sends other bytes."""
    image = server.add_image("x", "latest", TARS)
    sign(server, "x", image["digest"], keys["p256"])
    payload = json.loads(server.manifests["x", signature_tag(image["digest"])][1])["layers"][0]["digest"]
    server.blobs[payload] = server.blobs[payload].replace(b"a test", b"a pest")
    conf(want_signature(server, keys["p256"]))
    assert "the signed text is damaged" in refused(server, state)


def test_missing_payload_blob(server, conf, state, keys):
    image = server.add_image("x", "latest", TARS)
    sign(server, "x", image["digest"], keys["p256"])
    payload = json.loads(server.manifests["x", signature_tag(image["digest"])][1])["layers"][0]["digest"]
    del server.blobs[payload]
    conf(want_signature(server, keys["p256"]))
    assert "does not exist" in refused(server, state)


GARBAGE = {"null": b"null", "list": b"[]", "no-layers": b"{}", "wrong-type": b'{"layers": 7}', "no-entries": b'{"layers": []}',
           "no-text": b"\xff\xfe", "deep": b"{" * 3000, "many": b'{"layers": [' + b"0," * 5000 + b"0]}", "large": b"x" * 2_000_000}


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_instead_of_signatures(server, conf, state, keys, garbage):
    server.add_image("x", "latest", TARS)
    conf(want_signature(server, keys["p256"]))
    server.spoil(r"/manifests/.*\.sig", status(200, GARBAGE[garbage], Content_Type=f"{OCI}.manifest.v1+json"))
    assert "it is not signed" in refused(server, state)


def test_signatures_that_cannot_be_asked_for(server, conf, state, keys):
    """Not knowing is not a yes."""
    image = server.add_image("x", "latest", TARS)
    sign(server, "x", image["digest"], keys["p256"])
    conf(want_signature(server, keys["p256"]))
    server.spoil(r"/manifests/.*\.sig", failing(403, "DENIED", "no"), times=1)
    assert "the registry forbids it" in refused(server, state, kind="Unauthorized")
    server.spoil(r"/manifests/.*\.sig", status(418), times=1)
    assert "418" in refused(server, state, kind="Registry")
    server.spoil(r"/manifests/.*\.sig", status(200, b""), times=1)
    assert "empty manifest" in refused(server, state, kind="Registry")


def test_only_so_many_signatures_are_looked_at(server, conf, state, keys):
    image = server.add_image("x", "latest", TARS)
    payload = payload_for(f"{server.address}/x", image["digest"])
    good = (payload, keys["p256"].sign(payload))
    attach(server, "x", image["digest"], [(payload, "AAAA")] * 50 + [good])
    conf(want_signature(server, keys["p256"]))
    assert "50 signatures tried" in refused(server, state)
    assert len(server.requests_for(f"/blobs/{digest(payload)}")) == 1, "the same payload was fetched again"
    attach(server, "x", image["digest"], [(payload, "AAAA")] * 49 + [good])
    pull(state, f"{server.address}/x:latest")


def test_what_is_here_is_asked_about_again(server, conf, state, keys):
    server.add_image("x", "latest", TARS)
    pull(state, f"{server.address}/x:latest")
    conf(want_signature(server, keys["p256"]))
    with pytest.raises(WorkerError) as caught:
        pull(state, f"{server.address}/x:latest")
    assert caught.value.kind == "AccessDenied"


def test_all_tags_are_asked_about(server, conf, state, keys):
    image = server.add_image("x", "good", TARS)
    sign(server, "x", image["digest"], keys["p256"])
    server.add_image("x", "zbad", TARS[:1])
    conf(want_signature(server, keys["p256"]))
    with pytest.raises(WorkerError) as caught:
        pull(state, f"{server.address}/x:latest", AllTags=True)
    assert caught.value.kind == "AccessDenied", caught.value


def test_signatures_of_a_mirror(server, conf, state, keys):
    """The payload names the registry, wherever the bytes come from."""
    with BadRegistry() as mirror:
        image = server.add_image("x", "latest", TARS)
        mirror.add_image("hub/x", "latest", TARS)
        sign(server, "x", image["digest"], keys["p256"])
        conf(want_signature(server, keys["p256"]) + f"Mirror={mirror.address}/hub\n")
        pull(state, f"{server.address}/x:latest")
        assert mirror.requests_for("/blobs/"), "the mirror was not used"
        server.manifests.pop(("x", signature_tag(image["digest"])))
        with pytest.raises(WorkerError):
            pull(state.parent / "other", f"{server.address}/x:latest")


# --- the policy ----------------------------------------------------------------------------------------------

def test_policy_of_a_part_of_the_registry(server, conf, state, keys):
    server.add_image("free/x", "latest", TARS)
    server.add_image("team/x", "latest", TARS)
    conf(want_signature(server, keys["p256"], prefix="/team"))
    assert f"[Registry {server.address}/team]" in refused(server, state, "team/x")
    pull(state, f"{server.address}/free/x:latest")


def test_policy_for_all(server, conf, state, keys):
    server.add_image("x", "latest", TARS)
    conf("[Registry *]\nPolicy=reject\n")
    assert "[Registry *]" in refused(server, state)
    conf(f"[Registry *]\nPolicy=reject\n[Registry {server.address}]\nPolicy=accept\n")
    pull(state, f"{server.address}/x:latest")


def test_reject(server, conf, state):
    server.add_image("x", "latest", TARS)
    conf(f"[Registry {server.address}]\nPolicy=reject\n")
    assert "rejects it" in refused(server, state)
    assert not server.requests


def test_digest(server, conf, state):
    image = server.add_image("x", "latest", TARS)
    conf(f"[Registry {server.address}]\nPolicy=digest\n")
    assert "wants a digest" in refused(server, state)
    assert not server.requests
    pull(state, f"{server.address}/x@{image['digest']}")


def test_drop_in_adds_a_key(server, conf, state, keys):
    image = server.add_image("x", "latest", TARS)
    sign(server, "x", image["digest"], keys["ed25519"])
    conf(want_signature(server, keys["p256"]))
    assert "not signed by any key" in refused(server, state)
    conf(f"[Registry {server.address}]\nKey={keys['ed25519'].public}\n", "50-more.conf")
    pull(state, f"{server.address}/x:latest")


@pytest.mark.parametrize("line", ["Polciy=accept", "Policy=maybe", "Key=relative.pem", "Policy"])
def test_mistake_in_the_file_fails_closed(server, conf, state, keys, line):
    image = server.add_image("x", "latest", TARS)
    sign(server, "x", image["digest"], keys["p256"])
    conf(want_signature(server, keys["p256"]) + line + "\n")
    assert f"{CONF}:4: " in refused(server, state, kind="InvalidArgument")
    assert not server.requests


def key_file(folder, content):
    path = folder / "broken.pub"
    path.unlink(missing_ok=True)
    if content is not None:
        path.write_bytes(content)
    return path


@pytest.mark.parametrize("content, why", [
    (None, "No such file"), (b"", "no public key"), (b"garbage", "no public key"), (b"x" * 100_000, "can't be read"),
    (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "openssl x509")])
def test_key_that_is_of_no_use_fails_closed(server, conf, state, keys, folder, content, why):
    """Also when another key would do: it may be the very one that somebody relies on."""
    image = server.add_image("x", "latest", TARS)
    sign(server, "x", image["digest"], keys["p256"])
    conf(want_signature(server, keys["p256"]) + f"Key={key_file(folder, content)}\n")
    with pytest.raises(WorkerError) as caught:
        pull(state, f"{server.address}/x:latest")
    assert "broken.pub is of no use" in caught.value.message and why in caught.value.message
    assert not server.requests_for("/blobs/")


@pytest.mark.parametrize("algorithm, why", [("p384", "secp384r1"), ("rsa1024", "1024 bits")])
def test_weak_or_other_keys(server, conf, state, keys, algorithm, why):
    server.add_image("x", "latest", TARS)
    conf(want_signature(server, keys[algorithm]))
    assert why in refused(server, state, kind="Unsupported")


def test_private_key_in_the_policy(server, conf, state, keys):
    server.add_image("x", "latest", TARS)
    conf(f"[Registry {server.address}]\nPolicy=signature\nKey={keys['p256'].private}\n")
    assert "it is a private key" in refused(server, state, kind="InvalidArgument")


def test_no_key_at_all(server, conf, state):
    server.add_image("x", "latest", TARS)
    conf(f"[Registry {server.address}]\nPolicy=signature\n")
    assert "has no Key=" in refused(server, state)


# --- image sign ----------------------------------------------------------------------------------------------

@pytest.fixture
def signed_repository(registry, tmp_path, name):
    """The address of an image in the real docker-registry, and its digest."""
    image = OciImage(tmp_path / "oci")
    image.add_layer(tar_of({"etc/motd": name.encode()}))
    expected = image.write("v1")
    yield registry.push(f"oci:{tmp_path / 'oci'}:v1", f"{name}:v1"), expected
    run_berthctl("rmi", "--force", f"{registry.address}/{name}:v1", check=False)


def berthctl_fails(*arguments, **options):
    result = run_berthctl(*arguments, check=False, **options)
    assert result.returncode == 1, result
    return result.stderr.decode()


@pytest.mark.parametrize("algorithm", ["p256", "ed25519", "rsa"])
def test_sign_and_pull(registry, signed_repository, conf, keys, algorithm):
    reference, expected = signed_repository
    conf(want_signature(registry, keys[algorithm]))
    assert "it is not signed" in berthctl_fails("pull", "-q", reference)
    out = run_berthctl("image", "sign", "--key", keys[algorithm].private, reference).stdout.decode()
    assert out.startswith(f"Signed {reference} ({expected[:19]}"), out
    assert run_berthctl("pull", "-q", reference).stdout.decode().strip() == expected


def test_signature_verifies_with_openssl(registry, signed_repository, keys, tmp_path):
    """By hand, as cosign's specification says."""
    reference, expected = signed_repository
    run_berthctl("image", "sign", "--key", keys["p256"].private, reference)
    run("skopeo", "copy", "--src-tls-verify=false", f"docker://{reference.rsplit(':', 1)[0]}:{signature_tag(expected)}",
        f"dir:{tmp_path / 'signature'}")
    manifest = json.loads((tmp_path / "signature/manifest.json").read_text())
    layer = manifest["layers"][0]
    assert layer["mediaType"] == SIMPLE_SIGNING
    payload = tmp_path / "signature" / layer["digest"].split(":")[1]
    assert json.loads(payload.read_text())["critical"]["image"]["docker-manifest-digest"] == expected
    (tmp_path / "raw").write_bytes(base64.b64decode(layer["annotations"][ANNOTATION]))
    run("openssl", "dgst", "-sha256", "-verify", keys["p256"].public, "-signature", tmp_path / "raw", payload)


def test_sign_twice(registry, signed_repository, conf, keys, tmp_path):
    reference, expected = signed_repository
    for key in ("p256", "ed25519"):
        run_berthctl("image", "sign", "--key", keys[key].private, reference)
    again = run_berthctl("image", "sign", "--key", keys["p256"].private, reference).stdout.decode()
    assert "signed with this key before" in again
    tag = f"{reference.rsplit(':', 1)[0]}:{signature_tag(expected)}"
    raw = json.loads(run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{tag}").stdout)
    assert len(raw["layers"]) == 2
    for key in ("p256", "ed25519"):
        conf(want_signature(registry, keys[key]))
        run_berthctl("pull", "-q", reference)
    assert run_berthctl("image", "sign", "-q", "--key", keys["rsa"].private, reference).stdout.decode().strip() == expected


def encrypted(key, folder, passphrase):
    path = folder / "encrypted.key"
    run("openssl", "pkcs8", "-topk8", "-in", key.private, "-passout", f"pass:{passphrase}", "-out", path)
    return path


def test_sign_with_a_passphrase(registry, signed_repository, conf, keys, tmp_path):
    reference, _ = signed_repository
    path = encrypted(keys["p256"], tmp_path, "secret words")
    command = ["image", "sign", "--key", path, "--passphrase-stdin", reference]
    assert "passphrase is wrong" in berthctl_fails(*command, input=b"guess\n")
    assert "give its passphrase" in berthctl_fails(*command, input=b"")
    run_berthctl(*command, input=b"secret words\n")
    conf(want_signature(registry, keys["p256"]))
    run_berthctl("pull", "-q", reference)


def test_sign_asks_for_the_passphrase(signed_repository, keys, tmp_path):
    reference, _ = signed_repository
    path = encrypted(keys["p256"], tmp_path, "secret words")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("berthctl", ["berthctl", "image", "sign", "--key", str(path), reference])
    said = b""
    while b"assphrase" not in said:
        said += os.read(terminal, 1000)
    time.sleep(0.2)     # the echo is off once the question stands there
    os.write(terminal, b"secret words\n")
    try:
        while part := os.read(terminal, 1000):
            said += part
    except OSError:
        pass
    assert os.waitpid(pid, 0)[1] == 0, said
    assert b"secret" not in said and b"Signed" in said
    os.close(terminal)


def test_sign_where_there_is_no_terminal(signed_repository, keys, tmp_path):
    path = encrypted(keys["p256"], tmp_path, "secret words")
    assert "terminal" in berthctl_fails("image", "sign", "--key", path, signed_repository[0])


@pytest.mark.parametrize("make, why", [
    (lambda keys, folder: keys["p256"].public, "it is a public key"),
    (lambda keys, folder: keys["p384"].private, "secp384r1"),
    (lambda keys, folder: folder / "missing", "cannot read the key"),
    (lambda keys, folder: key_file(folder, b"garbage"), "no private key"),
    (lambda keys, folder: key_file(folder, b"-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\nAAAA\n"), "cosign's own way"),
])
def test_sign_with_a_bad_key(signed_repository, keys, tmp_path, make, why):
    message = berthctl_fails("image", "sign", "--passphrase-stdin", "--key", make(keys, tmp_path), signed_repository[0],
                             input=b"x")
    assert why in message


def test_sign_what_is_not_there(registry, keys):
    message = berthctl_fails("image", "sign", "--key", keys["p256"].private, f"{registry.address}/nix:v1")
    assert "cannot sign" in message and "does not exist" in message


def test_sign_fails_when_the_registry_takes_nothing(server, state, keys):
    server.add_image("x", "latest", TARS)
    server.spoil("/blobs/uploads/", failing(403, "DENIED", "read only"))
    with open(keys["p256"].private, "rb") as key, open("/dev/null", "rb") as nothing, pytest.raises(WorkerError) as caught:
        WorkerJob("sign", state, [key, nothing], Reference=f"{server.address}/x:latest").wait()
    assert caught.value.message.startswith(f"cannot sign {server.address}/x:latest: "), caught.value


def test_the_key_shows_up_nowhere(registry, signed_repository, keys, tmp_path):
    """Neither key nor passphrase in the journal, on the bus, or on a command line."""
    path = encrypted(keys["p256"], tmp_path, "open sesame")
    secret = keys["p256"].private.read_text().splitlines()[1]
    with subprocess.Popen(["busctl", "monitor", "org.berth1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as monitor:
        time.sleep(0.5)
        run_berthctl("image", "sign", "--key", path, "--passphrase-stdin", signed_repository[0], input=b"open sesame")
        run_berthctl("image", "sign", "--key", keys["p256"].private, signed_repository[0])
        time.sleep(0.2)
        monitor.terminate()
        seen = monitor.stdout.read().decode(errors="replace")
    assert "SignImage" in seen
    journal = run("journalctl", "--no-pager", "--since=-60s").stdout.decode(errors="replace")
    for text in (seen, journal):
        assert "open sesame" not in text and secret not in text
