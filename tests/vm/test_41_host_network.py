# SPDX-License-Identifier: MIT
"""What the host gets of the initrd's network: nothing if the root is on a local disk; a root over the network keeps it, whatever the
image has for a network manager, and a restart of that."""

import json
import shutil

import documents
import managers
from bench import BASE_CMDLINE, NO_HOST_NETWORK, STATES
from process import wait_until
from supervisor import record
from testing import absent, check, contains, equal, options, rows

WITHOUT_ROOT = " ".join(word for word in BASE_CMDLINE.split() if not word.startswith("root="))
# systemd's generators are shown a command line without NO_HOST_NETWORK's masks.
START_MANAGER = ("sed 's/systemd.mask=[^ ]*//g' /proc/cmdline >/run/cmdline && mount --bind /run/cmdline /proc/cmdline && "
                 "systemctl daemon-reload && systemctl start systemd-networkd")
ADDRESSES = "ip -oneline address show dev eth0"
BLOCK = "bs=64k count=32 iflag=fullblock"


@rows("A25", "A10")
def test_local_disk(bench):
    """The NIC is as after power-on. A state that was not taken by then comes over the host's network, once there is one. For
    KEEP_INITRD_NETWORKING=1 see 16_partitions."""
    drive = ["-drive", f"file={bench.disk},format=raw,if=none,id=disk,cache=unsafe", "-device", "virtio-blk-pci,drive=disk"]
    vm = bench.boot(nbd=None, base=WITHOUT_ROOT, metadata={"volumes": {"0": documents.volume("device://dev/vda")}}, qemu=drive,
                    cmdline=NO_HOST_NETWORK, nics=["dhcp+ra"], faults=[{"kind": "status", "status": 503, "path": "/state"}])  # fmt: skip
    vm.wait_login()
    bench.controlplane.set_faults([])
    nic = vm.run("ip -oneline link show dev eth0")
    absent(nic, r"[<,]UP[,>]", "the NIC is down")
    equal(vm.run(ADDRESSES).strip(), "", "addresses")
    equal(vm.run("ip route; ip -6 route show dev eth0").strip(), "", "routes")
    equal(vm.read("/proc/sys/net/ipv6/conf/eth0/accept_ra").strip(), "1", "accept_ra")
    equal(bench.states(), [], "states so far")

    vm.run(START_MANAGER)
    wait_until(lambda: "booted" in bench.states(), 90, "state booted")
    addresses = vm.run(ADDRESSES)
    equal(len([line for line in addresses.splitlines() if " inet " in line]), 1, f"IPv4 addresses: {addresses}")
    contains(addresses, r"\b10\.42\.0\.10/24\b", "the address that the host's DHCP client got")
    equal(bench.network.leases(), [(bench.first_nic.mac, "10.42.0.10")], "leases")
    # kernel-started gives up after 30 s.
    states = bench.final_states()
    check(states in (STATES, STATES[1:]), f"each once, in order: {states}")


def survives_restart(bench, service, kind=None, in_charge=None, held=False):
    """One restart of the network service, which must be in charge of the NIC. held: its address is there for good."""
    if kind:
        bench.build_disk(lambda _, path: shutil.copyfile(managers.root(kind), path))
    vm = bench.boot(cmdline="net.ifnames=0")
    bench.wait_booted()
    equal(vm.run("findmnt -no SOURCE /").strip(), "/dev/nbd0", "root")
    wait_until(lambda: in_charge(vm), 60, f"{service} to be in charge")
    vm.run(f"dd if=/dev/urandom of=/root/before {BLOCK} oflag=direct conv=fsync 2>&1")
    sums = vm.run("sha256sum /root/before")

    vm.run(f"systemctl restart {service}", timeout=90)
    # From the disk, not from memory: nothing of it is left there.
    vm.run("sync; echo 3 >/proc/sys/vm/drop_caches")
    vm.run(f"dd if=/dev/urandom of=/root/after {BLOCK} oflag=direct conv=fsync 2>&1", timeout=30)
    equal(vm.run("sha256sum /root/before", timeout=30), sums, "what was written before the restart")
    vm.run("cmp /root/after /root/after; dd if=/root/after of=/dev/null bs=64k iflag=direct 2>&1; ls -R /usr/share >/dev/null", timeout=30)
    absent(vm.run("dmesg"), r"(?i)I/O error|nbd0: (Connection|Receive|Dead|shutting)|EXT4-fs error", "what the kernel says")

    wait_until(lambda: in_charge(vm), 60, f"{service} to be in charge again")
    addresses = vm.run(ADDRESSES)
    line = contains(addresses, r"^.*\binet 10\.42\.0\.10/24 .*$", "address").group(0)
    (contains if held else absent)(line, "valid_lft forever", "lifetime of the address")
    equal(len([line for line in addresses.splitlines() if " inet " in line]), 1, f"IPv4 addresses: {addresses}")
    contains(vm.run("ip route"), r"^default via 10\.42\.0\.1 dev eth0", "default route")
    check(vm.run(f"systemctl is-active {service}").strip() == "active", f"{service} is active")
    vm.run("echo written >/etc/written && sync", timeout=30)
    # One connection from the boot to here.
    equal(bench.server.output().count("accepted connection"), 1, "connections that the NBD server saw")
    return vm


def is_mended(vm, times=1):
    """The link to the root was lost, so many times so far, and is there again (C1)."""
    wait_until(lambda: vm.run("dmesg", ok=None).count("is up again") >= times, 60, "the link")
    vm.run("echo again >/etc/written && sync; echo 3 >/proc/sys/vm/drop_caches; ls -R /usr/share >/dev/null", timeout=60)
    absent(vm.run("dmesg"), r"(?i)I/O error|EXT4-fs error", "what the kernel says")


def gets_another_address(bench, vm, renew):
    """From the DHCP server, which refuses the one that the host's client has. The root's link is that of an address that is gone (C1), and
    the client may want to read something of the root before it asks for another."""
    other, place = "10.42.0.77", len(bench.network.dhcp_log())
    bench.network.change_address(0, other)
    vm.run(renew, timeout=90, ok=None)
    wait_until(lambda: f"DHCPACK(br0) {other}" in bench.network.dhcp_log()[place:], 60, "the lease of the other address")
    contains(bench.network.dhcp_log()[place:], r"DHCPNAK\(br0\) 10\.42\.0\.10 ", "the one that it had is refused")
    wait_until(lambda: f"inet {other}/24" in vm.run(ADDRESSES), 60, "the other address")
    is_mended(vm)
    last = record(vm)
    check(last["link"] == "up" and last["reconnects"] >= 1, f"the link was lost, and is there again: {last}")


@rows("A25", "B1")
def test_networkd(bench):
    def in_charge(vm):
        return "routable (configured)" in vm.run("networkctl --no-pager status eth0", ok=None)

    # It sees that the root is behind the network, and keeps the address when the lease should end.
    vm = survives_restart(bench, "systemd-networkd", in_charge=in_charge, held=True)
    contains(vm.run("systemctl cat --no-pager systemd-networkd.service"), r"^# Written by scaleway-network of the initrd", "how it is stopped")


@rows("A25", "B1", "C1")
@options(timeout=600)
def test_ifupdown(bench):
    """Debian's own unit would take the NIC down, and with it the program that brings it up."""

    clients = []

    def in_charge(vm):
        """With its DHCP client running, of which there is one, the same at each time."""
        if "eth0=eth0" not in vm.run("cat /run/network/ifstate", ok=None):
            return False
        client = vm.run("pgrep -o dhcpcd", ok=None).strip()
        if client:
            clients.append(client)
        return client

    vm = survives_restart(bench, "networking", "ifupdown", in_charge)
    equal(clients, [clients[0]] * 2, "processes of the DHCP client before and after")
    contains(vm.run("systemctl cat networking.service"), r"^# Written by scaleway-network of the initrd", "why nothing is taken down")
    gets_another_address(bench, vm, "dhcpcd --rebind eth0")
    # By hand it does. Then who looks after the root's link has the NIC back.
    again = len(vm.run("dmesg | grep 'nbd0:.* is up again'").splitlines()) + 1
    vm.run("ifdown eth0", timeout=90, ok=None)
    is_mended(vm, again)
    contains(vm.run("dmesg"), "nbd0: what leads to .* had been taken away, put back", "who has brought it back")


@rows("A25", "B1", "C1")
@options(timeout=600)
def test_networkmanager(bench):
    """It leaves a NIC alone that it finds configured, and asks for no lease: the address must not end with the initrd's."""

    def in_charge(vm):
        return vm.run("nmcli -g GENERAL.STATE device show eth0", ok=None).startswith("100")

    vm = survives_restart(bench, "NetworkManager", "networkmanager", in_charge, held=True)
    # Another connection in its place, by hand. When it has taken the one away, and before it has made the other, it wants to read something of the root.
    vm.run("nmcli connection add type ethernet ifname eth0 con-name other ipv4.method manual ipv4.addresses 10.42.0.88/24")
    vm.run("nmcli connection up other", timeout=90, ok=None)
    is_mended(vm)
    wait_until(lambda: "10.42.0.88/24" in vm.run(ADDRESSES), 60, "the address of the other connection")
    equal(json.loads(vm.read("/run/scaleway/nbd/0.json"))["link"], "up", "the link")
