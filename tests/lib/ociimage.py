"""Makes OCI images for tests, as the layout on disk that the image specification describes.

    image = OciImage(folder)
    image.add_layer(tar_of({"etc/motd": b"hello"}), compression="zstd")
    image.write("v1", config={"Cmd": ["cat", "/etc/motd"]})

gives a layout that skopeo, and everything else that reads OCI layouts, takes: `oci:FOLDER:v1`.
"""

import gzip
import hashlib
import io
import json
import pathlib
import subprocess
import tarfile

TYPE = "application/vnd.oci.image"


def tar_of(files, links=(), mode=0o644):
    """An uncompressed tar of {path: bytes, or None for a folder} and of (path, target) symbolic links."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.mode = mode if content is not None else 0o755
            if content is None:
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        for path, target in links:
            entry = tarfile.TarInfo(path)
            entry.type = tarfile.SYMTYPE
            entry.linkname = target
            archive.addfile(entry)
    return buffer.getvalue()


def compress(data, compression):
    """(bytes, suffix of the media type)"""
    if compression == "gzip":
        return gzip.compress(data, compresslevel=6, mtime=0), "+gzip"
    if compression == "zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout, "+zstd"
    return data, ""


def digest(data):
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class OciImage:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.blobs = self.folder / "blobs/sha256"
        self.blobs.mkdir(parents=True, exist_ok=True)
        self.layers, self.diff_ids = [], []

    def add_blob(self, data, media_type):
        (self.blobs / digest(data).split(":")[1]).write_bytes(data)
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    def add_layer(self, tar, compression="gzip"):
        packed, suffix = compress(tar, compression)
        self.layers.append(self.add_blob(packed, f"{TYPE}.layer.v1.tar{suffix}"))
        self.diff_ids.append(digest(tar))

    def write(self, tag, config=None, architecture="amd64"):
        """Writes config, manifest and the index with its one tag; returns the manifest's digest."""
        document = {"architecture": architecture, "os": "linux", "config": config or {},
                    "rootfs": {"type": "layers", "diff_ids": self.diff_ids}}
        manifest = {"schemaVersion": 2, "mediaType": f"{TYPE}.manifest.v1+json", "layers": self.layers,
                    "config": self.add_blob(json.dumps(document).encode(), f"{TYPE}.config.v1+json")}
        described = self.add_blob(json.dumps(manifest).encode(), f"{TYPE}.manifest.v1+json")
        described["annotations"] = {"org.opencontainers.image.ref.name": tag}
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (self.folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
        return described["digest"]
