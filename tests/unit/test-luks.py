#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An encrypted root, without device-mapper: what scaleway-root asks to unlock on which disk, and how scaleway-unlock counts.

Usage: test-luks.py BUILD-DIRECTORY [unittest arguments]. Needs root for loop devices and mounts, exits 77 without.

What unlocks is a program of the test, which lets /dev/mapper/NAME be another loop device; a mount namespace of its own keeps the names of
this machine out of it."""

import os
import pathlib
import re
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import disks
import unittests

BUILD = pathlib.Path()
TIMEOUT = 60
MIB = 1 << 20
SANDBOX = """
mkdir -p /dev/mapper
mount -t tmpfs tmpfs /dev/mapper
exec "$@"
"""
# Looks for NAME below its folder "clear": the image that is inside, as a loop device that is there already.
UNLOCK = """#!/bin/sh
echo "$@" >>{0}/asked
[ -e "{0}/clear/$2" ] || {{ echo 'unlock: refused' >&2; exit 1; }}
ln -s "$(cat "{0}/clear/$2")" "/dev/mapper/$2"
"""
# A group of one volume, root, whose device is in the file "group". It is found as soon as anything was unlocked, or always.
LVM = """#!/bin/sh
echo "$@" >>{0}/lvm
case $1 in
pvs) echo vg ;;
lvs) echo root ;;
lvchange)
    [ "$(ls /dev/mapper)" ] || [ -e {0}/clear-group ] || {{ echo 'no such group' >&2; exit 5; }}
    ln -sf "$(cat {0}/group)" /dev/mapper/vg-root ;;
esac
"""


class Case(unittest.TestCase):
    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("only root has loop devices and mounts")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="test-luks-"))
        self.addCleanup(shutil.rmtree, self.folder)
        (self.folder / "run/scaleway").mkdir(parents=True)
        self.failure = self.folder / "failure"

    def program(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return str(path)

    def read(self, name):
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("SCALEWAY_") and k != "NOTIFY_SOCKET"}
        return env | {"SCALEWAY_RUN": str(self.folder / "run"), "SCALEWAY_FAILURE_FILE": str(self.failure)} | more

    def call(self, *argv, status=0, **env):
        done = subprocess.run([str(a) for a in argv], env=self.environment(**env), stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=TIMEOUT, text=True)
        self.err = done.stdout + done.stderr
        self.assertEqual(done.returncode, status, self.err)
        return self.err


class Unlock(Case):
    """rows: B10"""

    WRONG = ("echo 'Failed to activate with specified passphrase. (Passphrase incorrect?)' >&2; "
             "echo 'Too many attempts to activate; giving up.' >&2; exit 1")

    def unlock(self, *answers, options=(), status=0, **env):
        """answers: what systemd-cryptsetup does, one run after the other, as lines of sh."""
        cases = "\n".join(f"{n}) {answer} ;;" for n, answer in enumerate(answers, 1))
        script = f'echo "$@" >>{self.folder}/runs; env >>{self.folder}/env\ncase $(wc -l <{self.folder}/runs) in\n{cases}\n*) exit 9 ;;\nesac\n'
        env.setdefault("SCALEWAY_CRYPTSETUP_COMMAND", self.program("cryptsetup", "#!/bin/sh\n" + script))
        return self.call(BUILD / "scaleway-unlock", *options, "/dev/nbd0p1", "luks-1", status=status, **env)

    def runs(self):
        return self.read("runs").splitlines()

    def test_right_at_once(self):
        err = self.unlock("exit 0")
        self.assertEqual(self.runs(), ["attach luks-1 /dev/nbd0p1 - luks,tries=1,password-cache=no,password-echo=no"])
        self.assertEqual(self.read("run/scaleway/unlocked"), "luks-1\n")
        self.assertIn("'/dev/nbd0p1' is encrypted", err)
        self.assertIn("systemd-tty-ask-password-agent", err)
        self.assertIn("'/dev/nbd0p1' is unlocked.", err)
        self.assertFalse(self.failure.exists())

    def test_tries_are_counted(self):
        err = self.unlock(self.WRONG, self.WRONG, "exit 0")
        self.assertEqual(len(self.runs()), 3)
        self.assertEqual(re.findall(r"Passphrase (\d of \d was \w+)", err), ["1 of 3 was wrong", "2 of 3 was wrong"])
        self.assertTrue(self.read("run/scaleway/unlocked"))

    def test_three_wrong(self):
        err = self.unlock(self.WRONG, self.WRONG, self.WRONG, "exit 0", status=1)
        self.assertEqual(len(self.runs()), 3)
        self.assertIn("Passphrase 3 of 3 was wrong", err)
        self.assertEqual(self.failure.read_text(), "'/dev/nbd0p1' is encrypted, and 3 passphrases did not unlock it.\n")
        self.assertEqual(self.read("run/scaleway/unlocked"), "")

    def test_number_of_tries(self):
        self.unlock(self.WRONG, status=1, options=["--tries=1"])
        self.assertIn("and 1 passphrase did not", self.failure.read_text())
        for bad in ("0", "101", "", "x"):
            with self.subTest(bad):
                self.unlock("exit 0", status=1, options=[f"--tries={bad}"])
                self.assertEqual(len(self.runs()), 1)

    def test_cancelled(self):
        """Counts, so that nothing asks for ever; and not in a hurry."""
        cancelled = "echo 'Failed to query password: Operation canceled' >&2; exit 1"
        begin = time.monotonic()
        err = self.unlock(cancelled, cancelled, status=1, options=["--tries=2"])
        self.assertEqual(re.findall(r"Passphrase \d of \d was not given", err), [f"Passphrase {n} of 2 was not given" for n in (1, 2)])
        self.assertGreater(time.monotonic() - begin, 2)

    def test_memory(self):
        """Asking again would not help."""
        for words in ("echo 'Failed to activate with specified passphrase: Cannot allocate memory' >&2; exit 1",
                      "echo 'Not enough available memory to open a keyslot.' >&2; exit 1", "kill -KILL $$"):
            with self.subTest(words):
                (self.folder / "runs").unlink(missing_ok=True)
                self.failure.unlink(missing_ok=True)
                self.unlock(words, "exit 0", status=1)
                self.assertEqual(len(self.runs()), 1)
                self.assertIn("not enough memory", self.failure.read_text())

    def test_another_failure(self):
        """Its own words, as far as they are fit for a console."""
        err = self.unlock("printf 'strange\\033[2J: %%s\\n' >&2; exit 7", "exit 0")
        self.assertIn("Passphrase 1 of 3 did not unlock it: strange?[2J: %s", err)

    def test_without_cryptsetup(self):
        self.unlock(status=1, SCALEWAY_CRYPTSETUP_COMMAND="/nonexistent")
        self.assertIn("this initrd has no systemd-cryptsetup", self.failure.read_text())

    def test_what_does_not_wait(self):
        """Units that are part of the boot are started before the question, others are not; one that fails is no reason to stop."""
        wants = self.folder / "run/systemd/system/scaleway-boot.target.wants"
        wants.mkdir(parents=True)
        # As the generator makes it: a link that leads nowhere here.
        (wants / "scaleway-state@booted.service").symlink_to("/nonexistent/scaleway-state@.service")
        systemctl = self.program("systemctl", f'#!/bin/sh\necho "$@" >>{self.folder}/started\n[ ! -e {self.folder}/runs ] || echo late >>{self.folder}/started\n'
                                              "echo 'no manager' >&2\nexit 1\n")  # fmt: skip
        options = ["--start=scaleway-state@booted.service", "--start=scaleway-sshd.service"]
        err = self.unlock("exit 0", options=options, SCALEWAY_SYSTEMCTL_COMMAND=systemctl)
        self.assertEqual(self.read("started"), "--quiet --no-block --job-mode=ignore-dependencies start scaleway-state@booted.service\n")
        self.assertIn("before the passphrase is asked for, ignoring: no manager", err)

    def test_who_logs_in_is_told(self):
        motd = "cat {0}/run/scaleway/motd {0}/run/scaleway/step >{0}/seen"
        err = self.unlock(motd.format(self.folder), options=["--boot"])
        self.assertEqual(self.read("seen"), "'/dev/nbd0p1' is encrypted, and the boot waits for its passphrase: type "
                                            "'systemd-tty-ask-password-agent'.\nunlock\n")  # fmt: skip
        self.assertFalse((self.folder / "run/scaleway/motd").exists())
        self.assertIn("is unlocked, the boot goes on.", err)

    def test_by_hand(self):
        """In a session, with a terminal or without: the boot waits elsewhere, and who logs in still sees where."""
        step = {"motd": "boot=none: mount a root.\n", "step": "boot=none\n"}
        for name, text in step.items():
            (self.folder / "run/scaleway" / name).write_text(text)
        copy = f"cat {self.folder}/run/scaleway/motd >{self.folder}/seen"
        err = self.unlock(copy)
        self.assertNotIn("the boot goes on", err)
        self.assertEqual(self.read("seen"), step["motd"])
        self.assertEqual({name: self.read(f"run/scaleway/{name}") for name in step}, step)

    def test_environment(self):
        """systemd-cryptsetup finds nothing of ours there, nor do we let it ask a manager that listens to us."""
        self.unlock("exit 0", NOTIFY_SOCKET="/nonexistent", UNLOCK_NAME="x")
        self.assertNotIn("NOTIFY_SOCKET", self.read("env"))
        self.assertNotIn("UNLOCK", self.read("env"))


class Root(Case):
    """rows: B10"""

    def setUp(self):
        super().setUp()
        for tool in ("losetup", "mke2fs", "cryptsetup", "sfdisk", "unshare", "partx"):
            if not shutil.which(tool) and not pathlib.Path("/usr/sbin", tool).exists():
                self.skipTest(f"{tool} is missing")
        self.target = self.folder / "target"
        self.target.mkdir()
        (self.folder / "clear").mkdir()
        self.images = 0

    def image(self, size=32):
        self.images += 1
        path = self.folder / f"image-{self.images}"
        with open(path, "wb") as f:
            f.truncate(size * MIB)
        return path

    def loop(self, path, *options):
        done = subprocess.run(["losetup", "--find", "--show", *options, path], capture_output=True, text=True)
        if done.returncode != 0:
            self.skipTest(f"no loop device: {done.stderr.strip()}")
        device = done.stdout.strip()
        self.addCleanup(subprocess.run, ["losetup", "--detach", device], stderr=subprocess.DEVNULL)
        return device

    def tool(self, *words, **more):
        subprocess.run([str(w) for w in words], check=True, capture_output=True, **more)

    def root(self, name="etc"):
        """A root file system; name: the one thing in it."""
        path = self.image()
        content = self.folder / f"content-{self.images}"
        (content / name).mkdir(parents=True)
        self.tool("mke2fs", "-q", "-t", "ext4", "-d", content, path)
        return path

    def luks(self, kind="luks2", path=None):
        """An encrypted volume, empty: its image and its UUID."""
        path = path or self.image()
        self.tool("cryptsetup", "luksFormat", "--batch-mode", f"--type={kind}", "--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000",
                  "--key-file=-", path, input=b"secret")  # fmt: skip
        return path, subprocess.run(["cryptsetup", "luksUUID", path], check=True, capture_output=True, text=True).stdout.strip()

    def physical_volume(self):
        """As far as libblkid looks: the label in the second sector."""
        path = self.image()
        with open(path, "r+b") as f:
            f.seek(512)
            f.write(disks.label_sector(32 * MIB))
        return path

    def unlocks(self, name, image):
        """What is inside when the volume gets this name."""
        (self.folder / "clear" / name).write_text(self.loop(image))

    def partitions(self, device):
        if not pathlib.Path("/sys/class/block", f"{os.path.basename(device)}p1").exists():
            self.tool("partx", "--add", device)
            self.addCleanup(subprocess.run, ["partx", "--delete", device], stderr=subprocess.DEVNULL)
        for sys_path in pathlib.Path("/sys/class/block").glob(f"{os.path.basename(device)}p*"):
            node = pathlib.Path("/dev", sys_path.name)
            if not node.exists():
                # In a container nobody does.
                os.mknod(node, 0o600 | stat.S_IFBLK, os.makedev(*map(int, (sys_path / "dev").read_text().split(":"))))
                self.addCleanup(node.unlink)

    def mount(self, source, *options, status=0, look=True, **env):
        """Returns what was asked to be unlocked: [(device, name)]."""
        env.setdefault("SCALEWAY_UNLOCK_COMMAND", self.program("unlock", UNLOCK.format(self.folder)))
        env.setdefault("SCALEWAY_LVM_COMMAND", self.program("lvm-command", LVM.format(self.folder)))
        script = SANDBOX.replace('exec "$@"', '"$@" || exit; findmnt -no SOURCE "$SANDBOX_TARGET"; ls "$SANDBOX_TARGET"')
        self.call("unshare", "--mount", "sh", "-euc", script, "sh", BUILD / "scaleway-root", "mount", "--timeout=8", *options, source,
                  self.target, status=status, SANDBOX_TARGET=str(self.target), **env)  # fmt: skip
        if status == 0 and look:
            self.assertRegex(self.err, r"(?m)^etc$", "the root is not what is mounted")
        return [tuple(line.split()) for line in self.read("asked").splitlines()]

    def test_whole_volume(self):
        for kind in ("luks1", "luks2"):
            with self.subTest(kind):
                (self.folder / "asked").unlink(missing_ok=True)
                path, uuid = self.luks(kind)
                self.unlocks(f"luks-{uuid}", self.root())
                device = self.loop(path)
                self.assertEqual(self.mount(device), [(device, f"luks-{uuid}")])
                self.assertIn(f"'{device}' is unlocked, it is '/dev/mapper/luks-{uuid}' now", self.err)

    def test_nothing_encrypted(self):
        """Nobody is asked, and a volume beside the root is left alone."""
        self.luks()
        self.assertEqual(self.mount(self.loop(self.root())), [])

    def test_not_unlocked(self):
        path, _ = self.luks()
        self.assertEqual(len(self.mount(self.loop(path), status=1)), 1)

    def test_image_that_cannot(self):
        """As the lean one."""
        path, _ = self.luks()
        device = self.loop(path)
        self.mount(device, status=1, SCALEWAY_UNLOCK_COMMAND="/nonexistent")
        self.assertRegex(self.failure.read_text(), rf"^'{device}' is encrypted \(LUKS\), and this initrd cannot unlock it: take the one")

    def test_link_to_the_device(self):
        """What unlocks gets the kernel's name: a link may have characters that mean something in the unit's file."""
        path, uuid = self.luks()
        self.unlocks(f"luks-{uuid}", self.root())
        device = self.loop(path)
        link = self.folder / "a $link\\x20"
        link.symlink_to(device)
        self.assertEqual(self.mount(link), [(device, f"luks-{uuid}")])

    def test_volume_group_inside(self):
        """Partitions apart, this is what Debian's installer makes: LVM below LUKS."""
        path, uuid = self.luks()
        self.unlocks(f"luks-{uuid}", self.physical_volume())
        (self.folder / "group").write_text(self.loop(self.root()))
        device = self.loop(path)
        self.assertEqual(self.mount(device), [(device, f"luks-{uuid}")])
        self.assertIn(f"The root is the logical volume 'vg/root' on '/dev/mapper/luks-{uuid}'", self.err)

    def test_on_a_logical_volume(self):
        path, uuid = self.luks()
        self.unlocks(f"luks-{uuid}", self.root())
        inner = self.loop(path)
        (self.folder / "group").write_text(inner)
        (self.folder / "clear-group").touch()
        self.assertEqual(self.mount(self.loop(self.physical_volume())), [("/dev/mapper/vg-root", f"luks-{uuid}")])

    def test_twice(self):
        """LUKS in LVM in LUKS: one question, then one line."""
        outer, uuid = self.luks()
        self.unlocks(f"luks-{uuid}", self.physical_volume())
        inner, inner_uuid = self.luks()
        self.unlocks(f"luks-{inner_uuid}", self.root())
        (self.folder / "group").write_text(self.loop(inner))
        self.assertEqual(len(self.mount(self.loop(outer), status=1)), 1)
        self.assertEqual(self.failure.read_text(), "'/dev/mapper/vg-root' is encrypted once more inside of what was unlocked: only one "
                                                   "passphrase is asked for.\n")  # fmt: skip

    def disk(self, *contents, types=("linux", "linux")):
        """GPT with these images on its partitions."""
        path = self.image(96)
        lines = "".join(f"size=32M, type={t}\n" for t in types[: len(contents)])
        self.tool("sfdisk", "-q", path, input=f"label: gpt\n{lines}".encode())
        for n, content in enumerate(contents):
            self.tool("dd", f"if={content}", f"of={path}", "bs=1M", f"seek={1 + 32 * n}", "conv=notrunc")
        device = self.loop(path, "--partscan")
        self.partitions(device)
        return device

    def test_partition(self):
        path, uuid = self.luks()
        self.unlocks(f"luks-{uuid}", self.root())
        for kind in ("linux", "CA7D7CCB-63ED-4C53-861C-1742536059CC"):
            with self.subTest(kind):
                (self.folder / "asked").unlink(missing_ok=True)
                device = self.disk(path, types=(kind,))
                self.assertEqual(self.mount(device), [(f"{device}p1", f"luks-{uuid}")])

    def test_boot_before_it(self):
        """/boot in the clear on the first Linux partition. If the passphrase is wrong, that does not become the root."""
        path, uuid = self.luks()
        device = self.disk(self.root("grub"), path)
        self.assertEqual(self.mount(device, status=1), [(f"{device}p2", f"luks-{uuid}")])
        (self.folder / "asked").unlink()
        self.unlocks(f"luks-{uuid}", self.root())
        self.assertEqual(self.mount(device), [(f"{device}p2", f"luks-{uuid}")])
        self.assertIn(f"/dev/mapper/luks-{uuid}", self.err)

    def test_data_beside_the_root(self):
        """An encrypted partition is not the root's affair if there is one in the clear."""
        path, _ = self.luks()
        self.assertEqual(self.mount(self.disk(self.root(), path)), [])

    def test_one_passphrase(self):
        """What was unlocked looks unlike a root. That is no reason to ask for what is on the next partition."""
        path, uuid = self.luks()
        self.unlocks(f"luks-{uuid}", self.root("photos"))
        device = self.disk(path, self.luks()[0])
        self.assertEqual(self.mount(device, look=False), [(f"{device}p1", f"luks-{uuid}")])
        self.assertIn("which looks unlike a root", self.err)

    def test_name_of_the_mapping(self):
        """root=/dev/mapper/NAME: that cannot appear, but volume 0 is encrypted."""
        path, _ = self.luks()
        self.unlocks("sda5_crypt", self.root())
        device = self.loop(path)
        self.assertEqual(self.mount("/dev/mapper/sda5_crypt", f"--volume={device}"), [(device, "sda5_crypt")])

    def test_volume_inside_by_name(self):
        """root=/dev/mapper/vg-root, in a group that is inside. The mapping is not called that."""
        path, uuid = self.luks()
        self.unlocks(f"luks-{uuid}", self.physical_volume())
        (self.folder / "group").write_text(self.loop(self.root()))
        device = self.disk(self.root("grub"), path)
        self.assertEqual(self.mount("/dev/mapper/vg-root", f"--volume={device}"), [(f"{device}p2", f"luks-{uuid}")])

    def test_not_inside(self):
        """Unlocked for nothing: once, and then it says what it waits for."""
        path, uuid = self.luks()
        self.unlocks(f"luks-{uuid}", self.root())
        device = self.loop(path)
        self.assertEqual(self.mount("UUID=00000000-dead-4bee-8888-000000000000", f"--volume={device}", status=1), [(device, f"luks-{uuid}")])
        self.assertIn("Root device 'UUID=00000000-dead-4bee-8888-000000000000' did not appear", self.failure.read_text())

    def test_volume_in_the_clear(self):
        self.assertEqual(self.mount("/dev/mapper/sda5_crypt", f"--volume={self.loop(self.root())}", "--timeout=6", status=1), [])
        self.assertIn("did not appear within 6 s", self.failure.read_text())

    def test_as_a_unit(self):
        """By a unit of its own, whose name the manager gets, and what is to be unlocked by a file. Our own time does not run out."""
        path, uuid = self.luks()
        self.unlocks(f"luks-{uuid}", self.root())
        device = self.loop(path)
        unlock = self.program("unlock", UNLOCK.format(self.folder))
        systemctl = self.program("systemctl", f'#!/bin/sh\necho "$@" >>{self.folder}/started\n. {self.folder}/run/scaleway/unlock.env\n'
                                              f'exec {unlock} "$UNLOCK_DEVICE" "$UNLOCK_NAME"\n')  # fmt: skip
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(self.folder / "notify"))
            manager.setblocking(False)
            asked = self.mount(device, NOTIFY_SOCKET=str(self.folder / "notify"), SCALEWAY_SYSTEMCTL_COMMAND=systemctl)
            self.assertEqual(manager.recv(100), b"EXTEND_TIMEOUT_USEC=90000000")
        self.assertEqual(asked, [(device, f"luks-{uuid}")])
        self.assertEqual(self.read("started"), "start scaleway-unlock.service\n")
        self.assertEqual(self.read("run/scaleway/unlock.env"), f"UNLOCK_DEVICE={device}\nUNLOCK_NAME=luks-{uuid}\n")

    def test_unit_that_cannot_start(self):
        path, _ = self.luks()
        systemctl = self.program("systemctl", "#!/bin/sh\necho 'Unit scaleway-unlock.service not found.' >&2\nexit 5\n")
        self.mount(self.loop(path), status=1, NOTIFY_SOCKET=str(self.folder / "notify"), SCALEWAY_SYSTEMCTL_COMMAND=systemctl)
        self.assertIn("Unit scaleway-unlock.service not found.", self.failure.read_text())

    def test_hostile_uuid(self):
        """It would be the name of a file."""
        path, _ = self.luks("luks1")
        with open(path, "r+b") as f:
            f.seek(168)
            f.write(b"../../../etc/passwd".ljust(40, b"\0"))
        self.unlocks("luks-root", self.root())
        device = self.loop(path)
        self.assertEqual(self.mount(device), [(device, "luks-root")])


def main():
    global BUILD
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} BUILD-DIRECTORY")
    BUILD = pathlib.Path(sys.argv[1]).resolve()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    unittests.main(sys.argv[2:])


if __name__ == "__main__":
    main()
