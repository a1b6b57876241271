# SPDX-License-Identifier: MIT
"""IPv4 on every NIC, whatever the command line says about it; IPv6 by the metadata and by advertisement; a server without any IPv4."""

import re

import documents
from bench import NO_HOST_NETWORK
from net import METADATA_IPV6
from testing import absent, check, contains, equal, rows
from vm import initrd_probe

ADDRESSES = "ip -4 -oneline address show scope global"
DEFAULTS = "ip -4 route show default"
DNS = "cat /etc/resolv.conf"
READY = "systemctl show --value --property=ActiveEnterTimestampMonotonic {}"
METADATA = READY.format("scaleway-metadata.service")
LEASES = "journalctl --no-pager --output=short-monotonic --unit=systemd-networkd --grep='DHCPv4 address'"
PROBE = initrd_probe([ADDRESSES, DEFAULTS, DNS, METADATA, LEASES])
ADDRESSES6 = "ip -6 -oneline address show scope global"
DEFAULTS6 = "ip -6 route show default"
PROBE6 = initrd_probe([ADDRESSES6, DEFAULTS6, DNS])
# As the platform gives it: a network of two, of which the other one is the router.
IPV6 = {"address": "fd99::3", "netmask": "127", "gateway": "fd99::2"}


def one_default_route(probe, gateway):
    routes = probe[DEFAULTS].strip().splitlines()
    equal(len(routes), 1, f"default routes in the initrd: {routes}")
    contains(routes[0], rf"\bvia {gateway}\b", "default route")


@rows("A3", "A4", "A10")
def test_two_nics(bench):
    """Both get an address, the first the default route. NO_SIGNAL_STATE=1 and NO_IPV6=1 as tags ride along."""
    overlay = initrd_probe([ADDRESSES, DEFAULTS, ADDRESSES6, DEFAULTS6])
    vm = bench.boot(nics=2, tags=["NO_SIGNAL_STATE=1", "NO_IPV6=1"], metadata={"ipv6": IPV6}, overlay=overlay)
    vm.wait_login()
    probe = vm.probe("probe")
    contains(probe[ADDRESSES], r"\b10\.42\.0\.10/24\b", "first NIC")
    contains(probe[ADDRESSES], r"\b10\.43\.0\.10/24\b", "second NIC")
    one_default_route(probe, "10.42.0.1")
    equal([probe[ADDRESSES6].strip(), probe[DEFAULTS6].strip()], ["", ""], "IPv6 that is not wanted")
    equal(bench.wait_states(1, 10), [], "NO_SIGNAL_STATE=1: states")


@rows("A3")
def test_nic_without_dhcp(bench):
    """The first NIC has no network: nothing waits for it."""
    vm = bench.boot(nics=["none", "dhcp"], overlay=PROBE)
    bench.wait_booted()
    probe = vm.probe("probe")
    contains(probe[ADDRESSES], r"\b10\.43\.0\.10/24\b", "second NIC")
    one_default_route(probe, "10.43.0.1")
    lease = contains(probe[LEASES], r"^\[ *([\d.]+)\] .*DHCPv4 address 10\.43\.0\.10/", "lease of the second NIC")
    seconds = int(probe[METADATA]) / 1e6 - float(lease.group(1))
    check(seconds < 4, f"metadata {seconds:.1f} s after the only lease there is")


@rows("A3")
def test_ip_dhcp(bench):
    """ip=dhcp, and nameserver= is the only DNS server."""
    vm = bench.boot(cmdline="ip=dhcp nameserver=192.0.2.53", overlay=PROBE)
    bench.wait_booted()
    probe = vm.probe("probe")
    contains(probe[ADDRESSES], r"\b10\.42\.0\.10/24\b", "address")
    servers = [line.split()[1] for line in probe[DNS].splitlines() if line.startswith("nameserver")]
    equal(servers, ["192.0.2.53"], "DNS servers in the initrd")


@rows("A3")
def test_ip_eth0(bench):
    """What the command lines of 2016 say, with the NIC name of that time."""
    vm = bench.boot(cmdline="ip=:::::eth0: net.ifnames=0", overlay=PROBE)
    bench.wait_booted()
    contains(vm.probe("probe")[ADDRESSES], r"\beth0 +inet 10\.42\.0\.10/24\b", "address")


@rows("A3", "A10")
def test_ip_static(bench):
    """No DHCP server at all. The word nometadata, which only silences the states, rides along."""
    line = "ip=10.42.0.77::10.42.0.1:255.255.255.0:bench:eth0:off net.ifnames=0 nometadata"
    vm = bench.boot(nics=["none"], cmdline=line, overlay=PROBE)
    vm.wait_login()
    contains(vm.probe("probe")[ADDRESSES], r"\b10\.42\.0\.77/24\b", "address")
    fetches = bench.requests("GET", "/conf")
    equal([r["client"] for r in fetches], ["10.42.0.77"], "who fetched the metadata")
    equal(bench.wait_states(1, 10), [], "nometadata: states")


@rows("A4")
def test_ipv6_of_the_metadata(bench):
    """On the NIC by which the platform was reached, which is the second one; nobody advertises anything. Used from outside, over the
    default route: the other end is in another network."""
    vm = bench.boot(nics=["none", "dhcp"], tags=["INITRD_POST_SHELL=1"], metadata={"ipv6": IPV6}, overlay=PROBE6)
    bench.network.add_address(1, f"{IPV6['gateway']}/{IPV6['netmask']}")
    vm.wait_for(r"^post-shell# ", 240)
    # In the initrd: what becomes of it later is the affair of the host, whose systemd-networkd takes it away (METADATA_IPV6 is an
    # address of the bench).
    check(bench.network.refuses(IPV6["address"], METADATA_IPV6), "the server answers for its address, by its router")
    vm.send("exit\n")
    bench.wait_booted()
    probe = vm.probe("probe")
    nic = contains(probe[ADDRESSES6], r"^\d+: (\S+) +inet6 fd99::3/127 ", "address").group(1)
    equal(len(probe[ADDRESSES6].strip().splitlines()), 1, f"addresses: {probe[ADDRESSES6]}")
    contains(vm.run(f"ip -4 address show dev {nic}"), r"\b10\.43\.0\.10/24\b", "the NIC is the second one")
    contains(probe[DEFAULTS6], rf"^default via fd99::2 dev {nic} .*metric 4096", "default route")
    contains(vm.console.text, rf"IPv6 on '{nic}': fd99::3/127 by fd99::2\.", "console")


@rows("A3", "A4", "A5")
def test_ipv6_only(bench):
    """No answer to DHCPv4; address, router and name servers by router advertisement, metadata and root over IPv6. The metadata have
    another address and router: both live, and the router that is known comes first."""
    other = {"address": "fd42::99", "netmask": "64", "gateway": "fd42::98"}
    vm = bench.boot(nics=["ra"], metadata={"ipv6": other}, overlay=PROBE6, cmdline=NO_HOST_NETWORK)
    bench.wait_booted()
    equal({r["server"] for r in bench.requests()}, {METADATA_IPV6}, "address of the service that was used")
    equal(vm.read("/run/scaleway/metadata-address").strip(), METADATA_IPV6, "address that is remembered")
    contains(vm.console.text, documents.SERVER_ID, "metadata on the console")
    absent(vm.console.text, "scaleway-network.*Failed", "console")

    probe = vm.probe("probe")
    # Out of the MAC address, 52:54:00:42:00:10.
    advertised = "fd42::5054:ff:fe42:10"
    nic = contains(probe[ADDRESSES6], rf"^\d+: (\S+) +inet6 {advertised}/64 ", "address by advertisement").group(1)
    contains(probe[ADDRESSES6], rf"^\d+: {nic} +inet6 fd42::99/64 ", "address of the metadata")
    absent(probe[ADDRESSES6], "tentative|dadfailed", "addresses")
    metrics = dict(re.findall(r"^default via (\S+) dev .*metric (\d+)", probe[DEFAULTS6], re.MULTILINE))
    equal(len(metrics), 2, f"default routes: {probe[DEFAULTS6]}")
    equal(metrics.get("fd42::98"), "4096", "metric of the route of the metadata")
    check(all(int(metric) < 4096 for via, metric in metrics.items() if via.startswith("fe80:")), f"the advertised one is better: {metrics}")
    servers = sorted(re.findall(r"^nameserver (\S+)$", probe[DNS], re.MULTILINE))
    equal(servers[:-1], ["fd42::1"], f"DNS servers: {servers}")
    contains(servers[-1], rf"^fe80::[0-9a-f:]+%{nic}$", "DNS server with a link-local address")
    # Nobody renews what the root needs, so it stays for good.
    check(bench.network.refuses(advertised, METADATA_IPV6), "the server answers for its address")
    contains(vm.run(f"ip -6 -oneline address show dev {nic}"), rf"\b{advertised}/64 .*valid_lft forever", "address that was advertised")
    routes = vm.run("ip -6 route show default")
    equal(len(re.findall(r"^default .*via ", routes, re.MULTILINE)), 2, f"default routes of the booted system: {routes}")
    absent(routes, "expires", "default routes of the booted system")
    for setting, value in (("accept_dad", "1"), ("dad_transmits", "1")):
        equal(vm.read(f"/proc/sys/net/ipv6/conf/{nic}/{setting}").strip(), value, setting)
