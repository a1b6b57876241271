# SPDX-License-Identifier: MIT
"""The bench's network: one namespace, a bridge for each NIC of the server, a DHCP server or none on each.

    bridge br0  10.42.0.1/24  fd42::1/64     the server's first NIC is 10.42.0.10
    bridge br1  10.43.0.1/24  fd43::1/64     its second 10.43.0.10
    …
    169.254.42.42 and fd00:42::42 are on br0; the kernel answers for the former on every bridge, and reaches the latter
    through the router that the advertisements name.

Nothing here forwards: traffic stays in the namespace."""

import json
import os
import re
import signal
import subprocess
import sys

from process import Child, need, wait_until

METADATA_IPV4 = "169.254.42.42"
METADATA_IPV6 = "fd00:42::42"
NAMESPACE = re.compile(r"^scw-(\d+)-\d+$")
_serial = 0


class Bridge:
    """mode: dhcp, dhcp+ra, ra (router advertisements only), none."""

    def __init__(self, index, mode):
        if mode not in ("dhcp", "dhcp+ra", "ra", "none"):
            raise ValueError(f"unknown NIC mode '{mode}'")
        self.index = index
        self.mode = mode
        self.name = f"br{index}"
        self.tap = f"tap{index}"
        self.mac = f"52:54:00:42:00:{index + 16:02x}"
        self.host_mac = f"52:54:00:42:01:{index + 16:02x}"  # the same each time, for a server that is resumed
        self.prefix = f"10.{42 + index}.0"
        self.host = f"{self.prefix}.1"
        self.address = f"{self.prefix}.10"
        self.prefix6 = f"fd{42 + index}::"
        self.host6 = f"{self.prefix6}1"
        self.dnsmasq = None


class Network:
    def __init__(self, folder, modes=("dhcp",), ntp=()):
        """folder: takes logs and leases. modes: one for each NIC, in the order of their PCI slots. ntp: addresses that DHCP names."""
        need("ip", "setpriv")
        if any(mode != "none" for mode in modes):
            need("dnsmasq")
        self.folder = folder
        self.ntp = list(ntp)
        self.bridges = [Bridge(i, mode) for i, mode in enumerate(modes)]
        self.name = None

    def __enter__(self):
        global _serial
        remove_stale()
        _serial += 1
        self.name = f"scw-{os.getpid()}-{_serial}"
        run("ip", "netns", "add", self.name)
        try:
            self._build()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *exc):
        for bridge in reversed(self.bridges):
            if bridge.dnsmasq:
                bridge.dnsmasq.stop()
                bridge.dnsmasq = None
        run("ip", "netns", "del", self.name, check=False)

    @property
    def prefix(self):
        """To be put before a command that is to run inside."""
        return ["ip", "netns", "exec", self.name]

    def run(self, *argv, check=True):
        return run(*self.prefix, *argv, check=check)

    def _build(self):
        # Duplicate address detection would keep the addresses tentative for a second, and for ever without a carrier.
        script = [
            "set -e",
            "echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad",
            "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad",
            "ip link set lo up",
        ]
        for b in self.bridges:
            script += [
                f"ip link add {b.name} address {b.host_mac} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                f"ip link set {b.name} up",
                f"ip addr add {b.host}/24 dev {b.name}",
                f"ip addr add {b.host6}/64 dev {b.name} nodad",
                f"ip tuntap add {b.tap} mode tap",
                f"ip link set {b.tap} master {b.name} up",
                # The entry of a VM that was killed would delay the next one with the same address.
                f"ip neigh replace {b.address} lladdr {b.mac} nud permanent dev {b.name}",
            ]
        script += [
            f"ip addr add {METADATA_IPV4}/32 dev br0",
            f"ip addr add {METADATA_IPV6}/128 dev br0 nodad",
        ]
        self.run("sh", "-c", "\n".join(script))
        for bridge in self.bridges:
            self._serve_dhcp(bridge)

    def _serve_dhcp(self, b):
        if b.mode == "none":
            return
        log = os.path.join(self.folder, f"dnsmasq-{b.name}.log")
        before = b.dnsmasq.output().count("started, version") if b.dnsmasq else 0
        argv = [
            "dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--log-facility=-", "--user=root", "--group=root",
            f"--interface={b.name}", "--bind-interfaces", "--except-interface=lo", "--no-ping", "--no-hosts", "--no-resolv",
            "--log-dhcp", "--log-queries", f"--dhcp-leasefile={self.folder}/leases-{b.name}", "--pid-file=",
            f"--address=/dns.bench/{b.host}",
        ]  # fmt: skip
        if b.mode.startswith("dhcp"):
            argv += [
                f"--dhcp-range={b.prefix}.100,{b.prefix}.200,255.255.255.0,1h",
                f"--dhcp-host={b.mac},{b.address}",
                f"--dhcp-option=option:router,{b.host}",
                f"--dhcp-option=option:dns-server,{b.host}",
                # A client that understands option 121 ignores option 3, so the default route is in both.
                f"--dhcp-option=option:classless-static-route,{METADATA_IPV4}/32,{b.host},0.0.0.0/0,{b.host}",
            ]
            if self.ntp:
                argv += [f"--dhcp-option=option:ntp-server,{','.join(self.ntp)}"]
        if b.mode.endswith("ra"):
            # Name servers by RDNSS: the global address, and the link-local one, which dnsmasq puts in the place of [fe80::].
            argv += ["--enable-ra", f"--dhcp-range={b.prefix6},ra-only,64", f"--ra-param={b.name},10",
                     f"--dhcp-option=option6:dns-server,[{b.host6}],[fe80::]"]  # fmt: skip
        b.dnsmasq = Child(argv, log, self.prefix)
        # The log may be that of an earlier one as well.
        wait_until(lambda: b.dnsmasq.output().count("started, version") > before, 10, "dnsmasq", b.dnsmasq)

    def dhcp_log(self, index=0):
        bridge = self.bridges[index]
        return bridge.dnsmasq.output() if bridge.dnsmasq else ""

    def leases(self, index=0):
        """(MAC, address) pairs."""
        path = os.path.join(self.folder, f"leases-br{index}")
        if not os.path.exists(path):
            return []
        with open(path, encoding="utf-8") as f:
            return [tuple(line.split()[1:3]) for line in f if len(line.split()) >= 4]

    def change_address(self, index, address):
        """The DHCP server has another address for the NIC from now on, and refuses to go on with the one that it has given."""
        bridge = self.bridges[index]
        bridge.dnsmasq.stop()
        bridge.address = address
        self.run("ip", "neigh", "replace", address, "lladdr", bridge.mac, "nud", "permanent", "dev", bridge.name)
        self._serve_dhcp(bridge)

    def stop_dhcp(self, index=0, number=signal.SIGTERM):
        self.bridges[index].dnsmasq.send(number)

    def blackhole(self, address, on=True):
        """Packets to address are taken, answers never leave: what an unrouted service looks like."""
        family = "-6" if ":" in address else "-4"
        self.run("ip", family, "rule", "add" if on else "del", "from", address, "blackhole")

    def remove_address(self, address):
        """Nobody answers for address any more."""
        self.run("ip", "addr", "del", f"{address}/{128 if ':' in address else 32}", "dev", "br0")

    def add_address(self, index, address):
        """One more for the switch on a NIC's bridge, with its prefix; to be called before the server looks for it."""
        self.run("ip", "address", "add", address, "dev", self.bridges[index].name, "nodad")

    def refuses(self, address, source, port=9, timeout=5):
        """Whether a machine answers for the address, by refusing a connection from source."""
        script = ("import socket, sys\n"
                  "try: socket.create_connection((sys.argv[1], int(sys.argv[3])), float(sys.argv[4]), (sys.argv[2], 0))\n"
                  "except ConnectionRefusedError: print('refused')\n"
                  "except OSError as e: print(e)")
        return self.run(sys.executable, "-c", script, address, source, str(port), str(timeout)).stdout.strip() == "refused"

    def link(self, index, up):
        """The cable of a NIC, seen from the switch."""
        self.run("ip", "link", "set", self.bridges[index].tap, "up" if up else "down")

    def listening(self, port, address=None):
        """Whether a TCP socket of the namespace listens on port, without a connection that a server would log."""
        output = self.run("ss", "-Hltn", f"sport = :{port}").stdout
        return bool(output.strip())

    def neighbours(self):
        return json.loads(self.run("ip", "-j", "neigh").stdout or "[]")


def run(*argv, check=True):
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if check and result.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)[:200]}: exit status {result.returncode}\n{result.stderr}")
    return result


def remove_stale():
    """Namespaces of benches that were killed."""
    for line in run("ip", "netns", "list").stdout.splitlines():
        match = NAMESPACE.match(line.split()[0]) if line.split() else None
        if match and not os.path.exists(f"/proc/{match.group(1)}"):
            run("ip", "netns", "del", match.group(0), check=False)
