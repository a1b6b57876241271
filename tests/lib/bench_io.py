# SPDX-License-Identifier: MIT
"""`tests/bench io`: fio on two NBD devices of one guest, one attached by ours and one by nbd-client, to the same server.

Both stay attached, and one fio goes to and fro between them, half a second here and half a second there (ABBA ABBA), so
that what the machine does meanwhile happens to both. What is compared is what each moved in all its slices of a round.
Which of them has /dev/nbd0, and which begins, changes with each round.

    read, write          1 MiB each, in order, 4 at a time
    randread, randwrite  4 KiB each, anywhere, 16 at a time

All is direct I/O by libaio over the whole volume. The I/O itself is the kernel's, whoever attached: what could differ
is what the kernel was told, that is flags, block size, number of connections, queue/io_timeout, and the options of the
socket. All but the last are compared when the disks are attached; ours differ in io_timeout (2 s for 30 s) and in that
the socket notices a dead peer (keepalive, TCP_USER_TIMEOUT), neither of which has work to do while answers come."""

import json
import os
import statistics
import tempfile

import bench_nbd
import bench_options
import bench_report
import nbd
from bench_nbd import LOGS
from bench_report import Figure, Goal

ATTACH_TIMEOUT = 60
FIO_TIMEOUT = 60  # s, beside the time of the job
DISK_BYTES = 128 << 20
MEMORY = "/dev/shm"  # a disk of the host would be measured, too
PEERS = [bench_nbd.SCALEWAY, bench_nbd.NBD_CLIENT]
SLICE = 0.5  # s
PATTERN = (0, 1, 1, 0)  # drifts of the machine meet both alike
FIO = "fio --output-format=json --ioengine=libaio --direct=1 --time_based --runtime={msec}ms --randseed=1 {options} {slices}"
JOBS = {
    "read": "--rw=read --bs=1M --iodepth=4",
    "write": "--rw=write --bs=1M --iodepth=4",
    "randread": "--rw=randread --bs=4k --iodepth=16",
    "randwrite": "--rw=randwrite --bs=4k --iodepth=16",
}
GOAL = 1.0
SETTINGS = (
    "grep -v ^Hex /sys/block/nbd{i}/size /sys/block/nbd{i}/ro /sys/block/nbd{i}/queue/* "
    "/sys/kernel/debug/nbd/nbd{i}/[!t]* 2>/dev/null; echo nbd{i}/connections:$(grep -c ':{port:04X} 01 ' /proc/net/tcp)"
)


class Nbdkit(nbd.Nbdkit):
    """It logs nothing: that costs time."""

    def arguments(self):
        return ["--foreground", self.style, f"--port={self.port}", self.plugin, self.disk]


SERVERS = {"nbdkit": Nbdkit, "nbd-server": nbd.NbdServer}


def figures(servers):
    result = [Figure(f"{server}-{job}", f"{server}: {job}", "MB/s", scale=1e6) for server in servers for job in JOBS]
    return [*result, Figure("all", "all of these, geometric mean", "MB/s", scale=1e6)]


def slices(order, count):
    """fio's jobs, one after the other: count times the pattern, over the devices of the peers in this order."""
    turns = [order[i] for i in PATTERN * count]
    return " ".join(f"--name={n} --stonewall --filename=/dev/nbd{device}" for n, device in enumerate(turns)), turns


def fio(guest, job, order, count):
    """order: devices, the one that begins first. Returns {device: (bytes a second, fio's own figures of its slices)}."""
    text, turns = slices(order, count)
    command = FIO.format(msec=round(SLICE * 1000), options=JOBS[job], slices=text)
    output = guest.vm.run(command, len(turns) * SLICE + FIO_TIMEOUT)
    parts = json.loads(output[output.index("{") :])["jobs"]
    result = {}
    for device in order:
        kept = []
        for part, turn in zip(parts, turns, strict=True):
            if turn != device:
                continue
            direction = part["read" if "read" in job else "write"]
            if part["error"] != 0 or direction["io_bytes"] == 0:
                raise RuntimeError(f"fio {job}: error {part['error']}, {direction['io_bytes']} bytes")
            kept.append({key: direction[key] for key in ("io_bytes", "runtime", "iops")})
        moved = sum(k["io_bytes"] for k in kept)
        result[device] = moved * 1000 / sum(k["runtime"] for k in kept), kept
    return result


def settings(guest, device, port):
    """What the kernel was told: {setting: value}."""
    result = {}
    for line in guest.vm.run(SETTINGS.format(i=device, port=port), ok=None).splitlines():
        name, _, value = line.replace(f"/nbd{device}/", "/nbdN/").replace(f"nbd{device}/", "").partition(":")
        result[name] = f"{result[name]} {value}" if name in result else value
    return result


def compare(name, told):
    """Prints in what they differ."""
    first, second = told.values()
    different = [k for k in sorted({*first, *second}) if first.get(k) != second.get(k)]
    print(f"bench: {name}: the kernel was told {'the same' if not different else 'otherwise'} by both, {len(first)} settings")
    for key in different:
        print("    " + key + ": " + ", ".join(f"{peer} {values.get(key)}" for peer, values in told.items()))


def run_round(guest, number, servers, count, told):
    """The entries of one round; told takes what the kernel was told, the first time."""
    first = number % len(PEERS)
    peers = PEERS[first:] + PEERS[:first]
    results = [{"peer": p.name, "round": number, "raw": {}} for p in peers]
    for name, server in servers.items():
        try:
            seen = {}
            for device, peer in enumerate(peers):
                guest.attach_one(peer, device, server, ATTACH_TIMEOUT)
                seen[peer.name] = settings(guest, device, server.port)
                # Which of several connections is whose the list does not say; each adds one.
                seen[peer.name]["connections"] = int(seen[peer.name]["connections"]) - device
            if name not in told:
                told[name] = seen
                compare(name, seen)
            for turn, job in enumerate(JOBS):
                order = (0, 1) if turn % 2 == 0 else (1, 0)
                for device, (rate, raw) in fio(guest, job, order, count).items():
                    results[device][f"{name}-{job}"] = rate
                    results[device]["raw"][f"{name}-{job}"] = raw
        except (RuntimeError, AssertionError) as e:
            for result in results:
                result["error"] = str(e)
        guest.detach()
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
    count = max(1, round(arguments.seconds / (SLICE * len(PATTERN) / len(PEERS))))
    rounds, told = [], {}

    def go():
        with (
            tempfile.TemporaryDirectory(dir=MEMORY if os.path.isdir(MEMORY) else None) as folder,
            bench_nbd.Guest(os.path.join(LOGS, "bench-io"), kernel, initrd) as guest,
        ):
            disk = make_disk(folder)
            servers = {name: guest.serve(SERVERS[name], disk) for name in chosen}
            guest.vm.run("mount -t debugfs debugfs /sys/kernel/debug")
            # The first time everything is slower, and it would be the fault of the first in turn.
            run_round(guest, 0, servers, 1, told)
            for number in range(1, arguments.rounds + 1):
                results = run_round(guest, number, servers, count, told)
                rounds.extend(results)
                for result in results:
                    bench_nbd.tell(result, shown)

    complete = bench_nbd.guarded(go, f"{arguments.rounds} rounds of {len(chosen) * len(JOBS)} jobs for {len(PEERS)}")
    return bench_nbd.finish("bench-io", rounds, shown, PEERS, goals(chosen), complete, arguments.strict, settings=told)


def add_parser(commands):
    brief = "fio on an NBD volume, in order and at random: bytes a second, beside nbd-client"
    parser = bench_options.add_parser(commands, "io", brief, __doc__, run, rounds=6)
    parser.add_argument("--seconds", type=int, default=3, metavar="N",
                        help="for each job and peer in a round (default: %(default)s)")  # fmt: skip
    parser.add_argument("--server", action="append", default=[], choices=list(SERVERS), metavar="NAME",
                        help=f"only this one, may be repeated: {', '.join(SERVERS)}")  # fmt: skip
