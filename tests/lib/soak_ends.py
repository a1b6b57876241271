# SPDX-License-Identifier: MIT
"""Many ends in a row, each of a server that was booted for it. Called by tests/soak --ends."""

import collections
import concurrent.futures
import multiprocessing
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


def plan(arguments):
    """(image, verb, storage, turn) of each end, so that all pairs of image and verb get on side by side."""
    pairs = [(image, verb) for image in arguments.images for verb in arguments.verbs]
    for turn in range(arguments.ends):
        for place, (image, verb) in enumerate(pairs):
            kinds = ("alive", "gone", "lost") if image == "nfs" else arguments.storage
            # Each pair gets all of them, whatever their number is.
            yield image, verb, ends.Storage.at_random(kinds[(turn + place) % len(kinds)]), turn + place


def try_one(folder, image, verb, storage, turn):
    """In a process of its own, as the servers of a test end with the process that started them. Returns (seconds, storage, None), or
    what went wrong in the place of None."""
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    try:
        return *one(folder, image, verb, storage, turn), None
    except Exception as e:  # whatever it was, the others are still wanted
        return None, storage, f"{type(e).__name__}: {e}"


def run(arguments):
    """arguments: of tests/soak. Returns the exit status."""
    times, failures = collections.defaultdict(list), collections.Counter()
    kinds_seen = collections.defaultdict(collections.Counter)
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs, mp_context=context) as pool:
        futures = {}
        for number, (image, verb, storage, turn) in enumerate(plan(arguments), 1):
            folder = os.path.join(runner.LOGS, "soak-ends", f"{number:03}-{image}-{verb}")
            futures[pool.submit(try_one, folder, image, verb, storage, turn)] = (number, f"{image} {verb}", folder)
        for future in concurrent.futures.as_completed(futures):
            number, what, folder = futures[future]
            seconds, storage, why = future.result()
            if why:
                failures[what] += 1
                print(f"{number:4}  {what:24} {storage!s:14} FAIL  {why}", flush=True)
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
