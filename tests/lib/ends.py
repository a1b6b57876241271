# SPDX-License-Identifier: MIT
"""How a server goes down, and what of it is seen from outside: when QEMU ends and why, the kernel's last line, whether the NBD server
was told, and what then lies on the disk.

    server = ends.Server(bench, "ifupdown")
    server.boot()
    server.goes_down("poweroff", "middle")      # fails if it does not, or takes long, or leaves something behind"""

import dataclasses
import json
import os
import random
import shutil
import subprocess
import sys
import time

import inits
import managers
import nbd
import nfs
from process import Child, find, need, wait_until
from testing import absent, check, contains, equal
from vm import Ended

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT = 60  # s; that the way down may take, the storage be there or not
MEMORY_MAX = 4096  # KiB, of what is kept for the way down
HELD_MAX = 24576  # KiB, of the root, for the first seconds of a shutdown, and of the program that holds it: systemd and its libraries are some 14 MiB
AWAY = 5  # s that a storage server needs to come back

# verb: (why QEMU ends, the kernel's last line)
VERBS = {
    "reboot": ("guest-reset", r"reboot: Restarting system"),
    "poweroff": ("guest-shutdown", r"reboot: Power down"),
    "halt": (None, r"reboot: System halted"),
    # The second kernel has no root: it panics, says so and resets.
    "kexec": ("guest-reset", r"Kernel command line: .*\bsecond=kernel"),
}
SYSTEMD, SYSVINIT, OPENRC = "systemd", "sysvinit", "openrc"
# name: (init, root image)
IMAGES = {
    "networkd": (SYSTEMD, None),
    "ifupdown": (SYSTEMD, lambda: managers.root("ifupdown")),
    "networkmanager": (SYSTEMD, lambda: managers.root("networkmanager")),
    "debian12": (SYSTEMD, lambda: managers.root("debian12")),
    "nfs": (SYSTEMD, None),
    "sysvinit": (SYSVINIT, lambda: inits.root("sysvinit")),
    "openrc": (OPENRC, lambda: inits.root("openrc")),
    # As Debian has it: it never heard of /run/initramfs/shutdown.
    "sysvinit-plain": (SYSVINIT, lambda: inits.root("sysvinit")),
    "openrc-plain": (OPENRC, lambda: inits.root("openrc")),
}
KERNEL = "/boot/vmlinuz-second"
HELD = "journalctl --unit=scaleway-hold.service | grep -q 'is held in memory'"
SYNCED, LAST = "/root/synced", "/root/last"

BEGINS = {
    SYSTEMD: r"\] Stopp(?:ed|ing) |\] Unmounting |system will (?:reboot|power|halt)",
    SYSVINIT: r"INIT: (?:Switching to|Sending processes)|The system is going down",
    OPENRC: r"INIT: (?:Switching to|Sending processes)|The system is going down",
}


# What systemd takes for a command, sent to the first process: systemd(1).
SIGNALS = {"reboot": "RTMIN+5", "poweroff": "RTMIN+4", "halt": "RTMIN+3", "kexec": "RTMIN+6"}


class TooEarly(AssertionError):
    """The server went down as it should, but before anything became of its storage, which is what was to be seen. seconds: how long it took."""

    def __init__(self, storage, seconds):
        super().__init__(f"the server was down before its storage was {storage}, so that was not tested")
        self.seconds = seconds


@dataclasses.dataclass
class Storage:
    """What becomes of the storage server: alive; before: killed before the command, and started again; middle: the same while the
    server goes down; gone: killed then for good; lost: from then on no packet leaves it; cold: that before the command, when all that can be
    is forgotten of the root. delay: seconds from when the way down is seen to begin; with 0 a server cannot be down before."""

    kind: str
    delay: float = 0

    KINDS = ("alive", "before", "middle", "gone", "lost")
    COLD = "cold"  # systemd only, as what is typed must be a command of the shell itself

    def __post_init__(self):
        if self.kind not in (*self.KINDS, self.COLD):
            raise ValueError(f"storage '{self.kind}' is none of {', '.join(self.KINDS)}, {self.COLD}")

    @classmethod
    def at_random(cls, kind):
        """For many ends: some servers will be down before."""
        return cls(kind, round(random.uniform(0, 4), 1))

    @property
    def comes_back(self):
        return self.kind in ("alive", "before", "middle")

    def __str__(self):
        return f"{self.kind}+{self.delay}s" if self.kind in ("middle", "gone", "lost") else self.kind


class Server:
    """image: a key of IMAGES. nbd_kind: see nbd.SERVERS. has_disk: the bench has a root that goes down as this image does, for take_over()."""

    def __init__(self, bench, image="networkd", nbd_kind="nbdkit", initrd=None, has_disk=False):
        need("e2fsck", "dumpe2fs", "debugfs")
        self.bench = bench
        self.image = image
        self.nbd_kind = nbd_kind
        self.initrd = initrd
        self.init, root = IMAGES[image]
        self.nfs = None
        self.listener = None
        self.sums = {}
        if has_disk:
            return
        if root:
            bench.build_disk(lambda _, path: shutil.copyfile(root(), path))
        if self.init != SYSTEMD and not self.plain:
            inits.add_way_back(bench, self.init)

    @property
    def plain(self):
        return self.image.endswith("-plain")

    @property
    def vm(self):
        return self.bench.vm

    def boot(self, **more):
        """To the login prompt, with data on the root of which a part was written down and a part was not."""
        if self.image == "nfs":
            more |= {"tags": [*more.get("tags", ()), "boot=nfs", f"nfsroot=10.42.0.1:{nfs.PATH}"]}
        vm = self.bench.boot(nbd=self.nbd_kind, initrd=self.initrd, **more)
        if self.image == "nfs":
            self.nfs = nfs.Server(self.bench).start()
        self._listen()
        self.bench.wait_booted()
        self._write()
        return vm

    def take_over(self, nfs_server=None):
        """In the place of boot(), of a server that the test has booted by itself. nfs_server: what its root is on."""
        self.nfs = nfs_server
        self._listen()
        self._write()
        return self

    def save(self, folder):
        """After boot(), in its place: memory and disk as they are now, for resume()."""
        os.makedirs(folder)
        self.vm.save(os.path.join(folder, "memory"))
        self.bench.server.stop()
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", self.bench.disk, os.path.join(folder, "disk")], check=True)

    def resume(self, folder):
        """In the place of boot(): what save() kept. The storage server's connection is a dead one, and has been mended when this returns."""
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", os.path.join(folder, "disk"), self.bench.disk], check=True)
        self.bench.resume(os.path.join(folder, "memory"), self.nbd_kind, self.initrd)
        self._listen()
        self._write()
        status = json.loads(self.vm.run("/run/initramfs/usr/bin/scaleway-nbd status --json"))[0]
        check(status["link"] == "up" and status["reconnects"] > 0, f"the link was lost and is up: {status}")

    def _write(self):
        vm = self.vm
        vm.run(f"head -c 2M /dev/urandom >{SYNCED}; sync; head -c 2M /dev/urandom >{LAST}")
        self.sums = dict(reversed(line.split()) for line in vm.run(f"sha256sum {SYNCED} {LAST}").splitlines())

    def _listen(self):
        argv = [sys.executable, os.path.join(HERE, "nbd_disc.py"), self.bench.first_nic.name, str(nbd.PORT)]
        self.listener = Child(argv, os.path.join(self.bench.folder, "nbd-disc.log"), self.bench.network.prefix)
        self.bench.callback(self.listener.kill)
        wait_until(lambda: "ready" in self.listener.output(), 10, "listener", self.listener)

    def has_way_back(self):
        """Rows A19 and D5."""
        mount = contains(self.vm.read("/proc/mounts"), r"^\S+ /run/initramfs (\S+) (\S+)", "file system of its own")
        equal(mount.group(1), "tmpfs", "file system of /run/initramfs")
        absent(mount.group(2), r"\bnoexec\b", "mount options of /run/initramfs")
        used = int(self.vm.run("df -k /run/initramfs").splitlines()[-1].split()[2])
        check(used <= MEMORY_MAX, f"{used} KiB are used, {MEMORY_MAX} KiB may be")
        for path in ("shutdown", "usr/sbin/xnbd-client", "usr/bin/scw-update-server-state", "sbin/kexec", "bin/sh"):
            self.vm.run(f"test -x /run/initramfs/{path}")
        self.vm.run("grep -q 'kexec -e' /run/initramfs/shutdown")
        # Without the word nothing is ended by mistake.
        self.vm.run("! /run/initramfs/shutdown poweroff")
        if self.init == SYSTEMD:
            self.holds()

    def holds(self):
        """What a shutdown begins with is kept in memory, and not much else. That is beside row D5, which is about the way back."""
        self.vm.run(f"until {HELD}; do sleep 1; done", timeout=60)
        pid = self.vm.run("systemctl show -P MainPID scaleway-hold.service").strip()
        locked = int(contains(self.vm.read(f"/proc/{pid}/status"), r"^VmLck:\s+(\d+) kB$", "what is locked").group(1))
        check(MEMORY_MAX < locked <= HELD_MAX, f"{locked} KiB are locked, {MEMORY_MAX} KiB would not be systemd, {HELD_MAX} KiB may be")

    def has_client(self):
        """Row D2: what the images of other inits spare when they end all processes."""
        pid = self.vm.run("pgrep -f '@xnbd-client.*/dev/nbd0'").strip()
        equal(self.vm.read("/run/sendsigs.omit.d/nbd0.pid"), f"{pid}\n", "the process that is spared")
        equal(self.vm.read(f"/proc/{pid}/oom_score_adj").strip(), "-1000", "its oom_score_adj")

    def has_nfs_watch(self):
        """The same for a root over NFS: the one process that ends a shutdown which hangs because the server is gone. Returns its number."""
        pid = self.vm.run("pgrep -f '^@scaleway-exit watch-nfs$'").strip()
        equal(self.vm.read("/run/sendsigs.omit.d/scaleway-nfs.pid"), f"{pid}\n", "the process that is spared")
        equal(self.vm.read(f"/proc/{pid}/oom_score_adj").strip(), "-1000", "its oom_score_adj")
        # Not by their paths: for one that began in the initrd they are those of mounts that the switch has left behind.
        devices = self.vm.run(f"stat -L -c %d /run/initramfs /proc/{pid}/exe /proc/{pid}/root /proc/{pid}/cwd").split()
        equal(devices[1:], devices[:1] * 3, "where its program, its root and its directory are: nothing is of the root")
        return pid

    def add_kernel(self):
        """Before the boot: for load_kernel()."""
        self.bench.edit_root("mkdir /boot", f"write {self.bench.parts.kernel} {KERNEL}")

    def load_kernel(self):
        """For the verb kexec: the same kernel, without a root."""
        line = "console=ttyS0,115200 loglevel=7 panic=-1 second=kernel"
        self.vm.run(f"kexec --load {KERNEL} --command-line='{line}'", timeout=120)

    # The way down

    def goes_down(self, verb, storage="alive", command=None, limit=LIMIT):
        """storage: a Storage or its kind. command: what a person types, else what this init has for the verb. Returns the seconds
        that it took. TooEarly if the storage was there to the end, although it was not to be; all else was looked at then."""
        vm, storage = self.vm, storage if isinstance(storage, Storage) else Storage(storage)
        why, last = VERBS[verb]
        if storage.kind == Storage.COLD:
            self._forget()
        since = len(vm.console.text)
        if storage.kind in ("before", Storage.COLD):
            self._storage_dies(silently=storage.kind == Storage.COLD)
        begin = time.monotonic()
        vm.send(f"{command or self._command(verb, storage)}\n")
        planned = storage
        if self._down_before(storage, last, since):
            storage = Storage("alive")
        line = vm.console.wait_for(last, max(1, begin + limit - time.monotonic()), since)
        seconds = time.monotonic() - begin
        if why:
            equal(vm.wait_exit(30), why, "why QEMU ends")
        else:
            check(vm.running(), "a server that was halted stays as it is")
            vm.kill()
        self._check_console(vm.console.text[since : line.start()], storage)
        self._check_disk(storage)
        if storage is not planned:
            raise TooEarly(planned, seconds)
        return seconds

    def _command(self, verb, storage):
        if storage.kind == Storage.COLD:
            return f"kill -s {SIGNALS[verb]} 1"
        return f"systemctl {verb}" if self.init == SYSTEMD else verb

    def _forget(self):
        """As after days of uptime and with little memory: nothing of the root is in memory but what somebody holds there, not even of the programs
        that run."""
        equal(self.init, SYSTEMD, "init of a server that goes down by a signal")
        # Since the boot target was reached.
        self.vm.run(f"until {HELD}; do sleep 1; done", timeout=60)
        # Before it reads a command, the shell looks for mail: not on the root.
        self.vm.send("MAIL=/run/mail\n")
        # What the supervisor says on the way is wanted on the console. The kernel says EAGAIN if there is not as much.
        self.vm.run("dmesg -n 4; sync; for turn in 1 2 3; do find /sys/fs/cgroup -name memory.reclaim | while read -r file; do echo 800M >$file; done; done 2>/dev/null; "
                    "echo 3 >/proc/sys/vm/drop_caches", timeout=120)  # fmt: skip
        # What is typed now, and how, is to be there once more.
        self.vm.send("kill -s CONT 1\n")
        self.vm.run("true")

    def _down_before(self, storage, last, since):
        """Does with the storage server what is to be done with it, beside the way down. Returns whether that needed it no more, before anything
        became of it. Not in a thread: the servers' processes end with the one that started them."""
        if storage.kind in ("alive", Storage.COLD):
            return False
        if storage.kind != "before":
            self.vm.console.wait_for(BEGINS[self.init], LIMIT, since)
            if self._down_within(storage.delay, last, since) or self.disconnects():
                return True
            self._storage_dies(silently=storage.kind == "lost")
        if storage.comes_back and not self._down_within(AWAY, last, since):
            self._storage_returns()
        return False

    def _down_within(self, seconds, last, since):
        try:
            return self.vm.console.wait_for(last, seconds, since)
        except Ended:
            return self.vm.console.closed

    def _storage_dies(self, silently=False):
        if silently:
            self.bench.network.blackhole(self.bench.first_nic.host)
            return
        self.bench.server.kill()
        if self.nfs:
            self.nfs.stop()

    def _storage_returns(self):
        self.bench.server.start()
        if self.nfs:
            self.nfs.start()

    # What is left

    def _check_console(self, text, storage):
        absent(text, r"Kernel panic|BUG:|Oops:|Call Trace", "what the kernel says on the way down")
        if storage.comes_back:
            absent(text, r"I/O error, dev nbd0|EXT4-fs error|Buffer I/O error on dev", "what the kernel says on the way down")

    def disconnects(self):
        """NBD_CMD_DISC that were sent to the storage server."""
        return self.listener.output().count("NBD_CMD_DISC")

    def _check_disk(self, storage):
        disk = self.bench.disk
        if self.nfs:
            self.nfs.stop()
        if storage.comes_back:
            if not self.plain:
                equal(self.disconnects(), 1, "NBD_CMD_DISC that the storage server got")
            header = subprocess.run([find("dumpe2fs"), "-h", disk], check=True, capture_output=True, text=True).stdout
            absent(header, "needs_recovery", "the file system was unmounted, or is read-only")
            contains(header, r"^Filesystem state: +clean$", "the file system")
            fsck = subprocess.run([find("e2fsck"), "-fn", disk], capture_output=True, text=True, check=False)
            equal(fsck.returncode, 0, f"e2fsck -fn: {fsck.stdout}{fsck.stderr}")
        else:
            fsck = subprocess.run([find("e2fsck"), "-fp", disk], capture_output=True, text=True, check=False)
            check(fsck.returncode in (0, 1), f"e2fsck -fp ends with {fsck.returncode}: {fsck.stdout}{fsck.stderr}")
        for path, wanted in self.sums.items():
            if storage.comes_back or path == SYNCED:
                equal(self._sum(path), wanted, f"checksum of {path}")

    def _sum(self, path):
        copy = os.path.join(self.bench.folder, "file")
        subprocess.run([find("debugfs"), "-R", f"dump {path} {copy}", self.bench.disk], check=True, capture_output=True)
        try:
            return subprocess.run(["sha256sum", copy], check=True, capture_output=True, text=True).stdout.split()[0]
        finally:
            os.unlink(copy)
