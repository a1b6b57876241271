# SPDX-License-Identifier: MIT
"""The way back in /run/initramfs."""

import subprocess

from process import find, need
from testing import check, contains, equal, options, rows


@rows("A19", "D1", "D5")
@options(timeout=600)
def test_poweroff(bench):
    need("e2fsck")
    vm = bench.boot(cmdline="loglevel=7")
    bench.wait_booted()
    print(vm.run("findmnt -R /run; df -k /run/initramfs; ls -lR /run/initramfs; systemctl status run-initramfs.mount"))
    vm.send("systemctl poweroff\n")
    equal(vm.wait_exit(180), "guest-shutdown", "how it ends")
    print("\n".join(vm.console.text.splitlines()[-60:]))
    contains(bench.server.output(), r"client sent NBD_CMD_DISC", "the server's log")
    done = subprocess.run([find("e2fsck"), "-fn", bench.disk], capture_output=True, text=True)
    check(done.returncode == 0, f"e2fsck: {done.stdout}")
