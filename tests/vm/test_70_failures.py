# SPDX-License-Identifier: MIT
"""No root can be had: one line says why, and the server reboots. What concerns one mode or one kind of disk is in its own file:
16 (partitions, LVM), 18 (rescue images), 50 (init)."""

import cpio
import documents
import nbd
from testing import absent, check, rows

HOST = "10.42.0.1"
NOBODY = f"nbd://{HOST}:{nbd.PORT}"


@rows("C4")
def test_nbd_refused(bench):
    """And a shell for who presses Enter."""
    vm = bench.boot(nbd=None, metadata={"volumes": {"0": documents.volume(NOBODY)}}, overlay=nbd.shorter(5))
    vm.wait_for("^Press Enter within ", 240)
    vm.send("\necho in-the-''shell\n")
    vm.wait_for("^in-the-shell$", 60)
    vm.send("exit\n")
    bench.wait_failed(rf"Cannot attach nbd0 to '{NOBODY}': .*refused.* \(gave up after \d s, \d tries\)")


@rows("C4")
def test_unit_takes_too_long(bench):
    """systemd ends it before its program can say anything, so the reason is what systemd knows."""
    archive = cpio.Archive()
    archive.add("/etc/systemd/system/scaleway-local.service.d/90-test.conf", "[Service]\nExecStartPre=sleep 1000\nTimeoutStartSec=3\n")
    bench.boot(overlay=archive)
    bench.wait_failed(r"scaleway-local\.service \([A-Z][^)]+\) took too long \(timeout\)")


@rows("C4")
def test_no_such_export(bench):
    """The server says so, and is not asked for five minutes. In the lean initrd."""
    bench.boot(nbd="nbd-server", tags=[f"root={NOBODY}/another"], initrd="lean")
    bench.wait_failed(rf"Cannot attach nbd0 to '{NOBODY}/another': .*no export 'another'.*, 3 tries\)")


@rows("B2", "C4")
def test_no_such_partition(bench):
    """The volume is there; its second partition is not. A shell without being asked, and the reboot when it is left."""
    vm = bench.boot(tags=["root=/dev/nbd0p2", "rd.scaleway.failure=shell"])
    vm.wait_for("^The log is shown by", 240)
    vm.send("echo in-the-''shell\n")
    vm.wait_for("^in-the-shell$", 60)
    absent(vm.console.text, "Press Enter", "nobody is asked")
    vm.send("exit\n")
    bench.wait_failed("'/dev/nbd0p2' did not appear")


@rows("C4")
def test_no_file_system(bench):
    """On a volume to which nothing is written; and a server that is to power off and not to reboot."""

    def empty(_, path):
        with open(path, "wb") as f:
            f.truncate(64 << 20)

    disk = bench.build_disk(empty)
    bench.boot(tags=["rd.scaleway.failure=poweroff"])
    bench.wait_failed("'/dev/nbd0' holds no file system", ends="guest-shutdown")
    with open(disk, "rb") as f:
        check(not any(f.read()), "the volume is still empty")
