# SPDX-License-Identifier: MIT
"""Runs the tests, tier by tier, and says in one line each how they went. Called by tests/run."""

import argparse
import ast
import contextlib
import fcntl
import glob
import importlib.util
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback

import schedule

HERE = os.path.dirname(os.path.abspath(__file__))
TESTS = os.path.dirname(HERE)
TOP = os.path.dirname(TESTS)
CACHE = os.path.join(TESTS, "cache")
LOGS = os.path.join(CACHE, "logs")
BUILD = os.path.join(CACHE, "build-gcc")
TIERS = ["build", "analysis", "unit", "fuzz", "generator", "units", "controlplane", "module", "image", "vm"]
MESON_TIERS = ["unit", "fuzz", "generator"]
BUILD_TIERS = ["units", "analysis"]  # their run takes the build folder as argument
TREE_TIERS = ["units", "module"]  # look into the Debian 13 tree, $SCALEWAY_TREE
GCC, IMAGE = "build/gcc", "image/build"  # what others wait for
BUILD_FAILED = "there is no build to test, see its log"
NO_IMAGE = "there is no image: "
IMAGE_COMPILERS = ["gcc", "clang"]  # those of Debian 13, inside its tree
PYTHON_TIERS = {"controlplane": 60, "vm": 420}  # time-out of a test, s
PASS, FAIL, SKIP = "ok", "FAIL", "SKIP"
EXIT_SKIP = 77
# Unit tests mostly wait: for time-outs, and for programs that wait for these.
MESON_LOAD = 0.5
MESON_PROCESSES = 4 * (os.cpu_count() or 1)
BEHIND_TIMEOUT = 3600  # s; of what gets only what others leave
# Builds of the build tier: name → compiler, options of meson, suites that are run in it, which takes longer than all else.
BUILDS = {
    "gcc": ("gcc", ["-Dwerror=true"], []),
    "sanitizers": (
        "gcc",
        ["-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dman=disabled", "-Dwerror=false"],
        ["unit", "fuzz"],
    ),
    "clang": ("clang", ["-Dwerror=true", "-Dman=disabled"], []),
}


class Result:
    def __init__(self, name, status, seconds=0.0, why="", log=None):
        self.name, self.status, self.seconds, self.why, self.log = name, status, seconds, why, log


class Report:
    def __init__(self):
        self.results = []
        self._lock = threading.Lock()

    def add(self, result):
        with self._lock:
            self.results.append(result)
            print(f"{result.status:4} {result.seconds:7.1f} s  {result.name}", flush=True)
            if result.status != PASS:
                for line in result.why.strip().splitlines()[:25]:
                    print(f"                  {line}")
                if result.log:
                    print(f"                  log: {os.path.relpath(result.log)}", flush=True)

    def count(self, status):
        return sum(1 for r in self.results if r.status == status)

    def print_end(self, seconds):
        """What each tier took, the names of what did not pass, and the line that says it all."""
        for tier in TIERS:
            results = [r for r in self.results if r.name.startswith(f"{tier}/")]
            if len(results) > 1:
                print(f"{len(results):4} of {tier}: {sum(r.seconds for r in results):.0f} s one after the other")
        bad = [r for r in self.results if r.status != PASS]
        if len(self.results) > 1:
            for result in bad:
                print(f"{result.status:4} {result.name}")
        print(f"{self.count(PASS)} passed, {self.count(FAIL)} failed, {self.count(SKIP)} skipped in {seconds:.0f} s")


def log_path(name):
    """Below LOGS, which lies in CACHE; makes the folder."""
    path = os.path.join(LOGS, re.sub(r"[^A-Za-z0-9._/-]", "_", name) + ".log")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


_children = set()  # of command(), that run


def end_children():
    """For a run that was interrupted: each takes down what it has, and all that wait for one get on."""
    for child in list(_children):
        child.terminate()


def command(argv, log, timeout=1800, env=None, append=False, behind=False):
    """Runs argv with its output in log; returns the exit status, None after a time-out. behind: see schedule.py."""
    with open(log, "ab" if append else "wb") as f:
        f.write(f"$ {' '.join(argv)}\n".encode())
        f.flush()
        child = subprocess.Popen(schedule.behind(argv) if behind else argv, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT,
                                 cwd=TOP, env={**os.environ, **(env or {})}, start_new_session=True)
        _children.add(child)
        try:
            return child.wait(timeout)
        except subprocess.TimeoutExpired:
            # SIGTERM lets a test take its network and servers down.
            child.terminate()
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
            return None
        except BaseException:
            child.terminate()
            child.wait()
            raise
        finally:
            _children.discard(child)


def last_lines(log, count=12):
    with open(log, encoding="utf-8", errors="replace") as f:
        return "".join(f.readlines()[-count:])


# Set-up


def set_up():
    """tests/setup installs what is missing, and takes no time when nothing is."""
    script = os.path.join(TESTS, "setup")
    log = log_path("setup")
    print(f"setup … (log: {os.path.relpath(log)})", flush=True)
    if command([script], log) != 0:
        print(f"tests/setup failed, going on with what is there:\n{last_lines(log)}", flush=True)


# Builds


@contextlib.contextmanager
def locked(name):
    """Two runs at a time are fine, but not in one build folder."""
    with open(os.path.join(CACHE, f"{name}.lock"), "w", encoding="utf-8") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def build(name, behind=False):
    """Returns (status, why, log)."""
    with locked(f"build-{name}"):
        return build_locked(name, behind)


def build_locked(name, behind):
    compiler, meson_options, _ = BUILDS[name]
    missing = [tool for tool in ("meson", "ninja", compiler) if not shutil.which(tool)]
    if missing:
        return SKIP, f"missing: {' '.join(missing)}", None
    folder = os.path.join(CACHE, f"build-{name}")
    log = log_path(f"build/{name}")
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        shutil.rmtree(folder, ignore_errors=True)
        if command(["meson", "setup", folder, TOP, *meson_options], log, env={"CC": compiler}, behind=behind) != 0:
            shutil.rmtree(folder, ignore_errors=True)
            return FAIL, last_lines(log), log
    else:
        open(log, "w", encoding="utf-8").close()
    # Others are beside it.
    if command(["ninja", "-C", folder, f"-j{os.cpu_count() or 1}"], log, append=True, behind=behind) != 0:
        return FAIL, last_lines(log, 25), log
    return PASS, "", log


def run_suites(name):
    """Those of a build, in it. Returns (status, why, log)."""
    log = log_path(f"build/{name}-suites")
    arguments = [word for suite in BUILDS[name][2] for word in ("--suite", suite)]
    argv = ["meson", "test", "-C", os.path.join(CACHE, f"build-{name}"), "--no-rebuild", "--print-errorlogs",
            f"--num-processes={MESON_PROCESSES}", "-t", "3", *arguments]  # fmt: skip
    env = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0", "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
    with locked(f"build-{name}"):
        if command(argv, log, env=env) != 0:
            return FAIL, last_lines(log, 25), log
    return PASS, "", log


class Once:
    """What several tasks need, made by the first. get() returns (status, why, log, seconds)."""

    def __init__(self):
        self.outcome = None
        self._lock = threading.Lock()

    def get(self):
        with self._lock:
            if self.outcome is None:
                start = time.monotonic()
                self.outcome = (*self.make(), time.monotonic() - start)
            return self.outcome


class Builder(Once):
    """The gcc build."""

    def make(self):
        return build("gcc")


def build_tasks(wanted, report, builder):
    def timed(name, function):
        start = time.monotonic()
        status, why, log = function()
        report.add(Result(name, status, time.monotonic() - start, why, log))
        return status

    def compiled_and_tried(name):
        # Its tests take a build that may be an old one for a failure of their own.
        if outcomes[name] == PASS:
            timed(f"build/{name}-suites", lambda: run_suites(name))

    def compile_it(name, behind):
        outcomes[name] = timed(f"build/{name}", lambda: builder.get()[:3] if name == "gcc" else build(name, behind))

    outcomes = {}
    for name, (_, _, suites) in BUILDS.items():
        tried = suites and wanted(f"build/{name}-suites")
        if tried or wanted(f"build/{name}"):
            # Nobody waits for one of which nothing is run.
            behind = name != "gcc" and not suites
            yield schedule.Task(f"build/{name}", lambda name=name, behind=behind: compile_it(name, behind), behind=behind)
            if tried:
                yield schedule.Task(f"build/{name}-suites", lambda name=name: compiled_and_tried(name), [f"build/{name}"], MESON_LOAD)


def meson_names(tier):
    introspected = os.path.join(BUILD, "meson-info", "intro-tests.json")
    with open(introspected, encoding="utf-8") as f:
        return [t["name"] for t in json.load(f) if any(s.split(":")[-1] == tier for s in t["suite"])]


def take_json(path):
    with open(path, encoding="utf-8") as f:
        values = [json.loads(line) for line in f]
    os.unlink(path)
    return values


def run_meson(tier, wanted, report, builder):
    status, why, log, _ = builder.get()
    if status != PASS:
        report.add(Result(f"{tier}/build", status, 0, BUILD_FAILED, log))
        return
    names = [name for name in meson_names(tier) if wanted(f"{tier}/{name}")]
    if not names:
        return
    base = f"{tier}-{os.getpid()}"
    log = log_path(f"{tier}/meson")
    command(["meson", "test", "-C", BUILD, "--no-rebuild", f"--num-processes={MESON_PROCESSES}", "--suite", tier, "--logbase", base, *names], log)
    detail = log_path(f"{tier}/output")
    os.replace(os.path.join(BUILD, "meson-logs", base + ".txt"), detail)
    found = set()
    for t in take_json(os.path.join(BUILD, "meson-logs", base + ".json")):
        name = t["name"].split(" / ")[-1]
        found.add(name)
        status = PASS if t["result"] in ("OK", "EXPECTEDFAIL") else SKIP if t["result"] == "SKIP" else FAIL
        output = (t.get("stdout") or "") + (t.get("stderr") or "")
        why = f"{t['result']}\n" + "\n".join(output.strip().splitlines()[-12:])
        report.add(Result(f"{tier}/{name}", status, t.get("duration", 0), why, detail))
    for name in names:
        if name not in found:
            report.add(Result(f"{tier}/{name}", FAIL, 0, "meson did not run it\n" + last_lines(log), log))


# Contract checks: an executable in the tier's folder


def run_script(tier, report, builder, image):
    script = os.path.join(TESTS, tier, "run")
    name = f"{tier}/run"
    if not os.access(script, os.X_OK):
        report.add(Result(name, SKIP, 0, f"tests/{tier}/run is not there"))
        return
    if tier in BUILD_TIERS:
        status, _, log, _ = builder.get()
        if status != PASS:
            report.add(Result(name, status, 0, BUILD_FAILED, log))
            return
    if tier in TREE_TIERS:
        status, why, log, _ = image.get()
        if status != PASS:
            report.add(Result(name, status, 0, NO_IMAGE + why.splitlines()[0], log))
            return
    log = log_path(name)
    start = time.monotonic()
    code = command([script, *([BUILD] if tier in BUILD_TIERS else [])], log, timeout=BEHIND_TIMEOUT, behind=True)
    status = PASS if code == 0 else SKIP if code == EXIT_SKIP else FAIL
    why = f"exit status {code}\n{last_lines(log)}"
    report.add(Result(name, status, time.monotonic() - start, why, log))


class Image(Once):
    """Kernel, initrd and root image; handed to the tests by the environment."""

    def make(self):
        log = log_path("image/build")
        script = (
            "import json, sys; from bench import Parts; p = Parts(); "
            "json.dump({'SCALEWAY_KERNEL': p.kernel, 'SCALEWAY_INITRD': p.initrd, 'SCALEWAY_ROOT': p.root, "
            "'SCALEWAY_INITRD_LEAN': p.initrd_lean, 'SCALEWAY_TREE': p.tree}, open(sys.argv[1], 'w'))"
        )
        result = os.path.join(LOGS, "image", "parts.json")
        print(f"image … (log: {os.path.relpath(log)})", flush=True)
        code = command([sys.executable, "-c", script, result], log, timeout=3600, env={"PYTHONPATH": HERE})
        if code != 0:
            return FAIL, f"exit status {code}\n{last_lines(log)}", log
        with open(result, encoding="utf-8") as f:
            os.environ.update({k: v for k, v in json.load(f).items() if v})
        return PASS, "", log


def report_image(report, image):
    status, why, log, seconds = image.get()
    report.add(Result(IMAGE, status, seconds, why, log))


def compile_in_image(compiler, report):
    name = f"image/compile-{compiler}"
    log = log_path(name)
    start = time.monotonic()
    code = command([sys.executable, os.path.join(HERE, "image.py"), compiler], log, timeout=BEHIND_TIMEOUT, behind=True)
    why = f"exit status {code}\n{last_lines(log, 25)}"
    report.add(Result(name, PASS if code == 0 else FAIL, time.monotonic() - start, why, log))


# Tests in Python


class PythonTest:
    def __init__(self, tier, path, function):
        self.tier, self.path, self.function = tier, path, function.name
        stem = re.sub(r"^test_", "", os.path.splitext(os.path.basename(path))[0])
        self.name = f"{tier}/{stem}::{re.sub(r'^test_', '', function.name)}"
        self.rows = []
        self.timeout = PYTHON_TIERS[tier]
        self.load = 1.0
        for decorator in function.decorator_list:
            if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "rows":
                self.rows += [ast.literal_eval(a) for a in decorator.args]
            elif isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "options":
                for keyword in decorator.keywords:
                    if keyword.arg in ("timeout", "load"):
                        setattr(self, keyword.arg, ast.literal_eval(keyword.value))

    @property
    def folder(self):
        return os.path.join(LOGS, re.sub(r"[^A-Za-z0-9._/-]", "_", self.name.replace("::", "-")))

    def run(self):
        os.makedirs(os.path.dirname(self.folder), exist_ok=True)
        log = self.folder + ".log"
        start = time.monotonic()
        argv = [sys.executable, os.path.join(HERE, "runner.py"), "--one", self.path, self.function, self.folder]
        code = command(argv, log, timeout=self.timeout)
        seconds = time.monotonic() - start
        if code == 0:
            return Result(self.name, PASS, seconds, log=log)
        why = f"more than {self.timeout} s" if code is None else last_lines(log, 25).split("\n!! ", 1)[-1]
        return Result(self.name, SKIP if code == EXIT_SKIP else FAIL, seconds, why, log)


def python_tests(tier):
    tests = []
    for path in sorted(glob.glob(os.path.join(TESTS, tier, "test_*.py"))):
        with open(path, encoding="utf-8") as f:
            tree = ast.parse(f.read(), path)
        tests += [PythonTest(tier, path, n) for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")]
    return tests


def run_python(test, report, image):
    if test.tier == "vm":
        status, why, log, _ = image.get()
        if status != PASS:
            report.add(Result(test.name, status, 0, NO_IMAGE + why.splitlines()[0], log))
            return
    report.add(test.run())


def run_one(path, function, folder):
    """In a process of its own: what a test leaves behind ends with it."""
    from testing import Skip

    start = time.monotonic()

    def print_cost():
        """Of itself and of all that it has waited for, QEMU and the servers among that."""
        used = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        print(f"processor time: {used:.1f} s of {time.monotonic() - start:.1f} s", flush=True)

    def terminate(*_):
        raise SystemExit("ended by the runner")

    signal.signal(signal.SIGTERM, terminate)
    spec = importlib.util.spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    test = getattr(module, function)
    try:
        try:
            if os.path.basename(os.path.dirname(path)) == "vm":
                from bench import Bench

                with Bench(folder, keep=bool(os.environ.get("SCALEWAY_KEEP"))) as bench:
                    test(bench)
            else:
                test(None)
        finally:
            print_cost()
    except Skip as e:
        print(f"\n!! {e}")
        return EXIT_SKIP
    except Exception as e:
        traceback.print_exc()
        print(f"\n!! {type(e).__name__ + ': ' if not isinstance(e, AssertionError) else ''}{e}", flush=True)
        return 1
    return 0


# Rows


def read_rows():
    rows = {}
    with open(os.path.join(TESTS, "rows.txt"), encoding="utf-8") as f:
        for line in f:
            if not line.startswith("#"):
                key, _, text = line.strip().partition(" ")
                rows[key] = text
    return rows


def marked_files():
    """(name, rows) of the other tiers: a comment 'rows: A1 B2' in the file, or the decorator in a script."""
    for tier in ("unit", "fuzz", "generator", "units", "module", "image"):
        for path in sorted(glob.glob(os.path.join(TESTS, tier, "**"), recursive=True)):
            if not os.path.isfile(path) or os.path.getsize(path) > 1 << 20:
                continue
            with open(path, encoding="utf-8", errors="replace") as f:
                text = f.read()
            found = re.findall(r"\brows: ((?:[A-E][0-9]+[ ,]*)+)", text) + re.findall(r"^@rows\((.*)\)$", text, re.MULTILINE)
            ids = [i for one in found for i in re.findall(r"[A-E][0-9]+", one)]
            if ids:
                yield f"{tier}/{os.path.splitext(os.path.relpath(path, os.path.join(TESTS, tier)))[0]}", ids


def print_rows():
    rows = read_rows()
    tests = {key: [] for key in rows}
    unknown = []
    marked = [(t.name, t.rows) for tier in PYTHON_TIERS for t in python_tests(tier)] + list(marked_files())
    for name, ids in marked:
        for key in dict.fromkeys(ids):
            if key in tests:
                tests[key].append(name)
            else:
                unknown.append(f"{name}: {key}")
    for key, text in rows.items():
        print(f"{key:4} {', '.join(tests[key]) or 'missing'}  — {text}")
    for line in unknown:
        print(f"unknown row: {line}")
    return 1 if unknown else 0


# All


def list_names(tier):
    if tier == "build":
        return [f"build/{name}{part}" for name, (_, _, suites) in BUILDS.items() for part in ("", *["-suites"] * bool(suites))]
    if tier in PYTHON_TIERS:
        return [t.name for t in python_tests(tier)]
    if tier == "generator":
        return [f"{tier}/generator"]
    if tier in MESON_TIERS:
        paths = [p for kind in ("test-*.c", "test-*.py", "fuzz-*.c") for p in glob.glob(os.path.join(TESTS, tier, kind))]
        stems = sorted(os.path.splitext(os.path.basename(p))[0] for p in paths)
        return [f"{tier}/{stem}" for stem in stems if stem != "fuzz-main"]
    if tier == "image":
        return [IMAGE, *(f"image/compile-{compiler}" for compiler in IMAGE_COMPILERS)]
    return [f"{tier}/run"]


def tier_tasks(tier, wanted, report, builder, image):
    if tier == "build":
        yield from build_tasks(wanted, report, builder)
    elif tier in MESON_TIERS:
        if any(wanted(name) for name in list_names(tier)):
            # meson is to meet no other meson in the same folder.
            after = [GCC, *MESON_TIERS[: MESON_TIERS.index(tier)]]
            yield schedule.Task(tier, lambda: run_meson(tier, wanted, report, builder), after, MESON_LOAD)
    elif tier in PYTHON_TIERS:
        for test in python_tests(tier):
            if wanted(test.name):
                yield schedule.Task(test.name, lambda test=test: run_python(test, report, image), [IMAGE] if tier == "vm" else [], test.load)
    elif tier == "image":
        if wanted(IMAGE):
            yield schedule.Task(IMAGE, lambda: report_image(report, image))
        for compiler in IMAGE_COMPILERS:
            if wanted(f"image/compile-{compiler}"):
                yield schedule.Task(f"image/compile-{compiler}", lambda c=compiler: compile_in_image(c, report), [IMAGE], behind=True)
    elif wanted(f"{tier}/run"):
        after = [GCC] * (tier in BUILD_TIERS) + [IMAGE] * (tier in TREE_TIERS)
        yield schedule.Task(f"{tier}/run", lambda: run_script(tier, report, builder, image), after, behind=True)


def tasks(tiers, wanted, report, builder, image):
    """What is to be done, in the order in which it is begun as far as there is room: first what others wait for, be it wanted by itself or not,
    and last the tests of the server, beside which the rest is done."""
    found = [task for tier in tiers for task in tier_tasks(tier, wanted, report, builder, image)]
    makers = {IMAGE: image.get, GCC: builder.get}
    for name, make in makers.items():
        if any(name in task.after for task in found) and not any(name == task.name for task in found):
            found.append(schedule.Task(name, make))
    return sorted(found, key=lambda task: list(makers).index(task.name) if task.name in makers else len(makers))


def default_jobs():
    """A VM has two processors, but spends a part of its boot waiting: two of them fill two cores."""
    return max(1, min(int(os.environ.get("SCALEWAY_JOBS", "2")), os.cpu_count() or 1))


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "--one":
        return run_one(*sys.argv[2:])
    parser = argparse.ArgumentParser(prog="tests/run", description="Runs the tests of the given tiers, all by default.",
                                     epilog="tiers: " + " ".join(TIERS))
    parser.add_argument("tiers", nargs="*", metavar="tier")
    parser.add_argument("-k", metavar="PATTERN", help="only tests whose name (tier/file::test) matches this regular expression")
    parser.add_argument("-j", "--jobs", type=int, default=default_jobs(), help="VMs at a time, more if some mostly wait (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="print the names of the tests")
    parser.add_argument("--rows", action="store_true", help="print each row of the feature list with its tests")
    arguments = parser.parse_args()
    if arguments.rows:
        return print_rows()
    unknown = [tier for tier in arguments.tiers if tier not in TIERS]
    if unknown:
        parser.error(f"unknown tier '{unknown[0]}'; there are: {' '.join(TIERS)}")
    tiers = [tier for tier in TIERS if tier in (arguments.tiers or TIERS)]
    pattern = re.compile(arguments.k) if arguments.k else None

    def wanted(name):
        return pattern is None or pattern.search(name) is not None

    if arguments.list:
        for tier in tiers:
            for name in filter(wanted, list_names(tier)):
                print(name)
        return 0

    report, builder, image = Report(), Builder(), Image()
    start = time.monotonic()
    set_up()
    schedule.run(tasks(tiers, wanted, report, builder, image), arguments.jobs, end_children)
    report.print_end(time.monotonic() - start)
    if not report.results:
        print("No test has such a name.", file=sys.stderr)
        return 1
    return 0 if report.count(PASS) == len(report.results) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
