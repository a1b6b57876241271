# SPDX-License-Identifier: MIT
"""What one boot costs, in figures that say the same on a busy machine, held against tests/budgets.json.

    bytes         of the initrd
    forks         processes and threads created until init
    requests      that the control plane saw
    instructions  of the guest until init, in millions. QEMU counts them (bench.d/insn-count.c) with one processor and
                  -icount, where a nanosecond of the guest is one instruction: its clock, and with it the number of
                  timer ticks, does not depend on how fast the machine is
    translated    how many of the guest's instructions, in thousands, QEMU translated for that, some of them again:
                  about how much different code a boot runs

Instructions of what goes on for the moment between init and the end of QEMU are in it."""

import json
import os
import types

import bench_peers
import nbd
from bench import STATES
from bench_boot import BOOT_TIMEOUT, END_TIMEOUT, FORKS, INIT, LOST
from testing import check, equal

BUDGETS = os.path.join(bench_peers.TESTS, "budgets.json")
QEMU = ["-icount", "shift=0,sleep=on"]
ENVIRONMENT = {"SCALEWAY_SMP": "1", "SCALEWAY_ACCEL": "tcg,thread=single", "SCALEWAY_CPU": "qemu64"}


def figures(bench, initrd):
    """Boots the bench's root and counts. initrd: path."""
    os.environ.update(ENVIRONMENT)
    peer = next(p for p in bench_peers.peers() if p.ours)
    plugin = bench_peers.build_program("insn-count", ["-shared", "-fPIC", "-fvisibility=hidden"])
    root = bench_peers.build_root(bench.parts.root)
    counted = os.path.join(bench.folder, "instructions")
    bench.share_disk(root)
    vm = bench.boot(base=peer.command_line(export=nbd.EXPORT), initrd=initrd, nbd="bench",
                    qemu=[*QEMU, "-plugin", f"{plugin},out={counted}"])  # fmt: skip
    vm.console.wait_for(INIT, BOOT_TIMEOUT, fatal=LOST)
    forks = int(vm.wait_for(FORKS, END_TIMEOUT).group(1))
    # The bench's init stands where systemd is looked for, so the initrd leaves "booted" to the host, and there is no host that would say it:
    # one state, and two requests with that for the metadata.
    equal(bench.wait_states(count=1), STATES[:1], "states of a server whose init is the bench's")
    requests = len(bench.requests())
    vm.qmp("quit")
    vm.child.process.wait(END_TIMEOUT)
    with open(counted, encoding="utf-8") as f:
        instructions = json.load(f)
    return types.SimpleNamespace(bytes=os.path.getsize(initrd), forks=forks, requests=requests,
                                 instructions=round(instructions["executed"] / 1e6),
                                 translated=round(instructions["translated"] / 1e3))  # fmt: skip


def hold(name, seen):
    """Fails if a figure is above its budget, and also if it is so far below that the budget says nothing any more."""
    with open(BUDGETS, encoding="utf-8") as f:
        budgets = json.load(f)
    over = []
    for key, budget in budgets[name].items():
        value = getattr(seen, key)
        print(f"{name}: {key} {value}, budget {budget}")
        if value > budget:
            over.append(f"{key}: {value}, budget {budget}: pay for it elsewhere, or raise the budget and say why")
        elif value < budget * (1 - budgets["slack"]):
            over.append(f"{key}: {value}, budget {budget}: lower the budget, so that the gain stays")
    check(not over, f"{name}: " + "; ".join(over))
