# SPDX-License-Identifier: MIT
"""unittest.main() for the programs of the unit tier: a skipped test is not a passed one.

Exits 77 if a test was skipped, and says what for. Only what AddressSanitizer rules out is left to the build without it: the
reason of such a skip begins with SANITIZED."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

EXIT_SKIP = 77
SANITIZED = "sanitizer build: "
TIMEOUT = 60


def main(arguments):
    result = unittest.main(argv=[sys.argv[0], *arguments], verbosity=2, exit=False).result
    if not result.wasSuccessful() or result.testsRun == 0:
        sys.exit(1)
    missing = {}
    for test, reason in result.skipped:
        if not reason.startswith(SANITIZED):
            missing.setdefault(reason, []).append(test.id().removeprefix("__main__."))
    for reason, tests in missing.items():
        print(f"skipped: {reason}: {', '.join(tests)}")
    sys.exit(EXIT_SKIP if missing else 0)


class Programs(unittest.TestCase):
    """Tests that run our programs as their units do, in a directory of their own."""

    build = pathlib.Path()  # where the programs are
    prefix = "test-"  # of the directory's name

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=self.prefix))
        self.addCleanup(shutil.rmtree, self.directory)
        self.run_dir = self.directory / "run"
        (self.run_dir / "scaleway").mkdir(parents=True)

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith("SCALEWAY_")}
        return env | {"SCALEWAY_RUN": str(self.run_dir), "SCALEWAY_REBOOT_COMMAND": "/bin/false"} | more

    def call(self, name, *args, prefix=(), status=0, **env):
        done = subprocess.run([*prefix, self.build / name, *args], env=self.environment(**env), stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=TIMEOUT)
        self.out = done.stdout.decode()
        self.err = done.stderr.decode()
        self.assertEqual(done.returncode, status, self.out + self.err)
        return self.out

    def one_line(self, *words):
        self.assertEqual(self.err.count("\n"), 1, self.err)
        for word in words:
            self.assertIn(word, self.err)

    def need(self, *tools):
        for tool in tools:
            if not shutil.which(tool):
                self.skipTest(f"{tool} is missing")

    def namespace(self, *kinds):
        """A namespace that lasts as long as the test; returns the words that put a command into it."""
        self.need("unshare", "nsenter")
        holder = subprocess.Popen(["unshare", *kinds, "--", "sh", "-c", "echo ready; exec sleep 300"],
                                  stdout=subprocess.PIPE)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.wait)
        self.addCleanup(holder.kill)
        if holder.stdout.readline() != b"ready\n":
            self.skipTest(f"unshare {' '.join(kinds)} does not work here")
        return ("nsenter", "-t", str(holder.pid), *kinds, "--")
