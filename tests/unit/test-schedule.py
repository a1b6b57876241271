#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What lib/schedule.py has go on beside what, and of what the runner makes tasks.

Usage: test-schedule.py [unittest arguments]
"""

import os
import pathlib
import subprocess
import sys
import threading
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import runner
import schedule
from schedule import Task

LIMIT = 20  # s


class Choose(unittest.TestCase):
    """As many as there is room for, from one look to the next without a thing that ends."""

    def chosen(self, tasks, running=(), room=2):
        waiting, running, begun = list(tasks), list(running), []
        while task := schedule.choose(waiting, running, room):
            waiting.remove(task)
            running.append(task)
            begun.append(task.name)
        return begun

    def test_two_that_work(self):
        self.assertEqual(self.chosen([Task(name, None) for name in "abc"]), ["a", "b"])

    def test_one_that_waits_leaves_room_for_another(self):
        tasks = [Task("a", None), Task("b", None, load=0.5), Task("c", None), Task("d", None, load=0.5), Task("e", None, load=0.5)]
        self.assertEqual(self.chosen(tasks), ["a", "b", "d"])

    def test_too_large_is_alone(self):
        large = Task("large", None, load=3)
        self.assertEqual(self.chosen([large, Task("a", None)]), ["large"])
        self.assertEqual(self.chosen([large], [Task("a", None, load=0.1)]), [])

    def test_after(self):
        first, second = Task("first", None), Task("second", None, ["first"])
        self.assertEqual(self.chosen([second, first]), ["first"])
        self.assertEqual(self.chosen([second], [first]), [])

    def test_behind_takes_no_room_and_is_one_at_a_time(self):
        tasks = [Task("x", None, behind=True), Task("y", None, behind=True), Task("a", None), Task("b", None), Task("c", None)]
        self.assertEqual(self.chosen(tasks), ["x", "a", "b"])


class Run(unittest.TestCase):
    def run_all(self, tasks, room=2, **more):
        """In a thread, for a limit of time."""
        failures = []

        def run():
            try:
                schedule.run(tasks, room, **more)
            except Exception as e:
                failures.append(e)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(LIMIT)
        self.assertFalse(thread.is_alive(), "it does not end")
        if failures:
            raise failures[0]

    def test_in_order(self):
        done = []
        tasks = [Task(name, lambda name=name: done.append(name)) for name in "abcd"]
        self.run_all(tasks, room=1)
        self.assertEqual(done, list("abcd"))

    def test_what_is_not_run_is_not_waited_for(self):
        done = []
        self.run_all([Task("a", lambda: done.append("a"), ["another tier"])])
        self.assertEqual(done, ["a"])

    def test_beside(self):
        """Each waits for the other."""
        both = threading.Barrier(3)
        tasks = [Task(name, lambda: both.wait(LIMIT), load=0.5, behind=name == "c") for name in "abc"]
        self.run_all(tasks, room=1)

    def test_circle(self):
        with self.assertRaisesRegex(ValueError, "wait for each other: a, b"):
            self.run_all([Task("a", None, ["b"]), Task("b", None, ["a"])])

    def test_one_that_raises(self):
        stopped, done = [], []

        def fails():
            raise KeyError("a fault of the runner")

        tasks = [Task("a", fails), Task("b", lambda: done.append("b"), ["a"])]
        with self.assertRaises(KeyError):
            self.run_all(tasks, stop=lambda: stopped.append(True))
        self.assertEqual((stopped, done), ([True], []))

    def test_behind(self):
        script = "import os; print(os.nice(0), os.getpid() == os.getsid(0))"
        argv = schedule.behind([sys.executable, "-c", script])
        output = subprocess.run(argv, start_new_session=True, capture_output=True, text=True, check=True, timeout=LIMIT)
        self.assertEqual((output.stdout, output.stderr), (f"{os.nice(0) + schedule.NICENESS} True\n", ""))


class OfTheRunner(unittest.TestCase):
    """What tests/run does of which tiers; nothing is run."""

    def tasks(self, tiers, pattern=""):
        once = types.SimpleNamespace(get=None)
        return {task.name: task for task in runner.tasks(tiers, lambda name: pattern in name, None, once, once)}

    def test_what_others_wait_for_comes_first(self):
        for tiers, first in ((["vm"], ["image/build"]), (["unit"], ["build/gcc"]), (runner.TIERS, ["image/build", "build/gcc"])):
            found = self.tasks(tiers)
            self.assertEqual(list(found)[: len(first)], first)
            for task in found.values():
                self.assertFalse({name for name in task.after if name in first} - found.keys(), task.name)
        self.assertEqual(list(self.tasks(["controlplane", "vm"], "controlplane/"))[0].split("/")[0], "controlplane")

    def test_nothing_is_left_out(self):
        listed = {name for tier in runner.TIERS if tier not in runner.MESON_TIERS for name in runner.list_names(tier)}
        self.assertEqual(listed | set(runner.MESON_TIERS), set(self.tasks(runner.TIERS)))

    def test_load(self):
        loads = {task.load for task in self.tasks(["vm"]).values()}
        self.assertTrue(1.0 in loads and min(loads) > 0 and max(loads) == 1.0, loads)


if __name__ == "__main__":
    unittest.main()
