"""Looking inside images: image tree, image mount and unmount, image diff."""

import io
import json
import os
import pathlib
import random
import stat
import subprocess
import tarfile
import time

import pytest

from conftest import poll, run, run_berthctl
from ociimage import OciImage, tar_of

MOUNTS = pathlib.Path("/run/berth/images")


def fails(*arguments, **options):
    result = run_berthctl(*arguments, check=False, **options)
    assert result.returncode == 1, result
    return result.stderr.decode()


def out(*arguments, **options):
    return run_berthctl(*arguments, **options).stdout.decode()


@pytest.fixture
def images(tmp_path, name):
    """images(LABEL, [tar, …]) makes an image of these layers; returns its name. All are removed at the end."""
    made = []

    def make(label, tars, history=None):
        image = OciImage(tmp_path / label)
        for tar in tars:
            image.add_layer(tar)
        image.write("v1")
        full = f"{name}-{label}:v1"
        run("skopeo", "--insecure-policy", "copy", "-q", f"oci:{tmp_path / label}:v1",
            f"oci-archive:{tmp_path / label}.tar:docker.io/library/{full}")
        run_berthctl("load", "-q", "-i", tmp_path / f"{label}.tar")
        made.append(full)
        return full
    yield make
    for full in made:
        run_berthctl("rmi", "--force", full, check=False)
    # Their files may take a slow disk longer than the look for what is left would wait.
    poll(lambda: run("pgrep", "berth-worker", check=False).returncode, 90, "the files of the images to be deleted")


def entry(path, content=b"", mode=0o644, uid=0, kind=tarfile.REGTYPE, link="", xattrs=(), device=(0, 0)):
    info = tarfile.TarInfo(path)
    info.mode, info.uid, info.gid, info.type, info.linkname = mode, uid, uid, kind, link
    info.devmajor, info.devminor = device
    info.size = len(content) if kind == tarfile.REGTYPE else 0
    info.pax_headers = {f"SCHILY.xattr.{key}": value for key, value in xattrs}
    return info, content


def tar(*entries):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


DIRECTORY = {"kind": tarfile.DIRTYPE, "mode": 0o755}


# --- mount ---------------------------------------------------------------------------------------------------

def mounted():
    return [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if "/run/berth/images/" in line]


def test_mount_shows_the_files(images):
    full = images("a", [tar_of({"etc/motd": b"one", "etc/gone": b"x", "only": b"y"}), tar_of({"etc/motd": b"two", "etc/.wh.gone": b""})])
    path = pathlib.Path(out("image", "mount", full).strip())
    assert path.parent == MOUNTS and (path / "etc/motd").read_text() == "two"
    assert not (path / "etc/gone").exists() and (path / "only").exists()
    assert not list(path.rglob(".wh.*"))
    assert out("image", "unmount", full) == ""
    assert not path.exists() and not mounted()


def test_mount_of_one_layer_hides_its_whiteouts(images):
    full = images("a", [tar_of({"a": b"1", ".wh.b": b"", "d/.wh.c": b"", "d/e": b"2"})])
    path = pathlib.Path(out("image", "mount", full).strip())
    assert sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.exists()) == ["a", "d", "d/e"]
    assert out("image", "diff", full, full) == ""
    run_berthctl("image", "unmount", full)


def test_mount_is_safe(images, as_user):
    full = images("a", [tar(entry("bin/su", b"x", 0o4755), entry("dev/null", kind=tarfile.CHRTYPE, device=(1, 3), mode=0o666))])
    path = pathlib.Path(out("image", "mount", full).strip())
    options = next(line for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if str(path) in line).split()[5]
    assert {"ro", "nosuid", "nodev"} <= set(options.split(","))
    with pytest.raises(OSError):
        (path / "new").write_text("x")
    assert stat.S_IMODE(MOUNTS.stat().st_mode) == 0o700
    assert as_user("ls", path, check=False).returncode != 0
    assert as_user("berthctl", "image", "mount", full, check=False).returncode != 0
    run_berthctl("image", "unmount", full)


def test_mount_twice_is_once(images):
    full = images("a", [tar_of({"a": b"1"})])
    assert out("image", "mount", full) == out("image", "mount", full)
    assert len(mounted()) == 1
    run_berthctl("image", "unmount", full)
    run_berthctl("image", "unmount", full)
    assert not mounted()


def test_mounts_are_listed_and_unmounted_together(images):
    names = [images(label, [tar_of({"a": label.encode()})]) for label in ("a", "b", "c")]
    paths = [out("image", "mount", full).strip() for full in names[:2]]
    assert sorted(out("-q", "image", "mount").split()) == sorted(paths)
    table = out("image", "mount")
    assert names[0] in table and names[2] not in table
    listed = json.loads(out("--json=short", "image", "mount"))
    assert sorted(item["MountPoint"] for item in listed) == sorted(paths)
    run_berthctl("image", "unmount", "--all")
    assert "No image is mounted" in out("image", "mount")
    assert "excl" in fails("image", "unmount", "--all", names[0])
    assert "needs the name" in fails("image", "unmount")
    assert fails("image", "mount", "nix-da").startswith("berthctl: no image is called")


def test_what_is_mounted_is_not_removed(images):
    full = images("a", [tar_of({"a": b"1"})])
    path = pathlib.Path(out("image", "mount", full).strip())
    assert f"it is mounted (berthctl image unmount {full})" in fails("rmi", full)
    run_berthctl("image", "prune", "--all", "--force")
    assert (path / "a").read_text() == "1"
    with open(path / "a", "rb"):
        assert "is in use" in fails("image", "unmount", full)
        assert "is in use" in fails("rmi", "--force", full)
    run_berthctl("rmi", "--force", full)
    assert not path.exists() and full not in out("images")


def test_mount_survives_berthd(images):
    full = images("a", [tar_of({"a": b"1"})])
    path = pathlib.Path(out("image", "mount", full).strip())
    run("systemctl", "kill", "-s", "KILL", "berthd")
    assert poll(lambda: out("-q", "image", "mount").split() == [str(path)], what="berthd to know of the mount")
    assert (path / "a").read_text() == "1"
    run("umount", path)     # an administrator may do it, too
    assert "No image is mounted" in out("image", "mount")
    run_berthctl("image", "mount", full)
    run_berthctl("image", "unmount", full)


@pytest.mark.seconds(300)
def test_500_layers(images):
    full = images("many", [tar_of({f"f{i}": str(i).encode(), "last": str(i).encode()}) for i in range(500)])
    path = pathlib.Path(out("image", "mount", full).strip())
    assert (path / "last").read_text() == "499" and (path / "f0").read_text() == "0" and len(os.listdir(path)) == 501
    assert out("image", "diff", full, full) == ""
    run_berthctl("image", "unmount", full)


# --- diff ----------------------------------------------------------------------------------------------------

BASE = tar(entry("etc", **DIRECTORY), entry("etc/same", b"s"), entry("etc/changed", b"1"), entry("etc/resized", b"1"),
           entry("etc/gone", b"1"), entry("gone-dir", **DIRECTORY), entry("gone-dir/x", b"1"), entry("mode", b"m"),
           entry("owner", b"o"), entry("becomes-dir", b"f"), entry("becomes-file", **DIRECTORY), entry("becomes-file/in", b"1"),
           entry("link", kind=tarfile.SYMTYPE, link="etc/same"), entry("rewritten", b"same again"),
           entry("dir-mode", **DIRECTORY), entry("dir-mode/in", b"1"), entry("opaque", **DIRECTORY), entry("opaque/old", b"1"),
           entry("attribute", b"a"))
CHANGES = tar(entry("etc/changed", b"2"), entry("etc/resized", b"123"), entry("etc/.wh.gone"), entry(".wh.gone-dir"),
              entry("mode", b"m", 0o600), entry("owner", b"o", uid=7), entry("becomes-dir", **DIRECTORY), entry("becomes-dir/in", b"1"),
              entry("becomes-file", b"f"), entry("link", kind=tarfile.SYMTYPE, link="etc/changed"), entry("rewritten", b"same again"),
              entry("dir-mode", mode=0o700, kind=tarfile.DIRTYPE), entry("new", **DIRECTORY), entry("new/in", b"1"),
              entry("opaque", **DIRECTORY), entry("opaque/.wh..wh..opq"), entry("opaque/young", b"1"),
              entry("attribute", b"a", xattrs=[("user.color", "red")]))
EXPECTED = """C /attribute
C /becomes-dir
A /becomes-dir/in
C /becomes-file
C /dir-mode
C /etc/changed
D /etc/gone
C /etc/resized
D /gone-dir
C /link
C /mode
A /new
A /new/in
D /opaque/old
A /opaque/young
C /owner
""".splitlines()


def test_diff_of_shared_layers(images):
    a, b = images("a", [BASE]), images("b", [BASE, CHANGES])
    assert out("image", "diff", a, b).splitlines() == EXPECTED
    opposite = {"A": "D", "D": "A", "C": "C"}
    back = {line.split()[1]: line[0] for line in out("image", "diff", b, a).splitlines()}
    for line in EXPECTED:
        kind, path = line.split()
        # Of a folder that goes, only it itself is said; of one that comes, all.
        if path not in ("/becomes-dir/in", "/new/in"):
            assert back[path] == opposite[kind], path
    assert back["/gone-dir/x"] == "A" and back["/becomes-file/in"] == "A"
    assert out("image", "diff", a, a) == ""


def test_diff_of_images_that_share_nothing(images):
    """The same files in other layers: nothing can be taken for the same without a look at it."""
    a = images("a", [BASE])
    b = images("b", [tar(entry("unrelated", b"1")), tar(entry(".wh.unrelated")), BASE, CHANGES])
    assert out("image", "diff", a, b).splitlines() == EXPECTED


def test_diff_when_what_both_share_comes_back(images):
    """The first removes what a shared layer has: to the second's side it is new, with all that is in it."""
    a = images("a", [BASE, tar(entry(".wh.gone-dir"), entry("etc", b"now a file"))])
    b = images("b", [BASE])
    assert out("image", "diff", a, b).splitlines() == ["C /etc", "A /etc/changed", "A /etc/gone", "A /etc/resized",
                                                      "A /etc/same", "A /gone-dir", "A /gone-dir/x"]


def test_diff_agrees_with_a_plain_walk(images):
    """Random trees of up to three layers on a shared one, compared by python on the mounts."""
    dice = random.Random(6)
    folders = ["d0", "d1", "d0/e0", "d0/e1", "d1/e0", "d0/e0/f0"]

    def layer(low):
        entries, names = [], set()
        for folder in folders:
            if dice.random() < 0.5:
                entries.append(entry(folder, **DIRECTORY))
            for leaf in "xyz":
                path = f"{folder}/{leaf}"
                kind = dice.random()
                if kind < 0.3:
                    entries.append(entry(path, dice.choice([b"1", b"2", b"33"]), dice.choice([0o644, 0o755])))
                elif kind < 0.4 and not low:
                    entries.append(entry(f"{folder}/.wh.{leaf}"))
        if not low and dice.random() < 0.5:
            gone = dice.choice(folders)
            entries = [e for e in entries if not e[0].name.startswith(gone)]
            entries.append(entry("/".join([*gone.split("/")[:-1], ".wh." + gone.split("/")[-1]])))
        return tar(*entries), names

    def look(root):
        seen = {}
        for path in sorted(root.rglob("*")):
            if not path.exists():
                continue        # overlayfs lists whiteouts that hide nothing
            status = path.lstat()
            seen["/" + str(path.relative_to(root))] = (
                stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode), None if path.is_dir() else path.read_bytes())
        return seen

    for round_number in range(6):
        base = layer(True)[0]
        names = [images(f"r{round_number}{side}", [base, *(layer(False)[0] for _ in range(dice.randint(0, 3)))]) for side in "ab"]
        a, b = (look(pathlib.Path(out("image", "mount", full).strip())) for full in names)
        expected = {f"A {path}" for path in b.keys() - a.keys()} | {f"C {path}" for path in a.keys() & b.keys() if a[path] != b[path]}
        # What lies below something that went is not said again.
        gone = a.keys() - b.keys()
        def covered(path):
            parent = os.path.dirname(path)
            return parent in gone or (parent in b and b[parent][0] != stat.S_IFDIR)
        expected |= {f"D {path}" for path in gone if not covered(path)}
        assert set(out("image", "diff", *names).splitlines()) == expected
        run_berthctl("image", "unmount", "--all")


def test_diff_escapes_names(images):
    a = images("a", [tar_of({"x": b"1"})])
    b = images("b", [tar_of({"x": b"1", "new\nline": b"1", "tab\t": b"1", "back\\slash": b"1", "umlaut-ä": b"1"}),
                     tar(entry("bad-\udcff", b"1"))])
    lines = out("image", "diff", a, b).splitlines()
    assert sorted(lines) == ["A /back\\\\slash", "A /bad-\\377", "A /new\\nline", "A /tab\\011", "A /umlaut-ä"]
    listed = json.loads(out("--json=short", "image", "diff", a, b))
    assert {"Kind": "added", "Path": "/new\nline"} in listed and {"Kind": "added", "Path": "/bad-\\377"} in listed


def test_diff_of_whiteouts_that_hide_nothing(images):
    a = images("a", [tar_of({"d/x": b"1", "d/.wh.y": b"", ".wh.z": b""})])
    b = images("b", [tar_of({"d/x": b"1", "d/.wh.y": b"", "d/.wh.v": b"", "z": b"1"})])
    assert out("image", "diff", a, b).splitlines() == ["A /z"]


def test_diff_says_what_is_wrong(images):
    a = images("a", [tar_of({"x": b"1"})])
    assert "no image is called" in fails("image", "diff", a, "nix-da")
    assert "needs more arguments" in fails("image", "diff", a)


def test_diff_of_a_few_files_among_many(images):
    """Folders that only the shared layer has are passed over, and those that another has a part of are not."""
    shared = tar_of({f"d{i // 20}/f{i}": b"x" for i in range(300)})
    a, b = images("a", [shared]), images("b", [shared, tar_of({"d7/new": b"1", "d7/f140": b"y", "d8/.wh.f161": b""})])
    assert out("image", "diff", a, b).splitlines() == ["C /d7/f140", "A /d7/new", "D /d8/f161"]


def test_interrupted_diff(images):
    noise = random.Random(1).randbytes(20_000_000)
    a = images("a", [tar_of({"big": noise})])
    b = images("b", [tar_of({"big": noise, "more": b"1"})])
    process = subprocess.Popen(["berthctl", "image", "diff", a, b], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(0.05)
    process.terminate()
    process.wait(10)
    process.stderr.close()      # whether it was still at it or not, nothing may be left (see the fixtures)


# --- tree ----------------------------------------------------------------------------------------------------

def test_tree(images):
    shared = tar_of({"shared": b"s" * 100_000})
    a, b = images("a", [shared, tar_of({"a": b"a" * 3000})]), images("b", [shared, tar_of({"b": b"b" * 2000})])
    listed = {item["Name"]: item for item in json.loads(out("--json=short", "image", "tree"))}
    assert listed[a]["UniqueSize"] == 3000 and listed[a]["SharedSize"] == 100_000 and listed[a]["Size"] == 103_000
    assert [layer["SharedWith"] for layer in listed[a]["Layers"]] == [[b], []]
    assert [layer["UnpackedSize"] for layer in listed[b]["Layers"]] == [100_000, 2000]
    text = out("image", "tree", a)
    assert a in text.splitlines()[0] and "unique" in text and b in text
    assert len(text.splitlines()) == 4 and "├─" in text and "└─" in text
    assert "no image is called" in fails("image", "tree", "nix-da")


def test_tree_shows_what_made_a_layer(images, busybox_image, name):
    run_berthctl("run", "--name", name, busybox_image, "sh", "-c", "echo x > /x")
    run_berthctl("commit", "-m", "a step", name, f"{name}-c:v1")
    run_berthctl("rm", name)
    text = out("image", "tree", "--no-trunc", f"{name}-c:v1")
    assert busybox_image in text
    listed = json.loads(out("--json=short", "image", "tree", f"{name}-c:v1"))[0]
    assert len(listed["Layers"]) == 2 and listed["Layers"][0]["SharedWith"] == [busybox_image]
    run_berthctl("rmi", f"{name}-c:v1")


def test_tree_fits_the_terminal(images):
    shared = tar_of({"shared": b"s"})
    names = [images(f"a-name-that-is-quite-long-{i}", [shared, tar_of({"own": str(i).encode()})]) for i in range(5)]
    text = out("image", "tree", names[0], env={**os.environ, "COLUMNS": "60", "LANG": "C.UTF-8"})
    assert names[1] in text     # not a terminal: nothing is cut
