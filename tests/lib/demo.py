# SPDX-License-Identifier: MIT
"""One boot to look at. Called by tests/demo."""

import argparse
import fcntl
import os
import sys

import runner
from nbd import SERVERS
from vm import Ended

TIMEOUT = 300


def tag(text):
    if "=" not in text:
        raise argparse.ArgumentTypeError(f"'{text}' is not KEY=VALUE")
    return text


def console(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def say(text):
    # The console may have left the cursor in the middle of a line.
    print(f"\r\n{text}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="tests/demo", description="Boots a server from an NBD root in QEMU, console live.")
    parser.add_argument("--interactive", action="store_true", help="stay at the console; ^] leaves (root, password root)")
    parser.add_argument("--option", type=tag, action="append", default=[], metavar="KEY=VALUE", help="a tag of the server")
    parser.add_argument("--cmdline", default="", help="more words for the kernel command line")
    parser.add_argument("--nbd", choices=sorted(SERVERS), default="nbdkit-oldstyle", help="NBD server (default: %(default)s)")
    parser.add_argument("--lean", action="store_true", help="use the lean initrd")
    arguments = parser.parse_args()

    runner.set_up()
    status, why, log, _ = runner.Image().get()
    if status != runner.PASS:
        print(f"The image could not be built: {why}\nlog: {log}", file=sys.stderr)
        return 1

    # Imported late: tests/setup may only now have installed what it needs.
    from bench import Bench

    os.makedirs(runner.LOGS, exist_ok=True)
    lock = open(os.path.join(runner.LOGS, "demo.lock"), "w", encoding="utf-8")  # held until the end of the program
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another tests/demo runs in this checkout.", file=sys.stderr)
        return 1

    with Bench(os.path.join(runner.LOGS, "demo"), echo=console) as bench:
        vm = bench.boot(cmdline=arguments.cmdline, tags=arguments.option, nbd=arguments.nbd,
                        initrd="lean" if arguments.lean else None)
        if arguments.interactive:
            say("(^] leaves)\r")
            vm.interact()
        else:
            try:
                seconds = vm.wait_login(TIMEOUT)
            except Ended as e:
                say(f"No login prompt: {e}")
                return 1
            states = bench.wait_states()
            say(f"Login prompt after {seconds:.1f} s; the control plane saw: {', '.join(states) or 'no state'}.")
        say(f"Console: {os.path.relpath(vm.console.log_path)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
