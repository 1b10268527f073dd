"""A large image for the pull: real files of this machine, in layers, compressed as registries have them."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))

import ociimage
from peers import Failure, call

LAYERS = 7
SOURCES = ("/usr/lib", "/usr/share", "/usr/bin", "/usr/include")
NAME = "bench/large:latest"


def choose(wanted):
    """Files of a real system, small and large ones mixed as they come, up to WANTED bytes, in LAYERS parts."""
    parts, part, size, total = [], [], 0, 0
    for source in SOURCES:
        for folder, subfolders, names in os.walk(source):
            subfolders.sort()
            for name in sorted(names):
                path = os.path.join(folder, name)
                if os.path.islink(path) or not os.path.isfile(path) or not os.access(path, os.R_OK):
                    continue
                length = os.path.getsize(path)
                if length > 64 * 1024 * 1024:
                    continue
                part.append(path[1:])
                size, total = size + length, total + length
                if size >= wanted / LAYERS:
                    parts.append(part)
                    part, size = [], 0
                if len(parts) == LAYERS:
                    return parts, total
    if part:
        parts.append(part)
    return parts, total


def add_layer(image, files):
    """Like OciImage.add_layer, without holding it in memory."""
    tar, packed = image.folder / "layer.tar", image.folder / "layer.tar.gz"
    subprocess.run(["tar", "-c", "-f", tar, "-C", "/", "--no-recursion", "--owner=0", "--group=0", "--null", "-T", "-"],
                   input="\0".join(files).encode(), check=True, stderr=subprocess.DEVNULL)
    diff_id = call("sha256sum", tar).split()[0]
    with open(packed, "wb") as target:
        subprocess.run(["pigz", "-6", "-n", "-c", tar], stdout=target, check=True)
    tar.unlink()
    digest, size = call("sha256sum", packed).split()[0], packed.stat().st_size
    packed.rename(image.blobs / digest)
    image.layers.append({"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": f"sha256:{digest}",
                         "size": size})
    image.diff_ids.append(f"sha256:{diff_id}")
    return size


def make(folder, megabytes):
    """Writes the image as an OCI layout; returns a description."""
    image = ociimage.OciImage(folder)
    parts, unpacked = choose(megabytes * 1_000_000)
    packed = sum(add_layer(image, part) for part in parts)
    image.write("latest", config={"Cmd": ["true"]})
    return {"layers": len(parts), "files": sum(map(len, parts)), "unpacked": unpacked, "packed": packed}


class Registry:
    """Debian's docker-registry on loopback, empty."""

    def __init__(self, folder):
        folder.mkdir(parents=True, exist_ok=True)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.address = f"127.0.0.1:{probe.getsockname()[1]}"
        config = folder / "config.yml"
        config.write_text(json.dumps({"version": 0.1, "log": {"level": "error"}, "http": {"addr": self.address},
                                      "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}}}))
        self.process = subprocess.Popen(["docker-registry", "serve", config], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait()

    def wait(self):
        host, port = self.address.split(":")
        for _ in range(400):
            with socket.socket() as probe:
                if probe.connect_ex((host, int(port))) == 0:
                    return
            time.sleep(0.05)
        self.stop()
        raise Failure("docker-registry does not answer")

    def stop(self):
        self.process.kill()
        self.process.wait()


class LargeImage(Registry):
    """With one image in it."""

    def __init__(self, folder, megabytes):
        super().__init__(folder)
        self.description = make(folder / "image", megabytes)
        self.reference = f"{self.address}/{NAME}"
        self.layout = f"oci:{folder / 'image'}:latest"
        call("skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", self.layout,
             f"docker://{self.reference}", timeout=600)
