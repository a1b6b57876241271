# SPDX-License-Identifier: MIT
"""Where an option may stand, and command lines that no one should write."""

from bench import BASE_CMDLINE
from testing import absent, contains, equal, rows
from vm import initrd_probe

CMDLINE_MAX = 2047
INIT = '#!/bin/sh\necho "INIT-FROM-{} $$" >/dev/console\nexec /sbin/init "$@"\n'


@rows("A7", "A11", "A20", "E2")
def test_tag_wins(bench):
    """init= on the command line and as a tag: the tag is used, and systemctl cat shows it. So it is with rootflags=, root= and
    NO_NTPDATE=. Besides, a C1 whose GPIO is left alone; 42_clock has one where it is not."""
    for origin in ("TAG", "CMDLINE"):
        bench.add_to_root(f"/opt/init-{origin.lower()}", INIT.format(origin))
    cat = "systemctl --no-pager cat scaleway-switch.service scaleway-local.service"
    clock = "systemctl --no-pager show --property=LoadState,ActiveState scaleway-clock.service"
    vm = bench.boot(cmdline="init=/opt/init-cmdline rootflags=noatime NO_NTPDATE=0",
                    tags=["init=/opt/init-tag", "rootflags=nodiratime", "root=LABEL=root", "NO_NTPDATE=1", "SKIP_GPIO_SETUP=1"],
                    metadata={"commercial_type": "C1"}, overlay=initrd_probe([cat, clock]))  # fmt: skip
    bench.wait_booted()
    contains(vm.console.text, "^INIT-FROM-TAG 1$", "init that runs")
    absent(vm.console.text, "INIT-FROM-CMDLINE", "init that does not run")
    equal(sorted(vm.probe("probe")[clock].splitlines()), ["ActiveState=inactive", "LoadState=masked"], "NO_NTPDATE=1 (A11)")
    absent(vm.console.text, "NTP server", "words about the time (A11)")
    contains(vm.console.text, "^>>> Commercial type: C1$", "a C1 (A7)")
    absent(vm.console.text, r"^(?!>>> Tags:).*GPIO", "words about GPIO with SKIP_GPIO_SETUP=1 (A7)")
    shown = vm.probe("probe")[cat]
    contains(shown, r"^# /run/systemd/system/.*\.d/.*\.conf$", "a drop-in shows the override")
    contains(shown, r"INIT=/opt/init-tag", "systemctl cat")
    absent(shown, r"^Environment=.*init-cmdline", "systemctl cat")
    contains(vm.read("/run/scaleway/options.json"), "/opt/init-tag", "options in force")
    mounted = vm.run("findmnt -no OPTIONS /")
    contains(mounted, r"\bnodiratime\b", "rootflags= of the tag")
    absent(mounted, r"\bnoatime\b", "rootflags= of the command line")
    contains(vm.console.text, "Mounted '/dev/disk/by-label/root'", "root= of the tag")


@rows("A10")
def test_no_metadata(bench):
    """NO_METADATA=1: no tags, no signalling, boot from the command line alone."""
    bench.add_to_root("/opt/init-tag", INIT.format("TAG"))
    vm = bench.boot(cmdline="NO_METADATA=1 root={nbd}", tags=["init=/opt/init-tag"])
    vm.wait_login()
    absent(vm.console.text, "INIT-FROM-TAG", "tags are not used")
    equal(bench.requests(), [], "requests to the control plane")


def test_odd_words(bench):
    """Unknown keys, empty values, a value that is none, and as many characters as the kernel of x86 takes: a longer line kills
    the kernel itself, so that 4,000 characters are a test of the generator."""
    odd = "foo bar= =x == init= nameserver= rootflags= ip= METADATA_IP= scaleway.unknown=1 rd.scaleway.failure=never"
    odd += " 'quote \"open"
    filler = " filler="
    filler += "x" * (CMDLINE_MAX - len(f"{BASE_CMDLINE} {odd}{filler}"))
    vm = bench.boot(cmdline=odd + filler)
    bench.wait_booted()
    equal(len(vm.cmdline), CMDLINE_MAX, "length of the command line")
    lines = [line for line in vm.console.matching(r"rd\.scaleway\.failure") if not line.startswith(">>>")]
    equal(len(lines), 1, f"one warning for the bad value: {lines}")
    contains(lines[0], "rd.scaleway.failure='?never'?", "the warning names key and value")


def test_not_utf8(bench):
    """Bytes that are no UTF-8, in an unknown key, in a value and alone."""
    bench.boot(cmdline="caf\udce9=\udcff\udcfe nameserver=\udcff \udc80\udc81 boot=local\udcc0")
    bench.wait_booted()
