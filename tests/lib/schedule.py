# SPDX-License-Identifier: MIT
"""What of a run goes on beside what. Nothing here knows of tests.

Each task has a load, which says how much of a processor it keeps busy; as many are started, in their order, as the room of the machine
allows. One that mostly waits leaves room for another. What is behind does not wait for time: it is done beside all that, one after the
other, with what the rest leaves of the processors (see behind()), and so takes nothing from a guest that has limits of time."""

import concurrent.futures

NICENESS = 5  # of what is behind: a third of the share of others, so that it gets on at any time


class Task:
    """run: a function without arguments. after: names of tasks that are to be over before, if they are to be run at all. load: 1 is
    one processor. behind: see above."""

    def __init__(self, name, run, after=(), load=1.0, behind=False):
        self.name, self.run, self.after, self.load, self.behind = name, run, after, load, behind


def choose(waiting, running, room):
    """The first task that may be started, or None. What is too large for the room is run alone."""
    unfinished = {task.name for task in (*waiting, *running)}
    used = sum(task.load for task in running if not task.behind)
    for task in waiting:
        if unfinished.intersection(task.after):
            continue
        if task.behind:
            fits = not any(other.behind for other in running)
        else:
            fits = used == 0 or used + task.load <= room
        if fits:
            return task
    return None


def run(tasks, room, stop=lambda: None):
    """Runs them all. stop: called if it is interrupted, has those that run end. A task that raises ends the run when the others that
    run are over."""
    waiting, running = list(tasks), {}
    names = {name for task in waiting for name in (task.name, *task.after)} - {task.name for task in waiting}
    for task in waiting:
        task.after = [name for name in task.after if name not in names]
    with concurrent.futures.ThreadPoolExecutor(max(1, len(waiting))) as pool:
        try:
            while waiting or running:
                while task := choose(waiting, running.values(), room):
                    waiting.remove(task)
                    running[pool.submit(task.run)] = task
                if not running:
                    raise ValueError(f"tasks that wait for each other: {', '.join(task.name for task in waiting)}")
                done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in done:
                    del running[future]
                    future.result()
        except BaseException:
            stop()
            raise


def behind(argv):
    """The same command, for a session of its own, before which all others come, be they of this session or not: the kernel may give all
    sessions the same share of the processors, whatever nice(1) says."""
    script = f"{{ echo {NICENESS} >/proc/self/autogroup; }} 2>/dev/null; exec nice -n {NICENESS} \"$@\""
    return ["sh", "-c", script, "sh", *argv]
