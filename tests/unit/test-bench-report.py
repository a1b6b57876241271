#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The verdicts of the benches, on made-up rounds.

Usage: test-bench-report.py [unittest arguments]
"""

import contextlib
import io
import pathlib
import sys
import tempfile
import types
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import bench_boot
import bench_io
import bench_main
import bench_nbd
import bench_report
from bench_report import Goal


def rounds(key, **peers):
    return [{"peer": peer, "round": n, key: value} for peer, values in peers.items() for n, value in enumerate(values) if value is not None]


class Report(unittest.TestCase):
    def test_within_rounds(self):
        """Minimum and maximum are of rounds, the median is of medians; a round that one of the two lacks is left out."""
        row = bench_report.paired(rounds("t", a=[1, 2, 3, None], b=[2, 2, 2, 2]), "t", "a", "b")
        self.assertEqual((row["n"], row["min"], row["median"], row["max"]), (3, 0.5, 1, 1.5))
        self.assertIsNone(bench_report.paired(rounds("t", a=[1]), "t", "a", "b"))

    def test_verdicts(self):
        for low, median, high, limit, at_least, verdict in (
            (0.7, 0.8, 0.9, 1.0, False, "met"),
            (0.7, 0.8, 1.1, 1.0, False, "undecided (met)"),
            (0.9, 1.1, 1.2, 1.0, False, "undecided (MISSED)"),
            (1.1, 1.2, 1.3, 1.0, False, "MISSED"),
            (1.1, 1.2, 1.3, 1.0, True, "met"),
            (0.7, 0.8, 0.9, 1.0, True, "MISSED"),
        ):
            with self.subTest(verdict=verdict, at_least=at_least):
                ratio = {"n": 3, "min": low, "median": median, "max": high}
                self.assertEqual(Goal("x", ratio, limit, at_least=at_least).verdict, verdict)

    def test_strict(self):
        """Every bench has it; only a goal that is missed beyond doubt counts, and a run that fell short is a failure anyway."""
        for bench in ("boot", "attach", "io", "stream"):
            self.assertFalse(bench_main.parse([bench]).strict)
            self.assertTrue(bench_main.parse([bench, "--strict"]).strict)
        made = {"MISSED": [3, 3, 3], "undecided (MISSED)": [1, 3, 3], "undecided (met)": [1, 1, 3], "met": [1, 1, 1]}
        peers = [types.SimpleNamespace(name=name, ours=name == "a", title=name, command=name) for name in "ab"]
        for verdict, ours in made.items():
            seen = rounds("t", a=ours, b=[2, 2, 2])
            goal = Goal("x", bench_report.paired(seen, "t", "a", "b"), 1)
            self.assertEqual(goal.verdict, verdict)
            for strict in (False, True):
                for whole in (False, True):
                    with self.subTest(verdict, strict=strict, whole=whole), tempfile.TemporaryDirectory() as logs, \
                            unittest.mock.patch.object(bench_nbd, "LOGS", logs), contextlib.redirect_stdout(io.StringIO()):  # fmt: skip
                        status = bench_nbd.finish("x", seen, [bench_report.Figure("t", "t", "s")], peers, lambda _: [goal], whole, strict)
                        self.assertEqual(status, 1 if not whole or (strict and verdict == "MISSED") else 0)

    def test_boot_goals(self):
        """Of those alone whose peers were measured."""
        seen = [{"peer": p, "round": 1, "boot": b, "cpu": b, "initrd": 5e6, "memory": m << 20}
                for p, b, m in (("scaleway-lean", 9, 93), ("initramfs-tools", 10, 92), ("floor", 3, 90))]  # fmt: skip
        goals = {g.title: g for g in bench_boot.goals(seen)}
        self.assertEqual(sorted(goals), ["scaleway-lean ÷ initramfs-tools: boot", "scaleway-lean ÷ initramfs-tools: cpu",
                                         "scaleway-lean: initrd, MB", "scaleway-lean: memory over the floor, MiB"])  # fmt: skip
        self.assertEqual(goals["scaleway-lean ÷ initramfs-tools: boot"].ratio["median"], 0.9)
        self.assertEqual(goals["scaleway-lean: memory over the floor, MiB"].ratio["median"], 3)
        self.assertEqual(goals["scaleway-lean: initrd, MB"].ratio["median"], 5)

    def test_slices(self):
        """Both have the same time, and neither is always the first."""
        text, turns = bench_io.slices((1, 0), 2)
        self.assertEqual(turns, [1, 0, 0, 1] * 2)
        self.assertEqual(text.count("/dev/nbd0"), text.count("/dev/nbd1"))


if __name__ == "__main__":
    unittest.main()
