# SPDX-License-Identifier: MIT
"""Volumes beside the root: attached all at once, none of them holds up the boot, and each has a name that stays."""

import documents
import nbd
from testing import absent, check, contains, equal, in_order, rows

ROOT_URI = f"nbd://10.42.0.1:{nbd.PORT}"
PORT = nbd.PORT + 1
DEAD = (7, 11)
GIVEN_UP = 20  # s, what those that do not answer may cost together: they are attached all at once
SWITCH = "^>>> Switching to linux"


def identifier(index):
    return f"cccccccc-0000-4000-8000-{index:012}"


def volumes(others):
    """A document's volumes: the root, and others: {index: export_uri, or a whole volume}."""
    result = {"0": documents.volume(ROOT_URI)}
    for index, what in others.items():
        uri = isinstance(what, str)
        result[str(index)] = documents.volume(what, name=f"data {index}", id=identifier(index)) if uri else what
    return {"volumes": result}


def uri(index):
    return f"nbd://10.42.0.1:{PORT}/data{index}"


def serve(bench):
    """The disks of the others; the VM needs some seconds until it asks for them."""
    server = nbd.NbdkitMemory(bench.network, bench.folder, None, port=PORT, number=1)
    bench.callback(server.stop)
    return server.start()


def attached(vm):
    return vm.run("cd /sys/block; for d in nbd*; do [ ! -e $d/pid ] || echo $d; done").split()


@rows("B4")
def test_fifteen_and_two_are_dead(bench):
    others = {i: uri(i) for i in range(1, 16)}
    others |= {i: f"nbd://10.42.0.99:4000/nobody{i}" for i in DEAD}
    vm = bench.boot(metadata=volumes(others))
    serve(bench)
    bench.wait_booted()

    alive = [i for i in range(16) if i not in DEAD]
    equal(sorted(attached(vm)), sorted(f"nbd{i}" for i in alive), "what is attached")
    names = vm.run("cd /dev/disk/by-id && for l in nbd-*; do echo $l $(basename $(readlink $l)); done")
    for i in alive[1:]:
        contains(names, rf"^nbd-{identifier(i)} nbd{i}$", "names by volume id, on the booted server")
    contains(names, rf"^nbd-{documents.ROOT_VOLUME_ID} nbd0$", "name of the root by volume id")

    for i in DEAD:
        gave_up = rf"Cannot attach nbd{i} to 'nbd://10\.42\.0\.99:4000/nobody{i}': .* \(gave up after"
        contains(vm.console.text, gave_up, "a dead one")
        times = {"root": vm.console.time_of("Mounted '/dev/nbd0'"), "given up": vm.console.time_of(gave_up),
                 "switch": vm.console.time_of(SWITCH)}  # fmt: skip
        in_order(times, "the root does not wait for a volume, the switch does")
        check(times["switch"] - times["root"] < GIVEN_UP + 10, f"both cost their time-out once, and no more: {times}")
    equal(vm.run("systemctl --failed --no-legend --plain").strip(), "", "failed units of the booted system")


@rows("B4")
def test_passed_over(bench):
    """A local disk, a volume without an export, one that is null: a word for each, and no wait."""
    others = {1: "device://dev/vdb", 2: {"boot": False, "id": identifier(2), "volume_type": "sbs_volume", "zone": "par1"}, 3: None}
    vm = bench.boot(metadata=volumes(others))
    bench.wait_booted()
    equal(attached(vm), ["nbd0"], "what is attached")
    for line in (r"Volume 1 is the local disk '/dev/vdb'", r"Volume 2 \(sbs_volume\) is not exported", "Volume 3 .* is not exported"):
        contains(vm.console.text, line, "a word for each")
    waited = vm.console.time_of(SWITCH) - vm.console.time_of("Mounted '/dev/nbd0'")
    check(waited < GIVEN_UP, f"seconds between the root and the switch: {waited}")


@rows("B4")
def test_skipped(bench):
    for tag in ("SKIP_OPTIONAL_NBD_DEVICES=1", "INITRD_SKIP_SECONDARY_VOLUMES=1"):
        vm = bench.boot(metadata=volumes({1: uri(1)}), tags=[tag])
        bench.wait_booted()
        equal(attached(vm), ["nbd0"], f"what is attached, with {tag}")
        absent(vm.console.text, "nbd1", f"nothing is said of it, with {tag}")


@rows("B4")
def test_waited_for(bench):
    """Its server comes when the time of an ordinary boot is over, and the switch has waited for it."""
    vm = bench.boot(metadata=volumes({1: uri(1)}), tags=["INITRD_WAIT_SECONDARY_VOLUMES=1"])
    vm.wait_for(r"Mounted '/dev/nbd0'", 120)
    vm.wait_for(r"Cannot attach nbd1 .* yet: .* another \d+ s", 60)
    vm.wait_for(r"Cannot attach nbd1 .* yet: .* another 2[0-6]\d s", 60)
    serve(bench)
    bench.wait_booted()
    equal(attached(vm), ["nbd0", "nbd1"], "what is attached")
    in_order({"attached": vm.console.time_of("nbd1: attached"), "switch": vm.console.time_of(SWITCH)}, "the switch waits")
