"""Tars with all that a tar may have in it, also what no well-meaning tool would write.

    tar = TarMaker().folder("d").file("d/x", b"text", mode=0o4755).link("l", "/etc").bytes()
"""

import io
import tarfile


class TarMaker:
    def __init__(self, format=tarfile.PAX_FORMAT):
        self.buffer = io.BytesIO()
        self.archive = tarfile.open(fileobj=self.buffer, mode="w", format=format)

    def entry(self, path, kind, content=None, target="", xattrs=None, **fields):
        entry = tarfile.TarInfo(path)
        entry.type, entry.linkname, entry.mode, entry.mtime = kind, target, 0o755, 1_600_000_000
        for key, value in fields.items():
            setattr(entry, key, value)
        for key, value in (xattrs or {}).items():
            entry.pax_headers[f"SCHILY.xattr.{key}"] = value
        if content is not None:
            entry.size = len(content)
        self.archive.addfile(entry, io.BytesIO(content) if content is not None else None)
        return self

    def file(self, path, content=b"", **fields):
        return self.entry(path, tarfile.REGTYPE, content, **{"mode": 0o644, **fields})

    def folder(self, path, **fields):
        return self.entry(path, tarfile.DIRTYPE, **fields)

    def link(self, path, target, **fields):
        return self.entry(path, tarfile.SYMTYPE, target=target, **fields)

    def hard(self, path, target):
        return self.entry(path, tarfile.LNKTYPE, target=target)

    def device(self, path, major, minor, kind=tarfile.CHRTYPE, **fields):
        return self.entry(path, kind, devmajor=major, devminor=minor, **fields)

    def fifo(self, path):
        return self.entry(path, tarfile.FIFOTYPE)

    def bytes(self):
        self.archive.close()
        return self.buffer.getvalue()
