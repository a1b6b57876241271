# SPDX-License-Identifier: MIT
"""Measures the initrd beside its peers. Each bench prints tables with the ratios of medians and writes all raw
figures into one JSON file below tests/cache/logs."""

import argparse
import fcntl
import os
import signal
import subprocess
import sys

import bench_attach
import bench_boot
import bench_io
import bench_stream
import image
import runner
from bench import CACHE
from testing import Skip


def parse(argv):
    parser = argparse.ArgumentParser(prog="tests/bench", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="BENCH")
    for bench in (bench_boot, bench_attach, bench_io, bench_stream):
        bench.add_parser(commands)
    arguments = parser.parse_args(argv)
    for name in ("rounds", "seconds"):
        if getattr(arguments, name, 1) < 1:
            parser.error(f"--{name}: at least 1")
    return arguments


def terminate(number, frame):
    """What the bench started goes first; a second signal must not disturb that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(argv):
    arguments = parse(argv)
    signal.signal(signal.SIGINT, terminate)
    signal.signal(signal.SIGTERM, terminate)
    os.makedirs(CACHE, exist_ok=True)
    with open(os.path.join(CACHE, "bench.lock"), "w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("bench: another one is running; two at a time would measure each other")
        try:
            runner.set_up()
            return arguments.run(arguments)
        except (Skip, image.BuildError, RuntimeError, OSError, subprocess.SubprocessError) as e:
            sys.exit(f"bench: {e}")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
