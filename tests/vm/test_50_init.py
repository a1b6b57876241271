# SPDX-License-Identifier: MIT
"""The program that switch-root starts."""

from testing import contains, equal, rows

INIT = '#!/bin/sh\necho "INIT-FROM-CMDLINE $$" >/dev/console\nexec /sbin/init "$@"\n'


@rows("A20")
def test_command_line(bench):
    bench.add_to_root("/opt/real-init", INIT)
    bench.edit_root("symlink /opt/init /opt/chain", "symlink /opt/chain ../opt/real-init")
    vm = bench.boot(cmdline="init=/opt/init")
    bench.wait_booted()
    contains(vm.console.text, "^INIT-FROM-CMDLINE 1$", "init that runs")


@rows("A20")
def test_absolute_symlink(bench):
    """/sbin/init → an absolute path, which has to be read below the new root."""
    bench.edit_root("rm /usr/sbin/init", "symlink /usr/sbin/init /usr/lib/systemd/systemd")
    vm = bench.boot()
    bench.wait_booted()
    equal(vm.run("readlink /usr/sbin/init").strip(), "/usr/lib/systemd/systemd", "the link is untouched")


@rows("A20", "C4")
def test_nothing_there(bench):
    bench.boot(cmdline="init=/opt/nothing-here")
    # There was a root, but that is not what the state says.
    bench.wait_failed("'/opt/nothing-here' does not exist")


@rows("A20", "C4")
def test_not_executable(bench):
    bench.add_to_root("/opt/init", INIT, 0o644)
    # The lean initrd has none of dracut's own emergency units.
    bench.boot(tags=["init=/opt/init"], initrd="lean")
    bench.wait_failed("'/opt/init' is not executable")
