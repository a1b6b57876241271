# SPDX-License-Identifier: MIT
"""unittest.main() for the programs of the unit tier: a skipped test is not a passed one.

Exits 77 if a test was skipped, and says what for. Only what AddressSanitizer rules out is left to the build without it: the
reason of such a skip begins with SANITIZED."""

import sys
import unittest

EXIT_SKIP = 77
SANITIZED = "sanitizer build: "


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
