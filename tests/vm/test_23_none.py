# SPDX-License-Identifier: MIT
"""boot=none: a person at the console mounts the root."""

from bench import COST
from testing import absent, contains, equal, options, rows
from vm import initrd_probe

MESSAGE = r"^boot=none: no root is mounted"


@rows("B8")
@options(timeout=600)
def test_by_hand(bench):
    """The volume is there, "booted" is said before anybody has mounted it, and leaving the shell boots what is mounted."""
    vm = bench.boot(tags=["boot=none"])
    vm.take_shell(vm.wait_for(MESSAGE, 240).end())
    equal(bench.wait_states(), ["kernel-started", "booted"], "states while the shell waits")
    contains(vm.run("findmnt -n /sysroot; echo status $?"), r"^status 1$", "what is mounted on /sysroot")
    vm.run("systemctl is-active scaleway-nbd@0.service && udevadm settle --timeout=20 && ls /dev/disk/by-id")
    contains(vm.run("continue-boot", ok=(1,)), "Nothing is mounted on '/sysroot'", "without a root")
    vm.leave_shell()
    vm.take_shell(vm.wait_for(r"^Nothing is mounted on /sysroot yet", 60).end())
    vm.run("mount /dev/nbd0 /sysroot")
    vm.leave_shell()
    vm.wait_for("^The boot goes on", 60)
    bench.wait_booted()
    contains(vm.run("findmnt -no SOURCE /"), "^/dev/nbd0$", "root")
    equal(bench.cost(), COST, "requests to the control plane")


@rows("B8")
def test_reboot(bench):
    """A person can also leave it at that."""
    vm = bench.boot(tags=["boot=none"])
    vm.wait_for(MESSAGE, 240)
    vm.wait_for(r"[#$] $", 60, vm.console.text.find("boot=none: no root"))
    vm.send("reboot\n")
    equal(vm.wait_exit(120), "guest-reset", "what the server does then")
    absent(vm.console.text, "Boot failed", "no failure")


@rows("B8")
def test_continue_boot(bench):
    """From elsewhere: here from a unit, with no shell at the console, in the lean image."""
    wait = "for i in $(seq 200); do test -p /run/scaleway/continue && test -s /sys/block/nbd0/pid && break; sleep 0.2; done"
    vm = bench.boot(tags=["boot=none"], cmdline="rd.shell=0", initrd="lean",
                    overlay=initrd_probe([wait, "mount /dev/nbd0 /sysroot", "continue-boot"], after="scaleway-metadata.service"))
    vm.wait_for(MESSAGE, 240)
    bench.wait_booted()
    contains(vm.console.text, "No shell is offered here, because of rd.shell=0", "the console")
    contains(vm.run("findmnt -no SOURCE /"), "^/dev/nbd0$", "root")
