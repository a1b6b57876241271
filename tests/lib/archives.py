# SPDX-License-Identifier: MIT
"""Root file systems as archives."""

import os
import subprocess
import tempfile

import bench_peers
from process import need

COMPRESSORS = {"tar": ["cat"], "gz": ["gzip", "-6"], "xz": ["xz", "-1", "-T0"], "zst": ["zstd", "-3", "-T0", "-q"],
               "bz2": ["bzip2", "-1"], "lz4": ["lz4", "-q"]}  # fmt: skip


def root_archive(root_ext4, kind="zst"):
    """The content of a root image, cached; kind: a key of COMPRESSORS."""
    need("mount", COMPRESSORS[kind][0])

    def build(path):
        with tempfile.TemporaryDirectory() as folder:
            # The mount goes with its namespace.
            script = 'mount -o loop,ro "$1" "$2" && tar --xattrs --acls --numeric-owner -C "$2" -c --exclude=./lost+found . | "${@:4}" >"$3"'
            bench_peers.run(["unshare", "--mount", "bash", "-o", "pipefail", "-euc", script, "bash", root_ext4, folder, path,
                             *COMPRESSORS[kind]])  # fmt: skip

    name = os.path.basename(root_ext4)
    return bench_peers.cached(f"archive.{kind}", bench_peers.digest(f"archive of {name}", kind), build)


def padded_root(root_ext4, path, size):
    """The same, not compressed and not cached, with a file of random bytes (opt/padding) that makes it so large at least."""
    source = root_archive(root_ext4)
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
        with open(path, "wb") as f:
            subprocess.run(["zstd", "-dcq", source], stdout=f, check=True)
        missing = size - os.path.getsize(path)
        if missing > 0:
            padding = os.path.join(folder, "opt/padding")
            os.mkdir(os.path.dirname(padding))
            with open(padding, "wb") as f:
                subprocess.run(["head", "-c", str(missing), "/dev/urandom"], stdout=f, check=True)
            subprocess.run(["tar", "--owner=0", "--group=0", "-rf", path, "-C", folder, "./opt/padding"], check=True)


def small(path, kind, files):
    """An archive of these files: {name: bytes}."""
    need(COMPRESSORS[kind][0])
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            with open(os.path.join(folder, name), "wb") as f:
                f.write(data)
        packed = subprocess.run(["tar", "-C", folder, "-c", "."], check=True, stdout=subprocess.PIPE).stdout
    with open(path, "wb") as f:
        subprocess.run(COMPRESSORS[kind], input=packed, stdout=f, check=True)


def sha256(path):
    return subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True).stdout.split()[0]
