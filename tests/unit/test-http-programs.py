#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scw-metadata, scw-signal-state and scw-userdata against a metadata service that misbehaves.

Usage: test-http-programs.py BUILD-DIRECTORY [unittest arguments]. What needs root (source ports below 1024, network
namespaces) is skipped without, and then the exit status is 77.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import controlplane
import documents
import unittests

BUILD = pathlib.Path()
DATA = pathlib.Path(__file__).resolve().parent / "data/metadata"
DOCUMENT = (DATA / "metadata-2018-vc1s-x86_64-vda.json").read_bytes()
TEXT = (DATA / "conf-derived-2018-vc1s-x86_64-vda.txt").read_bytes()
CLONE_NEWNET = 0x40000000
# What the old scw-metadata did with a key. It printed nothing for one that is not there, and a pipeline ends as its last part.
OLD_ANSWER = r"""grep "^$2=" "$1" | sed 's/^[^=]*=//; s/^["'\'']//; s/["'\'']$//'"""
NO_DOCUMENT = "; booting from the command line alone."


# What a service does with one request, after it has been read. Each returns the bytes to send, or does it itself.
def answer(body=DOCUMENT, status="200 OK", *headers):
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return lambda c, stop: c.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def late(seconds, then):
    def act(c, stop):
        stop.wait(seconds)
        then(c, stop)
    return act


def silent(c, stop):
    stop.wait()


def drip(c, stop):
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    with contextlib.suppress(OSError):
        while not stop.wait(0.3):
            c.sendall(b" ")


def reset(c, stop):
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()


def truncated(c, stop):
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + DOCUMENT)


def endless(c, stop):
    c.sendall(b"HTTP/1.1 200 OK\r\n\r\n{")
    with contextlib.suppress(OSError):
        while not stop.is_set():
            c.sendall(b" " * 65536)


def keep_open(c, stop):
    answer()(c, stop)
    stop.wait()


def garbage(c, stop):
    c.sendall(os.urandom(3000))


STATE_TAKEN = answer(b"STATE_DETAIL=x\n", "200 OK", "Content-Type: text/plain")


class Service:
    """Answers the n-th request with the n-th behaviour, the last one ever after. A connection is for one request."""

    def __init__(self, *behaviours, host="127.0.0.1", port=0, namespace=None):
        self.behaviours = list(behaviours)
        self.requests = []
        self.stop = threading.Event()
        self.lock = threading.Lock()
        opened = threading.Event()
        self.thread = threading.Thread(target=self.serve, args=(host, port, namespace, opened), daemon=True)
        self.thread.start()
        opened.wait()
        self.port = self.socket.getsockname()[1]

    def serve(self, host, port, namespace, opened):
        # A network namespace is a matter of the thread, and a socket stays in the one in which it was made.
        if namespace is not None:
            with open(f"/proc/{namespace}/ns/net") as f:
                if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET) < 0:
                    raise OSError(ctypes.get_errno(), "setns")
        self.socket = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        opened.set()
        while not self.stop.is_set():
            try:
                connection, peer = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(connection, peer), daemon=True).start()

    def one(self, connection, peer):
        with connection, contextlib.suppress(OSError):
            connection.settimeout(20)
            data = b""
            while b"\r\n\r\n" not in data:
                if not (more := connection.recv(65536)):
                    return
                data += more
            head, body = data.split(b"\r\n\r\n", 1)
            first, *fields = head.decode().split("\r\n")
            headers = {k.lower(): v.strip() for k, v in (f.split(":", 1) for f in fields)}
            while len(body) < int(headers.get("content-length", 0)):
                body += connection.recv(65536)
            method, path, _ = first.split(" ")
            with self.lock:
                self.requests.append({"time": time.monotonic(), "method": method, "path": path, "headers": headers,
                                      "body": body, "port": peer[1]})
                act = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
            act(connection, self.stop)

    def bodies(self):
        return [r["body"].decode() for r in self.requests]

    def close(self):
        self.stop.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Programs(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="test-http-programs-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.scaleway = self.directory / "scaleway"
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("SCALEWAY_", "METADATA_"))}
        self.environment |= {"SCALEWAY_RUN": str(self.directory), "http_proxy": "http://127.0.0.1:1", "LC_ALL": "C"}

    def service(self, *behaviours, **where):
        s = Service(*behaviours, **where)
        self.addCleanup(s.close)
        if not where:
            self.environment |= {"METADATA_IP": "127.0.0.1", "METADATA_PORT": str(s.port)}
        return s

    def program(self, name):
        return BUILD / name

    def start(self, name, *args, prefix=(), stdin=None):
        return subprocess.Popen([*prefix, self.program(name), *args], env=self.environment,
                                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def finish(self, process, status=0, stdin=None):
        out, err = process.communicate(stdin, timeout=90)
        self.out, self.err = out, err.decode()
        self.assertEqual(process.returncode, status, self.err)

    def call(self, name, *args, status=0, least=0.0, most=10.0, prefix=(), stdin=None):
        begin = time.monotonic()
        self.finish(self.start(name, *args, prefix=prefix, stdin=stdin), status, stdin)
        self.took = time.monotonic() - begin
        self.assertGreaterEqual(self.took, least)
        self.assertLessEqual(self.took, most)
        return self.out

    def one_line(self, *words):
        self.assertEqual(self.err.count("\n"), 1, self.err)
        for word in words:
            self.assertIn(word, self.err)

    def skip_if_sanitized(self):
        if b"__asan_init" in (BUILD / "scw-metadata").read_bytes():
            self.skipTest(unittests.SANITIZED + "it takes terabytes of address space and does not work under ptrace")

    def leftovers(self):
        return [p for p in self.directory.rglob("*") if "scw-metadata.cache." in p.name or p.name.startswith(".")]


class Metadata(Programs):
    def fetch(self, *args, **kwargs):
        return self.call("scw-metadata", "--fetch", *args, **kwargs)

    def fails(self, *words, timeout=2, **kwargs):
        kwargs.setdefault("most", timeout + 2)
        self.fetch(f"--timeout={timeout}", status=1, **kwargs)
        self.one_line(*words)
        self.assertTrue(self.err.endswith(NO_DOCUMENT + "\n"), self.err)
        self.assertFalse((self.directory / "scw-metadata.cache").exists())
        self.assertFalse((self.scaleway / "metadata.json").exists())
        self.assertEqual(self.leftovers(), [])

    def test_fetch(self):
        s = self.service(answer())
        self.assertEqual(self.fetch(most=2), b"")
        self.assertEqual(self.err, "")
        self.assertEqual((self.scaleway / "metadata.json").read_bytes(), DOCUMENT)
        self.assertEqual((self.scaleway / "metadata-address").read_text(), "127.0.0.1\n")
        self.assertEqual((self.directory / "scw-metadata.cache").read_bytes(), TEXT)
        self.assertEqual(os.readlink(self.directory / "oc-metadata.cache"), "scw-metadata.cache")
        self.assertEqual(self.leftovers(), [])
        self.assertEqual([(r["method"], r["path"]) for r in s.requests], [("GET", "/conf?format=json")])
        self.assertTrue(s.requests[0]["headers"]["user-agent"].startswith("scaleway-initrd/"))

    def test_answers(self):
        s = self.service(answer())
        for args, out in (
                ((), TEXT),
                (("--cached",), TEXT),
                (("HOSTNAME",), b"sample-hostname\n"),
                (("--cached", "HOSTNAME"), b"sample-hostname\n"),
                (("--cached", "BOOTSCRIPT_TITLE"), b"x86_64 4.9.20 std #1 (longterm/latest)\n"),
                (("--cached", "BOOTSCRIPT_DTB"), b"\n"),
                (("--cached", "IPV6"), b"\n"),
                (("--cached", "LOCATION_[CN].*"), b"4\n82\n"),
                (("--cached", "LOCATION"), b"PLATFORM_ID HYPERVISOR_ID NODE_ID CLUSTER_ID ZONE_ID\n"),
                (("--cached", "MISSING"), b""),
                (("--cached", "hostname"), b""),
                (("--cached", ""), b""),
                (("--cached", "--cached"), b""),
                (("--cached", "ID", "NAME"), TEXT),
                (("HOSTNAME", "--cached"), TEXT),
                (("--unknown",), b""),
        ):
            with self.subTest(args=args):
                n = len(s.requests)
                self.assertEqual(self.call("scw-metadata", *args), out)
                self.assertEqual(self.err, "")
                self.assertEqual(len(s.requests) - n, 0 if args[:1] == ("--cached",) else 1)

    def old_answer(self, key):
        done = subprocess.run(["sh", "-c", OLD_ANSWER, "sh", self.directory / "scw-metadata.cache", key], capture_output=True,
                              env=self.environment)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        return done.stdout

    def answers_like_the_old_one(self, text):
        """Every key of the text, which lies in the cache, and some patterns. Returns the keys whose answer differs."""
        lines = text.splitlines()
        keys = [line.split("=", 1)[0] for line in lines]
        self.assertGreater(len(keys), 20)
        differ = set()
        for key, line in zip(keys, lines):
            with self.subTest(key=key):
                new, old = self.call("scw-metadata", "--cached", key), self.old_answer(key)
                if "'\"'\"'" in line:  # COMPATIBILITY in scw-metadata(1): a quote in a value is printed as a quote
                    value = line.split("=", 1)[1].removeprefix("'").removesuffix("'").replace("'\"'\"'", "'")
                    self.assertEqual(new.decode(), value + "\n")
                else:
                    self.assertEqual(new, old)
                if new != old:
                    differ.add(key)
        if not differ:
            for key in ("", ".*", "VOLUMES.*", "VOLUMES_[0-9]*", ".*_ID", ".*ADDRESS", "[A-M]*", "I.", "MISSING", "id", "ID=", "$"):
                with self.subTest(key=key):
                    self.assertEqual(self.call("scw-metadata", "--cached", key), self.old_answer(key))
        return differ

    def test_every_sample(self):
        samples = sorted(DATA.glob("*.json"))
        self.assertEqual(len(samples), 5)
        for sample in samples:
            with self.subTest(sample=sample.name):
                self.service(answer(sample.read_bytes()))
                self.fetch()
                text = (self.directory / "scw-metadata.cache").read_text()
                expected = documents.flatten(documents.load(sample), quote_objects="-2014-" not in sample.name)
                self.assertEqual(sorted(text.splitlines()), sorted(expected.splitlines()))
                self.assertEqual(self.call("scw-metadata", "--cached").decode(), text)
                self.assertEqual(self.answers_like_the_old_one(expected), set())

    def test_every_sample_of_the_text(self):
        samples = sorted(DATA.glob("*.txt"))
        self.assertEqual(len(samples), 3)
        for sample in samples:
            with self.subTest(sample=sample.name):
                s = self.service(answer(sample.read_bytes()))
                self.environment["METADATA_URL"] = f"http://127.0.0.1:{s.port}/conf"
                self.fetch()
                self.assertEqual(self.call("scw-metadata", "--cached"), sample.read_bytes())
                self.assertEqual(self.answers_like_the_old_one(sample.read_text()), set())

    def test_apostrophes_are_the_only_difference(self):
        document = documents.server("nbd://10.1.2.3:4000", tags=["it's", "a=b c", "'", "plain", '"', '"x"'], name="Bob's server")
        document["volumes"]["0"]["name"] = "'root'"
        self.service(answer(json.dumps(document).encode()))
        self.fetch()
        text = documents.flatten(document)
        self.assertEqual(sorted((self.directory / "scw-metadata.cache").read_text().splitlines()), sorted(text.splitlines()))
        self.assertEqual(self.answers_like_the_old_one(text), {"NAME", "TAGS_0", "TAGS_2", "VOLUMES_0_NAME"})

    def test_cached_without_cache_fetches(self):
        s = self.service(answer())
        self.assertEqual(self.call("scw-metadata", "--cached", "HOSTNAME"), b"sample-hostname\n")
        self.assertEqual(self.call("scw-metadata", "--cached", "HOSTNAME"), b"sample-hostname\n")
        self.assertEqual(len(s.requests), 1)

    def test_cache_is_rewritten(self):
        self.service(answer(b'{"hostname":"one"}'), answer(b'{"hostname":"two"}'))
        (self.directory / "oc-metadata.cache").write_text("an old file")
        self.assertEqual(self.call("scw-metadata", "HOSTNAME"), b"one\n")
        self.assertEqual(self.call("scw-metadata", "HOSTNAME"), b"two\n")
        self.assertEqual((self.directory / "scw-metadata.cache").read_text(), "HOSTNAME=two\n")
        self.assertEqual((self.directory / "oc-metadata.cache").read_text(), "HOSTNAME=two\n")

    def test_all_tags_and_quotes(self):
        tags = [f"T{i}={i}" for i in range(25)] + ["it's", "'", "two\nTAGS_3=evil", "a b", "\\n"]
        self.service(answer(json.dumps({"hostname": "h", "tags": tags}).encode()))
        self.fetch()
        for i, tag in enumerate(tags):
            self.assertEqual(self.call("scw-metadata", "--cached", f"TAGS_{i}").decode(), tag + "\n")
        self.assertEqual(self.call("scw-metadata", "--cached", "TAGS_.*").decode(), "\n".join(tags) + "\n")

        # The text is safe to be read by a shell, and means the same there.
        script = '. "$1"; i=0; while [ $i -lt $TAGS ]; do eval printf "%s\\\\\\\\0" \\"\\$TAGS_$i\\"; i=$((i+1)); done'
        out = subprocess.run(["sh", "-c", script, "sh", self.directory / "scw-metadata.cache"], capture_output=True)
        self.assertEqual(out.stderr, b"")
        self.assertEqual(out.stdout.decode().split("\0")[:-1], tags)

    def test_refused(self):
        s = self.service(answer())
        s.close()
        self.fails("did not answer within 2 s", "connection refused", least=1)

    def test_silent(self):
        self.service(silent)
        self.fails("did not answer within 2 s", "time-out", least=1.5)

    def test_drip(self):
        self.service(drip)
        self.fails("did not answer within 2 s", "time-out", least=1.5)

    def test_drip_is_given_up_before_the_limit_of_a_request(self):
        s = self.service(drip, answer())
        self.fetch("--timeout=30", most=10)
        self.assertEqual(len(s.requests), 2)

    def test_reset(self):
        self.service(reset)
        self.fails("did not answer within 2 s", "connection ended")

    def test_truncated(self):
        self.service(truncated)
        self.fails("did not answer within 2 s", "connection ended")

    def test_useless_answers_are_asked_for_four_times(self):
        for body, words in (
                (b"<html>busy</html>", "not a JSON object"),
                (b"[]", "not a JSON object"),
                (b"", "not a JSON object"),
                (DOCUMENT[:-20], "not a JSON object"),
                (b'{"a":"\xff"}', "not a JSON object"),
                (b'{"a":"x\0y"}', "not a JSON object"),
                (b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}", "nested too deep"),
                (b'{"a":"' + b"x" * (2 << 20) + b'"}', "too large"),
        ):
            with self.subTest(body=body[:20]):
                s = self.service(answer(body))
                self.fails(words, timeout=20, most=5)
                self.assertEqual(len(s.requests), 4)

    def test_endless(self):
        self.service(endless)
        self.fails("too large", timeout=20, most=5)

    def test_garbage(self):
        self.service(garbage)
        self.fails("does not speak HTTP", timeout=20, most=5)

    def test_wrong_types_are_a_document(self):
        self.service(answer(b'{"hostname": 5, "tags": {"a": [null]}, "volumes": "x", "ipv6": [], "id": {}}'))
        self.fetch()
        self.assertEqual((self.directory / "scw-metadata.cache").read_text(),
                         "HOSTNAME=5\nTAGS=A\nTAGS_A=1\nTAGS_A_0=\nVOLUMES=x\nIPV6=0\nID=''\n")

    def test_busy(self):
        self.service(answer(b"", "429 Too Many Requests"))
        self.fails("HTTP status 429 (too many requests)", least=1)

    def test_retry_after(self):
        s = self.service(answer(b"", "429 Too Many Requests", "Retry-After: 2"), answer())
        self.fetch(least=2, most=4)
        self.assertEqual(len(s.requests), 2)

    def test_retry_after_beyond_the_deadline(self):
        s = self.service(answer(b"", "503 Busy", "Retry-After: 3600"), answer())
        self.fetch("--timeout=3", least=1, most=3)
        self.assertEqual(len(s.requests), 2)

    def test_500_then_200(self):
        s = self.service(answer(b"oops", "500 Internal Server Error"), reset, answer(b"x"), answer())
        self.fetch(most=4)
        self.assertEqual(self.err, "")
        self.assertEqual(len(s.requests), 4)

    def test_redirect(self):
        elsewhere = Service(answer())
        self.addCleanup(elsewhere.close)
        self.service(answer(b"", "302 Found", f"Location: http://127.0.0.1:{elsewhere.port}/conf?format=json"))
        self.fails("redirect", "302", "not followed", timeout=20, most=5)
        self.assertEqual(elsewhere.requests, [])

    def test_not_found(self):
        s = self.service(answer(b"", "404 Not Found"))
        self.fails("HTTP status 404 (not found)", timeout=20, most=5)
        self.assertEqual(len(s.requests), 4)

    def test_keep_alive_never_closed(self):
        self.service(keep_open)
        self.fetch(most=2)

    def test_memory_is_bounded(self):
        self.skip_if_sanitized()
        self.service(endless)
        limit = ("sh", "-c", 'ulimit -v 262144; exec "$@"', "sh")
        self.fetch("--timeout=20", status=1, most=5, prefix=limit)
        self.one_line("too large")

    def test_by_hand_failure(self):
        self.service(answer(b"", "404 Not Found"))
        self.assertEqual(self.call("scw-metadata", "ID", status=1), b"")
        self.one_line("HTTP status 404")
        self.assertNotIn("booting", self.err)

    def test_cache_that_cannot_be_written(self):
        self.service(answer())
        (self.directory / "scaleway").write_text("in the way")
        self.assertEqual(self.call("scw-metadata", "HOSTNAME"), b"sample-hostname\n")
        self.one_line("ignoring")
        self.fetch(status=1)
        self.one_line("booting from the command line alone")

    def test_url(self):
        s = self.service(answer(TEXT + b"\n\n"))
        self.environment["METADATA_URL"] = f"http://127.0.0.1:{s.port}/elsewhere?x"
        self.environment["METADATA_PORT"] = "1"
        self.assertEqual(self.call("scw-metadata", "HOSTNAME"), b"sample-hostname\n")
        self.assertEqual(s.requests[0]["path"], "/elsewhere?x")
        self.assertEqual((self.directory / "scw-metadata.cache").read_bytes(), TEXT)
        self.assertFalse((self.scaleway / "metadata.json").exists())

        s.behaviours = [answer()]
        self.fetch()
        self.assertEqual((self.scaleway / "metadata.json").read_bytes(), DOCUMENT)
        self.assertFalse((self.scaleway / "metadata-address").exists())

        s.behaviours = [answer(b"<html>busy</html>")]
        self.fetch(status=1)
        self.one_line("neither a JSON object nor lines of KEY=value")
        for url, words in (("ftp://127.0.0.1/", "neither http nor https"), ("file:///etc/passwd", "neither http"),
                           ("http://", "malformed")):
            self.environment["METADATA_URL"] = url
            self.fetch(status=1, most=1)
            self.one_line(words)

    def test_url_of_a_stranger(self):
        key, certificate = self.directory / "key.pem", self.directory / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-subj", "/CN=x",
                        "-addext", "subjectAltName=IP:127.0.0.1"], capture_output=True, check=True)  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        with socket.create_server(("127.0.0.1", 0)) as listener, context.wrap_socket(listener, server_side=True) as tls:

            def serve():
                with contextlib.suppress(OSError):
                    while True:
                        with contextlib.suppress(ssl.SSLError):
                            tls.accept()[0].close()

            threading.Thread(target=serve, daemon=True).start()
            self.environment["METADATA_URL"] = f"https://127.0.0.1:{tls.getsockname()[1]}/conf"
            self.fetch(status=1, most=5)
            self.one_line("certificate", "not accepted")

    def test_arguments(self):
        self.assertIn(b"--cached", self.call("scw-metadata", "--help"))
        self.assertTrue(self.call("scw-metadata", "--version").startswith(b"scw-metadata "))
        for args in (("--timeout=0",), ("--timeout=x",), ("--fetch", "KEY"), ("--fetch", "--cached")):
            self.call("scw-metadata", *args, status=1)
            self.one_line()
        (self.directory / "scw-metadata.cache").write_text("A=1\n")
        self.call("scw-metadata", "--cached", "A\\(", status=1)
        self.one_line("not a basic regular expression")
        self.environment["METADATA_IP"] = "bad host"
        self.fetch(status=1, most=1)
        self.one_line("malformed")


class SignalState(Programs):
    def signal(self, *args, **kwargs):
        return self.call("scw-signal-state", *args, **kwargs)

    def state(self):
        return (self.scaleway / "state").read_text()

    def test_state(self):
        s = self.service(STATE_TAKEN)
        for args in (("booted",), ("-s", "booted"), ("--state=booted",), ("-s", "booted", "-s", "x", "-u", "y")):
            self.assertEqual(self.signal(*args, most=2), b"")
            r = s.requests[-1]
            self.assertEqual((r["method"], r["path"]), ("PATCH", "/state"))
            self.assertEqual(r["headers"]["content-type"], "application/json")
            self.assertNotIn("expect", r["headers"])
            self.assertEqual(json.loads(r["body"]), {"state_detail": "booted"})
            self.assertGreaterEqual(r["port"], 1024)
        self.assertEqual(len(s.requests), 4)
        self.assertEqual(self.state(), "booted\n")
        self.assertEqual(self.leftovers(), [])

    def test_json_is_valid_whatever_the_state(self):
        s = self.service(STATE_TAKEN)
        for state in ('a"b', "back\\slash", "é", "}", "x" * 128):
            self.signal("--", state)
            self.assertEqual(json.loads(s.requests[-1]["body"]), {"state_detail": state})
        for state in ("", "two\nlines", "x" * 129, b"\xff"):
            self.signal("--", state, status=1)
            self.one_line()
        self.assertEqual(len(s.requests), 5)

    def test_once(self):
        s = self.service(STATE_TAKEN)
        for state in ("kernel-started", "kernel-started", "booted", "booted", "kernel-started"):
            self.signal("--once", state)
        self.assertEqual([json.loads(b)["state_detail"] for b in s.bodies()], ["kernel-started", "booted"])
        self.assertEqual(self.state(), "booted\n")
        self.signal("--once", "rebooting")
        self.assertEqual(self.state(), "rebooting\n")
        # By hand, without --once, a state is sent again.
        self.signal("kernel-started")
        self.assertEqual(len(s.requests), 4)

    def test_order(self):
        s = self.service(late(1.5, STATE_TAKEN), STATE_TAKEN)
        first = self.start("scw-signal-state", "--once", "kernel-started")
        while not s.requests:
            time.sleep(0.01)
        second = self.start("scw-signal-state", "--once", "booted")
        self.finish(first)
        freed = time.monotonic()
        self.finish(second)
        self.assertLess(time.monotonic() - freed, 1)
        self.assertEqual([json.loads(b)["state_detail"] for b in s.bodies()], ["kernel-started", "booted"])
        self.assertGreaterEqual(s.requests[1]["time"] - s.requests[0]["time"], 1.4)

    def test_nothing_is_signalled_after_a_failure(self):
        """A signal that waits for its turn while the boot fails: of that the control plane must not hear the contrary."""
        s = self.service(late(1.5, STATE_TAKEN), STATE_TAKEN)
        failed = self.start("scw-signal-state", "failed: no root")
        while not s.requests:
            time.sleep(0.01)
        waiting = [self.start("scw-signal-state", "--once", state) for state in ("booted", "kernel-started")]
        time.sleep(0.5)
        self.assertEqual([p.poll() for p in waiting], [None, None])
        for p in (failed, *waiting):
            self.finish(p)
        self.assertEqual([json.loads(b)["state_detail"] for b in s.bodies()], ["failed: no root"])
        self.assertEqual(self.state(), "failed: no root\n")
        # By hand it can be said.
        self.signal("booted")
        self.assertEqual(len(s.requests), 2)

    def test_two_at_once_are_one(self):
        s = self.service(late(0.5, STATE_TAKEN))
        both = [self.start("scw-signal-state", "--once", "booted") for _ in range(2)]
        for p in both:
            self.finish(p)
        self.assertEqual(len(s.requests), 1)

    def test_lock_wait_is_bounded(self):
        s = self.service(silent)
        first = self.start("scw-signal-state", "--timeout=6", "kernel-started")
        while not s.requests:
            time.sleep(0.01)
        self.signal("--timeout=2", "booted", status=1, least=1.9, most=4)
        self.one_line("another one was under way")
        self.finish(first, status=1)

    def test_retries(self):
        s = self.service(answer(b"", "429 Too Many Requests", "Retry-After: 1"), answer(b"", "500 Oops"), reset,
                         garbage, answer(b"", "503 Busy"), STATE_TAKEN)
        self.signal("booted", least=1.5, most=15)
        self.assertEqual(len(s.requests), 6)
        gaps = [b["time"] - a["time"] for a, b in zip(s.requests, s.requests[1:])]
        self.assertGreaterEqual(gaps[0], 1)
        self.assertGreaterEqual(gaps[3], 0.9)

    def test_final_answers(self):
        for status in ("400 Bad Request", "403 Forbidden", "404 Not Found", "302 Found"):
            s = self.service(answer(b"", status))
            self.signal("booted", status=1, most=2)
            self.one_line(f"REQUEST ERROR [{status[:3]}]", "booted")
            self.assertEqual(len(s.requests), 1)
            self.assertFalse((self.scaleway / "state").exists())

    def test_unreachable(self):
        self.service(STATE_TAKEN).close()
        self.signal("--timeout=2", "booted", status=1, least=1, most=4)
        self.one_line("state 'booted'", "2 s", "connection refused")

    def test_service_comes_late(self):
        s = self.service(STATE_TAKEN)
        s.close()
        p = self.start("scw-signal-state", "booted")
        time.sleep(1)
        again = Service(STATE_TAKEN, port=s.port)
        self.addCleanup(again.close)
        self.finish(p)
        self.assertEqual(len(again.requests), 1)

    def test_address_of_the_metadata(self):
        s = self.service(STATE_TAKEN)
        del self.environment["METADATA_IP"]
        self.scaleway.mkdir()
        (self.scaleway / "metadata-address").write_text("127.0.0.1\n")
        self.signal("booted")
        self.assertEqual(s.requests[0]["headers"]["host"], f"127.0.0.1:{s.port}")

    def test_run_cannot_be_written(self):
        s = self.service(STATE_TAKEN)
        self.scaleway.write_text("in the way")
        self.signal("--once", "booted")
        self.assertEqual(len(s.requests), 1)

    @unittest.skipIf(os.geteuid() != 0, "source ports below 1024 need root")
    def test_user_data(self):
        s = self.service(answer(b"value\n"))
        self.assertEqual(self.signal("-u", "cloud-init"), b"value\n\n")
        s.behaviours = [answer(b"USER_DATA=0\n")]
        self.assertEqual(self.signal("--userdata="), b"USER_DATA=0\n\n")
        s.behaviours = [answer(b"", "204 No Content")]
        self.assertEqual(self.signal("-u", "key=a=b c"), b"")
        self.assertEqual(self.signal("-u", "key="), b"")
        self.assertEqual(self.signal("-u", "a b=x"), b"")
        self.assertEqual([(r["method"], r["path"], r["body"]) for r in s.requests], [
            ("GET", "/user_data/cloud-init", b""),
            ("GET", "/user_data/", b""),
            ("PATCH", "/user_data/key", b"a=b c"),
            ("DELETE", "/user_data/key", b""),
            ("PATCH", "/user_data/a%20b", b"x"),
        ])
        self.assertEqual(s.requests[2]["headers"]["content-type"], "text/plain")
        for r in s.requests:
            self.assertLess(r["port"], 1024)

        s.behaviours = [answer(b"Invalid key", "404 Not Found")]
        self.assertEqual(self.signal("-u", "missing", status=1), b"")
        self.one_line("REQUEST ERROR [404]")
        n = len(s.requests)
        for key in ("../a", "..=", ".=", "a/b=x"):
            self.signal("-u", key, status=1)
            self.one_line("slash")
        self.assertEqual(len(s.requests), n)
        s.behaviours = [answer(b"", "429 Too Many Requests"), answer(b"v")]
        self.assertEqual(self.signal("-u", "key", least=1, most=4), b"v\n")

    def test_arguments(self):
        self.assertIn(b"--once", self.signal("--help"))
        self.assertTrue(self.signal("--version").startswith(b"scw-signal-state "))
        for args in ((), ("a", "b"), ("-x",), ("-u", "=x"), ("--timeout=0", "a"), ("-s",)):
            self.signal(*args, status=1, most=2)

    @unittest.skipIf(shutil.which("strace") is None, "strace is missing")
    def test_nothing_is_opened_by_path_after_the_first_try(self):
        self.skip_if_sanitized()
        self.service(answer(b"", "500 Oops"), reset, STATE_TAKEN)
        trace = self.directory / "trace"
        strace = ("strace", "-f", "-o", trace, "-e", "trace=open,openat,stat,access,newfstatat,connect")
        if subprocess.run([*strace, "true"], capture_output=True).returncode != 0:
            self.skipTest("strace does not work here: no ptrace")
        self.signal("booted", prefix=strace)
        lines = trace.read_text().splitlines()
        first = next(i for i, line in enumerate(lines) if "sin_port" in line)
        for line in lines[first:]:
            self.assertFalse("AT_FDCWD" in line or " open(" in line or " access(" in line, line)


class Static:
    """The static program, which is another client of HTTP, by its name in /run/initramfs."""

    def program(self, name):
        if name != "scw-signal-state":
            return super().program(name)
        link = pathlib.Path(tempfile.mkdtemp(prefix="test-http-programs-")) / name
        self.addCleanup(shutil.rmtree, link.parent)
        link.symlink_to(BUILD / "scaleway-exit")
        return link


class SignalStateOfTheHost(Static, SignalState):
    def test_older_name(self):
        s = self.service(STATE_TAKEN)
        subprocess.run(["@scw-update-server-state", "-s", "booted"], executable=BUILD / "scaleway-exit", env=self.environment, check=True)
        self.assertEqual(self.state(), "booted\n")
        self.assertEqual(len(s.requests), 1)

    def test_name_of_the_service(self):
        self.environment["METADATA_IP"] = "metadata.test"
        self.signal("--timeout=2", "booted", status=1, most=4)
        self.one_line("name does not resolve")

    def test_unreachable_for_minutes(self):
        """The pauses grow to 5 s and no further, so it arrives soon after the service is back: here the first seconds of it."""
        s = self.service(STATE_TAKEN)
        s.close()
        p = self.start("scw-signal-state", "--once", "--timeout=3600", "booted")
        time.sleep(12)
        again = Service(STATE_TAKEN, port=s.port)
        self.addCleanup(again.close)
        begin = time.monotonic()
        self.finish(p)
        self.assertLess(time.monotonic() - begin, 8)
        self.assertEqual(len(again.requests), 1)

    def test_answers_that_are_none(self):
        """Each is tried again, in bounded time and memory."""
        for bad in (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n",
                    b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 200000, b"HTTP/2 200\r\n\r\n", b"SSH-2.0-x\r\n", b"", b"HTTP/1.1 200 OK\r\nA: b\r\n",
                    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"):
            with self.subTest(bad[:60]):
                s = self.service(lambda c, stop, data=bad: c.sendall(data), STATE_TAKEN)
                self.signal("booted", most=5)
                self.assertEqual(len(s.requests), 2)

    def test_answers_that_are_some(self):
        for good in (b"HTTP/1.0 200\r\n\r\n", b"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nuntil the end",
                     b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nTrailer: t\r\n\r\n", b"HTTP/1.1 200 OK\nContent-Length:2\n\nokHTTP/1.1 500 x\r\n\r\n"):
            with self.subTest(good[:60]):
                s = self.service(lambda c, stop, data=good: c.sendall(data))
                self.signal("booted", most=5)
                self.assertEqual(len(s.requests), 1)


@unittest.skipIf(os.geteuid() != 0, "source ports below 1024 need root")
class UserData(Programs):
    """rows: A27, against a service that looks at the source port, as the platform's does."""

    def user_data(self, *args, stdin=None, **kwargs):
        return self.call("scw-userdata", *args, stdin=stdin, **kwargs)

    def controlplane(self, **user_data):
        plane = controlplane.ControlPlane([("127.0.0.1", 0)], user_data=user_data).start()
        self.addCleanup(plane.stop)
        self.environment |= {"METADATA_IP": "127.0.0.1", "METADATA_PORT": str(plane.ports[0])}
        return plane

    def test_get_set_delete(self):
        plane = self.controlplane(**{"cloud-init": b"#!/bin/sh\n\0\xff no end"})
        self.assertEqual(self.user_data("cloud-init"), b"#!/bin/sh\n\0\xff no end")
        self.assertEqual(self.user_data("ssh-host-fingerprints", "256 SHA256:x host (ED25519)"), b"")
        self.assertEqual(self.user_data("ssh-host-fingerprints"), b"256 SHA256:x host (ED25519)")
        self.assertEqual(self.user_data().splitlines()[0], b"USER_DATA=2")
        self.assertIn(b"=ssh-host-fingerprints\n", self.user_data())
        # An empty value reads, as it always did.
        self.assertEqual(self.user_data("cloud-init", "")[:9], b"#!/bin/sh")
        self.assertEqual(self.user_data("--delete", "cloud-init"), b"")
        self.assertEqual(self.user_data("cloud-init", status=2), b"")
        self.one_line("no user data 'cloud-init'")
        records = plane.records()
        self.assertEqual([r["status"] for r in records], [200, 204, 200, 200, 200, 200, 204, 404])
        for r in records:
            self.assertLess(r["port"], 1024)
        self.assertEqual(records[1]["headers"]["content-type"], "text/plain")

    def test_value_from_a_file_stays_out_of_the_arguments(self):
        plane = self.controlplane()
        secret = b"\0binary\xff\nand no end"
        self.user_data("--file=-", "a", stdin=secret)
        (self.directory / "value").write_bytes(secret + b"\n")
        self.user_data("b", "--file", self.directory / "value")
        self.assertEqual(plane.user_data, {"a": secret, "b": secret + b"\n"})
        self.user_data("--file=-", "c", stdin=b"", status=1)
        self.one_line("empty", "--delete")
        self.user_data("--file=-", "c", stdin=b"x" * ((1 << 20) + 1), status=1)
        self.one_line("longer than")
        self.user_data("--file=/nowhere", "c", status=1)
        self.one_line("No such file")
        self.assertEqual(len(plane.records()), 2)

    def test_keys(self):
        plane = self.controlplane(**{"a b": b"1", "..x": b"2", "%2e%2e": b"3"})
        for key, value in (("a b", b"1"), ("..x", b"2"), ("%2e%2e", b"3")):
            self.assertEqual(self.user_data(key), value)
        n = len(plane.records())
        for key in (".", "..", "../state", "a/b", "", "two\nlines", "x" * 256):
            for args in ((key,), (key, "v"), ("--delete", key)):
                self.user_data(*args, status=1)
                self.one_line("A key is")
        self.assertEqual(len(plane.records()), n)

    def test_busy(self):
        s = self.service(answer(b"", "429 Too Many Requests", "Retry-After: 2"), answer(b"", "503 Busy"), reset, answer(b"v"))
        self.assertEqual(self.user_data("key", least=2, most=8), b"v")
        self.assertEqual(len(s.requests), 4)
        self.assertGreaterEqual(s.requests[1]["time"] - s.requests[0]["time"], 1.9)
        ports = [r["port"] for r in s.requests]
        # At random, of 424: two may be the same once in seventy runs.
        self.assertGreaterEqual(len(set(ports)), 2, f"each try begins at a port of its own: {ports}")
        s.behaviours = [answer(b"", "429 Too Many Requests", "Retry-After: 3600")]
        self.assertEqual(self.user_data("--timeout=3", "key", status=4, most=6), b"")
        self.one_line("429", "3 s")
        # Nobody is asked again and again by who gets no answer.
        self.assertLess(len(s.requests), 8)

    def test_refused(self):
        s = self.service(answer(b"Only from a source port below 1024.\nMore\n", "403 Forbidden"))
        self.assertEqual(self.user_data("key", status=3), b"")
        self.one_line("REQUEST ERROR [403]", "below 1024.")
        s.behaviours = [answer(b"\x1b[2J", "400 Bad Request")]
        self.user_data("key", "value", status=3)
        self.one_line("REQUEST ERROR [400]", "?[2J")
        s.behaviours = [answer(b"", "302 Found", "Location: http://127.0.0.1:1/")]
        self.user_data("key", status=3)
        s.behaviours = [answer(b"", "404 Not Found")]
        self.user_data(status=3)
        self.assertEqual(len(s.requests), 4)

    def test_unreachable(self):
        self.service(silent).close()
        self.assertEqual(self.user_data("--timeout=2", "key", status=4, least=1, most=4), b"")
        self.one_line("connection refused", "2 s")
        self.service(silent)
        self.user_data("--timeout=2", "key", status=4, most=4)
        self.one_line("time-out")

    def test_hostile_answers(self):
        s = self.service(answer(b"x" * ((1 << 20) + 1)))
        self.user_data("--timeout=4", "key", status=1, most=6)
        self.one_line("longer than")
        for act in (endless, garbage, truncated, drip):
            s.behaviours = [act]
            self.assertEqual(self.user_data("--timeout=2", "key", status=(1 if act is endless else 4), most=6), b"", act)

    def test_ports_run_out(self):
        """Those above are taken: one of the others is used."""
        plane = self.controlplane(key=b"v")
        for port in range(600, 1024):
            with contextlib.suppress(OSError):
                taken = socket.socket()
                self.addCleanup(taken.close)
                taken.bind(("0.0.0.0", port))
        self.assertEqual(self.user_data("key"), b"v")
        self.assertLess(plane.records()[0]["port"], 600)

    def test_address_of_the_metadata(self):
        plane = self.controlplane(key=b"v")
        self.environment["METADATA_IP"] = ""
        self.scaleway.mkdir()
        (self.scaleway / "metadata-address").write_text("127.0.0.1\n")
        self.assertEqual(self.user_data("key"), b"v")
        self.assertEqual(len(plane.records()), 1)

    def test_output_that_cannot_be_written(self):
        self.controlplane(key=b"v")
        with open("/dev/full", "wb") as full:
            p = subprocess.run([BUILD / "scw-userdata", "key"], env=self.environment, stdin=subprocess.DEVNULL, stdout=full,
                               stderr=subprocess.PIPE, timeout=20)
        self.assertEqual(p.returncode, 1)
        self.assertIn(b"No space left", p.stderr)

    def test_arguments(self):
        self.assertIn(b"--delete", self.user_data("--help"))
        self.assertTrue(self.user_data("--version"))
        for args in (("a", "b", "c"), ("--delete",), ("--delete", "a", "b"), ("--file=-",), ("--file=-", "a", "b"), ("-x",),
                     ("--delete", "--file=-", "a"), ("--timeout=x", "a"), ("key", "-----BEGIN")):
            self.user_data(*args, status=1, most=2)
        plane = self.controlplane()
        self.user_data("key", "--", "-----BEGIN")
        self.assertEqual(plane.user_data, {"key": b"-----BEGIN"})


@unittest.skipIf(os.geteuid() != 0, "network namespaces need root")
class Networks(Programs):
    """Both addresses of the platform, in a network namespace with nothing in it."""

    def setUp(self):
        super().setUp()
        for tool in ("ip", "nsenter", "setpriv", "unshare"):
            if shutil.which(tool) is None:
                self.skipTest(f"{tool} is missing")
        holder = subprocess.Popen(["unshare", "--net", "--", "sh", "-c", "echo ready; exec sleep 300"],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        if holder.stdout.readline() != b"ready\n":
            self.skipTest("no network namespaces here")
        self.pid = holder.pid
        self.prefix = ("nsenter", "-t", str(holder.pid), "--net", "--")
        self.ip("link", "set", "lo", "up")

    def ip(self, *args):
        subprocess.run([*self.prefix, "ip", *args], check=True)

    def both(self, v4, v6):
        return tuple(self.service(b, host=h, port=80, namespace=self.pid)
                     for b, h in ((v4, "0.0.0.0"), (v6, "::")) if b)

    def black_hole(self):
        """A way to 169.254.42.42 on which everything is lost."""
        if subprocess.run([*self.prefix, "ip", "link", "add", "hole", "type", "veth", "peer", "name", "other"],
                          capture_output=True).returncode != 0:
            self.skipTest("no veth devices here")
        self.ip("addr", "add", "192.0.2.1/24", "dev", "hole")
        self.ip("link", "set", "hole", "up")
        self.ip("link", "set", "other", "up")
        self.ip("route", "add", "169.254.42.42/32", "dev", "hole")
        # Nobody has that link layer address, so what is sent there is dropped.
        self.ip("neigh", "add", "169.254.42.42", "lladdr", "02:00:00:00:00:99", "dev", "hole")

    def add_v4(self):
        self.ip("addr", "add", "169.254.42.42/32", "dev", "lo")

    def add_v6(self):
        self.ip("addr", "add", "fd00:42::42/128", "dev", "lo", "nodad")

    def address(self):
        return (self.scaleway / "metadata-address").read_text()


@unittest.skipIf(os.geteuid() != 0, "network namespaces need root")
class Addresses(Networks):
    def test_v4(self):
        self.both(answer(), None)
        self.add_v4()
        self.call("scw-metadata", "--fetch", prefix=self.prefix, most=2)
        self.assertEqual(self.address(), "169.254.42.42\n")

    def test_v6_only(self):
        s, = self.both(None, answer())
        self.add_v6()
        self.call("scw-metadata", "--fetch", prefix=self.prefix, most=2)
        self.assertEqual(self.address(), "fd00:42::42\n")
        self.assertEqual(s.requests[0]["headers"]["host"], "[fd00:42::42]")

    def test_v4_lost_v6_wins(self):
        self.both(None, answer())
        self.black_hole()
        self.add_v6()
        self.call("scw-metadata", "--fetch", prefix=self.prefix, least=0.2, most=2)
        self.assertEqual(self.address(), "fd00:42::42\n")

    def test_goes_out_as_soon_as_there_is_an_address(self):
        self.both(answer(), None)
        p = self.start("scw-metadata", "--fetch", prefix=self.prefix)
        # By then the pauses are longer than what is allowed below.
        time.sleep(5)
        self.assertIsNone(p.poll())
        begin = time.monotonic()
        self.add_v4()
        self.finish(p)
        self.assertLess(time.monotonic() - begin, 0.8)

    def test_leaves_a_lost_connection_for_a_new_route(self):
        self.both(answer(), None)
        self.black_hole()
        p = self.start("scw-metadata", "--fetch", prefix=self.prefix)
        time.sleep(1.5)
        begin = time.monotonic()
        self.add_v4()
        self.finish(p)
        self.assertLess(time.monotonic() - begin, 0.8)

    def test_no_network_at_all(self):
        begin_cpu = os.times()
        self.call("scw-metadata", "--fetch", "--timeout=3", status=1, most=4, prefix=self.prefix)
        end_cpu = os.times()
        self.one_line("network unreachable", NO_DOCUMENT)
        self.assertLess(end_cpu.children_user + end_cpu.children_system - begin_cpu.children_user -
                        begin_cpu.children_system, 1)

    def test_dead_name_servers(self):
        """Two, of which none answers: the limit holds all the same, but for one question to each."""
        self.black_hole()
        resolv_conf = self.directory / "resolv.conf"
        for server in ("192.0.2.53", "192.0.2.54"):
            self.ip("neigh", "add", server, "lladdr", "02:00:00:00:00:99", "dev", "hole")
            with open(resolv_conf, "a") as f:
                f.write(f"nameserver {server}\n")
        private = ("unshare", "--mount", "--", "sh", "-c", 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"', "sh")
        self.environment |= {"METADATA_IP": "meta.test"}
        self.call("scw-metadata", "--fetch", "--timeout=3", status=1, most=9, prefix=(*self.prefix, *private, resolv_conf))
        self.one_line("did not answer", NO_DOCUMENT)


@unittest.skipIf(os.geteuid() != 0, "network namespaces need root")
class StateAddresses(Networks):
    def test_user_data_needs_root(self):
        # In a network namespace of our own ports below 1024 are privileged, which in a container's they may be not.
        s, = self.both(answer(b"v"), None)
        self.add_v4()
        program = self.directory / "scw-signal-state"
        shutil.copy(self.program("scw-signal-state"), program)
        self.directory.chmod(0o755)
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--")
        p = subprocess.run([*self.prefix, *nobody, program, "-u", "key"], env=self.environment, capture_output=True, timeout=20)
        self.assertEqual(p.returncode, 1)
        self.assertIn(b"run this as root", p.stderr)
        self.assertEqual(s.requests, [])
        self.call("scw-signal-state", "-u", "key", prefix=self.prefix)
        self.assertEqual(self.out, b"v\n")
        shutil.copy(BUILD / "scw-userdata", program)
        p = subprocess.run([*self.prefix, *nobody, program, "key"], env=self.environment, capture_output=True, timeout=20)
        self.assertEqual(p.returncode, 1)
        self.assertIn(b"run this as root", p.stderr)

    def test_user_data_at_both_addresses(self):
        s, = self.both(None, answer(b"v"))
        self.add_v4()
        self.add_v6()
        self.call("scw-userdata", "key", prefix=self.prefix, most=2)
        self.assertEqual(self.out, b"v")
        self.assertLess(s.requests[0]["port"], 1024)

    def test_state_at_both_addresses(self):
        s, = self.both(None, STATE_TAKEN)
        self.add_v4()
        self.add_v6()
        self.call("scw-signal-state", "booted", prefix=self.prefix, most=2)
        self.assertEqual(len(s.requests), 1)

    def test_state_at_the_other_address(self):
        """The one that answered is asked first. The host may have another network than the initrd had."""
        v4, v6 = self.both(STATE_TAKEN, STATE_TAKEN)
        self.add_v4()
        self.add_v6()
        self.scaleway.mkdir()
        for address, asked in (("169.254.42.42", v4), ("fd00:42::42", v6)):
            (self.scaleway / "metadata-address").write_text(f"{address}\n")
            n = len(asked.requests)
            self.call("scw-signal-state", "booted", prefix=self.prefix, most=2)
            self.assertEqual(len(asked.requests), n + 1)
        v6.close()
        self.call("scw-signal-state", "booted", prefix=self.prefix, most=2)
        self.assertEqual(len(v4.requests), 2)

    def test_state_goes_out_as_soon_as_there_is_an_address(self):
        s, = self.both(STATE_TAKEN, None)
        p = self.start("scw-signal-state", "booted", prefix=self.prefix)
        time.sleep(5)
        self.assertIsNone(p.poll())
        begin = time.monotonic()
        self.add_v4()
        self.finish(p)
        self.assertLess(time.monotonic() - begin, 0.8)
        self.assertEqual(len(s.requests), 1)

    def test_state_leaves_a_lost_connection_for_a_new_route(self):
        self.both(STATE_TAKEN, None)
        self.black_hole()
        p = self.start("scw-signal-state", "booted", prefix=self.prefix)
        time.sleep(1.5)
        begin = time.monotonic()
        self.add_v4()
        self.finish(p)
        self.assertLess(time.monotonic() - begin, 0.8)


@unittest.skipIf(os.geteuid() != 0, "network namespaces need root")
class StateAddressesOfTheHost(Static, StateAddresses):
    """rows: A10"""


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    BUILD = pathlib.Path(sys.argv[1]).resolve()
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    unittests.main(sys.argv[2:])
