# SPDX-License-Identifier: MIT
"""scaleway-nbd and the kernel: a device attached and detached by hand, and a server that comes late."""

import os
import re
import time

from nbd import PORT
from testing import check, contains, equal, in_order, options, rows
from vm import LOGIN, initrd_probe

# Known before the server is started, because the commands have to be in the initrd.
URI = f"nbd://10.42.0.1:{PORT}"
OTHER = f"{URI}/other"
FREE, ATTACHED = 2, 0  # exit status of check
# What is run, its exit status, what it prints, and what nbd1 is then.
STEPS = [
    ("check 1", FREE, r"\A\Z", None),
    (f"attach 1 {URI}", 0, rf"nbd1: attached to '{URI}', \d+ bytes, newstyle$", "rw"),
    ("check 1", ATTACHED, r"\A\d+\Z", "rw"),
    (f"attach 1 {URI}", 0, rf"nbd1: already attached to '{URI}'$", "rw"),
    (f"attach 1 {OTHER}", 1, rf"the device is attached to '{URI}'.* 3 tries", "rw"),
    ("check /dev/nbd1", ATTACHED, r"\A\d+\Z", "rw"),
    ("list", 0, rf"\Anbd0 \d+ {URI} \S+\nnbd1 \d+ {URI} -\Z", "rw"),
    ("detach 1", 0, r"nbd1: detached$", None),
    ("check 1", FREE, r"\A\Z", None),
    ("detach 1", 0, r"nbd1: not attached$", None),
    (f"--read-only attach nbd1 {URI}", 0, rf"nbd1: attached to '{URI}', \d+ bytes, newstyle, read-only$", "ro"),
    ("detach nbd1", 0, r"nbd1: detached$", None),
    ("check 1", FREE, r"\A\Z", None),
    ("check 0", ATTACHED, r"\A\d+\Z", None),
]
SYS = " && ".join(f"cat /sys/block/nbd1/{name}" for name in ("pid", "size", "ro"))
DATA = "blkid -p -o value -s TYPE /dev/nbd1"  # reads from the device


@rows("B1")
def test_by_hand(bench):
    """Beside the root, whose device it must leave alone."""
    commands = []
    for number, (command, *_) in enumerate(STEPS, 1):
        # udev looks at a new device. That detach waits for that is not the question here, and it waits for 2 s only.
        # The comment makes each command a name of its own.
        commands += [f"udevadm settle --timeout=10; scaleway-nbd {command} # step {number}", f"{SYS} && {DATA} # step {number}"]
    vm = bench.boot(overlay=initrd_probe(commands))
    equal(bench.server.uri, URI, "URI of the bench's server")
    bench.wait_booted()
    results = vm.probe("probe")
    sectors = os.path.getsize(bench.disk) // 512
    for (_, status, pattern, state), name, look in zip(STEPS, commands[::2], commands[1::2], strict=True):
        equal(results[name].status, status, f"exit status of {name}: {results[name]}")
        contains(results[name], pattern, f"output of {name}")
        if state:
            read_only = 1 if state == "ro" else 0
            contains(results[look], rf"\A\d+\n{sectors}\n{read_only}\next4\Z", f"pid, size, ro and data of nbd1 after {name}")
        else:
            contains(results[look], r"\A.*/nbd1/pid.*No such file", f"nbd1 is free after {name}")
    vm.run("test -e /sys/block/nbd0/pid && test ! -e /sys/block/nbd1/pid")


@rows("B1")
def test_many_at_once(bench):
    """Beside the root: two that can be had, and between them one whose server is not there. That one takes nothing from the
    others but the exit status."""
    refused = "nbd://10.42.0.1:1"
    attach = f"scaleway-nbd --timeout=4 --identifier=a --identifier= --identifier=c attach 1 {URI} 2 {refused} 3 {OTHER}"
    look = "cd /sys/block && cat nbd1/backend nbd3/backend && test -e nbd1/pid -a -e nbd3/pid -a ! -e nbd2/pid"
    commands = [
        # udev looks at a new device.
        f"udevadm settle --timeout=10; {attach}",
        f"udevadm settle --timeout=10; {look}",
        f"{DATA} && blkid -p -o value -s TYPE /dev/nbd3",
        "scaleway-nbd detach 1 && scaleway-nbd detach 3",
        f"udevadm settle --timeout=10; scaleway-nbd attach 1 {URI} 3 {OTHER}",
    ]
    vm = bench.boot(overlay=initrd_probe(commands))
    bench.wait_booted()
    results = [vm.probe("probe")[command] for command in commands]
    equal([r.status for r in results], [1, 0, 0, 0, 0], f"exit status of each: {results}")
    some, sysfs, data, _, both = results

    def place(pattern):
        match = re.search(pattern, some, re.MULTILINE)
        return match and match.start()

    for name in "nbd1", "nbd3":
        places = {name: place(f"^{name}: attached to "), "nbd2 given up": place("^Cannot attach nbd2 .*refused.*gave up"),
                  "which": place("^1 of 3 volumes not attached: nbd2$")}  # fmt: skip
        in_order(places, "the others do not wait for the one that fails")
        contains(both, f"^{name}: attached to ", "when all can be had")
    equal(sysfs.split(), ["a", "c"], "identifiers, each of its own volume")
    equal(data.split(), ["ext4", "ext4"], "what can be read from them")


@rows("B1")
@options(timeout=600)
def test_server_comes_late(bench):
    """It starts 10 s after it was wanted for the first time."""
    vm = bench.boot()
    bench.server.kill()
    refused = r"scaleway-nbd\[\d+\]: Cannot attach nbd0 to '\S+' yet: .*refused"
    vm.wait_for(refused, 240)
    time.sleep(10)
    restarted = time.monotonic() - vm.started
    bench.server.restart()
    bench.wait_booted(300)
    times = {"refused": vm.console.time_of(refused), "server starts": restarted,
             "attached": vm.console.time_of(r"scaleway-nbd\[\d+\]: nbd0: attached to"),
             "footer": vm.console.time_of("^>>> Switching to linux"), "login": vm.console.time_of(LOGIN)}  # fmt: skip
    in_order(times, "order of the boot")
    states = [r["time"] - vm.started for r in bench.requests("PATCH", "/state") if r["status"] == 200]
    check(states[0] < restarted < states[1], f"kernel-started before, booted after {restarted:.1f} s: {states}")
