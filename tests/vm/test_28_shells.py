# SPDX-License-Identifier: MIT
"""Shells on the console, before everything and before the switch; and how to see more of a boot."""

from testing import check, contains, equal, options, rows
from vm import Ended

PRE = r"^INITRD_PRE_SHELL=1: "
POST = r"^INITRD_POST_SHELL=1: "
DEBUG = r"'/dev/nbd0' was there after \d+ ms"


def prompt(vm, name, since, timeout=60):
    """Waits for the shell of that step; returns where its prompt ends."""
    return vm.wait_for(rf"^{name}# $", timeout, since).end()


def typed(vm, since, line, pattern, name):
    """As a person types, in a shell that echoes: what follows up to the next prompt must match."""
    vm.send(line + "\n")
    end = vm.wait_for(rf"^{name}# $", 90, vm.wait_for(r"\n", 30, since).end())
    contains(vm.console.text[since : end.start()], pattern, f"{line!r} at {name}")
    return end.end()


def interrupt(vm, at, name):
    """^C, until the job has it: bash shows the line of "fg" before it gives the terminal away, and a key in between is the shell's."""
    for _ in range(3):
        vm.send("\x03")
        try:
            return prompt(vm, name, at, 20)
        except Ended:
            pass
    return prompt(vm, name, at)


def job_control(vm, at, name):
    """Keys and jobs, as the shell's own words tell."""
    vm.send("sh -c 'echo be''gun; exec sleep 400'\n")
    at = vm.wait_for("^begun$", 30, at).end()
    vm.send("\x1a")
    at = vm.wait_for(rf"Stopped(?:.*\n)+?{name}# $", 30, at).end()
    at = typed(vm, at, "bg", "sleep 400", name)
    at = typed(vm, at, "jobs", r"Running\s+sh -c", name)
    vm.send("fg\n")
    at = vm.wait_for("sleep 400['\"]?\n", 30, vm.wait_for("fg\n", 30, at).end()).end()
    at = interrupt(vm, at, name)
    return typed(vm, at, "jobs; echo no''-more", r"^no-more$", name)


@rows("A8", "A9", "A16")
@options(timeout=900)
def test_both_shells(bench):
    """The first one before anything is attached, with "booted" signalled and nothing else; the second one with everything mounted."""
    vm = bench.boot(tags=["INITRD_PRE_SHELL=1", "INITRD_POST_SHELL=1", "INITRD_DEBUG=1"])
    at = prompt(vm, "pre-shell", vm.wait_for(PRE, 240).end())
    contains(vm.console.text, r"nothing is attached or mounted yet\.\nLeave this shell \('exit' or \^D\) or call continue-boot", "what to do (A9)")
    equal(bench.wait_states(1), ["booted"], "states while the shell waits (A9)")
    at = typed(vm, at, "systemctl is-active scaleway-network.service", "^active$", "pre-shell")
    at = typed(vm, at, "systemctl list-jobs --no-pager | cat", r"scaleway-local\.service +start +waiting", "pre-shell")
    at = typed(vm, at, "journalctl --no-pager -b -u scaleway-info.service -o cat | tail -n 3", "Show the Server Metadata", "pre-shell")
    at = typed(vm, at, "networkctl --no-pager list", r"ether +routable", "pre-shell")
    at = typed(vm, at, "scw-metadata --cached ID", f"^{bench.document['id']}$", "pre-shell")
    at = typed(vm, at, "ip -4 address show", r"10\.42\.0\.10", "pre-shell")
    at = typed(vm, at, "lsblk; ls /dev/nbd0; findmnt /sysroot; echo status $?", r"No such file(?:.*\n)+status 1$", "pre-shell")
    at = job_control(vm, at, "pre-shell")
    vm.send("\x04")
    since = vm.wait_for("^The boot goes on", 60, at).end()

    at = prompt(vm, "post-shell", vm.wait_for(POST, 120, since).end())
    at = typed(vm, at, "lsblk -no NAME,MOUNTPOINTS", r"^nbd0 +/sysroot", "post-shell")
    at = typed(vm, at, "systemctl is-active scaleway-prepare.service; ls -d /sysroot/etc", "^active$", "post-shell")
    check(bench.requests("PATCH", "/state")[1:] == [], "no other state was signalled (A9)")
    vm.send("continue-boot\n")
    vm.wait_for("^The boot goes on", 60, at)
    vm.wait_login()
    equal(bench.final_states(), ["booted"], "states of the whole boot (A9)")
    contains(vm.run("findmnt -no SOURCE /"), "^/dev/nbd0$", "root")
    equal(vm.run("ls /run/scaleway").split().count("step"), 0, "what shells were told is gone")
    # By tag: of what comes after the tags are known.
    contains(vm.console.text, DEBUG, "a debug message of a unit (A8)")
    contains(vm.run("systemctl --failed --no-legend --plain; echo end"), r"\Aend", "failed units on the host")


@rows("A8", "A9", "A16")
def test_locked(bench):
    """rd.shell=0: a word each, and the boot goes on at once, with the states of any boot. Debug messages by the command line are there
    before the tags are. In the lean image."""
    vm = bench.boot(tags=["INITRD_PRE_SHELL=1", "INITRD_POST_SHELL=1"], cmdline="rd.shell=0 INITRD_VERBOSE=1", initrd="lean",
                    faults=[{"kind": "status", "status": 500, "path": "/conf", "count": 1}])  # fmt: skip
    bench.wait_booted()
    for message in (PRE, POST):
        contains(vm.console.text, message + r".*\n.*\nNo shell is offered here, because of rd\.shell=0\.\nThe boot goes on\.$", "the console")
    contains(vm.console.text, r"A try failed: .*500", "a debug message of scw-metadata (A8)")
    contains(vm.console.text, DEBUG, "a debug message of a later unit (A8)")


@rows("A8", "A9")
def test_lean(bench):
    """busybox's shell does the same, and has the same tools. Debug messages by the other word on the command line."""
    vm = bench.boot(cmdline="INITRD_PRE_SHELL=1 INITRD_DEBUG=1", initrd="lean")
    at = prompt(vm, "pre-shell", vm.wait_for(PRE, 240).end())
    at = typed(vm, at, "systemctl is-active scaleway-network.service; networkctl --no-pager list", r"ether +routable", "pre-shell")
    at = typed(vm, at, "scw-metadata --cached ID", f"^{bench.document['id']}$", "pre-shell")
    at = typed(vm, at, "journalctl --no-pager -b -u scaleway-info.service -o cat | tail -n 3", "Show the Server Metadata", "pre-shell")
    at = typed(vm, at, "ip -4 address show", r"10\.42\.0\.10", "pre-shell")
    at = typed(vm, at, "lsblk --version", "^lsblk from util-linux ", "pre-shell")
    at = job_control(vm, at, "pre-shell")
    vm.send("exit\n")
    vm.wait_login()
    equal(bench.final_states(), ["booted"], "states of the whole boot")
    contains(vm.console.text, DEBUG, "a debug message of a unit (A8)")
