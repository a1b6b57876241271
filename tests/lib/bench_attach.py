# SPDX-License-Identifier: MIT
"""`tests/bench attach`: from nothing attached to 1, 4 and 15 NBD volumes, ours and nbd-client in turn, in one guest.

What is read, all by the guest's monotonic clock and by one program (bench.d/stopwatch.c) for every peer:

    attach-N  from the start of the command until it has ended and N devices have a pid and a size in sysfs
    cpu-15    processor time of the command's processes for 15, user and system
    late-N    as attach-N, with a server that answers each handshake a second later

The kernel takes one connection after the other (about 50 ms each under TCG: it freezes the device's queue three times, and
each time waits for an RCU grace period), so that is the floor for any program; only what comes before can go on at the same
time."""

import os

import bench_nbd
import bench_options
import bench_report
import nbd
from bench_nbd import LOGS
from bench_report import Figure, Goal

COUNTS = (1, 4, 15)
MANY = COUNTS[-1]
LATE = (1, MANY)
LATE_SECONDS = 1
ATTACH_TIMEOUT = 120  # s; 15 handshakes, one after the other, each late
PEERS = [bench_nbd.SCALEWAY, bench_nbd.SCALEWAY_EACH, bench_nbd.NBD_CLIENT]
FIGURES = [
    *(Figure(f"attach-{n}", f"{n} volume{'s' if n > 1 else ''}, until all are attached", "s") for n in COUNTS),
    Figure(f"cpu-{MANY}", f"{MANY} volumes: processor time in the guest", "s"),
    *(Figure(f"late-{n}", f"{n} volume{'s' if n > 1 else ''}, each handshake a second late", "s") for n in LATE),
]
ATTACH_GOAL = 0.7
LATE_GOAL = 1.5


class LateMemory(nbd.NbdkitMemory):
    """The opening of the export, which is a part of the handshake, takes longer."""

    filters = ("--filter=delay",)
    parameters = (f"delay-open={LATE_SECONDS}",)


def measure(guest, results, key, count, server):
    """The same of each peer in turn, into their entries of the report."""
    for result in results:
        if "error" in result:
            continue
        peer = next(p for p in PEERS if p.name == result["peer"])
        try:
            raw = guest.attach(peer, count, server, ATTACH_TIMEOUT)
        except RuntimeError as e:
            result["error"] = str(e)
        else:
            result["raw"][key] = raw
            result[key] = raw["real"]
        guest.detach()


def run_round(guest, number, server, late):
    """The entries of one round. Another peer begins each, so that none always runs after the same neighbour."""
    first = (number - 1) % len(PEERS)
    results = [{"peer": p.name, "round": number, "raw": {}} for p in PEERS[first:] + PEERS[:first]]
    for count in COUNTS:
        measure(guest, results, f"attach-{count}", count, server)
    for count in LATE:
        measure(guest, results, f"late-{count}", count, late)
    for result in results:
        if "error" not in result:
            raw = result["raw"][f"attach-{MANY}"]
            result[f"cpu-{MANY}"] = raw["user"] + raw["system"]
            result["late"] = result[f"late-{MANY}"] / result["late-1"]
    return results


def warm_up(guest, server):
    """The first time everything is slower, and it would be the fault of the first in turn."""
    for peer in PEERS:
        guest.attach(peer, 1, server, ATTACH_TIMEOUT)
        guest.detach()


def goals(rounds):
    ours, other = bench_nbd.SCALEWAY.name, bench_nbd.NBD_CLIENT.name
    key = f"attach-{MANY}"
    late = bench_report.spread(bench_report.values(rounds, ours, "late"))
    return [
        Goal(f"{MANY} volumes: {ours} ÷ {other}", bench_report.paired(rounds, key, ours, other), ATTACH_GOAL),
        Goal(f"{ours}, handshakes a second late: {MANY} volumes ÷ 1", late, LATE_GOAL),
    ]


def run(arguments):
    kernel, initrd = bench_nbd.prepare()
    rounds = []

    def go():
        with bench_nbd.Guest(os.path.join(LOGS, "bench-attach"), kernel, initrd) as guest:
            server, late = guest.serve(nbd.NbdkitMemory), guest.serve(LateMemory)
            warm_up(guest, server)
            for number in range(1, arguments.rounds + 1):
                results = run_round(guest, number, server, late)
                rounds.extend(results)
                for result in results:
                    bench_nbd.tell(result, FIGURES)

    complete = bench_nbd.guarded(go, f"{arguments.rounds} rounds of {len(PEERS)}")
    return bench_nbd.finish("bench-attach", rounds, FIGURES, PEERS, goals, complete, arguments.strict)


def add_parser(commands):
    brief = "NBD volumes, 1, 4 and 15, until all are attached: time, beside nbd-client"
    bench_options.add_parser(commands, "attach", brief, __doc__, run, rounds=5)
