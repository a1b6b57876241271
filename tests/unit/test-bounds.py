#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every bound on what comes from outside stands in helpers/basic/bounds.h, with its reason, and includes point downward.

Usage: test-bounds.py [unittest arguments]. Covers the rows: C2.
"""

import pathlib
import re
import sys
import unittest

sys.dont_write_bytecode = True
HELPERS = pathlib.Path(__file__).resolve().parents[2] / "helpers"
HEADER = HELPERS / "basic/bounds.h"
DEFINE = re.compile(r'^#define (\w+) +(?:\(+(?:u?int64_t|rlim_t|time_t)\)|\()*["0-9U](?:.*)$', re.MULTILINE)
BOUND = re.compile(r"_(MAX|LIMIT|TIMEOUT|USEC|SEC|SECONDS|MS|WAIT|PAUSE|AFTER|TRIES|RETRIES|RESTARTS|DEPTH|EVERY|INTERVAL|DEADLINE)$|"
                   r"^(DEADLINE|TIMEOUT|PAUSE|TRIES|LIMIT)$|_(MAX|TIMEOUT)_")  # fmt: skip
# No bounds: the size of a table, of what random numbers are taken from, of a slice of a wait that has its own end; microseconds of a second.
OTHER = {"OPTION_CHOICES_MAX", "OPTIONS_MAX", "UNBIASED_MAX", "SLICE_USEC"}


def sources():
    return sorted(path for suffix in ("c", "h") for path in HELPERS.rglob(f"*.{suffix}"))


class Bounds(unittest.TestCase):
    def test_all_are_there(self):
        for path in sources():
            if path == HEADER:
                continue
            for name in DEFINE.findall(path.read_text()):
                if BOUND.search(name) and name not in OTHER:
                    self.fail(f"{path.relative_to(HELPERS)}: {name} belongs into {HEADER.name}")

    def test_each_has_a_reason_and_a_use(self):
        text = HEADER.read_text()
        words = set(re.findall(r"\w+", "\n".join(path.read_text() for path in sources() if path != HEADER)))
        below_comment = False
        for line in text.splitlines():
            define = re.match(r"#define (\w+) ", line)
            if define:
                self.assertTrue(define[1] in words, f"{define[1]} is used nowhere")
                # A comment of whole lines is about what follows it at once; two lines may share one.
                self.assertTrue("/*" in line or below_comment, f"{define[1]} has no reason")
            below_comment = line.endswith("*/") and not define or bool(define) and below_comment and "/*" not in line


class Layers(unittest.TestCase):
    def test_includes_point_downward(self):
        folders = {}
        for path in HELPERS.rglob("*.h"):
            folders.setdefault(path.name, set()).add(path.parent.name)
        for path in sources():
            layer = path.parent.name
            for name in re.findall(r'^#include "([^"]+)"', path.read_text(), re.MULTILINE):
                homes = folders.get(name, set())
                allowed = {"basic": {"basic"}, "shared": {"basic", "shared"}}.get(layer)
                if allowed and homes:
                    self.assertTrue(homes & allowed, f"{layer}/{path.name} includes {name} of {', '.join(sorted(homes))}")


if __name__ == "__main__":
    result = unittest.main(verbosity=2, exit=False).result
    sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 else 1)
