# SPDX-License-Identifier: MIT
"""What the initrd does to the root before it hands over, seen on the console and on the disk."""

from testing import contains, equal, rows

FSTAB = "# mine\nUUID=nowhere\t/boot/efi\tvfat rw 0 1\n"
NODES = "console null zero ptmx tty random urandom"


@rows("A13", "A18", "A24")
def test_prepare(bench):
    bench.add_to_root("/etc/scw-release", 'IMAGE_DESCRIPTION="Debian of the bench"\nIMAGE_RELEASE=2026-11-26\n', mode=0o644)
    bench.add_to_root("/etc/fstab", FSTAB, mode=0o644)
    bench.edit_root("rm /dev/null", "mkdir /var/lib/dhcp")
    bench.add_to_root("/var/lib/dhcp/dhclient.eth0.leases", "lease {}\n", mode=0o644)
    vm = bench.boot()
    bench.wait_booted()
    contains(vm.console.text, r"^>>> Image: Debian of the bench \(2026-11-26\)$", "image (A13)")
    contains(vm.console.text, r"^>>> Root file system: \d+ of \d+ MiB used \(\d+ %\)$", "usage of / (A13)")
    # Below the devtmpfs that was moved there.
    seen = vm.run(f"mkdir /run/below && mount --bind / /run/below && cd /run/below/dev && stat -c '%n %F %t:%T' {NODES}")
    contains(seen, r"^null character special file 1:3$", "device nodes on the disk itself (A18)")
    equal(len(seen.splitlines()), len(NODES.split()), "all of them (A18)")
    for path in ("/proc", "/sys", "/run", "/dev"):
        vm.run(f"mountpoint -q {path}")
    equal(vm.run("ls /var/lib/dhcp").split(), [], "an old lease (A24)")
    equal(vm.read("/etc/fstab"), FSTAB.replace(" rw ", " rw,nofail "), "fstab of a root on NBD (A24)")
