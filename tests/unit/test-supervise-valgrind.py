#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The reconnects of test-supervise under valgrind: what a supervisor has lost by its end, or reads where it must not, is an error.

Usage: test-supervise-valgrind.py BUILD-DIRECTORY. Exits 77 where there is no valgrind, or another tool of its kind is in the program.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

RECONNECTS = "100"  # of either style
COMMAND = ["valgrind", "--quiet", "--leak-check=full", "--show-leak-kinds=definite,indirect", "--errors-for-leak-kinds=definite,indirect", "--error-exitcode=99"]


def main():
    program = pathlib.Path(sys.argv[1]).resolve() / "test-supervise"
    if not shutil.which("valgrind") or subprocess.run(["grep", "-q", "__asan", program]).returncode == 0:
        sys.exit(77)
    with tempfile.TemporaryDirectory() as directory:
        # By that name it need not start itself once more to be called so, which would start valgrind's own program.
        os.symlink(program, os.path.join(directory, "@xnbd-client"))
        environment = {**os.environ, "TEST_RECONNECTS": RECONNECTS, "PATH": f"{directory}:{os.environ['PATH']}"}
        sys.exit(subprocess.run([*COMMAND, "@xnbd-client"], env=environment).returncode)


main()
