# SPDX-License-Identifier: MIT
"""Images with another init than systemd, of which the initrd must not expect anything."""

import shutil
import subprocess

import documents
import ends
import inits
from bench import STATES, debugfs
from load import Load, kill_server
from process import find, need, wait_until
from supervisor import record, supervisor
from testing import absent, check, contains, equal, options, rows

NODES = {"console": "05:01", "null": "01:03", "zero": "01:05", "ptmx": "05:02", "tty": "05:00", "random": "01:08", "urandom": "01:09"}


MACHINE_ID = "0123456789abcdef0123456789abcdef\n"


def boots(bench, kind, initrd=None, faults=()):
    need("e2fsck")
    disk = bench.build_disk(lambda _, path: shutil.copyfile(inits.root(kind), path))
    # As old images are: nobody has a password yet, and D-Bus has the id of the builder.
    bench.set_root_password_field("")
    bench.edit_root("mkdir /var/lib/dbus")
    for path, text in {"/etc/login.defs": "ENCRYPT_METHOD SHA512\n", "/etc/machine-id": MACHINE_ID,
                       "/var/lib/dbus/machine-id": MACHINE_ID[::-1].strip() + "\n"}.items():  # fmt: skip
        bench.add_to_root(path, text, mode=0o644)
    if kind == "sysvinit":
        # What Debian's nbd-client has of this.
        bench.add_to_root("/etc/init.d/nbd-client", "#!/bin/sh\n")
        bench.add_to_root("/etc/nbdtab", "nbd0 10.42.0.1 root\n", mode=0o644)
    if kind == "openrc":
        inits.add_way_back(bench, kind)
    vm = bench.boot(initrd=initrd, faults=faults)
    if faults:
        # Nothing of this system would say it, so what the initrd has started goes on trying.
        vm.wait_login()
        absent(" ".join(bench.states()), "booted", "states while the platform cannot be reached (A10)")
        bench.controlplane.set_faults([])
        wait_until(lambda: "booted" in bench.states(), 90, "state booted (A10)")
        # kernel-started gives up after 30 s.
        states = bench.final_states()
        check(states in (STATES, STATES[1:]), f"booted once, at most one kernel-started before it (A10): {states}")
    else:
        bench.wait_booted()
    told = vm.console.matching("/etc/init.d/nbd-client of the root disconnects nbd0 when the server goes down")
    equal(len(told), int(kind == "sysvinit"), f"lines that tell of a script that would cut the root: {told}")
    password, shadow = bench.look("cat /root/.pw", "cat /etc/shadow")
    contains(shadow, r"^root:\$6\$[^:]+:", "root's line (A15)")
    vm.login(password=password.strip())
    equal(vm.read("/var/lib/dbus/machine-id"), documents.SERVER_ID.replace("-", "") + "\n", "D-Bus's machine id (A22)")
    equal(vm.read("/etc/machine-id"), MACHINE_ID, "the other one (A22)")

    equal(vm.run("readlink /proc/1/exe").strip(), "/usr/sbin/init", "what runs as the first process")
    contains(vm.run("/sbin/init --version"), "SysV init version", "what that is")
    contains(vm.read("/proc/mounts"), r"^/dev/nbd0 / ext4 rw,", "root")
    has_the_kernels_file_systems(vm)
    what = "/run is that of the initrd"
    contains(vm.read("/run/scw-metadata.cache"), f"^ID={documents.SERVER_ID}$", what)
    equal(vm.run("readlink /run/oc-metadata.cache").strip(), "scw-metadata.cache", what)
    vm.run("test -e /run/scaleway/remote-boot && test -e /run/scaleway/options.json")
    vm.run("/run/initramfs/usr/sbin/xnbd-client -c /dev/nbd0")
    absent(vm.run("cat /proc/[0-9]*/comm"), "^systemd-(journal|network)|^scaleway-(?!nbd$)", "processes of the initrd")
    survives(bench, vm)
    vm.run("echo written >/etc/written && sync")

    if kind == "openrc":
        # With its storage; test_64_ends has one whose storage is gone, and sysvinit.
        ends.Server(bench, kind, initrd=initrd, has_disk=True).take_over().goes_down("reboot")
    else:
        vm.kill()
        # What lies in the journal is not yet in its place.
        subprocess.run([find("e2fsck"), "-p", "-E", "journal_only", disk], check=True, capture_output=True)
    equal(bench.root_file("/etc/written"), "written\n", "a file that was written")
    for name, numbers in NODES.items():
        node = debugfs(disk, f"stat /dev/{name}").stdout
        contains(node, "Type: character special", f"/dev/{name} on the disk itself: {node}")
        contains(node, rf"Device major/minor number: {numbers} ", f"/dev/{name} on the disk itself")
    return vm


def survives(bench, vm):
    """Here, too, somebody looks after the link (C1), found by those who must not end it (D2)."""
    pid = supervisor(vm)
    load = Load(vm)
    kill_server(bench, load, 1)
    load.stop()
    equal(supervisor(vm), pid, "the process that has connected it again")
    equal(record(vm)["reconnects"], 1, "reconnects")


def has_the_kernels_file_systems(vm):
    mounts = vm.read("/proc/mounts")
    for path, kind in {"/proc": "proc", "/sys": "sysfs", "/run": "tmpfs", "/dev": "devtmpfs"}.items():
        equal(len([line for line in mounts.splitlines() if line.split()[1:3] == [path, kind]]), 1, f"{path}, once: {mounts}")
    vm.run("test -r /proc/self/status -a -r /sys/class/net/lo/mtu -a -b /dev/nbd0 -a -c /dev/ttyS0")
    vm.run("echo >/dev/null && head -c 16 /dev/urandom >/run/random && test -s /run/random")


@rows("A10", "A15", "A18", "A22", "B1", "C1", "D2")
@options(timeout=600)
def test_sysvinit(bench):
    """The platform does not take states until the system is up."""
    vm = boots(bench, "sysvinit", faults=[{"kind": "status", "status": 503, "path": "/state"}])
    contains(vm.console.text, "^INIT: Entering runlevel: 2", "what starts the services")
    absent(vm.console.text, "OpenRC", "what does not")


@rows("A15", "A18", "A22", "B1", "C1", "D2")
@options(timeout=600)
def test_openrc(bench):
    """In the lean initrd. It goes down as it should."""
    vm = boots(bench, "openrc", initrd="lean")
    booted = [r["time"] for r in bench.requests("PATCH", "/state") if "booted" in r["body"]]
    check(booted[0] - vm.started > vm.console.time_of("^>>> Switching to linux"), "booted is signalled right before the switch (A10)")
    contains(vm.console.text, "OpenRC .* is starting up Linux", "what starts the services")
