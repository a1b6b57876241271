# SPDX-License-Identifier: MIT
"""What images do with NBD by themselves: the old xnbd-client in /run/initramfs, and Debian's nbd-client, which knows of the root and must
not cut it. How that is told where systemd does not run: see 26_inits."""

import os
import re
import shutil
import subprocess

import managers
import nbd
from process import find, need, wait_until
from testing import absent, check, contains, equal, options, rows

XNBD = "/run/initramfs/usr/sbin/xnbd-client"
OTHER_PORT = 10900
BLOCK = "bs=64k count=16 iflag=fullblock"
NBDTAB = f"nbd0 {{host}} root port={nbd.PORT}\n"


def root_works(vm, what):
    """What is written comes back from the disk, not from memory."""
    vm.run(f"dd if=/dev/urandom of=/root/{what} {BLOCK} oflag=direct conv=fsync 2>&1 && cp /root/{what} /run/copy", timeout=30)
    vm.run(f"sync; echo 3 >/proc/sys/vm/drop_caches; cmp /root/{what} /run/copy && touch /root/{what} && sync", timeout=30)
    absent(vm.run("dmesg"), r"(?i)I/O error|nbd0: (Connection|Receive|Dead|shutting)|EXT4-fs error", f"what the kernel says after {what}")


def status(vm, command):
    """Of a command: (exit status, output)."""
    output, _, code = vm.run(f'{command}; echo "status $?"').rpartition("status ")
    return int(code), output.strip()


def file_system_is_clean(disk):
    result = subprocess.run([find("e2fsck"), "-fn", disk], capture_output=True, text=True, check=False)
    equal(result.returncode, 0, f"e2fsck: {result.stdout}{result.stderr}")


def other_server(bench):
    """One of the old style with a partition table on its disk."""
    disk = os.path.join(bench.folder, "other.img")
    with open(disk, "wb") as f:
        f.truncate(64 << 20)
    subprocess.run([find("sfdisk"), "--quiet", disk], input="label: dos\nstart=2048, type=83\n", text=True, check=True)
    server = nbd.NbdkitOldstyle(bench.network, bench.folder, disk, port=OTHER_PORT, number=1)
    bench.callback(server.stop)
    bench.callback(lambda: os.unlink(disk))
    return server.start()


def calls_of_images(bench, vm):
    """PLATFORM.md, section 6."""
    code, pid = status(vm, f"{XNBD} -c /dev/nbd0")
    equal(code, 0, "-c of the root")
    contains(vm.run(f"tr '\\0' ' ' </proc/{pid}/cmdline"), "^@xnbd-client.*/dev/nbd0", "the process that it prints")
    equal(status(vm, f"{XNBD} -c /dev/nbd5"), (2, ""), "-c of a device that is free")
    check(status(vm, f"{XNBD} -c /dev/ttyS0")[0] not in (0, 2), "-c of what is no such device")
    contains(status(vm, f"{XNBD} --version")[1], "^xnbd-client", "--version")

    server = other_server(bench)
    attach = f"{XNBD} {server.host} {OTHER_PORT} -b 4096 /dev/nbd5"
    equal(status(vm, attach)[0], 0, "HOST PORT -b 4096 DEV")
    code, pid = status(vm, f"{XNBD} -c /dev/nbd5")
    check(code == 0 and pid.isdigit(), f"-c after that: {code} {pid}")
    equal(status(vm, attach)[0], 0, "attached already")
    equal(server.output().count("accepted connection"), 1, "connections that the server saw")
    # Whoever looks after it has the name of the old one, by which images spare it, and connects it again.
    contains(vm.run(f"tr '\\0' ' ' </proc/{pid}/cmdline"), "^@xnbd-client supervise /dev/nbd5 $", "who looks after it")
    server.kill()
    server.start()
    wait_until(lambda: re.search("^nbd5: link up .* 1 reconnects", vm.run("/run/initramfs/usr/bin/scaleway-nbd status"), re.M), 20, "its link to be up again")
    vm.run("udevadm settle; echo mine >/dev/nbd5p1 && sync && echo 3 >/proc/sys/vm/drop_caches")
    equal(vm.run("head -n 1 /dev/nbd5p1").strip(), "mine", "what was written to its partition")
    vm.run("ln -s /dev/nbd5p1 /run/link")
    equal(status(vm, f"{XNBD} -c /run/link"), (0, pid), "-c of a link to a partition")
    check(status(vm, f"{XNBD} server.test {OTHER_PORT} /dev/nbd6")[0] == 1, "a name is not looked up")

    # As scw-nbd-disconnect-extra does it, which leaves the root alone.
    vm.run(f"for device in /dev/nbd[!0]*; do {XNBD} -c $device && {XNBD} -d $device; done; true")
    equal(status(vm, f"{XNBD} -c /dev/nbd5"), (2, ""), "-c after -d")
    wait_until(lambda: vm.run(f"test -e /proc/{pid} || echo gone", ok=None).strip() == "gone", 10, "the end of who looked after it")
    contains(server.output(), r"NBD_CMD_DISC|client sent .*DISC", "the server was told")
    equal(status(vm, f"{XNBD} -d /dev/nbd5")[0], 0, "-d of what is free")


def leaves_the_root_alone(vm):
    """Debian's unit, enabled, with a line for the root in its table."""
    contains(vm.run("systemctl --no-pager cat nbd@nbd0.service"), "ExecStop=/usr/sbin/nbd-client -d", "Debian's unit")
    for verb in "start", "restart", "stop", "start":
        equal(status(vm, f"systemctl {verb} nbd@nbd0.service"), (0, ""), f"systemctl {verb}")
        equal(vm.run("systemctl is-active nbd@nbd0.service", ok=None).strip(), "inactive", f"after {verb}")
    contains(vm.run("systemctl --no-pager show -P ConditionResult nbd@nbd0.service"), "no", "why")


def attaches_its_own(bench, vm):
    """A device that the initrd does not know is that unit's, as ever."""
    server = nbd.NbdkitMemory(bench.network, bench.folder, None, port=OTHER_PORT + 1, number=2)
    bench.callback(server.stop)
    server.start()
    vm.run(f"echo 'nbd7 {server.host} other port={server.port}' >>/etc/nbdtab")
    equal(status(vm, "systemctl start nbd@nbd7.service"), (0, ""), "systemctl start of another device")
    equal(status(vm, f"{XNBD} -c /dev/nbd7")[0], 0, "-c after that")
    equal(status(vm, "systemctl stop nbd@nbd7.service"), (0, ""), "systemctl stop of another device")
    equal(status(vm, f"{XNBD} -c /dev/nbd7")[0], 2, "-c after that")


@rows("D4")
@options(timeout=900)
def test_nbd_client_of_the_image(bench):
    need("e2fsck", "sfdisk", "mmdebstrap")
    disk = bench.build_disk(lambda _, path: shutil.copyfile(managers.root("nbd-client"), path))
    bench.add_to_root("/etc/nbdtab", NBDTAB.format(host="10.42.0.1"), mode=0o644)
    directory = "/etc/systemd/system/dev-nbd0.device.requires"
    bench.edit_root(f"mkdir {directory}", f"symlink {directory}/nbd@nbd0.service /usr/lib/systemd/system/nbd@.service")
    vm = bench.boot(cmdline="net.ifnames=0")
    bench.wait_booted()
    equal(vm.run("systemctl --failed --no-legend --plain").strip(), "", "failed units of the booted system")
    root_works(vm, "booted")
    calls_of_images(bench, vm)
    leaves_the_root_alone(vm)
    attaches_its_own(bench, vm)
    root_works(vm, "stopped")
    vm.run("echo last >/root/last && sync")

    vm.send("systemctl poweroff\n")
    equal(vm.wait_exit(180), "guest-shutdown", "how it ends")
    absent(vm.console.text, r"(?i)I/O error.*nbd0|nbd0: (Receive|Dead)|EXT4-fs error", "the console at the end")
    file_system_is_clean(disk)
    equal(bench.root_file("/root/last"), "last\n", "what was written last")
