#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scaleway-stream against servers that misbehave and archives that nobody should unpack (tarballs.py).

Usage: test-stream.py BUILD-DIRECTORY [unittest arguments]. What needs root (owners, devices, small file systems) is skipped
without, and then the exit status is 77. Covers the rows: C3; and what the streamer does for B5 and C5, which boot with it.
"""

import contextlib
import functools
import gzip
import hashlib
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import ssl
import stat
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest
import warnings

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import tarballs
import unittests

BUILD = pathlib.Path()
ROOT = os.geteuid() == 0
DATE = "Thu, 26 Nov 2026 04:00:00 GMT"


class Resource:
    """What a path answers. plan: for each connection in turn, the last one ever after, a dictionary of

    status     instead of 200 or 206, with the fields of `fields`
    cut        reset the connection after so many bytes of the body
    close      the same, but close it in order
    stall      say nothing more after so many bytes
    gate       (so many bytes, an event that is waited for before the rest)
    rate       bytes a second
    ranges     False: a Range is not looked at
    etag, date what it says now; None: nothing
    body       other contents than usual
    length     what Content-Length says; None: no such field
    start      what Content-Range says, instead of the truth
    drop       close the connection without a word
    """

    def __init__(self, body, *plan):
        self.body = body
        self.plan = list(plan) or [{}]
        self.requests = []


class Server:
    def __init__(self, certificate=None):
        self.resources = {}
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def url(self, path):
        return f"{'https' if self.context else 'http'}://127.0.0.1:{self.port}/{path}"

    def add(self, path, body, *plan):
        self.resources["/" + path] = Resource(body, *plan)
        return self.url(path)

    def requests(self, path):
        return self.resources["/" + path].requests

    def serve(self):
        while not self.stop.is_set():
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        with contextlib.suppress(OSError):
            connection.settimeout(30)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                while self.answer(connection):
                    pass

    def answer(self, c):
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := c.recv(65536)):
                return False
            data += more
        first, *fields = data.split(b"\r\n\r\n", 1)[0].decode("latin1").split("\r\n")
        headers = {k.lower(): v.strip() for k, v in (f.split(":", 1) for f in fields)}
        resource = self.resources.get(first.split(" ")[1])
        if not resource:
            c.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return True
        with self.lock:
            resource.requests.append(headers)
            act = resource.plan.pop(0) if len(resource.plan) > 1 else resource.plan[0]
        return self.send(c, act, act.get("body", resource.body), headers)

    def send(self, c, act, body, headers):
        if act.get("drop"):
            return False
        etag, date = act.get("etag", '"one"'), act.get("date")
        start = 0
        wanted = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
        if wanted and act.get("ranges", True) and headers.get("if-range") in (etag, date):
            start = int(wanted[1])
        status = act.get("status") or (416 if start and start >= len(body) else 206 if start else 200)
        lines = [f"HTTP/1.1 {status} x"]
        if status == 206:
            lines.append(f"Content-Range: bytes {act.get('start', start)}-{len(body) - 1}/{len(body)}")
        length = act.get("length", len(body) - start if status < 300 else 0)
        if length is not None:
            lines.append(f"Content-Length: {length}")
        lines += [f"ETag: {etag}"] if etag else []
        lines += [f"Last-Modified: {date}"] if date else []
        lines += act.get("fields", [])
        c.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        if status >= 300:
            return True
        return self.send_body(c, act, body[start:]) and length is not None and length == len(body) - start

    def send_body(self, c, act, body):
        end = min(act.get("cut", len(body)), act.get("close", len(body)), act.get("stall", len(body)))
        piece = max(act["rate"] // 10, 1) if "rate" in act else 1 << 20
        first = 0
        if "gate" in act:
            first, event = act["gate"]
            c.sendall(body[:first])
            event.wait(30)
        for i in range(first, end, piece):
            c.sendall(body[i : min(i + piece, end)])
            if "rate" in act and self.stop.wait(0.1):
                return False
        if "stall" in act:
            self.stop.wait(30)
        if "cut" in act:
            # What is still on its way is lost with a reset.
            time.sleep(0.1)
            c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return not {"cut", "close", "stall"} & set(act)

    def close(self):
        self.stop.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def look(root, names=None):
    """{path: what it is}, of a whole tree or of these names in it."""
    root = os.fsencode(root)
    result = {}
    links = {}
    for folder, folders, files in os.walk(root):
        for name in [*folders, *files, b""]:
            path = os.path.join(folder, name) if name else folder
            st = os.lstat(path)
            relative = os.path.relpath(path, root)
            row = {"mode": st.st_mode, "owner": (st.st_uid, st.st_gid), "mtime": st.st_mtime_ns}
            if stat.S_ISREG(st.st_mode):
                row["size"] = st.st_size
                with open(path, "rb") as f:
                    row["contents"] = hashlib.file_digest(f, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else f.read()
            elif stat.S_ISLNK(st.st_mode):
                row["target"] = os.readlink(path)
            elif stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
                row["device"] = st.st_rdev
            if not stat.S_ISDIR(st.st_mode):
                row["links"] = st.st_nlink
                links.setdefault((st.st_dev, st.st_ino), []).append((relative, row))
            row["xattrs"] = {n: os.getxattr(path, n, follow_symlinks=False) for n in os.listxattr(path, follow_symlinks=False)}
            result[relative] = row
    # The file system lists names in an order of its own.
    for names_and_rows in links.values():
        for _, row in names_and_rows:
            row["first"] = min(name for name, _ in names_and_rows)
    return result


class Streams(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.base = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="stream-"))) if hasattr(
            self, "enterContext") else pathlib.Path(tempfile.mkdtemp(prefix="stream-"))
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.target = self.base / "target"
        self.target.mkdir()
        self.server = Server()
        self.addCleanup(self.server.close)

    def stream(self, url, *options, status=0, environment=None, target=None):
        """Returns the lines of standard error."""
        r = subprocess.run(
            [BUILD / "scaleway-stream", *options, url, target or self.target], capture_output=True, text=True, errors="replace",
            check=False, timeout=120, env={**os.environ, **(environment or {})},
        )  # fmt: skip
        self.assertEqual(r.returncode, status, r.stderr)
        self.assertEqual(r.stdout, "")
        return r.stderr.splitlines()

    def refused(self, url, reason, *options, **more):
        """It fails, for this reason in one last line, and leaves nothing that looks like a root."""
        lines = self.stream(url, *options, status=1, **more)
        self.assertRegex(lines[-1], reason)
        self.assertEqual(os.listdir(self.target), [])
        return lines

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.base, capture_output=True, check=True)

    def keys(self, kind):
        if kind == "rsa":
            self.openssl("genrsa", "-out", "key.pem", "2048")
        elif kind == "ed25519":
            self.openssl("genpkey", "-algorithm", "ed25519", "-out", "key.pem")
        else:
            self.openssl("ecparam", "-genkey", "-name", kind, "-noout", "-out", "key.pem")
        self.openssl("pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
        return f"--key={self.base / 'public.pem'}"

    def sign(self, data):
        (self.base / "data").write_bytes(data)
        self.openssl("dgst", "-sha256", "-sign", "key.pem", "-out", "signature", "data")
        return (self.base / "signature").read_bytes()


def payload(size=3 << 20):
    """An archive that does not compress."""
    noise = (tarballs.NOISE * (size // len(tarballs.NOISE) + 1))[:size]
    return tarballs.FILE + tarballs.entry(b"noise", noise) + tarballs.END


PAYLOAD = payload()


class Formats(Streams):
    """What comes out, beside what GNU tar makes of the same archive."""

    def make_tree(self):
        tree = self.base / "tree"
        (tree / "usr/bin").mkdir(parents=True)
        (tree / "usr/bin/program").write_bytes(b"\x7fELF" + tarballs.NOISE)
        (tree / "usr/bin/program").chmod(0o755)
        (tree / "etc").mkdir()
        (tree / "etc/empty").write_bytes(b"")
        (tree / "bin").symlink_to("usr/bin")
        (tree / "etc/absolute").symlink_to("/etc/nowhere")
        os.link(tree / "usr/bin/program", tree / "usr/bin/another")
        (tree / ("long" * 40)).mkdir()
        (tree / ("long" * 40) / ("name" * 50)).write_bytes(b"long")
        (tree / "link-to-long").symlink_to("x" * 180)
        for name in ("e\u0301".encode(), "\u00e9".encode(), b"not-utf8-\xff", b"blank and\nnewline"):
            with open(os.path.join(os.fsencode(tree), name), "wb") as f:
                f.write(name)
        with open(tree / "sparse", "wb") as f:
            f.seek(5 << 20)
            f.write(b"end")
            f.seek(1 << 20)
            f.write(b"middle")
            f.truncate(8 << 20)
        (tree / "read-only").mkdir()
        (tree / "read-only/file").write_bytes(b"x")
        if ROOT:
            os.mknod(tree / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            os.mknod(tree / "disk", 0o660 | stat.S_IFBLK, os.makedev(254, 300))
            os.mkfifo(tree / "fifo", 0o600)
            os.chown(tree / "etc/empty", 12345, 3000000)
            os.chown(tree / "bin", 7, 8, follow_symlinks=False)
            os.chown(tree / "usr/bin/program", 0, 42)
            os.chmod(tree / "usr/bin/program", 0o6755)
        (tree / "etc").chmod(0o2775)
        (tree / "read-only").chmod(0o1555)
        # Times, of directories last.
        for i, path in enumerate(sorted(tree.rglob("*"), key=lambda p: -len(p.parts))):
            os.utime(path, ns=(0, 10**18 + i * 10**9), follow_symlinks=False)
        os.utime(tree, ns=(0, 10**18))
        return tree

    def compare(self, archive, *tar_options, compress=None, expected=None):
        """archive: its path. GNU tar's tree is the measure, if no other is given."""
        if not expected:
            expected = self.base / "expected"
            shutil.rmtree(expected, ignore_errors=True)
            expected.mkdir()
            subprocess.run(["tar", "--extract", "--numeric-owner", "--preserve-permissions", *tar_options, "--file", archive,
                            "--directory", expected], check=True)  # fmt: skip
        shutil.rmtree(self.target)
        self.target.mkdir()
        lines = self.stream(self.server.add("archive", (compress or bytes)(archive.read_bytes())), "--progress=0")
        found, measure = look(self.target), look(expected)
        self.assertEqual(sorted(found), sorted(measure))
        for path, row in measure.items():
            self.assertEqual(found[path], row, path)
        return lines

    def tar(self, tree, *options):
        path = self.base / "archive.tar"
        subprocess.run(["tar", "--create", "--numeric-owner", *options, "--file", path, "--directory", tree, "."], check=True)
        return path

    def test_compressions(self):
        archive = self.tar(self.make_tree(), "--format=gnu")
        for name, compress in {"not compressed": bytes, "gzip": tarballs.COMPRESSORS["gz"], "xz": tarballs.COMPRESSORS["xz"],
                               "bzip2": tarballs.COMPRESSORS["bz2"], "zstd": tarballs.COMPRESSORS["zst"],
                               "lz4": tarballs.COMPRESSORS["lz4"]}.items():  # fmt: skip
            with self.subTest(name):
                self.assertIn(f"({name})", self.compare(archive, compress=compress)[-1])

    def test_several_members(self):
        """Several members, blocks or frames, as those make that compress in parallel. pzstd says how long each frame is, in one that is
        passed over; pixz puts an index behind the archive."""
        archive = self.tar(self.make_tree(), "--format=gnu")
        plain = archive.read_bytes()
        parts = [plain[i : i + 300000] for i in range(0, len(plain), 300000)]
        cases = {name: b"".join(tarballs.COMPRESSORS[name](p) for p in parts) for name in ("gz", "bz2", "zst", "lz4", "xz")}
        cases["xz -T2"] = tarballs.run(["xz", "-0", "--block-size=100000", "-T2", "-c"], plain)
        cases["pixz"] = tarballs.run(["pixz", "-0"], plain)
        cases["pzstd"] = tarballs.run(["pzstd", "-q", "-c", "-p2", "-1"], plain)
        self.assertGreater(cases["pzstd"].count(b"\x50\x2a\x4d\x18\4\0\0\0"), 1, "frames of pzstd")
        for name, data in cases.items():
            with self.subTest(name):
                shutil.rmtree(self.target)
                self.target.mkdir()
                self.stream(self.server.add("archive", data), "--progress=0")
                self.assertEqual((self.target / "usr/bin/program").read_bytes(), b"\x7fELF" + tarballs.NOISE)

    def test_tar_formats(self):
        tree = self.make_tree()
        for options in (["--format=gnu"], ["--format=pax"], ["--format=gnu", "--sparse"], *(
            ["--format=pax", "--sparse", f"--sparse-version={v}"] for v in ("0.0", "0.1", "1.0")
        )):
            with self.subTest(options):
                self.compare(self.tar(tree, *options))
                if "--sparse" in options:
                    self.assertLess((self.target / "sparse").stat().st_blocks * 512, 1 << 20)

    def test_old_formats(self):
        """They have no room for long names."""
        tree = self.base / "tree"
        tree.mkdir()
        (tree / "file").write_bytes(b"x" * 1000)
        (tree / "link").symlink_to("file")
        os.link(tree / "file", tree / "hard")
        for name in ("v7", "oldgnu", "ustar"):
            with self.subTest(name):
                self.compare(self.tar(tree, f"--format={name}"))

    def test_other_archivers(self):
        """bsdtar's and Python's own ways to write the same."""
        if not shutil.which("bsdtar"):
            self.skipTest("bsdtar is missing")
        tree = self.make_tree()
        path = self.base / "archive.tar"
        for name in ("pax", "gnutar"):
            with self.subTest(f"bsdtar {name}"):
                subprocess.run(["bsdtar", "-c", "--numeric-owner", "--format", name, "--no-xattrs", "--no-acls", "-f", path, "-C", tree,
                                "."], env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False, capture_output=True)  # fmt: skip
                # bsdtar does not write directory by directory, and then GNU tar sets the time of some too early.
                self.compare(path, expected=tree)
        for name, kind in (("pax", tarfile.PAX_FORMAT), ("gnu", tarfile.GNU_FORMAT)):
            with self.subTest(f"Python {name}"):
                with tarfile.open(path, "w", format=kind, errors="surrogateescape") as f:
                    f.add(tree, ".", filter=self.numeric)
                self.compare(path)

    @staticmethod
    def numeric(member):
        member.uname = member.gname = ""
        member.mtime = int(member.mtime)
        return member

    def test_attributes(self):
        if not ROOT:
            self.skipTest("not root")
        tree = self.make_tree()
        # An ext4 or tmpfs of a kernel before 6.6 may not take all of these.
        os.setxattr(tree / "usr/bin/program", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
        os.setxattr(tree / "bin", "trusted.link", b"x", follow_symlinks=False)
        with contextlib.suppress(OSError):
            os.setxattr(tree / "etc", "user.folder", b"\0\xff\n=")
            os.setxattr(tree / "etc/empty", "user.long." + "n" * 200, b"v" * 3000)
        acl = struct.pack("<I", 2)
        for tag, perm, who in ((1, 7, -1), (2, 6, 4711), (2, 4, 3000000), (4, 5, -1), (8, 4, 0), (0x10, 7, -1), (0x20, 0, -1)):
            acl += struct.pack("<HHi", tag, perm, who)
        os.setxattr(tree / "etc", "system.posix_acl_default", acl)
        os.setxattr(tree / "etc", "system.posix_acl_access", acl)
        os.setxattr(tree / "usr/bin/program", "system.posix_acl_access", acl)
        os.utime(tree / "etc", ns=(0, 10**18 + 12345))
        archive = self.tar(tree, "--format=pax", "--xattrs", "--xattrs-include=*", "--acls")
        self.compare(archive, "--xattrs", "--xattrs-include=*", "--acls")
        found = look(self.target)[b"etc"]["xattrs"]
        self.assertEqual(found["system.posix_acl_default"], acl)

    def test_acl_by_name(self):
        """Whose numbers would these be? Such an entry is left out, and said so."""
        archive = tarballs.pax({"SCHILY.acl.access": b"user::rw-,user:daemon:rw-,group::r--,mask::r--,other::r--"})
        lines = self.stream(self.server.add("a", archive + tarballs.entry(b"f", b"x") + tarballs.END))
        self.assertRegex(lines[0], "1 ACL entries name their user or group without a number")

    def test_owners_by_number(self):
        if not ROOT:
            self.skipTest("not root")
        block = bytearray(tarballs.header(b"f", uid=4711, gid=4712))
        block[265:271] = b"daemon"
        block[148:156] = b" " * 8
        block[148:156] = f"{sum(block):06o}".encode() + b"\0 "
        self.stream(self.server.add("a", bytes(block) + tarballs.END))
        st = os.stat(self.target / "f")
        self.assertEqual((st.st_uid, st.st_gid), (4711, 4712))

    def test_lost_and_found_stays(self):
        (self.target / "lost+found").mkdir()
        self.stream(self.server.add("a", PAYLOAD))
        self.assertEqual(sorted(os.listdir(self.target)), ["before", "lost+found", "noise"])

    def test_result_line(self):
        lines = self.stream(self.server.add("a", PAYLOAD))
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], r"^Unpacked 2 entries, 3\.1 MB, from 3\.1 MB \(not compressed\) in \d+\.\d s\.$")


class Network(Streams):
    def complete(self):
        self.assertEqual(look(self.target)[b"noise"]["size"], 3 << 20)
        self.assertEqual((self.target / "noise").read_bytes(), PAYLOAD[3 * 512 + 512 :][: 3 << 20])

    def test_resume(self):
        url = self.server.add("a", PAYLOAD, {"cut": 1000000}, {"cut": 500000}, {})
        lines = self.stream(url, f"--sha256={hashlib.sha256(PAYLOAD).hexdigest()}")
        self.complete()
        ranges = [r.get("range") for r in self.server.requests("a")]
        self.assertEqual(ranges, [None, "bytes=1000000-", "bytes=1500000-"])
        self.assertEqual({r.get("if-range") for r in self.server.requests("a")[1:]}, {'"one"'})
        self.assertRegex(lines[0], r"Download interrupted after 1\.0 MB: connection lost .*; resuming there\.")

    def test_resume_closed_in_order(self):
        url = self.server.add("a", PAYLOAD, {"close": 1000000}, {})
        self.stream(url)
        self.complete()
        self.assertEqual(self.server.requests("a")[1]["range"], "bytes=1000000-")

    def test_resume_by_date(self):
        """A weak ETag is no identity of bytes."""
        url = self.server.add("a", PAYLOAD, {"cut": 1000000, "etag": 'W/"one"', "date": DATE}, {"etag": 'W/"one"', "date": DATE})
        self.stream(url)
        self.complete()
        self.assertEqual(self.server.requests("a")[1]["if-range"], DATE)

    def test_resume_compressed(self):
        body = tarballs.COMPRESSORS["gz"](PAYLOAD)
        self.stream(self.server.add("a", body, {"cut": 50000}, {}))
        self.complete()

    def regular_files(self, pid):
        """What the process has open of them, also without a name or in memory only."""
        for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISREG(fd.stat().st_mode):
                    yield os.readlink(fd)

    def wait_for_file(self, name, size):
        deadline = time.monotonic() + 20
        while not (self.target / name).exists() or (self.target / name).stat().st_size < size:
            self.assertLess(time.monotonic(), deadline, f"{name}: {os.listdir(self.target)}")
            time.sleep(0.02)

    def test_in_one_pass(self):
        """Of a download of which half is there nearly that half is unpacked, and it has been kept nowhere else: neither in a file with
        a name nor in one without."""
        half = len(PAYLOAD) // 2
        for name, body in (("tar", PAYLOAD), ("gz", gzip.compress(PAYLOAD, 1))):
            with self.subTest(name):
                shutil.rmtree(self.target)
                self.target.mkdir()
                temporary = self.base / "temporary"
                temporary.mkdir(exist_ok=True)
                gate = threading.Event()
                url = self.server.add("a", body, {"gate": (half, gate)})
                with subprocess.Popen([BUILD / "scaleway-stream", "--progress=0", url, self.target], cwd=temporary, stderr=subprocess.PIPE,
                                      env={**os.environ, "TMPDIR": str(temporary)}) as p:  # fmt: skip
                    self.addCleanup(p.kill)
                    self.addCleanup(gate.set)
                    self.wait_for_file("before", 1000)
                    self.wait_for_file("noise", half - (1 << 19))
                    files = list(self.regular_files(p.pid))
                    self.assertEqual([f for f in files if not f.startswith(f"{self.target}/")], [])
                    self.assertEqual(len(files), 1, files)
                    self.assertEqual(sorted(os.listdir(self.base)), ["target", "temporary"])
                    self.assertEqual(os.listdir(temporary), [])
                    gate.set()
                    self.assertEqual(p.wait(60), 0, p.stderr.read())
                self.complete()

    def restarts(self, *plan, body=PAYLOAD, **options):
        """It begins again, and of the first try nothing is left."""
        first = tarballs.entry(b"old-and-gone", b"x") + PAYLOAD
        url = self.server.add("a", body, {"cut": 1000000, "body": first, **plan[0]}, *plan[1:])
        lines = self.stream(url, f"--sha256={hashlib.sha256(PAYLOAD).hexdigest()}", **options)
        self.complete()
        self.assertEqual(sorted(os.listdir(self.target)), ["before", "noise"])
        self.assertTrue(any("beginning again" in line for line in lines), lines)

    def test_restart_no_ranges(self):
        self.restarts({}, {"ranges": False})

    def test_restart_changed(self):
        self.restarts({"etag": '"old"'}, {})

    def test_restart_no_validator(self):
        self.restarts({"etag": None}, {})
        self.assertNotIn("range", self.server.requests("a")[1])

    def test_restart_weak_only(self):
        self.restarts({"etag": 'W/"x"'}, {})
        self.assertNotIn("range", self.server.requests("a")[1])

    def test_restart_416(self):
        self.restarts({}, {"status": 416}, {})

    def test_restart_other_validator(self):
        """A server that takes no notice of If-Range."""
        class Any:
            def __eq__(self, other):
                return True
            def __str__(self):
                return '"other"'
        self.restarts({}, {"etag": Any()}, {})

    def test_restart_other_place(self):
        self.restarts({}, {"start": 5}, {})

    def test_too_many_restarts(self):
        url = self.server.add("a", PAYLOAD, {"cut": 1000000, "etag": None})
        lines = self.refused(url, r"^Download failed, it had to begin again too often: connection lost")
        self.assertEqual(len(self.server.requests("a")), 4, lines)

    def test_length_too_large(self):
        """The server promises more than it has. It says so when it is asked for the rest, ever again."""
        url = self.server.add("a", PAYLOAD, {"length": len(PAYLOAD) + 1000})
        self.refused(url, r"^Download failed, ", "--timeout=3")

    def test_length_too_small(self):
        url = self.server.add("a", PAYLOAD, {"length": 100000})
        self.refused(url, r"^The archive is cut off: it ends within an entry\.$")

    def test_no_length(self):
        self.stream(self.server.add("a", PAYLOAD, {"length": None}))
        self.complete()

    def test_no_length_cut(self):
        """Nothing but the archive itself shows that it is not complete."""
        self.refused(self.server.add("a", PAYLOAD, {"length": None, "close": 100000}), r"^The archive is cut off")

    def test_stalled(self):
        url = self.server.add("a", PAYLOAD, {"stall": 1000000}, {})
        lines = self.stream(url, "--timeout=2")
        self.complete()
        self.assertRegex(lines[0], "nothing came from .* for 2 s; resuming there")

    def test_dripping(self):
        """A few bytes a second are as good as nothing."""
        begin = time.monotonic()
        self.refused(self.server.add("a", PAYLOAD, {"rate": 100}), r"^Download failed, no time is left", "--timeout=2")
        self.assertLess(time.monotonic() - begin, 20)

    def test_slow_but_steady(self):
        self.stream(self.server.add("a", PAYLOAD[:1] and tarballs.PLAIN, {"rate": 60000}), "--timeout=2")
        self.assertTrue((self.target / "noise").exists())

    def test_busy(self):
        url = self.server.add("a", PAYLOAD, {"status": 503}, {"status": 429, "fields": ["Retry-After: 1"]}, {"drop": True}, {})
        begin = time.monotonic()
        self.stream(url)
        self.assertGreater(time.monotonic() - begin, 1)
        self.complete()

    def test_not_found(self):
        url = self.server.url("nothing")
        lines = self.refused(url, r"^Download failed: the server answers with HTTP status 404 for 'http://127")
        self.assertEqual(len(lines), 1, lines)

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            port = s.getsockname()[1]
        begin = time.monotonic()
        self.refused(f"http://127.0.0.1:{port}/x", r"^Download failed, no time is left for another try: no answer", "--timeout=2")
        self.assertLess(time.monotonic() - begin, 10)

    def test_not_http(self):
        with socket.create_server(("127.0.0.1", 0)) as s:
            def serve():
                with contextlib.suppress(OSError):
                    while True:
                        c, _ = s.accept()
                        with c:
                            c.recv(1000)
                            c.sendall(b"220 mail.example ESMTP\r\n" * 100)
            threading.Thread(target=serve, daemon=True).start()
            self.refused(f"http://127.0.0.1:{s.getsockname()[1]}/x", r"^Download failed.*: .*HTTP|connection lost", "--timeout=2")
            s.shutdown(socket.SHUT_RDWR)

    def test_other_schemes(self):
        for url in ("file:///etc/passwd", "ftp://127.0.0.1/x", "archive.tar", "http://", ""):
            with self.subTest(url):
                self.refused(url, r"the URL is neither http nor https")

    def redirect(self, status, location):
        return {"status": status, "fields": [f"Location: {location}"]}

    def test_redirects(self):
        self.server.add("a", PAYLOAD)
        url = self.server.url("a")
        for status in (301, 302, 303, 307, 308):
            for i in range(10):
                url = self.server.add(f"r{status}-{i}", b"", self.redirect(status, url if i % 2 else url.split("/")[-1]))
            shutil.rmtree(self.target)
            self.target.mkdir()
            self.stream(url)
            self.complete()
            url = self.server.url("a")

    def test_too_many_redirects(self):
        url = self.server.url("a")
        for i in range(11):
            url = self.server.add(f"r{i}", b"", self.redirect(302, url))
        self.refused(url, r"^Download failed: redirected more than 10 times\.$")

    def test_redirect_loop(self):
        self.refused(self.server.add("r", b"", self.redirect(302, "r")), r"redirected more than 10 times")
        self.assertEqual(len(self.server.requests("r")), 11)

    def test_redirect_elsewhere(self):
        for location in ("file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/"):
            with self.subTest(location):
                self.refused(self.server.add("r", b"", self.redirect(302, location)), r"which is neither http nor https")

    def test_redirected_resume(self):
        url = self.server.add("r", b"", self.redirect(302, self.server.add("a", PAYLOAD, {"cut": 1000000}, {})))
        self.stream(url)
        self.complete()
        self.assertEqual([r.get("range") for r in self.server.requests("r")], [None, "bytes=1000000-"])

    def test_proxies_are_ignored(self):
        self.stream(self.server.add("a", PAYLOAD), environment=dict.fromkeys(("http_proxy", "all_proxy", "ALL_PROXY"), "http://127.0.0.1:9"))
        self.complete()

    def test_secrets(self):
        """A signed URL is a password."""
        url = self.server.url("nothing?signature=SECRET").replace("//", "//user:SECRET@")
        for lines in (self.refused(url, "HTTP status 404"),
                      self.refused(self.server.add("r", b"", self.redirect(302, "ftp://user:SECRET@h/x?SECRET")), "redirected to")):  # fmt: skip
            self.assertNotIn("SECRET", "\n".join(lines))

    def test_secrets_are_no_arguments(self):
        """Those are in the journal."""
        key = self.keys("rsa")
        signature = self.server.add("s", self.sign(PAYLOAD))
        self.stream("env:IMAGE", "--signature=env:SIGNATURE", key, environment={"IMAGE": self.server.add("a", PAYLOAD), "SIGNATURE": signature})
        self.complete()
        self.assertEqual(len(self.server.requests("s")), 1)
        # The unit leaves those empty that are not set.
        other = self.base / "other"
        other.mkdir()
        self.stream("env:IMAGE", "--signature=env:SIGNATURE", "--key=", environment={"IMAGE": self.server.url("a"), "SIGNATURE": ""}, target=other)
        self.assertRegex(self.stream("env:NONE", status=1, target=self.base / "x", environment={})[-1], "Failed to open|neither http nor https")

    def test_failure_file(self):
        path = self.base / "reason"
        self.refused(self.server.url("nothing"), "404", environment={"SCALEWAY_FAILURE_FILE": str(path)})
        self.assertRegex(path.read_text(), "^Download failed: .*404")

    def test_not_empty(self):
        (self.target / "precious").write_bytes(b"x")
        lines = self.stream(self.server.add("a", PAYLOAD), status=1)
        self.assertRegex(lines[-1], "is not empty")
        self.assertEqual(os.listdir(self.target), ["precious"])
        self.assertEqual(self.server.requests("a"), [])

    def test_no_directory(self):
        self.assertRegex(self.stream(self.server.url("a"), status=1, target=self.base / "none")[-1], "Failed to open the directory")

    def test_arguments(self):
        for arguments in ([], ["x"], ["x", "y", "z"], ["--timeout=0", "x", "y"], ["--sha256=12", "x", "y"], ["--key=k", "x", "y"],
                          ["--signature=s", "x", "y"], ["--max-entries=0", "x", "y"], ["--nothing", "x", "y"]):  # fmt: skip
            with self.subTest(arguments):
                r = subprocess.run([BUILD / "scaleway-stream", *arguments], capture_output=True, text=True, check=False)
                self.assertEqual(r.returncode, 1, r.stderr)
        for argument in ("--help", "--version"):
            r = subprocess.run([BUILD / "scaleway-stream", argument], capture_output=True, text=True, check=False)
            self.assertEqual((r.returncode, r.stderr), (0, ""))


class Files(Streams):
    """--file: the bytes as they are, or no file."""

    def setUp(self):
        super().setUp()
        self.file = self.target / "kernel"
        self.body = tarballs.COMPRESSORS["gz"](PAYLOAD)

    def fetch(self, url, *options, **more):
        return self.stream(url, "--file", *options, target=self.file, **more)

    def test_file(self):
        """Not unpacked; the one that was there is replaced, and nobody else can read it."""
        self.file.write_bytes(b"old")
        self.file.chmod(0o644)
        lines = self.fetch(self.server.add("a", self.body), f"--sha256={hashlib.sha256(self.body).hexdigest()}")
        self.assertEqual(self.file.read_bytes(), self.body)
        self.assertEqual(stat.S_IMODE(self.file.stat().st_mode), 0o600)
        self.assertEqual(os.listdir(self.target), ["kernel"])
        self.assertRegex(lines[-1], r"^Downloaded '.*/kernel', \d\.\d MB, in \d+\.\d s\.$")

    def test_resume_and_restart(self):
        for plan in ([{"cut": 1000000}, {}], [{"cut": 1000000}, {"ranges": False}]):
            with self.subTest(plan):
                self.fetch(self.server.add("a", self.body, *plan))
                self.assertEqual(self.file.read_bytes(), self.body)

    def test_failures(self):
        """Of an old file nothing is left either: it would be taken for the new one."""
        for body, plan, options, reason in (
            (b"", {}, [], "empty"),
            (self.body, {"status": 404}, [], "404"),
            (self.body, {}, ["--sha256=" + "0" * 64], "checksum does not match"),
            (self.body, {"stall": 1000000, "etag": None}, ["--timeout=1"], "Download failed"),
        ):
            with self.subTest(reason):
                self.file.write_bytes(b"old")
                lines = self.fetch(self.server.add("a", body, plan), *options, status=1)
                self.assertRegex(lines[-1], reason)
                self.assertEqual(os.listdir(self.target), [])

    def test_second_kernel(self):
        """As the generator writes it into scaleway-kexec.service, where a failure is the end of the kexec: a checksum counts for the
        kernel as it does for the initrd."""
        golden = pathlib.Path(__file__).resolve().parents[1] / "generator/test-49-kexec-by-url.expected"
        drop_in = (golden / "run/systemd/system/scaleway-kexec.service.d/50-scaleway.conf").read_text()
        lines = re.findall(r"^ExecStartPre=\S+/scaleway-stream (.*) /run/scaleway/kexec/(\w+)$", drop_in, re.M)
        self.assertEqual([what for _, what in lines], ["kernel", "initrd"])
        url = self.server.add("a", self.body)
        for words, what in lines:
            for checksum, status in ((hashlib.sha256(self.body).hexdigest(), 0), ("0" * 64, 1)):
                with self.subTest(what, status=status):
                    values = {f"${{KEXEC_{what.upper()}_SHA256}}": checksum}
                    self.file = self.target / what
                    *options, last = [functools.reduce(lambda w, key: w.replace(key, values[key]), values, word) for word in words.split()]
                    self.assertEqual(last, f"env:KEXEC_{what.upper()}")
                    environment = {f"KEXEC_{what.upper()}": url}
                    output = self.stream(last, *options, target=self.file, status=status, environment=environment)
                    self.assertRegex(output[-1], "checksum does not match" if status else "^Downloaded ")
                    self.assertEqual(os.listdir(self.target), [] if status else [what])

    def test_no_place(self):
        self.file = self.base / "none/kernel"
        self.assertRegex(self.fetch(self.server.add("a", self.body), status=1)[-1], "Failed to open the directory")
        self.file = f"{self.target}/"
        self.assertRegex(self.fetch(self.server.add("a", self.body), status=1)[-1], "is a directory")

    def test_symlink_is_replaced(self):
        other = self.base / "other"
        other.write_bytes(b"other")
        self.file.symlink_to(other)
        self.fetch(self.server.add("a", self.body))
        self.assertFalse(self.file.is_symlink())
        self.assertEqual(other.read_bytes(), b"other")

    @unittest.skipUnless(ROOT, "needs root")
    def test_too_large(self):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "small", self.target], check=True)
        self.addCleanup(subprocess.run, ["umount", self.target], check=True)
        url = self.server.add("a", self.body)
        self.assertRegex(self.fetch(url, status=1)[-1], "Not enough space: the file alone is")
        self.assertEqual(os.listdir(self.target), [])
        url = self.server.add("b", self.body, {"length": None})
        self.assertRegex(self.fetch(url, status=1)[-1], "Not enough space for")
        self.assertEqual(os.listdir(self.target), [])


class Space(Streams):
    @unittest.skipUnless(ROOT, "needs root")
    def test_memory(self):
        """Of a tmpfs that has no limit of its own, memory is the limit, and that is known before the first byte is unpacked."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=0", "unlimited", self.target], check=True)
        self.addCleanup(subprocess.run, ["umount", self.target], check=True)
        url = self.server.add("a", PAYLOAD, {"length": 1 << 50})
        self.refused(url, r"^Not enough space: the archive alone is 1\.1 PB, and \d+\.\d [MGT]B are left in memory\.$")
        self.stream(self.server.add("b", PAYLOAD))
        self.assertEqual(sorted(os.listdir(self.target)), ["before", "noise"])


class Tls(Streams):
    def setUp(self):
        super().setUp()
        self.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=CA",
                     "-days", "2")  # fmt: skip
        self.openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server")
        (self.base / "names").write_text("subjectAltName=IP:127.0.0.1\n")
        self.tls = self.tls_server(days=2)
        self.ca = f"--ca={self.base / 'ca.pem'}"

    def tls_server(self, days):
        self.openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out",
                     "server.pem", "-days", str(days), "-extfile", "names")  # fmt: skip
        server = Server((self.base / "server.pem", self.base / "server.key"))
        self.addCleanup(server.close)
        return server

    def test_https(self):
        self.stream(self.tls.add("a", PAYLOAD, {"cut": 1000000}, {}), self.ca)
        self.assertEqual(sorted(os.listdir(self.target)), ["before", "noise"])

    def test_unknown_authority(self):
        lines = self.refused(self.tls.add("a", PAYLOAD), r"^Download failed: the certificate of 'https://127.0.0.1:.*--ca=")
        self.assertEqual(len(lines), 1, lines)

    def test_wrong_name(self):
        self.refused(self.tls.add("a", PAYLOAD).replace("127.0.0.1", "localhost"), r"certificate", self.ca)

    def test_expired(self):
        self.refused(self.tls_server(days=-1).add("a", PAYLOAD), r"certificate .*, and check the clock", self.ca)

    def test_old_version(self):
        """Whatever the TLS library would take by its own settings: none older than 1.2."""
        settings = self.base / "openssl.cnf"
        settings.write_text("openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n")
        environment = {"OPENSSL_CONF": str(settings)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self.tls.context.minimum_version = self.tls.context.maximum_version = ssl.TLSVersion.TLSv1_1
        self.tls.context.set_ciphers("ALL:@SECLEVEL=0")
        url = self.tls.add("a", PAYLOAD)
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{self.tls.port}"]
        old = subprocess.run(command, input="", capture_output=True, text=True, env={**os.environ, **environment}, check=False)
        self.assertRegex(old.stdout, r"New, TLSv1[^\n]*\n", "with these settings the two can talk by an old version")
        self.refused(url, r"^Download failed.*: no answer from .*protocol version", "--timeout=5", self.ca, environment=environment)
        self.assertEqual(self.tls.requests("a"), [])
        self.tls.context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.tls.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.stream(url, self.ca, environment=environment)

    def test_no_ca_file(self):
        self.refused(self.tls.add("a", PAYLOAD), r"certificate", f"--ca={self.base / 'none.pem'}")

    def test_redirects(self):
        up = self.server.add("up", b"", {"status": 302, "fields": [f"Location: {self.tls.add('a', PAYLOAD)}"]})
        self.stream(up, self.ca)
        self.assertEqual(sorted(os.listdir(self.target)), ["before", "noise"])

    def test_no_way_down(self):
        plain = self.server.add("a", PAYLOAD)
        down = self.tls.add("down", b"", {"status": 302, "fields": [f"Location: {plain}"]})
        self.refused(down, r"^Download failed: redirected from https to 'http://127.0.0.1:\d+/a', which is not\.$", self.ca)
        up = self.server.add("up", b"", {"status": 302, "fields": [f"Location: {down}"]})
        self.refused(up, r"redirected from https to", self.ca)
        self.assertEqual(self.server.requests("a"), [])


class Checks(Streams):
    def test_checksum(self):
        body = tarballs.COMPRESSORS["xz"](PAYLOAD)
        digest = hashlib.sha256(body).hexdigest()
        self.stream(self.server.add("a", body), f"--sha256={digest.upper()}")
        self.assertEqual(sorted(os.listdir(self.target)), ["before", "noise"])

    def test_checksum_wrong(self):
        digest = hashlib.sha256(PAYLOAD).hexdigest()
        self.refused(self.server.add("a", PAYLOAD), rf"^The checksum does not match: SHA-256 of the download is {digest}\.$",
                     "--sha256=" + "0" * 64)  # fmt: skip

    def test_checksum_of_other_padding(self):
        """Bytes that tar does not look at count."""
        digest = hashlib.sha256(PAYLOAD).hexdigest()
        self.refused(self.server.add("a", PAYLOAD + bytes(512)), r"^The checksum does not match", f"--sha256={digest}")

    def test_signatures(self):
        for kind in ("rsa", "prime256v1", "secp384r1"):
            with self.subTest(kind):
                shutil.rmtree(self.target)
                self.target.mkdir()
                key = self.keys(kind)
                signature = self.server.add("s", self.sign(PAYLOAD))
                self.stream(self.server.add("a", PAYLOAD, {"cut": 1000000}, {}), f"--signature={signature}", key)
                self.assertEqual(sorted(os.listdir(self.target)), ["before", "noise"])

    def test_signature_wrong(self):
        for kind in ("rsa", "prime256v1"):
            key = self.keys(kind)
            good = self.sign(PAYLOAD)
            for name, signature in {"other": self.sign(PAYLOAD + b"x"), "damaged": tarballs.damaged(good, 20), "cut": good[:-1],
                                    "noise": os.urandom(len(good)), "empty": b""}.items():  # fmt: skip
                with self.subTest(kind=kind, name=name):
                    self.refused(self.server.add("a", PAYLOAD), r"^The signature does not match",
                                 f"--signature={self.server.add('s', signature)}", key)  # fmt: skip

    def test_signature_of_another_key(self):
        self.keys("rsa")
        signature = self.server.add("s", self.sign(PAYLOAD))
        self.refused(self.server.add("a", PAYLOAD), r"^The signature does not match", f"--signature={signature}", self.keys("rsa"))

    def test_signature_missing(self):
        """Then nothing is downloaded."""
        key = self.keys("rsa")
        url = self.server.add("a", PAYLOAD)
        self.refused(url, r"HTTP status 404", f"--signature={self.server.url('none')}", key)
        self.refused(url, r"The signature is larger than 2048 bytes", f"--signature={self.server.add('s', bytes(5000))}", key)
        self.assertEqual(self.server.requests("a"), [])

    def test_bad_keys(self):
        signature = f"--signature={self.server.add('s', b'x')}"
        url = self.server.add("a", PAYLOAD)
        self.refused(url, r"Failed to read the public key", signature, f"--key={self.base / 'none'}")
        (self.base / "noise").write_bytes(b"x" * 100)
        self.refused(url, r"is no public key in PEM form", signature, f"--key={self.base / 'noise'}")
        self.refused(url, r"is neither RSA nor ECDSA", signature, self.keys("ed25519"))


class Look(Streams):
    """rows: B6, C4. Whether the archive is there, before something is overwritten for it."""

    def check(self, url, *options, status=0):
        r = subprocess.run([BUILD / "scaleway-stream", "--check", *options, url], capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(r.returncode, status, r.stderr)
        self.assertEqual(r.stdout, "")
        return r.stderr.splitlines()

    def test_there(self):
        """It is broken off where it begins, however long it is, and tried again if the server is not ready."""
        url = self.server.add("a", PAYLOAD, {"status": 503}, {})
        begin = time.monotonic()
        lines = self.check(url)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], r"503.*; trying again")
        self.assertEqual(len(self.server.requests("a")), 2)
        self.assertEqual(self.check(self.server.add("empty", b"")), [])

    def test_not_there(self):
        self.assertRegex(self.check(self.server.url("nothing"), status=1)[-1], r"^Download failed: .*HTTP status 404")
        self.assertRegex(self.check("http://127.0.0.1:1/a", "--timeout=1", status=1)[-1], r"^Download failed, no time is left")
        self.assertRegex(self.check("ftp://127.0.0.1/a", status=1)[-1], "neither http nor https")

    def test_what_belongs_to_it(self):
        url, key = self.server.add("a", PAYLOAD), self.keys("rsa")
        self.assertRegex(self.check(url, f"--signature={self.server.url('none')}", key, status=1)[-1], "HTTP status 404")
        self.assertRegex(self.check(url, f"--signature={url}", "--key=/nowhere", status=1)[-1], "Failed to read the public key")
        self.assertEqual(self.server.requests("a"), [])
        self.assertEqual(self.check(url, f"--signature={self.server.add('s', self.sign(PAYLOAD))}", key, "--sha256="), [])

    def test_arguments(self):
        for args in (("--file",), ("--check", self.base)):
            self.assertRegex(self.check("http://127.0.0.1/a", *args, status=1)[-1], "--check expects a URL")


class ProgressLines(Streams):
    BODY = payload(1 << 20)
    LINE = r"\d+\.\d [kM]B of 1\.1 MB \(\d+ %\), \d+\.\d [kM]B/s, \d+ s left"

    def test_log(self):
        lines = self.stream(self.server.add("a", self.BODY, {"rate": 300000}), "--progress=1")
        self.assertTrue(2 <= len(lines) <= 5, lines)
        for line in lines[:-1]:
            self.assertRegex(line, f"^{self.LINE}$")

    def test_log_by_default(self):
        """As the units have it: every ten seconds, which is slow enough for any console."""
        url = self.server.add("a", self.BODY, {"rate": 95000})
        begin, times, lines = time.monotonic(), [], []
        with subprocess.Popen([BUILD / "scaleway-stream", url, self.target], stderr=subprocess.PIPE, text=True) as p:
            for line in p.stderr:
                times.append(time.monotonic() - begin)
                lines.append(line.rstrip("\n"))
        self.assertEqual(p.returncode, 0, lines)
        self.assertGreaterEqual(len(lines), 2, lines)
        self.assertRegex(lines[0], f"^{self.LINE}$")
        self.assertGreater(times[0], 9.5)
        self.assertLess(times[0], 15)
        self.assertLessEqual(len(lines) - 1, times[-1] / 10)

    def test_unknown_length(self):
        lines = self.stream(self.server.add("a", self.BODY, {"rate": 500000, "length": None}), "--progress=1")
        self.assertRegex(lines[0], r"^\d+\.\d kB, \d+\.\d kB/s$")

    def test_none(self):
        self.assertEqual(len(self.stream(self.server.add("a", self.BODY, {"rate": 500000}), "--progress=0")), 1)

    def test_terminal(self):
        url = self.server.add("a", self.BODY, {"rate": 300000})
        ours, theirs = pty.openpty()
        with subprocess.Popen([BUILD / "scaleway-stream", url, self.target], stderr=theirs) as p:
            os.close(theirs)
            output = b""
            with contextlib.suppress(OSError):
                while data := os.read(ours, 4096):
                    output += data
        os.close(ours)
        self.assertEqual(p.returncode, 0)
        self.assertRegex(output.decode(), rf"^(\r{self.LINE}\x1b\[K)+\r\x1b\[KUnpacked 2 entries[^\r\n]*\r\n$")
        # At 9600 baud there is room for 960 bytes a second.
        self.assertLess(len(output), 600)


class Hostile(Streams):
    """Each case of tarballs.py: the outcome, the reason, and that nothing outside the target has changed."""

    def run_case(self, case):
        outside = self.base / "outside"
        if not outside.exists():
            outside.mkdir()
            (outside / "secret").write_bytes(tarballs.SECRET)
        before = look(outside)
        data = case.data(str(outside)) if callable(case.data) else case.data
        url = self.server.add(case.name, data)
        if case.reason:
            lines = self.refused(url, case.reason, "--progress=0", "--timeout=20", *case.options)
            self.assertEqual(len(lines), 1, lines)
            self.assertTrue(lines[0].endswith(".") and lines[0].isprintable(), lines)
        else:
            self.stream(url, "--progress=0", *case.options)
            self.check_files(case)
        self.assertEqual(look(outside), before)
        self.assertEqual(sorted(os.listdir(self.base)), ["outside", "target"])

    def check_files(self, case):
        for name, (kind, contents) in case.files.items():
            path = self.target / name
            st = os.lstat(path)
            self.assertEqual(stat.S_IFMT(st.st_mode), kind, name)
            if kind == stat.S_IFLNK:
                self.assertEqual(os.readlink(path), contents)
            elif contents is not None:
                self.assertEqual(path.read_bytes(), contents)

    def test_all_names_differ(self):
        names = [c.name for c in tarballs.CASES]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(len(names), 40)

    def test_absolute_is_below(self):
        case = next(c for c in tarballs.CASES if c.name == "absolute")
        self.run_case(case)
        self.assertEqual((self.target / str(self.base / "outside/evil").lstrip("/")).read_bytes(), b"x")

    @contextlib.contextmanager
    def small(self, mebibytes):
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}M", "tmpfs", self.target], check=True)
        try:
            yield
        finally:
            subprocess.run(["umount", self.target], check=True)


def add_case(case):
    def test(self):
        needs_root = case.tmpfs or case.name in ("device-then-file", "symlink-device")
        if needs_root and not ROOT:
            self.skipTest("not root")
        with self.small(case.tmpfs) if case.tmpfs else contextlib.nullcontext():
            self.run_case(case)
    test.__doc__ = case.what
    setattr(Hostile, "test_case_" + case.name.replace("-", "_"), test)


for one_case in tarballs.CASES:
    add_case(one_case)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    BUILD = pathlib.Path(sys.argv[1])
    unittests.main(sys.argv[2:])
