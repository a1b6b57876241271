#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scaleway-prepare and scaleway-fetch-modules: what they do to a root, and what they do not, whoever made it.

Usage: test-prepare.py BUILD-DIRECTORY [unittest arguments]. Needs root for namespaces and loop devices, exits 77 without.
"""

import ctypes
import hashlib
import http.server
import io
import itertools
import json
import os
import pathlib
import re
import shutil
import socket
import stat
import subprocess
import sys
import tarfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import unittests

SERVER_ID = "60602cf7-797d-4ac8-8a1b-27eaa6a3b0c8"
MACHINE_ID = SERVER_ID.replace("-", "") + "\n"
HOSTS = "127.0.0.1\tlocalhost\n127.0.1.1\tbuilder\n::1\tlocalhost ip6-localhost\nff02::1\tip6-allnodes\n"
RESOLV_CONF = "# of the initrd\noptions timeout:2 attempts:2\nnameserver 10.0.0.2\nsearch a.example\n"
SHADOW = "daemon:*:20000:0:99999:7:::\nroot:{}:20000:0:99999:7:::\nme:$6$a$b:20000:0:99999:7:::\n"
NO_CHECK = "They come with neither https nor a checksum: nobody knows whose they are.\n"
MARKER = ".scw-reset-password-on-next-boot"


class OnRoot(unittests.Programs):
    """A directory that is the root, and one beside it that nothing may reach."""

    def setUp(self):
        super().setUp()
        self.root = self.directory / "root"
        for folder in ("etc", "root", "var/lib/dhcp"):
            (self.root / folder).mkdir(parents=True)
        self.outside = self.directory / "outside"
        self.outside.mkdir()
        (self.outside / "file").write_text("outside\n")
        # Of a root that wants nothing.
        self.write("etc/shadow", SHADOW.format("!"))
        self.initrd = self.directory / "resolv.conf"
        self.initrd.write_text(RESOLV_CONF)

    def metadata(self, **fields):
        (self.run_dir / "scaleway/metadata.json").write_text(json.dumps({"id": SERVER_ID, "hostname": "adoring-fermi", **fields}))

    def write(self, path, text, mode=0o644):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        return path

    def read(self, path):
        return (self.root / path).read_text()

    def prepare(self, *args, **more):
        return self.call("scaleway-prepare", *args, **{"SCALEWAY_SYSROOT": str(self.root), "SCALEWAY_RESOLV_CONF": str(self.initrd)} | more)

    def snapshot(self, top):
        """All there is below, with what it is, but for the times."""
        found = {}
        for path in sorted([top, *top.rglob("*")]):
            st = path.lstat()
            data = os.readlink(path) if path.is_symlink() else None
            if stat.S_ISREG(st.st_mode):
                data = hashlib.sha256(path.read_bytes()).hexdigest()
            found[str(path.relative_to(top))] = (st.st_ino, st.st_mode, st.st_uid, st.st_gid, st.st_rdev, data)
        return found

    def leftovers(self):
        return [str(path) for path in self.root.rglob(".*.scw")]


class Prepare(OnRoot):
    """rows: A13, A18, A24"""

    def test_image_info(self):
        (self.root / "etc/scw-release").write_text('IMAGE_DESCRIPTION="Debian \x1b[31mTrixie"\nIMAGE_RELEASE=2026-11-26\n')
        self.prepare()
        self.assertIn(">>> Image: Debian ?[31mTrixie (2026-11-26)\n", self.out)
        self.assertRegex(self.out, r">>> Root file system: \d+ of \d+ MiB used \(\d+ %\)\n")

    def test_image_without_a_release_file(self):
        self.prepare()
        self.assertNotIn("Image:", self.out)
        self.assertIn(">>> Root file system:", self.out)
        self.assertEqual(self.err, "")

    def test_device_nodes(self):
        (self.root / "dev").mkdir()
        (self.root / "dev/tty").write_text("mine\n")
        self.prepare()
        self.assertEqual((self.root / "dev/tty").read_text(), "mine\n")
        for name, device, mode in (("console", (5, 1), 0o600), ("null", (1, 3), 0o666), ("zero", (1, 5), 0o666), ("ptmx", (5, 2), 0o666),
                                   ("random", (1, 8), 0o666), ("urandom", (1, 9), 0o666)):  # fmt: skip
            st = (self.root / "dev" / name).stat()
            self.assertTrue(stat.S_ISCHR(st.st_mode), name)
            self.assertEqual((os.major(st.st_rdev), os.minor(st.st_rdev), stat.S_IMODE(st.st_mode)), (*device, mode), name)
        for name in ("proc", "run", "sys"):
            self.assertTrue((self.root / name).is_dir(), name)

    def test_leases(self):
        dhcp = self.root / "var/lib/dhcp"
        for name in ("dhclient.eth0.leases", "dhclient.ens2.leases", "dhclient6.eth0.leases", "notes"):
            (dhcp / name).write_text("x")
        self.prepare()
        self.assertEqual(sorted(os.listdir(dhcp)), ["dhclient6.eth0.leases", "notes"])
        for name in ("dhclient.eth0.leases", "no-initrd-cleanup"):
            (dhcp / name).write_text("x")
        self.prepare()
        self.assertTrue((dhcp / "dhclient.eth0.leases").exists())

    def test_efi_of_a_root_on_nbd(self):
        fstab = self.root / "etc/fstab"
        before = "# mine\nUUID=1 / ext4 rw 0 1\nUUID=2\t/boot/efi\tvfat rw,umask=0077 0 1\n"
        fstab.write_text(before)
        os.chmod(fstab, 0o640)
        os.chown(fstab, 12, 34)
        os.setxattr(fstab, "user.note", b"kept")
        inode = fstab.stat().st_ino
        self.prepare("--nbd=no")
        self.assertEqual(fstab.read_text(), before)
        self.prepare("--nbd=yes")
        self.assertEqual(fstab.read_text(), before.replace("umask=0077", "umask=0077,nofail"))
        st = fstab.stat()
        self.assertEqual((stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid), (0o640, 12, 34))
        self.assertEqual(os.getxattr(fstab, "user.note"), b"kept")
        self.assertNotEqual(st.st_ino, inode, "replaced, not written over")
        self.assertEqual(sorted(os.listdir(self.root / "etc")), ["fstab", "shadow"])

    def test_links_do_not_lead_out(self):
        """What an absolute link means is what it will mean after the switch."""
        (self.root / "data").mkdir()
        (self.root / "data/fstab").write_text("UUID=2 /boot/efi vfat rw 0 1\n")
        (self.root / "etc/fstab").symlink_to("/data/fstab")
        (self.root / "etc/scw-release").symlink_to(self.outside / "file")
        (self.root / "dev").symlink_to("/../../outside")
        shutil.rmtree(self.root / "var/lib/dhcp")
        (self.root / "var/lib/dhcp").symlink_to(self.outside)
        (self.outside / "dhclient.eth0.leases").write_text("outside")
        self.prepare("--nbd=yes")
        self.assertTrue((self.root / "etc/fstab").is_symlink())
        self.assertIn("rw,nofail", (self.root / "data/fstab").read_text())
        self.assertEqual(sorted(os.listdir(self.outside)), ["dhclient.eth0.leases", "file"])
        self.assertNotIn("outside", self.out)
        self.assertIn("Failed to make device nodes, ignoring", self.err)

    def test_what_should_be_files(self):
        """Directories, loops and FIFOs cost a warning and no wait."""
        (self.root / "etc/fstab").mkdir()
        os.mkfifo(self.root / "etc/scw-release")
        self.prepare("--nbd=yes")
        self.assertIn("Failed to show the image, ignoring", self.err)
        self.assertIn("Failed to make /boot/efi optional, ignoring", self.err)
        (self.root / "etc/fstab").rmdir()
        (self.root / "etc/fstab").symlink_to("fstab")
        self.prepare("--nbd=yes")
        self.assertIn("Too many levels of symbolic links", self.err)

    def test_read_only_root(self):
        self.need("mount")
        namespace = self.namespace("--mount")
        subprocess.run([*namespace, "mount", "--bind", "-o", "ro", self.root, self.root], check=True)
        self.call("scaleway-prepare", "--nbd=yes", prefix=namespace, SCALEWAY_SYSROOT=str(self.root))
        self.one_line("mounted read-only")
        self.assertFalse((self.root / "dev").exists())


class NetConfig(OnRoot):
    """rows: A14"""

    def setUp(self):
        super().setUp()
        self.metadata()

    def test_empty_root(self):
        self.prepare()
        self.assertEqual(self.read("etc/hostname"), "adoring-fermi\n")
        self.assertRegex(self.read("etc/hosts"), r"^127\.0\.0\.1\tlocalhost\n127\.0\.1\.1\tadoring-fermi\n::1\t")
        self.assertRegex(self.read("etc/resolv.conf"), r"^#.*\nnameserver 10\.0\.0\.2\nsearch a\.example\n$")
        for name in ("hostname", "hosts", "resolv.conf"):
            st = (self.root / "etc" / name).stat()
            self.assertEqual((stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid), (0o644, 0, 0), name)
        self.assertEqual(sorted(os.listdir(self.root / "etc")), ["hostname", "hosts", "resolv.conf", "shadow"])
        for line in self.err.splitlines():
            self.assertRegex(line, r"^Wrote /etc/\S+\.$")

    def test_second_boot_changes_nothing(self):
        self.write("etc/hosts", HOSTS)
        self.prepare()
        before = self.snapshot(self.root)
        self.metadata(hostname="another")
        self.prepare()
        self.assertEqual(self.snapshot(self.root), before)
        self.assertEqual(self.err, "")

    def test_image_with_its_own_files(self):
        """They stay byte for byte, and the very files they are."""
        self.write("etc/hostname", "# by hand\n  web1\n\n", 0o600)
        self.write("etc/resolv.conf", "nameserver 9.9.9.9\r\n\r\n", 0o664)
        self.write("etc/machine-id", "0123456789abcdef0123456789abcdef\n", 0o444)
        self.write("var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n")
        for hosts in ("127.0.0.1 localhost\n10.0.0.1 database", "127.0.0.1 localhost web1\n", "2001:db8::1 x\n"):
            self.write("etc/hosts", hosts, 0o666)
            self.prepare()
            before = self.snapshot(self.root)
            self.prepare()
            self.assertEqual(self.snapshot(self.root), before)
            self.assertEqual(self.read("etc/hosts"), hosts)
            self.assertEqual(self.read("etc/hostname"), "# by hand\n  web1\n\n")
            self.assertEqual((self.root / "etc/resolv.conf").read_bytes(), b"nameserver 9.9.9.9\r\n\r\n")
            self.assertEqual(self.err, "")
        self.assertFalse((self.root / "etc/hosts.bak").exists())

    def test_files_without_a_name_or_server(self):
        for name, text in (("hostname", "# none\n\n"), ("resolv.conf", "options edns0\nsearch mine\n"), ("hosts", HOSTS)):
            path = self.write("etc/" + name, text, 0o640)
            os.chown(path, 12, 34)
            os.setxattr(path, "user.note", b"kept")
        self.prepare()
        self.assertEqual(self.read("etc/hostname"), "adoring-fermi\n")
        self.assertRegex(self.read("etc/resolv.conf"), r"^options edns0\nsearch mine\n#.*\nnameserver 10\.0\.0\.2\n$")
        self.assertIn("\tadoring-fermi\n", self.read("etc/hosts"))
        self.assertEqual(self.read("etc/hosts.bak"), HOSTS)
        for name in ("hostname", "resolv.conf", "hosts", "hosts.bak"):
            st = (self.root / "etc" / name).stat()
            self.assertEqual((stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid), (0o640, 12, 34), name)
            self.assertEqual(os.getxattr(self.root / "etc" / name, "user.note"), b"kept", name)

    def test_name_of_the_image_goes_into_hosts(self):
        self.write("etc/hostname", "web1.example\n")
        self.write("etc/hosts", HOSTS)
        self.prepare()
        self.assertIn("\tweb1.example web1\n", self.read("etc/hosts"))
        self.assertEqual(self.read("etc/hostname"), "web1.example\n")

    def test_once(self):
        self.write("etc/hosts", HOSTS)
        self.write("etc/hosts.bak", "")
        self.prepare()
        self.assertEqual(self.read("etc/hosts"), HOSTS)
        (self.root / "etc/hosts.bak").unlink()
        (self.root / "etc/hosts.bak").symlink_to("/nowhere")
        self.prepare()
        self.assertEqual(self.read("etc/hosts"), HOSTS)

    def test_no_names(self):
        for name in ("", "two words", "a_b", "../../etc/passwd", "x\n10.0.0.1 bank.example", "a" * 65, "-x", "\x1b[2J", 7, None):
            with self.subTest(name):
                self.metadata(hostname=name)
                self.write("etc/hosts", HOSTS)
                self.prepare()
                self.assertFalse((self.root / "etc/hostname").exists())
                self.assertEqual(self.read("etc/hosts"), HOSTS)
                if isinstance(name, str):
                    self.assertEqual(self.err.count("is no host name, not writing it anywhere"), 1, self.err)
                self.assertNotIn("\x1b", self.err)

    def test_no_server_in_the_initrd(self):
        for text in (None, "", "# x\nsearch a\n"):
            self.initrd.unlink(missing_ok=True)
            if text is not None:
                self.initrd.write_text(text)
            self.prepare()
            self.assertFalse((self.root / "etc/resolv.conf").exists())
            self.assertNotIn("ignoring", self.err)

    def test_link_to_the_running_system(self):
        link = self.root / "etc/resolv.conf"
        for target in ("../run/systemd/resolve/stub-resolv.conf", "/run/resolvconf/resolv.conf", "/nowhere"):
            link.unlink(missing_ok=True)
            link.symlink_to(target)
            self.prepare()
            self.assertEqual(os.readlink(link), target)
            self.assertEqual(self.err.count("/etc/resolv.conf is a link to a file that only the running system has"), 1, self.err)
        self.assertFalse((self.root / "run/systemd").exists())

    def test_link_to_a_file(self):
        self.write("data/hostname", "\n")
        (self.root / "etc/hostname").symlink_to("/data/hostname")
        self.prepare()
        self.assertTrue((self.root / "etc/hostname").is_symlink())
        self.assertEqual(self.read("data/hostname"), "adoring-fermi\n")

    def test_not_asked_for(self):
        self.write("etc/machine-id", "")
        before = self.snapshot(self.root / "etc")
        self.prepare("--no-net-config=1", "--no-machine-id=yes")
        self.assertEqual(self.snapshot(self.root / "etc"), before)
        (self.run_dir / "scaleway/metadata.json").unlink()
        self.prepare()
        self.assertEqual(self.snapshot(self.root / "etc"), before)
        (self.run_dir / "scaleway/metadata.json").write_text("{")
        self.prepare()
        self.assertEqual(self.snapshot(self.root / "etc"), before)
        self.assertEqual(self.err, "")


class MachineId(OnRoot):
    """rows: A22"""

    OTHER = "0123456789abcdef0123456789abcdef\n"
    SAME = object()

    def test_rule(self):
        """/etc/machine-id, D-Bus's one, and what both are then; None is missing, SAME is as before."""
        same = self.SAME
        cases = (
            ("", None, MACHINE_ID, MACHINE_ID),
            ("\n", None, MACHINE_ID, MACHINE_ID),
            ("", "", MACHINE_ID, MACHINE_ID),
            ("", self.OTHER, MACHINE_ID, MACHINE_ID),
            (None, None, same, same),
            (None, self.OTHER, same, MACHINE_ID),
            (None, "", same, same),
            (self.OTHER, None, same, MACHINE_ID),
            (self.OTHER, self.OTHER, same, same),
            (self.OTHER, self.OTHER.strip(), same, same),
            (self.OTHER, MACHINE_ID, same, MACHINE_ID),
            (MACHINE_ID, self.OTHER, same, MACHINE_ID),
            ("uninitialized\n", None, same, MACHINE_ID),
            ("uninitialized\n", "uninitialized\n", same, same),
        )
        self.metadata()
        paths = [self.root / "etc/machine-id", self.root / "var/lib/dbus/machine-id"]
        paths[1].parent.mkdir()
        for case in cases:
            with self.subTest(case):
                for path, before in zip(paths, case[:2], strict=True):
                    path.unlink(missing_ok=True)
                    if before is not None:
                        path.write_text(before)
                self.prepare("--no-net-config=yes")
                for path, before, after in zip(paths, case[:2], case[2:], strict=True):
                    self.assertEqual(path.read_text() if path.exists() else None, before if after is same else after, path)

    def test_without_dbus(self):
        self.metadata()
        self.write("etc/machine-id", "", 0o444)
        self.prepare("--no-net-config=yes")
        self.assertEqual(self.read("etc/machine-id"), MACHINE_ID)
        self.assertEqual(stat.S_IMODE((self.root / "etc/machine-id").stat().st_mode), 0o444)
        self.assertFalse((self.root / "var/lib/dbus").exists())

    def test_owner_and_attributes(self):
        """They are those that the files had."""
        self.metadata()
        paths = [self.write(name, text, 0o640) for name, text in (("etc/machine-id", ""), ("var/lib/dbus/machine-id", self.OTHER))]
        for path in paths:
            os.chown(path, 12, 34)
            os.setxattr(path, "user.note", b"kept")
            os.setxattr(path, "security.selinux", b"system_u:object_r:machineid_t:s0")
        self.prepare("--no-net-config=yes")
        for path in paths:
            st = path.stat()
            self.assertEqual((path.read_text(), st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)), (MACHINE_ID, 12, 34, 0o640))
            self.assertEqual((os.getxattr(path, "user.note"), os.getxattr(path, "security.selinux")), (b"kept", b"system_u:object_r:machineid_t:s0"))

    def test_link_of_dbus(self):
        """As Debian ships it."""
        self.metadata()
        self.write("etc/machine-id", "")
        (self.root / "var/lib/dbus").mkdir()
        (self.root / "var/lib/dbus/machine-id").symlink_to("/etc/machine-id")
        self.prepare("--no-net-config=yes")
        self.assertEqual(self.read("etc/machine-id"), MACHINE_ID)
        self.assertTrue((self.root / "var/lib/dbus/machine-id").is_symlink())

    def test_no_ids(self):
        self.write("etc/machine-id", "")
        for bad in ("", "x", "0" * 32, "00000000-0000-0000-0000-000000000000", SERVER_ID + "0", SERVER_ID[:-1], SERVER_ID[:-1] + "g", 7, None):
            with self.subTest(bad):
                self.metadata(id=bad)
                self.prepare("--no-net-config=yes")
                self.assertEqual(self.read("etc/machine-id"), "")
                if isinstance(bad, str):
                    self.one_line("makes no machine id")
        self.metadata(id=SERVER_ID.upper())
        self.prepare("--no-net-config=yes")
        self.assertEqual(self.read("etc/machine-id"), MACHINE_ID)


class Password(OnRoot):
    """rows: A15"""

    def shadow(self, field="*"):
        path = self.write("etc/shadow", SHADOW.format(field), 0o640)
        os.chown(path, 0, 42)
        return path

    def field(self):
        return re.search(r"^root:([^:]*):", self.read("etc/shadow"), re.M)[1]

    def is_hash_of(self, password, field):
        crypt = ctypes.CDLL("libcrypt.so.1").crypt
        crypt.restype = ctypes.c_char_p
        return crypt(password.encode(), field.encode()) == field.encode()

    def has_new_password(self, prefix="$6$"):
        """The password, after a look at everything."""
        password = self.read("root/.pw").removesuffix("\n")
        self.assertRegex(password, r"^[A-HJ-NP-Za-km-z2-9]{16}$")
        st = (self.root / "root/.pw").lstat()
        self.assertEqual((stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid, stat.S_ISREG(st.st_mode)), (0o600, 0, 0, True))
        field = self.field()
        self.assertTrue(field.startswith(prefix), field)
        self.assertTrue(self.is_hash_of(password, field), "the hash is that of the password")
        st = (self.root / "etc/shadow").lstat()
        self.assertEqual((stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid), (0o640, 0, 42))
        day = int(time.time()) // 86400
        expected = SHADOW.format(field).replace(f"root:{field}:20000:", f"root:{field}:{day}:")
        self.assertEqual(self.read("etc/shadow"), expected, "every other byte is as it was")
        self.assertEqual(self.leftovers(), [])
        found = [path for path in self.directory.rglob("*") if path.is_file() and password.encode() in path.read_bytes()]
        self.assertEqual(found, [self.root / "root/.pw"], "where the clear text is")
        self.assertNotIn(password, self.out + self.err)
        self.assertNotIn(field, self.out + self.err)
        return password

    def test_none(self):
        for field in ("", "*"):
            path = self.shadow(field)
            os.setxattr(path, "user.note", b"kept")
            os.setxattr(path, "security.selinux", b"system_u:object_r:shadow_t:s0")
            self.prepare()
            self.one_line("Root has a new password, it is in /root/.pw.")
            self.has_new_password()
            self.assertEqual(os.getxattr(path, "user.note"), b"kept")
            self.assertEqual(os.getxattr(path, "security.selinux"), b"system_u:object_r:shadow_t:s0")
        before = self.snapshot(self.root)
        self.prepare()
        self.assertEqual(self.snapshot(self.root), before, "the second boot gives none")

    def test_methods(self):
        cases = (("ENCRYPT_METHOD YESCRYPT\n", "$y$"), ("ENCRYPT_METHOD SHA512\n", "$6$"), ("# x\nENCRYPT_METHOD SHA256", "$5$"),
                 ("ENCRYPT_METHOD BCRYPT\n", "$2b$"), ("UMASK 022\n", "$6$"))  # fmt: skip
        for text, prefix in cases:
            with self.subTest(text):
                self.shadow()
                self.write("etc/login.defs", text)
                self.prepare()
                self.has_new_password(prefix)
                self.assertEqual(self.err.count("\n"), 1, self.err)

    def test_bad_methods(self):
        for method in ("DES", "MD5", "yes\x1b[2J"):
            with self.subTest(method):
                self.shadow()
                self.write("etc/login.defs", f"ENCRYPT_METHOD {method}\n")
                self.prepare()
                self.has_new_password("$6$")
                self.assertIn("ENCRYPT_METHOD '", self.err)
                self.assertIn("is not known or too weak, taking SHA512.", self.err)
                self.assertNotIn("\x1b", self.err)

    def test_decisions_stay(self):
        for field in ("!", "!!", "!*", "x", "*LK*", "$6$a$b", "!$6$a$b"):
            self.shadow(field)
            before = self.snapshot(self.root / "etc")
            self.prepare()
            self.assertEqual(self.snapshot(self.root / "etc"), before)
            self.assertFalse((self.root / "root/.pw").exists())

    def test_reset(self):
        passwords = set()
        for field in ("!", "$6$a$b", ""):
            self.shadow(field)
            self.prepare("--reset-password=1")
            passwords.add(self.has_new_password())
        self.assertEqual(len(passwords), 3)

    def test_marker(self):
        self.shadow("$6$a$b")
        self.write(MARKER, "")
        self.prepare()
        self.has_new_password()
        self.assertFalse((self.root / MARKER).exists())
        # A link is as good as a file, and what it leads to does not matter.
        (self.root / MARKER).symlink_to(self.outside / "file")
        self.prepare()
        self.has_new_password()
        self.assertFalse((self.root / MARKER).is_symlink())
        self.assertTrue((self.outside / "file").exists())

    def test_marker_that_cannot_be_removed(self):
        self.shadow("!")
        (self.root / MARKER).mkdir()
        self.prepare()
        self.has_new_password()
        self.assertIn("Failed to set the root password, ignoring: Is a directory", self.err)

    def test_never(self):
        self.shadow("")
        self.write(MARKER, "")
        before = self.snapshot(self.root / "etc")
        self.prepare("--no-password=1", "--reset-password=1")
        self.assertEqual(self.snapshot(self.root / "etc"), before)
        self.assertTrue((self.root / MARKER).exists())
        self.assertFalse((self.root / "root/.pw").exists())

    def test_no_shadow(self):
        path = self.root / "etc/shadow"
        for kind in ("missing", "directory", "too large", "NUL", "broken"):
            with self.subTest(kind):
                path.unlink()
                if kind == "directory":
                    path.mkdir()
                elif kind != "missing":
                    path.write_bytes({"too large": b"root::::::::\n" + b"#" * (1 << 20), "NUL": b"root::::::::\n\0x\n", "broken": b"root:*\n"}[kind])
                before = self.snapshot(self.root / "etc")
                self.prepare()
                self.assertEqual(self.err.count("\n"), 1, self.err)
                self.assertRegex(self.err, "leaving root's password alone|Failed to set the root password, ignoring")
                self.assertEqual(self.snapshot(self.root / "etc"), before)
                self.assertFalse((self.root / "root/.pw").exists())
                if kind == "directory":
                    path.rmdir()
                path.touch()

    def test_no_place_for_the_clear_text(self):
        """Nobody may get a password that nobody can read."""
        for kind in ("missing", "file", "link out", "directory"):
            with self.subTest(kind):
                self.shadow()
                shutil.rmtree(self.root / "root", ignore_errors=True)
                (self.root / "root").unlink(missing_ok=True)
                if kind == "file":
                    (self.root / "root").write_text("")
                elif kind == "link out":
                    (self.root / "root").symlink_to(self.outside)
                elif kind == "directory":
                    (self.root / "root/.pw").mkdir(parents=True)
                self.prepare()
                self.assertEqual(self.field(), "*")
                self.one_line("Failed to write /root/.pw, leaving root's password alone")
                self.assertEqual(self.leftovers(), [])
                self.assertEqual(os.listdir(self.outside), ["file"])
                (self.root / "root").unlink() if kind == "link out" else None

    def test_old_clear_text(self):
        """A link is not followed, and a hard link keeps what it has: the file is always a new one."""
        self.shadow()
        (self.root / "root/.pw").symlink_to(self.outside / "file")
        self.prepare()
        self.has_new_password()
        self.shadow()
        (self.root / "root/.pw").unlink()
        os.link(self.outside / "file", self.root / "root/.pw")
        self.prepare()
        self.has_new_password()
        self.assertEqual((self.outside / "file").read_text(), "outside\n")

    def trace(self, log, *options):
        self.need("strace")
        return {"prefix": ["strace", "-qq", "-o", str(log), *options], "ASAN_OPTIONS": "detect_leaks=0"}

    def test_randomness(self):
        """Password and salt are the kernel's, which is waited for as long as it has none, and without it there is no password."""
        self.shadow()
        log = self.directory / "log"
        self.prepare(**self.trace(log, "-e", "trace=getrandom"))
        sizes = re.findall(r"^getrandom\(.*, (\d+), GRND_NONBLOCK\) = (\d+)$", log.read_text(), re.M)
        self.assertIn(("64", "64"), sizes)
        self.assertEqual(sizes[-1], ("16", "16"))
        self.has_new_password()

        before = self.shadow().read_text()
        (self.root / "root/.pw").unlink()
        for error, why in (("EAGAIN", "Connection timed out"), ("ENOSYS", "Function not implemented")):
            self.prepare(**self.trace(log, "-e", "trace=getrandom,openat,open,poll,ppoll", "-e", f"inject=getrandom:error={error}"))
            self.assertEqual('"/dev/random"' in log.read_text(), error == "EAGAIN")
            self.assertIn(f"Failed to set the root password, ignoring: {why}", self.err)
            self.assertEqual((self.read("etc/shadow"), (self.root / "root/.pw").exists(), self.leftovers()), (before, False, []))

    def test_order_on_the_disk(self):
        """Both files are written and synced before either gets its name; the clear text gets its first; the wish for it goes last."""
        self.shadow()
        self.write(MARKER, "")
        log = self.directory / "log"
        self.prepare(**self.trace(log, "-y", "-e", "trace=openat,fsync,renameat,unlinkat"))
        steps = []
        for line in log.read_text().splitlines():
            m = re.match(r'(openat)\(.*"([^"]+\.scw)".*O_CREAT|(fsync)\(\d+<([^>]*)>|(renameat)\(.*"([^"]+)"\)|(unlinkat)\(.*"([^"]+-boot)"', line)
            if m:
                call, name = [group for group in m.groups() if group]
                steps.append((call, os.path.basename(name)))
        self.assertEqual(steps, [
            ("openat", ".shadow.scw"), ("fsync", ".shadow.scw"), ("openat", "..pw.scw"), ("fsync", "..pw.scw"),
            ("renameat", ".pw"), ("fsync", "root"), ("renameat", "shadow"), ("fsync", "etc"), ("unlinkat", MARKER), ("fsync", "root"),
        ])  # fmt: skip

    def killed(self, call, n):
        """One boot that is killed when it makes this call for the nth time. False if it has not come to that."""
        shutil.rmtree(self.root / "root")
        (self.root / "root").mkdir()
        self.shadow("!")
        os.setxattr(self.root / "etc/shadow", "user.note", b"kept")
        self.write(MARKER, "")
        trace = self.trace("/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={n}")
        done = subprocess.run([*trace["prefix"], self.build / "scaleway-prepare"], capture_output=True, timeout=60,
                              env=self.environment(SCALEWAY_SYSROOT=str(self.root), ASAN_OPTIONS=trace["ASAN_OPTIONS"]))  # fmt: skip
        return done.returncode != 0

    def test_killed_at_any_moment(self):
        """After each kill the file is the old one or the new one, and the next boot has root get in."""
        states = set()
        for call in ("openat", "write", "fchown", "fchmod", "fsetxattr", "fsync", "renameat", "unlinkat"):
            for n in itertools.count(1):
                with self.subTest(call=call, n=n):
                    killed = self.killed(call, n)
                    field, marked, temporary = self.field(), (self.root / MARKER).exists(), len(self.leftovers())
                    clear = self.root / "root/.pw"
                    if field != "!":
                        self.assertTrue(clear.exists() and self.is_hash_of(clear.read_text().strip(), field), "there is a password that nobody knows")
                    else:
                        self.assertTrue(marked, "the wish is gone and was not granted")
                    self.assertEqual(self.read("etc/shadow").splitlines()[::2], SHADOW.splitlines()[::2], "the lines of the others")
                    self.assertEqual(os.getxattr(self.root / "etc/shadow", "user.note"), b"kept")
                    state = (field != "!", clear.exists(), marked, temporary)
                    if state not in states and killed:
                        # The next boot.
                        states.add(state)
                        self.prepare("--reset-password=yes")
                        self.has_new_password()
                        self.assertFalse((self.root / MARKER).exists())
                if not killed:
                    break
        # Nothing done; one file staged, and both; the clear text there; the hash there; the wish taken back.
        expected = {(False, False, True, n) for n in (0, 1, 2)} | {(False, True, True, 1), (True, True, True, 0), (True, True, False, 0)}
        self.assertEqual(states, expected)


class Hostile(OnRoot):
    """rows: A14, A15, A22, A24

    Every file that is read or replaced, each in every form that it should not have. Nothing outside changes, nothing waits, no
    temporary file stays, and the boot goes on."""

    FILES = ("etc/hostname", "etc/hosts", "etc/hosts.bak", "etc/resolv.conf", "etc/shadow", "etc/login.defs", "root/.pw", "etc/machine-id",
             "var/lib/dbus/machine-id", "etc/fstab", "etc/scw-release", MARKER)  # fmt: skip

    REPLACED = ("etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/shadow", "etc/machine-id", "var/lib/dbus/machine-id", "etc/fstab")

    def setUp(self):
        super().setUp()
        self.metadata()

    def fill(self):
        """A root of which everything is to be changed."""
        for entry in self.root.iterdir():
            entry.unlink() if entry.is_symlink() or not entry.is_dir() else shutil.rmtree(entry)
        for path, text in {"etc/hostname": "", "etc/hosts": HOSTS, "etc/resolv.conf": "", "etc/shadow": SHADOW.format("*"), "etc/login.defs": "",
                           "etc/machine-id": "", "var/lib/dbus/machine-id": "x\n", "etc/fstab": "UUID=2 /boot/efi vfat rw 0 1\n",
                           "var/lib/dhcp/dhclient.eth0.leases": "", MARKER: "", "root/.profile": "", "etc/scw-release": ""}.items():  # fmt: skip
            self.write(path, text)
        names = ("hostname", "hosts", "hosts.bak", "resolv.conf", "shadow", "login.defs", ".pw", "machine-id", "fstab", "scw-release", MARKER)
        for entry in self.outside.iterdir():
            entry.unlink()
        for name in {*names, "file", "dhclient.eth0.leases"}:
            # What they would be changed into something else from.
            (self.outside / name).write_text({"shadow": SHADOW.format(""), "fstab": "UUID=2 /boot/efi vfat rw 0 1\n"}.get(name, ""))

    def goes_on(self):
        before = self.snapshot(self.outside)
        start = time.monotonic()
        self.prepare("--nbd=yes")
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual(self.snapshot(self.outside), before)
        self.assertEqual(self.leftovers(), [])

    def tricks(self):
        up = "../" * 20
        return {
            "absolute link": lambda path: path.symlink_to(self.outside / path.name),
            "link upwards": lambda path: path.symlink_to(up + str(self.outside / path.name)),
            "link into /run": lambda path: path.symlink_to("/run/x"),
            "link to a directory": lambda path: path.symlink_to("/etc"),
            "link to itself": lambda path: path.symlink_to(path.name),
            "link through a link": lambda path: ((self.root / "way").symlink_to(self.outside), path.symlink_to("/way/" + path.name)),
            "link through /proc": lambda path: path.symlink_to(f"/proc/self/root{self.outside}/{path.name}"),
            "directory": lambda path: path.mkdir(),
            "FIFO": lambda path: os.mkfifo(path),
            "endless device": lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5)),
            "terminal": lambda path: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(5, 0)),
            "socket": self.make_socket,
            "hard link": lambda path: os.link(self.outside / path.name, path),
            "too large": lambda path: (path.touch(), os.truncate(path, 1 << 40)),
            "NUL": lambda path: path.write_bytes(b"\0root::::::::\n"),
        }

    def make_socket(self, path):
        """Their paths are short."""
        folder = os.open(path.parent, os.O_PATH)
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(f"/proc/self/fd/{folder}/{path.name}")
        os.close(folder)

    def test_files(self):
        for (trick, do), name in itertools.product(self.tricks().items(), self.FILES):
            with self.subTest(trick=trick, file=name):
                self.fill()
                path = self.root / name
                path.unlink(missing_ok=True)
                do(path)
                kind = stat.S_IFMT(path.lstat().st_mode)
                self.goes_on()
                # What is no file stays what it is, but for the two that a new one takes the place of or that go.
                if kind != stat.S_IFREG and name not in ("root/.pw", MARKER):
                    self.assertEqual(stat.S_IFMT(path.lstat().st_mode), kind)
                # The other steps were done.
                if "hosts" not in name and "hostname" not in name:
                    self.assertIn("adoring-fermi", self.read("etc/hosts"), self.err)
                if name == "etc/fstab":
                    self.assertNotIn("*", re.search("^root:([^:]*)", self.read("etc/shadow"), re.M)[1])

    def test_directories(self):
        """A folder on the way is a link: what lies there is that of the root, or nothing."""
        up = "../" * 20
        for name in ("etc", "root", "var", "var/lib", "var/lib/dbus", "var/lib/dhcp", "dev"):
            for target in ("/", str(self.outside), up + str(self.outside), "/proc/self/cwd", "/nowhere", "."):
                with self.subTest(folder=name, target=target):
                    self.fill()
                    path = self.root / name
                    if path.exists():
                        path.rename(self.root / "moved")
                    path.symlink_to(target)
                    self.goes_on()
                    self.assertEqual(os.readlink(path), target)

    def test_etc_is_the_root(self):
        """Not a way out: it is the image's own, odd layout, and what is written lies there."""
        self.fill()
        for entry in (self.root / "etc").iterdir():
            entry.rename(self.root / entry.name)
        (self.root / "etc").rmdir()
        (self.root / "etc").symlink_to("/")
        self.goes_on()
        self.assertEqual(self.read("hostname"), "adoring-fermi\n")
        self.assertTrue(self.read("hosts").startswith("127.0.0.1\tlocalhost\n127.0.1.1\tadoring-fermi\n"))
        self.assertIn("root:$6$", self.read("shadow"))

    def inside_of(self, *mount):
        """A root of its own file system, in a namespace; returns the words that put a command there."""
        inside = self.namespace("--mount")
        subprocess.run([*inside, *mount, self.root], check=True)
        return inside

    def pack(self):
        self.fill()
        archive = self.directory / "root.tar"
        subprocess.run(["tar", "-C", self.root, "-cf", archive, "."], check=True)
        return archive

    def test_full_disk(self):
        """No space for a single file: all is as it was, and nothing is left over."""
        self.need("mount", "tar")
        archive = self.pack()
        inside = self.inside_of("mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=200", "tmpfs")
        script = 'cd "$1" && tar xf "$2" && ! cat /dev/zero >filler'
        subprocess.run([*inside, "sh", "-c", script, "sh", self.root, archive], check=True, stderr=subprocess.DEVNULL)
        look = [*inside, "sh", "-c", 'cd "$1" && sha256sum etc/* && ls -ai etc root', "sh", self.root]
        before = subprocess.run(look, capture_output=True, check=True, text=True).stdout
        self.prepare("--nbd=yes", prefix=inside)
        self.assertEqual(subprocess.run(look, capture_output=True, check=True, text=True).stdout, before)
        self.assertIn("Failed to set the root password, ignoring: No space left on device", self.err)
        self.assertNotIn("Root has a new password", self.err)

    def test_errors_of_the_disk(self):
        """The same where each sync, rename or change of attributes fails."""
        self.need("strace")
        for call, error in (("fsync", "EIO"), ("renameat", "EPERM"), ("fchown", "EPERM"), ("fsetxattr", "EDQUOT")):
            with self.subTest(call):
                self.fill()
                for name in self.REPLACED:
                    os.setxattr(self.root / name, "user.note", b"kept")
                before = [self.snapshot(self.root / folder) for folder in ("etc", "var/lib/dbus", "root")]
                self.prepare("--nbd=yes", prefix=["strace", "-qq", "-o", "/dev/null", "-e", f"inject={call}:error={error}"],
                             ASAN_OPTIONS="detect_leaks=0")  # fmt: skip
                self.assertEqual([self.snapshot(self.root / folder) for folder in ("etc", "var/lib/dbus", "root")], before)
                self.assertEqual(self.leftovers(), [])
                self.assertNotIn("Root has a new password", self.err)
                # Each of them was tried.
                self.assertEqual(self.err.count("Failed to "), 6, self.err)

    def test_sync_of_the_folder(self):
        """It fails when the file has got its name: what /etc/hosts was has no other one than hosts.bak."""
        self.need("strace")
        self.fill()
        self.prepare("--nbd=yes", prefix=["strace", "-qq", "-o", "/dev/null", "-e", "inject=fsync:error=EIO:when=2+2"],
                     ASAN_OPTIONS="detect_leaks=0")  # fmt: skip
        self.assertIn("Failed to write /etc/hosts, ignoring: Input/output error", self.err)
        self.assertEqual(self.read("etc/hosts.bak"), HOSTS)
        self.assertIn("adoring-fermi", self.read("etc/hosts"))
        self.assertEqual(self.leftovers(), [])

    def test_order_on_the_disk(self):
        """Each file, whether it was there or not, is complete and on the disk under another name before it gets its own, and then that is synced.
        So whenever the power fails, it is the old one or the new one."""
        self.need("strace")
        for missing in (False, True):
            with self.subTest(missing=missing):
                self.fill()
                if missing:
                    for name in ("hostname", "hosts", "resolv.conf"):
                        (self.root / "etc" / name).unlink()
                    (self.root / "var/lib/dbus/machine-id").unlink()
                log = self.directory / "log"
                self.prepare("--nbd=yes", "--no-password=yes", ASAN_OPTIONS="detect_leaks=0",
                             prefix=["strace", "-qq", "-y", "-o", str(log), "-e", "trace=openat,open,creat,write,fsync,renameat,rename,renameat2,linkat,unlinkat"])  # fmt: skip
                top = re.escape(str(self.root)) + "/"
                patterns = {
                    "open": rf'openat\(\d+<{top}([^>]*)>, "([^"/]+)", .*O_(?:CREAT|TRUNC|RDWR)',
                    "write": rf"write\(\d+<{top}([^>]*)>",
                    "sync": rf"fsync\(\d+<{top}([^>]*)>",
                    "rename": rf'renameat\(\d+<{top}([^>]*)>, "([^"/]+)", \d+<{top}([^>]*)>, "([^"/]+)"',
                    "link": rf'linkat\(\d+<{top}([^>]*)>, "([^"/]+)", \d+<{top}([^>]*)>, "([^"/]+)"',
                }
                steps = [(call, *m.groups()) for line in log.read_text().splitlines() for call, p in patterns.items() if (m := re.match(p, line))]
                self.assertRegex(log.read_text(), r"renameat\(")
                expected = []
                for path in ("etc/fstab", "etc/hostname", "etc/resolv.conf", "etc/hosts", "etc/machine-id", "var/lib/dbus/machine-id"):
                    folder, name = path.rsplit("/", 1)
                    new = f".{name}.scw"
                    expected += [("open", folder, new), ("write", f"{folder}/{new}"), ("sync", f"{folder}/{new}")]
                    if name == "hosts" and not missing:
                        expected.append(("link", folder, name, folder, "hosts.bak"))
                    expected += [("rename", folder, new, folder, name), ("sync", folder)]
                self.assertEqual(steps, expected)

    def test_immutable(self):
        self.need("mke2fs", "losetup", "mount", "chattr")
        archive = self.pack()
        image = self.directory / "image"
        with open(image, "wb") as f:
            f.truncate(8 << 20)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", image], check=True)
        done = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"no loop device: {done.stderr.strip()}")
        device = done.stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "--detach", device])
        inside = self.inside_of("mount", device)
        self.addCleanup(subprocess.run, [*inside, "umount", "-l", self.root])
        subprocess.run([*inside, "sh", "-ec", 'tar -C "$1" -xf "$2"; chattr +i "$1/etc/shadow" "$1/etc/hosts"', "sh", self.root, archive], check=True)
        self.prepare("--nbd=yes", prefix=inside)
        look = subprocess.run([*inside, "sh", "-c", 'cd "$1"; cat etc/shadow etc/hosts; cat etc/hostname; ls -a etc root', "sh", self.root],
                              capture_output=True, text=True, check=True).stdout  # fmt: skip
        self.assertTrue(look.startswith(SHADOW.format("*") + HOSTS + "adoring-fermi\n"), look)
        self.assertNotIn(".scw\n", look)
        self.assertIn("Failed to set the root password, ignoring: Operation not permitted", self.err)
        self.assertIn("Failed to write /etc/hosts, ignoring: Operation not permitted", self.err)

    def test_read_only(self):
        self.need("mount")
        self.fill()
        inside = self.namespace("--mount")
        subprocess.run([*inside, "mount", "--bind", "-o", "ro", self.root, self.root], check=True)
        before = self.snapshot(self.root)
        self.prepare("--nbd=yes", prefix=inside)
        self.one_line("mounted read-only")
        self.assertEqual(self.snapshot(self.root), before)


class Unit(OnRoot):
    """rows: A14, A15, A22, A24

    The command line of the unit, with each of the variables that the generator sets: it reaches the step that it is for."""

    DEFAULTS = {"etc/hostname", "etc/hosts", "etc/hosts.bak", "etc/resolv.conf", "etc/machine-id"}

    def run_unit(self, field, **variables):
        """The files that have changed."""
        text = (self.build / "units/scaleway-prepare.service").read_text().replace("\\\n", " ")
        default = dict(word.split("=", 1) for line in re.findall("^Environment=(.*)$", text, re.M) for word in line.split())
        self.assertLessEqual(set(variables), set(default))
        (command,) = re.findall("^ExecStart=(.*)$", text, re.M)
        program, *args = (re.sub(r"\$\{(\w+)\}", lambda m: (default | variables)[m[1]], word) for word in command.split())
        self.assertEqual(os.path.basename(program), "scaleway-prepare")

        shutil.rmtree(self.root / "etc")
        (self.root / "root/.pw").unlink(missing_ok=True)
        for path, content in {"hostname": "", "hosts": HOSTS, "resolv.conf": "", "machine-id": "", "fstab": "UUID=2 /boot/efi vfat rw 0 1\n",
                              "shadow": SHADOW.format(field)}.items():  # fmt: skip
            self.write(f"etc/{path}", content)
        before = self.snapshot(self.root)
        self.prepare(*args)
        after = self.snapshot(self.root)
        return {path for path, what in after.items() if what != before.get(path) and stat.S_ISREG(what[1])}

    def test_variables(self):
        self.metadata()
        password, names = {"etc/shadow", "root/.pw"}, {"etc/hostname", "etc/hosts", "etc/hosts.bak", "etc/resolv.conf"}
        self.assertEqual(self.run_unit("!"), self.DEFAULTS)
        self.assertEqual(self.run_unit("*"), self.DEFAULTS | password)
        self.assertEqual(self.run_unit("!", ROOT_ON_NBD="yes"), self.DEFAULTS | {"etc/fstab"})
        self.assertEqual(self.run_unit("!", DONT_FORWARD_NET_CONFIG="1"), self.DEFAULTS - names)
        self.assertEqual(self.run_unit("*", DONT_GEN_ROOT_PASSWD="1"), self.DEFAULTS)
        self.assertEqual(self.run_unit("!", RESET_PASSWORD="1"), self.DEFAULTS | password)
        self.assertEqual(self.run_unit("!", DONT_GEN_MACHINE_ID="1"), self.DEFAULTS - {"etc/machine-id"})


class FetchModules(OnRoot):
    """rows: A23"""

    def setUp(self):
        super().setUp()
        self.release, self.machine = os.uname().release, os.uname().machine
        self.modules = self.root / "usr/lib/modules"
        self.modules.mkdir(parents=True)
        (self.root / "lib").symlink_to("usr/lib")
        self.www = self.directory / "www"
        self.www.mkdir()
        self.paths = []
        handler = type("Handler", (http.server.SimpleHTTPRequestHandler,), {
            "__init__": lambda s, *a: http.server.SimpleHTTPRequestHandler.__init__(s, *a, directory=str(self.www)),
            "log_message": lambda s, *a: self.paths.append(s.path),
        })  # fmt: skip
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        # A client that goes in the middle is what some of the tests are about.
        self.server.handle_error = lambda *_: None
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.mirror = f"http://127.0.0.1:{self.server.server_port}"

    def archive(self, *entries):
        """entries: name, or (name, type, link)."""
        path = self.www / "kernel" / self.machine / self.release / "modules.tar"
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w") as tar:
            for entry in entries:
                name, kind, link = entry if isinstance(entry, tuple) else (entry, None, "")
                info = tarfile.TarInfo(name.format(release=self.release))
                info.type = kind or (tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE)
                info.mode, info.uid, info.gid, info.linkname = 0o700 if name.endswith("/") else 0o622, 1000, 1000, link
                data = b"data\n" if info.type == tarfile.REGTYPE else b""
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return path

    def good(self):
        return self.archive("modules/", "modules/{release}/", "modules/{release}/modules.dep", "modules/{release}/kernel/", "modules/{release}/kernel/x.ko",
                            ("modules/{release}/build", tarfile.SYMTYPE, "/nowhere"))  # fmt: skip

    def fetch(self, *args, mirror=None, **more):
        start = time.monotonic()
        more = {"SCALEWAY_SYSROOT": str(self.root), "SCALEWAY_STREAM": str(self.build / "scaleway-stream")} | more
        self.call("scaleway-fetch-modules", *args, mirror or self.mirror, **more)
        self.took = time.monotonic() - start
        self.assertEqual(sorted(p for p in os.listdir(self.modules) if p.startswith(".")), [], "what is left over")

    def has_them(self):
        folder = self.modules / self.release
        self.assertEqual((folder / "modules.dep").read_text(), "data\n")
        self.assertEqual((folder / "kernel/x.ko").read_text(), "data\n")
        # Whoever made the archive: nobody but root may write there, everybody may read.
        for path in (folder, *folder.rglob("*")):
            st = path.lstat()
            mode = 0o777 if path.is_symlink() else 0o755 if path.is_dir() else 0o644
            self.assertEqual((st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)), (0, 0, mode), path)

    def has_none(self, *words, lines=2):
        """One line says what is done, one what is wrong; and one may say that nobody knows whose the modules are."""
        self.assertFalse(os.path.lexists(self.modules / self.release))
        self.assertEqual(self.err.count("\n") - self.err.count(NO_CHECK), lines, self.err)
        for word in words:
            self.assertIn(word, self.err)

    def test_mirror_is_no_argument(self):
        self.good()
        self.fetch(mirror="env:MODULES_MIRROR", MODULES_MIRROR=self.mirror)
        self.has_them()

    def test_good(self):
        self.good()
        (self.modules / "5.0-other").mkdir()
        self.fetch()
        self.has_them()
        self.assertEqual(self.paths, [f"/kernel/{self.machine}/{self.release}/modules.tar"])
        self.assertTrue((self.modules / "5.0-other").exists())
        # A second time there is nothing to do.
        self.fetch()
        self.assertEqual((self.err, len(self.paths)), ("", 1))

    def test_layouts(self):
        """Where the root sees /lib."""
        self.good()
        for layout in ("absolute link", "old", "without the folder"):
            with self.subTest(layout):
                shutil.rmtree(self.root / "usr")
                (self.root / "lib").unlink()
                if layout == "absolute link":
                    self.modules.mkdir(parents=True)
                    (self.root / "lib").symlink_to("/usr/lib")
                else:
                    self.modules.parent.mkdir(parents=True)
                    (self.root / "lib").mkdir()
                    self.modules = self.root / "lib/modules"
                    if layout == "old":
                        self.modules.mkdir()
                self.fetch(mirror=self.mirror + "///")
                self.has_them()
                if layout != "absolute link":
                    shutil.rmtree(self.root / "lib")
                    self.modules = self.root / "usr/lib/modules"
                    self.modules.mkdir(parents=True)
                    (self.root / "lib").symlink_to("usr/lib")

    def test_bad_archives(self):
        dep = "modules/{release}/modules.dep"
        cases = {
            "of another kernel": ("modules/5.0/modules.dep",),
            "without the folder above": ("{release}/modules.dep",),
            "without modules.dep": ("modules/{release}/x.ko",),
            "modules.dep is a link": (("modules/{release}/modules.dep", tarfile.SYMTYPE, "/etc/shadow"),),
            "modules.dep is a folder": (dep + "/",),
            "the release is a link": (("modules/{release}", tarfile.SYMTYPE, "/etc"), "modules/x/modules.dep"),
            "modules is a link": (("modules", tarfile.SYMTYPE, "/etc"), "x"),
        }
        for what, entries in cases.items():
            with self.subTest(what):
                self.archive(*entries)
                self.fetch()
                self.has_none("There is no modules/")
        self.archive(dep, "../x")
        self.fetch()
        self.has_none("Failed to fetch the kernel modules, going on without: ")

    def test_checksum(self):
        path = self.good()
        self.fetch("--sha256=" + "0" * 64)
        self.has_none("Failed to fetch the kernel modules, going on without: ")
        self.fetch("--sha256=" + hashlib.sha256(path.read_bytes()).hexdigest())
        self.has_them()

    def test_neither_https_nor_checksum(self):
        """Then it is said, once."""
        checksum = "--sha256=" + hashlib.sha256(self.good().read_bytes()).hexdigest()
        for args, scheme, said in (((), "http", 1), (("--sha256=",), "http", 1), ((checksum,), "http", 0), ((), "https", 0)):
            with self.subTest(args=args, scheme=scheme):
                self.fetch(*args, mirror=self.mirror.replace("http", scheme))
                self.assertEqual(self.err.count(NO_CHECK), said, self.err)
                shutil.rmtree(self.modules / self.release, ignore_errors=True)

    def test_cut_off(self):
        path = self.good()
        path.write_bytes(path.read_bytes()[:2048])
        self.fetch()
        self.has_none("Failed to fetch the kernel modules, going on without: ")

    def test_dead_mirrors(self):
        """Not there, nothing there, and one that takes connections and is silent: what each of them costs."""
        self.fetch()
        self.has_none("404")
        self.assertLess(self.took, 2)
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            self.fetch(mirror=f"http://127.0.0.1:{closed.getsockname()[1]}")
            self.has_none("Failed to fetch")
            self.assertLess(self.took, 6)
            closed.listen()
            self.fetch(mirror=f"http://127.0.0.1:{closed.getsockname()[1]}")
            self.has_none("Failed to fetch")
            self.assertLess(self.took, 8)
        self.fetch(mirror="http://user:hunter2@127.0.0.1:1/")
        self.assertNotIn("hunter2", self.err)

    def test_left_over(self):
        """Of a boot that was interrupted, or whatever the image has there."""
        self.good()
        path = self.modules / ".scaleway-fetch-modules"
        for kind in ("folder", "link", "file"):
            with self.subTest(kind):
                if kind == "folder":
                    (path / "modules" / self.release).mkdir(parents=True)
                    (path / "modules" / self.release / "modules.dep").write_text("half")
                    (path / "link").symlink_to(self.outside)
                elif kind == "link":
                    path.symlink_to(self.outside)
                else:
                    path.write_text("x")
                self.fetch()
                self.has_them()
                shutil.rmtree(self.modules / self.release)
                self.assertEqual(os.listdir(self.outside), ["file"])

    def test_strange_roots(self):
        for what in ("link out", "link to nowhere", "file", "no lib"):
            with self.subTest(what):
                self.good()
                shutil.rmtree(self.root / "usr/lib")
                if what == "no lib":
                    (self.root / "lib").unlink()
                else:
                    self.modules.parent.mkdir()
                    path = self.modules
                    path.symlink_to(self.outside) if what == "link out" else path.symlink_to("/nowhere") if what != "file" else path.write_text("x")
                self.call("scaleway-fetch-modules", self.mirror, SCALEWAY_SYSROOT=str(self.root), SCALEWAY_STREAM=str(self.build / "scaleway-stream"))
                self.one_line("Failed to open /lib/modules of the root")
                self.assertEqual((self.paths, os.listdir(self.outside)), ([], ["file"]))
                (self.root / "usr/lib").mkdir(exist_ok=True)

    def test_read_only(self):
        self.need("mount")
        inside = self.namespace("--mount")
        subprocess.run([*inside, "mount", "--bind", "-o", "ro", self.root, self.root], check=True)
        self.fetch(prefix=inside)
        self.one_line("mounted read-only")
        self.assertEqual(self.paths, [])

    def test_too_large(self):
        """The space is looked at before the first byte is written."""
        self.need("mount")
        path = self.good()
        os.truncate(path, 8 << 20)
        inside = self.namespace("--mount")
        subprocess.run([*inside, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.modules], check=True)
        self.fetch(prefix=inside)
        self.has_none("Not enough space")

    def test_killed(self):
        """What was unpacked has no name that a system looks at, and the next boot makes it good."""
        self.good()
        stream = self.directory / "stream"
        stream.write_text(f"#!/bin/sh\nmkdir -p modules/{self.release} && echo half >modules/{self.release}/modules.dep && kill -9 $PPID\n")
        stream.chmod(0o755)
        done = subprocess.run([self.build / "scaleway-fetch-modules", self.mirror], capture_output=True, timeout=60,
                              env=self.environment(SCALEWAY_SYSROOT=str(self.root), SCALEWAY_STREAM=str(stream)))  # fmt: skip
        self.assertEqual(done.returncode, -9)
        self.assertEqual(os.listdir(self.modules), [".scaleway-fetch-modules"])
        self.fetch()
        self.has_them()

    def test_order_on_the_disk(self):
        self.need("strace")
        self.good()
        log = self.directory / "log"
        self.fetch(prefix=["strace", "-qq", "-o", str(log), "-e", "trace=syncfs,renameat,fsync"], ASAN_OPTIONS="detect_leaks=0")
        self.assertEqual(re.findall(r"^(\w+)\(", log.read_text(), re.M), ["syncfs", "renameat", "fsync"])
        self.has_them()

    def test_arguments(self):
        for args in ([], ["a", "b"], ["--sha256"]):
            self.call("scaleway-fetch-modules", *args, SCALEWAY_SYSROOT=str(self.root), status=1)
        self.call("scaleway-fetch-modules", self.mirror, SCALEWAY_SYSROOT="/nonexistent", status=1)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("not root, skipped")
        sys.exit(77)
    unittests.Programs.build = pathlib.Path(sys.argv[1]).resolve()
    unittests.main(sys.argv[2:])
