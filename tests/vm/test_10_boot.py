# SPDX-License-Identifier: MIT
"""The main job: a server boots from its NBD volume and the control plane knows."""

import re

import documents
import ntp
from bench import BASE_CMDLINE, COST
from testing import absent, check, contains, equal, in_order, rows
from vm import LOGIN, initrd_probe

E2 = {
    "jobs": "systemctl --no-pager list-jobs",
    "units": "systemctl --no-pager --plain --no-legend --all list-units 'scaleway-*'",
    "documentation": "systemctl --no-pager show --property=Id,Documentation 'scaleway-*'",
    "boot": "systemctl --no-pager cat scaleway-boot.service",
    "failed": "systemctl --no-pager --plain --no-legend --failed",
}
DAEMONS = ("journald", "networkd", "udevd")
CONFINED = {
    name: f"cat /proc/$(systemctl show --property=MainPID --value systemd-{name})/status" for name in DAEMONS
}
DS_IDENTIFY = "PATH=/usr/sbin:/usr/bin PATH_RUN_CI=/tmp/identify /usr/lib/cloud-init/ds-identify --force || true"
NO_WORD = 'sed "s/ scaleway / /" /proc/cmdline >/tmp/words; mount --bind /tmp/words /proc/cmdline'
VENDOR = "echo Scaleway >/tmp/vendor; mount --bind /tmp/vendor /sys/class/dmi/id/sys_vendor"
A_FILE = "mount -t tmpfs tmpfs /run; mkdir /run/systemd; touch /run/scaleway"
CONTROLLERS = "cat /sys/fs/cgroup/cgroup.subtree_control"


@rows("A1", "A2", "A5", "A6", "A10", "A12", "A20", "A21", "B1", "E1", "E2")
def test_newstyle(bench):
    tags = ["some tag", "password=hidden"]
    vm = bench.boot(tags=tags, overlay=initrd_probe([*E2.values(), *CONFINED.values(), CONTROLLERS]))
    bench.wait_booted()
    console = vm.console.text

    what = "on the console (A1 A2)"
    contains(console, r"^>>> Initrd build: \d+\.\d+\.\d+ \(.+\) - \d{4}-\d\d-\d\d$", what)
    contains(console, r"^>>> Kernel version: \d+\.\d+", what)
    contains(console, r"^>>> Kernel cmdline: .*root=/dev/nbd0", what)
    contains(console, r"^>>> Memory: \d+ MiB$", what)
    contains(console, r"^>>> CPU: .*, 2 cores$", what)
    fetched = bench.requests("GET", "/conf")[0]["time"] - vm.started
    times = {"banner": vm.console.time_of("^>>> Initrd build:"), "CPU": vm.console.time_of("^>>> CPU:"), "fetch": fetched,
             "server id": vm.console.time_of("^>>> Server ID:"), "footer": vm.console.time_of("^>>> Switching to linux"),
             "login": vm.console.time_of(LOGIN)}  # fmt: skip
    in_order(times, "order of the boot (A1 A2 A6 A20)")
    sees_the_metadata(bench, console)

    probe = vm.probe("probe")
    sees_the_units(probe)
    for name, command in CONFINED.items():
        contains(probe[command], r"^Seccomp:\s*2$", f"{name} runs with a filter of system calls")
        contains(probe[command], r"^Seccomp_filters:\s*([3-9]|\d\d)$", f"{name} runs with all filters of its unit")
    # That one udevd's own unit asks for (Delegate=).
    equal(probe[CONTROLLERS].strip(), "pids", "controllers of cgroups in the initrd")
    contains(vm.run(CONTROLLERS), "memory.*pids", "controllers on the host are the host's affair")
    leaves_the_caches(bench, vm)
    contains(vm.run("findmnt -no SOURCE /"), "^/dev/nbd0$", "root (A12 B1)")
    is_detected(vm)
    equal(bench.cost(), COST, "requests to the control plane: one fetch (A5), one of each state (A10), and no more")


def sees_the_metadata(bench, console):
    what = "metadata on the console (A6)"
    for label, value in {
        "Server ID": documents.SERVER_ID,
        "Private IP": "10.42.0.10",
        "Public IP": "203.0.113.42",
        "Hostname": "bench-server",
        "Commercial type": "C2S",
        "Timezone": "UTC",
    }.items():
        contains(console, rf"^>>> {label}: {re.escape(value)}$", what)
    contains(console, r"^>>> Platform: .*par1", what)
    contains(console, r"^>>> Organization: 8x+1$", what)
    contains(console, r"^>>> Tags: .*some tag", what)
    contains(console, rf"^>>> Volumes: 0: .*{re.escape(bench.server.uri)}", what)
    absent(console, documents.ORGANIZATION, "the organization is masked (A6)")
    absent(console, "hidden", "secrets stay off the console")


def sees_the_units(probe):
    for name, command in E2.items():
        equal(probe[command].status, 0, f"{command} in the initrd (E2): {probe[command]}")
    contains(probe[E2["units"]], r"scaleway-local\.service +loaded +active", "units (E2)")
    contains(probe[E2["units"]], r"scaleway-nbd@0\.service +loaded +active", "units (E2)")
    equal(probe[E2["failed"]].strip(), "", "failed units in the initrd")
    for block in probe[E2["documentation"]].split("\n\n"):
        contains(block, r"^Documentation=\S+", "every unit has Documentation= (E2)")


def leaves_the_caches(bench, vm):
    what = "caches in the booted system (A5)"
    text = vm.read("/run/scw-metadata.cache").strip().splitlines()
    # The state is that of the moment of the fetch, and the order of lines means nothing.
    equal(sorted(text), sorted(documents.flatten(bench.document).splitlines()), what)
    equal(vm.run("readlink /run/oc-metadata.cache").strip(), "scw-metadata.cache", what)
    contains(vm.read("/run/scaleway/metadata.json"), documents.SERVER_ID, what)
    equal(vm.read("/run/scaleway/metadata-address").strip(), "169.254.42.42", what)


def is_detected(vm):
    """By cloud-init, for which three signs stand: the DMI vendor and the word scaleway of the command line are the platform's,
    /run/scaleway is ours. Its two parts differ: the Python one (DataSourceScaleway.ds_detect(), not in this image) asks whether
    /var/run/scaleway exists; ds-identify, which decides whether cloud-init runs at all, wants a file there, and does not see a folder.
    So the folder alone, which images want for what is in it, is not enough for ds-identify: what is seen here is that it is there,
    that each of the platform's signs is enough beside it, and that ds-identify still is of that mind about files."""
    vm.run("test -d /var/run/scaleway && test -e /run/scaleway/remote-boot")
    for signs, seen, what in (
        ([], True, "on the platform's command line"),
        ([NO_WORD], False, "by our folder alone"),
        ([NO_WORD, VENDOR], True, "by DMI"),
        ([NO_WORD, A_FILE], True, "by a file in the place of our folder"),
    ):
        # Each in a mount namespace of its own.
        script = "; ".join(["rm -rf /tmp/identify", *signs, DS_IDENTIFY, "cat /tmp/identify/cloud.cfg"])
        found = vm.run(f"unshare --mount sh -ec '{script}'")
        check(bool(re.search(r"datasource_list:.*\bScaleway\b", found)) == seen, f"cloud-init's ds-identify, {what} (A21): {found}")


@rows("A12", "B1")
def test_oldstyle(bench):
    vm = bench.boot(nbd="nbdkit-oldstyle")
    bench.wait_booted()
    contains(vm.run("findmnt -no SOURCE /"), "^/dev/nbd0$", "root")
    vm.run("touch /var/tmp/written && sync")


@rows("B1")
def test_nbd_server(bench):
    vm = bench.boot(nbd="nbd-server")
    bench.wait_booted()
    vm.run("test -e /sys/block/nbd0/pid")


@rows("B1")
def test_qemu_nbd(bench):
    vm = bench.boot(nbd="qemu-nbd")
    bench.wait_booted()
    vm.run("test -e /sys/block/nbd0/pid")


@rows("A11", "B1", "E1")
def test_lean(bench):
    """The lean initrd of dracut-netboot.conf, and the old name of the mode. The machine comes up in 2015, and nothing of the boot comes
    later for that."""
    check(bench.parts.initrd_lean, "there is no lean initrd")
    vm = bench.boot(initrd="lean", base=BASE_CMDLINE.replace("boot=local", "boot=nbd"), nbd="nbdkit-oldstyle", ntp=["10.42.0.1"],
                    qemu=ntp.RTC_2015)  # fmt: skip
    ntp.Server(bench)
    bench.wait_booted()
    contains(vm.console.text, r"The clock was at 20[12].*, NTP server 10\.42\.0\.1 has set it to ", "on the console (A11)")
    ntp.has_the_right_time(vm, "after boot=local (A11)")
    began, ended = ntp.times(vm, "Starting .*Set the Clock", "NTP server .* has set it")
    check(ended - began < 1.5, f"an exchange with an NTP server takes {ended - began:.2f} s (A11)")
    # The initrd's journald leaves the kernel's messages to the host's, which must have them all; units are its own work.
    first = vm.run("journalctl --boot --dmesg --output=cat --no-pager | head -n 1")
    check("Linux version" in first, f"the kernel's first message in the host's journal: {first}")
    units = vm.run("journalctl --boot --unit=scaleway-local.service --output=cat --no-pager")
    check("/sysroot" in units, f"scaleway-local.service in the host's journal: {units}")
