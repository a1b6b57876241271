# SPDX-License-Identifier: MIT
"""A newc cpio archive, to be put after an initrd: the kernel unpacks one after the other, and the later file wins."""

import posixpath
import shutil
import stat

# In the initrd these are links; a folder of that name in the archive would replace them.
MERGED = ("bin", "sbin", "lib", "lib32", "lib64")


class Archive:
    def __init__(self):
        self._entries = {}  # path → (mode, data)

    def __bool__(self):
        return bool(self._entries)

    def add(self, path, data, mode=0o644):
        self._put(path, stat.S_IFREG | mode, data if isinstance(data, bytes) else data.encode())

    def symlink(self, path, target):
        self._put(path, stat.S_IFLNK | 0o777, target.encode())

    def link_merged(self):
        """For an initrd of its own, that follows no other one: makes those links."""
        for name in MERGED:
            self._entries[name] = (stat.S_IFLNK | 0o777, f"usr/{name}".encode())

    def folder(self, path):
        self._put(path, stat.S_IFDIR | 0o755, b"")

    def update(self, other):
        self._entries.update(other._entries)

    def _put(self, path, mode, data):
        path = posixpath.normpath(path).lstrip("/")
        if path.split("/")[0] in MERGED:
            path = "usr/" + path
        parent = posixpath.dirname(path)
        if parent and parent not in self._entries:
            self.folder(parent)
        self._entries[path] = (mode, data)

    def dump(self):
        out = bytearray()

        def write(path, mode, data, ino):
            name = path.encode() + b"\0"
            fields = (ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
            out.extend(b"070701" + "".join(f"{field:08X}" for field in fields).encode() + name)
            out.extend(b"\0" * (-len(out) % 4))
            out.extend(data)
            out.extend(b"\0" * (-len(out) % 4))

        for ino, (path, (mode, data)) in enumerate(self._entries.items(), start=1):
            write(path, mode, data, ino)
        write("TRAILER!!!", 0, b"", 0)
        return bytes(out)


def append(initrd, archive, target):
    """Writes initrd plus archive to target; an uncompressed archive has to start at a multiple of four bytes."""
    shutil.copyfile(initrd, target)
    with open(target, "ab") as f:
        f.write(b"\0" * (-f.tell() % 4))
        f.write(archive.dump())
