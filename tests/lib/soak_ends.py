# SPDX-License-Identifier: MIT
"""Many ends in a row, each of a server that was booted for it. Called by tests/soak --ends."""

import collections
import os
import shutil
import statistics

import ends
import runner

NBD_SERVERS = ("nbdkit", "qemu-nbd", "nbd-server")


def one(folder, image, verb, storage, turn):
    """Seconds that it took to go down, and what became of the storage. Initrds and NBD servers take turns."""
    from bench import Bench

    with Bench(folder) as bench:
        server = ends.Server(bench, image, NBD_SERVERS[turn % len(NBD_SERVERS)], initrd=("lean", None)[turn % 2])
        if verb == "kexec":
            server.add_kernel()
        # boot=nfs is for the plain initrd.
        if image == "nfs":
            server.initrd = None
        server.boot(cmdline="net.ifnames=0" if image == "ifupdown" else "")
        if verb == "kexec":
            server.load_kernel()
        try:
            return server.goes_down(verb, storage), storage
        except ends.TooEarly as e:
            # It went down well, and is none of those whose storage was dead.
            return e.seconds, ends.Storage("alive")


def run(arguments):
    """arguments: of tests/soak. Returns the exit status."""
    times, failures, number = collections.defaultdict(list), collections.Counter(), 0
    kinds_seen = collections.defaultdict(collections.Counter)
    pairs = [(image, verb) for image in arguments.images for verb in arguments.verbs]
    for turn in range(arguments.ends):
        for place, (image, verb) in enumerate(pairs):
            kinds = ("alive", "gone", "lost") if image == "nfs" else arguments.storage
            # Each pair gets all of them, whatever their number is.
            storage = ends.Storage.at_random(kinds[(turn + place) % len(kinds)])
            number += 1
            what = f"{image} {verb}"
            folder = os.path.join(runner.LOGS, "soak-ends", f"{number:03}-{image}-{verb}")
            try:
                seconds, storage = one(folder, image, verb, storage, turn + place)
            except Exception as e:  # whatever it was, the others are still wanted
                failures[what] += 1
                print(f"{number:4}  {what:24} {storage!s:14} FAIL  {type(e).__name__}: {e}", flush=True)
                print(f"      logs: {os.path.relpath(folder)}", flush=True)
            else:
                times[what].append(seconds)
                kinds_seen[what][storage.kind] += 1
                print(f"{number:4}  {what:24} {storage!s:14} {seconds:5.1f} s", flush=True)
                if not os.environ.get("SCALEWAY_KEEP"):
                    shutil.rmtree(folder, ignore_errors=True)
    for what in sorted({*times, *failures}):
        took = times[what]
        spread = f"; min {min(took):.1f} s, median {statistics.median(took):.1f} s, max {max(took):.1f} s" if took else ""
        seen = "".join(f", {kind} {count}" for kind, count in sorted(kinds_seen[what].items()))
        print(f"{what:24} {len(took)} of {len(took) + failures[what]}{seen}{spread}")
    return 0 if not failures else 1
