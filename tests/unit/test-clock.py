#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scaleway-clock against NTP servers that lie, err, refuse or are silent.

Usage: test-clock.py BUILD-DIRECTORY [unittest arguments]. Needs root for network namespaces; skipped without, and then the exit status
is 77. The clock of this machine is not touched: what is set is seen by tests/vm. Covers the rows: A11
"""

import calendar
import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import unittests

BUILD = pathlib.Path()
EPOCH = 2208988800  # seconds from 1900 to 1970
ERA = 1 << 32
CLONE_NEWNET = 0x40000000
DEFAULT_SERVER = "ntp.int.scaleway.com"
DAY = 86400
NOBODY = 2


def stamp(unix):
    """Seconds since 1970 as 32.32 bits of the packet."""
    return int((unix + EPOCH) % ERA * ERA) & 0xFFFFFFFFFFFFFFFF


def reply(request, offset=0.0, leap=0, version=4, mode=4, stratum=2, delay=0.01, dispersion=0.02, origin=None, receive=None, transmit=None):
    now = time.time() + offset
    return struct.pack(">BBbbiI4sQQQQ", leap << 6 | version << 3 | mode, stratum, 6, -20, int(delay * 65536), int(dispersion * 65536),
                       b"GPS\0", stamp(now), struct.unpack(">Q", request[40:48])[0] if origin is None else origin,
                       stamp(now) if receive is None else receive, stamp(now) if transmit is None else transmit)


def good(offset=0.0, **fields):
    return lambda server, request, client: server.socket.sendto(reply(request, offset, **fields), client)


def silent(server, request, client):
    pass


class Server:
    """Answers the n-th request with the n-th behaviour, the last one ever after."""

    def __init__(self, *behaviours, host="127.0.0.1", port=0, namespace=None):
        self.behaviours = list(behaviours)
        self.requests = []
        self.socket = None
        self.stop = threading.Event()
        opened = threading.Event()
        self.thread = threading.Thread(target=self.serve, args=(host, port, namespace, opened), daemon=True)
        self.thread.start()
        if not opened.wait(10):
            raise RuntimeError(f"no server at {host} port {port}")
        self.port = self.socket.getsockname()[1]

    def serve(self, host, port, namespace, opened):
        if namespace is not None:
            with open(f"/proc/{namespace}/ns/net") as f:
                if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET) < 0:
                    raise OSError(ctypes.get_errno(), "setns")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.socket.settimeout(0.05)
        opened.set()
        with self.socket:
            while not self.stop.is_set():
                with contextlib.suppress(OSError):
                    request, client = self.socket.recvfrom(2048)
                    self.requests.append(request)
                    act = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
                    act(self, request, client)

    def close(self):
        self.stop.set()
        self.thread.join()


class Clock(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="test-clock-"))
        self.addCleanup(shutil.rmtree, self.directory)
        (self.directory / "systemd/netif").mkdir(parents=True)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("SCALEWAY_")}
        self.environment |= {"SCALEWAY_RUN": str(self.directory), "LC_ALL": "C"}

    def server(self, *behaviours, host="127.0.0.1", **where):
        port = int(self.environment.get("SCALEWAY_NTP_PORT", 0))
        s = Server(*behaviours, host=host, port=port, **where)
        self.addCleanup(s.close)
        self.environment["SCALEWAY_NTP_PORT"] = str(s.port)
        return s

    def call(self, *args, status=0, least=0.0, most=2.5, prefix=()):
        begin = time.monotonic()
        done = subprocess.run([*prefix, BUILD / "scaleway-clock", *args], env=self.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60)
        self.took = time.monotonic() - begin
        self.out, self.err = done.stdout.decode(), done.stderr.decode()
        self.assertEqual(done.returncode, status, self.out + self.err)
        self.assertGreaterEqual(self.took, least)
        self.assertLessEqual(self.took, most)
        return self.out

    def offset(self, *args, **kwargs):
        found = re.fullmatch(r"(\S+): stratum (\d+), ([+-]\d+\.\d+) s\n", self.call("query", *args, **kwargs))
        self.assertTrue(found, self.out)
        self.answered = found[1]
        return float(found[3])

    def refused(self, words, *behaviours, **kwargs):
        """The server's answer is none."""
        s = self.server(*behaviours)
        # That it gives up at once is seen by the distance to the limit.
        self.call("query", "--timeout=1" if "least" in kwargs else "--timeout=4", "127.0.0.1", status=NOBODY, **kwargs)
        self.one_line("127.0.0.1: " + words, "stays as it is")
        self.assertEqual(self.out, "")
        s.close()
        return s

    def one_line(self, *words):
        self.assertEqual(self.err.count("\n"), 1, self.err)
        for word in words:
            self.assertIn(word, self.err)


def build_date():
    """When that day began in UTC."""
    date = re.search(rb"BUILD_DATE .*(\d{4}-\d\d-\d\d)", (BUILD / "config.h").read_bytes())[1].decode()
    return calendar.timegm(time.strptime(date, "%Y-%m-%d"))


class Answers(Clock):
    def test_good(self):
        s = self.server(good())
        self.assertAlmostEqual(self.offset("127.0.0.1"), 0, delta=0.5)
        for years in (-0.1, 11, 67):
            if time.time() + years * 365 * DAY < build_date():
                continue
            s.behaviours = [good(years * 365 * DAY)]
            self.assertAlmostEqual(self.offset("127.0.0.1"), years * 365 * DAY, delta=0.5)
        for stratum in (1, 15):
            s.behaviours = [good(stratum=stratum)]
            self.offset("127.0.0.1")
        self.assertEqual(self.err, "")

    def test_request_tells_nothing(self):
        s = self.server(good())
        self.offset("127.0.0.1")
        self.offset("127.0.0.1")
        first, second = s.requests
        self.assertEqual((len(first), first[:40]), (48, b"\x23" + bytes(39)))
        self.assertNotEqual(first[40:], second[40:])
        # Not our time, and not a number that only counts.
        self.assertNotEqual(first[40:44], second[40:44])

    def test_random_number_of_an_old_kernel(self):
        """Linux before 5.6 refuses GRND_INSECURE; and it may have no random numbers yet."""
        if not shutil.which("strace") or subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode != 0:
            self.skipTest("strace is missing or does not work here: no ptrace")
        s = self.server(good())
        self.environment["ASAN_OPTIONS"] = "detect_leaks=0"  # which does not work under ptrace
        trace = self.directory / "trace"

        def calls(*inject):
            self.offset("127.0.0.1", prefix=("strace", "-f", "-xx", "-o", trace, "-e", "trace=getrandom", *inject))
            return [line for line in trace.read_text().splitlines() if "getrandom(" in line]
        first = calls()
        # The C library has asked before us.
        ours = next(i for i, line in enumerate(first) if "GRND_INSECURE" in line)
        self.assertEqual(len(first), ours + 1)
        refused, taken = calls("-e", f"inject=getrandom:error=EINVAL:when={ours + 1}")[ours:]
        self.assertIn("EINVAL", refused)
        self.assertRegex(taken, r", 8, GRND_NONBLOCK\) = 8$")
        number = bytes.fromhex(re.search(r'"([^"]*)"', taken)[1].replace(r"\x", ""))
        self.assertIn(s.requests[1][40:], (number, number[::-1]))
        self.assertRegex(calls("-e", f"inject=getrandom:error=EAGAIN:when={ours + 1}+")[-1], "EAGAIN")
        self.assertEqual(len(s.requests), 3)

    def test_way_back_and_forth(self):
        """Half of the time that the answer was away belongs to each way."""
        def slow(server, request, client):
            time.sleep(0.6)
            good(1000)(server, request, client)
        self.server(slow)
        # The server has taken its time after it got here and before it is sent, so it is off by half of what it took.
        self.assertAlmostEqual(self.offset("127.0.0.1"), 1000.3, delta=0.25)

    def test_kiss_of_death(self):
        s = self.refused("does not want to be asked", good(stratum=0), most=2)
        self.assertEqual(len(s.requests), 1)

    def test_unsynchronized(self):
        for fields in ({"leap": 3}, {"stratum": 16}, {"stratum": 255}):
            self.refused("does not know the time", good(**fields), most=2)

    def test_not_an_answer_to_us(self):
        for fields in ({"origin": 0}, {"origin": 12345}, {"mode": 3}, {"mode": 5}, {"version": 3}):
            self.refused("no answer", good(**fields), least=0.9)
        self.refused("no answer", lambda s, request, client: s.socket.sendto(reply(request)[:47], client), least=0.9)
        self.refused("no answer", lambda s, request, client: s.socket.sendto(b"", client), least=0.9)

    def test_implausible(self):
        now = time.time()
        for fields in ({"transmit": 0}, {"receive": 0}, {"receive": stamp(now + 10), "transmit": stamp(now)},
                       {"receive": stamp(now - 10), "transmit": stamp(now)}):
            self.refused("an implausible answer", good(**fields), most=2)

    def test_too_far(self):
        for fields in ({"delay": 11}, {"dispersion": 6}, {"delay": -1}, {"delay": 4, "dispersion": 4}):
            self.refused("too far", good(**fields), most=2)

    def test_before_the_build(self):
        def at(unix):
            return good(receive=stamp(unix), transmit=stamp(unix))
        for unix in (946684800, build_date() - 1):
            self.refused("a time before this initrd was built", at(unix), most=2)
        s = self.server(silent)
        for unix in (build_date(), build_date() + 1):
            s.behaviours = [at(unix)]
            self.assertAlmostEqual(self.offset("127.0.0.1"), unix - time.time(), delta=5)

    def test_era(self):
        """2036-02-07, where the seconds of the packet begin again at 0, and after it."""
        s = self.server(silent)
        for unix in (ERA - EPOCH - 1, ERA - EPOCH, ERA - EPOCH + 4 * 365 * DAY):
            s.behaviours = [good(unix - time.time())]
            self.assertAlmostEqual(self.offset("127.0.0.1"), unix - time.time(), delta=5)

    def test_from_elsewhere(self):
        def other_port(server, request, client):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.bind(("127.0.0.1", 0))
                s.sendto(reply(request, 5000), client)
        self.refused("no answer", other_port, least=0.9)

    def test_true_answer_after_false_ones(self):
        def many(server, request, client):
            for _ in range(200):
                server.socket.sendto(reply(request, 5000, origin=int.from_bytes(os.urandom(8), "big")), client)
                server.socket.sendto(os.urandom(60), client)
            good(1000)(server, request, client)
        self.server(many)
        self.assertAlmostEqual(self.offset("127.0.0.1"), 1000, delta=1)

    def test_longer_with_extensions(self):
        self.server(lambda s, request, client: s.socket.sendto(reply(request) + bytes(400), client))
        self.offset("127.0.0.1")

    def test_flood(self):
        def flood(server, request, client):
            end = time.monotonic() + 3
            while time.monotonic() < end:
                server.socket.sendto(reply(request, origin=1), client)
        self.refused("no answer", flood, least=0.9, most=2)

    def test_lost_once(self):
        s = self.server(silent, good())
        self.offset("127.0.0.1", least=0.9, most=2)
        self.assertEqual(len(s.requests), 2)

    def test_late_answer_to_the_first_request(self):
        """Slower than the pause between two requests."""
        first = []

        def later(server, request, client):
            first.append(request)
            if len(first) > 1:
                server.socket.sendto(reply(first[0], 1000), client)
        self.server(later)
        self.assertAlmostEqual(self.offset("127.0.0.1"), 1000, delta=1)


class Servers(Clock):
    def test_nobody_there(self):
        self.server(silent).close()
        self.call("query", "127.0.0.1", status=NOBODY, most=2)
        self.one_line("127.0.0.1: connection refused")

    def test_limit(self):
        s = self.server(silent)
        self.call("query", "127.0.0.1", status=NOBODY, least=2.9, most=3.6)
        self.one_line("127.0.0.1: no answer")
        self.assertEqual(len(s.requests), 3)

    def test_first_good_answer_counts(self):
        self.server(silent)
        self.server(good(stratum=0), host="127.0.0.2")
        self.server(good(1000.5), host="127.0.0.3")
        self.assertAlmostEqual(self.offset("127.0.0.1", "127.0.0.2", "127.0.0.3", most=2), 1000, delta=1)
        self.assertEqual(self.answered, "127.0.0.3")

    def test_reasons_of_all(self):
        self.server(good(leap=3))
        self.server(good(stratum=0), host="127.0.0.2")
        self.call("query", "127.0.0.1", "127.0.0.2", "127.0.0.3", "", status=NOBODY)
        self.one_line("127.0.0.1: does not know the time; 127.0.0.2: does not want to be asked; 127.0.0.3: connection refused; : unknown host")

    def test_arguments(self):
        self.assertIn("--timeout", self.call("--help"))
        self.assertIn("(", self.call("--version"))
        for args in ((), ("get",), ("set", "a", "b", "c", "d", "e"), ("--timeout=x", "set"), ("-x",)):
            self.call(*args, status=1, most=2)

    @unittest.skipIf(os.geteuid() != 0, "becoming another user needs root")
    def test_may_not_set(self):
        self.server(good(1000))
        program = self.directory / "scaleway-clock"
        shutil.copy(BUILD / "scaleway-clock", program)
        self.directory.chmod(0o755)
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", program, "set",
                               "127.0.0.1"], env=self.environment, capture_output=True, timeout=20)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"Failed to set the clock: Operation not permitted", done.stderr)


@unittest.skipIf(os.geteuid() != 0, "network namespaces need root")
class WhereToAsk(Clock):
    """In a network namespace: an address that swallows everything, name servers and hosts of our own."""

    def setUp(self):
        super().setUp()
        for tool in ("ip", "nsenter", "unshare"):
            if shutil.which(tool) is None:
                self.skipTest(f"{tool} is missing")
        holder = subprocess.Popen(["unshare", "--net", "--", "sh", "-c", "echo ready; exec sleep 300"], stdout=subprocess.PIPE)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        if holder.stdout.readline() != b"ready\n":
            self.skipTest("no network namespaces here")
        self.pid = holder.pid
        self.ip("link", "set", "lo", "up")
        self.ip("link", "add", "hole", "type", "veth", "peer", "name", "other")
        self.ip("addr", "add", "192.0.2.1/24", "dev", "hole")
        for name in ("hole", "other"):
            self.ip("link", "set", name, "up")
        # Nobody has that link layer address, so what is sent there is dropped.
        for n in (9, 10, 11, 53, 54, 55):
            self.ip("neigh", "add", f"192.0.2.{n}", "lladdr", "02:00:00:00:00:99", "dev", "hole")
        self.hosts = self.directory / "hosts"
        self.resolv_conf = self.directory / "resolv.conf"
        self.hosts.write_text("")
        self.resolv_conf.write_text("nameserver 127.0.0.1\n")

    def ip(self, *args):
        subprocess.run(["nsenter", "-t", str(self.pid), "--net", "--", "ip", *args], check=True)

    def ask(self, dhcp=None, **kwargs):
        if dhcp is not None:
            (self.directory / "systemd/netif/state").write_text(f"OPER_STATE=routable\nDNS=192.0.2.53\nNTP={dhcp}\nDOMAINS=\n")
        script = f'mount --bind {self.hosts} /etc/hosts && mount --bind {self.resolv_conf} /etc/resolv.conf && exec "$@"'
        prefix = ("nsenter", "-t", str(self.pid), "--net", "--", "unshare", "--mount", "--", "sh", "-c", script, "sh")
        return self.call("query", prefix=prefix, **kwargs)

    def test_of_dhcp(self):
        other = self.server(good(2000), host="127.0.0.9", namespace=self.pid)
        s = self.server(good(1000.5), host="127.0.0.1", namespace=self.pid)
        self.hosts.write_text(f"127.0.0.9 {DEFAULT_SERVER}\n")
        self.assertIn("127.0.0.1: stratum 2, +1000.", self.ask("127.0.0.1 127.0.0.2", most=2))
        self.assertEqual((len(s.requests), len(other.requests)), (1, 0))

    def test_default_without_dhcp(self):
        self.server(good(1000.5), host="127.0.0.9", namespace=self.pid)
        self.hosts.write_text(f"127.0.0.9 {DEFAULT_SERVER}\n")
        self.assertIn(f"{DEFAULT_SERVER}: stratum 2, +1000.", self.ask(most=2))
        self.assertIn(DEFAULT_SERVER, self.ask("", most=2))

    def test_default_when_those_of_dhcp_are_silent(self):
        self.server(good(1000.5), host="127.0.0.9", namespace=self.pid)
        self.hosts.write_text(f"127.0.0.9 {DEFAULT_SERVER}\n")
        self.assertIn(DEFAULT_SERVER, self.ask("192.0.2.10 192.0.2.11", least=0.9, most=2))
        # At once if they are known to be of no use.
        self.assertIn(DEFAULT_SERVER, self.ask("127.0.0.1", most=0.9))

    def test_everything_is_silent(self):
        """The server of DHCP and each name server."""
        self.resolv_conf.write_text("".join(f"nameserver 192.0.2.{n}\n" for n in (53, 54, 55)))
        self.ask("192.0.2.10", status=NOBODY, least=2.9, most=3.6)
        self.one_line("192.0.2.10: no answer", f"{DEFAULT_SERVER}: no answer of a name server")

    def test_nobody_answers_for_names(self):
        self.ask(status=NOBODY, most=2)
        self.one_line(f"{DEFAULT_SERVER}: unknown host")

    def test_no_network(self):
        self.ip("link", "del", "hole")
        self.ask("192.0.2.10", status=NOBODY, most=2)
        self.one_line("192.0.2.10: unreachable", "unknown host")

    def test_strange_state(self):
        self.hosts.write_text(f"192.0.2.9 {DEFAULT_SERVER}\n")
        for text in ("%n%n \x1b[2J", "x" * 3000, "a b c d e f g"):
            self.ask(text, status=NOBODY, most=3.6)
            self.one_line("stays as it is")
            self.assertNotIn("\x1b", self.err)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    BUILD = pathlib.Path(sys.argv[1]).resolve()
    unittests.main(sys.argv[2:])
