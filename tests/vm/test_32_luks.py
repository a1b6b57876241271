# SPDX-License-Identifier: MIT
"""A root that is encrypted: who has the passphrase types it at the console or logs in, and the boot goes on. What is encrypted on which
disk is a matter of unit/test-luks.py."""

import os
import subprocess
import time

import cpio
import disks
import documents
import ssh
from bench import BASE_CMDLINE
from disks import ROOT, Partition
from process import find, wait_until
from testing import absent, contains, equal, options, rows
from vm import LOGIN, VM, Console

WITHOUT_ROOT = " ".join(word for word in BASE_CMDLINE.split() if not word.startswith("root="))
UUID = "8a3b6c1e-4d2f-4e5a-9b7c-0123456789ab"
RIGHT = "correct horse battery staple"
WRONG = "wrong donkey"
# s; systemd's agent shows the prompt, then has the terminal show nothing any more.
HAND = 1
FINGERPRINTS = "/user_data/ssh-host-fingerprints"
# Of scaleway-local.service.
DEBUG = r"'/dev/{}' was there after \d+ ms"
PROMPT = r"enter passphrase for disk .*luks-"


def answer(vm, text, since=0):
    """At the console, to the next question. Returns where that ended."""
    at = vm.wait_for(PROMPT, 240, since).end()
    time.sleep(HAND)
    vm.send(text + "\n")
    return at


def never_shows(vm, *passphrases):
    """Neither at the console nor in the journal, which has what the initrd logged as well."""
    for text in passphrases:
        absent(vm.console.text, text, "the console")
        # In two parts: the shell's own command line is in no journal, but better be sure.
        count = vm.run(f"journalctl --boot --no-pager --output=cat | grep -c '[{text[0]}]{text[1:]}'", ok=None)
        equal(count.strip(), "0", f"'{text}' in the journal")


def is_healthy(vm):
    equal(vm.run("systemctl is-system-running --wait; systemctl --failed --quiet --no-pager", ok=None).strip(), "running", "the booted system")


def add_crypttab(bench):
    """What an image has that was installed on an encrypted disk: a line for the root, and what reads it."""
    units = "/usr/lib/systemd/system"
    bench.add_to_root("/etc/crypttab", f"luks-{UUID} UUID={UUID} none luks\n", mode=0o644)
    for path in ("/usr/bin/systemd-cryptsetup", "/usr/lib/systemd/system-generators/systemd-cryptsetup-generator", f"{units}/cryptsetup.target"):
        bench.edit_root(f"write {bench.parts.tree}{path} {path}", f"set_inode_field {path} mode 0100755")
    bench.edit_root("symlink /usr/lib/systemd/systemd-cryptsetup ../../bin/systemd-cryptsetup",
                    f"symlink {units}/sysinit.target.wants/cryptsetup.target ../cryptsetup.target")  # fmt: skip


def releases_what_nobody_uses(vm):
    """What scaleway-kexec.service does when the root is unmounted: a mapping on another one goes, and that as well. Here the root's stays."""
    vm.run("dmsetup create below --table '0 8 error' && dmsetup create above --table '0 8 linear /dev/mapper/below 0'")
    vm.run("/opt/scaleway-kexec release")
    equal(vm.run("dmsetup ls").split()[::2], [f"luks-{UUID}"], "mappings that are left")


@rows("B9", "B10")
@options(timeout=600)
def test_whole_volume_at_the_console(bench):
    """root= names the file system, which nobody sees before the volume is unlocked. A key slot of argon2id, which takes memory and time; one
    wrong passphrase before the right one. The unit of the root has a time limit that the person's time would exceed. The booted system knows
    the volume by its crypttab, and leaves it alone."""
    add_crypttab(bench)
    program = os.path.join(bench.parts.tree, "usr/lib/scaleway/scaleway-kexec")
    bench.edit_root(f"write {program} /opt/scaleway-kexec", "set_inode_field /opt/scaleway-kexec mode 0100755")
    clear = bench.disk
    slot = ("--pbkdf=argon2id", "--pbkdf-force-iterations=4", "--pbkdf-memory=65536", "--pbkdf-parallel=1")
    bench.build_disk(lambda _, path: disks.encrypted(clear, path, RIGHT, f"--uuid={UUID}", *slot))
    inside = subprocess.run([find("blkid"), "-o", "value", "-s", "UUID", clear], check=True, capture_output=True, text=True).stdout.strip()
    limit = cpio.Archive()
    limit.add("/etc/systemd/system/scaleway-local.service.d/90-test.conf", "[Service]\nTimeoutStartSec=8\n")
    vm = bench.boot(tags=[f"root=UUID={inside}"], overlay=limit)
    at = answer(vm, WRONG)
    contains(vm.console.text, r"'/dev/nbd0' is encrypted\. Type its passphrase here, or log in and call 'systemd-tty-ask-password-agent'",
             "what the console says before")  # fmt: skip
    equal(bench.wait_states(), ["kernel-started", "booted"], "states while a person is waited for")
    at = vm.wait_for(r"Passphrase 1 of 3 was wrong\.", 120, at).end()
    at = answer(vm, RIGHT, at)
    vm.wait_for(r"'/dev/nbd0' is unlocked, the boot goes on", 120, at)
    vm.wait_for(LOGIN, 240, at)
    equal(vm.run("findmnt -no SOURCE /").strip(), f"/dev/mapper/luks-{UUID}", "root of the booted system")
    contains(vm.run("cat /run/mount/utab", ok=None), "_netdev", "utab")
    never_shows(vm, RIGHT, WRONG)
    is_healthy(vm)
    contains(vm.run("systemctl show --property=ActiveState,SubState 'systemd-cryptsetup@*'"), "ActiveState=active\nSubState=exited",
             "the unit of the crypttab")  # fmt: skip
    releases_what_nobody_uses(vm)
    equal(bench.final_states(), ["kernel-started", "booted"], "states of the whole boot")


@rows("B10", "A17", "A8")
@options(timeout=600)
def test_by_ssh(bench):
    """A volume group inside of LUKS1 on a partition of a local disk. The ssh server is there before the root, and says what to type; with the
    passphrase the boot goes on at once, without continue-boot. The platform has the fingerprint of the host key, to compare before that. The
    server can be switched off afterwards. Debug messages by the tag that test_28_shells.py has on the command line only."""

    def build(root, path):
        disks.encrypted(root, f"{path}.luks", RIGHT, build=disks.volume_group, kind="luks1")
        disks.partitioned(f"{path}.luks", path, "gpt", [Partition(disks.GPT_EFI), Partition(disks.GPT_LUKS, content=ROOT)])

    bench.build_disk(build)
    client = ssh.Client(bench)
    drive = ["-drive", f"file={bench.disk},format=raw,if=none,id=disk,cache=unsafe", "-device", "virtio-blk-pci,drive=disk"]
    metadata = {"volumes": {"0": documents.volume("device://dev/vda")}, "ssh_public_keys": [{"key": client.make("mine"), "fingerprint": ""}]}
    vm = bench.boot(tags=["INITRD_DROPBEAR=1", "INITRD_VERBOSE=1"], metadata=metadata, user_data={}, nbd=None, base=WITHOUT_ROOT, qemu=drive)
    at = vm.wait_for(PROMPT, 240).end()
    client.wait("mine")
    # What a person compares who is about to type the passphrase there: so it must be known before.
    wait_until(lambda: bench.requests("PATCH", FINGERPRINTS), 30, "the fingerprint in the user data")
    equal([(r["body"].split()[1], r["status"] // 100) for r in bench.requests("PATCH", FINGERPRINTS)], [(client.fingerprint(), 2)], "user data")
    shown = client.session("systemctl --no-pager list-jobs | cat", "exit", key="mine")
    contains(shown, r"'/dev/vda2' is encrypted, and the boot waits for its passphrase: type 'systemd-tty-ask-password-agent'", "motd")
    contains(shown, r"scaleway-unlock\.service +start +running", "jobs while a person is waited for")

    agent = client.start("systemd-tty-ask-password-agent", flags=["-tt"], key="mine", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    terminal = Console(f"{bench.folder}/agent.log")
    VM.read_into(agent.process.stdout.fileno(), terminal)
    terminal.wait_for(PROMPT, 60)
    time.sleep(HAND)
    agent.process.stdin.write(f"{RIGHT}\n".encode())
    agent.process.stdin.flush()
    vm.wait_for(r"'/dev/vda2' is unlocked, the boot goes on", 120, at)
    absent(terminal.text, RIGHT, "what the terminal shows")
    vm.wait_for(LOGIN, 240, at)
    equal(vm.run("findmnt -no SOURCE /").strip(), "/dev/mapper/test--group-root", "root of the booted system")
    equal(vm.run("pgrep dropbear; ss -Hltn 'sport = :22'", ok=None), "", "what is left of the ssh server")
    never_shows(vm, RIGHT)
    contains(vm.console.text, DEBUG.format("vda"), "a debug message of a unit (A8)")
    is_healthy(vm)
    equal(bench.final_states(), ["kernel-started", "booted"], "states of the whole boot")
    vm.send("poweroff\n")
    equal(vm.wait_exit(120), "guest-shutdown", "the end")


@rows("B10", "C4", "A8")
@options(timeout=600)
def test_three_wrong(bench):
    """On a logical volume. The server is taken down as any that has no root, and the reason is known."""

    def build(root, path):
        disks.encrypted(root, f"{path}.luks", RIGHT)
        disks.volume_group(f"{path}.luks", path)

    bench.build_disk(build)
    vm = bench.boot()
    at = 0
    for n in (1, 2, 3):
        at = answer(vm, f"{WRONG} {n}", at)
        at = vm.wait_for(rf"Passphrase {n} of 3 was wrong\.", 120, at).end()
    bench.wait_failed(r"'/dev/mapper/test--group-root' is encrypted, and 3 passphrases did not unlock it\.$", mounted=True)
    absent(vm.console.text, WRONG, "the console")
    absent(vm.console.text, DEBUG.format("nbd0"), "a debug message that nobody has asked for (A8)")
    equal([state.partition(":")[0] for state in bench.states()], ["kernel-started", "booted", "failed"], "states")
