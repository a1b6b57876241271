# SPDX-License-Identifier: MIT
"""boot=nfs: the root is a directory of an NFS server."""

import os
import sys

import cpio
import documents
import ends
import nfs
from bench import COST
from process import Child, wait_until
from testing import check, contains, equal, options, rows

HOST, HOST6 = "10.42.0.1", "fd42::1"
BASE = "console=ttyS0,115200 loglevel=5 panic=-1 scaleway"  # neither boot= nor root=
IDENTIFIER = "/sys/fs/nfs/net/nfs_client/identifier"


def boot(bench, source, **more):
    return bench.boot(tags=["boot=nfs", f"nfsroot={source}"], **more)


@rows("B7", "D1")
@options(timeout=600)
def test_version_4(bench):
    """What the system writes is on the server; the NBD volumes are there beside it; one request for the metadata; and it powers off."""
    vm = boot(bench, f"{HOST}:{nfs.PATH}")
    server = nfs.Server(bench).start()
    bench.wait_booted()
    equal(vm.run("findmnt -no FSTYPE,SOURCE /").split(), ["nfs4", server.source], "root")
    flags = vm.run("findmnt -no OPTIONS /").strip().split(",")
    for flag in ("rw", "hard", "vers=4.1", "proto=tcp"):
        check(flag in flags, f"{flag} is not among {flags}")
    vm.run("echo written in the VM >/root/witness && chown 1234:5678 /root/witness && sync")
    equal(server.read("/root/witness"), "written in the VM\n", "a file that the system wrote")
    equal(vm.run("stat -c %u:%g /root/witness").strip(), "1234:5678", "owners by number")
    equal(vm.read(IDENTIFIER).strip(), bench.document["id"], "how the server knows this client")
    vm.run("test -e /sys/block/nbd0/pid && test ! -e /sys/block/nbd1/pid")
    contains(vm.run("ls /dev/disk/by-id"), rf"^nbd-{documents.ROOT_VOLUME_ID}$", "volume 0 by its id")
    equal(vm.run("systemctl --failed --no-legend --plain").strip(), "", "failed units of the system")
    equal(bench.cost(), COST, "requests to the control plane")
    ends.Server(bench, "nfs").take_over(server).goes_down("poweroff")


@rows("B7")
@options(timeout=600)
def test_version_3(bench):
    """By IPv6, and the server comes when it was asked for."""
    vm = boot(bench, f"[{HOST6}]:{nfs.PATH},vers=3", nics=["dhcp+ra"])
    vm.wait_for(rf"Cannot mount '\[{HOST6}\]:{nfs.PATH}' yet: ", 120)
    nfs.Server(bench).start()
    bench.wait_booted()
    equal(vm.run("findmnt -no FSTYPE,SOURCE /").split(), ["nfs", f"[{HOST6}]:{nfs.PATH}"], "root")
    flags = vm.run("findmnt -no OPTIONS /").strip().split(",")
    for flag in ("rw", "hard", "vers=3", "proto=tcp6", "nolock"):
        check(flag in flags, f"{flag} is not among {flags}")


@rows("B7")
@options(timeout=600)
def test_root_dev_nfs(bench):
    """The kernel's words, a server by name, and one that only speaks version 3."""
    vm = bench.boot(base=BASE, cmdline=f"root=/dev/nfs nfsroot=dns.bench:{nfs.PATH} rootflags=noatime")
    nfs.Server(bench, speaks="3", protocols="3").start()
    vm.wait_for(rf"Mounted 'dns\.bench:{nfs.PATH}' on '/sysroot', NFS version 3", 240)
    vm.wait_login(240)
    equal(vm.run("findmnt -no FSTYPE /").strip(), "nfs", "root")
    contains(vm.run("findmnt -no OPTIONS /"), r"^rw,noatime,", "rootflags=")


@rows("B7")
@options(timeout=600)
def test_second_opinion(bench):
    """The server speaks version 4, in which it says that there is no such path; the export is one of version 3 alone."""
    vm = boot(bench, f"{HOST}:{nfs.PATH}")
    nfs.Server(bench, protocols="3").start()
    vm.wait_for(rf"Mounted '{HOST}:{nfs.PATH}' on '/sysroot', NFS version 3", 240)
    bench.wait_booted()
    equal(vm.run("findmnt -no FSTYPE /").strip(), "nfs", "root")


@rows("B7", "C4")
def test_denied(bench):
    """By version 3, in which servers say so; in version 4 such a path is not there."""
    boot(bench, f"{HOST}:{nfs.PATH},vers=3")
    nfs.Server(bench, clients="192.0.2.1").start()
    bench.wait_failed(rf"Cannot mount '{HOST}:{nfs.PATH}': the server denies it; its exports must allow 10\.42\.0\.10")


@rows("B7", "C4")
def test_no_such_path(bench):
    boot(bench, f"{HOST}:{nfs.PATH}/nowhere")
    nfs.Server(bench).start()
    bench.wait_failed(rf"Cannot mount '{HOST}:{nfs.PATH}/nowhere': the server has no such path, or does not export it to 10\.42\.0\.10")


@rows("B7", "C4")
def test_other_version(bench):
    boot(bench, f"{HOST}:{nfs.PATH},vers=4.2")
    nfs.Server(bench, minor="0, 1").start()
    bench.wait_failed(r"the server does not speak NFS version 4\.2")


@rows("B7", "C4")
def test_bad_option(bench):
    """The kernel's own words."""
    boot(bench, f"{HOST}:{nfs.PATH},no-such-option=1")
    nfs.Server(bench).start()
    bench.wait_failed(r"Cannot mount '\S+': .*no-such-option")


def shorter(seconds):
    """An overlay: tries for so long, and not for a minute and a half."""
    archive = cpio.Archive()
    archive.add("/etc/systemd/system/scaleway-nfs.service.d/90-test.conf", f"[Service]\nEnvironment=NFS_TIMEOUT={seconds}\n")
    return archive


def gives_up(bench, vm, reason, limit):
    """Says after the first try what is wrong, and goes on for as long as it may."""
    vm.wait_for(rf"Cannot mount '\S+' yet: {reason}; trying for another \d+ s at most", 240)
    bench.wait_failed(rf"{reason} \(gave up after \d+ s")
    took = vm.console.time_of(r"gave up after") - vm.console.time_of(r"Cannot mount '\S+' yet")
    check(took < limit + 10, f"gave up {took:.0f} s after the first try")


@rows("B7", "C4")
def test_refused(bench):
    gives_up(bench, boot(bench, f"{HOST}:{nfs.PATH}", overlay=shorter(20)), "connection refused", 20)


@rows("B7", "C4")
@options(load=0.4)
def test_silent(bench):
    """It takes connections, and no more. One try may last 30 s."""
    vm = boot(bench, f"{HOST}:{nfs.PATH}", overlay=shorter(40))
    script = f"import socket, time; s = socket.create_server(('{HOST}', {nfs.PORT})); time.sleep(1000)"
    child = Child([sys.executable, "-c", script], os.path.join(bench.folder, "silent.log"), bench.network.prefix)
    bench.callback(child.stop)
    wait_until(lambda: bench.network.listening(nfs.PORT), 10, "silent server", child)
    gives_up(bench, vm, "the server takes connections but does not answer", 40)
