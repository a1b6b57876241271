# SPDX-License-Identifier: MIT
"""tests/demo, as a person starts it."""

import os
import pty
import select
import subprocess
import time

from bench import TESTS
from testing import check, equal, rows


@rows("E3")
def test_interactive(bench):
    """One command boots the image; the person is at the console and leaves with ^]."""
    ours, theirs = pty.openpty()
    demo = subprocess.Popen([os.path.join(TESTS, "demo"), "--interactive", "--option", "INITRD_VERBOSE=1"],
                            stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    output = b""
    left = False
    deadline = time.monotonic() + 240
    try:
        while time.monotonic() < deadline:
            try:
                output += os.read(ours, 65536) if select.select([ours], [], [], 1)[0] else b""
            except OSError:  # how a terminal ends whose last user is gone
                break
            if not left and b" login: " in output:
                left = True
                os.write(ours, b"\x1d")
        check(left, f"no login prompt: {output[-2000:]!r}")
        equal(demo.wait(30), 0, "exit status")
    finally:
        demo.terminate()
        demo.wait()
        os.close(ours)
