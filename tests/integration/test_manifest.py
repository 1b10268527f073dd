"""Indexes that are made here, of images for several platforms; and looking at manifests, here and in registries."""

import json
import subprocess

import pytest

from badregistry import digest
from conftest import run
from ociimage import OciImage, tar_of

INDEX = "application/vnd.oci.image.index.v1+json"


def raw(name):
    return run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{name}").stdout


@pytest.fixture
def two(berthctl, busybox_tar, registry, name):
    """(image for this machine, image for another, name for an index), all of the test's own."""
    base = f"{registry.address}/index/{name}"
    ours, theirs, index = f"{base}:ours", f"{base}:theirs", f"{base}:all"
    berthctl("import", "--change", f"LABEL test={name}", busybox_tar, ours)
    berthctl("import", "--change", f"LABEL test={name}", "--platform", "linux/arm64/v8", busybox_tar, theirs)
    yield ours, theirs, index
    for left in (index, ours, theirs):
        berthctl("rmi", "--force", left, check=False)


def digest_of(berthctl, image):
    return json.loads(berthctl("image", "inspect", image).stdout)[0]["Digest"]


def refused(berthctl, *words):
    result = berthctl(*words, check=False)
    assert result.returncode == 1, result
    return result.stderr.decode()


def test_made_pushed_and_pulled(berthctl, two, tmp_path):
    ours, theirs, index = two
    made = berthctl("manifest", "create", index, ours, theirs).stdout.decode().strip()
    document = json.loads(berthctl("manifest", "inspect", index).stdout)
    assert document["mediaType"] == INDEX
    assert [(entry["digest"], entry["platform"]) for entry in document["manifests"]] == [
        (digest_of(berthctl, ours), {"architecture": "amd64", "os": "linux"}),
        (digest_of(berthctl, theirs), {"architecture": "arm64", "os": "linux", "variant": "v8"})]
    assert digest(berthctl("manifest", "inspect", "--raw", index).stdout) == made

    assert berthctl("manifest", "push", "-q", index).stdout.decode().strip() == made
    assert digest(raw(index)) == made
    # All of it is there: skopeo reads every blob of every platform.
    run("skopeo", "--insecure-policy", "copy", "--quiet", "--all", "--src-tls-verify=false", f"docker://{index}",
        f"oci:{tmp_path}/all:x")
    for left in (index, ours, theirs):
        berthctl("rmi", left)
    berthctl("pull", "--platform", "linux/arm64", index)
    assert digest_of(berthctl, index) == document["manifests"][1]["digest"]
    berthctl("rmi", index)


def test_it_shows_as_what_it_is(berthctl, two):
    ours, theirs, index = two
    berthctl("manifest", "create", index, ours, theirs)
    line, = [line for line in berthctl("images", index).stdout.decode().splitlines() if index in line]
    assert line.split()[-1] == "index"
    assert json.loads(berthctl("images", "--json=short", index).stdout)[0]["Kind"] == "index"


def test_a_container_gets_the_image_for_this_machine(berthctl, two, name):
    ours, theirs, index = two
    berthctl("manifest", "create", index, ours, theirs)
    assert berthctl("run", "--rm", "--name", name, index, "echo", "hello").stdout == b"hello\n"
    berthctl("manifest", "remove", index, ours)
    assert "has no image for linux/amd64" in berthctl("run", "--rm", index, "true", check=False).stderr.decode()


def test_changes(berthctl, two):
    ours, theirs, index = two
    berthctl("manifest", "create", index, ours)
    assert "there is an index" in refused(berthctl, "manifest", "create", index, theirs)
    one = berthctl("images", "-q", "--no-trunc").stdout.split()
    berthctl("manifest", "create", "--amend", index, theirs)
    assert len(berthctl("images", "-q", "--no-trunc").stdout.split()) == len(one)      # the old one is gone
    assert len(json.loads(berthctl("manifest", "inspect", index).stdout)["manifests"]) == 2
    berthctl("manifest", "remove", index, ours)
    assert "is not in the index" in refused(berthctl, "manifest", "remove", index, ours)
    assert "nothing would be left" in refused(berthctl, "manifest", "remove", index, theirs)
    berthctl("manifest", "add", index, ours)
    entries = json.loads(berthctl("manifest", "inspect", index).stdout)["manifests"]
    assert [entry["platform"]["architecture"] for entry in entries] == ["arm64", "amd64"]
    berthctl("manifest", "rm", index)
    assert "no image is called" in refused(berthctl, "manifest", "inspect", "--local", index)


def test_what_makes_no_index(berthctl, two, busybox_tar):
    ours, theirs, index = two
    other = index.replace(":all", ":other")
    berthctl("import", busybox_tar, other)
    try:
        assert f'"{other}" is for linux/amd64, and the index has an image for that already' in \
            refused(berthctl, "manifest", "create", index, ours, other)
        assert "is an image, not an index" in refused(berthctl, "manifest", "create", other, ours)
        assert "no image is called" in refused(berthctl, "manifest", "create", index, "not-here")
        assert "there is no index" in refused(berthctl, "manifest", "remove", index, ours)
        berthctl("manifest", "create", index, ours)
        assert "an index is made of images" in refused(berthctl, "manifest", "create", f"{index}2", index)
        assert "has a digest" in refused(berthctl, "manifest", "create", f"x@sha256:{'0' * 64}", ours)
    finally:
        berthctl("rmi", "--force", other)


def test_images_of_an_index_stay(berthctl, two):
    ours, theirs, index = two
    berthctl("manifest", "create", index, ours, theirs)
    assert f'the index "{index}" needs it' in refused(berthctl, "rmi", theirs)
    berthctl("rmi", "--force", theirs)      # the name goes, not the image
    assert "no image is called" in refused(berthctl, "image", "inspect", theirs)
    assert berthctl("push", "-q", index).stdout.decode().strip() == digest(raw(index))


def test_layers_that_are_compressed_for_it(berthctl, two, registry, tmp_path, name):
    """What the push makes of an image goes into the index that the registry gets."""
    ours, theirs, index = two
    image = OciImage(tmp_path / "oci")
    image.add_layer(tar_of({"text": f"{name} ".encode() * 100_000}))
    image.write("v1", architecture="s390x")
    plain = f"{registry.address}/index/{name}:plain"
    run("skopeo", "--insecure-policy", "copy", "--quiet", f"oci:{tmp_path}/oci:v1", f"docker-archive:{tmp_path}/archive.tar:{plain}")
    berthctl("load", "-i", tmp_path / "archive.tar")
    try:
        made = berthctl("manifest", "create", index, ours, plain).stdout.decode().strip()
        pushed = berthctl("push", "-q", index).stdout.decode().strip()
        there = json.loads(raw(index))
        assert pushed == digest(raw(index)) != made
        assert there["manifests"][0]["digest"] == digest_of(berthctl, ours)
        child = json.loads(raw(f"{index.rsplit(':', 1)[0]}@{there['manifests'][1]['digest']}"))
        assert child["layers"][0]["mediaType"].endswith("+gzip")
        run("skopeo", "--insecure-policy", "copy", "--quiet", "--all", "--src-tls-verify=false", f"docker://{index}",
            f"oci:{tmp_path}/all:x")
    finally:
        berthctl("rmi", "-f", index, plain)


def test_saved_with_all_its_images(berthctl, two, tmp_path):
    ours, theirs, index = two
    made = berthctl("manifest", "create", index, ours, theirs).stdout.decode().strip()
    archive = tmp_path / "archive.tar"
    berthctl("save", "-o", archive, index)
    assert digest(run("skopeo", "inspect", "--raw", f"oci-archive:{archive}").stdout) == made
    run("skopeo", "--insecure-policy", "copy", "--quiet", "--all", f"oci-archive:{archive}", f"oci:{tmp_path}/all:x")
    berthctl("rmi", index)
    ours_was = digest_of(berthctl, ours)
    berthctl("load", "-i", archive)         # the image for this machine gets the name
    assert digest_of(berthctl, index) == ours_was


# --- inspect ----------------------------------------------------------------------------------------------

def test_inspect_in_a_registry(berthctl, two):
    """Nothing is pulled."""
    ours, theirs, index = two
    berthctl("manifest", "create", index, ours, theirs)
    berthctl("push", index)
    for left in (index, ours, theirs):
        berthctl("rmi", left)
    before = berthctl("images", "-q").stdout
    assert berthctl("manifest", "inspect", "--raw", index).stdout == raw(index)
    described = json.loads(berthctl("manifest", "inspect", "--verbose", index).stdout)
    assert [entry["Descriptor"]["platform"]["architecture"] for entry in described] == ["amd64", "arm64"]
    for entry in described:
        assert entry["Ref"] == f"{index.rsplit(':', 1)[0]}@{entry['Descriptor']['digest']}"
        assert entry["OCIManifest"] == json.loads(raw(entry["Ref"]))
    child = described[1]["Ref"]
    assert json.loads(berthctl("manifest", "inspect", "--verbose", child).stdout) == described[1]
    assert berthctl("images", "-q").stdout == before
    assert "does not exist" in refused(berthctl, "manifest", "inspect", f"{index}-none")


def test_inspect_here_or_there(berthctl, two, busybox_tar):
    ours, _, _ = two
    berthctl("push", ours)
    there = berthctl("manifest", "inspect", "--raw", ours).stdout
    berthctl("rmi", ours)
    berthctl("import", "--change", "LABEL other=yes", busybox_tar, ours)
    here = berthctl("manifest", "inspect", "--raw", ours).stdout
    assert here != there == berthctl("manifest", "inspect", "--raw", "--remote", ours).stdout
    assert here == berthctl("manifest", "inspect", "--raw", "--local", ours).stdout
    one = json.loads(berthctl("manifest", "inspect", "-v", ours).stdout)
    assert one["Descriptor"]["platform"] == {"architecture": "amd64", "os": "linux"}
    assert one["Descriptor"]["digest"] == digest(here)
    assert "exclude each other" in refused(berthctl, "manifest", "inspect", "--local", "--remote", ours)


def test_nobody_else_may(as_user, two):
    ours, _, index = two
    for words in (("manifest", "create", index, ours), ("manifest", "inspect", ours)):
        result = as_user("berthctl", *words, check=False)
        assert result.returncode == 1 and result.stdout == b""


def test_a_reader_that_leaves(berthctl, two):
    """Output that nobody reads is no crash."""
    ours, _, _ = two
    with subprocess.Popen(["berthctl", "manifest", "inspect", ours], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        process.wait(30)
        assert b"assert" not in process.stderr.read()
