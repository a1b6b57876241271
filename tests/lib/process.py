# SPDX-License-Identifier: MIT
"""Child processes of the bench: own log, gone with their parent, ended by their id."""

import os
import shutil
import signal
import subprocess
import time

from testing import Skip


def need(*tools):
    missing = [tool for tool in tools if not find(tool)]
    if missing:
        raise Skip(f"missing: {' '.join(missing)} (see tests/setup)")


def find(tool):
    """Debian keeps some of the tools where an ordinary PATH does not look."""
    return shutil.which(tool) or shutil.which(tool, path="/usr/sbin:/sbin:/usr/local/sbin")


class Child:
    def __init__(self, argv, log, prefix=(), **popen):
        """log: path, takes standard output and error unless popen redirects them. prefix: put before argv (ip netns exec …)."""
        self.argv = list(argv)
        self.log = log
        self._log = open(log, "ab")
        popen.setdefault("stdin", subprocess.DEVNULL)
        popen.setdefault("stdout", self._log)
        # Should the parent be killed, the kernel ends the child; both setpriv and ip exec, so the id stays the child's.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *prefix, *self.argv], stderr=self._log, start_new_session=True, **popen
        )

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def output(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def send(self, number):
        if self.running():
            self.process.send_signal(number)

    def kill(self):
        """SIGKILL: the peer gets a reset, as from a crash."""
        self.send(signal.SIGKILL)
        self.process.wait()
        self._log.close()

    def stop(self, patience=2):
        """SIGTERM, then SIGKILL: nbdkit waits for clients that are gone."""
        self.send(signal.SIGTERM)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            pass
        self.kill()


def wait_until(condition, timeout, what, child=None):
    """Polls, as there is no event for a port of another namespace."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if child is not None and not child.running():
            raise RuntimeError(f"{what}: {child.argv[0]} ended with {child.process.returncode}:\n{child.output()[-2000:]}")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(0.02)
