# SPDX-License-Identifier: MIT
"""A root that is encrypted: who has the passphrase types it at the console or logs in, and the boot goes on."""

import disks
from disks import ROOT, Partition
from testing import absent, check, contains, equal, options, rows
from vm import LOGIN, initrd_probe

RIGHT = "correct horse battery staple"
WRONG = "wrong donkey"
PROMPT = r"enter passphrase for disk "
JOBS = "systemctl --no-pager list-jobs"


def answer(vm, text, since=0):
    """At the console, to the next question. Returns where it ended."""
    at = vm.wait_for(PROMPT, 120, since).end()
    vm.send(text + "\n")
    return at


def never_shows(vm, *passphrases):
    """Neither at the console nor in the journal, which has what the initrd logged as well."""
    for text in passphrases:
        absent(vm.console.text, text, "the console")
        equal(vm.run(f"journalctl --boot --no-pager | grep -c '[{text[0]}]{text[1:]}'", ok=None).strip(), "0", f"'{text}' in the journal")


@rows("B10")
@options(timeout=600)
def test_whole_volume_at_the_console(bench):
    """A key slot of argon2id, which takes memory and time; one wrong passphrase before the right one. The host finds nothing to mend."""
    uuid = None

    def build(root, path):
        nonlocal uuid
        uuid = disks.encrypted(root, path, RIGHT, "--pbkdf=argon2id", "--pbkdf-force-iterations=4", "--pbkdf-memory=65536",
                               "--pbkdf-parallel=1")  # fmt: skip

    bench.build_disk(build)
    vm = bench.boot()
    at = answer(vm, WRONG)
    contains(vm.console.text, r"'/dev/nbd0' is encrypted", "what the console says before")
    equal(bench.wait_states(), ["kernel-started", "booted"], "states while a person is waited for")
    at = vm.wait_for(r"Passphrase 1 of 3 was wrong", 120, at).end()
    answer(vm, RIGHT, at)
    vm.wait_for(LOGIN, 240, at)
    equal(bench.final_states(), ["kernel-started", "booted"], "states of the whole boot")
    equal(vm.run("findmnt -no SOURCE /").strip(), f"/dev/mapper/luks-{uuid}", "root of the booted system")
    contains(vm.run("cat /run/mount/utab", ok=None), "_netdev", "utab")
    never_shows(vm, RIGHT, WRONG)
    print(vm.run("systemctl is-system-running --wait; systemctl --failed --no-pager", ok=None))
    vm.send("poweroff\n")
    equal(vm.wait_exit(180), "guest-shutdown", "the end")
