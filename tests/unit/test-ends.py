#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What lib/ends.py takes for an end with dead storage, on a machine that is made up.

Usage: test-ends.py [unittest arguments]
"""

import os
import pathlib
import sys
import tempfile
import threading
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import ends
from vm import Console


class Machine:
    """Begins to go down as soon as that is typed, and is down a moment later. What is done to it and its storage is in done."""

    def __init__(self, folder, seconds, disconnected=False):
        self.console = Console(os.path.join(folder, "console"))
        self.seconds = seconds
        self.done = []
        self.bench = types.SimpleNamespace(
            vm=self,
            server=types.SimpleNamespace(kill=lambda: self.done.append("killed"), start=lambda: self.done.append("back")),
            network=types.SimpleNamespace(blackhole=lambda host: self.done.append("lost")),
            first_nic=types.SimpleNamespace(host="10.42.0.1"),
        )
        self.server = object.__new__(ends.Server)
        vars(self.server).update(
            bench=self.bench, image="networkd", init=ends.SYSTEMD, nfs=None, sums={}, _check_disk=lambda storage: self.done.append(f"as {storage.kind}"),
            listener=types.SimpleNamespace(output=lambda: "NBD_CMD_DISC\n" * disconnected))  # fmt: skip

    def run(self, command, timeout=None):
        self.done.append("forgotten" if "drop_caches" in command else "held" if "scaleway-hold" in command else command)

    def send(self, text):
        self.done.append(text.strip())
        if "poweroff" not in text and "RTMIN" not in text:
            return
        self.console.feed(b"[  OK  ] Stopped target Graphical Interface.\n")
        timer = threading.Timer(self.seconds, self._end)
        timer.daemon = True
        timer.start()

    def _end(self):
        self.console.feed(b"[   50.0] reboot: Power down\n")
        self.console.close()

    def wait_exit(self, _):
        return "guest-shutdown"


class Ends(unittest.TestCase):
    def goes_down(self, storage, seconds=0.2, **more):
        with tempfile.TemporaryDirectory() as folder:
            machine = Machine(folder, seconds, **more)
            try:
                machine.server.goes_down("poweroff", storage)
            except ends.TooEarly:
                machine.done.append("too early")
            return machine.done

    def test_in_time(self):
        """With a name alone the storage goes at once, so a machine cannot be down before."""
        self.assertEqual(self.goes_down("alive"), ["systemctl poweroff", "as alive"])
        self.assertEqual(self.goes_down("gone"), ["systemctl poweroff", "killed", "as gone"])
        self.assertEqual(self.goes_down("lost"), ["systemctl poweroff", "lost", "as lost"])
        self.assertEqual(self.goes_down("before"), ["killed", "systemctl poweroff", "as before"])
        self.assertEqual(self.goes_down("cold"), ["held", "MAIL=/run/mail", "forgotten", "kill -s CONT 1", "true", "lost", "kill -s RTMIN+4 1", "as cold"])

    def test_too_early(self):
        """The disk is looked at as that of a machine whose storage was there, and then it is no success."""
        for kind in ("middle", "gone", "lost"):
            self.assertEqual(self.goes_down(ends.Storage(kind, delay=3)), ["systemctl poweroff", "as alive", "too early"])

    def test_told(self):
        """It has let go of the storage, though it is not yet down."""
        self.assertEqual(self.goes_down("gone", disconnected=True), ["systemctl poweroff", "as alive", "too early"])

    def test_random(self):
        delays = {ends.Storage.at_random("lost").delay for _ in range(50)}
        self.assertTrue(len(delays) > 1 and all(0 <= d <= 4 for d in delays), delays)
        self.assertRaises(ValueError, ends.Storage, "lukewarm")


if __name__ == "__main__":
    unittest.main()
