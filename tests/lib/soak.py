# SPDX-License-Identifier: MIT
"""Many boots in a row, or many ends. Called by tests/soak."""

import argparse
import os
import shutil
import statistics
import sys
import time

import ends
import runner
import soak_ends


def boot(folder, arguments):
    """Seconds to the login prompt."""
    from bench import Bench
    from testing import equal

    with Bench(folder) as bench:
        vm = bench.boot(cmdline=arguments.cmdline, nbd=arguments.nbd, initrd="lean" if arguments.lean else None)
        if arguments.silent_platform:
            return silent_platform(bench, vm, arguments)
        seconds = vm.wait_login(arguments.timeout)
        equal(bench.wait_states(), ["kernel-started", "booted"], "states")
        if arguments.kills:
            kill(bench, arguments.kills)
    return seconds


def kill(bench, count):
    """The NBD server, under a load of writes and reads."""
    from load import Load, kill_server

    load = Load(bench.vm)
    seconds = kill_server(bench, load, count)
    written = load.stop()
    print(f"      {count} kills, {written} files written and checked; s from each return of the server to the next write: "
          f"{' '.join(f'{s:.1f}' for s in seconds)}", flush=True)  # fmt: skip


def listed(known):
    """The type of an option: some of known, with commas between them."""

    def parse(text):
        words = text.split(",")
        unknown = [word for word in words if word not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"'{unknown[0]}' is none of {', '.join(known)}")
        return words

    return parse


def silent_platform(bench, vm, arguments):
    """The same; the platform does not answer from right after the metadata on, for so many seconds. Then "booted" must arrive."""
    from net import METADATA_IPV4
    from process import wait_until
    from testing import absent

    vm.wait_for("^>>> Server ID")
    bench.network.blackhole(METADATA_IPV4)
    seconds = vm.wait_login(arguments.timeout)
    time.sleep(max(0, vm.started + arguments.silent_platform - time.monotonic()))
    absent(" ".join(bench.states()), "booted", "states while nobody answers")
    bench.network.blackhole(METADATA_IPV4, on=False)
    # The longest pause, and a try that was under way at both addresses.
    wait_until(lambda: "booted" in bench.states(), 20, "state booted")
    return seconds


def main():
    parser = argparse.ArgumentParser(prog="tests/soak", description="Boots a server N times in a row, or has servers go down.")
    parser.add_argument("count", type=int, metavar="N", nargs="?", help="boots")
    parser.add_argument("--ends", type=int, metavar="N", help="not boots: N ends of each image by each verb")
    for name, what, usual, known in (
        ("images", "what boots", ["networkd", "ifupdown", "networkmanager", "sysvinit", "openrc"], ends.IMAGES),
        ("verbs", "how it goes down", ["reboot", "poweroff"], ends.VERBS),
        ("storage", "what becomes of the storage server meanwhile, in turn", list(ends.Storage.KINDS), (*ends.Storage.KINDS, ends.Storage.COLD)),
    ):
        words = f"with --ends: {what}, of {' '.join(known)} (default: {','.join(usual)})"
        parser.add_argument(f"--{name}", type=listed(known), default=usual, metavar="A,B", help=words)
    parser.add_argument("-j", "--jobs", type=int, default=runner.default_jobs(), help="with --ends: VMs at a time (default: %(default)s)")
    parser.add_argument("--resume", action="store_true",
                        help="with --ends: boot each server a few times only; all ends begin from its memory and disk of then")  # fmt: skip
    parser.add_argument("--cmdline", default="", help="more words for the kernel command line")
    parser.add_argument("--nbd", default="nbdkit", help="NBD server (default: %(default)s)")
    parser.add_argument("--lean", action="store_true", help="use the lean initrd")
    parser.add_argument("--kills", type=int, default=0, metavar="N", help="then kill the NBD server N times, under load")
    parser.add_argument("--silent-platform", type=float, default=0, metavar="SECONDS",
                        help="from the metadata on it does not answer for so long")  # fmt: skip
    parser.add_argument("--timeout", type=float, default=240, help="seconds a boot may take (default: %(default)s)")
    arguments = parser.parse_args()
    if (arguments.count is None) == (arguments.ends is None):
        parser.error("say how many boots, or --ends and how many of these")

    runner.set_up()
    status, why, log, _ = runner.Image().get()
    if status != runner.PASS:
        print(f"The image could not be built: {why}\nlog: {log}", file=sys.stderr)
        return 1
    if arguments.ends is not None:
        return soak_ends.run(arguments)

    times, failures = [], 0
    for i in range(1, arguments.count + 1):
        folder = os.path.join(runner.LOGS, "soak", f"{i:03}")
        try:
            seconds = boot(folder, arguments)
        except Exception as e:  # whatever it was, the other boots are still wanted
            failures += 1
            print(f"{i:4}  FAIL  {type(e).__name__}: {e}\n      logs: {os.path.relpath(folder)}", flush=True)
        else:
            times.append(seconds)
            print(f"{i:4}  {seconds:6.1f} s", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
    spread = f"; min {min(times):.1f} s, median {statistics.median(times):.1f} s, max {max(times):.1f} s" if times else ""
    print(f"{arguments.count} boots, {failures} failed{spread}")
    return 0 if failures == 0 else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
