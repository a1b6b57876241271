# SPDX-License-Identifier: MIT
"""Many ends in a row, each of a server that was booted for it. Called by tests/soak --ends."""

import collections
import concurrent.futures
import fcntl
import multiprocessing
import os
import shutil
import statistics

import ends
import runner

SAVED = "soak-saved"  # folder of servers that were booted before
NBD_SERVERS = ("nbdkit", "qemu-nbd", "nbd-server")


def prepared(bench, image, turn):
    """A server that has not been booted. Initrds and NBD servers take turns."""
    # boot=nfs is for the plain initrd.
    initrd = None if image == "nfs" else ("lean", None)[turn % 2]
    return ends.Server(bench, image, NBD_SERVERS[turn % len(NBD_SERVERS)], initrd)


def boot(server, image, verb):
    if verb == "kexec":
        server.add_kernel()
    server.boot(cmdline="net.ifnames=0" if image == "ifupdown" else "")
    if verb == "kexec":
        server.load_kernel()


def saved(image, verb, turn):
    """The folder with a server that was booted before, so that many ends can begin from there. It is booted by who comes first."""
    from bench import Bench

    name = f"{image}-{turn}{'-kexec' if verb == 'kexec' else ''}"
    folder = os.path.join(runner.LOGS, SAVED, name)
    with open(f"{folder}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(folder):
            shutil.rmtree(f"{folder}.new", ignore_errors=True)
            with Bench(f"{folder}.boot") as bench:
                server = prepared(bench, image, turn)
                boot(server, image, verb)
                server.save(f"{folder}.new")
            os.rename(f"{folder}.new", folder)
    return folder


def one(folder, image, verb, storage, turn, resume):
    """Seconds that it took to go down, and what became of the storage. resume: not by a boot, but from saved()."""
    from bench import Bench

    with Bench(folder) as bench:
        server = prepared(bench, image, turn)
        if resume and image != "nfs":  # the NFS server would have forgotten the client
            server.resume(saved(image, verb, turn))
        else:
            boot(server, image, verb)
        try:
            return server.goes_down(verb, storage), storage
        except ends.TooEarly as e:
            # It went down well, and is none of those whose storage was dead.
            return e.seconds, ends.Storage("alive")


def plan(arguments):
    """(image, verb, storage, turn) of each end, turn as in prepared(), so that all pairs of image and verb get on side by side."""
    pairs = [(image, verb) for image in arguments.images for verb in arguments.verbs]
    for turn in range(arguments.ends):
        for place, (image, verb) in enumerate(pairs):
            kinds = ("alive", "gone", "lost") if image == "nfs" else arguments.storage
            # Each pair gets all of them, whatever their number is.
            number = turn + place
            storage = ends.Storage.at_random(kinds[number % len(kinds)])
            if arguments.resume:
                # Each image is booted with both initrds and two NBD servers, which are others than the next image's.
                number = number % 2 + 2 * arguments.images.index(image)
            yield image, verb, storage, number


def try_one(folder, image, verb, storage, turn, resume):
    """In a process of its own, as the servers of a test end with the process that started them. Returns (seconds, storage, None), or
    what went wrong in the place of None."""
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    try:
        return *one(folder, image, verb, storage, turn, resume), None
    except Exception as e:  # whatever it was, the others are still wanted
        return None, storage, f"{type(e).__name__}: {e}"


def run(arguments):
    """arguments: of tests/soak. Returns the exit status."""
    times, failures = collections.defaultdict(list), collections.Counter()
    kinds_seen = collections.defaultdict(collections.Counter)
    shutil.rmtree(os.path.join(runner.LOGS, SAVED), ignore_errors=True)
    os.makedirs(os.path.join(runner.LOGS, SAVED))
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(arguments.jobs, mp_context=context) as pool:
        futures = {}
        for number, (image, verb, storage, turn) in enumerate(plan(arguments), 1):
            folder = os.path.join(runner.LOGS, "soak-ends", f"{number:03}-{image}-{verb}")
            futures[pool.submit(try_one, folder, image, verb, storage, turn, arguments.resume)] = (number, f"{image} {verb}", folder)
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
    shutil.rmtree(os.path.join(runner.LOGS, SAVED), ignore_errors=True)
    for what in sorted({*times, *failures}):
        took = times[what]
        spread = f"; min {min(took):.1f} s, median {statistics.median(took):.1f} s, max {max(took):.1f} s" if took else ""
        seen = "".join(f", {kind} {count}" for kind, count in sorted(kinds_seen[what].items()))
        print(f"{what:24} {len(took)} of {len(took) + failures[what]}{seen}{spread}")
    return 0 if not failures else 1
