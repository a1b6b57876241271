# SPDX-License-Identifier: MIT
"""IPv4 on every NIC, whatever the command line says about it; and a server without any IPv4."""

import documents
from net import METADATA_IPV6
from testing import check, contains, equal, rows
from vm import initrd_probe

ADDRESSES = "ip -4 -oneline address show scope global"
DEFAULTS = "ip -4 route show default"
DNS = "cat /etc/resolv.conf"
READY = "systemctl show --value --property=ActiveEnterTimestampMonotonic {}"
METADATA = READY.format("scaleway-metadata.service")
LEASES = "journalctl --no-pager --output=short-monotonic --unit=systemd-networkd --grep='DHCPv4 address'"
PROBE = initrd_probe([ADDRESSES, DEFAULTS, DNS, METADATA, LEASES])


def one_default_route(probe, gateway):
    routes = probe[DEFAULTS].strip().splitlines()
    equal(len(routes), 1, f"default routes in the initrd: {routes}")
    contains(routes[0], rf"\bvia {gateway}\b", "default route")


@rows("A3", "A10")
def test_two_nics(bench):
    """Both get an address, the first the default route. NO_SIGNAL_STATE=1 as a tag rides along."""
    vm = bench.boot(nics=2, tags=["NO_SIGNAL_STATE=1"], overlay=PROBE)
    vm.wait_login()
    probe = vm.probe("probe")
    contains(probe[ADDRESSES], r"\b10\.42\.0\.10/24\b", "first NIC")
    contains(probe[ADDRESSES], r"\b10\.43\.0\.10/24\b", "second NIC")
    one_default_route(probe, "10.42.0.1")
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


@rows("A3", "A5")
def test_ipv6_only(bench):
    """No answer to DHCPv4; addresses by router advertisement, metadata and root over IPv6."""
    vm = bench.boot(nics=["ra"])
    bench.wait_booted()
    equal({r["server"] for r in bench.requests()}, {METADATA_IPV6}, "address of the service that was used")
    equal(vm.read("/run/scaleway/metadata-address").strip(), METADATA_IPV6, "address that is remembered")
    contains(vm.console.text, documents.SERVER_ID, "metadata on the console")
