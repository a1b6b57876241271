# SPDX-License-Identifier: MIT
"""INITRD_MODULES=: kernel modules that are there before the root is mounted."""

import cpio
from testing import absent, check, contains, equal, rows


def position(lines, text):
    """Of the first line with this text."""
    return next((i for i, line in enumerate(lines) if text in line), None)


def slower():
    """An overlay: the modules take their time, so that only an order makes the root wait."""
    archive = cpio.Archive()
    archive.add("/etc/systemd/system/scaleway-modules.service.d/90-test.conf", "[Service]\nExecStartPre=sleep 5\n")
    return archive


@rows("A26")
def test_modules(bench):
    """By name and by path; one that is not there, and one that is no name, cost a warning each."""
    vm = bench.boot(tags=["INITRD_MODULES=overlay,fs/isofs/isofs.ko,no-such-module,../$(reboot)"], overlay=slower())
    bench.wait_booted()
    vm.run("test -d /sys/module/overlay && test -d /sys/module/isofs")
    equal(len(vm.console.matching("no-such-module")), 2, "lines with the missing one: the tags and the warning")
    contains(vm.console.text, r"modprobe\[\d+\]: .*no-such-module not found", "warning of the missing one")
    contains(vm.console.text, r"'\.\./\$\(reboot\)' is no name of a kernel module", "warning of what is no name")
    journal = vm.run("journalctl -b -o cat _PID=1 + SYSLOG_IDENTIFIER=scaleway-root --no-pager").splitlines()
    loaded, mounted = position(journal, "Finished scaleway-modules.service"), position(journal, "Mounted '/dev/nbd0'")
    check(loaded is not None and mounted is not None and loaded < mounted, f"not loaded before the root is mounted: {loaded}, {mounted}")


@rows("A26")
def test_not_asked_for(bench):
    """Without the tag there is neither the unit nor a module."""
    vm = bench.boot()
    bench.wait_booted()
    vm.run("test ! -e /sys/module/isofs")
    absent(vm.run("journalctl -b -o cat _PID=1 --no-pager"), "scaleway-modules", "the unit")
