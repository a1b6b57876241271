# SPDX-License-Identifier: MIT
"""`tests/bench boot`: from the start of the kernel to the init of a root on NBD, ours and the peers in turn, one run.

What is read, and where:

    boot    the guest's CLOCK_BOOTTIME when the root's init starts. It counts from the kernel's own time zero, so neither
            the firmware nor the loading of the initrd is in it; under QEMU it runs with the host's clock.
    wall    the host's clock from the start of QEMU to the line that this init writes: boot, plus what comes before
            the kernel. The same for every peer but for the loading of a larger initrd.
    cpu     user and system time of QEMU when that line arrives
    initrd  bytes of the file
    memory  MemTotal - MemAvailable a second after init has started, with the page cache dropped, less the free pages
            that wait in the lists of the processors: they make a difference of 20 MiB and say nothing
    forks   processes and threads that were created since the kernel started
    switches  of a processor from one of them to another

One VM runs at a time. Each boot has a network, a DHCP server, an NBD server and (ours only) a control plane of its own,
and a fresh copy-on-write view of the same root."""

import os
import re
import shutil
import time
import types

import bench_options
import bench_peers
import bench_report
import nbd
from bench import CACHE, Bench
from bench_report import Figure, Goal
from vm import Ended

LOGS = os.path.join(CACHE, "logs")
BOOT_TIMEOUT = 240  # s from QEMU to init; the slowest peer takes a tenth of it
END_TIMEOUT = 30
# With the end of the line, as a line may come in pieces.
INIT = r"^BENCH-INIT uptime=(\d+\.\d+)\n"
FORKS = r"^BENCH-FORKS processes=(\d+) switches=(\d+)\n"
MEMORY = r"^BENCH-MEMORY (.*) end\n"
# The server did not switch root, but asks for help: no need to wait until the time is over.
LOST = re.compile(
    r"Kernel panic - not syncing.*|^\(initramfs\) |Entering emergency mode.*|^>>> Boot failed: .*|^floor-init: .*",
    re.MULTILINE,
)
# For each of ours: the peer, and what its boot and CPU time may be of that one's.
GOALS = {"scaleway": ("dracut-nbd", 0.8), "scaleway-lean": ("initramfs-tools", 1.0)}
LEAN_BYTES_MAX = 10_000_000
MEMORY_MAX = 6 << 20  # over the floor's
FIGURES = [
    Figure("boot", "Kernel start to init, guest clock", "s", base="floor"),
    Figure("wall", "QEMU start to init, host clock", "s", base="floor"),
    Figure("cpu", "CPU time of QEMU until init", "s", base="floor"),
    Figure("initrd", "Size of the initrd", "MB", scale=1e6),
    Figure("memory", "Memory in use at init", "MiB", scale=1 << 20, base="floor"),
    Figure("forks", "Processes and threads created until init", "count", digits=0, base="floor"),
    Figure("switches", "Context switches until init", "count", digits=0, base="floor"),
]


class CopyOnWrite(nbd.Nbdkit):
    """A view of the root for one boot: what is written is gone with the server. It logs nothing: that costs time."""

    export = nbd.EXPORT  # initramfs-tools wants a name

    def arguments(self):
        return ["--foreground", self.style, f"--port={self.port}", "--filter=cow", "file", self.disk]


nbd.SERVERS["bench"] = CopyOnWrite


class BootBench(Bench):
    def __init__(self, folder, kernel, root):
        super().__init__(folder)
        self._parts = types.SimpleNamespace(kernel=kernel)
        self.share_disk(root)


def measure(bench, peer):
    nic_host, nic_address = "10.42.0.1", "10.42.0.10"  # those of net.Bridge 0
    line = peer.command_line(host=nic_host, address=nic_address, port=nbd.PORT, export=nbd.EXPORT)
    vm = bench.boot(base=line, initrd=peer.initrd, nbd="bench", metadata=None if peer.ours else False)

    match = vm.console.wait_for(INIT, BOOT_TIMEOUT, fatal=LOST)
    cpu = vm.cpu_seconds()
    wall = vm.console.time_of(r"^BENCH-INIT ")
    forks = vm.wait_for(FORKS, END_TIMEOUT)
    memory = vm.wait_for(MEMORY, END_TIMEOUT)
    memory = {key: int(value) for key, _, value in (word.partition("=") for word in memory.group(1).split())}
    result = {
        "boot": float(match.group(1)),
        "wall": wall,
        "cpu": cpu,
        "initrd": peer.size,
        "memory": (memory["MemTotal"] - memory["MemAvailable"] - memory["InLists"]) * 1024,
        "forks": int(forks.group(1)),
        "switches": int(forks.group(2)),
        "meminfo_kB": memory,
    }
    vm.wait_exit(END_TIMEOUT)
    if peer.ours:
        result["states"] = bench.states()
    return result


def boot_once(kernel, root, peer, number):
    """One entry of the report. A boot that does not arrive is one with "error" and the path of its console."""
    folder = os.path.join(LOGS, "bench", f"{peer.name}-{number}")
    result = {"peer": peer.name, "round": number, "started": time.time(), "load": os.getloadavg()[0]}
    bench = BootBench(folder, kernel, root)
    try:
        with bench:
            result.update(measure(bench, peer))
    except (Ended, RuntimeError, OSError, TimeoutError) as e:
        result["error"] = str(e)
    result["console"] = os.path.join(folder, "console-1.log")
    return result


def warm(*paths):
    """The first boot shall not be the only one that waits for the host's disk."""
    for path in paths:
        with open(path, "rb") as f:
            while f.read(1 << 20):
                pass


def tell(result):
    if "error" in result:
        lines = result["error"].strip().splitlines()
        lines[0] = f"  {result['round']:>3}  {result['peer']:16} FAILED: {lines[0]}"
        print("\n    ".join(lines), flush=True)
    else:
        figures = "".join(f"  {key} {result[key]:6.2f} s" for key in ("boot", "wall", "cpu"))
        figures += f"  memory {result['memory'] / (1 << 20):6.1f} MiB  forks {result['forks']}  switches {result['switches']}"
        print(f"  {result['round']:>3}  {result['peer']:16}{figures}", flush=True)


def goals(rounds):
    """Of those whose peers were measured as well."""
    reached = []
    for ours, (other, limit) in GOALS.items():
        for key in ("boot", "cpu"):
            reached.append(Goal(f"{ours} ÷ {other}: {key}", bench_report.paired(rounds, key, ours, other), limit))
    lean = bench_report.spread([size / 1e6 for size in bench_report.values(rounds, "scaleway-lean", "initrd")])
    reached.append(Goal("scaleway-lean: initrd, MB", lean, LEAN_BYTES_MAX / 1e6))
    for ours in GOALS:
        over = bench_report.within_rounds(rounds, "memory", ours, "floor", lambda mine, floor: (mine - floor) / (1 << 20))
        reached.append(Goal(f"{ours}: memory over the floor, MiB", over, MEMORY_MAX / (1 << 20)))
    return [goal for goal in reached if goal.ratio]


def report(rounds, peers):
    """Prints the tables; returns what the document has of it."""
    names = [peer.name for peer in peers]
    ours = [peer.name for peer in peers if peer.ours]
    summarized = bench_report.summary(rounds, FIGURES, names)
    ratio = bench_report.ratios(summarized, ours)
    for figure in FIGURES:
        if summarized[figure.key]:
            print("\n" + "\n".join(bench_report.table(figure, summarized[figure.key], ratio[figure.key], ours)))
    failed = [r for r in rounds if "error" in r]
    for result in failed:
        print(f"\nFAILED: {result['peer']}, round {result['round']}; console: {result['console']}")
    good = [r for r in rounds if "error" not in r]
    reached = goals(good)
    if reached:
        print("\n" + "\n".join(bench_report.goal_table(reached)))
    return {
        "summary": summarized,
        "ratios": ratio,
        "ratios_by_round": bench_report.all_paired(good, FIGURES, ours, names),
        "goals": [goal.document() for goal in reached],
    }


def run(arguments):
    kernel, root, peers = bench_peers.prepare(arguments.peer)
    shutil.rmtree(os.path.join(LOGS, "bench"), ignore_errors=True)
    warm(kernel, root, *(peer.initrd for peer in peers))
    qemu = os.environ.get("SCALEWAY_QEMU", "qemu-system-x86_64")
    host = bench_report.machine(qemu)
    print(f"bench: {arguments.rounds} rounds of {len(peers)} on {host['processor']}, {host['qemu']}")
    if host["load"][0] > 0.5:
        print(f"bench: the machine is not idle (load {host['load'][0]:.1f}): compare ratios, not seconds")

    rounds = []
    interrupted = False
    try:
        for number in range(1, arguments.rounds + 1):
            # Another one begins each round, so that none always runs after the same neighbour.
            first = (number - 1) % len(peers)
            for peer in peers[first:] + peers[:first]:
                rounds.append(boot_once(kernel, root, peer, number))
                tell(rounds[-1])
    except KeyboardInterrupt:
        interrupted = True
        print("bench: interrupted; the report is of the boots so far")

    if not rounds:
        return 1
    told = report(rounds, peers)
    shown = {"host": "HOST", "port": "PORT", "export": "EXPORT", "address": "ADDRESS"}
    document = {
        "machine": host,
        "kernel": os.path.basename(kernel),
        "peers": {p.name: {"title": p.title, "cmdline": p.command_line(**shown), "initrd": p.initrd} for p in peers},
        "rounds": rounds,
        **told,
    }
    print(f"\nbench: all figures: {os.path.relpath(bench_report.write(LOGS, 'bench-boot', document))}")
    whole = not interrupted and not any("error" in r for r in rounds)
    return bench_report.exit_status(whole, [goal["verdict"] for goal in told["goals"]], arguments.strict)


def add_parser(commands):
    brief = "kernel start to the init of a root on NBD: time, CPU time, size, memory"
    parser = bench_options.add_parser(commands, "boot", brief, __doc__, run, rounds=5)
    names = [peer.name for peer in bench_peers.peers()]
    parser.add_argument("--peer", action="append", default=[], choices=names, metavar="NAME",
                        help=f"only this one, may be repeated: {', '.join(names)}")  # fmt: skip
