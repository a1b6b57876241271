# SPDX-License-Identifier: MIT
"""`tests/bench stream --vm`: the same peers in a guest, from the same server, which is on the host. The guest has two processors and
MEMORY MiB, of which the target, a tmpfs, takes up to nine tenths; it is a fresh one each time. scaleway-stream is that of the test
image, as it is in the initrd, the others are Debian 13's. Clock and processor time are the guest's own (bench.d/stopwatch.c); in the round
that does not count both sides list their tree (bench.d/tree-list.c), and the lists are compared."""

import os
import re
import shlex
import subprocess

import bench_nbd
import bench_peers
import bench_stream

MEMORY = 3072
PORT = 8080
UNPACK_TIMEOUT = 900  # s; an emulated processor takes more than a minute for xz
PROGRAM = "/usr/lib/scaleway/scaleway-stream"
TARGET = "/target"
LOG = "/tmp/unpack.log"
TOOLS = tuple(f"/usr/bin/{name}" for name in ("busybox", "stty", "bash", "curl", "tar", "bsdtar", "gzip", "xz", "zstd"))


def unpack(guest, peer, name, port):
    """Returns {"wall", "cpu"} in seconds."""
    guest.vm.run(f"umount {TARGET} 2>/dev/null; mkdir -p {TARGET} && mount -t tmpfs -o size=90% target {TARGET}")
    url = f"http://{guest.network.bridges[0].host}:{port}/{name}"
    # The output of the stopwatch goes elsewhere than that of the command.
    script = f"exec >{LOG} 2>&1; {peer.command[name]}"
    environment = f"URL={url} TARGET={TARGET} PROGRAM={PROGRAM} XZ_DEFAULTS=-T0"
    output = guest.vm.run(f"{environment} stopwatch 0 bash -c {shlex.quote(script)}", UNPACK_TIMEOUT)
    result = {key: float(value) for key, value in re.findall(r"(\w+)=(\S+)", output)}
    if result["status"] != 0:
        raise RuntimeError(f"{peer.name}, {name}: exit status {result['status']:.0f}: {guest.vm.read(LOG)[-500:]}")
    return {"wall": result["real"], "cpu": result["user"] + result["system"]}


def check(guest, port):
    """Raises if what was unpacked is not what is in the list that the server has."""
    url = f"http://{guest.network.bridges[0].host}:{port}/list"
    script = f"tree-list {TARGET} >/tmp/found && curl -sSf -o /tmp/expected {url} && diff /tmp/expected /tmp/found >/tmp/difference"
    if guest.vm.run(f"{script}; echo $?", UNPACK_TIMEOUT).split()[-1] != "0":
        raise RuntimeError(f"another tree: {guest.vm.run('grep ^[-+] /tmp/difference | head -n 6')}")


def run(arguments, formats, rounds):
    kernel, initrd = bench_nbd.prepare(name="stream.img", tools=TOOLS, ours=(PROGRAM,), programs=("stopwatch", "tree-list"))
    with (
        bench_stream.archives(arguments, formats) as (folder, expected),
        bench_nbd.Guest(os.path.join(bench_stream.LOGS, "bench-stream-vm"), kernel, initrd, MEMORY) as guest,
        bench_stream.server(folder, guest.network.bridges[0].host, PORT, guest.network.prefix),
    ):
        with open(os.path.join(folder, "www/list"), "wb") as f:
            subprocess.run([bench_peers.build_program("tree-list"), expected], stdout=f, check=True)
        bench_stream.run_rounds(arguments.rounds, formats, rounds, lambda peer, name: unpack(guest, peer, name, PORT),
                                lambda: check(guest, PORT))  # fmt: skip
