# SPDX-License-Identifier: MIT
"""NBD servers over a root image, each started so that a test can look at the disk afterwards: they write to the file itself,
which is a sparse copy of the test's own."""

import os

import cpio
from process import Child, need, wait_until

EXPORT = "root"
PORT = 10809


def shorter(seconds):
    """An overlay: the root's NBD server is tried for so long, and not for five minutes."""
    archive = cpio.Archive()
    archive.add("/etc/systemd/system/scaleway-nbd@0.service.d/90-test.conf", f"[Service]\nEnvironment=NBD_TIMEOUT={seconds}\n")
    return archive


class Server:
    """One NBD server. kill() and restart() are for the tests that take the server away."""

    tool = None
    export = EXPORT

    def __init__(self, network, folder, disk, port=PORT, host=None, readonly=False, number=0):
        need(self.tool, "ss")
        self.network = network
        self.folder = folder
        self.disk = disk
        self.port = port
        self.host = host or network.bridges[0].host
        self.readonly = readonly
        self.log = os.path.join(folder, f"nbd-{number}.log")
        self.child = None

    @property
    def uri(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"nbd://{host}:{self.port}" + (f"/{self.export}" if self.export else "")

    def arguments(self):
        raise NotImplementedError

    def command(self):
        return [self.tool, *self.arguments()]

    def start(self):
        self.child = Child(self.command(), self.log, self.network.prefix)
        wait_until(lambda: self.network.listening(self.port), 10, f"NBD server on port {self.port}", self.child)
        return self

    def kill(self):
        if self.child:
            self.child.kill()
            self.child = None

    def stop(self):
        if self.child:
            self.child.stop()
            self.child = None

    def restart(self):
        self.kill()
        return self.start()

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    __enter__ = start

    def __exit__(self, *exc):
        self.stop()


class Nbdkit(Server):
    """Newstyle; any export name is served, and the URI has none, as those of the platform. filters and parameters may be set for the next
    start(), to make another server of it."""

    tool = "nbdkit"
    export = ""
    style = "--newstyle"
    plugin = "file"
    filters = ()
    parameters = ()

    def arguments(self):
        return [
            "--foreground", "--verbose", self.style, f"--port={self.port}",
            *(["--readonly"] if self.readonly else []), *self.filters, self.plugin, self.disk, *self.parameters,
        ]  # fmt: skip


class NbdkitReadonly(Nbdkit):
    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords | {"readonly": True})


class NbdkitOldstyle(Nbdkit):
    """What the platform's export servers speak."""

    style = "--oldstyle"
    # nbdkit (seen in 1.32) offers what its plugin can, but forgets it in the oldstyle handshake, so that each flush and FUA write
    # fails with EINVAL, whoever the client is. The split plugin, here with one file, offers neither; nor did the old servers.
    plugin = "split"


class NbdkitMemory(Nbdkit):
    """Any export name is one, each session has its own empty disk. It logs nothing: that costs time."""

    def arguments(self):
        return ["--foreground", self.style, f"--port={self.port}", *self.filters, "memory", "64M", *self.parameters]


class NbdkitFolder(Nbdkit):
    """The files of a folder, each an export by its name."""

    def arguments(self):
        return ["--foreground", self.style, f"--port={self.port}", "file", f"dir={self.disk}"]


class NbdServer(Server):
    tool = "nbd-server"

    def arguments(self):
        path = os.path.join(self.folder, f"nbd-server-{self.port}.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(
                f"[generic]\n\tport = {self.port}\n\tallowlist = true\n"
                f"[{self.export}]\n\texportname = {self.disk}\n\tflush = true\n\tfua = true\n"
                f"\treadonly = {'true' if self.readonly else 'false'}\n"
            )
        return ["-C", path]

    def command(self):
        # In the foreground it ends with its first client. As a daemon its processes are held together by a PID namespace.
        script = 'nbd-server "$@"; exec sleep infinity'
        return ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", script, self.tool, *self.arguments()]

    def kill(self):
        super().kill()
        wait_until(lambda: not self.network.listening(self.port), 5, "end of nbd-server")

    def stop(self):
        self.kill()


class QemuNbd(Server):
    tool = "qemu-nbd"

    def arguments(self):
        return [
            "--persistent", "--format=raw", "--shared=0", f"--port={self.port}", f"--export-name={self.export}",
            "--cache=writeback", *(["--read-only"] if self.readonly else []), self.disk,
        ]  # fmt: skip


SERVERS = {
    "nbdkit": Nbdkit,
    "nbdkit-oldstyle": NbdkitOldstyle,
    "nbdkit-readonly": NbdkitReadonly,
    "nbd-server": NbdServer,
    "qemu-nbd": QemuNbd,
}
