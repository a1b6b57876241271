# SPDX-License-Identifier: MIT
"""A server, its network, its NBD root and its control plane, for one test:

    @rows("B1")
    def test_something(bench):
        vm = bench.boot(nbd="nbd-server", tags=["INITRD_DEBUG=1"], cmdline="nameserver=192.0.2.53")
        vm.wait_login()
        equal(bench.states(), ["kernel-started", "booted"], "states")
"""

import collections
import json
import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack

import cpio
import documents
import nbd as nbd_servers
from controlplane import Remote
from net import METADATA_IPV4, METADATA_IPV6, Network
from process import Child, find, need
from testing import absent, check, contains, equal
from vm import CONSOLE, LOGIN, VM

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
TOP = os.path.dirname(TESTS)
CACHE = os.path.join(TESTS, "cache")
STATES = ["kernel-started", "booted"]
COST = {"GET /conf": 1, "PATCH /state": 2}  # requests of a good boot, in any mode
SETTLED = 8  # s; a state that was not taken is sent again after 5 s at most
# loglevel: warnings are shown; more in the middle of a line would make tests of console lines a matter of luck.
# panic: a test that fails by one is told at once.
BASE_CMDLINE = f"console={CONSOLE},115200 loglevel=5 panic=-1 scaleway boot=local root=/dev/nbd0"

# The host's own network manager is left out, so that what the initrd has done stays to be seen.
NO_HOST_NETWORK = "net.ifnames=0 systemd.mask=systemd-networkd.service systemd.mask=systemd-networkd.socket"


class Parts:
    """Kernel, initrd and root image: of the image builder, or given by the environment."""

    def __init__(self):
        self.kernel = os.environ.get("SCALEWAY_KERNEL")
        self.initrd = os.environ.get("SCALEWAY_INITRD")
        self.root = os.environ.get("SCALEWAY_ROOT")
        self.initrd_lean = os.environ.get("SCALEWAY_INITRD_LEAN")
        self.tree = os.environ.get("SCALEWAY_TREE")
        if not (self.kernel and self.initrd and self.root):
            import image

            built = image.build()
            self.kernel = self.kernel or str(built.kernel)
            self.initrd = self.initrd or str(built.initrd)
            self.initrd_lean = self.initrd_lean or (str(built.initrd_lean) if built.initrd_lean else None)
            self.root = self.root or str(built.root_ext4)
            self.tree = self.tree or str(built.tree)


class Bench:
    def __init__(self, folder, keep=False, echo=None):
        """folder: takes logs; it is emptied. keep: leave the root image there. echo: takes the console's bytes live."""
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.folder = folder
        self.keep = keep
        self.echo = echo
        self.network = None
        self.controlplane = None
        self.document = None  # the server's metadata
        self.server = None  # the NBD server of volume 0
        self.vm = None
        self.on_network = None  # called with the network when it is there, before the server is started
        self._parts = None
        self._disk = None
        self._boots = 0
        self._first_record = 0
        self._stack = ExitStack()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self._stack.close()

    @property
    def parts(self):
        if self._parts is None:
            self._parts = Parts()
        return self._parts

    # The root image

    @property
    def disk(self):
        """Path of the test's own copy of the root image."""
        if self._disk is None:
            self._disk = os.path.join(self.folder, "root.ext4")
            subprocess.run(["cp", "--sparse=always", "--reflink=auto", self.parts.root, self._disk], check=True)
            if not self.keep:
                self._stack.callback(os.unlink, self._disk)
        return self._disk

    def share_disk(self, path):
        """Serve that image in place of a copy of one's own. The NBD server must be one that writes nothing to it."""
        self._disk = path

    def build_disk(self, build, *arguments):
        """Serve a disk that is made from the root image: build(root image, path, *arguments), see disks.py. Returns its path."""
        self._disk = os.path.join(self.folder, "disk.img")
        if not self.keep:
            self._stack.callback(os.unlink, self._disk)
        build(self.parts.root, self._disk, *arguments)
        return self._disk

    def edit_root(self, *commands):
        """debugfs commands, before the server boots."""
        debugfs(self.disk, *commands, write=True)

    def add_to_root(self, path, content, mode=0o755):
        """A file of the root image, before the server boots."""
        source = os.path.join(self.folder, "file")
        with open(source, "w", encoding="utf-8") as f:
            f.write(content)
        self.edit_root(f"rm {path}", f"write {source} {path}", f"set_inode_field {path} mode 0{0o100000 | mode:o}")
        os.unlink(source)

    def root_file(self, path):
        """A file of the root image, seen from outside when the server is off. None if there is none."""
        output = debugfs(self.disk, f"cat {path}")
        return None if "File not found" in output.stderr else output.stdout

    def set_root_password_field(self, field):
        """Of /etc/shadow, with the owner, the mode and an attribute that the file is to keep."""
        shadow = self.root_file("/etc/shadow")
        self.add_to_root("/etc/shadow", re.sub(r"^root:[^:]*:", f"root:{field}:", shadow, flags=re.M), mode=0o640)
        self.edit_root("set_inode_field /etc/shadow gid 42", "ea_set /etc/shadow user.note kept")

    def look(self, *commands):
        """Outputs of debugfs commands on a copy of the disk with what lies in the journal in its place; the server may run."""
        copy = os.path.join(self.folder, "look.img")
        try:
            subprocess.run(["cp", "--sparse=always", "--reflink=auto", self.disk, copy], check=True)
            subprocess.run([find("e2fsck"), "-p", "-E", "journal_only", copy], check=True, capture_output=True)
            return [debugfs(copy, command).stdout for command in commands]
        finally:
            if os.path.exists(copy):
                os.unlink(copy)

    def callback(self, function):
        """To be called at the end of the test: for what it started by itself."""
        self._stack.callback(function)

    # The boot

    def boot(self, cmdline="", tags=(), metadata=None, nbd="nbdkit", faults=(), nics=("dhcp",), overlay=None, base=BASE_CMDLINE,
             initrd=None, memory=1024, qemu=(), user_data=None, ntp=()):
        """Starts the server and returns its VM at once.

        cmdline    added to base, whose root= and boot= it may replace; {nbd} stands for the URI of the root volume
        metadata   top-level fields that replace those of the document, or False: there is no metadata service
        nbd        a key of nbd.SERVERS, or None: no server
        faults     of the control plane, see controlplane.py
        nics       a mode for each, see net.Bridge, or how many with DHCP
        overlay    a cpio.Archive (see vm.initrd_probe) or several that the kernel unpacks over the initrd
        initrd     path of another one, "lean" for the lean one
        ntp        addresses of NTP servers that DHCP names, see ntp.py

        A second call boots the same server again: same network, disk and control plane."""
        if self.vm:
            self.vm.kill()
        self._boots += 1
        self._start_network(["dhcp"] * nics if isinstance(nics, int) else list(nics), ntp)
        uri = self._start_nbd(nbd)
        if metadata is not False:
            self._start_controlplane()
            fields = {"private_ip": None if self.first_nic.mode == "ra" else self.first_nic.address, **(metadata or {})}
            self.document = documents.server(uri, tags, **fields)
            self.controlplane.set_document(self.document)
            if user_data is not None:
                self.controlplane.set_user_data(user_data)
            self._first_record = len(self.controlplane.records())
            self.controlplane.set_faults(faults)
        elif self.controlplane:
            self.controlplane.set_faults([{"kind": "refuse"}])

        # Of two the first would count.
        for key in ("root=", "boot="):
            if any(word.startswith(key) for word in cmdline.split()):
                base = " ".join(word for word in base.split() if not word.startswith(key))
        line = f"{base} {cmdline}".strip().replace("{nbd}", uri or "")
        initrd = self.parts.initrd_lean if initrd == "lean" else initrd or self.parts.initrd
        self.vm = VM(self.network, self.folder, self.parts.kernel, self._overlay(initrd, overlay), line, memory=memory,
                     extra=qemu, echo=self.echo, number=self._boots)
        self._stack.callback(self.vm.kill)
        return self.vm

    def resume(self, memory_file, nbd, initrd=None, memory=1024):
        """In the place of boot(): a server with one NIC goes on where vm.save() left it, with the disk of that moment. Its network, NBD server
        and control plane are new ones at the same addresses, so its connections are broken."""
        self._boots += 1
        self._start_network(["dhcp"], ())
        uri = self._start_nbd(nbd)
        self._start_controlplane()
        self.controlplane.set_document(documents.server(uri, (), private_ip=self.first_nic.address))
        initrd = self.parts.initrd_lean if initrd == "lean" else self.parts.initrd
        self.vm = VM(self.network, self.folder, self.parts.kernel, initrd, BASE_CMDLINE, memory=memory,
                     extra=["-incoming", f"file:{memory_file}"], echo=self.echo, number=self._boots)
        self._stack.callback(self.vm.kill)
        return self.vm.resumed()

    @property
    def first_nic(self):
        """The bridge through which the server reaches the platform."""
        return next((b for b in self.network.bridges if b.mode != "none"), self.network.bridges[0])

    def _start_network(self, modes, ntp):
        if self.network:
            if [b.mode for b in self.network.bridges] != modes:
                raise ValueError("the NICs of a server do not change between boots")
            return
        self.network = self._stack.enter_context(Network(self.folder, modes, ntp))
        if self.on_network:
            self.on_network(self.network)

    def _start_nbd(self, kind):
        if self.server:
            self.server.stop()
            self.server = None
        if kind is None:
            return None
        host = self.first_nic.host6 if self.first_nic.mode == "ra" else self.first_nic.host
        self.server = nbd_servers.SERVERS[kind](self.network, self.folder, self.disk, host=host)
        self._stack.callback(self.server.stop)
        self.server.start()
        return self.server.uri

    def _start_controlplane(self):
        if self.controlplane:
            return
        control = os.path.join(self.folder, "control")
        argv = [
            sys.executable, os.path.join(HERE, "controlplane.py"), "--bind", f"{METADATA_IPV4}:80",
            "--bind", f"[{METADATA_IPV6}]:80", "--log", os.path.join(self.folder, "requests.jsonl"), "--control", control,
        ]  # fmt: skip
        child = Child(argv, os.path.join(self.folder, "controlplane.log"), self.network.prefix)
        self._stack.callback(child.stop)
        self.controlplane = Remote(control)
        self._stack.callback(self.controlplane.close)
        self.controlplane.ping()

    def _overlay(self, initrd, overlay):
        if overlay is None:
            return initrd
        archive = cpio.Archive()
        for one in overlay if isinstance(overlay, (list, tuple)) else [overlay]:
            archive.update(one)
        path = os.path.join(self.folder, "initrd")
        if self._boots == 1:
            self._stack.callback(os.unlink, path)
        cpio.append(initrd, archive, path)
        return path

    # What the control plane saw since the server was started

    def requests(self, method=None, path=None):
        return [
            r
            for r in self.controlplane.records(self._first_record)
            if (method is None or r["method"] == method) and (path is None or r["path"] == path)
        ]

    def states(self):
        """Those the control plane took, in order. A body that is no JSON object with one key fails the test."""
        states = []
        for record in self.requests("PATCH", "/state"):
            body = json.loads(record["body"])
            if list(body) != ["state_detail"]:
                raise AssertionError(f"PATCH /state with {record['body']!r}")
            if record["status"] == 200:
                states.append(body["state_detail"])
        return states

    def wait_booted(self, timeout=240):
        """Waits for the login prompt, then for the states, which must be the two of a good boot."""
        self.vm.wait_login(timeout)
        # Whether the host's own one starts is, where the initrd's lives on, a matter of luck: each boot looks.
        absent(self.vm.console.text, r"Dependency failed for systemd-netw", "the host's systemd-networkd")
        equal(self.wait_states(), STATES, "states the control plane saw")

    def wait_failed(self, reason, timeout=240, mounted=False, ends="guest-reset"):
        """Waits for the line that says why no root can be had, which must match reason, and for the reboot after it. mounted: there
        was a root, so booted may have been signalled. ends: see VM.wait_exit()."""
        self.vm.wait_for(r"^>>> Boot failed: ", timeout)
        self.vm.wait_for(r"^>>> Boot failed: .*\n", 10)
        failures = self.vm.console.matching(r"^>>> Boot failed: ")
        equal(len(failures), 1, f"lines of reason: {failures}")
        contains(failures[0], reason, "reason on the console")
        equal(self.vm.wait_exit(120), ends, "what the server does after a pause")
        absent(self.vm.console.text, rf"Kernel panic|{LOGIN}", "neither a panic nor a boot")
        if self.controlplane:
            states = self.states()
            check(mounted or "booted" not in states, f"states: {states}")
            # Cut after 128 bytes.
            last = states[-1].removesuffix("...") if states else ""
            check(last.startswith("failed: ") and last.removeprefix("failed: ") in failures[0], f"the reason is the last state: {states}")

    def wait_states(self, count=2, timeout=30):
        """Nothing in the boot waits for a state to arrive, so a test has to. Returns states(), be it enough of them or not."""
        deadline = time.monotonic() + timeout
        while len(self.states()) < count and time.monotonic() < deadline:
            time.sleep(0.1)
        return self.states()

    def cost(self):
        """What the boot cost the control plane: {"METHOD /path": requests}, whoever made them, when one too many has had the time
        to show, from the last one on."""
        last = max((r["time"] for r in self.requests()), default=time.monotonic())
        time.sleep(max(0, last + SETTLED - time.monotonic()))
        return collections.Counter(f"{r['method']} {r['path']}" for r in self.requests())

    def final_states(self):
        """states(), when one that is sent too often has had the time to show."""
        time.sleep(SETTLED)
        return self.states()


def debugfs(image, *commands, write=False):
    need("debugfs")
    lines = "\n".join(commands) + "\n"
    argv = [find("debugfs"), *(["-w"] if write else []), "-f", "-", image]
    if not write and len(commands) == 1:
        argv, lines = [find("debugfs"), "-R", commands[0], image], ""
    result = subprocess.run(argv, input=lines, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"debugfs: {result.stderr}")
    return result
