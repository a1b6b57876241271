# SPDX-License-Identifier: MIT
"""KEXEC_KERNEL=: another kernel in place of the switch to the root."""

import archives
import cpio
import disks
import webserver
from bench import COST
from testing import absent, check, contains, equal, options, rows

VERSION = "6.12.0-second"
APPEND = "KEXEC_APPEND=second=kernel quiet"


def add_kernel(bench, kernel=f"/boot/vmlinuz-{VERSION}", initrd=f"/boot/initrd.img-{VERSION}"):
    """The lean initrd: the smaller one to read for an emulated server."""
    bench.edit_root("mkdir /boot", f"write {bench.parts.kernel} {kernel}", f"write {bench.parts.initrd_lean} {initrd}")


def second_boot(bench, vm):
    """At the login prompt of the second kernel; the control plane heard each state once, and the storage server of each end."""
    bench.wait_booted(480)
    equal(bench.cost(), {"GET /conf": 2, "PATCH /state": 2}, "requests: metadata of each kernel, states of both together")
    cmdline = vm.run("cat /proc/cmdline").strip()
    first = f"is_in_kexec=yes NO_SIGNAL_STATE=1 {bench.vm.cmdline}"
    check(cmdline.startswith(first), f"the command line of the second kernel is '{cmdline}', that of the first and more")
    equal(len(vm.console.matching(r">>> Starting the second kernel")), 1, "kexecs")
    absent(vm.run("dmesg"), r"recovery|orphan|recovering|unclean", "the root was clean when the second kernel mounted it")
    log = bench.server.output().splitlines()
    ends = [n for n, line in enumerate(log) if "client sent NBD_CMD_DISC" in line]
    begins = [n for n, line in enumerate(log) if line.endswith("debug: accepted connection")]
    check(len(ends) == 1 and len(begins) == 2 and begins[0] < ends[0] < begins[1],
          f"the first client takes leave before the second comes: connections in lines {begins}, NBD_CMD_DISC in {ends}")
    return cmdline


@rows("B9")
@options(timeout=600)
def test_latest(bench):
    """The newest version, which is not the last name, with the initrd that belongs to it; from the lean image."""
    add_kernel(bench)
    bench.add_to_root("/boot/vmlinuz-6.9.0", "no kernel")
    bench.edit_root("symlink /boot/vmlinuz-7.0 /nowhere")
    vm = bench.boot(tags=["KEXEC_KERNEL=latest", "KEXEC_INITRD=latest", APPEND], initrd="lean")
    cmdline = second_boot(bench, vm)
    check(cmdline.endswith(" second=kernel quiet"), f"KEXEC_APPEND= comes last: {cmdline}")
    contains(vm.console.text, rf"Loaded the kernel 'vmlinuz-{VERSION}' with the initrd 'initrd.img-{VERSION}'", "what is loaded")


@rows("B9")
@options(timeout=600)
def test_by_program(bench):
    """What a kernel without kexec_file_load() needs: kexec(8) loads and starts the kernel, here one that is named by its path."""
    add_kernel(bench)
    drop_in = cpio.Archive()
    drop_in.add("/etc/systemd/system/scaleway-kexec.service.d/90-test.conf", "[Service]\nEnvironment=SCALEWAY_KEXEC=/usr/sbin/kexec\n")
    vm = bench.boot(tags=[f"KEXEC_KERNEL=/boot/vmlinuz-{VERSION}", f"KEXEC_INITRD=/boot/initrd.img-{VERSION}"], overlay=drop_in)
    second_boot(bench, vm)


@rows("B9")
@options(timeout=600)
def test_by_url(bench):
    """Both downloaded, the kernel with a checksum."""
    web = f"http://10.42.0.1:{webserver.PORT}"
    checksum = archives.sha256(bench.parts.kernel)
    vm = bench.boot(tags=[f"KEXEC_KERNEL={web}/kernel", f"KEXEC_KERNEL_SHA256={checksum}", f"KEXEC_INITRD={web}/initrd"])
    server = webserver.WebServer(bench)
    server.add(bench.parts.kernel, "kernel")
    server.add(bench.parts.initrd_lean, "initrd")
    second_boot(bench, vm)
    equal([(r["method"], r["path"], r["status"]) for r in server.requests()], [("GET", "/kernel", 200), ("GET", "/initrd", 200)],
          "requests to the web server")  # fmt: skip


@rows("B6", "B9")
@options(timeout=900)
def test_after_an_installation(bench):
    """boot=live with live_mode=install in both kernels: the second one boots what the first one has installed."""
    web = f"http://10.42.0.1:{webserver.PORT}"
    archives.root_archive(bench.parts.root)
    bench.build_disk(disks.empty, 2048)
    vm = bench.boot(tags=["boot=live", "live_mode=install", f"rescue_image={web}/root.tar", f"KEXEC_KERNEL={web}/kernel",
                          f"KEXEC_INITRD={web}/initrd"], memory=2048)  # fmt: skip
    server = webserver.WebServer(bench)
    server.add(archives.root_archive(bench.parts.root), "root.tar")
    server.add(bench.parts.kernel, "kernel")
    server.add(bench.parts.initrd, "initrd")
    second_boot(bench, vm)
    # The first one only looks whether there is an image, before anything is overwritten.
    equal([r["path"] for r in server.requests()], ["/root.tar", "/root.tar", "/kernel", "/initrd"], "requests to the web server")
    equal(len(vm.console.matching("installing the image")), 1, "installations")
    contains(vm.run("findmnt -no SOURCE,LABEL /"), r"^/dev/nbd0\s+root$", "root")


def goes_on(bench, vm, reason):
    """With the first kernel, as if nothing had been asked for."""
    bench.wait_booted()
    equal(bench.cost(), COST, "requests to the control plane")
    contains(vm.console.text, reason, "why there is no second kernel")
    absent(vm.run("cat /proc/cmdline"), "is_in_kexec", "the first kernel")
    absent(vm.console.text, "Starting the second kernel", "no jump")
    equal(vm.run("cat /sys/kernel/kexec_loaded").strip(), "0", "a kernel that is left loaded")
    equal(vm.run("systemctl --failed --no-legend --plain").strip(), "", "failed units of the booted system")
    vm.run("test -e /etc/scw-release -o -e /etc/os-release && test -e /sys/block/nbd0/pid && test ! -e /run/scaleway/kexec")


@rows("B9")
def test_no_kernel(bench):
    """A file that is none; the lean image."""
    vm = bench.boot(tags=["KEXEC_KERNEL=/etc/os-release"], initrd="lean")
    goes_on(bench, vm, "Failed to load the kernel '/etc/os-release': it is no kernel for this processor")


@rows("B9")
def test_wrong_checksum(bench):
    """The kernel would be fine, and is downloaded first; the initrd is not what it should be."""
    web = f"http://10.42.0.1:{webserver.PORT}"
    vm = bench.boot(tags=[f"KEXEC_KERNEL={web}/kernel", f"KEXEC_INITRD={web}/initrd", f"KEXEC_INITRD_SHA256={'0' * 64}"])
    server = webserver.WebServer(bench)
    server.add(bench.parts.kernel, "kernel")
    server.add(bench.parts.initrd_lean, "initrd")
    goes_on(bench, vm, "The checksum does not match")
