# SPDX-License-Identifier: MIT
"""How servers go down: always, soon, with nothing lost and the storage server told. Each of these is done N times by tests/soak --ends."""

import ends
import managers
from process import wait_until
from testing import absent, contains, options, rows


@rows("A19", "D1", "D3", "D5")
@options(timeout=600)
def test_reboot(bench):
    """systemd-networkd, here one that does not look for _netdev, is stopped long before the root is unmounted; and the storage server is
    away for a while."""
    server = ends.Server(bench, "debian12")
    server.boot()
    server.has_way_back()
    server.goes_down("reboot", "middle")


@rows("D1", "D3")
@options(timeout=600)
def test_poweroff_ifupdown(bench):
    """Which udev starts for the NIC, as Debian's installer has it: the service that stops takes that down as well."""
    server = ends.Server(bench, "ifupdown", initrd="lean")
    bench.add_to_root("/etc/network/interfaces", managers.INTERFACES.replace("auto eth0", "allow-hotplug eth0"), mode=0o644)
    server.boot(cmdline="net.ifnames=0")
    server.goes_down("poweroff")


@rows("D1", "D3")
@options(timeout=600)
def test_halt_networkmanager(bench):
    """What halts goes on as a machine that does nothing."""
    server = ends.Server(bench, "networkmanager", "qemu-nbd", initrd="lean")
    server.boot()
    server.goes_down("halt")


@rows("D1")
@options(timeout=600)
def test_kexec(bench):
    """A kernel that the image has loaded by itself."""
    server = ends.Server(bench, "networkd", "nbd-server", initrd="lean")
    server.add_kernel()
    server.boot()
    server.load_kernel()
    server.goes_down("kexec")


@rows("B7", "D1")
@options(timeout=600, load=0.6)
def test_nfs(bench):
    """The server is gone for good, soon after the shutdown begins: the kernel would wait for it for ever, and what watches for that
    ends the machine, here one that has taken the place of one that was killed. (One that is there: test_22_nfs.) Soon, not at once: what is lost
    before the mark is made is not covered, see scaleway-exit(8)."""
    server = ends.Server(bench, "nfs")
    vm = server.boot()
    first = server.has_nfs_watch()
    vm.run(f"kill -KILL {first}")
    wait_until(lambda: vm.read("/run/sendsigs.omit.d/scaleway-nfs.pid").strip() != first, 20, "another process that watches")
    server.has_nfs_watch()
    # What it says is wanted on the console.
    vm.run("dmesg -n 4")
    since = len(vm.console.text)
    server.goes_down("poweroff", ends.Storage("gone", 1))
    contains(vm.console.text[since:], r"NFS: its server has not answered for 40 s of the shutdown, poweroff at once", "what ends it")


@rows("A19", "D2", "D5")
@options(timeout=600)
def test_sysvinit(bench):
    server = ends.Server(bench, "sysvinit")
    server.boot()
    server.has_way_back()
    server.has_client()
    server.goes_down("poweroff", "before")


@rows("D2")
@options(timeout=600, load=0.6)
def test_openrc(bench):
    """The storage is gone for good as soon as the shutdown begins. (One that is there: test_26_inits.)"""
    server = ends.Server(bench, "openrc", initrd="lean")
    server.boot()
    server.has_client()
    server.goes_down("reboot", "lost")


@rows("D1")
@options(timeout=600, load=0.6)
def test_storage_gone(bench):
    """For good, and without a word, as soon as the shutdown begins. What was written before is there."""
    server = ends.Server(bench)
    server.boot()
    server.goes_down("poweroff", "lost")


@rows("D1")
@options(timeout=600)
def test_storage_cold(bench):
    """The same, when nothing of the root is in memory any more but what scaleway-hold.service holds there: the first process gets as far as telling
    that a shutdown has begun, and hangs then; and the volume's supervisor ends the machine, before the way back is reached."""
    server = ends.Server(bench, initrd="lean")
    vm = server.boot()
    server.holds()
    # A shutdown that was cancelled leaves nothing that an outage of another day would be taken for.
    vm.run("systemctl start scaleway-shutdown@halt.socket && test -p /run/scaleway/shutdown/halt")
    vm.run("systemctl start multi-user.target graphical.target && test ! -e /run/scaleway/shutdown/halt")
    # Nor does it keep the next one by the same verb from leaving its own mark: the timer, which has waited for half an hour, takes the old one away.
    mark, name = "/run/scaleway/shutdown/poweroff", "scaleway-shutdown@poweroff"
    vm.run(f"systemctl start {name}.socket && test -p {mark} && systemctl is-active {name}.timer")
    vm.run(f"systemctl start {name}.service && test ! -e {mark} && ! systemctl is-active {name}.socket {name}.timer")
    since = len(vm.console.text)
    server.goes_down("poweroff", "cold")
    text = vm.console.text[since:]
    contains(text, r"nbd0: its server has not answered for 40 s of the shutdown, poweroff at once", "what the supervisor says")
    absent(text, r"All services are down", "the way back is not reached")
