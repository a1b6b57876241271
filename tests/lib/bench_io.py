# SPDX-License-Identifier: MIT
"""`tests/bench io`: fio on /dev/nbd0, attached by ours and by nbd-client in turn, in one guest.

For each server, each round and each job both attach, run and detach, one right after the other. The jobs are the same
to the letter: direct I/O by libaio, so many seconds, over the whole volume.

    read, write          1 MiB each, in order, 4 at a time
    randread, randwrite  4 KiB each, anywhere, 16 at a time
    ...-cpu              bytes for each second of QEMU's processor time: what the same I/O costs. On a busy machine it
                         varies less than bytes a second do

The I/O itself is the kernel's, whoever attached: what could differ is what the kernel was told, that is flags, block
size, number of connections, and the options of the socket. The first three are compared when the disks are attached
for the first time: where they are the same, so is the I/O, and what the figures differ by is what the machine does."""

import argparse
import json
import os
import statistics
import tempfile

import bench_nbd
import bench_report
import nbd
from bench_nbd import LOGS
from bench_report import Figure, Goal

ATTACH_TIMEOUT = 60
FIO_TIMEOUT = 60  # s, beside the time of the job
DISK_BYTES = 128 << 20
MEMORY = "/dev/shm"  # a disk of the host would be measured, too
PEERS = [bench_nbd.SCALEWAY, bench_nbd.NBD_CLIENT]
FIO = (
    "fio --name=bench --filename=/dev/nbd0 --ioengine=libaio --direct=1 --time_based --runtime={seconds} --randseed=1 "
    "--output-format=json {options}"
)
JOBS = {
    "read": "--rw=read --bs=1M --iodepth=4",
    "write": "--rw=write --bs=1M --iodepth=4",
    "randread": "--rw=randread --bs=4k --iodepth=16",
    "randwrite": "--rw=randwrite --bs=4k --iodepth=16",
}
GOAL = 1.0
SETTINGS = (
    "grep -v ^Hex /sys/block/nbd0/size /sys/block/nbd0/ro /sys/block/nbd0/queue/* /sys/kernel/debug/nbd/nbd0/[!t]* 2>/dev/null; "
    "echo connections:$(grep -c ':2A[3-4][0-9A-F] 01 ' /proc/net/tcp)"
)


class Nbdkit(nbd.Nbdkit):
    """It logs nothing: that costs time."""

    def arguments(self):
        return ["--foreground", self.style, f"--port={self.port}", self.plugin, self.disk]


SERVERS = {"nbdkit": Nbdkit, "nbd-server": nbd.NbdServer}


def figures(servers):
    result = []
    for server in servers:
        for job in JOBS:
            result.append(Figure(f"{server}-{job}", f"{server}: {job}", "MB/s", scale=1e6))
            result.append(Figure(f"{server}-{job}-cpu", f"{server}: {job}, by processor time", "MB/s of CPU", scale=1e6))
    return [*result, Figure("all", "all of these, geometric mean", "MB/s", scale=1e6)]


def fio(guest, job, seconds):
    """Returns (bytes a second, bytes for each second of QEMU's processor time, fio's own report of the job)."""
    begin = guest.vm.cpu_seconds()
    output = guest.vm.run(FIO.format(seconds=seconds, options=JOBS[job]), seconds + FIO_TIMEOUT)
    cpu = guest.vm.cpu_seconds() - begin
    report = json.loads(output[output.index("{") :])["jobs"][0]
    direction = report["read" if "read" in job else "write"]
    if report["error"] != 0 or direction["io_bytes"] == 0:
        raise RuntimeError(f"fio {job}: error {report['error']}, {direction['io_bytes']} bytes")
    kept = {key: direction[key] for key in ("io_bytes", "bw_bytes", "iops", "runtime", "lat_ns")}
    return direction["bw_bytes"], direction["io_bytes"] / cpu, {**kept, "qemu_cpu": cpu}


def measure(guest, results, job, name, server, seconds):
    """One job for each peer in turn, into their entries of the report."""
    key = f"{name}-{job}"
    for result in results:
        if "error" in result:
            continue
        peer = next(p for p in PEERS if p.name == result["peer"])
        try:
            guest.attach(peer, 1, server, ATTACH_TIMEOUT)
            result[key], result[f"{key}-cpu"], result["raw"][key] = fio(guest, job, seconds)
        except (RuntimeError, AssertionError) as e:
            result["error"] = str(e)
        guest.detach()


def settings(guest, server):
    """What the kernel was told by each: peer → {setting: value}."""
    result = {}
    for peer in PEERS:
        guest.attach(peer, 1, server, ATTACH_TIMEOUT)
        lines = guest.vm.run(SETTINGS, ok=None).splitlines()
        result[peer.name] = {}
        for line in lines:
            name, _, value = line.partition(":")
            known = result[peer.name].get(name)
            result[peer.name][name] = f"{known} {value}" if known else value
        guest.detach()
    return result


def compare(name, told):
    """Prints in what they differ."""
    first, second = told.values()
    different = [k for k in sorted({*first, *second}) if first.get(k) != second.get(k)]
    print(f"bench: {name}: the kernel was told {'the same' if not different else 'otherwise'} by both, {len(first)} settings")
    for key in different:
        print("    " + key + ": " + ", ".join(f"{peer} {values.get(key)}" for peer, values in told.items()))


def run_round(guest, number, servers, seconds):
    # They change places with each round and each job.
    first = number % len(PEERS)
    results = [{"peer": p.name, "round": number, "raw": {}} for p in PEERS[first:] + PEERS[:first]]
    for name, server in servers.items():
        for job in JOBS:
            measure(guest, results, job, name, server, seconds)
            results.append(results.pop(0))
    for result in results:
        if "error" not in result:
            result["all"] = statistics.geometric_mean(result[f"{name}-{job}"] for name in servers for job in JOBS)
    return results


def goals(servers):
    ours, other = bench_nbd.SCALEWAY.name, bench_nbd.NBD_CLIENT.name

    def of(rounds):
        keys = [*(f"{name}-{job}" for name in servers for job in JOBS), "all"]
        return [Goal(f"{k}: {ours} ÷ {other}", bench_report.paired(rounds, k, ours, other), GOAL, at_least=True) for k in keys]

    return of


def make_disk(folder):
    """Nothing is a hole: a server may answer for these without reading."""
    path = os.path.join(folder, "disk")
    with open(path, "wb") as f:
        for _ in range(DISK_BYTES >> 20):
            f.write(os.urandom(1 << 20))
    return path


def run(arguments):
    kernel, initrd = bench_nbd.prepare()
    chosen = arguments.server or list(SERVERS)
    shown = figures(chosen)
    rounds, told = [], {}

    def go():
        with (
            tempfile.TemporaryDirectory(dir=MEMORY if os.path.isdir(MEMORY) else None) as folder,
            bench_nbd.Guest(os.path.join(LOGS, "bench-io"), kernel, initrd) as guest,
        ):
            disk = make_disk(folder)
            servers = {name: guest.serve(SERVERS[name], disk) for name in chosen}
            guest.vm.run("mount -t debugfs debugfs /sys/kernel/debug")
            for name, server in servers.items():
                told[name] = settings(guest, server)
                compare(name, told[name])
            # The first time everything is slower, and it would be the fault of the first in turn.
            run_round(guest, 0, servers, 1)
            for number in range(1, arguments.rounds + 1):
                results = run_round(guest, number, servers, arguments.seconds)
                rounds.extend(results)
                for result in results:
                    bench_nbd.tell(result, [f for f in shown if not f.key.endswith("-cpu")])

    jobs = len(chosen) * len(JOBS)
    complete = bench_nbd.guarded(go, f"{arguments.rounds} rounds of {jobs} jobs for {len(PEERS)}")
    return bench_nbd.finish("bench-io", rounds, shown, PEERS, goals(chosen), complete, settings=told)


def add_parser(commands):
    parser = commands.add_parser(
        "io",
        help="fio on an NBD volume, in order and at random: bytes a second, beside nbd-client",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="of each peer (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=3, metavar="N", help="of each job (default: %(default)s)")
    parser.add_argument("--server", action="append", default=[], choices=list(SERVERS), metavar="NAME",
                        help=f"only this one, may be repeated: {', '.join(SERVERS)}")  # fmt: skip
    parser.set_defaults(run=run)
