# SPDX-License-Identifier: MIT
"""The guest of `tests/bench attach`, `tests/bench io` and `tests/bench stream --vm`: a kernel, an initrd with the programs, and
a shell on the console through which the host tells it what to do. Nothing else runs there, no udev and no systemd."""

import dataclasses
import os
import re
import shlex
import shutil
import subprocess
from contextlib import ExitStack

import bench_peers
import bench_report
import cpio
import nbd
from bench import CACHE, Parts
from net import Network
from process import need
from vm import VM, Ended

LOGS = os.path.join(CACHE, "logs")
BOOT_TIMEOUT = 120
DEVICES = 16
INIT = os.path.join(bench_peers.SOURCES, "nbd-init")
# virtio-rng: the first program that asks for random numbers would otherwise wait for them, for more than a second.
MODULES = (*bench_peers.FLOOR_MODULES, "virtio-rng")
OURS = "/usr/bin/scaleway-nbd"
TOOLS = ("/usr/bin/busybox", "/usr/bin/stty", "/usr/bin/fio", "/usr/sbin/nbd-client")


@dataclasses.dataclass
class Peer:
    """command: of a shell, for devices {first} to {last}; {volumes} is what `scaleway-nbd attach` takes for all of them."""

    name: str
    title: str
    command: str
    ours: bool = False

    def attach(self, first, last, server):
        volumes = " ".join(f"{i} {server.uri}" for i in range(first, last + 1))
        return self.command.format(first=first, last=last, volumes=volumes, uri=server.uri, host=server.host,
                                   port=server.port, export=server.export or "any")  # fmt: skip


SCALEWAY = Peer("scaleway-nbd", "scaleway-nbd attach, one for all volumes", "scaleway-nbd attach {volumes}", ours=True)
SCALEWAY_EACH = Peer(
    "scaleway-nbd@",
    "scaleway-nbd attach, one for each volume, all at once, as units start it",
    "for i in $(seq {first} {last}); do scaleway-nbd attach $i {uri} & done; wait",
    ours=True,
)
NBD_CLIENT = Peer(
    "nbd-client",
    "nbd-client in a loop, as scripts call it",
    "for i in $(seq {first} {last}); do nbd-client {host} {port} /dev/nbd$i -N {export} || exit; done",
)


class Guest:
    def __init__(self, folder, kernel, initrd, memory=1024):
        """folder: takes logs; it is emptied. memory: MiB."""
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        self.folder = folder
        self.kernel = kernel
        self.initrd = initrd
        self.memory = memory
        self.network = None
        self.vm = None
        self._servers = 0
        self._stack = ExitStack()

    def __enter__(self):
        with self._stack:
            self.network = self._stack.enter_context(Network(self.folder, ["none"]))
            nic = self.network.bridges[0]
            line = f"console=ttyS0,115200 loglevel=4 panic=-1 bench_ip={nic.address}/24"
            self.vm = VM(self.network, self.folder, self.kernel, self.initrd, line, memory=self.memory)
            self._stack.callback(self.vm.kill)
            self.vm.use_shell(BOOT_TIMEOUT)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *exc):
        self._stack.close()

    def serve(self, kind, disk=None):
        """Starts an nbd.Server that ends with the guest."""
        self._servers += 1
        number = self._servers
        server = kind(self.network, self.folder, disk, port=nbd.PORT + number, number=number)
        self._stack.callback(server.stop)
        return server.start()

    def attach(self, peer, count, server, timeout=60):
        """Attaches devices 0 to count-1, and returns what the guest's stopwatch says: real, user, system (s)."""
        return self._attach(peer, 0, count - 1, server, timeout)

    def attach_one(self, peer, index, server, timeout=60):
        """Attaches one device; those before it must be attached already."""
        return self._attach(peer, index, index, server, timeout)

    def _attach(self, peer, first, last, server, timeout):
        command = f"({peer.attach(first, last, server)}) >/tmp/attach.log 2>&1"
        output = self.vm.run(f"stopwatch {last + 1} sh -c {shlex.quote(command)}", timeout)
        result = {key: float(value) for key, value in re.findall(r"(\w+)=(\S+)", output)}
        if result.pop("status") != 0 or result.pop("attached") != last + 1:
            raise RuntimeError(f"{peer.name}, nbd{first} to nbd{last}: {output}{self.vm.read('/tmp/attach.log')}")
        return result

    def detach(self):
        """All devices, by the same means whoever attached them."""
        devices = f"for i in $(seq 0 {DEVICES - 1})"
        self.vm.run(f"{devices}; do [ ! -e /sys/block/nbd$i/pid ] || scaleway-nbd detach $i >/dev/null 2>&1; done", 120)
        left = self.vm.run(f"{devices}; do [ ! -e /sys/block/nbd$i/pid ] || echo nbd$i; done").split()
        if left:
            raise RuntimeError(f"still attached: {' '.join(left)}")


def libraries(tree, program):
    """Paths in the tree, as the program's own loader finds them."""
    output = bench_peers.run(["chroot", tree, "ldd", program])
    return re.findall(r"^\t(?:\S+ => )?(/\S+) \(0x", output, re.MULTILINE)


def add_program(archive, tree, program):
    for path in (program, *libraries(tree, program)):
        # A link may be absolute, so the tree's own realpath follows it.
        real = bench_peers.run(["chroot", tree, "realpath", path]).strip()
        with open(tree + real, "rb") as f:
            archive.add(path, f.read(), 0o755)


def build_initrd(tree, name="nbd.img", tools=TOOLS, ours=(OURS,), programs=("stopwatch",)):
    """tools: programs of Debian's. ours: of the tree of our image. programs: of bench.d, to be compiled."""
    need("xzcat")
    compiled = {program: bench_peers.build_program(program) for program in programs}
    debian = bench_peers.build_tree("tools", "tools")
    version = bench_peers.kernel_version(tree)

    def build(path):
        archive = cpio.Archive()
        archive.link_merged()
        for folder in ("/dev", "/proc", "/run", "/sys", "/tmp"):
            archive.folder(folder)
        for program in tools:
            add_program(archive, debian, program)
        for program in ours:
            add_program(archive, tree, program)
        for target, source in {"/init": INIT, **{f"/usr/bin/{program}": source for program, source in compiled.items()}}.items():
            with open(source, "rb") as f:
                archive.add(target, f.read(), 0o755)
        for i, module in enumerate(MODULES):
            archive.add(f"/modules/{i:02}-{module}.ko", bench_peers.module_bytes(tree, version, module))
        with open(path, "wb") as f:
            f.write(archive.dump())

    key = bench_peers.digest(*compiled.values(), INIT, *(tree + program for program in ours), debian, version, *MODULES, *tools)
    return bench_peers.cached(name, key, build)


def prepare(**contents):
    """Builds what is missing; contents: see build_initrd(). Returns (kernel, initrd)."""
    parts = Parts()
    if not parts.tree:
        raise subprocess.SubprocessError("SCALEWAY_TREE: the tree with our programs must be given like the other parts")
    return parts.kernel, build_initrd(parts.tree, **contents)


def guarded(go, what):
    """Runs go(); what was measured until it fails, or is interrupted, is worth a report. Returns whether it came to its end."""
    host = bench_report.machine(os.environ.get("SCALEWAY_QEMU", "qemu-system-x86_64"))
    print(f"bench: {what} on {host['processor']}, {host['qemu']}")
    if host["load"][0] > 0.5:
        print(f"bench: the machine is not idle (load {host['load'][0]:.1f}): compare ratios, not seconds")
    try:
        go()
        return True
    except KeyboardInterrupt:
        print("bench: interrupted; the report is of what was measured so far")
    except (Ended, RuntimeError, OSError, TimeoutError, AssertionError, ValueError) as e:
        print(f"bench: FAILED: {e}")
    return False


def tell(result, figures):
    """One line of the report as it comes."""
    if "error" in result:
        text = "FAILED: " + "\n    ".join(result["error"].strip().splitlines())
    else:
        shown = [f for f in figures if f.key in result]
        text = "  ".join(f"{f.key} {result[f.key] / f.scale:.{f.digits}f}" for f in shown)
    print(f"  {result['round']:>3}  {result['peer']:14} {text}", flush=True)


def finish(name, rounds, figures, peers, goals, complete, strict, **more):
    """Prints the tables and writes the document; returns the exit status. goals: function of the rounds. strict: a goal that
    is missed counts. more: for the document."""
    if not rounds:
        return 1
    good = [r for r in rounds if "error" not in r]
    ours = [peer.name for peer in peers if peer.ours]
    summarized = bench_report.summary(good, figures, [peer.name for peer in peers])
    ratio = bench_report.ratios(summarized, ours)
    for figure in figures:
        if summarized[figure.key]:
            print("\n" + "\n".join(bench_report.table(figure, summarized[figure.key], ratio[figure.key], ours)))
    reached = [goal for goal in goals(good) if goal.ratio]
    print("\n" + "\n".join(bench_report.goal_table(reached)))
    document = {
        "machine": bench_report.machine(os.environ.get("SCALEWAY_QEMU", "qemu-system-x86_64")),
        "peers": {peer.name: {"title": peer.title, "command": peer.command} for peer in peers},
        "rounds": rounds,
        "summary": summarized,
        "ratios": ratio,
        "ratios_by_round": bench_report.all_paired(good, figures, ours, [peer.name for peer in peers]),
        "goals": [goal.document() for goal in reached],
        **more,
    }
    print(f"\nbench: all figures: {os.path.relpath(bench_report.write(LOGS, name, document))}")
    return bench_report.exit_status(complete and len(good) == len(rounds), [goal.verdict for goal in reached], strict)
