# SPDX-License-Identifier: MIT
"""A root that is encrypted: who has the passphrase types it at the console or logs in, and the boot goes on. What is encrypted on which
disk is a matter of unit/test-luks.py."""

import subprocess

import cpio
import disks
from process import find
from testing import absent, contains, equal, options, rows
from vm import LOGIN

RIGHT = "correct horse battery staple"
WRONG = "wrong donkey"
PROMPT = r"enter passphrase for disk luks-"


def answer(vm, text, since=0):
    """At the console, to the next question. Returns where that ended."""
    at = vm.wait_for(PROMPT, 240, since).end()
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


@rows("B10")
@options(timeout=600)
def test_whole_volume_at_the_console(bench):
    """root= names the file system, which nobody sees before the volume is unlocked. A key slot of argon2id, which takes memory and time; one
    wrong passphrase before the right one. The unit of the root has a time limit that the person's time would exceed."""
    uuids = {}

    def build(root, path):
        slot = ("--pbkdf=argon2id", "--pbkdf-force-iterations=4", "--pbkdf-memory=65536", "--pbkdf-parallel=1")
        uuids["luks"] = disks.encrypted(root, path, RIGHT, *slot)
        uuids["inside"] = subprocess.run([find("blkid"), "-o", "value", "-s", "UUID", root], check=True, capture_output=True,
                                         text=True).stdout.strip()  # fmt: skip

    bench.build_disk(build)
    limit = cpio.Archive()
    limit.add("/etc/systemd/system/scaleway-local.service.d/90-test.conf", "[Service]\nTimeoutStartSec=8\n")
    vm = bench.boot(tags=[f"root=UUID={uuids['inside']}"], overlay=limit)
    at = answer(vm, WRONG)
    contains(vm.console.text, r"'/dev/nbd0' is encrypted\. Type its passphrase here, or log in and call 'systemd-tty-ask-password-agent'",
             "what the console says before")  # fmt: skip
    equal(bench.wait_states(), ["kernel-started", "booted"], "states while a person is waited for")
    at = vm.wait_for(r"Passphrase 1 of 3 was wrong\.", 120, at).end()
    at = answer(vm, RIGHT, at)
    vm.wait_for(r"'/dev/nbd0' is unlocked, the boot goes on", 120, at)
    vm.wait_for(LOGIN, 240, at)
    equal(vm.run("findmnt -no SOURCE /").strip(), f"/dev/mapper/luks-{uuids['luks']}", "root of the booted system")
    contains(vm.run("cat /run/mount/utab", ok=None), "_netdev", "utab")
    never_shows(vm, RIGHT, WRONG)
    is_healthy(vm)
    equal(bench.final_states(), ["kernel-started", "booted"], "states of the whole boot")


@rows("B10", "C4")
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
    bench.wait_failed(r"'/dev/(dm-\d+|mapper/test--group-root)' is encrypted, and 3 passphrases did not unlock it\.$", mounted=True)
    absent(vm.console.text, WRONG, "the console")
    equal([state.partition(":")[0] for state in bench.states()], ["kernel-started", "booted", "failed"], "states")
