# SPDX-License-Identifier: MIT
"""tests/demo, as a person starts it."""

import os
import pty
import re
import select
import subprocess
import time

from bench import TESTS
from testing import check, equal, rows

TAG = "BENCH_DEMO=visible"
# What is seen, and what the person types then. The sum is not in what the terminal echoes.
DIALOGUE = [
    (rb">>> Tags: " + TAG.encode(), b""),
    (rb" login: ", b"root\r"),
    (rb"Password: ", b"root\r"),
    (rb"~# ", b"echo sum-$((6 * 7))\r"),
    (rb"sum-42", b"\x1d"),
]


@rows("E3")
def test_interactive(bench):
    """One command boots the image; the person is at the console, sees the option, logs in and leaves with ^]."""
    ours, theirs = pty.openpty()
    demo = subprocess.Popen([os.path.join(TESTS, "demo"), "--interactive", "--option", TAG],
                            stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    output = b""
    at = 0
    left = list(DIALOGUE)
    deadline = time.monotonic() + 300
    try:
        while time.monotonic() < deadline:
            try:
                output += os.read(ours, 65536) if select.select([ours], [], [], 1)[0] else b""
            except OSError:  # how a terminal ends whose last user is gone
                break
            match = re.compile(left[0][0]).search(output, at) if left else None
            if match:
                at = match.end()
                time.sleep(1)  # login discards what is typed before its prompt is complete
                os.write(ours, left.pop(0)[1])
        check(not left, f"not seen: {left and left[0][0]!r}, but {output[-2000:]!r}")
        equal(demo.wait(60), 0, "exit status")
    finally:
        demo.terminate()
        demo.wait()
        os.close(ours)
