#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The small programs of the boot timeline, each run as its unit runs it.

Usage: test-steps.py BUILD-DIRECTORY [unittest arguments]. Needs root for namespaces and loop devices, exits 77 without.
What a machine lacks skips the test that needs it, and then the exit status is 77 too.
"""

import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import disks
import unittests

BUILD = pathlib.Path()
TIMEOUT = 60
NO_LEAKS = {"ASAN_OPTIONS": "detect_leaks=0"}  # looking for them does not work under ptrace


class Steps(unittests.Programs):
    prefix = "test-steps-"

    def need_strace(self):
        self.need("strace")
        if subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode != 0:
            self.skipTest("strace does not work here: no ptrace")


class Gpio(Steps):
    """rows: A7, on a tree that looks like that of sysfs. The kernel is this test: it makes the files of a line that is exported.

    Not in a VM: Debian's kernels have no lines to simulate, neither CONFIG_GPIO_SIM nor CONFIG_GPIO_MOCKUP, and that of the cloud no
    CONFIG_GPIOLIB at all, which is what tests/vm sees."""

    def setUp(self):
        super().setUp()
        self.tree = self.directory / "gpio"
        self.tree.mkdir()

    def kernel(self, delay=0.0):
        """Takes one number from export, which is a pipe here."""
        os.mkfifo(self.tree / "export")

        def act():
            number = (self.tree / "export").read_text()
            time.sleep(delay)
            self.exported = number
            (self.tree / f"gpio{number}").mkdir()
            # At once with what it says, as in sysfs.
            (self.tree / "new").write_text("in")
            (self.tree / "new").rename(self.tree / f"gpio{number}/direction")

        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 10)

    def gpio(self, *args, prefix=(), **kwargs):
        return self.call("scaleway-gpio", *args, prefix=prefix, SCALEWAY_GPIO=str(self.tree), **kwargs)

    def direction(self, number=42):
        return (self.tree / f"gpio{number}/direction").read_text()

    def test_output(self):
        self.kernel()
        self.gpio("out", "42")
        self.assertEqual((self.exported, self.direction()), ("42", "out"))
        self.assertEqual(self.err, "")

    def test_files_come_late(self):
        self.kernel(delay=0.5)
        self.gpio("out", "42")
        self.assertEqual(self.direction(), "out")

    def test_files_do_not_come(self):
        (self.tree / "export").write_text("")
        begin = time.monotonic()
        self.gpio("out", "42", status=1)
        self.assertLess(time.monotonic() - begin, 4)
        self.one_line("GPIO 42", "No such file")

    def test_exported_already(self):
        self.need_strace()
        (self.tree / "gpio42").mkdir()
        (self.tree / "gpio42/direction").write_text("in ")
        (self.tree / "export").write_text("")
        prefix = ("strace", "-o", self.directory / "trace", "-e", "trace=write", "-e")
        self.gpio("out", "42", prefix=(*prefix, "inject=write:error=EBUSY:when=1"), **NO_LEAKS)
        self.assertEqual(self.direction(), "out")
        self.gpio("out", "42", prefix=(*prefix, "inject=write:error=EINVAL:when=1"), status=1, **NO_LEAKS)
        self.one_line("Failed to export GPIO 42: Invalid argument")

    def test_no_gpio(self):
        self.tree.rmdir()
        self.gpio("out", "42", status=1)
        self.one_line("GPIO 42 is not set up", "no GPIO in sysfs")

    def test_arguments(self):
        for args in ((), ("out",), ("in", "42"), ("out", "4 2"), ("out", "42", "43"), ("out", "../x")):
            self.gpio(*args, status=1)
            self.one_line("number of a line")


class Common(Steps):
    def test_help_version_and_wrong_arguments(self):
        for name in ("banner", "clock", "fetch-modules", "gpio", "info", "kexec", "live", "network", "nfs", "root", "prepare", "shell", "sshd", "switch", "failure"):
            program = "scaleway-" + name
            with self.subTest(program):
                self.assertIn("--version", self.call(program, "--help"))
                self.assertIn("(", self.call(program, "--version"))
                self.call(program, "--no-such-option", status=1)
                self.call(program, "too", "many", "arguments", "for", "all", status=1)


class Banner(Steps):
    """A1, A2"""

    def proc(self, **files):
        proc = self.directory / "proc"
        for name, text in files.items():
            path = proc / name.replace("__", "/").replace("_", "-")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        proc.mkdir(exist_ok=True)
        return str(proc)

    def test_this_machine(self):
        self.call("scaleway-banner")
        self.assertTrue(self.out.startswith("Welcome to Scaleway' initrd\n"))
        self.assertIn("██", self.out)
        self.assertRegex(self.out, r"(?m)^>>> Initrd build: \S+ \(.+\) - \d{4}-\d\d-\d\d$")
        self.assertIn(f">>> Kernel version: {os.uname().release}", self.out)
        self.assertRegex(self.out, r"(?m)^>>> Memory: \d+ MiB$")
        self.assertRegex(self.out, rf"(?m)^>>> CPU: .+, {os.cpu_count()} cores?$")
        self.assertEqual(self.err, "")

    def test_other_machine(self):
        proc = self.proc(cmdline=b"quiet root=/dev/nbd0 password=hunter22 url=http://u:p@h/x?sig=1 "
                                 b"\x1b[31m\xff init=/x\n",
                         meminfo="MemTotal:        2097152 kB\nMemFree: 1 kB\n",
                         cpuinfo="processor : 0\nprocessor : 1\nmodel name : Test CPU\n")
        self.call("scaleway-banner", SCALEWAY_PROC=proc)
        self.assertIn(">>> Kernel cmdline: quiet root=/dev/nbd0 password=*** url=http://***@h/x?*** ?[31m? init=/x\n",
                      self.out)
        self.assertIn(">>> Memory: 2048 MiB\n", self.out)
        self.assertIn(">>> CPU: Test CPU, 2 cores\n", self.out)

    def test_without_proc(self):
        self.call("scaleway-banner", SCALEWAY_PROC=self.proc())
        self.assertNotIn("Kernel cmdline", self.out)
        self.assertRegex(self.out, r">>> Memory: \d+ MiB\n>>> CPU: unknown, \d+ cores?\n$")
        self.assertEqual(self.err, "")

    def test_device_tree(self):
        self.call("scaleway-banner",
                  SCALEWAY_PROC=self.proc(cpuinfo="processor : 0\n", device_tree__model=b"Some Board\0"))
        self.assertIn(">>> CPU: Some Board, 1 core\n", self.out)

    def test_console_full(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([BUILD / "scaleway-banner"], env=self.environment(), stdout=full,
                                  stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"No space left", done.stderr)


class Info(Steps):
    """A6"""

    def metadata(self, document):
        text = document if isinstance(document, str) else json.dumps(document)
        (self.run_dir / "scaleway/metadata.json").write_text(text)

    def test_whole_document(self):
        self.metadata({
            "id": "60602cf7-797d", "hostname": "adoring", "commercial_type": "C1", "private_ip": "10.1.14.126",
            "public_ip": {"address": "203.0.113.1"}, "organization": "8123-4567", "timezone": "UTC",
            "ipv6": {"address": "2001:db8::1"},
            "location": {"zone_id": "par1", "platform_id": "22", "node_id": None, "blade_id": "7"},
            "tags": ["INITRD_DEBUG=1", "two words", "API_TOKEN=abcdef", "bad\x1b[2J", 7, ""],
            "volumes": {"1": {"volume_type": "sbs_volume"},
                        "0": {"size": 50000000000, "volume_type": "l_ssd", "export_uri": "nbd://10.1.2.3:4000"},
                        "10": {"size": 1500000000, "volume_type": "l_ssd", "export_uri": None}, "2": "broken"},
        })
        self.call("scaleway-info")
        self.assertEqual(self.out.splitlines(), [
            ">>> Server ID: 60602cf7-797d",
            ">>> Private IP: 10.1.14.126",
            ">>> Public IP: 203.0.113.1",
            ">>> IPv6: 2001:db8::1",
            ">>> Hostname: adoring",
            ">>> Commercial type: C1",
            ">>> Platform: zone par1, platform 22, blade 7",
            ">>> Organization: 8xxxxxxx7",
            ">>> Timezone: UTC",
            ">>> Tags: INITRD_DEBUG=1, two words, API_TOKEN=***, bad?[2J",
            ">>> Volumes: 0: 50 GB l_ssd nbd://10.1.2.3:4000, 1: sbs_volume, 10: 1.5 GB l_ssd",
        ])
        self.assertEqual(self.err, "")

    def test_absent_fields_and_wrong_types(self):
        self.metadata({"id": "x", "hostname": 7, "public_ip": None, "location": "par1", "tags": {}, "volumes": [],
                       "timezone": None, "ipv6": None})
        self.assertEqual(self.call("scaleway-info"), ">>> Server ID: x\n")

    def test_no_cache(self):
        self.assertEqual(self.call("scaleway-info"), ">>> Metadata: none, only the command line is used\n")

    def test_garbage(self):
        for text in ("", "[]", "{", "\0\0", "<html>"):
            self.metadata(text)
            self.assertEqual(self.call("scaleway-info"), ">>> Metadata: unreadable, only the command line is used\n")

    def test_many_tags(self):
        self.metadata({"tags": ["tag-%d" % i for i in range(2000)]})
        self.assertLess(len(self.call("scaleway-info")), 4200)


class Network(Steps):
    """A3, A4, A25"""

    def setUp(self):
        super().setUp()
        self.resolv_conf = self.directory / "resolv.conf"
        self.sysroot = self.directory / "sysroot"
        (self.sysroot / "usr/lib").mkdir(parents=True)

    def state(self, ifindex, text="", network_file="/usr/lib/systemd/network/80-scaleway.network"):
        """What systemd-networkd says of a NIC."""
        path = self.run_dir / f"systemd/netif/links/{ifindex}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"ADMIN_STATE=configured\nNETWORK_FILE={network_file}\n{text}" if network_file else "ADMIN_STATE=unmanaged\n" + text)

    def two_nics(self):
        self.need("ip")
        self.inside = self.namespace("--net")
        self.ip("link set lo up")
        for i, (a, b) in enumerate((("first", "peer0"), ("second", "peer1"))):
            try:
                self.ip(f"link add {a} index {10 + i} type veth peer name {b} index {20 + i}")
            except subprocess.CalledProcessError:
                self.skipTest("no veth devices")
            for nic in (a, b):
                self.ip(f"link set {nic} up")
            self.ip(f"addr add 10.{i}.0.2/24 dev {a}")

    def ip(self, words):
        return subprocess.run([*self.inside, "ip", *words.split()], check=True, capture_output=True, timeout=TIMEOUT,
                              text=True).stdout

    def defaults(self):
        return [line.strip() for line in self.ip("-4 route show default").splitlines()]

    def network(self, *args, **env):
        return self.call("scaleway-network", *args, prefix=self.inside, SCALEWAY_RESOLV_CONF=str(self.resolv_conf),
                         SCALEWAY_SYSROOT=str(self.sysroot), **env)

    def primary(self):
        path = self.run_dir / "scaleway/primary-nic"
        return path.read_text() if path.exists() else None

    def test_one_default_route(self):
        self.two_nics()
        # The second NIC's would win by its metric, and the first NIC has two.
        self.ip("route add default via 10.1.0.1 dev second metric 1")
        self.ip("route add default via 10.0.0.9 dev first metric 2048 proto dhcp")
        self.ip("route add default via 10.0.0.1 dev first metric 1024 proto dhcp src 10.0.0.2")
        self.ip("route add default via 10.1.0.1 dev second table 77")
        self.ip("route add 0.0.0.0/1 via 10.1.0.1 dev second")
        self.network("settle")
        self.one_line("'first'", "3 IPv4 default routes")
        self.assertEqual(self.defaults(), ["default via 10.0.0.1 dev first proto dhcp src 10.0.0.2 metric 1024"])
        self.assertEqual(self.primary(), "first\n")
        self.assertIn("second", self.ip("route show table 77"))
        self.assertIn("0.0.0.0/1", self.ip("route show"))

        # Again: nothing to choose, nothing said.
        self.network("settle")
        self.assertEqual(self.err, "")
        self.assertEqual(len(self.defaults()), 1)

    def test_only_second_nic_has_one(self):
        self.two_nics()
        self.ip("route add default via 10.1.0.1 dev second")
        self.network("settle")
        self.assertEqual(self.err, "")
        self.assertEqual(self.primary(), "second\n")
        self.assertEqual(len(self.defaults()), 1)

    def test_link_scope_and_nexthop_objects(self):
        self.two_nics()
        self.ip("route add default dev second scope link metric 5")
        try:
            self.ip("nexthop add id 7 via 10.1.0.1 dev second")
            self.ip("route add default nhid 7 metric 6")
        except subprocess.CalledProcessError:
            pass
        self.ip("route add default via 10.0.0.1 dev first")
        self.network("settle")
        self.one_line("'first'")
        self.assertEqual(self.defaults(), ["default via 10.0.0.1 dev first"])

    def test_no_route_no_server(self):
        self.two_nics()
        self.resolv_conf.write_text("as it was\n")
        self.network("settle", "--nameserver=")
        self.assertEqual(self.err, "")
        self.assertIsNone(self.primary())
        self.assertEqual(self.resolv_conf.read_text(), "as it was\n")

    def test_leave_removes_late_route(self):
        self.two_nics()
        self.ip("route add default via 10.0.0.1 dev first metric 9")
        self.network("settle")
        self.ip("route add default via 10.1.0.1 dev second")
        self.network("leave")
        self.one_line("'first'")
        self.assertEqual(self.defaults(), ["default via 10.0.0.1 dev first metric 9"])

        # The recorded NIC has none any more: better a late one than none.
        self.ip("route del default")
        self.ip("route add default via 10.1.0.1 dev second")
        self.network("leave")
        self.assertEqual(self.defaults(), ["default via 10.1.0.1 dev second"])

    def servers(self):
        return [line.split()[1] for line in self.resolv_conf.read_text().splitlines() if line.startswith("nameserver")]

    def test_nameservers(self):
        self.two_nics()
        head = "# Written by scaleway-network of the initrd\noptions timeout:2 attempts:2\n"
        self.state(10, "OPER_STATE=routable\nDNS=10.0.0.2 10.0.0.1\nDOMAINS=b.example a.example\n")
        self.network("settle", "--nameserver=")
        self.assertEqual(self.resolv_conf.read_text(),
                         head + "nameserver 10.0.0.2\nnameserver 10.0.0.1\nsearch b.example a.example\n")
        self.assertEqual(self.resolv_conf.stat().st_mode & 0o777, 0o644)

        self.network("settle", "--nameserver=192.0.2.1")
        self.assertEqual(self.resolv_conf.read_text(), head + "nameserver 192.0.2.1\n")

        self.network("settle", "--nameserver=not\nan address")
        self.one_line("nameserver='not?an address'", "DHCP instead")
        self.assertIn("10.0.0.2", self.resolv_conf.read_text())

    def test_nameservers_of_the_platform_first(self):
        """Of the NIC that leads to the platform, then those with low numbers; a NIC that is not ours has none."""
        self.two_nics()
        self.state(10, "DNS=10.0.0.53 10.0.0.54\n")
        self.state(11, "DNS=10.1.0.53 fe80::53\n")
        self.state(1, "DNS=127.0.0.53\n", network_file=None)
        self.state(77, "DNS=10.7.0.53\n")
        self.network("settle")
        self.assertEqual(self.servers(), ["10.0.0.53", "10.0.0.54", "fe80::53%second"])
        # Without metadata the NIC of the default route is taken for it.
        self.ip("route add default via 10.1.0.1 dev second")
        self.network("settle")
        self.assertEqual(self.servers(), ["10.1.0.53", "fe80::53%second", "10.0.0.53"])
        # The route to the service counts.
        self.platform("169.254.42.42")
        self.ip("route add 169.254.42.42 dev first")
        self.network("settle")
        self.assertEqual(self.servers(), ["10.0.0.53", "10.0.0.54", "fe80::53%second"])

    def platform(self, address):
        (self.run_dir / "scaleway/metadata-address").write_text(address + "\n")

    def ipv6_of_the_platform(self, address="2001:db8::3/127", gateway="2001:db8::2"):
        self.network("settle", f"--ipv6-address={address}", f"--ipv6-gateway={gateway}")

    def defaults6(self):
        return [" ".join(line.split()) for line in self.ip("-6 route show default").splitlines()]

    def addresses6(self, nic):
        return re.findall(r"inet6 (\S+) scope global", self.ip(f"-6 address show dev {nic}"))

    def test_ipv6(self):
        """On the NIC that leads to the platform, which is not the first; a second time changes nothing."""
        self.two_nics()
        self.platform("169.254.42.42")
        self.ip("route add default via 10.0.0.1 dev first")
        self.ip("route add 169.254.42.42 via 10.1.0.1 dev second")
        for _ in range(2):
            self.ipv6_of_the_platform()
            self.one_line("IPv6 on 'second': 2001:db8::3/127 by 2001:db8::2.")
            self.assertEqual(self.addresses6("second"), ["2001:db8::3/127"])
            self.assertEqual(self.addresses6("first"), [])
            self.assertEqual(self.defaults6(), ["default via 2001:db8::2 dev second proto static metric 4096 pref medium"])
        shown = self.ip("-6 address show dev second scope global")
        self.assertIn("nodad", shown)
        self.assertNotIn("tentative", shown)
        self.assertIn("valid_lft forever", shown)

    def test_ipv6_gateways(self):
        """On the link without being in the prefix, and link-local."""
        self.two_nics()
        self.platform("10.0.0.1")
        self.ipv6_of_the_platform("2001:db8::3/64", "2001:db8:ffff::1")
        self.assertEqual(self.defaults6(), ["default via 2001:db8:ffff::1 dev first proto static metric 4096 onlink pref medium"])
        self.ip("-6 route del default")
        self.ipv6_of_the_platform("2001:db8::3/64", "fe80::1")
        self.assertEqual(self.defaults6(), ["default via fe80::1 dev first proto static metric 4096 pref medium"])
        self.assertEqual(self.addresses6("first"), ["2001:db8::3/64"])

    def test_ipv6_beside_an_advertisement(self):
        """Both routes live, the advertised one is the first choice; the address may have come by it."""
        self.two_nics()
        self.ip("address add 2001:db8::3/64 dev first nodad valid_lft 1000 preferred_lft 1000")
        self.ip("-6 route add default via fe80::1 dev first proto ra metric 2048 expires 1000")
        self.platform("fd00:42::42")
        self.ipv6_of_the_platform("2001:db8::3/64", "2001:db8::1")
        self.one_line("'first'")
        self.assertEqual(self.addresses6("first"), ["2001:db8::3/64"])
        routes = self.defaults6()
        self.assertEqual([re.search(r"via (\S+) .*metric (\d+)", line).groups() for line in routes],
                         [("fe80::1", "2048"), ("2001:db8::1", "4096")])

    def test_ipv6_hostile(self):
        """By hand: what the metadata say was looked at by the generator."""
        self.two_nics()
        self.platform("10.0.0.1")
        for address, gateway, word in (("x", "2001:db8::1", "address"), ("2001:db8::3", "2001:db8::1", "netmask"),
                                       ("2001:db8::3/0", "2001:db8::1", "netmask"), ("ff02::1/64", "2001:db8::1", "address"),
                                       ("::/64", "2001:db8::1", "address"), ("::1/64", "2001:db8::1", "address"),
                                       ("2001:db8::3/200", "2001:db8::1", "netmask"), ("2001:db8::3/64", "", "gateway"),
                                       ("2001:db8::3/64", "2001:db8::3", "gateway"), ("a\nb/64", "", "'a?b'")):
            with self.subTest(address):
                self.ipv6_of_the_platform(address, gateway)
                self.one_line(word, "leaving IPv6 to router advertisements")
                self.assertEqual(self.addresses6("first") + self.defaults6(), [])

    def test_ipv6_without_a_way_to_the_platform(self):
        self.two_nics()
        for address in ("192.0.2.1", "2001:db8:1::1", "10.0.0.2", "garbage", None):
            with self.subTest(address):
                if address:
                    self.platform(address)
                else:
                    (self.run_dir / "scaleway/metadata-address").unlink()
                self.ipv6_of_the_platform()
                self.one_line("No NIC leads to the platform")
                self.assertEqual(self.addresses6("first") + self.addresses6("second"), [])

    def leases(self):
        """What DHCP and router advertisements leave on the first NIC; the second is not ours."""
        self.two_nics()
        self.state(10)
        self.state(11, network_file=None)
        for i, nic in enumerate(("first", "second")):
            self.ip(f"address add 10.{i}.7.3/24 dev {nic} metric 1024 noprefixroute valid_lft 3600 preferred_lft 3600")
            self.ip(f"address add 2001:db8:{i}::3/64 dev {nic} nodad noprefixroute valid_lft 7200 preferred_lft 1800")
            self.ip(f"-6 route add 2001:db8:{i}::/64 dev {nic} proto ra metric 1024 expires 7200")
            self.ip(f"-6 route append default via fe80::{i + 1} dev {nic} proto ra metric 1024 expires 1800")

    def test_leave_holds_addresses(self):
        """An address that nobody renews would take a root over the network with it."""
        self.leases()
        lasting = re.compile(r" expires \d+sec|valid_lft \d+sec preferred_lft \d+sec")
        before = self.ip("address show dev second")
        self.network("leave")
        self.assertEqual(self.err, "")
        shown = self.ip("address show dev first")
        for address in (r"10\.0\.7\.3/24 metric 1024", r"2001:db8::3/64"):
            self.assertRegex(shown, address + r".*noprefixroute.*\n +valid_lft forever preferred_lft forever")
        self.assertEqual(lasting.sub("@", self.ip("address show dev second")), lasting.sub("@", before))
        routes = self.ip("-6 route show")
        self.assertRegex(routes, r"2001:db8::/64 dev first proto ra metric 1024 pref")
        self.assertRegex(routes, r"2001:db8:1::/64 dev second proto ra metric 1024 expires \d+sec pref")
        # One route with two ways; when the other NIC's is gone, ours is seen to stay.
        self.assertRegex(routes, r"default proto ra metric 1024 .*\n\s+nexthop via fe80::\d dev")
        self.ip("-6 route del default via fe80::2 dev second")
        self.assertEqual(self.defaults6(), ["default via fe80::1 dev first proto ra metric 1024 pref medium"])

        # Again: there is nothing left to hold.
        self.network("leave", "--nics=hold")
        self.assertEqual(self.err, "")
        self.assertEqual(self.ip("address show dev first"), shown)

    def test_leave_holds_addresses_that_change_meanwhile(self):
        """The kernel, asked what there is, says that this has changed while it told. It is asked again."""
        self.need_strace()
        self.leases()
        calm, trace = self.inside, self.directory / "trace"
        self.inside = (*calm, "strace", "-o", trace, "-e", "trace=recvmsg", "-e", "inject=recvmsg:error=EINTR:when=1..3")
        self.network("leave", "--nics=hold", **NO_LEAKS)
        self.inside = calm
        self.assertEqual(self.err, "")
        self.assertEqual(trace.read_text().count("EINTR"), 3)
        self.assertRegex(self.ip("address show dev first"), r"2001:db8::3/64.*\n +valid_lft forever preferred_lft forever")

    def test_leave_takes_down(self):
        self.leases()
        for nic in ("first", "second"):
            self.set_ipv6(nic, "accept_ra", 0)
        self.network("leave", "--nics=down")
        self.assertEqual(self.err, "")
        shown = self.ip("address show dev first")
        self.assertRegex(shown, "state DOWN")
        self.assertNotIn("inet", shown)
        routes = (self.ip("route show") + self.ip("-6 route show")).splitlines()
        # Of a route over both NICs that way is still told, as a dead one.
        self.assertEqual([line for line in routes if "dev first" in line and "dead" not in line], [])
        self.assertRegex(self.ip("address show dev second"), r"(?s)state UP.*inet 10\.1\.0\.2/24.*inet6 2001:db8:1::3/64")
        self.assertEqual([self.ipv6(nic, "accept_ra") for nic in ("first", "second")], ["1", "0"])

    def ipv6(self, nic, name):
        words = [*self.inside, "cat", f"/proc/sys/net/ipv6/conf/{nic}/{name}"]
        return subprocess.run(words, check=True, capture_output=True, timeout=TIMEOUT, text=True).stdout.strip()

    def set_ipv6(self, nic, name, value):
        subprocess.run([*self.inside, "sh", "-c", f"echo {value} >/proc/sys/net/ipv6/conf/{nic}/{name}"], check=True, timeout=TIMEOUT)

    def test_leave_restores_duplicate_address_detection(self):
        """It is off in the initrd only."""
        self.two_nics()
        self.state(10)
        for word in ("hold", "keep", "down"):
            for nic in ("first", "second"):
                self.set_ipv6(nic, "dad_transmits", 0)
            self.network("leave", f"--nics={word}")
            self.assertEqual(self.err, "")
            self.assertEqual([self.ipv6(nic, "dad_transmits") for nic in ("first", "second")], ["1", "0"], word)

    def test_leave_does_not_take_down_below_a_volume(self):
        """One that a person has attached."""
        self.leases()
        (self.run_dir / "scaleway/nbd").mkdir()
        self.network("leave", "--nics=down")
        self.assertEqual(self.err, "")
        self.assertNotIn("inet", self.ip("address show dev first"))

        self.ip("link set first up")
        self.ip("address add 10.0.0.2/24 dev first")
        (self.run_dir / "scaleway/nbd/3.json").write_text("{}")
        self.network("leave", "--nics=down")
        self.one_line("An NBD volume is attached")
        self.assertIn("10.0.0.2/24", self.ip("address show dev first"))

    def test_leave_waits_for_a_state(self):
        """Not for one that is not taken, though: 2 s."""
        self.two_nics()
        self.state(10)
        lock = self.run_dir / "scaleway/state.lock"
        lock.touch()
        for held, took in ((0.7, (0.6, 1.9)), (20, (1.9, 4))):
            holder = subprocess.Popen(["flock", "--no-fork", lock, "sh", "-c", f"echo locked; exec sleep {held}"], stdout=subprocess.PIPE)
            self.addCleanup(lambda holder=holder: (holder.kill(), holder.wait(), holder.stdout.close()))
            holder.stdout.readline()
            begin = time.monotonic()
            self.network("leave", "--nics=down")
            seconds = time.monotonic() - begin
            self.assertTrue(took[0] < seconds < took[1], seconds)
            if held > 2:
                self.one_line("A state is not taken yet")
            self.assertNotIn("inet", self.ip("address show dev first"))
            self.ip("link set first up")
            self.ip("address add 10.0.0.2/24 dev first")
            # A network that stays has nothing to wait for.
        begin = time.monotonic()
        self.network("leave", "--nics=hold")
        self.assertLess(time.monotonic() - begin, 1.5)

    def test_leave_holds_a_route_by_a_nexthop_object(self):
        """As systemd-networkd makes them."""
        self.two_nics()
        self.state(10)
        self.ip("-6 nexthop add id 7 via fe80::7 dev first proto ra")
        self.ip("-6 route add default nhid 7 proto ra metric 1024 expires 1800")
        self.network("leave")
        self.assertEqual(self.err, "")
        self.assertEqual(self.defaults6(), ["default nhid 7 via fe80::7 dev first proto ra metric 1024 pref medium"])

    def test_leave_keeps(self):
        """KEEP_INITRD_NETWORKING=1: leases and all."""
        self.leases()
        lasting = re.compile(r"\b\d+sec")
        before = self.ip("address show") + self.ip("-6 route show")
        self.network("leave", "--nics=keep")
        self.assertEqual(self.err, "")
        self.assertEqual(lasting.sub("@", self.ip("address show") + self.ip("-6 route show")), lasting.sub("@", before))

    def test_leave_keeps_ifupdown_from_taking_the_root_away(self):
        """Only where there is one, and where the root is behind the network."""
        self.inside = self.namespace("--net")
        drop_in = self.run_dir / "systemd/system/networking.service.d/50-scaleway.conf"
        self.network("leave")
        self.assertFalse(drop_in.exists())
        unit = self.sysroot / "usr/lib/systemd/system/networking.service"
        unit.parent.mkdir(parents=True)
        unit.write_text("[Service]\nExecStop=ifdown -a\n")
        for word in ("down", "keep"):
            self.network("leave", f"--nics={word}")
            self.assertFalse(drop_in.exists(), word)
        self.network("leave")
        self.one_line("networking.service")
        self.assertIn("\nExecStop=\nKillMode=process\n", drop_in.read_text())
        drop_in.unlink()

        # Not one outside of the root.
        outside = self.directory / "networking.service"
        unit.rename(outside)
        unit.symlink_to(outside)
        self.network("leave")
        self.assertFalse(drop_in.exists())
        # Before /usr was one: /lib is a folder of its own.
        unit = self.sysroot / "lib/systemd/system/networking.service"
        unit.parent.mkdir(parents=True)
        outside.rename(unit)
        self.network("leave")
        self.assertTrue(drop_in.exists())

    def test_leave_keeps_networkd_from_taking_the_root_away(self):
        """By the signal at which it keeps all, and by what it finds of the root in its own mount namespace."""
        self.inside = self.namespace("--net")
        drop_in = self.run_dir / "systemd/system/systemd-networkd.service.d/50-scaleway.conf"
        unit = self.sysroot / "usr/lib/systemd/system/systemd-networkd.service"
        unit.parent.mkdir(parents=True)
        unit.write_text("[Service]\n")
        utab = self.run_dir / "mount/utab"
        utab.parent.mkdir()
        line = f"ID=102 SRC=/dev/nbd0 TARGET={self.sysroot} ROOT=/ OPTS=_netdev\n"
        utab.write_text(line)
        for word in ("down", "keep"):
            self.network("leave", f"--nics={word}")
            self.assertFalse(drop_in.exists(), word)
            self.assertEqual(utab.read_text(), line, word)
        for _ in range(2):
            self.network("leave")
            self.one_line("systemd-networkd.service")
            self.assertIn("\nKillSignal=SIGUSR2\n", drop_in.read_text())
            self.assertEqual(utab.read_text(), "SRC=/dev/nbd0 TARGET=/ ROOT=/ OPTS=_netdev\n")

    def test_wrong_words(self):
        self.inside = self.namespace("--net")
        self.call("scaleway-network", "leave", "--nics=up", status=1)
        self.one_line("--nics= wants 'hold', 'keep' or 'down'")

    def test_resolv_conf_is_a_link(self):
        self.inside = self.namespace("--net")
        self.resolv_conf.symlink_to("/nonexistent/stub")
        self.network("settle", "--nameserver=192.0.2.1")
        self.assertFalse(self.resolv_conf.is_symlink())
        self.assertIn("192.0.2.1", self.resolv_conf.read_text())

    def test_leave_removes_files(self):
        self.inside = self.namespace("--net")
        directory = self.run_dir / "systemd/network"
        gone = ["70-eth0.network", "70-eth0.link", "70-vlan1.netdev", "71-default.network",
                "80-scaleway.network", "80-scaleway-ipv6.network"]
        stay = ["71-other.network", "10-host.link", "10-host.network", "80-other.network",
                "zzzz-dracut-default.network"]
        for name in gone + stay:
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_text("[Match]\n")
        for name in ("80-scaleway.network.d", "10-host.network.d"):
            (directory / name).mkdir()
            (directory / name / "50-x.conf").write_text("")
        (directory / "70-link.network").symlink_to("10-host.network")
        self.network("leave")
        self.assertEqual(self.err, "")
        self.assertEqual({p.name for p in directory.iterdir()}, set(stay) | {"10-host.network.d"})
        self.network("leave")
        self.assertEqual(self.err, "")


class RootSteps(Steps):
    """A mount namespace with a target, and loop devices to mount on it"""

    def setUp(self):
        super().setUp()
        self.need("losetup", "mke2fs", "mkswap", "mount", "sfdisk", "umount")
        self.target = self.directory / "sysroot"
        self.target.mkdir()
        self.inside = self.namespace("--mount")
        # utab is kept below /run, whatever $SCALEWAY_RUN says.
        self.command("mount", "-t", "tmpfs", "run", "/run")

    def command(self, *words, check=True):
        return subprocess.run([*self.inside, *words], check=check, capture_output=True, timeout=TIMEOUT,
                              text=True).stdout

    def loop(self, image, *options):
        done = subprocess.run(["losetup", "--find", "--show", *options, image], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"no loop device: {done.stderr.strip()}")
        device = done.stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "--detach", device])
        # The mount namespace goes first (cleanups run backwards), or the device would stay busy.
        self.addCleanup(self.command, "umount", "-l", str(self.target), check=False)
        return device

    def image(self, *directories, filesystem="ext4"):
        if "\text4\n" not in pathlib.Path("/proc/filesystems").read_text():
            self.skipTest("the kernel has no ext4")
        tree = self.directory / "tree"
        tree.mkdir()
        for name in directories:
            (tree / name).mkdir()
        image = self.directory / "image"
        with open(image, "wb") as f:
            f.truncate(8 << 20)
        subprocess.run(["mke2fs", "-q", "-t", filesystem, "-d", tree, image], check=True)
        return self.loop(image)

    def root(self, *args, status=0, **env):
        return self.call("scaleway-root", "mount", *args, prefix=self.inside, status=status, **env)

    def mounts(self):
        return [line.split() for line in self.command("cat", "/proc/self/mountinfo").splitlines()
                if line.split()[4] == str(self.target)]


class Root(RootSteps):
    """B1: the last step of it"""

    def test_detects_type(self):
        device = self.image("usr", "etc")
        self.root("--type=", "--options=ro,noatime", device, self.target)
        self.one_line("Mounted", device)
        self.assertEqual(len(self.mounts()), 1)
        self.assertIn("ext4", self.mounts()[0])
        self.assertIn("ro,noatime", self.mounts()[0][5])
        self.assertFalse(self.command("cat", "/run/mount/utab", check=False))

        # Again is a success and mounts nothing over it.
        self.root(device, self.target)
        self.assertEqual(len(self.mounts()), 1)

    def test_nbd_is_netdev(self):
        device = self.image("usr", "etc")
        number = os.stat(device).st_rdev
        self.command("mount", "-t", "tmpfs", "dev", "/dev")
        self.command("mknod", "/dev/nbd0", "b", str(os.major(number)), str(os.minor(number)))
        self.command("mknod", "/dev/null", "c", "1", "3")
        self.root("--type=ext4", "--options=", "/dev/nbd0", self.target)
        self.assertEqual(len(self.mounts()), 1)
        self.assertIn("_netdev", self.command("cat", "/run/mount/utab"))

    def test_other_mount_on_target(self):
        device = self.image("usr")
        self.command("mount", "-t", "tmpfs", "x", str(self.target))
        self.root(device, self.target, status=1)
        self.one_line("is mounted on", "already")

    def test_empty_file_system(self):
        device = self.image()
        self.root(device, self.target, status=1)
        self.one_line("is empty", device)
        self.assertEqual(self.mounts(), [])

    def test_strange_file_system(self):
        device = self.image("photos")
        self.root(device, self.target)
        self.assertIn("looks unlike a root", self.err)
        self.assertEqual(len(self.mounts()), 1)

    def test_wrong_type(self):
        device = self.image("usr")
        self.root("--type=nosuchfs", device, self.target, status=1)
        self.one_line("'ext4'", "another type was asked for")

    def test_no_file_system(self):
        image = self.directory / "zeros"
        with open(image, "wb") as f:
            f.truncate(1 << 20)
        device = self.loop(image)
        self.root(device, self.target, status=1)
        self.one_line("no file system that is known")

        subprocess.run(["mkswap", device], check=True, capture_output=True)
        self.root(device, self.target, status=1)
        self.one_line("'swap' data, not a file system")

    def test_damaged_file_system(self):
        device = self.image("usr")
        with open(device, "r+b") as f:  # the inode table and what is near, not the superblock
            f.seek(4096)
            f.write(b"\xff" * (1 << 20))
        self.root(device, self.target, status=1)
        self.one_line("'ext4'", "Failed to mount the root")

    def test_not_there(self):
        begin = time.monotonic()
        self.root("--timeout=1", "/dev/no/such/device", self.target, status=1)
        self.one_line("did not appear within 1 s", "root=")
        self.assertLess(time.monotonic() - begin, 5)

    def test_not_a_device(self):
        self.root("/dev/null", self.target, status=1)
        self.one_line("is not a block device")
        self.root("server:/export", self.target, status=1)
        self.one_line("neither a path nor")
        self.root("--timeout=0", "UUID=../../../etc", self.target, status=1)
        self.one_line("did not appear")

    def test_no_size(self):
        image = self.directory / "nothing"
        image.write_bytes(b"")
        device = self.loop(image)
        self.root("--timeout=0", device, self.target, status=1)
        self.one_line("had no size")

    def test_appears_late(self):
        device = self.image("usr")
        late = self.directory / "dev" / "disk"
        with subprocess.Popen([*self.inside, BUILD / "scaleway-root", "mount", late / "root", self.target],
                              env=self.environment(), stderr=subprocess.PIPE) as process:
            time.sleep(0.5)
            late.mkdir(parents=True)
            time.sleep(0.1)
            (late / "root").symlink_to(device)
            begin = time.monotonic()
            self.assertEqual(process.wait(TIMEOUT), 0, process.stderr.read())
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual(len(self.mounts()), 1)


class RootPartitions(RootSteps):
    """B2, B3: a disk with partitions, or with LVM"""

    SECTORS = 16384  # of each partition
    LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"
    SWAP = "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"

    def setUp(self):
        super().setUp()
        self.need("partx")

    def disk(self, label, *partitions, root=None, boot=None, scan=True):
        """partitions: of sfdisk's input, without their size. root: number of the one that gets a file system; boot: of one that gets
        another, in which there is no system."""
        image = self.directory / "disk"
        with open(image, "wb") as f:
            f.truncate((len(partitions) + 2) * self.SECTORS * 512)
        lines = [p if "type=5" in p else f"size={self.SECTORS // 2}, {p}" for p in partitions]
        subprocess.run(["sfdisk", "-q", image], input="\n".join([f"label: {label}", *lines]) + "\n", text=True, check=True)
        for number, folder in ((root, "usr"), (boot, "grub")):
            if not number:
                continue
            table = json.loads(subprocess.run(["sfdisk", "--json", image], check=True, capture_output=True).stdout)
            start = next(p["start"] for p in table["partitiontable"]["partitions"] if p["node"] == f"{image}{number}")
            self.write_root(image, start * 512, folder)
        device = self.loop(image, "--partscan" if scan else "--read-only")
        if scan and partitions:
            self.add_partitions(device)
        return device

    def add_partitions(self, device):
        """The kernel of a test machine may be without a parser for them, and util-linux has one."""
        if not self.partition(device, 1):
            subprocess.run(["partx", "--add", device], check=True)
            self.addCleanup(subprocess.run, ["partx", "--delete", device], stderr=subprocess.DEVNULL)

    def partition(self, device, number):
        return os.path.exists(f"/sys/class/block/{os.path.basename(device)}p{number}")

    def write_root(self, image, offset, folder="usr"):
        tree = self.directory / f"tree-{folder}"
        (tree / folder).mkdir(parents=True)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-E", f"offset={offset}", "-d", tree, image, "4M"], check=True)

    def mounted(self):
        self.assertEqual(len(self.mounts()), 1)
        return self.mounts()[0][self.mounts()[0].index("-") + 2]

    def prepare(self, *args):
        """What scaleway-prepare makes of /etc/hosts, /etc/hostname and root's field of /etc/shadow."""
        shadow, hosts = "root:*:20000:0:99999:7:::", "127.0.0.1 localhost"
        script = 'cd "$1" && mkdir -p etc root && echo "$2" >etc/hosts && echo "$3" >etc/shadow && rm -f etc/hostname etc/hosts.bak'
        self.command("sh", "-c", script, "sh", self.target, hosts, shadow)
        (self.run_dir / "scaleway/metadata.json").write_text(json.dumps({"hostname": "adoring-fermi"}))
        self.call("scaleway-prepare", *args, prefix=self.inside, SCALEWAY_SYSROOT=str(self.target))
        files = self.command("sh", "-c", 'cd "$1" && cat etc/hostname etc/hosts etc/shadow', "sh", self.target)
        return files.startswith("adoring-fermi\n"), "\tadoring-fermi\n" in files, "root:$6$" in files

    def test_prepare(self):
        """A14, A15: on a partition neither /etc/hosts nor root's password is changed, unless a password is asked for."""
        device = self.disk("gpt", f"type={self.LINUX}", root=1)
        self.root("--type=", "--options=rw", device, self.target)
        self.assertEqual(self.prepare(), (True, False, False))
        self.assertEqual(self.prepare("--reset-password=yes"), (True, False, True))
        self.command("umount", self.target)
        self.write_root(self.directory / "whole", 0, "bin")
        self.root("--type=", "--options=rw", self.loop(self.directory / "whole"), self.target)
        self.assertEqual(self.prepare(), (True, True, True))
        # Whose device is none of its own.
        self.command("umount", self.target)
        self.command("mount", "-t", "tmpfs", "rescue", self.target)
        self.assertEqual(self.prepare(), (True, True, True))

    def test_gpt_by_name(self):
        device = self.disk("gpt", f"type={self.LINUX}, name=Root", f"type={self.SWAP}, name=root", root=2)
        self.root("--type=", "--options=ro", device, self.target)
        self.assertIn(f"partition 2 of '{device}', named 'root'", self.err)
        self.assertEqual(self.mounted(), f"{device}p2")
        # Again is a success and mounts nothing over it.
        self.root(device, self.target)
        self.assertEqual(self.mounted(), f"{device}p2")

    def test_gpt_by_type(self):
        device = self.disk("gpt", f"type={self.SWAP}, name=swap", f"type={self.LINUX}, name=data", root=2)
        self.root("--type=ext4", device, self.target)
        self.assertEqual(self.mounted(), f"{device}p2")

    def test_boot_partition_first(self):
        """As installers partition: the next one is the root."""
        device = self.disk("gpt", f"type={self.LINUX}", f"type={self.LINUX}", root=2, boot=1)
        self.root(device, self.target)
        self.assertEqual(self.mounted(), f"{device}p2")
        self.assertIn(f"Mounted '{device}p1' on '{self.target}', which looks unlike a root", self.err)

    def test_strange_root_without_another(self):
        """What there is is taken, whatever its init= may be; so it is if another one cannot be had."""
        device = self.disk("gpt", f"type={self.SWAP}", f"type={self.LINUX}", f"type={self.LINUX}", boot=2)
        self.root(device, self.target)
        self.assertEqual(self.mounted(), f"{device}p2")
        self.assertIn("looks unlike a root", self.err)

    def test_strange_root_and_one_that_cannot_be_had(self):
        """The first is taken back: of the others one cannot be mounted, one is empty."""
        device = self.disk("gpt", *[f"type={self.LINUX}"] * 3, boot=1)
        self.write_root(f"{device}p2", 0)
        with open(f"{device}p2", "r+b") as f:  # not the superblock
            f.seek(4096)
            f.write(b"\xff" * (1 << 20))
        subprocess.run(["mke2fs", "-q", "-t", "ext4", f"{device}p3", "4M"], check=True)
        self.root(device, self.target)
        self.assertEqual(self.mounted(), f"{device}p1")
        self.assertIn(f"Failed to mount the root: '{device}p2' holds", self.err)
        self.assertIn(f"The root file system on '{device}p3' is empty", self.err)
        self.assertIn(f"Mounted '{device}p1' on '{self.target}' again", self.err)
        # A root behind one that cannot be mounted is found.
        self.command("umount", str(self.target))
        (self.directory / "more/etc").mkdir(parents=True)
        subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", self.directory / "more", f"{device}p3", "4M"], check=True)
        self.root(device, self.target)
        self.assertEqual(self.mounted(), f"{device}p3")

    def test_vacant_partition_first(self):
        """Empty, or half an installation: another one is the root, if there is any. test-live.py: boot=live counts on it."""
        device = self.disk("gpt", f"type={self.LINUX}, name=root", f"type={self.LINUX}", root=2)
        for label in (None, "scw-installing"):
            with self.subTest(label):
                if label:
                    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", label, f"{device}p1", "4M"], check=True)
                self.root(device, self.target)
                self.assertIn(f"Partition 1 of '{device}' would be the root, but is empty or was not finished: passed over", self.err)
                self.assertEqual(self.mounted(), f"{device}p2")
                self.command("umount", str(self.target))
        subprocess.run(["wipefs", "-qa", f"{device}p2"], check=True)
        self.root(device, self.target, status=1)
        self.assertIn(f"'{device}p1' holds an installation that was not finished", self.err)

    def test_gpt_none(self):
        device = self.disk("gpt", f"type={self.SWAP}, name=ROOT", f"type={self.SWAP}")
        self.root(device, self.target, status=1)
        self.one_line(f"'{device}' has a GPT partition table with 2 partitions, but none is named 'root' and none has the type Linux",
                      "set root=")

    def test_empty_tables(self):
        for label, name in (("gpt", "GPT"), ("dos", "DOS")):
            device = self.disk(label)
            self.root(device, self.target, status=1)
            self.one_line(f"'{device}' has an empty {name} partition table", "set root=")

    def test_other_tables(self):
        device = self.disk("sun", "type=83", scan=False)
        self.root(device, self.target, status=1)
        self.one_line(f"'{device}' holds a sun partition table, not a file system", "set root=")

        device = self.disk("gpt", f"type={self.LINUX}, name=root", scan=False)
        with open(self.directory / "disk", "r+b") as f:
            f.seek(512)
            f.write(bytes(512))
            f.seek(-512, os.SEEK_END)
            f.write(bytes(512))
        self.root(device, self.target, status=1)
        self.one_line(f"'{device}' holds a damaged GPT partition table, not a file system", "set root=")

    def test_dos(self):
        device = self.disk("dos", "type=82", "type=83", "type=83", root=2)
        self.root(device, self.target)
        self.assertEqual(self.mounted(), f"{device}p2")

    def test_dos_logical(self):
        device = self.disk("dos", "type=82", "type=5", "type=82", "type=83", root=6)
        self.root(device, self.target)
        self.assertEqual(self.mounted(), f"{device}p6")

    def test_dos_none(self):
        device = self.disk("dos", "type=82", "type=c", "type=5")
        self.root(device, self.target, status=1)
        self.one_line(f"'{device}' has a DOS partition table with 3 partitions, but none has the type Linux (83)", "set root=")

    def test_named_partition_is_taken(self):
        device = self.disk("gpt", f"type={self.LINUX}, name=root", f"type={self.SWAP}", root=2)
        self.root(f"{device}p2", self.target)
        self.one_line("Mounted", f"{device}p2")
        self.assertEqual(self.mounted(), f"{device}p2")

    def test_partition_without_a_file_system(self):
        device = self.disk("gpt", f"type={self.LINUX}, name=root")
        self.root(device, self.target, status=1)
        self.assertIn(f"'{device}p1' holds no file system that is known", self.err)

    def test_table_inside_a_partition(self):
        """The kernel makes no partitions of that, so nothing is chosen from it."""
        device = self.disk("gpt", f"type={self.LINUX}, name=root")
        subprocess.run(["sfdisk", "-q", f"{device}p1"], input="label: dos\ntype=83\n", text=True, check=True,
                       capture_output=True)
        self.root(device, self.target, status=1)
        self.assertIn(f"'{device}p1' holds a DOS partition table, not a file system", self.err)

    def test_kernel_reads_no_partitions(self):
        device = self.disk("gpt", f"type={self.LINUX}", scan=False)
        begin = time.monotonic()
        self.root("--timeout=1", device, self.target, status=1)
        self.one_line(f"partition 1 of '{device}', but the kernel reads no partitions of it")
        self.assertLess(time.monotonic() - begin, 5)

    def test_partition_comes_late(self):
        device = self.disk("gpt", f"type={self.LINUX}", root=1)
        subprocess.run(["partx", "--delete", device], check=True)
        self.assertFalse(self.partition(device, 1))
        with subprocess.Popen([*self.inside, BUILD / "scaleway-root", "mount", "--timeout=1", device, self.target],
                              env=self.environment(), stderr=subprocess.PIPE) as process:
            # A kernel that knows the table makes it at once, when it is told to read it again.
            time.sleep(1)
            if not self.partition(device, 1):
                subprocess.run(["partx", "--add", device], check=True)
            begin = time.monotonic()
            self.assertEqual(process.wait(TIMEOUT), 0, process.stderr.read())
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual(self.mounted(), f"{device}p1")

    # LVM, with a program in the place of lvm: what it is told, and what becomes of its answers

    def lvm_disk(self):
        """A disk with the label of a physical volume, and nothing behind it."""
        image = self.directory / "pv"
        with open(image, "wb") as f:
            f.truncate(8 << 20)
            f.seek(512)
            f.write(disks.label_sector(8 << 20))
        return self.loop(image)

    def fake_lvm(self, script):
        program = self.directory / "lvm"
        program.write_text(f"#!/bin/sh\necho \"$*\" >>{self.directory}/calls\ncase $1 in\n{script}\nesac\n")
        program.chmod(0o755)
        return {"SCALEWAY_LVM_COMMAND": str(program)}

    def calls(self):
        return (self.directory / "calls").read_text().splitlines()

    def in_mapper(self, device, name):
        """What activates the volume: a link to a device with a file system, in a folder that only this test sees."""
        self.command("mkdir", "-p", "/dev/mapper")
        self.command("mount", "-t", "tmpfs", "mapper", "/dev/mapper")
        return f"ln -s {device} /dev/mapper/{name}"

    def test_lvm(self):
        device, root = self.lvm_disk(), self.image("usr", "etc")
        link = self.in_mapper(root, "my--vg-root")
        env = self.fake_lvm(f"pvs) echo '  my-vg ';;\nlvs) printf '  home\\n  root\\n';;\nlvchange) {link};;")
        self.root(device, self.target, **env)
        self.assertIn(f"The root is the logical volume 'my-vg/root' on '{device}'", self.err)
        self.assertEqual(self.mounted(), root)
        calls = self.calls()
        self.assertEqual(calls[:2], [f"pvs --noheadings --options vg_name {device}", "lvs --noheadings --options lv_name my-vg"])
        self.assertRegex(calls[2], r"^lvchange --activate y --yes --sysinit my-vg/root( --noudevsync)?$")
        self.assertEqual(len(calls), 3)

    def test_lvm_by_name(self):
        root = self.image("usr", "etc")
        link = self.in_mapper(root, "vg-data")
        env = self.fake_lvm(f"lvchange) test -e {self.directory}/second && {link} ||"
                            f" {{ touch {self.directory}/second; echo 'not yet' >&2; exit 5; }};;")  # fmt: skip
        self.root("/dev/mapper/vg-data", self.target, **env)
        self.assertEqual(self.mounted(), root)
        self.assertEqual(len(self.calls()), 2)

    def test_lvm_failures(self):
        device = self.lvm_disk()
        cases = {
            "pvs) echo ;;": f"physical volume '{device}' belongs to no volume group",
            "pvs) echo '  --evil';;": f"physical volume '{device}' belongs to no volume group",
            "pvs) echo one >&2; echo '  the last line' >&2; exit 5;;": f"find the volume group of '{device}': the last line",
            "pvs) echo vg;;\nlvs) echo;;": f"volume group 'vg' on '{device}' has no logical volume",
            "pvs) echo vg;;\nlvs) echo a; echo b;;": "has 2 logical volumes (a, b), but none is named 'root'",
            "pvs) echo vg;;\nlvs) echo root;;\nlvchange) echo 'no driver' >&2; exit 5;;":
                "activate the logical volume 'vg/root': no driver",
            "pvs) echo vg;;\nlvs) echo root;;\nlvchange) exit 5;;": "activate the logical volume 'vg/root': lvm failed",
        }  # fmt: skip
        for script, message in cases.items():
            with self.subTest(script):
                self.root(device, self.target, status=1, **self.fake_lvm(script))
                self.one_line(message, "; set root=")

    def test_no_lvm(self):
        env = {"SCALEWAY_LVM_COMMAND": "/no/such/lvm"}
        device = self.lvm_disk()
        self.root(device, self.target, status=1, **env)
        self.one_line(f"'{device}' is an LVM physical volume", "there is no lvm in this initrd")
        begin = time.monotonic()
        self.root("/dev/no-such-group/root", self.target, status=1, **env)
        self.one_line("'/dev/no-such-group/root' did not appear", "there is no lvm in this initrd", "; set root=")
        self.assertLess(time.monotonic() - begin, 10)

    def test_no_such_volume(self):
        env = self.fake_lvm("lvchange) echo 'Volume group \"vg\" not found' >&2; exit 5;;")
        self.root("--timeout=3", "/dev/vg/root", self.target, status=1, **env)
        self.one_line("'/dev/vg/root' did not appear", 'Volume group "vg" not found', "; set root=")
        self.assertGreaterEqual(len(self.calls()), 2)


class Nfs(Steps):
    """B7, C4: what can be wrong before anything is mounted."""

    def mount(self, source, *args, **more):
        self.call("scaleway-nfs", "mount", *args, source, str(self.directory), status=1, **more)

    def test_bad_sources(self):
        for source in ("/srv/root", "server:srv", "fd00::1:/srv", "[fd00::1]", ":/srv"):
            with self.subTest(source):
                self.mount(source)
                self.one_line(f"'{source}' is not SERVER:/PATH")

    def test_bad_options(self):
        for options in ("proto=udp", "port=0"):
            with self.subTest(options):
                self.mount("127.0.0.1:/srv,ro", f"--options={options}")
                self.one_line("Cannot mount '127.0.0.1:/srv,ro'", options)

    def test_no_server(self):
        """It says what is wrong at once, and once more when the time is up."""
        prefix = self.namespace("--net")
        self.need("ip")
        subprocess.run([*prefix, "ip", "link", "set", "lo", "up"], check=True)
        for host, reason in (("127.0.0.1", "connection refused"), ("[::1]", "connection refused"),
                             ("192.0.2.1", "network is unreachable"), ("nowhere.invalid", "cannot resolve 'nowhere.invalid'")):
            with self.subTest(host):
                self.mount(f"{host}:/srv", "--timeout=1", prefix=prefix, RES_OPTIONS="timeout:1 attempts:1")
                lines = self.err.splitlines()
                self.assertEqual(len(lines), 2, self.err)
                self.assertRegex(lines[0], rf"^Cannot mount '{re.escape(host)}:/srv' yet: {reason}.*; trying for another \d s")
                self.assertRegex(lines[1], rf"^Cannot mount '{re.escape(host)}:/srv': {reason}.* \(gave up after \d s, \d+ tries\)")

    def test_silent_name_servers(self):
        """Three, and two domains to search, with the resolv.conf that the initrd has: the unit leaves 60 s after the time-out."""
        self.need("ip", "unshare")
        inside = self.namespace("--net")
        subprocess.run([*inside, "ip", "link", "set", "lo", "up"], check=True)
        servers = [f"127.0.0.{i}" for i in (1, 2, 3)]
        script = f"import socket, time; a = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(3)]; " \
                 f"[s.bind((n, 53)) for s, n in zip(a, {servers})]; print(flush=True); time.sleep(1000)"
        silent = subprocess.Popen([*inside, sys.executable, "-c", script], stdout=subprocess.PIPE)
        self.addCleanup(lambda: (silent.kill(), silent.wait(), silent.stdout.close()))
        silent.stdout.readline()
        state = self.run_dir / "systemd/netif/links/1"
        state.parent.mkdir(parents=True)
        state.write_text(f"NETWORK_FILE=/x.network\nDNS={' '.join(servers)}\nDOMAINS=a.example b.example\n")
        resolv_conf = self.directory / "resolv.conf"
        self.call("scaleway-network", "settle", prefix=inside, SCALEWAY_RESOLV_CONF=str(resolv_conf))
        private = ("unshare", "--mount", "sh", "-c", 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"', "sh", str(resolv_conf))
        begin = time.monotonic()
        self.mount("files.example:/srv", "--timeout=1", prefix=(*inside, *private))
        took = time.monotonic() - begin
        self.assertIn("cannot resolve 'files.example'", self.err)
        self.assertLess(took, 30)


class Switch(Steps):
    """A20"""

    def setUp(self):
        super().setUp()
        self.sysroot = self.directory / "sysroot"
        (self.sysroot / "usr/lib/systemd").mkdir(parents=True)
        (self.sysroot / "etc").mkdir()
        (self.sysroot / "sbin").mkdir()
        (self.sysroot / "usr/lib/os-release").write_text("ID=test\n")
        (self.sysroot / "etc/os-release").symlink_to("../usr/lib/os-release")
        self.init = self.sysroot / "usr/lib/systemd/systemd"
        self.init.write_text("#!/bin/true\n")
        self.init.chmod(0o755)
        (self.sysroot / "sbin/init").symlink_to("/usr/lib/systemd/systemd")
        self.env_file = self.run_dir / "scaleway/switch-root.env"

    def switch(self, *args, status=0):
        self.call("scaleway-switch", *args, status=status, SCALEWAY_SYSROOT=str(self.sysroot))
        if status != 0:
            self.assertFalse(self.env_file.exists())
            self.assertEqual(self.out, "")
            self.one_line()

    def test_absolute_link(self):
        self.switch("/sbin/init")
        self.assertEqual(self.env_file.read_text(), 'SCALEWAY_INIT="/sbin/init"\n')
        self.assertTrue(self.out.startswith(">>> Switching to linux...\nEnd of Scaleway' initrd\n"))
        self.assertEqual(self.err, "")

    def test_bad_init(self):
        (self.sysroot / "plain").write_text("x")
        (self.sysroot / "empty").write_text("")
        (self.sysroot / "empty").chmod(0o755)
        (self.sysroot / "dangling").symlink_to("/bin/sh")
        (self.sysroot / "loop").symlink_to("loop")
        os.mkfifo(self.sysroot / "fifo", 0o755)
        for path, words in (("", "is not an absolute path"), ("sbin/init", "is not an absolute path"),
                            ("/sbin/foo", "does not exist on the root file system; set init="),
                            ("/sbin", "is a directory"), ("/plain", "is not executable"),
                            ("/empty", "is an empty file"), ("/fifo", "is not a regular file"),
                            ("/dangling", "does not exist"), ("/loop", "cannot be opened"),
                            ("/sbin/init x", "contains blanks"), ("/a\"b", "quotes"),
                            ("/sbin/\x1b[2J", "'/sbin/?[2J'"), ("/sbin/init/x", "does not exist"),
                            ("/" + "a" * 300, "cannot be opened")):
            with self.subTest(path):
                self.switch(path, status=1)
                self.assertIn(words, self.err)

    def test_quoting(self):
        for name in ("a$b", "a`b", "ü"):
            path = self.sysroot / name
            shutil.copy(self.init, path)
            self.switch("/" + name)
            quoted = name.replace("$", "\\$").replace("`", "\\`")
            self.assertEqual(self.env_file.read_text(), f'SCALEWAY_INIT="/{quoted}"\n')

    def test_who_signals_booted(self):
        """The host, if its init is systemd, the unit was handed over and the program is there."""
        marker = self.run_dir / "scaleway/no-boot-target"
        unit, program = self.run_dir / "systemd/system/scaleway-booted@.service", self.run_dir / "initramfs/usr/bin/scw-signal-state"
        for path in (unit, program):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("")
        other = self.sysroot / "sbin/other"
        shutil.copy(self.init, other)

        def signalled_here(init):
            marker.unlink(missing_ok=True)
            self.switch(init)
            return marker.exists()

        self.assertFalse(signalled_here("/sbin/init"))
        self.assertFalse(signalled_here("/usr/lib/systemd/systemd"))
        self.assertTrue(signalled_here("/sbin/other"))
        for path in (unit, program):
            path.unlink()
            self.assertTrue(signalled_here("/sbin/init"))
            path.write_text("")
        # Where /lib is a directory of its own.
        (self.sysroot / "lib/systemd").mkdir(parents=True)
        self.init.rename(self.sysroot / "lib/systemd/systemd")
        (self.sysroot / "sbin/init").unlink()
        (self.sysroot / "sbin/init").symlink_to("../lib/systemd/systemd")
        self.assertFalse(signalled_here("/sbin/init"))

    def test_nbd_script(self):
        """Debian's /etc/init.d/nbd-client would cut what it finds in /etc/nbdtab; told only where it runs and it matters."""
        script, table = self.sysroot / "etc/init.d/nbd-client", self.sysroot / "etc/nbdtab"
        script.parent.mkdir()
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
        table.write_text("# nbd2 x y\n\n  nbd0\tserver export\nnbd1 server export\nnbd3 a b\nnbd0 a b\nnbd0p1 a b\nnbd99999999999 a b\nnbd\n")
        (self.run_dir / "scaleway/nbd").mkdir(parents=True)
        for n in (0, 2, 3):
            (self.run_dir / f"scaleway/nbd/{n}.json").write_text("{}")
        other = self.sysroot / "sbin/other"
        shutil.copy(self.init, other)

        self.switch("/sbin/other")
        self.one_line("/etc/init.d/nbd-client", "disconnects nbd0 nbd3 when", "/etc/nbdtab")
        self.switch("/sbin/init")
        self.assertEqual(self.err, "")
        for _ in range(2):
            script.chmod(0o644)
            self.switch("/sbin/other")
            self.assertEqual(self.err, "")
            script.chmod(0o755)
            table.write_text("# nothing\n")

    def test_os_release(self):
        (self.sysroot / "usr/lib/os-release").unlink()
        self.switch("/sbin/init", status=1)
        self.assertIn("os-release", self.err)
        (self.sysroot / "etc/os-release").unlink()
        (self.sysroot / "etc/os-release").write_text("ID=old\n")
        self.switch("/sbin/init")

    def test_no_sysroot(self):
        shutil.rmtree(self.sysroot)
        self.call("scaleway-switch", "/sbin/init", status=1, SCALEWAY_SYSROOT=str(self.sysroot))
        self.one_line(str(self.sysroot))

    def test_tells_supervisors(self):
        """C1: those of all volumes that the root lies on get to know it, and no other; one that does not want it delays nothing."""
        sys_dir = self.directory / "sys"
        device = os.stat(self.sysroot).st_dev
        block = sys_dir / "devices/virtual/block"
        (block / "dm-0/slaves").mkdir(parents=True)
        (sys_dir / "dev/block").mkdir(parents=True)
        (sys_dir / f"dev/block/{os.major(device)}:{os.minor(device)}").symlink_to(block / "dm-0")
        for name in ("nbd0", "nbd3", "nbd5", "nbd7"):
            (block / name).mkdir()
        for name in ("nbd3", "nbd5", "nbd7"):
            (block / "dm-0/slaves" / name).symlink_to(block / name)
        (self.run_dir / "scaleway/nbd").mkdir(parents=True)
        asked = {}
        for index, answer in {0: b"ok yes\n", 3: b"ok yes\n", 5: b"error no\n"}.items():
            listener = socket.socket(socket.AF_UNIX)
            self.addCleanup(listener.close)
            listener.bind(str(self.run_dir / f"scaleway/nbd/{index}.control"))
            listener.listen()

            def serve(listener=listener, index=index, answer=answer):
                while True:
                    try:
                        connection = listener.accept()[0]
                    except OSError:
                        return
                    with connection:
                        asked[index] = connection.recv(64)
                        connection.sendall(answer)

            threading.Thread(target=serve, daemon=True).start()
        self.call("scaleway-switch", "/sbin/init", SCALEWAY_SYSROOT=str(self.sysroot), SCALEWAY_SYS=str(sys_dir))
        self.assertEqual(asked, {3: b"root\n", 5: b"root\n"})
        self.one_line("nbd5: what looks after it does not take that the root needs it")

    def test_records_failure(self):
        failure = self.run_dir / "scaleway/failure"
        self.call("scaleway-switch", "/sbin/foo", status=1, SCALEWAY_SYSROOT=str(self.sysroot),
                  SCALEWAY_FAILURE_FILE=str(failure))
        self.assertEqual(failure.read_text(), self.err)


class OnTerminal(Steps):
    """A program that has the console."""

    env = {}

    def start(self, name, *args, **env):
        """On a terminal of its own, as systemd starts it; what it writes is seen by self.expect()."""
        env = self.environment(**self.env | env)
        pid, fd = pty.fork()
        if pid == 0:
            os.execve(BUILD / name, [name, *args], env)
        self.pid, self.fd, self.seen = pid, fd, b""
        self.addCleanup(self.reap)

    def reap(self):
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
        if self.pid is not None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None

    def read_some(self, deadline):
        ready, _, _ = select.select([self.fd], [], [], max(0, deadline - time.monotonic()))
        self.assertTrue(ready, self.seen)
        try:
            data = os.read(self.fd, 4096)
        except OSError:  # EIO: nobody has the terminal open any more
            data = b""
        self.seen += data
        return data

    def expect(self, text, seconds=15):
        deadline = time.monotonic() + seconds
        while text not in self.seen:
            self.assertTrue(self.read_some(deadline), self.seen)

    def end(self, seconds=15):
        deadline = time.monotonic() + seconds
        while self.read_some(deadline):
            pass
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        return os.waitstatus_to_exitcode(status)


class Shell(OnTerminal):
    """B8: the shell in the middle of the boot, and the way on."""

    def setUp(self):
        super().setUp()
        self.root = self.directory / "root"
        self.root.mkdir()
        self.fifo = self.run_dir / "scaleway/continue"
        self.env = {"SCALEWAY_PROC_CMDLINE": "quiet", "SCALEWAY_SYSROOT": str(self.root), "PS1": "prompt> "}

    def mount(self):
        subprocess.run(["mount", "-t", "tmpfs", "root", self.root], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.root], check=True)

    def go_on(self, status=0):
        self.call("continue-boot", status=status, SCALEWAY_SYSROOT=str(self.root))

    def wait_for_fifo(self):
        deadline = time.monotonic() + 15
        while not self.fifo.exists():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_left(self):
        """Any shell; it has job control, and ^C is the shell's."""
        self.start("scaleway-shell", "Hello.")
        self.expect(b"Hello.")
        self.expect(b"# ")
        self.seen = b""
        # bash shows no new prompt after a ^C that comes before it is done with the first one; after a line it does.
        os.write(self.fd, b"\x03")
        os.write(self.fd, b"\n")
        self.expect(b"# ")
        os.write(self.fd, b"case $- in *m*) echo JOB-CONT''ROL;; esac; echo $?-$((40+2))\n")
        self.expect(b"JOB-CONTROL")
        self.expect(b"-42")
        os.write(self.fd, b"exit 3\n")
        self.assertEqual(self.end(), 0)
        self.assertIn(b"The boot goes on.", self.seen)
        self.assertFalse(self.fifo.exists())

    def test_until_root(self):
        self.start("scaleway-shell", "--until-root", "Mount one.")
        self.expect(b"# ")
        os.write(self.fd, b"exit\n")
        self.expect(b"Nothing is mounted on /sysroot yet")
        self.mount()
        os.write(self.fd, b"exit\n")
        self.assertEqual(self.end(), 0)

    def test_continue_boot(self):
        """From elsewhere; not before there is a root; what runs in the shell is hung up."""
        self.go_on(status=1)
        self.one_line("Nothing waits for continue-boot now")
        self.start("scaleway-shell", "--until-root", "Mount one.")
        self.expect(b"# ")
        os.write(self.fd, b"sleep 300\n")
        self.go_on(status=1)
        self.one_line("Nothing is mounted on", "mount the root there first")
        self.mount()
        self.go_on()
        self.assertEqual(self.end(), 0)
        self.go_on(status=1)

    def test_locked_or_no_terminal(self):
        """Nothing but continue-boot goes on; what happens before a root is mounted is not forgotten."""
        for env, stdin in (({"SCALEWAY_PROC_CMDLINE": "rd.shell=0"}, None), ({}, subprocess.DEVNULL)):
            with self.subTest(env):
                if stdin is None:
                    self.start("scaleway-shell", "Hello.", **env)
                    self.expect(b"because of rd.shell=0")
                    self.assertNotIn(b"# ", self.seen)
                    self.mount()
                    self.go_on()
                    self.assertEqual(self.end(), 0)
                    self.assertNotIn(b"# ", self.seen)
                    continue
                p = subprocess.Popen([BUILD / "scaleway-shell", "Hello."], env=self.environment(**self.env), stdin=stdin,
                                     stdout=subprocess.PIPE)
                self.addCleanup(p.kill)
                self.wait_for_fifo()
                with self.assertRaises(subprocess.TimeoutExpired):
                    p.wait(0.5)
                self.go_on()
                self.assertIn(b"this is no terminal", p.communicate(timeout=15)[0])
                self.assertEqual(p.returncode, 0)

    def test_only_shell(self):
        """A9, A16: where none can be offered nobody is waited for."""
        self.start("scaleway-shell", "--only-shell", "Hello.", SCALEWAY_PROC_CMDLINE="rd.shell=0")
        self.expect(b"because of rd.shell=0")
        self.assertEqual(self.end(), 0)
        self.assertIn(b"The boot goes on.", self.seen)
        self.call("scaleway-shell", "--only-shell", "Hello.", **self.env)
        self.assertIn("this is no terminal.\nThe boot goes on.\n", self.out)
        self.start("scaleway-shell", "--only-shell", "Hello.")
        self.expect(b"# ")
        os.write(self.fd, b"exit\n")
        self.assertEqual(self.end(), 0)

    def test_step(self):
        """What other shells show; and continue-boot where no root is needed, although one was before."""
        (self.run_dir / "scaleway/needs-root").touch()
        self.start("scaleway-shell", "--step=post-shell", "Two\nlines.")
        self.expect(b"# ")
        self.assertEqual((self.run_dir / "scaleway/step").read_text(), "post-shell\n")
        self.assertEqual((self.run_dir / "scaleway/motd").read_text(), "Two\nlines.\n")
        self.go_on()
        self.assertEqual(self.end(), 0)
        self.assertEqual(sorted(os.listdir(self.run_dir / "scaleway")), [])

    def test_profile(self):
        """The prompt of all shells, bash's and busybox's."""
        profile = (pathlib.Path(__file__).resolve().parents[2] / "units/initrd/profile.in").read_text()
        step = self.run_dir / "scaleway/step"
        for text, expected in (("pre-shell\n", "pre-shell# "), (None, "initrd# "), ("boot=none\n", "boot=none# ")):
            step.unlink(missing_ok=True)
            if text:
                step.write_text(text)
            script = profile.replace("/run/scaleway/step", str(step)) + 'printf %s "$PS1"'
            for shell in (["bash"], ["busybox", "sh"]):
                self.need(shell[0])
                self.assertEqual(subprocess.check_output([*shell, "-c", script], text=True), expected)

    def test_ask_and_timeout(self):
        """A17: a shell for who presses Enter, which stops the clock; else the time goes on, or the call."""
        begin = time.monotonic()
        self.start("scaleway-shell", "--ask", "--timeout=2", "Hello.")
        self.expect(b"It goes on by itself in 2 s.")
        self.expect(b"Press Enter for a shell.")
        self.assertEqual(self.end(), 0)
        self.assertGreater(time.monotonic() - begin, 1.9)
        self.assertNotIn(b"# ", self.seen)
        self.start("scaleway-shell", "--ask", "--timeout=2", "Hello.")
        self.expect(b"Press Enter for a shell.")
        os.write(self.fd, b"\n")
        self.expect(b"# ")
        time.sleep(3)
        os.write(self.fd, b"echo still-''here; exit\n")
        self.expect(b"still-here")
        self.assertEqual(self.end(), 0)
        for env in ({}, {"SCALEWAY_PROC_CMDLINE": "rd.shell=0"}):
            self.start("scaleway-shell", "--ask", "--timeout=", "Hello.", **env)
            self.expect(b"Hello.")
            self.wait_for_fifo()
            self.go_on()
            self.assertEqual(self.end(), 0)
            self.assertNotIn(b"goes on by itself", self.seen)
        self.start("scaleway-shell", "--ask", "--timeout=1", "Hello.", SCALEWAY_PROC_CMDLINE="rd.shell=0")
        self.assertEqual(self.end(), 0)

    def test_shells_that_end_at_once(self):
        """They must not be started for ever."""
        for name in (".bash_profile", ".profile"):
            (self.directory / name).write_text("echo BEGIN; exit\n")
        self.start("scaleway-shell", "--until-root", "Mount one.", HOME=str(self.directory))
        self.expect(b"Press Enter for a shell.")
        self.assertEqual(self.seen.count(b"BEGIN"), 3, self.seen)
        os.write(self.fd, b"\r")
        self.seen = b""
        self.expect(b"Press Enter for a shell.")
        self.assertEqual(self.seen.count(b"BEGIN"), 1, self.seen)
        self.mount()
        self.go_on()
        self.assertEqual(self.end(), 0)

    def test_arguments(self):
        for args in ([], ["a", "b"], ["--none", "a"], ["--timeout=x", "a"], ["--until-root", "--timeout=1", "a"],
                     ["--until-root", "--only-shell", "a"]):  # fmt: skip
            self.call("scaleway-shell", *args, status=1)
        self.call("continue-boot", "x", status=1)


class Failure(OnTerminal):
    """C4: the part on the console"""

    def setUp(self):
        super().setUp()
        self.verb = self.directory / "verb"
        reboot = self.directory / "reboot"
        reboot.write_text(f'#!/bin/sh\necho "$1" >>{self.verb}\nexit 5\n')
        reboot.chmod(0o755)
        self.env = {"SCALEWAY_REBOOT_COMMAND": str(reboot), "SCALEWAY_PROC_CMDLINE": "quiet", "SCALEWAY_FAILURE_PAUSE": "1"}
        (self.run_dir / "scaleway/failure").write_text("nbd0: server '10.1.2.3' refused\nsecond\n")

    def test_reboots_without_key(self):
        begin = time.monotonic()
        self.start("scaleway-failure")
        self.expect(b"\x1b[1;31m")
        self.expect(b">>> Boot failed: nbd0: server '10.1.2.3' refused\r\n")
        self.expect(b"Press Enter within 1 s for a shell, else the server reboots.\r\n")
        self.assertEqual(self.end(), 5)
        self.assertGreater(time.monotonic() - begin, 0.9)
        self.assertNotIn(b"second", self.seen)
        self.assertEqual(self.verb.read_text(), "reboot\n")

    def signal_command(self, script):
        self.signalled = self.directory / "signalled"
        command = self.directory / "signal"
        command.write_text(f"#!/bin/sh\nsignalled={self.signalled}\n{script}\n")
        command.chmod(0o755)
        return {"SCALEWAY_SIGNAL_COMMAND": str(command)}

    def test_state(self):
        """The reason, shortened, to the control plane; nothing of it on the console; only if states are signalled."""
        env = self.signal_command('printf "%s\\n" "$#" "$1" >"$signalled"; echo NOISE; echo NOISE >&2')
        self.start("scaleway-failure", **env)
        self.assertEqual(self.end(), 5)
        self.assertFalse(self.signalled.exists())
        self.start("scaleway-failure", **env, SCALEWAY_FAILURE_STATE="no")
        self.assertEqual(self.end(), 5)
        self.assertFalse(self.signalled.exists())
        self.start("scaleway-failure", **env, SCALEWAY_FAILURE_STATE="yes")
        self.assertEqual(self.end(), 5)
        self.assertEqual(self.signalled.read_text(), "1\nfailed: nbd0: server '10.1.2.3' refused\n")
        self.assertNotIn(b"NOISE", self.seen)
        (self.run_dir / "scaleway/failure").write_text("x" * 300)
        self.start("scaleway-failure", **env, SCALEWAY_FAILURE_STATE="yes")
        self.assertEqual(self.end(), 5)
        self.assertLessEqual(len(self.signalled.read_text().splitlines()[1]), 128)
        self.assertRegex(self.signalled.read_text(), r"failed: x+\.\.\.\n$")

    def test_state_that_is_not_taken(self):
        """It costs the last three seconds at most, and neither the shell nor the reboot."""
        begin = time.monotonic()
        self.start("scaleway-failure", **self.signal_command("exec sleep 100"), SCALEWAY_FAILURE_STATE="yes")
        self.assertEqual(self.end(), 5)
        self.assertLess(time.monotonic() - begin, 12)
        self.assertEqual(self.verb.read_text(), "reboot\n")
        self.start("scaleway-failure", SCALEWAY_SIGNAL_COMMAND="/nonexistent", SCALEWAY_FAILURE_STATE="yes")
        self.assertEqual(self.end(), 5)

    def test_shell_on_enter(self):
        self.start("scaleway-failure", SCALEWAY_FAILURE_PAUSE="30", PS1="prompt> ")
        self.expect(b"Press Enter")
        time.sleep(0.3)
        os.write(self.fd, b"\x03\x1a\r")  # ^C and ^Z do not end it
        self.expect(b"journalctl")
        os.write(self.fd, b"case $- in *m*) echo JOB-CONT''ROL;; esac\n")
        self.expect(b"JOB-CONTROL")
        os.write(self.fd, b"sleep 100\n")
        time.sleep(0.5)
        os.write(self.fd, b"\x03")  # ends sleep, not the shell
        os.write(self.fd, b"echo AL''IVE\n")
        self.expect(b"ALIVE")
        self.assertFalse(self.verb.exists())
        os.write(self.fd, b"stty -echo -icanon; exit 127\n")
        self.assertEqual(self.end(), 5)
        self.assertNotIn(b"Failed to start", self.seen)
        self.assertEqual(self.verb.read_text(), "reboot\n")

    def test_earlier_keys_do_not_count(self):
        env = self.environment(**self.env)
        pid, fd = pty.fork()
        if pid == 0:
            time.sleep(1)
            os.execve(BUILD / "scaleway-failure", ["scaleway-failure"], env)
        self.pid, self.fd, self.seen = pid, fd, b""
        self.addCleanup(self.reap)
        os.write(fd, b"\r\r\r")
        self.assertEqual(self.end(), 5)
        self.assertNotIn(b"journalctl", self.seen)

    def test_raw_terminal(self):
        """A program died and left the terminal raw: Enter is a carriage return there."""
        import tty
        self.start("scaleway-failure", SCALEWAY_FAILURE_PAUSE="30")
        tty.setraw(self.fd)
        self.expect(b"Press Enter")
        time.sleep(0.3)
        os.write(self.fd, b"\r")
        self.expect(b"journalctl")
        os.write(self.fd, b"exit\n")
        self.assertEqual(self.end(), 5)

    def test_stopped_output(self):
        """^S came before the failure: nothing could be written any more, and the reboot would wait for that. One that comes later
        does as little, but in a shell it is the person's."""
        env = self.environment(**self.env | {"SCALEWAY_FAILURE_PAUSE": "30"})
        pid, fd = pty.fork()
        if pid == 0:
            time.sleep(1)
            os.execve(BUILD / "scaleway-failure", ["scaleway-failure"], env)
        self.pid, self.fd, self.seen = pid, fd, b""
        self.addCleanup(self.reap)
        os.write(fd, b"\x13")
        self.expect(b"Press Enter")
        os.write(fd, b"\x13\r")
        self.expect(b"journalctl")
        os.write(fd, b"echo ixon-$(stty -a | grep -c '[ ]ixon'); exit\n")
        self.expect(b"ixon-1")
        self.assertEqual(self.end(), 5)
        self.assertEqual(self.verb.read_text(), "reboot\n")

    def test_shell_at_once(self):
        self.start("scaleway-failure", SCALEWAY_FAILURE="shell", SCALEWAY_FAILURE_PAUSE="30")
        self.expect(b"journalctl")
        os.write(self.fd, b"exit\n")
        self.assertEqual(self.end(), 5)
        self.assertNotIn(b"Press Enter", self.seen)
        self.assertEqual(self.verb.read_text(), "reboot\n")

    def test_poweroff(self):
        self.start("scaleway-failure", SCALEWAY_FAILURE="poweroff")
        self.expect(b"else the server powers off.")
        self.assertEqual(self.end(), 5)
        self.assertEqual(self.verb.read_text(), "poweroff\n")

    def test_locked(self):
        for line, locked in (("rd.shell=0", True), ("a rd.shell=no b\n", True), ("rd.shell=0 rd.shell", False),
                             ("xrd.shell=0", False), ("rd.shell=0 rd.shell=1\n", False)):
            with self.subTest(line):
                self.env["SCALEWAY_PROC_CMDLINE"] = line
                self.start("scaleway-failure")
                time.sleep(0.3)
                os.write(self.fd, b"\r")
                if not locked:
                    self.expect(b"journalctl")
                    os.write(self.fd, b"exit\n")
                self.assertEqual(self.end(), 5)
                self.assertEqual(b"rd.shell=0" in self.seen, locked)
                self.reap()

    def test_locked_although_shell_is_set(self):
        self.env["SCALEWAY_PROC_CMDLINE"] = "rd.shell=0"
        self.start("scaleway-failure", SCALEWAY_FAILURE="shell")
        self.assertEqual(self.end(), 5)
        self.assertIn(b"The server reboots in 1 s.", self.seen)
        self.assertNotIn(b"journalctl", self.seen)

    def test_bad_setting(self):
        self.start("scaleway-failure", SCALEWAY_FAILURE="explode\x1b", SCALEWAY_FAILURE_PAUSE="1")
        self.expect(b"SCALEWAY_FAILURE='explode?'")
        self.assertEqual(self.end(), 5)
        self.assertEqual(self.verb.read_text(), "reboot\n")

    def test_no_terminal(self):
        for stdin in (subprocess.DEVNULL, subprocess.PIPE):
            begin = time.monotonic()
            process = subprocess.Popen([BUILD / "scaleway-failure"], env=self.environment(**self.env), stdin=stdin,
                                       stdout=subprocess.PIPE, text=True, start_new_session=True)
            out, _ = process.communicate(timeout=TIMEOUT)
            self.assertEqual(process.returncode, 5)
            self.assertGreater(time.monotonic() - begin, 0.9)
            self.assertIn(">>> Boot failed: nbd0", out)
            self.assertIn("The server reboots in 1 s.", out)

    def test_hang_up(self):
        """The terminal goes away while it waits: it must neither spin nor stop."""
        self.start("scaleway-failure", SCALEWAY_FAILURE_PAUSE="2")
        self.expect(b"Press Enter")
        os.close(self.fd)
        self.fd = None
        _, status, usage = os.wait4(self.pid, 0)
        self.pid = None
        self.assertEqual(os.waitstatus_to_exitcode(status), 5)
        self.assertLess(usage.ru_utime + usage.ru_stime, 0.5)

    def test_reason_from_systemctl(self):
        (self.run_dir / "scaleway/failure").unlink()
        fake = self.directory / "bin"
        fake.mkdir()
        units = ("Result=timeout\nId=a.service\nDescription=Do A\x1b\n\nId=b.mount\nDescription=b.mount\n\n"
                 "Result=exit-code\nId=c.service\nDescription=C\n")
        (fake / "systemctl").write_text(f"#!/bin/sh\ntest \"$1 $3 $4 $5\" = "
                                        f"'show --state=failed --property=Id,Description,Result *' && printf %s '{units}'\n")
        (fake / "systemctl").chmod(0o755)
        self.start("scaleway-failure", PATH=f"{fake}:{os.environ['PATH']}")
        self.expect(b">>> Boot failed: a.service (Do A?) took too long (timeout), b.mount failed, c.service (C) failed (exit-code)\r\n")
        self.assertEqual(self.end(), 5)

    def test_systemctl_hangs_or_floods(self):
        (self.run_dir / "scaleway/failure").write_text("\n")
        fake = self.directory / "bin"
        fake.mkdir()
        for script in ("exec sleep 100", "exec yes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "exit 1"):
            (fake / "systemctl").write_text(f"#!/bin/sh\n{script}\n")
            (fake / "systemctl").chmod(0o755)
            self.start("scaleway-failure", PATH=f"{fake}:{os.environ['PATH']}")
            self.assertEqual(self.end(), 5)
            self.assertLess(len(self.seen), 2000)
            self.reap()

    def test_without_systemd(self):
        """systemctl fails: reboot(2). In a PID namespace of its own that ends only the namespace, pid_namespaces(7)."""
        fake = self.directory / "bin"
        fake.mkdir()
        (fake / "systemctl").write_text(f'#!/bin/sh\necho "$*" >>{self.verb}\nexit 1\n')
        (fake / "systemctl").chmod(0o755)
        env = self.environment(**self.env, PATH=f"{fake}:{os.environ['PATH']}", SCALEWAY_FAILURE="poweroff")
        del env["SCALEWAY_REBOOT_COMMAND"]
        ours = os.readlink("/proc/self/ns/pid")
        # Both times: without a namespace this would be the end of the machine.
        guard = f'test $$ = 1 && test "$(readlink /proc/self/ns/pid)" != "{ours}" || exit 77'

        def run(command):
            return subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", "--", "sh", "-c", f"{guard}; {command}"],
                                  env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, text=True)

        self.need("unshare")
        probe = run("exit 0")
        if probe.returncode != 0:
            self.skipTest(f"no PID namespaces: {probe.stderr.strip()}")
        done = run(f'exec "{BUILD}/scaleway-failure"')
        # What the kernel ends the namespace with, for RB_POWER_OFF; 1 would be the program's own, if that was not reached.
        self.assertEqual(done.returncode, -signal.SIGINT, done.stderr)
        self.assertIn("systemd did not poweroff in time", done.stderr)
        self.assertEqual(self.verb.read_text(), "--force poweroff\n")

    def test_bad_reason_file(self):
        for content in (b"\x1b[2J\xff\n", b"x" * 100000):
            (self.run_dir / "scaleway/failure").write_bytes(content)
            self.start("scaleway-failure", PATH="/nonexistent")
            self.assertEqual(self.end(), 5)
            self.assertLess(len(self.seen), 2000)
            self.assertNotIn(b"\x1b[2J", self.seen)
            self.reap()


class FailureAndSsh(OnTerminal):
    """A17: who can come by ssh is waited for."""

    def setUp(self):
        super().setUp()
        self.verb = self.directory / "verb"
        reboot = self.directory / "reboot"
        reboot.write_text(f'#!/bin/sh\necho "$1" >>{self.verb}\nexit 5\n')
        reboot.chmod(0o755)
        self.env = {"SCALEWAY_REBOOT_COMMAND": str(reboot), "SCALEWAY_PROC_CMDLINE": "quiet", "SCALEWAY_FAILURE_PAUSE": "1",
                    "SCALEWAY_SSHD": "yes", "SCALEWAY_SSHD_COMMAND": "/bin/true"}  # fmt: skip
        (self.run_dir / "scaleway/failure").write_text("no root\n")

    def test_no_limit(self):
        begin = time.monotonic()
        self.start("scaleway-failure")
        self.expect(b">>> Boot failed: no root\r\n")
        self.expect(b"Root can log in by ssh. When continue-boot is called there, the server reboots.\r\n"
                    b"It waits for that without a limit of time.\r\nPress Enter for a shell here.\r\n")
        self.assertEqual((self.run_dir / "scaleway/step").read_text(), "failed\n")
        self.assertIn("The boot has failed: no root\n", (self.run_dir / "scaleway/motd").read_text())
        time.sleep(max(0, begin + 3 - time.monotonic()))
        self.assertFalse(self.verb.exists())
        self.call("continue-boot")
        self.assertEqual(self.end(), 5)
        self.assertEqual(self.verb.read_text(), "reboot\n")

    def test_limit(self):
        """Also where there is no shell; bad values are none."""
        for cmdline in ("quiet", "rd.shell=0"):
            begin = time.monotonic()
            self.start("scaleway-failure", SCALEWAY_SSHD_TIMEOUT="2", SCALEWAY_PROC_CMDLINE=cmdline, SCALEWAY_FAILURE="poweroff")
            self.expect(b"the server powers off.\r\nIt does so by itself in 2 s.")
            self.assertEqual(self.end(), 5)
            self.assertGreater(time.monotonic() - begin, 1.9)
        self.assertEqual(self.verb.read_text(), "poweroff\n" * 2)
        self.start("scaleway-failure", SCALEWAY_SSHD_TIMEOUT="soon")
        self.expect(b"SCALEWAY_SSHD_TIMEOUT is no number of seconds up to 86400, setting no limit instead.")
        self.expect(b"without a limit of time")
        self.call("continue-boot")
        self.assertEqual(self.end(), 5)

    def test_shell_is_left_by_a_call(self):
        self.start("scaleway-failure", SCALEWAY_FAILURE="shell")
        self.expect(b"# ")
        os.write(self.fd, b"echo a''sleep; sleep 300\n")
        self.expect(b"asleep")
        self.call("continue-boot")
        self.assertEqual(self.end(), 5)

    def test_shell_that_does_not_hang_up(self):
        """Nor does what runs in it: both hold the console until they are ended the hard way."""
        self.start("scaleway-failure", SCALEWAY_FAILURE="shell")
        self.expect(b"# ")
        os.write(self.fd, b"trap '' HUP; echo a''sleep; sleep 300\n")
        self.expect(b"asleep")
        self.call("continue-boot")
        self.assertEqual(self.end(), 5)

    def test_server_does_not_start(self):
        """Then nobody can come, and the server reboots as ever."""
        for command in ("/bin/false", "/nonexistent"):
            self.start("scaleway-failure", SCALEWAY_SSHD_COMMAND=command)
            self.expect(b"Press Enter within 1 s for a shell, else the server reboots.")
            self.assertIn(b"oing on without", self.seen)
            self.assertEqual(self.end(), 5)
        self.start("scaleway-failure", SCALEWAY_SSHD="no")
        self.expect(b"Press Enter within 1 s")
        self.assertEqual(self.end(), 5)


class Sshd(Steps):
    """A17: who may log in, and the host key."""

    def setUp(self):
        super().setUp()
        self.need("dropbearkey", "ssh-keygen")
        self.root = self.directory / "root"
        self.root.mkdir()
        self.kept = self.root / "var/lib/scaleway/initrd-ssh-host-key"
        self.sshd_dir = self.run_dir / "scaleway/sshd"
        self.sshd_dir.mkdir(mode=0o700)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.directory / "mine"], check=True)
        self.key = " ".join((self.directory / "mine.pub").read_text().split()[:2])
        self.metadata({"ssh_public_keys": [{"key": f"{self.key} me"}]})
        self.env = {"SCALEWAY_SYSROOT": str(self.root), "SCALEWAY_DROPBEARKEY": shutil.which("dropbearkey")}

    def metadata(self, document):
        (self.run_dir / "scaleway/metadata.json").write_text(json.dumps(document))

    def mount(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "root", self.root], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.root], check=True)
        (self.root / "var/lib").mkdir(parents=True)

    def sshd(self, **more):
        """Returns the fingerprint that was shown, which the key at its place must have."""
        self.call("scaleway-sshd", **{**self.env, **more})
        match = re.fullmatch(r">>> SSH: root can log in with (\d+) keys?; this server's host key is (SHA256:\S{43}) \(ED25519\)\n", self.out)
        self.assertTrue(match, self.out)
        shown = subprocess.check_output(["dropbearkey", "-y", "-f", self.sshd_dir / "host-key"], text=True)
        self.assertIn(f"Fingerprint: {match[2]}\n", shown)
        self.assertEqual((self.sshd_dir / "fingerprint").read_text(), f"256 {match[2]} root@initrd (ED25519)\n")
        for name in ("host-key", "authorized_keys"):
            self.assertEqual(stat.S_IMODE((self.sshd_dir / name).stat().st_mode), 0o600)
        return match[2]

    def test_without_a_root(self):
        first, second = self.sshd(), self.sshd()
        self.assertNotEqual(first, second)
        self.assertEqual(list(self.root.iterdir()), [])
        self.assertEqual((self.sshd_dir / "authorized_keys").read_text(), self.key + "\n")
        self.assertEqual(self.err, "")

    def test_key_is_kept(self):
        self.mount()
        first = self.sshd()
        st = self.kept.stat()
        self.assertEqual((st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)), (0, 0, 0o600))
        (self.sshd_dir / "host-key").unlink()
        self.assertEqual(self.sshd(), first)
        self.assertEqual(self.kept.stat().st_ino, st.st_ino)
        self.assertEqual(self.err, "")
        self.assertEqual(os.listdir(self.kept.parent), [self.kept.name])

    def test_read_only_root(self):
        self.mount()
        subprocess.run(["mount", "-o", "remount,ro", self.root], check=True)
        self.sshd()
        self.one_line("read-only", "for this boot only")
        subprocess.run(["mount", "-o", "remount,rw", self.root], check=True)
        first = self.sshd()
        subprocess.run(["mount", "-o", "remount,ro", self.root], check=True)
        self.assertEqual(self.sshd(), first)
        self.assertEqual(self.err, "")

    def test_no_usable_key_is_kept(self):
        """Each is passed over with a word and replaced; nothing outside of the root is touched."""
        outside = self.directory / "outside"
        outside.write_text("outside\n")
        rsa = self.directory / "rsa"
        subprocess.run(["dropbearkey", "-t", "rsa", "-f", rsa], check=True, capture_output=True)
        self.mount()
        good = self.sshd()
        saved = self.kept.read_bytes()
        cases = {
            "garbage": lambda: self.kept.write_bytes(b"garbage"),
            "empty": lambda: self.kept.write_bytes(b""),
            "cut": lambda: self.kept.write_bytes(saved[:-1]),
            "another kind": lambda: self.kept.write_bytes(rsa.read_bytes()),
            "large": lambda: self.kept.write_bytes(saved + bytes(2 << 20)),
            "for all to read": lambda: self.kept.chmod(0o644),
            "somebody's": lambda: os.chown(self.kept, 1000, 1000),
            "a link": lambda: (self.kept.unlink(), self.kept.symlink_to(outside)),
            "a FIFO": lambda: (self.kept.unlink(), os.mkfifo(self.kept, 0o600)),
        }
        for name, spoil in cases.items():
            with self.subTest(name):
                self.kept.write_bytes(saved)
                self.kept.chmod(0o600)
                spoil()
                other = self.sshd()
                self.one_line("No usable host key is in", "making a new one")
                self.assertNotEqual(other, good)
                self.assertEqual(self.sshd(), other)
                self.assertTrue(stat.S_ISREG(self.kept.lstat().st_mode))
                self.kept.unlink()
        self.assertEqual(outside.read_text(), "outside\n")

    def test_no_place_to_keep_it(self):
        outside = self.directory / "outside"
        outside.mkdir()
        self.mount()
        cases = {
            "no /var/lib": lambda: (self.root / "var/lib").rmdir(),
            "a link": lambda: (self.root / "var/lib/scaleway").symlink_to(outside),
            "a link of a folder above": lambda: ((self.root / "var/lib").rmdir(), (self.root / "var/lib").symlink_to(outside)),
            "a file": lambda: (self.root / "var/lib/scaleway").write_text("x"),
            "for all to write": lambda: ((self.root / "var/lib/scaleway").mkdir(), (self.root / "var/lib/scaleway").chmod(0o777)),
            "a folder in its place": lambda: self.kept.mkdir(parents=True),
        }
        for name, prepare in cases.items():
            with self.subTest(name):
                shutil.rmtree(self.root / "var")
                (self.root / "var/lib").mkdir(parents=True)
                prepare()
                self.sshd()
                self.assertIn("Cannot keep the host key in", self.err)
                self.assertEqual(list(outside.iterdir()), [])

    def test_nobody_could_log_in(self):
        for document in ({}, {"ssh_public_keys": [{"key": "ssh-rsa AAAA"}], "tags": ["AUTHORIZED_KEY=x"]}):
            self.metadata(document)
            self.call("scaleway-sshd", **self.env, status=1)
            self.one_line("Nobody could log in")
            self.assertEqual(list(self.sshd_dir.iterdir()), [])
        (self.run_dir / "scaleway/metadata.json").write_text("{")
        self.call("scaleway-sshd", **self.env, status=1)

    def test_program_fails(self):
        script = self.directory / "dropbearkey"
        for text, word in (("exit 1", "Bad message"), ("echo Fingerprint: SHA256:short; echo ssh-ed25519 AAAA", "Bad message"),
                           ("echo no entropy >&2; exit 2", "no entropy")):  # fmt: skip
            script.write_text(f"#!/bin/sh\n{text}\n")
            script.chmod(0o755)
            self.call("scaleway-sshd", **{**self.env, "SCALEWAY_DROPBEARKEY": str(script)}, status=1)
            self.one_line("Failed to make a host key", word)
        self.call("scaleway-sshd", **{**self.env, "SCALEWAY_DROPBEARKEY": "/nonexistent"}, status=1)
        self.one_line("No such file")

    def test_tags(self):
        self.metadata({"tags": ["AUTHORIZED_KEY=" + self.key.replace(" ", "_") + "_me", "AUTHORIZED_KEY=x"]})
        self.sshd()
        self.assertEqual((self.sshd_dir / "authorized_keys").read_text(), self.key + "\n")


class Kexec(Steps):
    """B9, up to the system call, in whose place a program stands that writes down what it got."""

    def setUp(self):
        super().setUp()
        self.root = self.directory / "root"
        (self.root / "boot").mkdir(parents=True)
        for name, content in (("vmlinuz-6.9.0", "old"), ("vmlinuz-6.12.0", "new"), ("initrd.img-6.12.0", "initrd")):
            (self.root / "boot" / name).write_text(content)
        (self.root / "vmlinuz").symlink_to("boot/vmlinuz-6.12.0")
        (self.run_dir / "scaleway/kexec").mkdir()
        self.loaded = self.directory / "loaded"
        self.stub = self.directory / "kexec"
        self.stub.write_text(f"""#!/bin/sh
            for a; do
                case $a in
                    --initrd=*) printf 'initrd: '; cat "${{a#*=}}"; echo ;;
                    /proc/*) printf 'kernel: '; cat "$a"; echo ;;
                    *) printf '%s\\n' "$a" ;;
                esac
            done >{self.loaded}
            """)
        self.stub.chmod(0o755)

    def kexec(self, *args, **more):
        env = {"SCALEWAY_SYSROOT": str(self.root), "SCALEWAY_KEXEC": str(self.stub),
               "SCALEWAY_PROC_CMDLINE": "console=ttyS0 boot=local"} | more
        return self.call("scaleway-kexec", *args, **env)

    def test_latest(self):
        self.kexec("--initrd=latest", "--append=quiet a=b", "--state=", "load", "latest")
        self.assertEqual(self.loaded.read_text().splitlines(),
                         ["--load", "--command-line=is_in_kexec=yes console=ttyS0 boot=local quiet a=b", "initrd: initrd",
                          "kernel: new"])
        self.one_line("Loaded the kernel 'vmlinuz-6.12.0' with the initrd 'initrd.img-6.12.0'.")

    def test_paths(self):
        """No initrd; a link of the root's own; the empty options that the unit gives."""
        self.kexec("--initrd=", "--append=", "--state=", "load", "/vmlinuz")
        self.assertEqual(self.loaded.read_text().splitlines(),
                         ["--load", "--command-line=is_in_kexec=yes console=ttyS0 boot=local", "kernel: new"])
        self.one_line("without an initrd")

    def test_no_arguments(self):
        """As the unit gives what may hold a secret."""
        self.kexec("--initrd=env:KEXEC_INITRD", "--append=env:KEXEC_APPEND", "load", "env:KEXEC_KERNEL", KEXEC_INITRD="latest", KEXEC_APPEND="token=x",
                   KEXEC_KERNEL="latest")  # fmt: skip
        self.assertEqual(self.loaded.read_text().splitlines(),
                         ["--load", "--command-line=is_in_kexec=yes console=ttyS0 boot=local token=x", "initrd: initrd", "kernel: new"])

    def test_initrd_of_a_path(self):
        """The version is in the name that a link leads to."""
        for kernel in ("/boot/vmlinuz-6.12.0", "/vmlinuz"):
            self.kexec("--initrd=latest", "load", kernel)
            self.assertIn("initrd: initrd", self.loaded.read_text())

    def test_downloads(self):
        (self.run_dir / "scaleway/kexec/kernel").write_text("from afar")
        self.kexec("--initrd=http://x/y", "load", "https://x/z", status=1)
        self.one_line("Failed to open the initrd that was downloaded")
        (self.run_dir / "scaleway/kexec/initrd").write_text("from there")
        self.kexec("--initrd=http://x/y", "load", "https://x/z")
        self.assertEqual(self.loaded.read_text().splitlines()[2:], ["initrd: from there", "kernel: from afar"])

    def test_state(self):
        """The second kernel signals nothing if the first one's last state got through."""
        (self.run_dir / "scaleway/state").write_text("booted\n")
        self.kexec("--append=x", "--state=booted", "load", "latest")
        self.assertIn("=is_in_kexec=yes NO_SIGNAL_STATE=1 console=ttyS0 boot=local x\n", self.loaded.read_text())

    def test_state_comes_late(self):
        env = self.environment(SCALEWAY_SYSROOT=str(self.root), SCALEWAY_KEXEC=str(self.stub))
        with subprocess.Popen([BUILD / "scaleway-kexec", "--state=booted", "load", "latest"], env=env, stderr=subprocess.PIPE) as p:
            with self.assertRaises(subprocess.TimeoutExpired):
                p.wait(0.5)
            self.assertFalse(self.loaded.exists())
            (self.run_dir / "scaleway/state").write_text("booted\n")
            self.assertEqual(p.wait(10), 0)
        self.assertIn("NO_SIGNAL_STATE=1", self.loaded.read_text())

    def test_state_is_not_taken(self):
        (self.run_dir / "scaleway/state").write_text("kernel-started\n")
        self.kexec("--state=booted", "load", "latest")
        self.assertNotIn("NO_SIGNAL_STATE", self.loaded.read_text())
        self.assertIn("has not taken the state 'booted'", self.err)

    def test_wrong_files(self):
        """One line each, and nothing is loaded."""
        outside = self.directory / "outside"
        outside.write_text("outside")
        (self.root / "boot/outside").symlink_to(outside)
        (self.root / "boot/up").symlink_to("../../outside")
        (self.root / "boot/empty").touch()
        os.mkfifo(self.root / "boot/fifo")
        for kernel in ("/boot/none", "/boot", "/boot/outside", "/boot/up", "/boot/empty", "/boot/fifo"):
            with self.subTest(kernel):
                self.kexec("load", kernel, status=1)
                self.one_line(f"Failed to open the kernel '{kernel}'", "booting without kexec")
        self.kexec("load", "http://joe:secret@not/downloaded", status=1)
        self.one_line("Failed to open the kernel that was downloaded, booting without kexec")
        self.kexec("--initrd=latest", "load", "/boot/vmlinuz-6.9.0", status=1)
        self.one_line("The root file system has no initrd in /boot for vmlinuz-6.9.0")
        shutil.rmtree(self.root / "boot")
        self.kexec("load", "latest", status=1)
        self.one_line("The root file system has no kernel in /boot")
        self.assertFalse(self.loaded.exists())

    def test_program_fails(self):
        self.stub.write_text("#!/bin/sh\nexit 3\n")
        self.kexec("load", "latest", status=1)
        self.kexec("load", "latest", status=1, SCALEWAY_KEXEC="/nonexistent")
        self.one_line("no kexec_file_load()")

    def test_jump_fails(self):
        """Then it is the boot that has failed."""
        self.stub.write_text("#!/bin/sh\nexit 3\n")
        self.kexec("jump", status=1)
        self.assertIn("Failed to start the loaded kernel", (self.run_dir / "scaleway/failure").read_text())

    def test_jump_and_unload(self):
        self.assertIn(">>> Starting the second kernel", self.kexec("jump"))
        self.assertEqual(self.loaded.read_text(), "--exec\n")
        self.kexec("unload")
        self.assertEqual(self.loaded.read_text(), "--unload\n")

    def test_arguments(self):
        for args in ([], ["load"], ["load", "a", "b"], ["jump", "x"], ["start"]):
            self.kexec(*args, status=1)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("not root, skipped")
        sys.exit(77)
    BUILD = unittests.Programs.build = pathlib.Path(sys.argv[1]).resolve()
    unittests.main(sys.argv[2:])
