# SPDX-License-Identifier: MIT
"""Root file systems as archives, and the web server that hands them out."""

import os
import subprocess
import sys
import tempfile

import bench_peers
from process import Child, need, wait_until

COMPRESSORS = {"tar": ["cat"], "gz": ["gzip", "-6"], "xz": ["xz", "-1", "-T0"], "zst": ["zstd", "-3", "-T0", "-q"]}


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


class WebServer:
    """python3 -m http.server over a folder of the test, beside the NBD server; it has no ranges."""

    def __init__(self, bench, port=8080):
        self.bench = bench
        self.folder = os.path.join(bench.folder, "www")
        os.makedirs(self.folder, exist_ok=True)
        self.host = bench.first_nic.host
        self.port = port
        argv = [sys.executable, "-m", "http.server", "--directory", self.folder, "--bind", self.host, str(port)]
        self.child = Child(argv, os.path.join(bench.folder, "www.log"), bench.network.prefix)
        bench.callback(self.child.stop)
        wait_until(lambda: bench.network.listening(port), 10, f"web server on port {port}", self.child)

    def add(self, path, name):
        """A file, by a link."""
        os.symlink(os.path.abspath(path), os.path.join(self.folder, name))

    def write(self, name, data, size=None):
        """size: with a hole behind it."""
        with open(os.path.join(self.folder, name), "wb") as f:
            f.write(data)
            if size is not None:
                f.truncate(size)

    def log(self):
        """A line for each request."""
        with open(os.path.join(self.bench.folder, "www.log"), encoding="utf-8") as f:
            return f.read()

    def url(self, name):
        return f"http://{self.host}:{self.port}/{name}"


def sha256(path):
    return subprocess.run(["sha256sum", path], check=True, capture_output=True, text=True).stdout.split()[0]
