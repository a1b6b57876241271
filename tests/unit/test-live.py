#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scaleway-live: what it decides about disks of all kinds, and that a crash at any moment leaves a disk that it knows again.

Usage: test-live.py BUILD-DIRECTORY [unittest arguments]. Needs root for loop devices and mounts, exits 77 without.
"""

import hashlib
import os
import pathlib
import re
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import disks
import unittests

BUILD = pathlib.Path()
TIMEOUT = 120
MIB = 1 << 20
SIZE = 16 * MIB
UNFINISHED = "scw-installing"


class Live(unittest.TestCase):
    """rows: B6, C4"""

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="test-live-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.decision = self.directory / "run/scaleway/install"
        self.decision.parent.mkdir(parents=True)
        self.target = self.directory / "target"
        self.target.mkdir()
        self.image = self.directory / "image"
        self.attached = []
        self.addCleanup(self.clean_up)
        for tool in ("losetup", "mke2fs", "mkfs.btrfs", "mkswap", "sfdisk", "umount"):
            if not shutil.which(tool):
                self.skipTest(f"{tool} is missing")

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("SCALEWAY_")}
        return env | {"SCALEWAY_RUN": str(self.directory / "run")} | more

    def call(self, *args, prefix=(), status=0, **env):
        done = subprocess.run([*prefix, BUILD / "scaleway-live", *args], env=self.environment(**env), stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=TIMEOUT, text=True)
        self.err = done.stderr
        if status is not None:
            self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.returncode

    def zeros(self, size=SIZE):
        self.image.unlink(missing_ok=True)
        with open(self.image, "wb") as f:
            f.truncate(size)
        return self.image

    def put(self, data, offset):
        with open(self.image, "r+b") as f:
            f.seek(offset)
            f.write(data)

    def tool(self, *words, **more):
        subprocess.run(words, check=True, capture_output=True, **more)

    def loop(self, *options):
        done = subprocess.run(["losetup", "--find", "--show", *options, self.image], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"no loop device: {done.stderr.strip()}")
        device = done.stdout.strip()
        self.attached.append(device)
        return device

    def detach(self, device):
        """Once: the next one to have it may be somebody else."""
        self.attached.remove(device)
        self.tool("losetup", "--detach", device)

    def clean_up(self):
        subprocess.run(["umount", "--quiet", str(self.target)], stderr=subprocess.DEVNULL)
        for device in self.attached:
            subprocess.run(["losetup", "--detach", device])

    def checked(self, *args, status=0, options=(), **env):
        """Returns whether an installation is due. Nothing may be written."""
        before = hashlib.sha256(self.image.read_bytes()).hexdigest()
        device = self.loop(*options)
        self.call("check", *args, device, status=status, **env)
        self.detach(device)
        self.assertEqual(hashlib.sha256(self.image.read_bytes()).hexdigest(), before, "the disk was written to")
        self.assertEqual(self.err.count("\n"), 1, self.err)
        return self.decision.exists()

    def label(self, path):
        return subprocess.run(["blkid", "-p", "-o", "value", "-s", "LABEL", path], capture_output=True, text=True).stdout.strip()

    # What is on a disk

    def test_empty(self):
        self.zeros()
        self.assertTrue(self.checked())
        self.assertIn("is empty: installing", self.err)
        # The decision of an earlier try does not last.
        self.tool("mke2fs", "-q", self.image)
        self.assertFalse(self.checked())

    def test_installed(self):
        self.zeros(160 * MIB)
        for words in (["mke2fs", "-q", "-t", "ext4", "-L", "data"], ["mke2fs", "-q", "-t", "ext2", "-F"], ["mkfs.btrfs", "-q", "-f"]):
            with self.subTest(words):
                self.tool(*words, self.image)
                self.assertFalse(self.checked())
                self.assertIn("booting from it", self.err)
        self.assertIn("holds a file system of type 'btrfs': booting", self.err)

    def test_partitions(self):
        cases = {
            "label: gpt\ntype=linux\n": "a GPT partition table with a root",
            'label: gpt\ntype=swap, name="root"\n': "a GPT partition table with a root",
            "label: dos\ntype=83\n": "a DOS partition table with a root",
            "label: gpt\ntype=swap\n": None,
            "label: dos\ntype=82\n": None,
            "label: gpt\n": None,
            "label: sun\ntype=83\n": None,
        }
        for script, words in cases.items():
            with self.subTest(script):
                self.zeros()
                self.tool("sfdisk", "-q", self.image, input=script.encode())
                self.assertFalse(self.checked(status=0 if words else 1))
                self.assertIn(words or "to overwrite it, set live_mode=install", self.err)

    def test_partition_without_a_root(self):
        """Another one may have it; else it is said which one could be installed on."""
        self.zeros(192 * MIB)
        self.tool("sfdisk", "-q", self.image, input=b"label: gpt\nsize=64M, type=linux\nsize=64M, type=linux\n")
        device = self.loop("--partscan")
        if not pathlib.Path("/sys/class/block", f"{os.path.basename(device)}p1").exists():
            # The kernel of a test machine may be without a parser for the table, and util-linux has one.
            self.tool("partx", "--add", device)
            self.addCleanup(subprocess.run, ["partx", "--delete", device], stderr=subprocess.DEVNULL)
        for n in (1, 2):
            node = pathlib.Path(f"{device}p{n}")
            number = pathlib.Path("/sys/class/block", node.name, "dev")
            if not node.exists():
                # In a container nobody does.
                os.mknod(node, 0o600 | stat.S_IFBLK, os.makedev(*map(int, number.read_text().split(":"))))
                self.addCleanup(node.unlink, missing_ok=True)
        self.call("check", device, status=1)
        self.assertIn(f"a GPT partition table without a root (with root={device}p1 it will be installed there)", self.err)
        self.tool("mke2fs", "-q", "-t", "ext4", "-L", UNFINISHED, f"{device}p1")
        self.call("check", device, status=1)
        self.assertIn(f"with root={device}p1 it will", self.err)
        self.call("check", f"{device}p1")
        self.assertTrue(self.decision.exists())
        # scaleway-root takes the same one, whatever the first is.
        with tempfile.TemporaryDirectory() as tree:
            pathlib.Path(tree, "usr").mkdir()
            self.tool("mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, f"{device}p2")
        self.boots_from(device, f"{device}p2")
        self.tool("wipefs", "-qa", f"{device}p1")
        self.boots_from(device, f"{device}p2")

    def boots_from(self, device, partition):
        self.call("check", device)
        self.assertIn("with a root: booting from it", self.err)
        self.assertFalse(self.decision.exists())
        self.tool(BUILD / "scaleway-root", "mount", device, self.target)
        self.assertEqual(subprocess.run(["findmnt", "-no", "SOURCE", self.target], capture_output=True, text=True).stdout.strip(), partition)
        self.tool("umount", self.target)

    def lvm(self, script):
        program = self.directory / "lvm"
        program.write_text(f"#!/bin/sh\necho \"$*\" >>{self.directory}/calls\ncase $1 in\n{script}\nesac\n")
        program.chmod(0o755)
        self.zeros()
        self.put(disks.label_sector(SIZE), 512)
        return {"SCALEWAY_LVM_COMMAND": str(program)}

    def test_lvm(self):
        """It is asked what there is, and nothing is activated."""
        self.assertFalse(self.checked(**self.lvm("pvs) echo vg;;\nlvs) echo home; echo root;;")))
        self.assertIn("holds the logical volume 'vg/root'", self.err)
        self.assertFalse(self.checked(status=1, **self.lvm("pvs) echo vg;;\nlvs) echo a; echo b;;")))
        self.assertIn("2 logical volumes (a, b), but none is named 'root'", self.err)
        self.assertFalse(self.checked(status=1, **self.lvm("pvs) echo 'vg is exported' >&2; exit 5;;")))
        self.assertIn("vg is exported", self.err)
        self.assertNotIn("lvchange", (self.directory / "calls").read_text())

    def test_logical_volume(self):
        """It cannot be looked at before it is activated, which is left to the one that boots from it."""
        self.call("check", "/dev/my-group/root")
        self.assertIn("a logical volume: booting from it", self.err)
        self.assertFalse(self.decision.exists())
        self.call("check", "--mode=install", "/dev/my-group/root", status=1)
        self.assertIn("takes no logical volume", self.err)

    def foreign(self):
        """Makes one disk after the other, with the words for it."""
        yield self.zeros(), self.tool("mkswap", "-L", "my swap", self.image), "'swap' data, not a file system, labelled 'my swap'"
        yield self.zeros(), self.put(disks.luks_header(), 0), "'crypto_LUKS' data"
        yield self.zeros(), self.put(disks.fat_header(SIZE, "EFI"), 0), "'vfat', labelled 'EFI'"
        yield self.zeros(), self.put(disks.fat_header(SIZE, "a\x1b[31m"), 0), "'vfat', labelled 'a?[31m'"
        yield self.zeros(), self.put(b"hsqs" + bytes(24) + struct.pack("<HH", 4, 0) + bytes(64), 0), "'squashfs'"
        yield self.zeros(), self.put(b"\x01CD001\x01", 32768), "'iso9660'"
        yield self.zeros(), self.put(b"x", 5000), "data of no known kind"
        yield self.zeros(), self.put(b"x", MIB - 1), "data of no known kind"
        yield self.zeros(), self.put(b"x", SIZE - 1), "data of no known kind"
        yield self.zeros(), self.put(b"x", SIZE - MIB), "data of no known kind"
        yield self.zeros(1000 * 512), self.put(b"x", 400 * 512), "data of no known kind"
        yield self.zeros(160 * MIB), self.put(b"x", 64 * MIB - 1), "data of no known kind"
        yield self.zeros(160 * MIB), self.put(os.urandom(158 * MIB), MIB), "data of no known kind"
        # Between the first 64 MiB and the last one, at a place that is looked at.
        yield self.zeros(160 * MIB), self.put(b"x", 80 * MIB), "data of no known kind"
        yield self.without_a_table(MIB), None, "'ext4' data labelled 'data', as of a partition 1 MiB from its beginning, but no partition"
        yield self.without_a_table(63 * 512), None, "'ext4' data labelled 'data', as of a partition 63 sectors from its beginning"
        yield self.two_at_once(), None, "signatures of several file systems at once"

    def without_a_table(self, offset):
        """As after dd if=/dev/zero over the first MiB of a disk, or less."""
        self.tool("mke2fs", "-q", "-t", "ext4", "-L", "data", "-E", f"offset={offset}", self.zeros(), "8M")

    def two_at_once(self):
        self.tool("mke2fs", "-q", "-t", "ext4", self.zeros())
        self.put(b"hsqs" + bytes(24) + struct.pack("<HH", 4, 0) + bytes(64), 0)

    def test_foreign(self):
        for _, _, words in self.foreign():
            with self.subTest(words):
                self.assertFalse(self.checked(status=1))
                self.assertIn(words, self.err)
                self.assertIn("set live_mode=install", self.err)
                self.assertTrue(self.checked("--mode=install"))
                self.assertIn(words, self.err)

    def test_unfinished(self):
        self.tool("mke2fs", "-q", "-t", "ext4", "-L", UNFINISHED, self.zeros())
        self.assertTrue(self.checked())
        self.assertIn("an installation that was not finished: installing the image again", self.err)
        # Nobody else takes it for a root.
        done = subprocess.run([BUILD / "scaleway-root", "mount", self.loop(), self.target], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("an installation that was not finished; boot=live does it again", done.stderr)

    def test_marker_counts_only_where_nothing_is_known(self):
        self.marked()
        self.assertTrue(self.checked())
        self.assertIn("a file system that was not finished: installing", self.err)
        self.put(b"LUKS\xba\xbe\0\1" + bytes(600), 0)
        self.assertFalse(self.checked(status=1))

    def strace(self, *options, log="/dev/null"):
        if not shutil.which("strace"):
            self.skipTest("strace is missing")
        return {"prefix": ["strace", "-qq", "-o", str(log), *options], "ASAN_OPTIONS": "detect_leaks=0"}

    def marked(self, size=SIZE):
        """A disk whose installation ended when the text was on it."""
        self.zeros(size)
        device = self.loop()
        self.call("format", device, self.target, status=None, **self.strace("-e", "inject=fsync:signal=KILL:when=1"))
        self.detach(device)

    def test_read_only(self):
        self.zeros()
        self.assertFalse(self.checked(status=1, options=["--read-only"]))
        self.assertIn("it is read-only", self.err)
        self.tool("mke2fs", "-q", self.image)
        self.assertFalse(self.checked(options=["--read-only"]))
        self.assertFalse(self.checked("--mode=install", status=1, options=["--read-only"]))

    def test_no_image(self):
        self.zeros()
        self.assertFalse(self.checked("--no-image=set it", status=1))
        self.assertIn("holds nothing, and there is no usable image to install: set it.", self.err)
        self.tool("mke2fs", "-q", self.image)
        self.assertFalse(self.checked("--no-image=set it"))

    def test_no_device(self):
        self.call("check", "--timeout=0", "/dev/no-such-device", status=1)
        self.assertIn("did not appear", self.err)
        self.call("check", "--timeout=0", "/dev/null", status=1)
        self.assertIn("not a block device", self.err)
        self.call("check", "nonsense", status=1)
        self.image.touch()
        self.call("check", "--timeout=0", self.loop(), status=1)
        self.assertIn("no size", self.err)

    def test_wrong_arguments(self):
        for words in (["check", "--mode=always", "/dev/null"], ["format", "--mkfs=xfs", "/dev/null", "/"], ["check"], ["format", "/dev/null"],
                      ["finish"], ["grow"], ["remove", "/"], []):  # fmt: skip
            self.call(*words, status=1)
            self.assertEqual(self.err.count("\n"), 1, self.err)

    # Making a file system

    def need_file_system(self, kind):
        if f"\t{kind}\n" not in pathlib.Path("/proc/filesystems").read_text():
            self.skipTest(f"the kernel has no {kind}")

    def install(self, kind, *options, size=192 * MIB):
        """All steps, with a file in the place of the image."""
        self.need_file_system(kind)
        device = self.loop()
        self.call("format", f"--mkfs={kind}", *options, device, self.target)
        self.assertEqual(self.label(self.image), UNFINISHED)
        (self.target / "file").write_text("content")
        self.call("finish", self.target)
        self.assertFalse((self.target / "file").exists(), "still mounted")
        self.assertEqual(self.label(self.image), "root")
        self.detach(device)
        with open(self.image, "rb") as f:
            f.seek(size - 4096)
            self.assertEqual(f.read(1024).strip(b"\0"), b"", "the marker is still there")
        self.assertFalse(self.checked())
        self.assertIn(f"'{kind}', labelled 'root'", self.err)

    def test_ext4(self):
        self.zeros(192 * MIB)
        self.install("ext4")
        self.tool("e2fsck", "-fn", self.image)
        features = subprocess.run(["dumpe2fs", "-h", self.image], capture_output=True, text=True).stdout
        self.assertNotIn("orphan_file", features)

    def test_btrfs(self):
        self.zeros(192 * MIB)
        self.install("btrfs")
        self.tool("btrfs", "check", self.image)

    def test_over_other_things(self):
        """Nothing of what was there before is left for anyone to find."""
        for kind in ("ext4", "btrfs"):
            self.zeros(192 * MIB)
            self.tool("sfdisk", "-q", self.image, input=b"label: gpt\ntype=linux\n")
            self.put(disks.fat_header(SIZE, "EFI"), 0)
            self.install(kind, "--mode=install")
            self.assertEqual(subprocess.run(["wipefs", "--noheadings", "--output=TYPE", self.image], capture_output=True,
                                            text=True).stdout.split(), [kind])  # fmt: skip

    def test_in_use(self):
        self.need_file_system("ext4")
        self.tool("mke2fs", "-q", "-t", "ext4", self.zeros())
        device, other = self.loop(), self.directory / "other"
        other.mkdir()
        self.tool("mount", device, other)
        try:
            self.call("format", "--mode=install", device, self.target, status=1)
        finally:
            self.tool("umount", other)
        self.assertIn("is in use", self.err)
        self.detach(device)
        self.assertFalse(self.checked(), "it is no longer what it was")

    def test_mkfs_fails(self):
        """mkfs.btrfs wants 100 MiB or so. It writes nothing before, and so nothing is left."""
        for make in (self.zeros, self.marked):
            make()
            device = self.loop()
            self.call("format", "--mkfs=btrfs", device, self.target, status=1)
            self.assertRegex(self.err.splitlines()[-1], r"mkfs\.btrfs on '/dev/loop\d+' failed: .*(too small|minimum|size)")
            self.detach(device)
            self.assertEqual(self.image.read_bytes().strip(b"\0"), b"")
            self.assertTrue(self.checked())
            self.assertIn("is empty: installing", self.err)
        # What somebody writes there is theirs.
        self.put(b"x", MIB)
        self.assertFalse(self.checked(status=1))
        self.assertIn("data of no known kind", self.err)

    def test_mkfs_fails_half_way(self):
        """The text stays: what is there is known by nothing else."""
        self.zeros()
        self.put(b"x", 8 * MIB)
        device = self.loop()
        self.call("format", "--mode=install", "--mkfs=btrfs", device, self.target, status=1)
        self.detach(device)
        self.assertTrue(self.checked())
        self.assertIn("a file system that was not finished: installing", self.err)

    # What is looked at last

    def test_format_looks_again(self):
        """A disk that is no longer what it was when an installation was decided."""
        for kind in ("mke2fs", "mkswap"):
            self.tool(kind, *(["-q"] if kind == "mke2fs" else []), self.zeros())
            before = self.image.read_bytes()
            device = self.loop()
            self.call("format", device, self.target, status=1)
            self.detach(device)
            self.assertRegex(self.err, "holds .*(ext2|swap).*, so nothing is installed on it")
            self.assertEqual(self.image.read_bytes(), before, "the disk was written to")

    def test_names_by_content(self):
        """Which are gone when that is overwritten."""
        self.need_file_system("ext4")
        self.tool("mke2fs", "-q", "-t", "ext4", "-L", "test-live", self.zeros())
        before, device = self.image.read_bytes(), self.loop()
        for place in ("label", "uuid", "partlabel"):
            link = pathlib.Path(f"/dev/disk/by-{place}/scaleway-test-live")
            made = [folder for folder in (link.parent.parent, link.parent) if not folder.exists()]
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(device)
            try:
                for root in (f"{place.upper()}=scaleway-test-live", str(link), f"/dev/../{link}"):
                    refused = place != "partlabel"
                    self.call("check", root)
                    self.call("check", "--mode=install", root, status=int(refused))
                    self.assertEqual(self.decision.exists(), not refused, root)
                    if refused:
                        self.assertIn("set root= to the device itself, such as /dev/nbd0", self.err)
                        self.assertEqual(self.err.count("\n"), 1, self.err)
                        self.call("format", "--mode=install", root, self.target, status=1)
                        self.assertEqual(self.image.read_bytes(), before, "the disk was written to")
                if not refused:
                    # The program itself is given the node.
                    log = self.directory / "strace"
                    self.call("format", "--mode=install", str(link), self.target,
                              **self.strace("-f", "-e", "trace=execve,mount", log=log))  # fmt: skip
                    self.tool("umount", self.target)
                    self.assertIn(f'"{device}"', log.read_text())
                    self.assertNotIn("/dev/disk", "".join(line for line in log.read_text().splitlines() if "scaleway-live" not in line))
            finally:
                link.unlink()
                for folder in reversed(made):
                    folder.rmdir()

    def test_no_files(self):
        """mkfs would take one."""
        before = self.zeros().read_bytes()
        self.call("format", self.image, self.target, status=1)
        self.call("format", self.directory / "none", self.target, status=1)
        self.assertEqual(self.image.read_bytes(), before)
        self.assertFalse((self.directory / "none").exists())

    def test_no_mkfs(self):
        """It is told before anything has been done."""
        self.zeros()
        device = self.loop()
        hide = "mount --bind /dev/null /usr/sbin/mkfs.btrfs && exec \"$@\""
        self.call("check", "--mkfs=btrfs", device, prefix=["unshare", "--mount", "sh", "-c", hide, "sh"], status=1)
        self.assertIn("there is no mkfs.btrfs in this initrd", self.err)
        self.assertEqual(self.err.count("\n"), 1, self.err)
        self.assertFalse(self.decision.exists())
        self.call("check", "--mkfs=btrfs", device)
        self.assertTrue(self.decision.exists())

    def test_cancel(self):
        self.decision.write_text("/dev/nbd0\n")
        self.call("cancel")
        self.assertFalse(self.decision.exists())
        self.call("cancel")

    def fail_reads(self, device):
        """Looks at the disk again and again, each time with another read that fails. Yields whether that is one of our own, not libblkid's,
        and the exit status."""
        log = self.directory / "strace"
        self.call("check", device, status=None, **self.strace("-P", device, "-e", "trace=read,pread64", log=log))
        for call in ("read", "pread64"):
            sizes = [int(size) for size in re.findall(rf"\b{call}\(.*?, (\d+)(?:, \d+)?\) +=", log.read_text())]
            n = len(sizes)
            for when in sorted({*range(1, min(n, 12) + 1), *range(12, n, 150), *range(max(n - 3, 1), n + 1)}):
                with self.subTest(call, when=when):
                    self.decision.write_text("of an earlier try\n")
                    status = self.call("check", device, status=None,
                                       **self.strace("-P", device, "-e", f"inject={call}:error=EIO:when={when}"))
                    yield sizes[when - 1] in (4096, 65536), status

    def test_read_errors(self):
        """Whatever cannot be read may be anything."""
        self.zeros(160 * MIB)
        n_ours = 0
        for ours, status in self.fail_reads(self.loop()):
            n_ours += ours
            # From version 2.41 on libblkid passes over some reads that fail. What it looks at, we read as well.
            if ours or status != 0:
                self.assertEqual(status, 1)
                self.assertIn("Input/output error", self.err)
                self.assertFalse(self.decision.exists())
        self.assertGreater(n_ours, 5)

    def test_read_errors_of_what_is_not_empty(self):
        self.without_a_table(MIB)
        for _, status in self.fail_reads(self.loop()):
            self.assertEqual(status, 1)
            self.assertFalse(self.decision.exists())

    def test_cannot_be_written_to(self):
        self.zeros()
        self.call("format", self.loop("--read-only"), self.target, status=1)
        self.assertIn("ead-only", self.err)
        self.zeros(2 * MIB)
        self.call("format", self.loop(), self.target, status=1)
        self.assertIn("too small", self.err)

    def format_under(self, kind, *options):
        """Under strace, on a new disk of zeros. Returns the exit status and what strace says."""
        self.zeros((128 if kind == "btrfs" else 64) * MIB)
        device, log = self.loop(), self.directory / "strace"
        status = self.call("format", f"--mkfs={kind}", device, self.target, prefix=["strace", "-f", "-qq", "-o", str(log), *options],
                           status=None, ASAN_OPTIONS="detect_leaks=0")  # fmt: skip
        subprocess.run(["umount", "--quiet", self.target], stderr=subprocess.DEVNULL)
        return status, device, log.read_text()

    def kill_at_each_call(self, kind):
        """Ends the program, or mkfs, which it waits for, at their calls that change the disk, one after the other. Whatever has
        been written by then is there: what the disk looks like must say that it is to be done again."""
        if not shutil.which("strace"):
            self.skipTest("strace is missing")
        self.need_file_system(kind)
        status, device, log = self.format_under(kind, "-e", "trace=pwrite64,fallocate,fsync")
        self.assertEqual(status, 0, log + self.err)
        self.detach(device)
        self.tried = 0
        for call in ("pwrite64", "fallocate", "fsync"):
            # Counted for each process: those of mkfs are more.
            counts = {}
            for line in log.splitlines():
                process, _, what = line.partition(" ")
                counts[process] = counts.get(process, 0) + what.strip().startswith(call)
            most = max(counts.values(), default=0)
            for when in sorted({*range(1, 11), *range(11, most, most // 20 + 1), *range(most - 9, most + 1)} & {*range(1, most + 1)}):
                self.killed_at(kind, call, when)
        self.assertGreater(self.tried, 20, "moments that were tried")

    def killed_at(self, kind, call, when):
        status, device, log = self.format_under(kind, "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={when}")
        self.assertNotEqual(status, 0, log)
        self.call("check", device)
        self.assertTrue(self.decision.exists(), f"killed at {call} number {when}: {self.err}")
        self.detach(device)
        self.tried += 1

    def test_killed_ext4(self):
        self.kill_at_each_call("ext4")

    def test_killed_btrfs(self):
        self.kill_at_each_call("btrfs")

    def test_files_do_not_reach_the_disk(self):
        """Then the file system stays marked."""
        if not shutil.which("strace"):
            self.skipTest("strace is missing")
        self.need_file_system("ext4")
        self.zeros()
        device = self.loop()
        self.call("format", device, self.target)
        for inject in ("syncfs:error=EIO:when=1", "syncfs:signal=KILL:when=1", "ioctl:error=EIO", "ioctl:signal=KILL"):
            status = self.call("finish", self.target, prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={inject}"],
                               status=None, ASAN_OPTIONS="detect_leaks=0")  # fmt: skip
            self.assertNotEqual(status, 0, inject)
            self.tool("sync", "-f", self.target)
            self.assertEqual(self.label(self.image), UNFINISHED, inject)

    def ordered(self, log, *patterns):
        """Each of these is in the log, in this order."""
        lines = log.read_text().splitlines()
        for pattern in patterns:
            while lines and not re.search(pattern, lines[0]):
                del lines[0]
            self.assertTrue(lines, f"no {pattern} where it belongs:\n{log.read_text()}")
            del lines[0]

    def test_order_on_the_disk(self):
        """What tells of the installation is on the disk before what it tells of, and gone after it."""
        self.need_file_system("ext4")
        log = self.directory / "strace"
        self.tool("mkswap", self.zeros(64 * MIB))
        device = self.loop()
        # The program's own calls only, and where it waits for mkfs.
        self.call("format", "--mode=install", device, self.target,
                  **self.strace("-y", "-s", "16", "-e", "trace=write,pwrite64,fsync,waitid,wait4,mount", log=log))  # fmt: skip
        to = rf"\(\d+<{device}"
        marker, sync = rf"^pwrite64{to}.*, 4096, {64 * MIB - 4096}\)", rf"^fsync{to}"
        writes = [line for line in log.read_text().splitlines() if re.search(rf"^p?write(64)?{to}", line)]
        self.assertGreaterEqual(len(writes), 3, writes)
        self.assertRegex(writes[0], marker + ".*")
        self.assertIn("scaleway-live: m", writes[0])
        wipe = re.escape(writes[1][:5]) + r"\w*" + to
        self.ordered(log, marker, sync, "^" + wipe, sync, "^wait", sync, marker, sync, "^mount")
        # Nothing is wiped before the first of them.
        lines = log.read_text().splitlines()
        self.assertRegex(lines[lines.index(writes[0]) + 1], sync)

        self.call("finish", self.target, **self.strace("-X", "raw", "-e", "trace=syncfs,ioctl,umount2", log=log))
        self.ordered(log, r"^syncfs", r"^ioctl\(\w+, 0x41009432", r"^syncfs", "^umount2")

    def test_kernel_without_labels(self):
        """It is told before the image is downloaded."""
        self.need_file_system("ext4")
        log = self.directory / "strace"
        self.zeros(64 * MIB)
        device = self.loop()
        self.call("format", device, self.target, **self.strace("-X", "raw", "-e", "trace=ioctl", log=log))
        self.tool("umount", self.target)
        self.detach(device)
        self.zeros(64 * MIB)
        device = self.loop()
        calls = [line for line in log.read_text().splitlines() if line.startswith("ioctl(")]
        when = next(i for i, line in enumerate(calls, 1) if "0x41009432" in line)
        self.call("format", device, self.target, status=1,
                  **self.strace("-e", f"inject=ioctl:error=ENOTTY:when={when}"))  # fmt: skip
        self.assertIn("This kernel cannot change the label of a mounted file system of type 'ext4'", self.err)

    # Growing

    def grown(self, kind, *mkfs, options=()):
        self.need_file_system(kind)
        self.zeros(256 * MIB)
        self.tool(*mkfs)
        device = self.loop()
        self.tool("mount", *options, device, self.target)
        self.call("grow", self.target)
        before = self.err
        self.call("grow", self.target)
        self.tool("umount", self.target)
        return before, self.err

    def test_grow_ext4(self):
        """That it grows is seen in a VM: the kernel wants CAP_SYS_RESOURCE for it, which a container may lack."""
        self.assertEqual(self.grown("ext4", "mke2fs", "-q", "-t", "ext4", self.image)[0], "")
        first, _ = self.grown("ext4", "mke2fs", "-q", "-t", "ext4", self.image, "130M", options=["-o", "ro"])
        self.assertRegex(first, "^Failed to grow the root file system, ignoring: (Read-only file system|Operation not permitted)$")

    def test_grow_btrfs(self):
        first, second = self.grown("btrfs", "mkfs.btrfs", "-q", "-b", str(130 * MIB), self.image)
        self.assertIn("Grew the root file system from 130 to 256 MiB.", first)
        self.assertEqual(second, "")
        self.tool("btrfs", "check", self.image)

    def test_grow_something_else(self):
        """A warning, and the boot goes on."""
        self.tool("mount", "-t", "tmpfs", "x", self.target)
        try:
            self.call("grow", self.target)
        finally:
            self.tool("umount", self.target)
        self.assertEqual(self.err, "live_grow=1 is for ext4, and for btrfs on one device, ignoring.\n")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("not root, skipped")
        sys.exit(77)
    BUILD = pathlib.Path(sys.argv[1]).resolve()
    unittests.main(sys.argv[2:])
